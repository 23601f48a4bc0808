// A gateway that leaks on purpose, for test/egress.test.ts: the real listener and the real ways out, and between them an endpoint that mixes up secrets.
// Run with the preload; argument: which mistake it makes.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Server } from 'node:net'
import { once } from 'node:events'
import { createSafeFetch } from '../../../src/adapters/safe-fetch.ts'
import { HttpOrigin } from '../../../src/adapters/upstream/http-origin.ts'
import type { ReplySink } from '../../../src/adapters/upstream/http-reply.ts'
import { ProcessChannel } from '../../../src/adapters/upstream/process-channel.ts'
import { systemClock, Ticker } from '../../../src/adapters/upstream/ticker.ts'
import { takeOver } from '../../../src/http/raw-stream.ts'
import { createGatewayServer, type ServerDeps } from '../../../src/http/server.ts'

export const HOST_TOKEN = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.q8Vw3nT0xYl2mPZk7RjD5uHcGfEs9BaLoXiW1vN6tKyQpMhUeJrCbSdAzFgO4I'
export const CREDENTIAL = 'upstream-credential-of-alice/93+71'
const ISSUED = 'access-token-that-was-exchanged-for-alice-0815'

const mistake = process.argv[2] ?? ''
const signature = HOST_TOKEN.split('.')[2]!

const upstream = createServer((req, res) => {
  req
    .resume()
    .on('end', () =>
      res.setHeader('content-type', 'application/json').end(JSON.stringify(req.url === '/token' ? { access_token: ISSUED } : { ok: true })),
    )
})
const portOf = (server: Server): number => (server.address() as AddressInfo).port
await once(upstream.listen(0, '127.0.0.1'), 'listening')
const host = `127.0.0.1:${portOf(upstream)}`

const ticker = new Ticker(systemClock)
const origin = new HttpOrigin(
  { url: `http://${host}/mcp`, headers: { 'x-api-key': CREDENTIAL }, connectMs: 5_000, messageBytes: 65_536 },
  ticker,
)
const post = (body: string, headers: string[]): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const sink: ReplySink = { head: () => 'json', message: () => {}, end: () => resolve(undefined), failed: reject }
    origin.post(Buffer.from(body), headers, sink)
  })

async function spawned(environment: Record<string, string>, line: string): Promise<void> {
  let lost = (): void => {}
  const over = new Promise<void>(resolve => (lost = resolve))
  const channel = new ProcessChannel(
    { command: process.execPath, args: ['-e', 'process.stdin.resume()'], environment, messageBytes: 65_536, bufferBytes: 65_536 },
    { ticker, events: { message: () => {}, drained: () => {}, lost }, garbage: () => {}, stderr: () => {} },
  )
  channel.write(Buffer.from(line))
  await channel.stop(2_000)
  await over
}

const bodyOf: Readonly<Record<string, string>> = {
  whole: HOST_TOKEN,
  part: `xyz${signature.slice(21, 37)}xyz`,
  base64: Buffer.from(`Bearer ${HOST_TOKEN}`).toString('base64'),
}

/** What goes to the upstream for one request of the host. */
async function forward(authorization: string): Promise<void> {
  await post(
    JSON.stringify({ arguments: bodyOf[mistake] ?? 'nothing' }),
    mistake === 'header' ? ['x-forwarded-authorization', authorization] : [],
  )
  if (mistake === 'environment' || mistake === 'stdin')
    await spawned(mistake === 'stdin' ? {} : { TOKEN: authorization }, JSON.stringify({ token: mistake === 'stdin' ? signature : '' }))
  if (mistake === 'exchange')
    await createSafeFetch({ namedHosts: [host] }).request(`http://${host}/token`, { method: 'POST', body: 'grant_type=client_credentials' })
}

/** What the host gets. */
function answer(req: IncomingMessage, res: ServerResponse): void {
  if (mistake === 'stream') {
    const stream = takeOver(req, res, Buffer.from('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n'))
    stream?.write(Buffer.from(`data: ${CREDENTIAL}\n\n`))
    stream?.end()
  } else if (mistake === 'split') {
    res.write(CREDENTIAL.slice(0, 17))
    res.end(CREDENTIAL.slice(17))
  } else if (mistake === 'response-header') res.setHeader('x-debug', CREDENTIAL).end()
  else res.end(mistake === 'answer' ? JSON.stringify({ key: CREDENTIAL }) : mistake === 'exchange' ? ISSUED : 'honest')
}

const nothing = (): undefined => undefined
const server = createGatewayServer({
  endpoint: {
    handle: ({ req, res }: { req: IncomingMessage; res: ServerResponse }) =>
      void req.resume().on('end', () => void forward(req.headers.authorization ?? '').then(() => answer(req, res))),
    refuse: ({ res }: { res: ServerResponse }) => void res.writeHead(400).end(),
  },
  endpoints: () => new Map([['/mcp', {}]]),
  gatekeeper: () => ({ hosts: new Set([`127.0.0.1:${portOf(server)}`]), origins: new Set() }),
  isTrustedProxy: () => false,
  blockedSeconds: nothing,
  limitAddress: nothing,
  limitVisitor: nothing,
  connections: { admit: nothing },
  controlPlane: nothing,
  logout: nothing,
  admin: nothing,
  timeouts: { headersMs: 5_000, bodyMs: 5_000 },
} as unknown as ServerDeps)
await once(server.listen(0, '127.0.0.1'), 'listening')
const reply = await fetch(`http://127.0.0.1:${portOf(server)}/mcp`, {
  method: 'POST',
  body: '{}',
  headers: { authorization: `Bearer ${HOST_TOKEN}` },
})
await reply.text()
await origin.close()
server.close()
upstream.close()
upstream.closeAllConnections()
server.closeAllConnections()
