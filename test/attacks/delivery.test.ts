// Delivery from a whole gateway: real log, real notary, real courier, a real Redis; sinks that die, and people who may not.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { hasRedis, TestRedis } from '../support/redis.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { admin } from './admin-wire.ts'
import { send } from './wire.ts'
import { callTool, startWorld, type World } from './world.ts'

let world: World | undefined
let redis: TestRedis | undefined
afterEach(async () => {
  await world?.stop()
  await redis?.remove()
  world = undefined
  redis = undefined
})

const PEOPLE = { operators: ['root'], administration: { roles: { auditor: { subjects: ['audra'] } } } }
const start = async (sinks: readonly object[], more: object = {}): Promise<World> => {
  world = await startWorld({ config: { ...PEOPLE, audit: { sinks } }, ...more })
  return world
}
const calls = async (at: World, count: number): Promise<void> => {
  for (let n = 0; n < count; n += 1) expect((await callTool(at, 'echo')).status).toBe(200)
}
type Line = {
  readonly seq: number
  readonly leaf: string
  readonly checkpoint: number
  readonly origin: string
  readonly event: Record<string, unknown>
}
const linesOf = (path: string): Line[] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map(text => JSON.parse(text) as Line)
    : []
const sinksOf = async (at: World): Promise<any[]> => (await admin(at, 'audit/sinks/list')).body.sinks
/** every event that calls made is at the sink: acts of looking make more */
const caughtUp = (at: World, calls: number): Promise<void> =>
  expect
    .poll(async () => (await sinksOf(at)).map(sink => sink.state !== 'waiting' && sink.cursor >= 2 * calls), { interval: 200 })
    .toEqual([true])

describe('audit events of a gateway', () => {
  it('reach a file as they stand in the log, each once, in order, covered by a checkpoint', async () => {
    const at = await start([{ name: 'disk', kind: 'file', path: 'audit-out.jsonl' }])
    const path = join(at.gateway.dataDir, '..', 'audit-out.jsonl')
    await calls(at, 20)
    await caughtUp(at, 20)
    await expect.poll(() => linesOf(path).length).toBeGreaterThan(40)
    const lines = linesOf(path)
    const events = at.gateway.events()
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, n) => n))
    expect(lines.map(({ event }) => event)).toEqual(events.slice(0, lines.length))
    for (const { seq, checkpoint, leaf } of lines) {
      expect(checkpoint).toBeGreaterThan(seq)
      expect(leaf).toMatch(/^[A-Za-z0-9+/]{43}=$/)
    }
    const page = (await send(at.port, { method: 'GET', path: '/metrics', headers: {} })).text
    expect(page).toMatch(/gatehouse_audit_sink_up\{sink="disk"\} 1/)
    expect(page).toMatch(/gatehouse_audit_sink_dead_letters\{sink="disk"\} 0/)
  })

  it.skipIf(!hasRedis)(
    'a Redis that is killed under load and started again, empty, misses nothing, in order, and lag goes back to zero',
    async () => {
      redis = await TestRedis.start()
      const at = await start([{ name: 'lake', kind: 'redis', url: redis.url, stream: 'audit' }])
      await calls(at, 20)
      await caughtUp(at, 20)
      await redis.stop('SIGKILL')
      await calls(at, 20)
      await expect
        .poll(async () => (await sinksOf(at))[0])
        .toMatchObject({ state: 'waiting', why: expect.stringContaining('connection failed') })
      const before = (await sinksOf(at))[0]
      expect(before.lagEvents).toBeGreaterThan(0)
      await calls(at, 5) // hosts are served as ever
      await redis.start()
      await caughtUp(at, 45)
      await expect.poll(async () => (await sinksOf(at))[0].lagSeconds).toBeLessThan(3)
      const entries = await redis.entries('audit')
      expect(entries.map(({ fields }) => Number(fields['seq']))).toEqual(entries.map((_, n) => n))
      expect(entries.length).toBeGreaterThanOrEqual(90)
      expect(entries.map(({ fields }) => JSON.parse(fields['event'] ?? ''))).toEqual(at.gateway.events().slice(0, entries.length))
    },
  )

  it('attack: a sink that is dead, wrong or secret delays no call, is named as degraded alone, and says nothing of its secrets', async () => {
    const said: string[] = []
    const secret = 'hunter2-hunter2'
    const logger = {
      ...silentLogger(),
      warn: (message: string, fields?: object) => said.push(`${message} ${JSON.stringify(fields)}`),
      fault: () => {},
    }
    const sinks = [
      { name: 'lake', kind: 'redis', url: `redis://:${secret}@127.0.0.1:1` },
      { name: 'otel', kind: 'otlp', url: 'https://127.0.0.1:1/v1/logs', headers: { authorization: `Bearer ${secret}` } },
      { name: 'soc', kind: 'webhook', url: `https://127.0.0.1:1/${secret}` },
    ]
    const at = await start(sinks, { logger })
    await calls(at, 5)
    await expect.poll(async () => (await sinksOf(at)).map(sink => sink.state)).toEqual(['waiting', 'waiting', 'waiting'])
    const answer = JSON.stringify((await admin(at, 'audit/sinks/list')).body)
    const ready = await send(at.port, { method: 'GET', path: '/readyz', headers: {} })
    expect(ready.status).toBe(200)
    await expect.poll(() => said.filter(line => line.includes('does not take events')).length).toBeGreaterThanOrEqual(3)
    expect(answer + ready.text + said.join()).not.toContain('hunter2')
  })

  it('attack: dead letters are shown to auditors, and sent again or dropped by operators alone, on record', async () => {
    const at = await start([{ name: 'disk', kind: 'file', path: 'audit-out.jsonl', recordSize: '1KiB' }])
    const path = join(at.gateway.dataDir, '..', 'audit-out.jsonl')
    await callTool(at, 'x'.repeat(480), {}, {}) // its refusal is too large for this sink
    await expect.poll(async () => (await admin(at, 'audit/dead/list')).body.dead.length).toBeGreaterThan(0)
    const [letter] = (await admin(at, 'audit/dead/list')).body.dead
    expect(letter).toMatchObject({ sink: 'disk', why: 'it is larger than 1024 bytes', isReplayed: false })
    const which = { sink: 'disk', seq: String(letter.seq) }
    const as = (sub: string): { claims: object } => ({ claims: { sub } })
    for (const act of ['audit/sinks/list', 'audit/dead/list']) expect((await admin(at, act, undefined, as('mallory'))).status).toBe(403)
    expect((await admin(at, 'audit/dead/show', which, as('mallory'))).status).toBe(403)
    for (const act of ['audit/dead/replay', 'audit/dead/drop']) expect((await admin(at, act, which, as('audra'))).status).toBe(403)
    const shown = (await admin(at, 'audit/dead/show', which, as('audra'))).body
    expect(shown.event).toEqual(at.gateway.events()[letter.seq])
    // attack: an operator, who may not search the log, reads its events through dead letters
    expect((await admin(at, 'audit/dead/show', which)).body).toEqual({ dead: letter })
    expect(linesOf(path).map(({ seq }) => seq)).not.toContain(letter.seq)
    for (const wrong of [{ sink: 'disk', seq: '-1' }, { sink: '../x', seq: '1' }, { sink: 'disk', seq: '999999' }, { sink: 'disk' }])
      expect((await admin(at, 'audit/dead/show', wrong)).status).toBe(400)
    expect(
      await at.gateway.reload({ upstreams: {}, ...PEOPLE, audit: { sinks: [{ name: 'disk', kind: 'file', path: 'audit-out.jsonl' }] } }),
    ).toBeUndefined()
    expect((await admin(at, 'audit/dead/replay', which)).body).toEqual({ replayed: 1 })
    await expect.poll(() => linesOf(path).map(({ seq }) => seq)).toContain(letter.seq)
    await expect.poll(async () => (await admin(at, 'audit/dead/list')).body.dead.some((each: any) => each.seq === letter.seq)).toBe(false)
    const acts = at.gateway.events().filter(event => event['subject']?.method === 'admin/audit/dead/replay')
    expect(acts.map(event => event['type'])).toEqual(['refusal', 'intent', 'outcome'])
    expect(acts[1]?.['subject'].name).toBe(`sink disk ${letter.seq}`)
  })
})
