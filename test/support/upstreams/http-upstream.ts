// An HTTP upstream over raw node whose every byte a test decides.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'

export type HttpExchange = { readonly req: IncomingMessage; readonly res: ServerResponse; readonly message: any; readonly body: string }
export type HttpUpstream = {
  readonly url: string
  /** everything that was asked, in order */
  readonly seen: HttpExchange[]
  /** the messages of the POSTs, by method */
  of(method: string): any[]
  readonly sockets: Set<Socket>
  close(): Promise<void>
}

export async function startHttp(handle: (exchange: HttpExchange) => void, port = 0): Promise<HttpUpstream> {
  const seen: HttpExchange[] = []
  const sockets = new Set<Socket>()
  const server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const exchange = { req, res, body, message: body === '' ? undefined : JSON.parse(body) }
      seen.push(exchange)
      handle(exchange)
    })
    req.on('error', () => {})
  })
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    seen,
    of: method => seen.flatMap(({ message }) => (message?.method === method ? [message] : [])),
    sockets,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** A TCP server for what node:http would not send. `talk` gets each connection's bytes. */
export async function startTcp(talk: (socket: Socket, bytes: Buffer) => void): Promise<{ url: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const server = createTcpServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    socket.on('data', bytes => talk(socket, bytes))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

export const json = (res: ServerResponse, value: unknown, status = 200, headers: Record<string, string> = {}): void =>
  void res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
export const events = (res: ServerResponse, headers: Record<string, string> = {}): ServerResponse =>
  res.writeHead(200, { 'content-type': 'text/event-stream', ...headers })
export const event = (value: unknown, id?: string): string =>
  `${id === undefined ? '' : `id: ${id}\n`}data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`

const textResult = (text: string): object => ({ content: [{ type: 'text', text }], resultType: 'complete' })
export const result = (id: unknown, text: string): object => ({ jsonrpc: '2.0', id, result: textResult(text) })
export const notFound = (id: unknown): object => ({ jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } })
export const discovered = (id: unknown, more: object = {}): object => ({
  jsonrpc: '2.0',
  id,
  result: {
    resultType: 'complete',
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: { listChanged: true } },
    ttlMs: 0,
    cacheScope: 'private',
    ...more,
  },
})
export const initialized = (id: unknown, version = '2025-11-25'): object => ({
  jsonrpc: '2.0',
  id,
  result: {
    protocolVersion: version,
    capabilities: { tools: { listChanged: true }, logging: {}, resources: { subscribe: true } },
    serverInfo: { name: 'raw', version: '1' },
  },
})

type Greeting = { readonly era: 'modern' | 'legacy'; readonly capabilities?: object; readonly session: () => string }

/**
 * What servers do alike before they do anything of their own: no standing stream, sessions end, the first message of their era is answered, that of the
 * other refused as real servers of it do, notifications are taken. True = taken care of.
 */
export function greet({ req, res, message }: HttpExchange, { era, capabilities, session }: Greeting): boolean {
  const { id, method } = message ?? {}
  if (req.method === 'GET') res.writeHead(405).end()
  else if (req.method === 'DELETE') res.writeHead(200).end()
  else if (method === 'server/discover' && era === 'modern') json(res, discovered(id, capabilities && { capabilities }))
  else if (method === 'server/discover')
    json(res, { jsonrpc: '2.0', id: null, error: { code: -32000, message: 'Bad Request: Server not initialized' } }, 400)
  else if (method === 'initialize') {
    const answer: any = initialized(id)
    if (capabilities) answer.result.capabilities = capabilities
    json(res, answer, 200, { 'mcp-session-id': session() })
  } else if (id === undefined || method === undefined) res.writeHead(202).end()
  else return false
  return true
}

/** A well-behaved modern server; `more` gets the calls that are not echo, or any exchange when it returns true. */
export const startModern = (more: (exchange: HttpExchange) => boolean = () => false): Promise<HttpUpstream> =>
  startHttp(exchange => {
    const { res, message } = exchange
    if (more(exchange)) return
    if (message?.method === 'server/discover') {
      json(res, discovered(message.id))
      return
    }
    if (message?.method === 'tools/call') {
      json(res, result(message.id, message.params.arguments.text))
      return
    }
    json(res, notFound(message?.id), 404)
  })

/** A well-behaved legacy server with sessions; `more` may take an exchange over by returning true. */
export const startLegacy = (
  more: (exchange: HttpExchange) => boolean = () => false,
  version?: string,
): Promise<HttpUpstream & { sessions: Set<string> }> => {
  const sessions = new Set<string>()
  let last = 0
  const started = startHttp(exchange => {
    const { req, res, message } = exchange
    if (more(exchange)) return
    const id = req.headers['mcp-session-id'] as string | undefined
    if (req.method === 'DELETE') {
      sessions.delete(id ?? '')
      return void res.writeHead(200).end()
    }
    if (message?.method === 'initialize') {
      const session = `session-${++last}`
      sessions.add(session)
      json(res, initialized(message.id, version), 200, { 'mcp-session-id': session })
      return
    }
    if (message?.method === 'server/discover') {
      json(res, { jsonrpc: '2.0', error: { code: -32000, message: 'Bad Request: Server not initialized' }, id: null }, 400)
      return
    }
    if (!sessions.has(id ?? '')) {
      json(res, { jsonrpc: '2.0', error: { code: -32001, message: 'Session not found' }, id: null }, 404)
      return
    }
    if (req.method === 'GET') return void res.writeHead(405).end()
    if (message.id === undefined || message.method === undefined) return void res.writeHead(202).end()
    if (message.method === 'tools/call') {
      json(res, result(message.id, message.params.arguments?.text ?? ''))
      return
    }
    json(
      res,
      message.method === 'logging/setLevel' || message.method.startsWith('resources/')
        ? { jsonrpc: '2.0', id: message.id, result: {} }
        : notFound(message.id),
    )
  })
  return started.then(upstream => Object.assign(upstream, { sessions }))
}
