import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { Ticker } from '../../../src/adapters/upstream/ticker.ts'
import type { ObservedUpstream } from '../../../src/adapters/upstream/upstream.ts'
import { HandClock } from '../../support/upstreams/hand-clock.ts'
import {
  discovered,
  event,
  events,
  initialized,
  json,
  result,
  startHttp,
  startLegacy,
  startModern,
  type HttpExchange,
} from '../../support/upstreams/http-upstream.ts'
import {
  ALICE,
  answer,
  BOB,
  callerOf,
  callOf,
  echo,
  eventually,
  Heard,
  INTERACTIVE,
  SILENT,
  upstreamOf,
  worldOf,
  type Overrides,
  type World,
} from '../../support/upstreams/world.ts'

const textOf = (got: any): string => got.result.content[0].text as string
const ATTACK = callOf('tools/call', { name: 'attack' })

describe('legacy HTTP upstream', () => {
  const closing: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    await Promise.all(closing.splice(0).map(close => close()))
  })
  const connect = (server: { url: string; close(): Promise<void> }, overrides: Overrides = {}, world?: World): ObservedUpstream => {
    const upstream = upstreamOf({ kind: 'http', url: server.url, headers: {} }, overrides, world)
    closing.push(() => upstream.close(500).then(() => server.close()))
    return upstream
  }
  const attacked = async (attack: (exchange: HttpExchange) => boolean | undefined, overrides?: Overrides, world?: World) => {
    const server = await startLegacy(exchange => attack(exchange) ?? false)
    return { server, upstream: connect(server, overrides, world) }
  }
  const onAttack = (attack: (exchange: HttpExchange) => void) => (exchange: HttpExchange) => {
    if (exchange.message?.params?.name !== 'attack') return false
    attack(exchange)
    return true
  }

  it('R45, R46: initializes once per caller, sends its session and revision, ends with DELETE', async () => {
    const server = await startLegacy()
    const world = worldOf()
    const upstream = connect(server, {}, world)
    const caller = callerOf(ALICE, INTERACTIVE)
    expect(await upstream.face(caller)).toMatchObject({ era: 'legacy', protocolVersion: '2025-11-25', serverInfo: { name: 'raw' } })
    await Promise.all([answer(upstream, echo('a', { caller })), answer(upstream, echo('b', { caller }))])
    expect(server.of('initialize').map(message => message.params)).toEqual([
      { protocolVersion: '2025-11-25', capabilities: JSON.parse(INTERACTIVE), clientInfo: { name: 'gatehouse', version: '0.0.0' } },
    ])
    expect(
      server.seen
        .filter(({ message }) => message?.method === 'tools/call')
        .map(({ req }) => [req.headers['mcp-session-id'], req.headers['mcp-protocol-version']]),
    ).toEqual(Array(2).fill(['session-1', '2025-11-25']))
    expect(server.of('tools/call')[0].params).toEqual({ name: 'echo', arguments: { text: 'a' } })
    expect(world.pins.get('up')?.era).toBe('legacy')
    await upstream.close(500)
    expect(server.sessions.size).toBe(0)
  })

  it('keys sessions by principal, capabilities and host session, and ends one when its host session ends', async () => {
    const server = await startLegacy()
    const upstream = connect(server)
    const callers = [
      callerOf(ALICE),
      callerOf(BOB),
      callerOf(ALICE, INTERACTIVE),
      callerOf(ALICE, '{}', 'host-1'),
      callerOf(ALICE, '{}', 'host-2'),
    ]
    for (const caller of [...callers, ...callers]) await answer(upstream, echo('x', { caller }))
    expect(server.of('initialize')).toHaveLength(5)
    upstream.release(callers[3]!)
    await eventually(() => server.sessions.size === 4)
    await eventually(() => upstream.status().connections === 4)
  })

  it('N098 across principals: a session of one is never used for another, even with the same capabilities at the same time', async () => {
    const server = await startLegacy()
    const upstream = connect(server)
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => answer(upstream, echo(`${i % 2}`, { caller: callerOf(i % 2 === 0 ? ALICE : BOB) }))),
    )
    const bySession = new Map<string, Set<string>>()
    for (const { req, message } of server.seen) {
      if (message?.method !== 'tools/call') continue
      const session = req.headers['mcp-session-id'] as string
      bySession.set(session, (bySession.get(session) ?? new Set()).add(message.params.arguments.text as string))
    }
    expect(bySession.size).toBe(2)
    for (const texts of bySession.values()) expect(texts.size).toBe(1)
  })

  it('bounds sessions: the least recently used idle one ends when another caller comes', async () => {
    const server = await startLegacy()
    const upstream = connect(server, { limits: { connections: 2 } })
    for (const who of ['a', 'b', 'c', 'd'])
      expect(textOf(await answer(upstream, echo(who, { caller: callerOf(ALICE, '{}', who) })))).toBe(who)
    expect(server.sessions.size).toBeLessThanOrEqual(2)
    expect([...server.sessions]).toContain('session-4')
  })

  it('ends an unused session', async () => {
    const clock = new HandClock()
    const server = await startLegacy()
    const upstream = connect(server, { timeouts: { idleMs: 60_000 } }, worldOf({ ticker: new Ticker(clock) }))
    await upstream.face(callerOf())
    expect(server.sessions.size).toBe(1)
    clock.advance(61_000)
    await eventually(() => server.sessions.size === 0)
  })

  it.each(['1999-01-01', '2026-07-28', ''])('R45: refuses a server that answers with revision `%s`', async version => {
    const server = await startLegacy(
      ({ res, message }) => message?.method === 'initialize' && (json(res, initialized(message.id, version)), true),
    )
    expect(await connect(server).face(callerOf())).toMatchObject({ stop: 'upstream-invalid' })
  })

  it('works with older revisions', async () => {
    for (const version of ['2024-11-05', '2025-03-26', '2025-06-18']) {
      const server = await startLegacy(undefined, version)
      expect(await connect(server).face(callerOf())).toMatchObject({ protocolVersion: version })
    }
  })

  it.each(['with space', 'a'.repeat(600), 'ünïcode'])('CRLF and R46: a session id that no header may carry is refused: %s', async id => {
    const server = await startLegacy(
      ({ res, message }) =>
        message?.method === 'initialize' &&
        (json(res, initialized(message.id), 200, { 'mcp-session-id': Buffer.from(id).toString('latin1') }), true),
    )
    expect(await connect(server).face(callerOf())).toMatchObject({ stop: 'upstream-invalid' })
  })

  it('404 ends the session: lists are asked again in a new one, a tool call never', async () => {
    const server = await startLegacy(({ res, message, req }) => {
      if (message?.method !== 'tools/list' || !server.sessions.has(req.headers['mcp-session-id'] as string)) return false
      json(res, { jsonrpc: '2.0', id: message.id, result: { tools: [] } })
      return true
    })
    const upstream = connect(server)
    await upstream.face(callerOf())
    server.sessions.clear()
    expect(await answer(upstream, callOf('tools/list'))).toEqual({ result: { tools: [] } })
    server.sessions.clear()
    expect(await answer(upstream, echo('x'))).toMatchObject({ stop: 'upstream-lost', detail: expect.stringContaining('never sent again') })
    expect(server.of('tools/call')).toHaveLength(1)
    expect(textOf(await answer(upstream, echo('y')))).toBe('y')
    expect(server.of('initialize')).toHaveLength(3)
  })

  it('a server that always answers 404 is asked twice at most', async () => {
    const server = await startLegacy(
      ({ res, message }) =>
        message?.method === 'tools/list' && (json(res, { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'no' } }, 404), true),
    )
    const upstream = connect(server)
    expect(await answer(upstream, callOf('tools/list'))).toMatchObject({ stop: 'upstream-lost' })
    expect(server.of('tools/list')).toHaveLength(2)
  })

  it('status 400 with a session error is how some servers say that they know the session no more', async () => {
    let isForgotten = false
    const server = await startLegacy(({ res, message, req }) => {
      if (!isForgotten || message?.method !== 'tools/call' || req.headers['mcp-session-id'] !== 'session-1') return false
      json(res, { jsonrpc: '2.0', id: null, error: { code: -32000, message: 'Bad Request: No valid session ID provided' } }, 400)
      return true
    })
    const upstream = connect(server)
    await answer(upstream, echo('x'))
    isForgotten = true
    expect(await answer(upstream, echo('y'))).toMatchObject({ stop: 'upstream-lost' })
    expect(textOf(await answer(upstream, echo('z')))).toBe('z')
  })

  it('R100: a question on the stream of a call goes to that call, its answer back into the session', async () => {
    const caller = callerOf(ALICE, INTERACTIVE)
    let stream: ServerResponse | undefined
    const replies: any[] = []
    const { upstream } = await attacked(exchange => {
      const { res, message } = exchange
      if (message?.params?.name === 'attack') {
        stream = events(res)
        stream.write(event({ jsonrpc: '2.0', id: 'q-1', method: 'elicitation/create', params: { message: 'name?' } }))
        stream.write(event({ jsonrpc: '2.0', id: 7, method: 'ping' }))
        return true
      }
      if (message === undefined || message.method !== undefined) return false
      replies.push(message)
      res.writeHead(202).end()
      if (message.id === 'q-1') stream?.end(event(result(1_000_000, 'wrong')) + event(result(2, JSON.stringify(message.result))))
      return true
    })
    await upstream.face(caller)
    const heard = new Heard()
    const got = answer(upstream, { ...ATTACK, caller }, heard)
    await heard.until('requests', 1)
    expect(heard.requests[0]).toMatchObject({ method: 'elicitation/create' })
    heard.requests[0]?.answer(Buffer.from('{"action":"accept"}'))
    heard.requests[0]?.answer(Buffer.from('{"action":"decline"}'))
    expect(textOf(await got)).toBe('{"action":"accept"}')
    expect(replies).toContainEqual({ jsonrpc: '2.0', id: 'q-1', result: { action: 'accept' } })
    expect(replies).toContainEqual({ jsonrpc: '2.0', id: 7, result: {} })
    expect(replies).toHaveLength(2)
  })

  it('R100: a question on the GET stream belongs to the one call that may be asked; with two, or none, it is refused', async () => {
    const caller = callerOf(ALICE, INTERACTIVE)
    let stream: ServerResponse | undefined
    const replies: any[] = []
    const held: HttpExchange[] = []
    const { server, upstream } = await attacked(exchange => {
      const { req, res, message } = exchange
      if (req.method === 'GET') {
        stream = events(res)
        stream.write(': open\n\n')
      } else if (message?.params?.name === 'attack') held.push(exchange)
      else if (message?.method === undefined && req.method === 'POST') {
        replies.push(message)
        res.writeHead(202).end()
      } else return false
      return true
    })
    await upstream.face(caller)
    expect(stream).toBeUndefined()
    const ask = (id: string): void =>
      void stream?.write(event({ jsonrpc: '2.0', id, method: 'elicitation/create', params: { message: 'name?' } }))
    const [first, second] = [new Heard(), new Heard()]
    const one = answer(upstream, { ...ATTACK, caller }, first)
    await eventually(() => held.length === 1)
    ask('q-1')
    await first.until('requests', 1)
    first.requests[0]?.answer(Buffer.from('{"action":"accept"}'))
    await eventually(() => replies.length === 1)
    expect(replies[0]).toEqual({ jsonrpc: '2.0', id: 'q-1', result: { action: 'accept' } })
    const two = answer(upstream, { ...ATTACK, caller }, second)
    await eventually(() => held.length === 2)
    ask('q-2')
    await eventually(() => replies.length === 2)
    for (const { res, message } of held) json(res, result(message.id, 'done'))
    expect([await one, await two].map(textOf)).toEqual(['done', 'done'])
    ask('q-3')
    await eventually(() => replies.length === 3)
    expect(replies.slice(1).map(reply => [reply.id, reply.error.code])).toEqual([
      ['q-2', -32601],
      ['q-3', -32601],
    ])
    expect([first.requests.length, second.requests.length]).toEqual([1, 0])
    expect(server.seen.filter(({ req }) => req.method === 'GET')).toHaveLength(1)
  })

  it('an upstream that does not take the answer to its question loses the call at once', async () => {
    const { upstream } = await attacked(({ res, message }) => {
      if (message?.params?.name === 'attack') return events(res).write(event({ jsonrpc: '2.0', id: 1, method: 'roots/list' })) || true
      if (message === undefined || message.method !== undefined) return false
      res.writeHead(500).end()
      return true
    })
    const heard = new Heard()
    const got = answer(upstream, ATTACK, heard)
    await heard.until('requests', 1)
    heard.requests[0]?.refuse(-1, 'no')
    expect(await got).toMatchObject({ stop: 'upstream-lost' })
  })

  it('R51: cancelling tells the upstream, with the id of this hop', async () => {
    const held: HttpExchange[] = []
    const { server, upstream } = await attacked(onAttack(exchange => held.push(exchange)))
    await upstream.face(callerOf())
    const running = upstream.call(ATTACK, SILENT)
    await eventually(() => held.length === 1)
    running.cancel('enough')
    await eventually(() => server.of('notifications/cancelled').length === 1)
    expect(server.of('notifications/cancelled')[0].params).toEqual({ requestId: held[0]!.message.id, reason: 'enough' })
  })

  it('R50: a broken stream is taken up again after the last event, as long as the upstream asked', async () => {
    const clock = new HandClock()
    const { server, upstream } = await attacked(
      ({ req, res, message }) => {
        if (message?.params?.name === 'attack') {
          events(res).end(`id: e-1\nretry: 3000\ndata: \n\n${event({ jsonrpc: '2.0', method: 'notifications/x', params: {} }, 'e-2')}`)
          return true
        }
        if (req.method !== 'GET') return false
        const id = server.of('tools/call')[0].id as number
        events(res).end(event(result(id, `resumed after ${req.headers['last-event-id'] as string}`), 'e-3'))
        return true
      },
      {},
      worldOf({ ticker: new Ticker(clock) }),
    )
    await upstream.face(callerOf())
    const heard = new Heard()
    const got = answer(upstream, ATTACK, heard)
    await heard.until('notifications', 1)
    await eventually(() => clock.sleeping > 0)
    clock.advance(2_900)
    expect(server.seen.filter(({ req }) => req.method === 'GET')).toEqual([])
    clock.advance(200)
    expect(textOf(await got)).toBe('resumed after e-2')
    expect(server.of('tools/call')).toHaveLength(1)
  })

  it('R50: resumption is bounded, and needs an event id', async () => {
    const clock = new HandClock()
    const gets = { count: 0 }
    const { upstream } = await attacked(
      ({ req, res, message }) => {
        if (message?.params?.name === 'attack') events(res).end(`id: e-1\ndata: \n\n`)
        else if (message?.params?.name === 'no-id') events(res).end(': nothing\n\n')
        else if (req.method === 'GET') {
          gets.count++
          events(res).end(': nothing\n\n')
        } else return false
        return true
      },
      { timeouts: { callMs: 60_000 } },
      worldOf({ ticker: new Ticker(clock) }),
    )
    expect(await answer(upstream, callOf('tools/call', { name: 'no-id' }))).toMatchObject({ stop: 'upstream-lost' })
    const call = upstream.call(ATTACK, SILENT)
    let isDone = false
    void call.done.then(() => (isDone = true))
    await eventually(() => {
      clock.advance(100)
      return isDone
    })
    expect(await call.done).toMatchObject({ stop: 'upstream-lost' })
    expect(gets.count).toBe(5)
  })

  it('N098: what a resumed stream replays of other requests is dropped', async () => {
    const clock = new HandClock()
    const { upstream } = await attacked(
      ({ req, res, message }) => {
        if (message?.params?.name === 'attack') events(res).end('id: e-1\ndata: \n\n')
        else if (req.method === 'GET') events(res).end(event(result(1, 'initialize again')) + event(result(2, 'mine')))
        else return false
        return true
      },
      {},
      worldOf({ ticker: new Ticker(clock) }),
    )
    await upstream.face(callerOf())
    let got: any
    void answer(upstream, ATTACK).then(value => (got = value))
    await eventually(() => {
      clock.advance(100)
      return got !== undefined
    })
    expect(textOf(got)).toBe('mine')
    expect(upstream.drops.get('response-unknown')).toBe(1)
  })

  it('R52: batches of responses are taken apart', async () => {
    const { upstream } = await attacked(
      onAttack(({ res, message }) =>
        json(res, [{ jsonrpc: '2.0', method: 'notifications/x', params: {} }, result(99, 'other'), result(message.id, 'mine')]),
      ),
    )
    const heard = new Heard()
    expect(textOf(await answer(upstream, ATTACK, heard))).toBe('mine')
    expect(heard.notifications).toHaveLength(1)
  })

  it('logging: one level per session, set before the call that wants it', async () => {
    const server = await startLegacy()
    const upstream = connect(server)
    for (const logLevel of ['warning', 'error', 'info', undefined])
      await answer(upstream, echo('x', logLevel === undefined ? {} : { logLevel }))
    expect(server.of('logging/setLevel').map(message => message.params.level as string)).toEqual(['warning', 'info'])
    const order = server.seen
      .map(({ message }) => message?.method as string)
      .filter(method => method === 'tools/call' || method === 'logging/setLevel')
    expect(order).toEqual(['logging/setLevel', 'tools/call', 'tools/call', 'logging/setLevel', 'tools/call', 'tools/call'])
  })

  it('R34: a stale legacy verdict is looked at again, and never fails a call', async () => {
    const clock = new HandClock()
    let isModern = false
    const server = await startLegacy(({ res, message }) => {
      if (!isModern || message?.method !== 'server/discover') return false
      json(res, discovered(message.id))
      return true
    })
    let wall = Date.parse('2026-09-01T00:00:00Z')
    const world = worldOf({ ticker: new Ticker(clock), wallNow: () => wall })
    const upstream = connect(server, {}, world)
    expect(textOf(await answer(upstream, echo('x')))).toBe('x')
    expect(server.of('server/discover')).toHaveLength(1)
    await answer(upstream, echo('x'))
    expect(server.of('server/discover')).toHaveLength(1)
    isModern = true
    wall += 25 * 3600_000
    clock.advance(25 * 3600_000)
    expect(textOf(await answer(upstream, echo('still legacy')))).toBe('still legacy')
    await eventually(() => world.pins.get('up')?.era === 'modern')
    expect(upstream.status().era).toBe('modern')
  })

  it('R34: a fresh legacy pin saves the probe; a server that has become modern meanwhile is found out', async () => {
    const world = worldOf()
    world.pins.set('up', { era: 'legacy', at: new Date().toISOString() })
    const legacy = await startLegacy()
    await connect(legacy, {}, world).face(callerOf())
    expect(legacy.of('server/discover')).toEqual([])
    const modern = await startModern()
    const upstream = connect(modern, {}, world)
    expect(await upstream.face(callerOf())).toMatchObject({ stop: 'upstream-invalid' })
    expect(await upstream.face(callerOf())).toMatchObject({ era: 'modern' })
  })

  it('a verdict that cannot be kept is not relied on', async () => {
    const server = await startModern()
    const world = worldOf({
      pins: {
        get: () => undefined,
        set: () => {
          throw new Error('disk full')
        },
      },
    })
    expect(await connect(server, {}, world).face(callerOf())).toMatchObject({ stop: 'upstream-unavailable' })
    expect(world.logs).toContainEqual(expect.objectContaining({ event: 'era-pin-unwritable' }))
  })

  it('notifications/initialized that is not taken is no session', async () => {
    const server = await startHttp(({ res, message }) => {
      if (message?.method === 'initialize') json(res, initialized(message.id))
      else json(res, {}, 400)
    })
    expect(await connect(server, { era: 'legacy' }).face(callerOf())).toMatchObject({ stop: 'upstream-invalid' })
  })
})
