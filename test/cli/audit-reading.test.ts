// Reading the audit log: as acts of the gateway, which are on record themselves, and from its folder, with the same words.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readVkey, type NoteKey } from '../../src/audit/note.ts'
import { verifyProof } from '../../src/audit/proof.ts'
import { admin } from '../attacks/admin-wire.ts'
import { callTool, startWorld, type World } from '../attacks/world.ts'
import { gatehouse } from './io.ts'

let world: World
let call: string
const AUDITOR = { claims: { sub: 'ada', groups: ['auditors'] } }
const OPERATOR = { claims: { sub: 'root' } }
beforeAll(async () => {
  world = await startWorld({ config: { operators: ['root'], administration: { roles: { auditor: { groups: ['auditors'] } } } } })
  await callTool(world, 'echo', { text: 'hello' })
  await callTool(world, 'no-such-tool', {})
  const { body } = await search({ server: 'up', type: 'intent', limit: '1' })
  call = (JSON.parse(body.events[0].event) as { call: string }).call
})
afterAll(() => world.stop())

const search = (query: object, who: object = AUDITOR): Promise<{ body: any }> => admin(world, 'audit/search', query, who)
const offline = (...words: string[]) => gatehouse(['audit', ...words, '--data-dir', world.gateway.dataDir], { cwd: world.gateway.dataDir })
async function online(...words: string[]) {
  const file = join(world.gateway.dataDir, 'token')
  writeFileSync(file, await world.gateway.token('/admin', AUDITOR.claims), { mode: 0o600 })
  return gatehouse(['audit', ...words, '--url', world.gateway.url, '--token-file', file], { cwd: world.gateway.dataDir })
}

describe('acts', () => {
  it('are for auditors; operators see how the log stands and no event', async () => {
    for (const [act, body] of [
      ['search', {}],
      ['show', { call }],
      ['proof', { seq: '0' }],
    ] as const)
      expect((await admin(world, `audit/${act}`, body, OPERATOR)).body.error.reason).toBe('role-missing')
    expect((await admin(world, 'audit/state', undefined, OPERATOR)).body.size).toBeGreaterThan(3)
    expect((await admin(world, 'audit/state', undefined, { claims: { sub: 'm' } })).body.error.reason).toBe('role-missing')
  })

  it('are on record: who read, and by what, never what for', async () => {
    await search({ principal: 'somebody-else' })
    const { body } = await search({ principal: 'ada', method: 'admin/audit/search', limit: '1' })
    const event = JSON.parse(body.events[0].event)
    expect(event).toMatchObject({ type: 'decision', subject: { name: 'events principal' }, rules: ['role:auditor'] })
    expect(body.events[0].event).not.toContain('somebody-else')
  })

  it('attack: a search is no way to ask for more than a page, or for something else', async () => {
    for (const query of [{ limit: '501' }, { limit: '0' }, { before: '-1' }, { secret: 'x' }, { from: 'now' }, { principal: '' }])
      expect((await search(query)).body.error.reason).toBe('params-invalid')
    for (const seq of ['-1', '1e3', '0x1', ''])
      expect((await admin(world, 'audit/proof', { seq }, AUDITOR)).body.error.reason).toBe('params-invalid')
    expect((await admin(world, 'audit/proof', { seq: '999999' }, AUDITOR)).body.error.reason).toBe('params-invalid')
  })

  it('prove an event, so that it verifies without the gateway', async () => {
    const state = (await admin(world, 'audit/state', undefined, AUDITOR)).body
    const { proof, event } = (await admin(world, 'audit/proof', { seq: '0' }, AUDITOR)).body
    const keys = state.vkeys.map(readVkey) as NoteKey[]
    expect(verifyProof(proof, Buffer.from(event), { origin: state.origin, keys })).toMatchObject({ seq: 0 })
  })
})

describe('prove through the gateway', () => {
  const read = (name: string): string => readFileSync(join(world.gateway.dataDir, name), 'utf8')
  it('writes an event and its proof, by number and by id, which verify offline', async () => {
    const { id } = JSON.parse((await search({ call, limit: '1' })).body.events[0].event)
    const { vkeys } = (await admin(world, 'audit/state', undefined, AUDITOR)).body
    for (const which of ['0', id]) {
      await expect.poll(() => online('prove', which, '--out', 'one')).toMatchObject({ code: 0, err: '' })
      if (which === id) expect(read('one.json')).toContain(id)
      const check = ['verify', '--proof', 'one.tlog-proof', '--event', 'one.json', '--key', vkeys[0]]
      expect(await gatehouse(['audit', ...check], { cwd: world.gateway.dataDir })).toMatchObject({ code: 0 })
    }
    expect(JSON.parse((await online('prove', '0', '--json')).out)).toEqual({
      ...{ seq: 0, proof: 'event-0.tlog-proof', event: 'event-0.json', vkeys },
    })
  })

  it('attack: is refused without the role, and writes nothing of what is not there', async () => {
    for (const which of ['999999', 'no-such-id']) expect(await online('prove', which, '--out', 'none')).toMatchObject({ code: 1 })
    const file = join(world.gateway.dataDir, 'token')
    writeFileSync(file, await world.gateway.token('/admin', OPERATOR.claims), { mode: 0o600 })
    const refused = await gatehouse(['audit', 'prove', '0', '--out', 'none', '--url', world.gateway.url, '--token-file', file], {
      cwd: world.gateway.dataDir,
    })
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('role') as string })
    expect(existsSync(join(world.gateway.dataDir, 'none.json'))).toBe(false)
  })
})

describe.each([
  ['through the gateway', online],
  ['from the folder', offline],
])('commands %s', (_where, run) => {
  it('search', async () => {
    const { code, out } = await run('search', '--server', 'up', '--principal', 'alice')
    expect(code).toBe(0)
    expect(out).toMatch(/^seq +time +type +who +server and name +what\n/)
    expect(out).toMatch(/ intent +alice by test +up echo +tools\/call permitted by test; about to leave\n/)
    expect(out).toMatch(/ outcome .* ended: ok, \d+ bytes, [\d.]+ ms\n/)
    const { events, size } = JSON.parse((await run('search', '--call', call, '--json')).out)
    expect(events).toHaveLength(2)
    expect(size).toBeGreaterThan(2)
    expect((await run('search', '--call', 'none')).out).toMatch(/^nothing of \d+ events\n$/)
    expect(await run('search', '--limit', '0')).toMatchObject({ code: 2, err: expect.stringContaining('expected `limit` from 1 to 500') })
  })

  it('show, tail', async () => {
    const { code, out } = await run('show', '--call', call)
    expect(code).toBe(0)
    expect(out).toMatch(/^20\S+Z alice by test, up echo\nafter +event +what +seq\n0 ms +intent .*\n\d+ ms +outcome .*\n$/)
    expect((await run('tail', '-n', '2', '--type', 'outcome')).out.trim().split('\n').length).toBeLessThanOrEqual(3)
    expect((await run('show', '--call', 'none')).out).toBe('no such call\n')
    expect(await run('show')).toMatchObject({ code: 2 })
  })
})

it('a folder without a log is said to have none', async () => {
  const { code, err } = await gatehouse(['audit', 'search', '--data-dir', '/nowhere'], { cwd: '/' })
  expect(code).not.toBe(0)
  expect(err).toContain('cannot be read')
})
