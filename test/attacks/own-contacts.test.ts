// What the gateway itself asks of upstreams (handshakes, lists, streams of changes) is recorded like a call, and a flood of it costs the log nothing.

import { randomFillSync } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { ObservedUpstream } from '../../src/adapters/upstream/upstream.ts'
import { createContacts } from '../../src/audit/contacts.ts'
import { EventEncoder } from '../../src/audit/encode.ts'
import type { UpstreamTransport } from '../../src/config/schema.ts'
import { MemoryAuditLog } from '../support/memory-audit-log.ts'
import type { HttpExchange, HttpUpstream } from '../support/upstreams/http-upstream.ts'
import { ALICE, callerOf, upstreamOf, worldOf } from '../support/upstreams/world.ts'
import { callTool, LegacyHost, modern, startRecorder, startWorld, type World } from './world.ts'

let upstream: ObservedUpstream | undefined
let far: HttpUpstream | undefined
let world: World | undefined
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-contacts-'))
afterEach(async () => {
  await upstream?.close(1000)
  await far?.close()
  await world?.stop()
  upstream = far = world = undefined
  rmSync(folder, { recursive: true, force: true })
})

const encoder = new EventEncoder(Date.now, randomFillSync)
function recordedUpstream(transport: UpstreamTransport): { log: MemoryAuditLog; up: ObservedUpstream } {
  const log = new MemoryAuditLog()
  const contacts = createContacts(log, encoder, () => performance.now())
  upstream = upstreamOf(transport, {}, worldOf({ contacts }))
  return { log, up: upstream }
}
const http = (url: string): UpstreamTransport => ({ kind: 'http', url, headers: {} })
/** A server that says on disk that it was started, and then nothing. */
function stdio(): { mark: string; transport: UpstreamTransport } {
  const mark = join(folder, 'started')
  const script = `require('node:fs').mkdirSync(${JSON.stringify(folder)}, { recursive: true }); require('node:fs').writeFileSync(${JSON.stringify(mark)}, ''); process.stdin.resume()`
  return { mark, transport: { kind: 'stdio', command: process.execPath, args: ['-e', script], env: {} } }
}

describe('an audit log that cannot be written', () => {
  it.each(['modern', 'legacy'] as const)('keeps a %s HTTP upstream from hearing of the gateway at all', async era => {
    far = await startRecorder({ era })
    const { log, up } = recordedUpstream(http(far.url))
    log.failNext('before')
    expect(await up.face(callerOf())).toMatchObject({ stop: 'audit-unavailable' })
    expect(far.seen).toEqual([])
  })

  it('keeps a process from being started', async () => {
    const { mark, transport } = stdio()
    const { log, up } = recordedUpstream(transport)
    log.failNext('before')
    expect(await up.face(callerOf())).toMatchObject({ stop: 'audit-unavailable' })
    expect(up.status().connections).toBe(0)
    expect(existsSync(mark)).toBe(false)
  })

  it.each(['modern', 'legacy'] as const)('keeps a stream of changes from being opened at a %s upstream', async era => {
    far = await startRecorder({ era, capabilities: { tools: { listChanged: true } } })
    const { log, up } = recordedUpstream(http(far.url))
    await up.face(callerOf())
    const before = far.seen.length
    log.failNext('before')
    const subscription = up.subscribe(
      callerOf(),
      { toolsListChanged: true },
      { listChanged() {}, resourceUpdated() {}, other() {}, interrupted() {}, ended() {} },
    )
    await expect.poll(() => log.isHealthy).toBe(false)
    subscription.close()
    await up.close(1000)
    // a 2025 session is ended with DELETE; nothing was opened
    expect(far.seen.slice(before).filter(e => e.req.method !== 'DELETE')).toEqual([])
  })

  it('hands on nothing that was learned when the end of the contact cannot be recorded', async () => {
    far = await startRecorder()
    const { log, up } = recordedUpstream(http(far.url))
    const release = log.hold()
    const asked = up.face(callerOf())
    await expect.poll(() => log.backlog).toBe(1)
    expect(far.seen, 'it waits until the record is durable').toEqual([])
    release()
    await expect.poll(() => log.rows.length).toBe(1)
    log.failNext('before')
    expect(await asked).toMatchObject({ stop: 'audit-unavailable' })
  })
})

describe('the log says what the gateway asked by itself', () => {
  const contacts = (): Record<string, any>[] => world!.gateway.events().filter(e => String(e['type']).startsWith('upstream-contact'))
  const told = (e: Record<string, any>): string =>
    `${e['type']} ${e['purpose']} ${e['method']} ${e['principal']?.subject} ${e['outcome'] ?? ''}`.trim()

  it('handshakes, lists and streams, for whom, before and after', async () => {
    world = await startWorld({ capabilities: { tools: { listChanged: true } } })
    await modern(world, 'tools/list')
    const of = (who: string): string[] =>
      contacts()
        .filter(e => e['principal']?.subject === who)
        .map(told)
    // This one has no streams of changes, and says so. Alice's probe told the era; what the server says of itself, and its lists, may depend on the caller.
    await expect
      .poll(() => of('bob').sort())
      .toEqual([
        'upstream-contact changes subscriptions/listen bob',
        'upstream-contact handshake server/discover bob',
        'upstream-contact list tools/list bob',
        'upstream-contact-end changes subscriptions/listen bob stopped',
        'upstream-contact-end handshake server/discover bob ok',
        'upstream-contact-end list tools/list bob ok',
      ])
    const [begun] = contacts().filter(e => e['purpose'] === 'changes')
    expect(begun).toMatchObject({ server: 'up', principal: { issuer: 'https://issuer.test' }, paramsDigest: expect.any(String) })
    const ends = new Set(
      contacts()
        .filter(e => e['type'] === 'upstream-contact-end')
        .map(e => e['contact']),
    )
    expect(
      contacts()
        .filter(e => e['purpose'] === 'list')
        .every(e => ends.has(e['contact'])),
    ).toBe(true)
  })

  it('for a 2025 host too, whose initialize makes the gateway ask', async () => {
    world = await startWorld({ era: 'legacy' })
    const before = contacts().length
    await LegacyHost.open(world, { capabilities: { roots: {} } })
    expect(contacts().slice(before).map(told)).toEqual([
      'upstream-contact handshake initialize alice',
      'upstream-contact-end handshake initialize alice ok',
    ])
  })

  it('once for however many requests, calls and lists of a flood', async () => {
    world = await startWorld()
    await modern(world, 'tools/list')
    const before = contacts().length
    await Promise.all(Array.from({ length: 50 }, () => modern(world!, 'tools/list')))
    await Promise.all(Array.from({ length: 50 }, () => callTool(world!, 'echo')))
    expect(contacts().slice(before).map(told)).toEqual([])
  })

  it('once for a stream that a hostile upstream breaks again and again', async () => {
    let streams = 0
    world = await startWorld({
      capabilities: { tools: { listChanged: true } },
      more: ({ message, res }) => {
        if (message?.method !== 'subscriptions/listen') return false
        streams += 1
        res.writeHead(200, { 'content-type': 'text/event-stream' }).end()
        return true
      },
    })
    await modern(world, 'tools/list')
    await expect.poll(() => streams, { timeout: 20_000 }).toBeGreaterThan(4)
    const begun = contacts().filter(e => e['type'] === 'upstream-contact' && e['purpose'] === 'changes')
    expect(begun.map(e => e['principal'].subject).sort()).toEqual(['alice', 'bob'])
    expect(contacts().filter(e => e['purpose'] === 'changes')).toHaveLength(2)
  })

  it('and that a stream ended when the gateway stops', async () => {
    const more = ({ message, res }: HttpExchange): boolean => {
      if (message?.method !== 'subscriptions/listen') return false
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      return true
    }
    const { log, up } = recordedUpstream(http((far = await startRecorder({ more, capabilities: { tools: { listChanged: true } } })).url))
    up.subscribe(
      callerOf(ALICE),
      { toolsListChanged: true },
      { listChanged() {}, resourceUpdated() {}, other() {}, interrupted() {}, ended() {} },
    )
    await expect.poll(() => far?.of('subscriptions/listen').length).toBe(1)
    await up.close(1000)
    expect(log.events.at(-1)).toMatchObject({ type: 'upstream-contact-end', purpose: 'changes', outcome: 'ok' })
  })
})
