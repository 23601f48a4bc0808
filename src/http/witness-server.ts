// The two addresses of a witness (C2SP tlog-witness): one takes checkpoints, one tells the newest that was cosigned. Nobody has to be known: what counts is
// signed. Bounded in size, time and connections.

import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'

export type WitnessReply = {
  readonly status: number
  readonly type: 'text/plain; charset=utf-8' | 'text/x.tlog.size'
  readonly body: string
}

export type WitnessServerParts = {
  /** one `add-checkpoint`; throws where nothing can be said */
  readonly add: (body: string) => WitnessReply
  /** the newest cosigned checkpoint of the log whose origin has this SHA-256 (lower case hexadecimal); undefined = none */
  readonly latest: (originHash: string) => string | undefined
  readonly maxBytes: number
  /** something that was thrown; never told to whoever asked */
  readonly onFault: (cause: unknown) => void
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer }
}

const OPTIONS = {
  maxHeaderSize: 8192,
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 1000,
  insecureHTTPParser: false,
} as const
const MAX_CONNECTIONS = 512
const LATEST = /^\/([0-9a-f]{64})\/checkpoint$/

/** Not listening yet. */
export function createWitnessServer(parts: WitnessServerParts): Server {
  const onRequest: RequestListener = (req, res) => {
    try {
      handle(parts, req, res)
    } catch (cause) {
      fail(parts, res, cause)
    }
  }
  const server = parts.tls ? createTlsServer({ ...OPTIONS, ...parts.tls }, onRequest) : createServer(OPTIONS, onRequest)
  server.maxConnections = MAX_CONNECTIONS
  server.on('upgrade', (_req, socket) => socket.destroy())
  return server
}

function handle(parts: WitnessServerParts, req: IncomingMessage, res: ServerResponse): void {
  const path = (req.url ?? '').split('?', 1)[0] ?? ''
  if (path === '/add-checkpoint') {
    if (req.method !== 'POST') return answer(res, text(405, 'expected POST'))
    return collect(parts, req, res)
  }
  const [, originHash] = LATEST.exec(path) ?? []
  if (originHash === undefined) return answer(res, text(404, 'there is /add-checkpoint, and /<SHA-256 of an origin>/checkpoint'))
  if (req.method !== 'GET' && req.method !== 'HEAD') return answer(res, text(405, 'expected GET'))
  const note = parts.latest(originHash)
  answer(res, note === undefined ? text(404, 'this witness cosigned nothing of that log') : { ...text(200, ''), body: note })
}

function collect(parts: WitnessServerParts, req: IncomingMessage, res: ServerResponse): void {
  const chunks: Buffer[] = []
  let size = 0
  req.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= parts.maxBytes) return void chunks.push(chunk)
    chunks.length = 0
    if (!res.headersSent) {
      res.setHeader('connection', 'close')
      answer(res, text(413, `expected at most ${parts.maxBytes} bytes`))
    }
  })
  req.on('end', () => {
    if (size > parts.maxBytes) return
    try {
      answer(res, parts.add(Buffer.concat(chunks).toString('utf8')))
    } catch (cause) {
      fail(parts, res, cause)
    }
  })
}

const text = (status: number, words: string): WitnessReply => ({ status, type: 'text/plain; charset=utf-8', body: `${words}\n` })

function answer(res: ServerResponse, { status, type, body }: WitnessReply): void {
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), 'x-content-type-options': 'nosniff' })
  res.end(body)
}

function fail({ onFault }: WitnessServerParts, res: ServerResponse, cause: unknown): void {
  onFault(cause)
  if (res.headersSent) res.destroy()
  else answer(res, text(500, 'the witness cannot say now; nothing was signed'))
}
