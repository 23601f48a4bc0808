import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import type { ObservedUpstream } from '../../../src/adapters/upstream/upstream.ts'
import {
  event,
  events,
  initialized,
  json,
  result,
  startHttp,
  type HttpExchange,
  type HttpUpstream,
} from '../../support/upstreams/http-upstream.ts'
import { ALICE, answer, BOB, callerOf, callOf, echo, upstreamOf, type Overrides } from '../../support/upstreams/world.ts'

const textOf = (got: any): string => got.result.content[0].text as string
const ATTACK = callOf('tools/call', { name: 'attack' })

describe('HTTP+SSE upstream (2024-11-05)', () => {
  const closing: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    await Promise.all(closing.splice(0).map(close => close()))
  })

  /** A server of the old transport: each GET gets its own endpoint; `attack` answers the tool of that name. */
  const startSse = async (
    endpoint: (n: number) => string,
    attack: (exchange: HttpExchange, stream: ServerResponse) => void = () => {},
    overrides: Overrides = {},
  ): Promise<{ server: HttpUpstream; upstream: ObservedUpstream; streams: ServerResponse[] }> => {
    const streams: ServerResponse[] = []
    const server = await startHttp(exchange => {
      const { req, res, message } = exchange
      if (req.method === 'GET') {
        const stream = events(res)
        streams.push(stream)
        stream.write(`event: endpoint\ndata: ${endpoint(streams.length - 1)}\n\n`)
        return
      }
      const stream = streams[Number(new URL(req.url ?? '', 'http://x').searchParams.get('n'))]!
      if (message.params?.name === 'attack') {
        attack(exchange, stream)
        return
      }
      res.writeHead(202).end()
      if (message.method === 'initialize') stream.write(event(initialized(message.id, '2024-11-05')))
      else if (message.method === 'tools/call') stream.write(event(result(message.id, message.params.arguments.text)))
    })
    const upstream = upstreamOf(
      { kind: 'sse', url: server.url.replace('/mcp', '/sse'), headers: { authorization: 'Bearer own' } },
      overrides,
    )
    closing.push(() => upstream.close(200).then(() => server.close()))
    return { server, upstream, streams }
  }
  const relative = (n: number): string => `/messages?n=${n}`

  it('works, one connection per caller, always with its own headers', async () => {
    const { server, upstream, streams } = await startSse(relative)
    expect(await upstream.face(callerOf())).toMatchObject({ era: 'legacy', protocolVersion: '2024-11-05' })
    for (const principal of [ALICE, BOB, ALICE])
      expect(textOf(await answer(upstream, echo('x', { caller: callerOf(principal) })))).toBe('x')
    expect(streams).toHaveLength(2)
    expect(server.of('server/discover')).toEqual([])
    expect(server.seen.every(({ req }) => req.headers.authorization === 'Bearer own')).toBe(true)
  })

  it.each([
    'http://evil.example/messages',
    '//evil.example/messages',
    'http://user:pw@127.0.0.1/x',
    'file:///etc/passwd',
    'http://[',
    `/${'x'.repeat(3000)}`,
  ])('an endpoint elsewhere would send credentials there, and is refused: %s', async endpoint => {
    const { server, upstream } = await startSse(() => endpoint)
    expect(await upstream.face(callerOf())).toMatchObject({ stop: 'upstream-invalid' })
    expect(server.seen.filter(({ req }) => req.method === 'POST')).toEqual([])
  })

  it('an endpoint cannot be changed later, and events of other kinds are no messages', async () => {
    const { upstream } = await startSse(relative, ({ res, message }, stream) => {
      res.writeHead(202).end()
      stream.write('event: endpoint\ndata: http://evil.example/\n\n')
      stream.write(`event: other\n${event(result(message.id, 'not a message'))}`)
      stream.write(`event: message\n${event(result(message.id, 'message'))}`)
    })
    expect(textOf(await answer(upstream, ATTACK))).toBe('message')
    expect(textOf(await answer(upstream, echo('still here')))).toBe('still here')
  })

  it('N098: a response for the call of another connection reaches nobody', async () => {
    const { upstream, streams } = await startSse(relative, ({ res, message }, stream) => {
      res.writeHead(202).end()
      for (const other of streams) if (other !== stream) other.write(event(result(message.id, 'for somebody else')))
      stream.write(event(result(message.id, 'mine')))
    })
    await answer(upstream, echo('bob', { caller: callerOf(BOB) }))
    expect(textOf(await answer(upstream, ATTACK))).toBe('mine')
    expect(textOf(await answer(upstream, echo('bob', { caller: callerOf(BOB) })))).toBe('bob')
    expect([...upstream.drops.values()].reduce((a, b) => a + b)).toBe(1)
  })

  it.each<[string, (exchange: HttpExchange, stream: ServerResponse) => void]>([
    ['its stream breaks', ({ res }, stream) => (res.writeHead(202).end(), void stream.destroy())],
    ['its stream ends', ({ res }, stream) => (res.writeHead(202).end(), void stream.end())],
    ['its endpoint fails', ({ res }) => json(res, {}, 500)],
    ['its endpoint breaks', ({ res }) => void res.destroy()],
  ])('the call is lost when %s, and the next one connects again', async (_name, attack) => {
    const { upstream, streams } = await startSse(relative, attack)
    expect(textOf(await answer(upstream, echo('bob', { caller: callerOf(BOB) })))).toBe('bob')
    expect(await answer(upstream, ATTACK)).toMatchObject({ stop: 'upstream-lost' })
    expect(textOf(await answer(upstream, echo('bob', { caller: callerOf(BOB) })))).toBe('bob')
    expect(textOf(await answer(upstream, echo('again')))).toBe('again')
    expect(streams).toHaveLength(3)
  })

  it('N109: an event beyond the limit ends the connection', async () => {
    const { upstream } = await startSse(
      relative,
      ({ res }, stream) => {
        res.writeHead(202).end()
        stream.write(`data: ${'x'.repeat(200_000)}`)
      },
      { limits: { messageBytes: 100_000 } },
    )
    expect(await answer(upstream, ATTACK)).toMatchObject({ stop: 'upstream-invalid' })
    expect(textOf(await answer(upstream, echo('again')))).toBe('again')
  })

  it('a server that names no endpoint, or is none, is an error', async () => {
    const silent = await startHttp(({ res }) => void events(res).write(': hello\n\n'))
    const other = await startHttp(({ res }) => json(res, {}, 404))
    closing.push(
      () => silent.close(),
      () => other.close(),
    )
    const faces = [silent, other].map(server => {
      const upstream = upstreamOf({ kind: 'sse', url: server.url, headers: {} }, server === silent ? { timeouts: { connectMs: 300 } } : {})
      closing.push(() => upstream.close(100))
      return upstream.face(callerOf())
    })
    expect(await Promise.all(faces)).toMatchObject([{ stop: 'upstream-timeout' }, { stop: 'upstream-invalid' }])
  })
})
