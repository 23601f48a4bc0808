// What a host can leave behind in the gateway: questions nobody waits for, sessions that ended under a running request, oversized declarations.

import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { LegacySession } from '../../src/bridge/legacy-session.ts'
import { ReplayBudget, SessionStreams } from '../../src/bridge/replay.ts'
import { SessionTable } from '../../src/identity/session.ts'
import { keyOf } from '../../src/kernel/principal.ts'
import { openStreamStage } from '../../src/pipeline/stages/streams.ts'
import { event, events } from '../support/upstreams/http-upstream.ts'
import { callTool, expectRefused, LegacyHost, legacyHeaders, startWorld, type World } from './world.ts'
import { send } from './wire.ts'

let world: World | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
})

const budget = new ReplayBudget(() => 1_000_000)
const sessionOf = (): LegacySession =>
  new LegacySession(
    { id: 's', version: '2025-11-25', capabilities: '{}' },
    { set: (f, ms) => setTimeout(f, ms).unref(), clear: clearTimeout },
    () => new SessionStreams(budget, { events: 10, bytes: 10_000 }),
  )

describe('questions', () => {
  it('are forgotten with the call that asked them, so that cancelled calls keep no memory', async () => {
    let asked = (): void => {}
    const isAsked = new Promise<void>(resolve => (asked = resolve))
    world = await startWorld({
      era: 'legacy',
      tools: {
        ask: ({ res }) => {
          events(res).write(
            event({
              jsonrpc: '2.0',
              id: 'q',
              method: 'elicitation/create',
              params: { message: 'well?', requestedSchema: { type: 'object', properties: {} } },
            }),
          )
          asked()
        },
      },
    })
    const host = await LegacyHost.open(world, { capabilities: { elicitation: {} } })
    const called = host.post(JSON.stringify({ jsonrpc: '2.0', id: 'c', method: 'tools/call', params: { name: 'ask', arguments: {} } }))
    await isAsked
    // the question is recorded, then asked
    await expect
      .poll(() =>
        world?.gateway.events().some(e => e['requestMethod'] === 'elicitation/create' || JSON.stringify(e).includes('elicitation/create')),
      )
      .toBe(true)
    await host.post(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c' } }))
    await called
    const late = await host.post(JSON.stringify({ jsonrpc: '2.0', id: 'gatehouse-1', result: { action: 'accept' } }))
    expectRefused(late, { status: 400, code: -32600, reason: 'message-invalid' })
  })

  it('of a session that has ended are not waited for', async () => {
    const session = sessionOf()
    session.close('over')
    await expect(session.ask(() => true, 60_000)).resolves.toEqual({ kind: 'gone' })
  })
})

describe('a session that ends under a running request', () => {
  it('leaves nothing in the replay budget, whatever its streams still say', () => {
    const session = sessionOf()
    const stream = session.streams.open()
    stream.send(Buffer.from('before'))
    session.close('over')
    stream.send(Buffer.alloc(5000))
    stream.end()
    const late = session.streams.open()
    late.send(Buffer.alloc(5000))
    late.end()
    expect(budget.used).toBe(0)
  })

  it('gets no standing stream and no subscriptions any more', async () => {
    const session = sessionOf()
    let fed = 0
    const feeds = { open: () => fed++, subscribe() {}, missingScopes: () => [], listen: () => ({}) as any }
    const x: any = { session, principal: {}, headers: {} }
    const found: any = await openStreamStage({
      feeds,
      streamLimit: () => undefined,
      marking: { again: () => Promise.resolve(undefined) } as any,
    }).run(x)
    session.close('DELETE came first')
    let isEnded = false
    found.answer.open({ send: () => true, end: () => (isEnded = true), onClose() {} })
    expect(isEnded).toBe(true)
    expect(fed).toBe(0)
  })
})

describe('a session in which a call runs', () => {
  it("neither ends as idle nor for a stranger's new one, however long the call takes", () => {
    let ms = 0
    const ended: string[] = []
    const busy = new Set(['long'])
    const table = new SessionTable<string>({
      limits: { total: 2, perPrincipal: 2, idleSeconds: 600 },
      now: () => ms,
      randomBytes,
      onEnd: session => ended.push(session.value),
      isBusy: value => busy.has(value),
    })
    const [alice, bob] = [keyOf('https://idp', 'alice'), keyOf('https://idp', 'bob')]
    table.open(alice, 'e', () => 'long')
    table.open(alice, 'e', () => 'idle')
    ms = 400_000
    table.open(bob, 'e', () => 'new')
    expect(ended).toEqual(['idle'])
    ms = 900_000
    table.sweep()
    expect(ended).toEqual(['idle'])
    busy.clear()
    ms = 2_000_000
    table.sweep()
    expect(ended.sort()).toEqual(['idle', 'long', 'new'])
  })
})

describe('answers kept for a resume', () => {
  it('give way once all sessions together hold too much, so that large answers cannot fill the memory', () => {
    const small = new ReplayBudget(() => 10_000)
    const streams = Array.from({ length: 20 }, () => new SessionStreams(small, { events: 10, bytes: 1000 }))
    for (const session of streams)
      for (let i = 0; i < 16; i++) {
        const stream = session.open()
        stream.send(Buffer.alloc(5000))
        stream.end()
      }
    expect(small.used).toBeLessThanOrEqual(15_000)
  })
})

describe('capabilities', () => {
  const huge = { extensions: { 'com.example/x': { pad: 'x'.repeat(100_000) } } }
  it('of a size no client has are refused: they are kept and sent on with every request', async () => {
    world = await startWorld()
    expectRefused(await callTool(world, 'echo', {}, { capabilities: huge }), { status: 400, code: -32602, reason: 'envelope-invalid' })
    const opened = await send(world.port, {
      path: world.path,
      headers: legacyHeaders(world.tokens.alice),
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: huge, clientInfo: { name: 'h', version: '1' } },
      }),
    })
    expect(opened.body.error?.data.reason).toBe('params-invalid')
  })
})
