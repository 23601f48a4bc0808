// The bare proxy, HTTP to HTTP, as one writes it: node:http in front, `undici.request` on a keep-alive pool behind, streams piped. It checks nothing.
// Prints its port. `node http-to-http.ts http://127.0.0.1:PORT/mcp`

import { createServer, type OutgoingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import { Pool, type Dispatcher } from 'undici'

const target = new URL(process.argv[2] ?? '')
const pool = new Pool(target.origin, { connections: 64, headersTimeout: 0, bodyTimeout: 0 })
const HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'host', 'upgrade', 'te', 'trailer', 'proxy-authorization'])

function kept(headers: Readonly<Record<string, string | string[] | undefined>>): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = {}
  for (const name in headers) if (!HOP.has(name)) out[name] = headers[name]
  return out
}

const server = createServer((req, res) => {
  const method = req.method as Dispatcher.HttpMethod
  const headers = kept(req.headers) as Record<string, string>
  pool.request({ path: target.pathname, method, headers, body: method === 'POST' ? req : null }).then(
    answer => {
      res.writeHead(answer.statusCode, kept(answer.headers))
      pipeline(answer.body, res, () => {})
    },
    () => {
      if (!res.headersSent) res.writeHead(502)
      res.end()
    },
  )
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
process.on('SIGTERM', () => process.exit(0))
