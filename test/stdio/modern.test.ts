import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { mintedTokens } from '../../src/stdio/tokens.ts'
import { event, events, json, result, startHttp, type HttpExchange, type HttpUpstream } from '../support/upstreams/http-upstream.ts'
import { answerTo, modern, startBridge, type ScriptedBridge } from './scripted.ts'

let gateway: HttpUpstream
let bridge: ScriptedBridge
const start = async (handle: (exchange: HttpExchange) => void): Promise<void> => {
  gateway = await startHttp(handle)
  bridge = startBridge(gateway.url)
}
afterEach(async () => {
  const ended = bridge.end()
  bridge.bridge.hurry()
  await ended
  await gateway.close()
})
const headersOf = (exchange: HttpExchange | undefined) => exchange?.req.headers

describe('a 2026-07-28 request', () => {
  it('is posted byte for byte, and its answer written byte for byte', async () => {
    const body =
      '{ "params":{"name":"a__b" , "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","x":1.0e2}},"id":"7","method":"tools/call","jsonrpc":"2.0", "vendor":[12345678901234567890]}'
    const answer = '{"result":{"n":12345678901234567890,"\\u0061":"\\ud83d\\ude00"} ,"id":"7","jsonrpc":"2.0"}'
    await start(({ res }) => res.writeHead(200, { 'content-type': 'application/json' }).end(answer))
    bridge.send(body)
    await bridge.next(answerTo('7'))
    expect(gateway.seen[0]?.body).toBe(body)
    expect(bridge.raw).toEqual([answer])
  })

  it('says in headers what its body says, names that no header can carry in the sentinel form', async () => {
    await start(({ res, message }) => json(res, result(message.id, 'x')))
    bridge.send(modern(1, 'resources/read', { uri: 'file:///ä' }))
    bridge.send(modern(2, 'tools/list'))
    await bridge.next(answerTo(1))
    await bridge.next(answerTo(2))
    const [read, list] = ['resources/read', 'tools/list'].map(method => headersOf(gateway.seen.find(s => s.message.method === method)))
    expect(read).toMatchObject({
      authorization: 'Bearer token-1',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'resources/read',
      'mcp-name': `=?base64?${Buffer.from('file:///ä').toString('base64')}?=`,
      accept: 'application/json, text/event-stream',
    })
    expect(list).not.toHaveProperty('mcp-name')
    expect(list).not.toHaveProperty('mcp-session-id')
  })

  it('gets what its event stream holds, in order, and nothing but its own answer', async () => {
    await start(({ res, message }) => {
      const stream = events(res)
      stream.write(event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } }))
      stream.write(event({ jsonrpc: '2.0', id: 'somebody else', result: {} }))
      stream.write(event({ jsonrpc: '2.0', id: 9, method: 'sampling/createMessage', params: {} }))
      stream.write(event('not json'))
      stream.end(event(result(message.id, 'done')))
    })
    bridge.send(modern(1, 'tools/call', { name: 'a' }))
    await bridge.next(answerTo(1))
    expect(bridge.raw.map(line => JSON.parse(line).method ?? JSON.parse(line).id)).toEqual(['notifications/progress', 1])
    expect(bridge.notes).toHaveLength(3)
  })

  it('keeps an answer with line breaks between its tokens, or U+2028 in it, on one line', async () => {
    await start(({ res }) =>
      res.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0",\r\n"id":1,\n"result":{"t":"a\u2028b"}}'),
    )
    bridge.send(modern(1, 'tools/list'))
    expect((await bridge.next(answerTo(1))).result).toEqual({ t: 'a\u2028b' })
    expect(bridge.raw).toHaveLength(1)
    expect(bridge.raw[0]).not.toMatch(/[\r\n\u2028]/)
  })

  it('is cancelled by closing its POST, is not answered afterwards, and its id can be used again', async () => {
    const closed = Promise.withResolvers<undefined>()
    let calls = 0
    await start(({ res, message }) => {
      if (++calls > 1) return json(res, result(message.id, 'second'))
      events(res).write(event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } }))
      res.on('close', () => closed.resolve(undefined))
    })
    bridge.send(modern(1, 'tools/call', { name: 'a' }))
    await bridge.next(m => m.method === 'notifications/progress')
    bridge.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } })
    await closed.promise
    bridge.send(modern(1, 'tools/call', { name: 'a' }))
    expect((await bridge.next(answerTo(1))).result.content[0].text).toBe('second')
    expect(gateway.seen).toHaveLength(2)
    expect(bridge.raw).toHaveLength(2)
  })

  it('is answered once, whatever else comes', async () => {
    await start(({ res, message }) => {
      const stream = events(res)
      stream.write(event(result(message.id, 'first')))
      stream.write(event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } }))
      stream.end(event(result(message.id, 'second')))
    })
    bridge.send(modern(1, 'tools/call', { name: 'a' }))
    await bridge.next(answerTo(1))
    await bridge.end()
    expect(bridge.raw).toHaveLength(1)
    expect(bridge.raw[0]).toContain('first')
  })

  it('gets a refusal of the gateway untouched', async () => {
    const refusal = '{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Unknown name","data":{"reason":"unknown"}}}'
    await start(({ res }) => res.writeHead(404, { 'content-type': 'application/json' }).end(refusal))
    bridge.send(modern(1, 'tools/call', { name: 'a' }))
    await bridge.next(answerTo(1))
    expect(bridge.raw).toEqual([refusal])
  })

  it('gets its id on an error that came without one', async () => {
    await start(({ res }) => json(res, { jsonrpc: '2.0', error: { code: -32600, message: 'Request body too large' } }, 413))
    bridge.send(modern('a"b', 'tools/call', { name: 'a' }))
    expect(await bridge.next(answerTo('a"b'))).toMatchObject({ error: { code: -32600, message: 'Request body too large' } })
  })

  it.each([
    [
      'a page that is no MCP message',
      (x: HttpExchange) => x.res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>hi</h1>'),
      'answer-unusable',
      /status 200 and no MCP message/,
    ],
    [
      'a redirect, never followed',
      (x: HttpExchange) => x.res.writeHead(307, { location: 'http://evil.test/' }).end(),
      'answer-unusable',
      /redirect \(307\)/,
    ],
    ['202 for a request', (x: HttpExchange) => x.res.writeHead(202).end(), 'answer-unusable', /status 202/],
    [
      'unreadable JSON',
      (x: HttpExchange) => x.res.writeHead(400, { 'content-type': 'application/json' }).end('{"a":1,"a":2}'),
      'answer-unusable',
      /unreadable/,
    ],
    ['a stream that ends without an answer', (x: HttpExchange) => events(x.res).end(), 'answer-lost', /may have been carried out/],
    ['a connection that breaks', (x: HttpExchange) => x.req.socket.destroy(), 'answer-lost', /may have been carried out/],
    [
      'a compressed answer',
      (x: HttpExchange) =>
        x.res
          .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
          .end(JSON.stringify(result(x.message.id, 'not compressed at all'))),
      'answer-unusable',
      /status 200/,
    ],
  ])('becomes an error that says what to do: %s', async (_name, handle, reason, message) => {
    await start(handle)
    bridge.send(modern(1, 'tools/call', { name: 'a' }))
    const { error } = await bridge.next(answerTo(1))
    expect(error).toMatchObject({ code: -32603, message: expect.stringMatching(message), data: { reason } })
    expect(bridge.raw.join()).not.toContain('evil.test')
    expect(gateway.seen).toHaveLength(1)
  })

  it('waits for a gateway that is stopping, and asks again only because nothing was done', async () => {
    let calls = 0
    await start(({ res, message }) => {
      if (++calls < 3)
        json(res, { jsonrpc: '2.0', id: message.id, error: { code: -31503, message: 'x', data: { reason: 'draining' } } }, 503)
      else json(res, result(message.id, 'after the restart'))
    })
    bridge.send(modern(1, 'tools/call', { name: 'a' }))
    expect((await bridge.next(answerTo(1))).result.content[0].text).toBe('after the restart')
    expect(bridge.pauses).toEqual([250, 500])
  })

  it('never sends a call again after another 503: it may have been carried out', async () => {
    await start(({ res, message }) =>
      json(res, { jsonrpc: '2.0', id: message.id, error: { code: -31503, message: 'x', data: { reason: 'audit-unavailable' } } }, 503),
    )
    bridge.send(modern(1, 'tools/call', { name: 'a' }))
    expect((await bridge.next(answerTo(1))).error.data.reason).toBe('audit-unavailable')
    expect(gateway.seen).toHaveLength(1)
  })

  it('refuses a second request with an id in use', async () => {
    await start(({ res, message }) => {
      if (message.method === 'tools/list') json(res, result(message.id, 'x'))
    })
    bridge.send(modern(1, 'tools/call', { name: 'never answered' }))
    bridge.send(modern(1, 'tools/list'))
    expect((await bridge.next(answerTo(1))).error.message).toContain('the request id is in use')
  })
})

describe('access tokens', () => {
  it('are renewed once after a 401, before which nothing was done', async () => {
    let minted = 0
    gateway = await startHttp(({ req, res, message }) => {
      if (req.headers.authorization === 'Bearer token-2') json(res, result(message.id, 'in'))
      else res.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
    })
    bridge = startBridge(
      gateway.url,
      mintedTokens(
        async () => ({ token: `token-${++minted}`, expiresInSeconds: 600 }),
        () => 0,
      ),
    )
    bridge.send(modern(1, 'tools/list'))
    expect((await bridge.next(answerTo(1))).result.content[0].text).toBe('in')
    expect(gateway.seen).toHaveLength(2)
  })

  it('are renewed once where they lack a scope, and what the gateway says then goes to the host as it came', async () => {
    let minted = 0
    const refusal = (id: unknown): object => ({
      jsonrpc: '2.0',
      id,
      error: { code: -31401, message: 'Insufficient scope', data: { reason: 'scope-missing' } },
    })
    gateway = await startHttp(({ req, res, message }) => {
      if (req.headers.authorization === 'Bearer token-2' && message.id === 1) json(res, result(message.id, 'in'))
      else json(res, refusal(message.id), 403, { 'www-authenticate': 'Bearer error="insufficient_scope", scope="up:write"' })
    })
    bridge = startBridge(
      gateway.url,
      mintedTokens(
        async () => ({ token: `token-${++minted}`, expiresInSeconds: 600 }),
        () => 0,
      ),
    )
    bridge.send(modern(1, 'tools/list'))
    expect((await bridge.next(answerTo(1))).result.content[0].text).toBe('in')
    bridge.send(modern(2, 'tools/list'))
    expect((await bridge.next(answerTo(2))).error).toMatchObject({ code: -31401, data: { reason: 'scope-missing' } })
    expect(gateway.seen).toHaveLength(4)
  })

  it('that stay refused become an error that says what to do, and are not shown', async () => {
    await start(({ res }) => res.writeHead(401).end())
    bridge.send(modern(1, 'tools/list'))
    const { error } = await bridge.next(answerTo(1))
    expect(error).toMatchObject({ data: { reason: 'token-refused', fix: 'put a fresh one' } })
    expect(bridge.raw.join() + bridge.notes.join()).not.toContain('token-1')
    expect(gateway.seen).toHaveLength(1)
  })
})

describe('Mcp-Param headers (SEP-2243)', () => {
  const tools = (name: string) => [
    { name: 'plain', inputSchema: { type: 'object' } },
    { name: 'a__b', inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': name } } } },
  ]
  const call = modern(2, 'tools/call', { name: 'a__b', arguments: { region: 'eu west ä' } })
  const encoded = `=?base64?${Buffer.from('eu west ä').toString('base64')}?=`

  it('come from the lists that passed by', async () => {
    await start(({ res, message }) =>
      json(
        res,
        message.method === 'tools/list' ? { jsonrpc: '2.0', id: message.id, result: { tools: tools('Region') } } : result(message.id, 'x'),
      ),
    )
    bridge.send(modern(1, 'tools/list'))
    await bridge.next(answerTo(1))
    bridge.send(call)
    await bridge.next(answerTo(2))
    expect(headersOf(gateway.seen[1])).toMatchObject({ 'mcp-param-region': encoded })
  })

  it('are learnt when the gateway misses them, page by page, and the call is sent once more (R27)', async () => {
    await start(({ req, res, message }) => {
      if (message.method === 'tools/list') {
        const page = message.params.cursor === 'p"2' ? { tools: tools('Region') } : { tools: [], nextCursor: 'p"2' }
        return json(res, { jsonrpc: '2.0', id: message.id, result: page })
      }
      if (req.headers['mcp-param-region'] !== undefined) return json(res, result(message.id, 'x'))
      json(res, { jsonrpc: '2.0', id: message.id, error: { code: -32020, message: 'Header mismatch' } }, 400)
    })
    bridge.send(call)
    await bridge.next(answerTo(2))
    expect(gateway.seen.map(s => s.message.method)).toEqual(['tools/call', 'tools/list', 'tools/list', 'tools/call'])
    expect(gateway.seen[1]?.message.params._meta).toEqual((call as any).params._meta)
    expect(bridge.raw).toHaveLength(1)
  })

  it('that cannot be learnt leave the refusal as it was, after one look', async () => {
    await start(({ res, message }) =>
      message.method === 'tools/list'
        ? json(res, { jsonrpc: '2.0', id: message.id, result: { tools: [] } })
        : json(res, { jsonrpc: '2.0', id: message.id, error: { code: -32020, message: 'Header mismatch' } }, 400),
    )
    bridge.send(call)
    expect((await bridge.next(answerTo(2))).error.code).toBe(-32020)
    expect(gateway.seen.map(s => s.message.method)).toEqual(['tools/call', 'tools/list'])
  })
})

describe('subscriptions/listen', () => {
  const ack = (id: unknown) => ({
    jsonrpc: '2.0',
    method: 'notifications/subscriptions/acknowledged',
    params: {
      notifications: { toolsListChanged: true, resourceSubscriptions: ['r://1'] },
      _meta: { 'io.modelcontextprotocol/subscriptionId': id },
    },
  })
  const changed = (id: unknown) => ({
    jsonrpc: '2.0',
    method: 'notifications/tools/list_changed',
    params: { _meta: { 'io.modelcontextprotocol/subscriptionId': id } },
  })
  const listen = modern('listen:1', 'subscriptions/listen', { notifications: { toolsListChanged: true } })

  it('outlives its stream: the host hears one acknowledgement, and what may have changed while nothing was open', async () => {
    let opened = 0
    await start(({ res, message }) => {
      opened++
      const stream = events(res)
      stream.write(event(ack(message.id)))
      if (opened === 1) stream.end()
      else if (opened === 2) stream.end(event({ jsonrpc: '2.0', id: message.id, result: { resultType: 'complete' } }))
      else stream.write(event(changed(message.id)))
    })
    bridge.send(listen)
    await bridge.next(m => m.method === 'notifications/subscriptions/acknowledged')
    for (let i = 0; i < 3; i++) expect(await bridge.next(m => m.method === 'notifications/tools/list_changed')).toEqual(changed('listen:1'))
    expect(await bridge.next(m => m.method === 'notifications/resources/updated')).toMatchObject({
      params: { uri: 'r://1', _meta: { 'io.modelcontextprotocol/subscriptionId': 'listen:1' } },
    })
    expect(bridge.raw.filter(line => line.includes('acknowledged'))).toHaveLength(1)
    expect(bridge.raw.some(line => line.includes('"result"'))).toBe(false)
  })

  it('closes its stream when the host cancels it, and is not opened again', async () => {
    await start(({ res, message }) => void events(res).write(event(ack(message.id))))
    bridge.send(listen)
    await bridge.next(m => m.method === 'notifications/subscriptions/acknowledged')
    const [socket] = gateway.sockets
    bridge.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'listen:1' } })
    await once(socket!, 'close')
    expect(gateway.seen).toHaveLength(1)
  })

  it('that the gateway cannot take now is refused to the host, which knows best when to ask again', async () => {
    await start(({ res, message }) =>
      json(res, { jsonrpc: '2.0', id: message.id, error: { code: -31429, message: 'Too many streams' } }, 429),
    )
    bridge.send(listen)
    expect((await bridge.next(answerTo('listen:1'))).error.code).toBe(-31429)
    expect(gateway.seen).toHaveLength(1)
  })

  it('that the gateway refuses is refused to the host, at once or when it is opened again', async () => {
    let opened = 0
    await start(({ res, message }) => {
      if (++opened > 1) return json(res, { jsonrpc: '2.0', id: message.id, error: { code: -32602, message: 'no longer' } }, 400)
      events(res).end(event(ack(message.id)))
    })
    bridge.send(listen)
    expect((await bridge.next(answerTo('listen:1'))).error.message).toBe('no longer')
    bridge.send({ ...listen, id: 2 })
    expect((await bridge.next(answerTo(2))).error.message).toBe('no longer')
    expect(gateway.seen).toHaveLength(3)
  })
})

describe('what a host may not send', () => {
  it.each([
    ['no JSON', 'garbage', undefined, -32700],
    ['a key twice', '{"jsonrpc":"2.0","id":5,"method":"ping","method":"tools/call"}', undefined, -32700],
    ['no version', '{"id":5,"method":"ping"}', 5, -32600],
    ['an id beyond 2^53', '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}', undefined, -32600],
    ['params of the wrong kind', '{"jsonrpc":"2.0","id":5,"method":"ping","params":[]}', 5, -32602],
    ['a batch, which 2025-03-26 alone has', '[{"jsonrpc":"2.0","id":5,"method":"ping"}]', undefined, -32600],
    ['a line that is too long', `{"x":"${'a'.repeat(1_000_001)}"}`, undefined, -32600],
  ])('%s is refused here, and the next line works', async (_name, line, id, code) => {
    await start(({ res, message }) => json(res, result(message.id, 'fine')))
    bridge.send(line)
    bridge.send(modern(77, 'tools/list'))
    await bridge.next(answerTo(77))
    const [refusal] = bridge.raw.map(text => JSON.parse(text))
    expect(refusal.id).toBe(id)
    expect(refusal.error).toMatchObject({ code, data: { reason: 'message-invalid' } })
    expect(gateway.seen).toHaveLength(1)
  })

  it('answers to questions nobody asked are dropped', async () => {
    await start(({ res, message }) => json(res, result(message.id, 'fine')))
    bridge.send({ jsonrpc: '2.0', id: 'gatehouse-1', result: { action: 'accept' } })
    bridge.send(modern(1, 'tools/list'))
    await bridge.next(answerTo(1))
    expect(gateway.seen).toHaveLength(1)
    expect(bridge.notes.join()).toContain('not asked')
  })
})

describe('the end of a host', () => {
  it('lets requests finish, and closes subscriptions', async () => {
    const release = Promise.withResolvers<undefined>()
    await start(({ res, message }) => {
      if (message.method === 'subscriptions/listen')
        events(res).write(event({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: {} }))
      else void release.promise.then(() => json(res, result(message.id, 'last')))
    })
    bridge.send(modern(1, 'subscriptions/listen', { notifications: {} }))
    await bridge.next(m => m.method !== undefined)
    bridge.send(modern(2, 'tools/call', { name: 'a' }))
    const ended = bridge.end()
    release.resolve(undefined)
    await bridge.next(answerTo(2))
    await ended
    expect(bridge.raw).toHaveLength(2)
  })

  it('in a hurry answers what is left with what may have happened', async () => {
    await start(() => {})
    bridge.send(modern(2, 'tools/call', { name: 'a' }))
    const ended = bridge.end()
    bridge.bridge.hurry()
    expect((await bridge.next(answerTo(2))).error.data.reason).toBe('bridge-ending')
    await ended
  })
})
