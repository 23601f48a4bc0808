// Nothing reaches an upstream before its record is durable, or for somebody to whom the upstream does not exist.

import { afterEach, describe, expect, it } from 'vitest'
import { ReplayBudget, SessionStreams } from '../../src/bridge/replay.ts'
import { LegacySession } from '../../src/bridge/legacy-session.ts'
import { Cancellation } from '../../src/kernel/cancellation.ts'
import type { Measure } from '../../src/kernel/measure.ts'
import { readMessage } from '../../src/mcp/message.ts'
import { Path, walk, type Received, type Recorder } from '../../src/pipeline/path.ts'
import { replyStage } from '../../src/pipeline/stages/sessions.ts'
import { subscribeStage } from '../../src/pipeline/stages/streams.ts'
import { startRecorder, startWorld, modern, type World } from './world.ts'
import type { HttpUpstream } from '../support/upstreams/http-upstream.ts'

let world: World | undefined
let hidden: HttpUpstream | undefined
afterEach(async () => {
  await world?.stop()
  await hidden?.close()
  world = hidden = undefined
})

const sessionOf = (): LegacySession =>
  new LegacySession(
    { id: 's', version: '2025-11-25', capabilities: '{}' },
    { set: (f, ms) => setTimeout(f, ms).unref(), clear: clearTimeout },
    () => new SessionStreams(new ReplayBudget(() => 1_000_000), { events: 10, bytes: 10_000 }),
  )
/** An audit log that takes nothing. */
const broken = (): Promise<void> => Promise.reject(Object.assign(new Error('disk full'), { code: 'audit-unavailable' }))
const recorder: Recorder = {
  intent: broken,
  outcome: broken,
  refusal: broken,
  decision: broken,
  count() {},
  fault() {},
  traced: () => ({ method: 'ping' }),
}
const measure = { stage() {}, call() {}, refusal() {} } as unknown as Measure
const receivedOf = (text: string, session: LegacySession): Received => {
  const message: any = readMessage(Buffer.from(text))
  return {
    requestId: 'r',
    traceId: 't',
    traceparent: '',
    receivedMs: 0,
    endpoint: { kind: 'server', path: '/', resource: 'r', aliases: ['up'] },
    headers: { params: [] },
    authorization: undefined,
    address: 'a',
    method: message.method ?? 'session/reply',
    isRequest: message.kind === 'request',
    message,
    doc: message.doc,
    params: message.params,
    host: { cancellation: new Cancellation(), notify: () => true },
    relayed: { count: 0, bytes: 0, digest: '' },
    ...({ session, principal: { key: 'p' } } as object),
  }
}

describe('when the audit log cannot be written', () => {
  it("keeps a legacy host's answer from the upstream that asked", async () => {
    const session = sessionOf()
    const asked = session.ask(() => true, 60_000)
    let isAnswered = false
    void asked.then(() => (isAnswered = true))
    const reply = receivedOf('{"jsonrpc":"2.0","id":"gatehouse-1","result":{"action":"accept"}}', session)
    const end = await walk(Path.start().step(replyStage as any) as any, reply, recorder, measure)
    expect(end).toMatchObject({ stop: 'audit-unavailable' })
    await Promise.resolve()
    expect(isAnswered).toBe(false)
    session.close('over')
    await asked
  })

  it('subscribes to nothing at an upstream', async () => {
    const session = sessionOf()
    let subscribed = 0
    const feeds = { open() {}, subscribe: () => subscribed++, missingScopes: () => [], listen: () => ({}) as any }
    const request = receivedOf('{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"mem://a"}}', session)
    const x = { ...request, route: { entry: {} } } as any
    const end = await walk(Path.start().step(subscribeStage({ feeds }, true) as any) as any, x, recorder, measure)
    expect(end).toMatchObject({ stop: 'audit-unavailable' })
    expect(subscribed).toBe(0)
  })
})

describe('an upstream that does not exist for a principal', () => {
  it('is not asked for its lists when somebody guesses an escaped name of it', async () => {
    hidden = await startRecorder()
    world = await startWorld({
      config: { upstreams: { hidden: { http: { url: hidden.url }, allow: [{ id: 'bobs', subjects: ['bob'], tools: ['*'] }] } } },
    })
    const token = await world.gateway.token('/mcp')
    const answer = await modern(world, 'tools/call', { name: 'hidden--anything-aaaaaaaaaaaaaaaa', arguments: {} }, { token, path: '/mcp' })
    expect(answer.body.error.data.reason).toBe('unknown')
    expect(hidden.seen.map(e => e.message?.method)).toEqual([])
  })
})
