import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { afterEach, describe, expect, it } from 'vitest'
import { takeOver, type RawStream, type RawStreamLimits } from '../../src/http/raw-stream.ts'

const HEAD = Buffer.from('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n')
const GET = 'GET /mcp HTTP/1.1\r\nHost: a\r\n\r\n'

const running: { server: Server; streams: RawStream[]; sockets: Socket[] }[] = []
afterEach(() => {
  for (const { server, streams, sockets } of running.splice(0)) {
    for (const stream of streams) stream.destroy()
    for (const socket of sockets) socket.destroy()
    server.closeAllConnections()
    server.close()
  }
})

/** A server that takes over every request whose body has ended, and a way to wait for the next stream. */
async function taking(limits?: RawStreamLimits, options: Parameters<typeof createServer>[0] = {}) {
  const waiting: ((stream: RawStream) => void)[] = []
  const place = await listening((req, res) => {
    req.resume().on('end', () => {
      const stream = takeOver(req, res, HEAD, limits)
      if (!stream) return void res.writeHead(500).end('not taken')
      place.streams.push(stream)
      waiting.shift()?.(stream)
    })
  }, options)
  return { ...place, next: () => new Promise<RawStream>(resolve => waiting.push(resolve)) }
}

async function listening(listener: RequestListener, options: Parameters<typeof createServer>[0] = {}) {
  const server = createServer(options, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const place = { server, streams: [] as RawStream[], sockets: [] as Socket[], port: (server.address() as AddressInfo).port }
  running.push(place)
  return { ...place, dial: (text: string) => dial(place, text) }
}

/** A raw client: what it was sent so far, and a wait for a piece of text. */
function dial(place: { port: number; sockets: Socket[] }, text: string) {
  const socket = connect({ port: place.port, host: '127.0.0.1', allowHalfOpen: true })
  place.sockets.push(socket)
  socket.on('error', () => {})
  socket.write(text)
  let seen = ''
  socket.on('data', chunk => (seen += chunk.toString('latin1')))
  const until = async (wanted: string): Promise<string> => {
    while (!seen.includes(wanted))
      await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => Promise.reject(new Error(`closed after: ${seen}`)))])
    return seen
  }
  return { socket, until, seen: () => seen }
}

const closed = (stream: RawStream) => new Promise<void>(resolve => stream.onClose(resolve))

describe('framing', () => {
  it('is chunked towards HTTP/1.1, with a clean end', async () => {
    const { next, dial } = await taking()
    const stream = next()
    const client = dial(GET)
    const raw = await stream
    expect(raw.write(Buffer.from('data: 1\n\n'))).toBe(true)
    expect(raw.write(Buffer.alloc(0))).toBe(true)
    raw.end()
    const [head, body] = (await client.until('0\r\n\r\n')).split('\r\n\r\n', 2)
    expect(head).toMatch(
      /^HTTP\/1\.1 200 OK\r\nContent-Type: text\/event-stream\r\nCache-Control: no-cache\r\nDate: .* GMT\r\nConnection: close\r\nTransfer-Encoding: chunked$/,
    )
    expect(body).toBe('9\r\ndata: 1\n\n\r\n0')
    await once(client.socket, 'end')
  })

  it('is delimited by the connection towards HTTP/1.0', async () => {
    const { next, dial } = await taking()
    const stream = next()
    const client = dial('GET /mcp HTTP/1.0\r\n\r\n')
    const raw = await stream
    raw.write(Buffer.from('data: 1\n\n'))
    raw.end()
    await once(client.socket, 'end')
    expect(client.seen()).toMatch(/Connection: close\r\n\r\ndata: 1\n\n$/)
    expect(client.seen()).not.toMatch(/transfer-encoding/i)
  })

  it('refuses a head that carries a body or is none', async () => {
    for (const head of ['HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\r\n\r\n', 'nonsense']) {
      const { dial } = await listening((req, res) => {
        req.resume().on('end', () => {
          expect(() => takeOver(req, res, Buffer.from(head))).toThrow(RangeError)
          res.end('still answerable')
        })
      })
      await dial(GET).until('still answerable')
    }
  })
})

describe('clients of both SDK lines read events from it', () => {
  /** The least 2025 server: initialize by JSON, the GET stream taken over. */
  async function legacyServer() {
    let opened: (stream: RawStream) => void
    const stream = new Promise<RawStream>(resolve => (opened = resolve))
    const { port } = await listening((req, res) => {
      const chunks: Buffer[] = []
      req
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () => {
          if (req.method !== 'POST') {
            opened(takeOver(req, res, HEAD)!)
            return
          }
          const message = JSON.parse(Buffer.concat(chunks).toString()) as { id?: number; method: string }
          if (message.id === undefined) return void res.writeHead(202).end()
          const result = {
            protocolVersion: '2025-11-25',
            capabilities: { tools: { listChanged: true } },
            serverInfo: { name: 's', version: '1' },
          }
          const headers = { 'content-type': 'application/json', 'mcp-session-id': 'one' }
          res.writeHead(200, headers).end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }))
        })
    })
    return { url: new URL(`http://127.0.0.1:${port}/mcp`), stream }
  }
  const CHANGED = Buffer.from('event: message\ndata: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n')

  it('2025: GET stream of the v1 client', async () => {
    const { url, stream } = await legacyServer()
    const client = new LegacyClient({ name: 'c', version: '1' })
    const heard = new Promise<void>(resolve => client.setNotificationHandler(ToolListChangedNotificationSchema, () => resolve()))
    await client.connect(new LegacyTransport(url))
    const raw = await stream
    raw.write(CHANGED)
    await heard
    const gone = closed(raw)
    await client.close()
    await gone
  })

  it('2025: GET stream of the v2 client', async () => {
    const { url, stream } = await legacyServer()
    const client = new ModernClient({ name: 'c', version: '1' })
    const heard = new Promise<void>(resolve => client.setNotificationHandler('notifications/tools/list_changed', () => resolve()))
    await client.connect(new ModernTransport(url))
    const raw = await stream
    raw.write(CHANGED)
    await heard
    const gone = closed(raw)
    await client.close()
    await gone
  })

  it('2026: listen stream of the v2 transport', async () => {
    const { next, port } = await taking()
    const transport = new ModernTransport(new URL(`http://127.0.0.1:${port}/mcp`))
    const heard = new Promise<unknown>(resolve => (transport.onmessage = resolve))
    await transport.start()
    const stream = next()
    const listen = { jsonrpc: '2.0', id: 7, method: 'subscriptions/listen', params: { filter: {} } } as const
    const sent = transport.send(listen)
    const raw = await stream
    const event = { jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: { subscriptionId: 7 } }
    raw.write(Buffer.from(`data: ${JSON.stringify(event)}\n\n`))
    await sent
    expect(await heard).toEqual(event)
    const gone = closed(raw)
    await transport.close()
    await gone
  })
})

describe('the end of the connection', () => {
  it.each([
    ['reset', (socket: Socket) => socket.resetAndDestroy()],
    ['close', (socket: Socket) => socket.destroy()],
    ['half-close: no half-open stream stays behind', (socket: Socket) => socket.end()],
  ])('notices a client that is gone by %s', async (_, leave) => {
    const { next, dial } = await taking()
    const stream = next()
    const client = dial(GET)
    const raw = await stream
    await client.until('\r\n\r\n')
    const gone = Promise.all([closed(raw), closed(raw)])
    leave(client.socket)
    await gone
    expect(raw.isOpen).toBe(false)
    expect(raw.write(Buffer.from('x'))).toBe(false)
    await closed(raw)
  })

  it('survives server.close(), which neither waits for it nor ends it', async () => {
    const { next, dial, server } = await taking()
    const stream = next()
    const client = dial(GET)
    const raw = await stream
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
    raw.write(Buffer.from('data: late\n\n'))
    await client.until('data: late')
    raw.end()
    await once(client.socket, 'end')
  })

  it('is not killed by request timeouts that kill a slow request opened after it', async () => {
    const { next, dial } = await taking(undefined, {
      requestTimeout: 1500,
      headersTimeout: 1000,
      connectionsCheckingInterval: 10,
      keepAliveTimeout: 10,
    })
    const stream = next()
    const client = dial(GET)
    const raw = await stream
    await Promise.all([1, 2].map(() => dial('GET /mcp HTTP/1.1\r\nHost:').until('408')))
    raw.write(Buffer.from('data: alive\n\n'))
    await client.until('data: alive')
  })
})

describe('hostile clients', () => {
  it('cuts a reader that reads nothing once more than the bound would wait', async () => {
    const { next, dial } = await taking({ maxBufferedBytes: 100_000 })
    const stream = next()
    const client = dial(GET)
    const raw = await stream
    client.socket.pause()
    const gone = closed(raw)
    let accepted = 0
    while (raw.write(Buffer.alloc(50_000))) {
      accepted += 1
      expect(raw.bufferedBytes).toBeLessThanOrEqual(100_000)
      expect(accepted).toBeLessThan(1_000)
      await new Promise(setImmediate)
    }
    expect(raw.isOpen).toBe(false)
    await gone
  })

  it('cuts a reader that never takes the end', async () => {
    const { next, dial } = await taking({ endGraceMs: 30 })
    const stream = next()
    const client = dial(GET)
    const raw = await stream
    client.socket.pause()
    while (raw.bufferedBytes === 0) {
      raw.write(Buffer.alloc(500_000))
      await new Promise(setImmediate)
    }
    raw.end()
    raw.end()
    await closed(raw)
  })

  it('drops a few stray bytes and cuts a client that keeps sending', async () => {
    const { next, dial } = await taking()
    const stream = next()
    const client = dial(GET)
    const raw = await stream
    client.socket.write('\r\nstray')
    raw.write(Buffer.from('data: 1\n\n'))
    await client.until('data: 1')
    const gone = closed(raw)
    client.socket.write(Buffer.alloc(20_000))
    await gone
  })

  it('never answers a pipelined request into the stream of the one before it', async () => {
    const answers: ServerResponse[] = []
    const { dial } = await listening((req, res) => {
      if (req.url !== '/first') return void answers.push(res)
      req.resume().on('end', () => {
        const raw = takeOver(req, res, HEAD)!
        for (const answer of answers) answer.end('smuggled')
        setImmediate(() => {
          raw.write(Buffer.from('data: mine\n\n'))
          raw.end()
        })
      })
    })
    const client = dial('GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(client.socket, 'end')
    expect(answers).toHaveLength(1)
    expect(client.seen()).toContain('data: mine')
    expect(client.seen()).not.toContain('smuggled')
  })
})

describe('leaves alone what it cannot take', () => {
  const attempt = async (request: string, act: (req: IncomingMessage, res: ServerResponse) => void) => {
    const { dial } = await listening(act)
    return dial(request).until('untouched')
  }
  const expectUntaken = (req: IncomingMessage, res: ServerResponse) => {
    expect(takeOver(req, res, HEAD)).toBeUndefined()
    res.end('untouched')
  }

  it('a body that has not ended', async () => {
    await attempt('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab', expectUntaken)
  })
  it('a request still inside its parser', async () => {
    await attempt(GET, expectUntaken)
  })
  it('a response that has begun', async () => {
    await attempt(GET, (req, res) => {
      res.flushHeaders()
      req.resume().on('end', () => expectUntaken(req, res))
    })
  })
  it('a response that has to wait for an earlier pipelined one', async () => {
    let first: ServerResponse | undefined
    await attempt(GET + GET, (req, res) => {
      if (!first) return void (first = res)
      req.resume().on('end', () => {
        expectUntaken(req, res)
        first?.end()
      })
    })
  })
  it('a connection that is no plain socket', async () => {
    await attempt(GET, (req, res) => {
      req.resume().on('end', () => {
        const socket = res.socket!
        class Other extends Object.getPrototypeOf(socket).constructor {}
        Object.setPrototypeOf(socket, Other.prototype)
        expectUntaken(req, res)
      })
    })
  })
})

it('keeps neither request nor response in memory', async () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const held: WeakRef<object>[] = []
  let raw: RawStream | undefined
  const { dial, streams } = await listening((req, res) => {
    held.push(new WeakRef(req), new WeakRef(res), new WeakRef(req.socket))
    req.resume().on('end', () => {
      raw = takeOver(req, res, HEAD)
      streams.push(raw!)
    })
  })
  const client = dial(GET)
  await client.until('\r\n\r\n')
  for (let i = 0; i < 20 && held.some(ref => ref.deref()); i += 1) {
    await new Promise(setImmediate)
    gc()
  }
  expect(held.map(ref => ref.deref())).toEqual([undefined, undefined, undefined])
  expect(raw?.write(Buffer.from('data: 1\n\n'))).toBe(true)
  await client.until('data: 1')
})
