// A byte passthrough: the control of the harness. Nothing is lost through it, so what the suite loses through the gateway is the
// gateway's doing. With `record` it also writes down every exchange, for reports of what went over the wire.

import { appendFileSync } from 'node:fs'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Passthrough = { readonly url: string; stop(): Promise<void> }
export type PassthroughOptions = {
  /** JSON lines: method, path, headers and body of each request, status, headers and body of each response */
  readonly record?: string
  /** rewrite the passthrough's own host:port to the target's in Host and Origin, for targets that check their port */
  readonly rewriteHost?: boolean
  /** refuse requests without this token, and keep it from the target: shows that the suite's requests all carry one */
  readonly bearer?: string
}

/** Header values safe to write down: a bearer token is not. */
function recorded(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  return { ...headers, ...(headers.authorization !== undefined && { authorization: 'Bearer …' }) }
}

type Target = { readonly url: URL; readonly own: string; readonly options: PassthroughOptions }

function relay({ url, own, options }: Target, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const headers = { ...incoming.headers }
  if (options.bearer !== undefined) {
    if (headers.authorization !== `Bearer ${options.bearer}`) {
      outgoing.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
      return
    }
    delete headers.authorization
  }
  if (options.rewriteHost === true && headers.host === own) {
    headers.host = url.host
    if (headers.origin === `http://${own}`) headers.origin = url.origin
  }
  const path = new URL(incoming.url ?? '/', url).pathname === '/mcp' ? url.pathname : (incoming.url ?? '/')
  const sent: Buffer[] = []
  const received: Buffer[] = []
  const forward = httpRequest({ host: url.hostname, port: url.port, path, method: incoming.method ?? 'GET', headers }, answer => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    outgoing.flushHeaders()
    answer.on('data', (chunk: Buffer) => received.push(chunk))
    answer.pipe(outgoing)
    answer.on('error', () => outgoing.destroy())
    answer.on('close', () => {
      if (options.record === undefined) return
      const request = { method: incoming.method, path, headers: recorded(headers), body: Buffer.concat(sent).toString() }
      const response = { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(received).toString() }
      appendFileSync(options.record, `${JSON.stringify({ request, response })}\n`)
    })
  })
  forward.on('error', () => {
    if (!outgoing.headersSent) outgoing.writeHead(502)
    outgoing.end()
  })
  // a host that goes away must be seen upstream: it is cancellation in 2026-07-28
  outgoing.on('close', () => forward.destroy())
  incoming.on('data', (chunk: Buffer) => sent.push(chunk))
  incoming.pipe(forward)
}

/** Listens on a free loopback port; `/mcp` there is `target` here. */
export async function startPassthrough(target: string, options: PassthroughOptions = {}): Promise<Passthrough> {
  let own = ''
  const server = createServer((incoming, outgoing) => relay({ url: new URL(target), own, options }, incoming, outgoing))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  own = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `http://${own}/mcp`,
    async stop() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
