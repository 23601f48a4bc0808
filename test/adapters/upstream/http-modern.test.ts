import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { Ticker } from '../../../src/adapters/upstream/ticker.ts'
import type { ObservedUpstream } from '../../../src/adapters/upstream/upstream.ts'
import { HandClock } from '../../support/upstreams/hand-clock.ts'
import {
  discovered,
  event,
  events,
  json,
  result,
  startHttp,
  startLegacy,
  startModern,
  startTcp,
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
  SILENT,
  upstreamOf,
  worldOf,
  type Overrides,
  type World,
} from '../../support/upstreams/world.ts'

const textOf = (got: any): string => got.result.content[0].text as string

describe('modern HTTP upstream', () => {
  const closing: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    await Promise.all(closing.splice(0).map(close => close()))
  })
  const connect = (
    server: { url: string; close(): Promise<void> },
    overrides: Overrides = {},
    world?: World,
    headers = {},
  ): ObservedUpstream => {
    const upstream = upstreamOf({ kind: 'http', url: server.url, headers }, overrides, world)
    closing.push(() => upstream.close(500).then(() => server.close()))
    return upstream
  }
  /** A modern server whose call of the tool `attack` the test answers. */
  const attacked = async (attack: (exchange: HttpExchange) => void, overrides?: Overrides, world?: World) => {
    const server = await startModern(exchange => {
      if (exchange.message?.params?.name !== 'attack') return false
      attack(exchange)
      return true
    })
    return { server, upstream: connect(server, overrides, world) }
  }
  const ATTACK = callOf('tools/call', { name: 'attack' })
  const withToken = callOf('tools/call', { name: 'attack' }, { meta: Buffer.from('{"progressToken":"host"}') })
  /** Others go on as if nothing had happened. */
  const others = async (upstream: ObservedUpstream): Promise<void> => {
    for (let i = 0; i < 5; i++) expect(textOf(await answer(upstream, echo(`bob ${i}`, { caller: callerOf(BOB) })))).toBe(`bob ${i}`)
  }

  it('R6-R9, R24, R31: sends its own headers and no other', async () => {
    const server = await startModern()
    const upstream = connect(server, {}, undefined, { authorization: 'Bearer upstream-credential' })
    const name = ' élan=?base64?'
    await answer(upstream, {
      ...echo('x'),
      name,
      headerParams: [
        ['Region', 'eu'],
        ['Note', '=?base64?w6k=?='],
      ],
      traceparent: '00-a-b-01',
    })
    const { headers } = server.seen.at(-1)!.req
    expect(headers).toEqual({
      host: expect.any(String),
      connection: 'keep-alive',
      'content-type': 'application/json',
      'content-length': expect.any(String),
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': `=?base64?${Buffer.from(name).toString('base64')}?=`,
      'mcp-param-region': 'eu',
      'mcp-param-note': '=?base64?w6k=?=',
      traceparent: '00-a-b-01',
      authorization: 'Bearer upstream-credential',
    })
  })

  it('pins a modern verdict with its date, and discovers once', async () => {
    const server = await startModern()
    const world = worldOf({ wallNow: () => Date.parse('2026-09-01T10:00:00Z') })
    const upstream = connect(server, {}, world)
    const faces = await Promise.all([upstream.face(callerOf()), upstream.face(callerOf()), answer(upstream, echo('x'))])
    expect(faces[0]).toMatchObject({ era: 'modern', protocolVersion: '2026-07-28', capabilities: { tools: { listChanged: true } } })
    expect(server.of('server/discover')).toHaveLength(1)
    expect(world.pins.get('up')).toEqual({ era: 'modern', at: '2026-09-01T10:00:00.000Z' })
  })

  it.each([401, 403, 429, 500, 502, 503])('R34: status %i is no era evidence', async status => {
    const server = await startHttp(({ res }) =>
      json(res, { error: 'no' }, status, { 'retry-after': '7', 'www-authenticate': 'Bearer secret-hint' }),
    )
    const world = worldOf()
    const upstream = connect(server, {}, world)
    const face = await upstream.face(callerOf())
    expect(face).toMatchObject({ stop: expect.stringMatching(/^upstream-(unavailable|overloaded)$/) })
    expect(JSON.stringify(face)).not.toContain('secret-hint')
    expect(world.pins.get('up')).toBeUndefined()
    expect(server.of('initialize')).toEqual([])
  })

  it('R34: a modern upstream that answers as legacy is refused, with the way out', async () => {
    const server = await startLegacy()
    const world = worldOf()
    world.pins.set('up', { era: 'modern', at: '2026-08-01T00:00:00.000Z' })
    const upstream = connect(server, {}, world)
    expect(await upstream.face(callerOf())).toMatchObject({ stop: 'upstream-invalid', detail: expect.stringContaining('remove its pin') })
    expect(server.of('initialize')).toEqual([])
  })

  it('R33: a modern error to server/discover is no reason to fall back', async () => {
    const server = await startHttp(({ res, message }) =>
      json(res, { jsonrpc: '2.0', id: message.id, error: { code: -32020, message: 'header mismatch' } }, 400),
    )
    expect(await connect(server).face(callerOf())).toMatchObject({ stop: 'upstream-invalid' })
    expect(server.of('initialize')).toEqual([])
  })

  it('hands over results and errors as they came', async () => {
    const { upstream } = await attacked(({ res, message }) =>
      json(res, { jsonrpc: '2.0', id: message.id, error: { code: -32602, message: 'no', data: { big: 1 } } }, 400),
    )
    expect(await answer(upstream, ATTACK)).toEqual({ error: { code: -32602, message: 'no', data: { big: 1 } } })
  })

  it('takes an error without an id only where a 4xx status says that it answers this request', async () => {
    const { upstream } = await attacked(({ res }) => json(res, { jsonrpc: '2.0', id: null, error: { code: -32601, message: 'no' } }, 404))
    expect(await answer(upstream, ATTACK)).toMatchObject({ error: { code: -32601 } })
    const { upstream: other } = await attacked(({ res }) => json(res, { jsonrpc: '2.0', id: null, error: { code: -32601, message: 'no' } }))
    expect(await answer(other, ATTACK)).toMatchObject({ stop: 'upstream-invalid' })
  })

  it('sends large parameters byte for byte, with their length', async () => {
    const server = await startModern()
    const upstream = connect(server)
    await upstream.face(callerOf())
    for (const text of ['é'.repeat(10_000), 'x'.repeat(3_000_000), '\\"'.repeat(50_000), 'y'.repeat(3_000_000)])
      expect(textOf(await answer(upstream, echo(text)))).toBe(text)
    const calls = server.seen.filter(({ message }) => message.method === 'tools/call')
    for (const { req, body } of calls) {
      expect(req.headers['content-length']).toBe(String(Buffer.byteLength(body)))
      expect(req.headers).not.toHaveProperty('transfer-encoding')
    }
  })

  it('attack: a server that takes half of a large call holds it no longer than its caller waits, and no other call', async () => {
    let stuck: Socket | undefined
    const server = await startTcp((socket, bytes) => {
      if (socket === stuck) return
      const text = bytes.toString()
      if (text.includes('"tools/call"') && text.includes('xxxx')) {
        stuck = socket.pause()
        return
      }
      const id = /"id":(\d+)/.exec(text)?.[1]
      if (id === undefined) return
      const body = JSON.stringify(text.includes('server/discover') ? discovered(Number(id)) : result(Number(id), 'answered'))
      socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    })
    const upstream = connect(server)
    await upstream.face(callerOf())
    const running = upstream.call(echo('x'.repeat(20_000_000)), SILENT)
    await eventually(() => stuck !== undefined)
    expect(textOf(await answer(upstream, echo('y')))).toBe('answered')
    running.cancel('gone')
    expect(await running.done).toMatchObject({ stop: 'cancelled' })
    expect(textOf(await answer(upstream, echo('y')))).toBe('answered')
  })

  it('R84, R86: relays progress and wanted logs of an event stream, and then the answer', async () => {
    const { upstream } = await attacked(({ res, message }) => {
      const token = message.params._meta.progressToken as number
      const stream = events(res)
      stream.write(': comment\n\n')
      stream.write(event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: token, progress: 1 } }))
      for (const spoofed of ['host', token + 1, String(token)])
        stream.write(event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: spoofed, progress: 2 } }))
      for (const level of ['debug', 'error'])
        stream.write(event({ jsonrpc: '2.0', method: 'notifications/message', params: { level, data: 'x' } }))
      stream.write(event({ jsonrpc: '2.0', id: 'ask', method: 'roots/list' }))
      stream.end(event(result(message.id, 'done')))
    })
    const heard = new Heard()
    expect(textOf(await answer(upstream, { ...withToken, logLevel: 'info' }, heard))).toBe('done')
    expect(heard.notifications.map(n => n.json.params)).toEqual([
      { progressToken: 'host', progress: 1 },
      { level: 'error', data: 'x' },
    ])
    expect(heard.requests).toEqual([])
    expect(Object.fromEntries(upstream.drops)).toEqual({ 'progress-unknown': 3, 'log-unwanted': 1, 'request-era': 1 })
  })

  it('R17, N105: cancelling closes the POST, and nothing of it reaches the next call', async () => {
    const held: HttpExchange[] = []
    const { upstream } = await attacked(exchange => held.push(exchange))
    await upstream.face(callerOf())
    const closed = new Promise<void>(
      resolve => void eventually(() => held.length === 1).then(() => held[0]!.res.on('close', () => resolve())),
    )
    const running = upstream.call(ATTACK, SILENT)
    await eventually(() => held.length === 1)
    running.cancel('gone')
    expect(await running.done).toMatchObject({ stop: 'cancelled' })
    await closed
    await others(upstream)
  })

  it('R85: a silent upstream is given up and its connection closed', async () => {
    const clock = new HandClock()
    const held: HttpExchange[] = []
    const { upstream } = await attacked(
      exchange => held.push(exchange),
      { timeouts: { callMs: 5_000 } },
      worldOf({ ticker: new Ticker(clock) }),
    )
    await upstream.face(callerOf())
    const call = answer(upstream, ATTACK)
    await eventually(() => held.length === 1)
    const closed = new Promise<void>(resolve => held[0]!.res.on('close', () => resolve()))
    clock.advance(5_200)
    expect(await call).toMatchObject({ stop: 'upstream-timeout' })
    await closed
  })

  it('a slow drip of a body is silence: only progress is a sign of life', async () => {
    const clock = new HandClock()
    let drip: ServerResponse | undefined
    const { upstream } = await attacked(
      ({ res }) => (drip = res.writeHead(200, { 'content-type': 'application/json' })),
      { timeouts: { callMs: 5_000 } },
      worldOf({ ticker: new Ticker(clock) }),
    )
    await upstream.face(callerOf())
    const call = answer(upstream, ATTACK)
    await eventually(() => drip !== undefined)
    for (let i = 0; i < 6; i++) {
      drip?.write(' ')
      clock.advance(1_000)
    }
    expect(await call).toMatchObject({ stop: 'upstream-timeout' })
    await others(upstream)
  })

  it('waits for an answer no longer than hardMs, however much progress there is', async () => {
    const clock = new HandClock()
    let stream: ServerResponse | undefined
    let token = 0
    const { upstream } = await attacked(
      ({ res, message }) => {
        stream = events(res)
        token = message.params._meta.progressToken as number
      },
      { timeouts: { callMs: 5_000, hardMs: 20_000 } },
      worldOf({ ticker: new Ticker(clock) }),
    )
    const heard = new Heard()
    const call = answer(upstream, withToken, heard)
    await eventually(() => stream !== undefined)
    for (let i = 1; i <= 5; i++) {
      stream?.write(event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: token, progress: i } }))
      await heard.until('notifications', i)
      clock.advance(4_500)
    }
    expect(await call).toEqual({ stop: 'upstream-timeout', detail: 'ran longer than `timeouts.hard`' })
  })

  it.each([
    ['another id', (id: number) => result(id + 1, 'other')],
    ['a string id', (id: number) => result(String(id), 'other')],
    ['a null id', () => result(null, 'other')],
  ])('N098: a body with %s is an error, an event with it is dropped', async (_name, wrong) => {
    const { upstream } = await attacked(({ res, message }) => json(res, wrong(message.id as number)))
    expect(await answer(upstream, ATTACK)).toMatchObject({ stop: 'upstream-invalid' })
    const { upstream: streaming } = await attacked(({ res, message }) =>
      events(res).end(event(wrong(message.id as number)) + event(result(message.id, 'mine')) + event(result(message.id, 'again'))),
    )
    expect(textOf(await answer(streaming, ATTACK))).toBe('mine')
    await others(streaming)
  })

  it('N109: another content type, a compressed body, no body, or a promise of work is no answer', async () => {
    const attacks: ((exchange: HttpExchange) => void)[] = [
      ({ res, message }) => res.writeHead(200, { 'content-type': 'text/html' }).end(JSON.stringify(result(message.id, 'x'))),
      ({ res, message }) =>
        res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(JSON.stringify(result(message.id, 'x'))),
      ({ res }) => res.writeHead(200, { 'content-type': 'application/json' }).end(),
      ({ res }) => res.writeHead(202).end(),
      ({ res, message }) => json(res, [result(message.id, 'batch')]),
      ({ res, message }) =>
        res.writeHead(200, { 'content-type': 'application/json' }).end(`{"jsonrpc":"2.0","id":${message.id},"result":{"a":1,"a":2}}`),
    ]
    for (const attack of attacks) {
      const { upstream } = await attacked(attack)
      expect(await answer(upstream, ATTACK)).toMatchObject({ stop: 'upstream-invalid' })
      await others(upstream)
    }
  })

  it('never follows a redirect, and says what to do', async () => {
    const other = await startModern()
    closing.push(() => other.close())
    const { upstream } = await attacked(({ res }) => res.writeHead(307, { location: other.url }).end())
    expect(await answer(upstream, ATTACK)).toMatchObject({ stop: 'upstream-unavailable', detail: expect.stringContaining('redirect') })
    expect(other.seen).toEqual([])
  })

  it('keeps no cookies', async () => {
    const { server, upstream } = await attacked(({ res, message }) => json(res, result(message.id, 'x'), 200, { 'set-cookie': 'a=b' }))
    await answer(upstream, ATTACK)
    await answer(upstream, echo('x'))
    expect(server.seen.every(({ req }) => req.headers.cookie === undefined)).toBe(true)
  })

  it('N109: bodies and events beyond the limit are cut off, announced or not', async () => {
    const limits = { messageBytes: 100_000 }
    const big = 'x'.repeat(60_000)
    const sent = { bytes: 0 }
    const endless = (res: ServerResponse, chunk: string): void => {
      const more = (): void => {
        while (!res.destroyed && res.write(chunk)) sent.bytes += chunk.length
        if (!res.destroyed) res.once('drain', more)
      }
      more()
    }
    const attacks: ((exchange: HttpExchange) => void)[] = [
      ({ res }) => res.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000000' }).write('{'),
      ({ res }) => endless(res.writeHead(200, { 'content-type': 'application/json' }), big),
      ({ res }) => endless(events(res), 'data: ' + big), // one line that never ends
      ({ res }) => endless(events(res), `data: ${big}\n`), // one event that never ends
      ({ res }) => endless(events(res), 'id: 1\n'), // fields without a blank line
    ]
    for (const attack of attacks) {
      const { upstream } = await attacked(attack, { limits })
      expect(await answer(upstream, ATTACK)).toEqual({ stop: 'upstream-invalid', detail: 'a message is larger than `limits.messageSize`' })
      await others(upstream)
    }
    expect(sent.bytes).toBeLessThan(40 * 1024 * 1024)
  })

  it('N104, N109: floods of events are read at a bounded rate only', async () => {
    const clock = new HandClock()
    const world = worldOf({ ticker: new Ticker(clock) })
    let written = 0
    const { upstream } = await attacked(
      ({ res, message }) => {
        const stream = events(res)
        const token = message.params._meta.progressToken as number
        const more = (): void => {
          while (
            !stream.destroyed &&
            stream.write(event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: token, progress: ++written } }))
          );
          if (!stream.destroyed) stream.once('drain', more)
        }
        more()
      },
      { limits: { notificationsPerSecond: 20 } },
      world,
    )
    await upstream.face(callerOf())
    const heard = new Heard()
    const running = upstream.call(withToken, heard)
    await eventually(() => (upstream.drops.get('notification-rate') ?? 0) >= 1900)
    const dropped = upstream.drops.get('notification-rate') ?? 0
    for (let i = 0; i < 20; i++) await others(upstream)
    expect((upstream.drops.get('notification-rate') ?? 0) - dropped).toBeLessThan(3000)
    expect(heard.notifications).toHaveLength(20)
    running.cancel('')
    await others(upstream)
  })

  it('N108: a message inside a string of a result stays a string', async () => {
    const evil = '\n\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\nevent: x\r\u2028'
    const { upstream } = await attacked(({ res, message }) => events(res).end(event(result(message.id, evil))))
    expect(textOf(await answer(upstream, ATTACK))).toBe(evil)
  })

  it('R28: a broken or ended stream loses the call; it is never sent again', async () => {
    const attacks: ((exchange: HttpExchange) => void)[] = [
      ({ res }) => events(res).end(event({ jsonrpc: '2.0', method: 'notifications/x', params: {} }, 'event-1')),
      ({ res }) => res.destroy(),
      ({ res }) => {
        events(res).write('data: {"jsonrpc"')
        setImmediate(() => res.destroy())
      },
      ({ res }) => {
        res.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{')
        setImmediate(() => res.destroy())
      },
    ]
    for (const attack of attacks) {
      const { server, upstream } = await attacked(attack)
      expect(await answer(upstream, ATTACK)).toMatchObject({ stop: 'upstream-lost' })
      expect(server.of('tools/call').filter(message => message.params.name === 'attack')).toHaveLength(1)
      await others(upstream)
    }
  })

  it('CRLF, bad framing and responses nobody asked for break their own connection only', async () => {
    const ok = (id: number): string => {
      const body = JSON.stringify(result(id, 'ok'))
      return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
    }
    const smuggled = JSON.stringify(result(3, 'smuggled'))
    const attacks = [
      () => 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx: a\rb\r\ncontent-length: 2\r\n\r\n{}',
      () => 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      () => 'nonsense\r\n\r\n',
      () => `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(10_000)}\r\n`,
      (id: number) => ok(id) + `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${smuggled.length}\r\n\r\n${smuggled}`,
    ]
    for (const attack of attacks) {
      const server = await startTcp((socket, bytes) => {
        const text = bytes.toString()
        const id = Number(/"id":(\d+)/.exec(text)?.[1])
        if (text.includes('server/discover')) {
          const body = JSON.stringify(discovered(id))
          socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
        } else socket.write(text.includes('"attack"') ? attack(id) : ok(id))
      })
      const upstream = connect(server)
      await upstream.face(callerOf())
      const got = await answer(upstream, ATTACK)
      if (attack !== attacks[4]) expect(got).toMatchObject({ stop: expect.stringMatching(/^upstream-/) })
      for (let i = 0; i < 3; i++) expect(textOf(await answer(upstream, echo('x', { caller: callerOf(BOB) })))).toBe('ok')
    }
  })

  it('a half-open connection is given up on time, without holding a place for others', async () => {
    const clock = new HandClock()
    let connections = 0
    const server = await startTcp(() => connections++)
    const upstream = connect(
      server,
      { era: 'modern', timeouts: { callMs: 5_000 }, limits: { concurrency: 2 } },
      worldOf({ ticker: new Ticker(clock) }),
    )
    const calls = Array.from({ length: 4 }, () => answer(upstream, echo('x')))
    await eventually(() => connections === 2)
    clock.advance(5_100)
    await eventually(() => connections === 4)
    clock.advance(5_100)
    for (const call of calls) expect(await call).toMatchObject({ stop: 'upstream-timeout' })
    expect(upstream.status()).toMatchObject({ inFlight: 0, queued: 0 })
  })

  it('a server that cannot be reached is an error at once, then an open circuit that closes again', async () => {
    const clock = new HandClock()
    const server = await startModern()
    const { url } = server
    await server.close()
    const upstream = connect({ url, close: async () => {} }, {}, worldOf({ ticker: new Ticker(clock) }))
    for (let i = 0; i < 5; i++)
      expect(await answer(upstream, echo('x'))).toMatchObject({
        stop: 'upstream-unavailable',
        detail: 'could not be reached (ECONNREFUSED)',
      })
    expect(await answer(upstream, echo('x'))).toMatchObject({ stop: 'upstream-unavailable', retryAfterSeconds: 1 })
    expect(upstream.status().state).toBe('open-circuit')
    clock.advance(1_100)
    const { port } = new URL(url)
    const again = await startHttp(
      ({ res, message }) => json(res, message.method === 'server/discover' ? discovered(message.id) : result(message.id, 'back')),
      Number(port),
    )
    closing.push(() => again.close())
    expect(textOf(await answer(upstream, echo('x')))).toBe('back')
    expect(upstream.status().state).toBe('ready')
  })

  it('R120: the connector decides what is dialled', async () => {
    const server = await startModern()
    const world = worldOf({
      connect: (_options, callback) => callback(Object.assign(new Error('refused'), { code: 'ADDRESS_FORBIDDEN' }), null),
    })
    const upstream = connect(server, {}, world)
    expect(await upstream.face(callerOf())).toMatchObject({
      stop: 'upstream-unavailable',
      detail: 'could not be reached (ADDRESS_FORBIDDEN)',
    })
    expect(server.seen).toEqual([])
  })

  it('one greedy principal cannot keep another one out', async () => {
    const held: HttpExchange[] = []
    const { upstream } = await attacked(
      exchange => held.push(exchange),
      { limits: { concurrency: 16, queue: 8 } },
      worldOf({ ticker: new Ticker(new HandClock()) }),
    )
    await upstream.face(callerOf())
    const greedy = Array.from({ length: 40 }, () => upstream.call(ATTACK, SILENT))
    expect((await Promise.race(greedy.map(call => call.done))) as object).toMatchObject({ stop: 'upstream-overloaded' })
    await others(upstream)
    expect(upstream.status().inFlight).toBeLessThan(16)
    for (const call of greedy) call.cancel('')
    expect(upstream.status()).toMatchObject({ inFlight: 0, queued: 0 })
  })

  it("N097: 10,000 pairs of calls of two callers at the same time: nobody gets the other one's answer", async () => {
    const server = await startModern()
    const upstream = connect(server)
    const one = async (principal: typeof ALICE, who: string): Promise<number> => {
      let wrong = 0
      for (let i = 0; i < 313; i++)
        if (textOf(await answer(upstream, echo(`${who} ${i}`, { caller: callerOf(principal) }))) !== `${who} ${i}`) wrong++
      return wrong
    }
    const callers = Array.from({ length: 64 }, (_, i) => one(i % 2 === 0 ? ALICE : BOB, `caller ${i}`))
    expect((await Promise.all(callers)).reduce((a, b) => a + b)).toBe(0)
  })
})
