// The least a Node proxy can do, HTTP to HTTP: node:http in front, undici's dispatch behind, bytes as they come, one write where one is enough.
// It checks nothing. Prints its port. `node http-to-http-least.ts http://127.0.0.1:PORT/mcp`

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool, type Dispatcher } from 'undici'

const target = new URL(process.argv[2] ?? '')
const pool = new Pool(target.origin, { connections: 64, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
const HOP = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'host',
  'upgrade',
  'te',
  'trailer',
  'proxy-authorization',
  'content-length',
])

function relay(req: IncomingMessage, res: ServerResponse, body: Buffer | null): void {
  const raw = req.rawHeaders
  const headers: string[] = []
  for (let i = 0; i < raw.length; i += 2) if (!HOP.has(raw[i]!.toLowerCase())) headers.push(raw[i]!, raw[i + 1]!)
  pool.dispatch({ path: target.pathname, method: req.method as Dispatcher.HttpMethod, headers, body }, new Relay(res))
}

/** Small answers leave in one write, large ones as they arrive. */
class Relay implements Dispatcher.DispatchHandler {
  readonly #res: ServerResponse
  #first: Buffer | undefined
  constructor(res: ServerResponse) {
    this.#res = res
  }
  onRequestStart(): void {}
  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[]>): void {
    const kept: string[] = []
    for (const name in headers) {
      if (name === 'connection' || name === 'keep-alive' || name === 'transfer-encoding') continue
      const value = headers[name]!
      for (const one of Array.isArray(value) ? value : [value]) kept.push(name, one)
    }
    this.#res.writeHead(status, kept)
  }
  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const first = this.#first
    if (first === undefined) {
      this.#first = chunk
      return
    }
    if (first.length > 0) this.#res.write(first)
    this.#first = EMPTY
    if (this.#res.write(chunk)) return
    controller.pause()
    this.#res.once('drain', () => controller.resume())
  }
  onResponseEnd(): void {
    if (this.#first && this.#first.length > 0) this.#res.end(this.#first)
    else this.#res.end()
  }
  onResponseError(): void {
    if (!this.#res.headersSent) this.#res.writeHead(502)
    this.#res.end()
  }
}
const EMPTY = Buffer.alloc(0)

const server = createServer((req, res) => {
  if (req.method !== 'POST') {
    req.resume()
    relay(req, res, null)
    return
  }
  let only: Buffer | undefined
  let several: Buffer[] | undefined
  req.on('data', (chunk: Buffer) => {
    if (only === undefined) only = chunk
    else (several ??= [only]).push(chunk)
  })
  req.on('end', () => relay(req, res, several ? Buffer.concat(several) : (only ?? EMPTY)))
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
process.on('SIGTERM', () => process.exit(0))
