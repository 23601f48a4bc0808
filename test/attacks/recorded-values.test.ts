// What a rule asks to record, at a running gateway: sealed before the event that commits to it, shown to auditors alone, erased for good while proofs go on to hold.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { readVkey, type NoteKey } from '../../src/audit/note.ts'
import { verifyProof } from '../../src/audit/proof.ts'
import { commitmentOf } from '../../src/audit/values.ts'
import { gatehouse } from '../cli/io.ts'
import { ISSUER } from '../support/gateway.ts'
import { json, result } from '../support/upstreams/http-upstream.ts'
import { admin } from './admin-wire.ts'
import { callTool, startWorld, type World } from './world.ts'
import type { Answer } from './wire.ts'

const RULE = (words: string): string => `@id("keep") @record("${words}") permit (principal, action == MCP::Action::"tools/call", resource);`
const AUDITOR = { claims: { sub: 'audra' } }
let folder = ''
let world: World
let me = ''
let nobody = 0

const config = () => ({
  limits: { principalPerSecond: 1_000_000, addressFailuresPerMinute: 1_000_000 },
  operators: ['root'],
  administration: { roles: { auditor: { subjects: ['audra'] } } },
  policies: { folder: join(folder, 'rules') },
  upstreams: { up: { http: { url: world.up.url }, allow: [] } },
})
async function rules(obligations: string): Promise<string | undefined> {
  writeFileSync(join(folder, 'rules/obligations/test.cedar'), obligations)
  return world.gateway.reload(config())
}
const TASKS = { extensions: { 'io.modelcontextprotocol/tasks': {} } }
const call = async (args: object, sub = me, tool = 'echo'): Promise<Answer> =>
  callTool(world, tool, args, { token: await world.gateway.token(world.path, { sub }), capabilities: TASKS })
const eventOf = (type: string, sub = me): any =>
  world.gateway.events().findLast(e => e['type'] === type && e['principal']?.subject === sub && e['subject']?.server === 'up')
const shown = async (event: string, over: object = AUDITOR): Promise<Answer> => {
  let answer = await admin(world, 'audit/value', { event }, over)
  // The notary takes events into the log's index a moment after they were written.
  await vi.waitFor(async () => {
    answer = await admin(world, 'audit/value', { event }, over)
    expect(answer.body.error?.detail ?? answer.body.error?.message ?? '').not.toContain('no such event')
  }, 5000)
  return answer
}
const erase = (subject: string, over: object = {}): Promise<Answer> =>
  admin(world, 'audit/erase', { issuer: ISSUER, subject, why: 'they asked for it' }, over)
const bytesOnDisk = (): Buffer =>
  Buffer.concat(
    readdirSync(world.gateway.dataDir)
      .filter(name => name.startsWith('audit-values.db'))
      .map(name => readFileSync(join(world.gateway.dataDir, name))),
  )

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-recorded-'))
  for (const set of ['authz', 'obligations']) mkdirSync(join(folder, 'rules', set), { recursive: true })
  writeFileSync(join(folder, 'rules/authz/test.cedar'), '@id("everything") permit (principal, action, resource);')
  world = await startWorld({
    tools: {
      large: ({ res, message }) => json(res, result(message.id, 'x'.repeat(70_000))),
      later: ({ res, message }) =>
        json(res, { jsonrpc: '2.0', id: message.id, result: { resultType: 'task', taskId: 't', status: 'working', ttlMs: 1000 } }),
    },
    config: {
      policies: { folder: join(folder, 'rules') },
      operators: ['root'],
      administration: { roles: { auditor: { subjects: ['audra'] } } },
    },
    allow: [],
  })
})
beforeEach(() => {
  me = `person-${++nobody}`
})
afterAll(async () => {
  await world.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('what a rule asks to record', () => {
  it('is nothing where no rule does: no commitment, no key, no database', async () => {
    expect((await call({ text: 'plain' })).status).toBe(200)
    expect(eventOf('intent')).not.toHaveProperty('commit')
    expect(eventOf('outcome')).not.toHaveProperty('commit')
    for (const name of ['audit-values.db', 'keys/audit-values.key']) expect(existsSync(join(world.gateway.dataDir, name))).toBe(false)
  })
  it('of a word that nobody knows is no rule: it does not load', async () => {
    expect(await rules(RULE('arguments, everything'))).toContain('expected some of arguments, result')
  })
  it('is in no event, and opens for an auditor, byte for byte, whose look is on record first', async () => {
    expect(await rules(RULE('arguments, result'))).toBeUndefined()
    expect((await call({ text: 'a needle' })).status).toBe(200)
    const log = JSON.stringify(world.gateway.events())
    expect(log).not.toContain('needle')
    for (const [type, what] of [
      ['intent', 'arguments'],
      ['outcome', 'result'],
    ] as const) {
      const event = eventOf(type)
      expect(Object.keys(event.commit)).toEqual([what])
      const { body } = await shown(event.id)
      const bytes = Buffer.from(body.value, 'base64url')
      expect(bytes.toString()).toContain('needle')
      if (what === 'arguments') expect(bytes).toHaveLength(event.subject.paramsBytes)
      else expect(bytes).toHaveLength(event.resultBytes)
      expect(commitmentOf(what, Buffer.from(body.salt, 'base64url'), bytes)).toBe(event.commit[what])
      expect(world.gateway.events().at(-1)).toMatchObject({
        type: 'decision',
        subject: { method: 'admin/audit/value', name: `event ${event.id}` },
        principal: { subject: 'audra' },
        rules: expect.arrayContaining(['role:auditor']),
      })
    }
    expect(bytesOnDisk().includes('needle')).toBe(false)
  })
  it('leaves a salt alone of what is too large', async () => {
    await call({}, me, 'large')
    const event = eventOf('outcome')
    expect(event.commitBytes).toBeGreaterThan(70_000)
    const { body } = await shown(event.id)
    expect(body).toMatchObject({ what: 'result', bytes: event.commitBytes })
    expect(body).not.toHaveProperty('value')
  })
  it('cannot be evaded by a task, whose result would come by another request', async () => {
    const answer = await call({}, me, 'later')
    expect(answer.body.error.data.reason).toBe('response-blocked')
    expect(eventOf('outcome')).toMatchObject({ outcome: 'stopped' })
  })
  it('attack: somebody without the role, and an operator, see no value; an auditor erases none', async () => {
    await call({ text: 'hers' })
    const { id } = eventOf('intent')
    for (const sub of [me, 'root'])
      expect((await admin(world, 'audit/value', { event: id }, { claims: { sub } })).body.error.reason).toBe('role-missing')
    for (const sub of [me, 'audra']) expect((await erase(me, { claims: { sub } })).body.error.reason).toBe('role-missing')
    expect((await shown(id)).status).toBe(200)
  })
})

describe('erasure', () => {
  it('is on record first, leaves no byte, and proofs still hold; what comes later has a new key', async () => {
    await call({ text: 'mine' })
    const [intent, outcome] = [eventOf('intent'), eventOf('outcome')]
    expect((await shown(intent.id)).status).toBe(200)
    const database = new Database(join(world.gateway.dataDir, 'audit-values.db'), { readonly: true })
    const row: any = database.prepare('SELECT * FROM kept WHERE event = ?').get(intent.id)
    database.close()
    expect(bytesOnDisk().includes(row.sealed)).toBe(true)
    expect((await erase(me)).body).toEqual({ state: 'applied', erased: 2 })
    expect(bytesOnDisk().includes(row.sealed.subarray(0, 24))).toBe(false)
    const events = world.gateway.events()
    expect(events.slice(-3)).toMatchObject([
      { type: 'intent', subject: { method: 'admin/audit/erase' } },
      {
        type: 'lifecycle',
        what: 'audit-erased',
        detail: { of: `${ISSUER} ${me}`, by: `${ISSUER} root`, why: 'they asked for it', values: 2 },
      },
      { type: 'outcome', outcome: 'ok' },
    ])
    for (const { id } of [intent, outcome])
      expect((await shown(id)).body.error).toMatchObject({ reason: 'params-invalid', message: expect.stringContaining('it was erased') })
    const { body: found } = await admin(world, 'audit/search', { id: intent.id }, AUDITOR)
    const { seq } = found.events[0]
    await vi.waitFor(async () => {
      const { body } = await admin(world, 'audit/proof', { seq: String(seq) }, AUDITOR)
      const state = (await admin(world, 'audit/state', undefined, AUDITOR)).body
      const keys = state.vkeys.map(readVkey) as NoteKey[]
      expect(verifyProof(body.proof, Buffer.from(body.event), { origin: state.origin, keys })).toMatchObject({ seq })
    }, 10_000)
    await call({ text: 'later' })
    expect((await shown(eventOf('intent').id)).status).toBe(200)

    // attack: a copy of the erased row is put back behind the gateway's back
    const writer = new Database(join(world.gateway.dataDir, 'audit-values.db'))
    writer.prepare('INSERT INTO kept (event, subject, sealed) VALUES (@event, @subject, @sealed)').run(row)
    writer.close()
    const putBack = await shown(intent.id)
    expect(putBack.body.error.reason).toBe('params-invalid')
    expect(JSON.stringify(putBack.body)).toContain('no key that is here')
  })
  it('attack: a value removed without an erasure, also of somebody whose values were erased before, is said to be missing', async () => {
    await call({ text: 'before' })
    const before = eventOf('intent').id
    await erase(me)
    await call({ text: 'after' })
    const after = eventOf('intent').id
    const writer = new Database(join(world.gateway.dataDir, 'audit-values.db'))
    writer.prepare('DELETE FROM kept WHERE event = ?').run(after)
    writer.close()
    expect((await shown(after)).body.error).toMatchObject({ message: expect.stringContaining('no event says that it was erased') })
    expect((await shown(before)).body.error).toMatchObject({ message: expect.stringContaining('as an event after it says') })

    const verify = () => gatehouse(['audit', 'verify', world.gateway.dataDir, '--unsafe-local'], { cwd: folder, now: Date.now })
    const found = await verify()
    expect(found).toMatchObject({ code: 1, out: expect.stringContaining('no event says that it was erased') })
    const seq = world.gateway.events().findIndex(e => e['id'] === after)
    expect(found.out.trim().split('\n').slice(1)).toEqual([expect.stringMatching(new RegExp(`^event ${seq}: what was recorded`))])
    await erase(me)
    expect(await verify()).toMatchObject({ code: 0 })
  })
  it('attack: an operator alone erases the evidence of their own acts', async () => {
    await call({ text: 'proof' }, 'root')
    const { id } = eventOf('intent', 'root')
    expect((await erase('root')).body.error).toMatchObject({ reason: 'role-missing' })
    expect((await shown(id)).status).toBe(200)
  })
  it('attack: one operator alone erases evidence where two are asked for', async () => {
    const two = { ...config(), operators: ['root', 'second'], administration: { ...config().administration, twoPerson: true } }
    expect(await world.gateway.reload(two)).toBeUndefined()
    await call({ text: 'proof' })
    const { id } = eventOf('intent')
    const { body } = await erase(me)
    expect(body).toMatchObject({ state: 'proposed', proposal: { action: 'erase-values', target: `${ISSUER} ${me}` } })
    expect((await shown(id)).status).toBe(200)
    const approve = (sub: string): Promise<Answer> => admin(world, 'proposals/approve', { id: body.proposal.id }, { claims: { sub } })
    expect((await approve('root')).body.error.reason).toBe('approver-is-proposer')
    expect((await approve('second')).body).toEqual({ state: 'applied', erased: 2 })
    expect((await shown(id)).body.error.reason).toBe('params-invalid')
    const told = world.gateway.events().flatMap(event => (event['type'] === 'lifecycle' ? [event] : []))
    expect(told.slice(-2)).toMatchObject([
      {
        what: 'change-applied',
        detail: { proposal: body.proposal.id, action: 'erase-values', target: `${ISSUER} ${me}`, by: `${ISSUER} second` },
      },
      { what: 'audit-erased', detail: { of: `${ISSUER} ${me}`, by: `${ISSUER} root`, why: 'they asked for it', values: 2 } },
    ])
    expect(await world.gateway.reload(config())).toBeUndefined()
  })
  it('attack: the row of one event in the place of another', async () => {
    await call({ text: 'one' })
    const one = eventOf('intent').id
    await call({ text: 'other' })
    const other = eventOf('intent').id
    const writer = new Database(join(world.gateway.dataDir, 'audit-values.db'))
    writer.prepare('UPDATE kept SET sealed = (SELECT sealed FROM kept WHERE event = ?) WHERE event = ?').run(one, other)
    writer.close()
    expect((await shown(one)).status).toBe(200)
    expect((await shown(other)).body.error.reason).toBe('params-invalid')
  })
})

describe('the commands', () => {
  const as = async (sub: string, ...words: string[]) => {
    const file = join(folder, 'token')
    writeFileSync(file, await world.gateway.token('/admin', { sub }), { mode: 0o600 })
    return gatehouse(['audit', ...words, '--url', world.gateway.url, '--token-file', file], { cwd: folder })
  }
  it('show a value, with nothing in it that acts on a terminal, and erase', async () => {
    await call({ text: 'turn \u202e around' })
    const { id } = eventOf('intent')
    await shown(id)
    const { code, out } = await as('audra', 'value', id)
    expect({ code, isInert: !out.includes('\u202e') }).toEqual({ code: 0, isInert: true })
    expect(JSON.parse(out).arguments).toEqual({ text: 'turn \u202e around' })
    const erased = await as('root', 'erase', '--issuer', ISSUER, '--subject', me, '--why', 'they asked')
    expect(erased).toMatchObject({ code: 0, out: '2 values erased, and the key that opened them\n' })
    expect((await as('root', 'erase', '--subject', me, '--why', 'x')).code).toBe(2)
  })
  it('leave what was recorded, and its key, out of a backup, also of one with keys', async () => {
    await call({ text: 'mine' })
    writeFileSync(
      join(folder, 'gatehouse.yaml'),
      `version: 1\nidentity: { evaluation: { users: [{ name: alice }] } }\ndataDir: ${world.gateway.dataDir}\n`,
      { mode: 0o600 },
    )
    const done = await gatehouse(['backup', 'copy', '--with-keys'], { cwd: folder })
    expect(done).toMatchObject({ code: 0 })
    const names = readdirSync(join(folder, 'copy'), { recursive: true }).map(String)
    expect(names).toContain('state.db')
    expect(names).toContain(join('keys', 'sealing.key'))
    expect(names.filter(name => name.includes('audit-values'))).toEqual([])
  })
  it('rotate the key that wraps the keys, and values still open', async () => {
    await call({ text: 'mine' })
    const { id } = eventOf('intent')
    const answer = await admin(world, 'keys/rotate', { target: 'audit-values', why: 'a year is over' })
    expect(JSON.stringify(answer.body)).toMatch(/"rewrapped":[1-9].*"unreadable":0/)
    expect((await shown(id)).status).toBe(200)
  })
})

// Last: nothing is kept from here on.
describe('while it cannot be kept', () => {
  it('the call is refused, on record, and reaches nobody; a result is withheld', async () => {
    const writer = new Database(join(world.gateway.dataDir, 'audit-values.db'))
    writer.exec("CREATE TRIGGER full BEFORE INSERT ON kept BEGIN SELECT RAISE(ABORT, 'no room'); END")
    try {
      const before = world.up.seen.length
      const refused = await call({ text: 'mine' })
      expect(refused.body.error.data.reason).toBe('audit-unavailable')
      expect(world.up.seen.slice(before).filter(e => e.message?.method === 'tools/call')).toEqual([])
      expect(eventOf('intent')).toBeUndefined()
      expect(eventOf('refusal')).toMatchObject({ reason: 'audit-unavailable', stage: 'record' })
      expect(await rules(RULE('result'))).toBeUndefined()
      const withheld = await call({ text: 'a needle' })
      expect(withheld.body.error.data.reason).toBe('audit-unavailable')
      expect(JSON.stringify(withheld.body)).not.toContain('needle')
      expect(eventOf('outcome')).toMatchObject({ outcome: 'stopped', reason: 'audit-unavailable', stage: 'record' })
    } finally {
      writer.exec('DROP TRIGGER full')
      writer.close()
    }
    expect((await call({ text: 'mine' })).status).toBe(200)
  })
})
