import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  event,
  events,
  initialized,
  json,
  result,
  startHttp,
  type HttpExchange,
  type HttpUpstream,
} from '../support/upstreams/http-upstream.ts'
import { answerTo, startBridge, type ScriptedBridge } from './scripted.ts'

/** A gateway with 2025 sessions; a test says what happens to requests, and may forget sessions as a restart does. */
type Sessions = { gateway: HttpUpstream; known: Set<string>; streams: ServerResponse[]; deleted: string[]; version: string }
let world: Sessions
let bridge: ScriptedBridge
let onRequest: (exchange: HttpExchange) => void
let onResume: (exchange: HttpExchange) => void

const sessionOf = (exchange: HttpExchange | undefined): string => (exchange?.req.headers['mcp-session-id'] as string | undefined) ?? ''

beforeEach(async () => {
  onRequest = ({ res, message }) => json(res, result(message.id, 'fine'))
  onResume = ({ res }) => void res.writeHead(405).end()
  const known = new Set<string>()
  const streams: ServerResponse[] = []
  const deleted: string[] = []
  let last = 0
  const gateway = await startHttp(exchange => {
    const { req, res, message } = exchange
    if (message?.method === 'initialize') {
      const id = `session-${++last}`
      known.add(id)
      return json(res, initialized(message.id, world.version), 200, { 'mcp-session-id': id })
    }
    const id = sessionOf(exchange)
    if (!known.has(id))
      return json(res, { jsonrpc: '2.0', error: { code: -32600, message: 'Session not found', data: { reason: 'session-unknown' } } }, 404)
    if (req.method === 'DELETE') {
      deleted.push(id)
      return void res.writeHead(200).end()
    }
    if (req.method === 'GET') {
      if (req.headers['last-event-id'] !== undefined && !String(req.headers['last-event-id']).startsWith('standing'))
        return onResume(exchange)
      streams.push(events(res))
      return res.flushHeaders()
    }
    if (message.id === undefined || message.method === undefined) return void res.writeHead(202).end()
    onRequest(exchange)
  })
  world = { gateway, known, streams, deleted, version: '2025-11-25' }
  bridge = startBridge(gateway.url)
})
afterEach(async () => {
  const ended = bridge.end()
  bridge.bridge.hurry()
  await ended
  await world.gateway.close()
})

const HELLO = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: { elicitation: {} }, clientInfo: { name: 'h', version: '1' } },
}
const call = (id: unknown) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'a' } })
const INITIALIZED = { jsonrpc: '2.0', method: 'notifications/initialized' }

/** What the gateway got, until `found` matches. */
async function seen(found: (exchange: HttpExchange) => boolean): Promise<HttpExchange> {
  for (;;) {
    const exchange = world.gateway.seen.find(found)
    if (exchange) return exchange
    await new Promise(resolve => setImmediate(resolve))
  }
}
async function connect(): Promise<void> {
  bridge.send(HELLO)
  await bridge.next(answerTo(0))
  bridge.send(INITIALIZED)
  await seen(x => x.req.method === 'GET')
}
/** All that a restart makes a gateway forget; streams break. */
function restart(): void {
  world.known.clear()
  for (const stream of world.streams.splice(0)) stream.destroy()
}
const question = (id: unknown, message = 'name?') => ({
  jsonrpc: '2.0',
  id,
  method: 'elicitation/create',
  params: { message, requestedSchema: {} },
})

describe('a 2025 session', () => {
  it('is named, with its revision, on every request after initialize, and ended at the end', async () => {
    await connect()
    bridge.send(call(1))
    await bridge.next(answerTo(1))
    await bridge.end()
    const headers = world.gateway.seen.map(({ req }) => [req.method, req.headers['mcp-session-id'], req.headers['mcp-protocol-version']])
    expect(headers).toEqual([
      ['POST', undefined, undefined],
      ['POST', 'session-1', '2025-11-25'],
      ['GET', 'session-1', '2025-11-25'],
      ['POST', 'session-1', '2025-11-25'],
      ['DELETE', 'session-1', '2025-11-25'],
    ])
    expect(world.deleted).toEqual(['session-1'])
  })

  it('opens its stream of notifications only after notifications/initialized', async () => {
    bridge.send(HELLO)
    await bridge.next(answerTo(0))
    bridge.send(call(1))
    await bridge.next(answerTo(1))
    expect(world.gateway.seen.some(({ req }) => req.method === 'GET')).toBe(false)
  })

  it('takes its stream of notifications up again after the last event it saw', async () => {
    await connect()
    world.streams[0]!.write('retry: 700\n')
    world.streams[0]!.end(event({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' }, 'standing-1'))
    await bridge.next(m => m.method === 'notifications/tools/list_changed')
    const again = await seen(x => x.req.headers['last-event-id'] === 'standing-1')
    expect(sessionOf(again)).toBe('session-1')
    expect(bridge.pauses).toContain(700)
  })

  it('carries questions to the host and its answers back, in the order given', async () => {
    await connect()
    onRequest = ({ res }) => {
      const stream = events(res)
      stream.write(event(question('gatehouse-1')))
      stream.write(event(question(2)))
    }
    bridge.send(call(1))
    expect(await bridge.next(m => m.id === 'gatehouse-1')).toEqual(question('gatehouse-1'))
    await bridge.next(m => m.id === 2)
    bridge.send({ jsonrpc: '2.0', id: 2, result: { action: 'decline' } })
    bridge.send({ jsonrpc: '2.0', id: 'gatehouse-1', result: { action: 'accept', content: {} } })
    bridge.send({ jsonrpc: '2.0', id: 'gatehouse-1', result: { action: 'accept', content: { again: true } } })
    await seen(x => x.message?.id === 'gatehouse-1')
    bridge.send(call(3))
    await seen(x => x.message?.id === 3)
    expect(world.gateway.seen.filter(x => x.message?.result).map(x => x.message.id)).toEqual([2, 'gatehouse-1'])
  })

  it('cancels by telling so, not by hanging up, and hears no more of that request', async () => {
    await connect()
    let stream: ServerResponse | undefined
    onRequest = ({ res }) => {
      stream = events(res)
      stream.flushHeaders()
    }
    bridge.send(call(1))
    await seen(x => x.message?.id === 1)
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1, reason: 'enough' } }
    bridge.send(cancelled)
    const told = await seen(x => x.message?.method === 'notifications/cancelled')
    expect(told.message).toEqual(cancelled)
    expect(stream?.destroyed).toBe(false)
    stream?.end(event(result(1, 'too late')))
    onRequest = ({ res, message }) => json(res, result(message.id, 'fine'))
    bridge.send(call(2))
    await bridge.next(answerTo(2))
    expect(bridge.raw.some(line => line.includes('too late'))).toBe(false)
    expect(bridge.raw.some(line => JSON.parse(line).id === 1)).toBe(false)
  })

  it('resumes a broken answer where it broke, after the pause the gateway asked for', async () => {
    await connect()
    onRequest = ({ res }) => {
      const stream = events(res)
      stream.write('id: s1-0\nretry: 40\ndata:\n\n')
      stream.write(event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } }, 's1-1'), () =>
        stream.destroy(),
      )
    }
    let resumes = 0
    onResume = ({ res, req }) => {
      expect(req.headers['last-event-id']).toBe('s1-1')
      if (++resumes < 3) return void events(res).end()
      events(res).end(event(result(1, 'resumed'), 's1-2'))
    }
    bridge.send(call(1))
    expect((await bridge.next(answerTo(1))).result.content[0].text).toBe('resumed')
    expect(bridge.pauses.filter(ms => ms === 40)).toHaveLength(3)
  })

  it('gives a broken answer up after five resumptions that brought nothing', async () => {
    await connect()
    onRequest = ({ res }) => {
      const stream = events(res)
      stream.write('id: s1-0\ndata:\n\n', () => stream.destroy())
    }
    let resumes = 0
    onResume = ({ res }) => {
      resumes++
      events(res).end()
    }
    bridge.send(call(1))
    expect((await bridge.next(answerTo(1))).error.data.reason).toBe('answer-lost')
    expect(resumes).toBe(5)
  })

  it('takes batches apart in 2025-03-26', async () => {
    world.version = '2025-03-26'
    await connect()
    bridge.send([call(1), { jsonrpc: '2.0', id: 2 }, call(3)])
    await bridge.next(answerTo(1))
    expect((await bridge.next(answerTo(2))).error.code).toBe(-32600)
    await bridge.next(answerTo(3))
  })

  it('that no header could name is refused', async () => {
    const odd = await startHttp(({ res, message }) => json(res, initialized(message.id, 'line\nbreak'), 200, { 'mcp-session-id': 'x' }))
    const other = startBridge(odd.url)
    other.send(HELLO)
    expect((await other.next(answerTo(0))).error.data.reason).toBe('answer-unusable')
    await other.end()
    await odd.close()
  })
})

describe('a session that the gateway forgot', () => {
  it('fails the request that met it, which was not carried out, and the next one works in a new session', async () => {
    await connect()
    world.known.clear()
    bridge.send(call(1))
    expect((await bridge.next(answerTo(1))).error).toMatchObject({ data: { reason: 'session-ended', fix: 'send the request again' } })
    bridge.send(call(2))
    expect((await bridge.next(answerTo(2))).result).toBeDefined()
    const [first, second] = world.gateway.seen.filter(x => x.message?.method === 'initialize')
    expect(second?.body).toBe(first?.body)
    expect(sessionOf(world.gateway.seen.find(x => x.message?.id === 2))).toBe('session-2')
    expect(world.gateway.seen.filter(x => x.message?.method === 'notifications/initialized')).toHaveLength(2)
  })

  it('is noticed by its stream too: the host hears that lists may have changed, its subscriptions and log level stand again', async () => {
    await connect()
    onRequest = ({ res, message }) => json(res, { jsonrpc: '2.0', id: message.id, result: {} })
    for (const [id, method, params] of [
      [1, 'logging/setLevel', { level: 'debug' }],
      [2, 'resources/subscribe', { uri: 'r://1' }],
      [3, 'resources/subscribe', { uri: 'r://2' }],
      [4, 'resources/unsubscribe', { uri: 'r://1' }],
    ] as const) {
      bridge.send({ jsonrpc: '2.0', id, method, params })
      await bridge.next(answerTo(id))
    }
    restart()
    await bridge.next(m => m.method === 'notifications/tools/list_changed')
    expect(await bridge.next(m => m.method === 'notifications/resources/updated')).toMatchObject({ params: { uri: 'r://2' } })
    const restored = world.gateway.seen
      .filter(x => sessionOf(x) === 'session-2' && x.req.method === 'POST')
      .map(x => [x.message.method, x.message.params?.uri])
    expect(restored).toEqual([
      ['notifications/initialized', undefined],
      ['logging/setLevel', undefined],
      ['resources/subscribe', 'r://2'],
    ])
    expect(bridge.raw).toHaveLength(7)
  })

  it('fails what ran in it with the truth: it may have been carried out', async () => {
    await connect()
    onRequest = ({ res }) => {
      const stream = events(res)
      stream.write('id: s1-0\ndata:\n\n', () => {
        world.known.clear()
        stream.destroy()
      })
    }
    bridge.send(call(1))
    expect((await bridge.next(answerTo(1))).error).toMatchObject({
      data: { reason: 'session-ended' },
      message: expect.stringContaining('may have been carried out'),
    })
  })

  it('an answer to a question of the old session never answers one of the new session', async () => {
    await connect()
    const ask = ({ res }: HttpExchange): void => void events(res).write(event(question('gatehouse-1', 'delete everything?')))
    onRequest = ask
    bridge.send(call(1))
    await bridge.next(m => m.id === 'gatehouse-1')
    restart()
    expect(await bridge.next(m => m.method === 'notifications/cancelled')).toMatchObject({ params: { requestId: 'gatehouse-1' } })
    await bridge.next(m => m.method === 'notifications/tools/list_changed')
    bridge.send(call(2))
    const { id } = await bridge.next(m => m.method === 'elicitation/create')
    expect(id).not.toBe('gatehouse-1')
    bridge.send({ jsonrpc: '2.0', id: 'gatehouse-1', result: { action: 'accept' } })
    bridge.send({ jsonrpc: '2.0', id, result: { action: 'decline' } })
    const answer = await seen(x => x.message?.result?.action !== undefined)
    expect(answer.message).toEqual({ jsonrpc: '2.0', id: 'gatehouse-1', result: { action: 'decline' } })
    expect(sessionOf(answer)).toBe('session-2')
    bridge.send(call(3))
    await seen(x => x.message?.id === 3)
    expect(world.gateway.seen.filter(x => x.message?.result)).toHaveLength(1)
  })

  it('is not replaced by one of another revision: the host would not understand it', async () => {
    await connect()
    world.version = '2025-06-18'
    world.known.clear()
    bridge.send(call(1))
    await bridge.next(answerTo(1))
    bridge.send(call(2))
    expect((await bridge.next(answerTo(2))).error.data.fix).toBe('start this server again in the host')
  })

  it('gives way to a new `initialize` of the host, and so do its questions', async () => {
    await connect()
    const whole = onRequest
    onRequest = ({ res }) => void events(res).write(event(question('gatehouse-1')))
    bridge.send(call(1))
    await bridge.next(m => m.id === 'gatehouse-1')
    onRequest = whole
    bridge.send({ ...HELLO, id: 10 })
    await bridge.next(answerTo(10))
    bridge.send({ jsonrpc: '2.0', id: 'gatehouse-1', result: { action: 'accept' } })
    bridge.send(call(11))
    await bridge.next(answerTo(11))
    expect(sessionOf(world.gateway.seen.find(x => x.message?.id === 11))).toBe('session-2')
    expect(world.deleted).toEqual(['session-1'])
    expect(world.gateway.seen.filter(x => x.message?.result)).toEqual([])
  })
})
