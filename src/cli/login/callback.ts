// The loopback end of a login (RFC 8252 section 7.3): one page on 127.0.0.1 that takes the answer of the authorization server, and nothing else.

import { hash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Fault } from '../../kernel/errors.ts'

export type Callback = {
  readonly redirectUri: string
  /** the whole URL the browser came with; rejects with Fault `login-timeout` */
  readonly answer: Promise<URL>
  close(): void
}

const PATH = '/callback'
const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  Connection: 'close',
}

/**
 * Listens on a port of its own. Whatever does not carry exactly this `state` is turned away and changes nothing: another page, another program, a second
 * try. The code alone is worth nothing without the verifier, which never leaves this process.
 */
export async function openCallback(state: string, patienceMs: number): Promise<Callback> {
  let settle: (url: URL) => void = () => {}
  let fail: (fault: Fault) => void = () => {}
  const answer = new Promise<URL>((resolve, reject) => {
    settle = resolve
    fail = reject
  })
  answer.catch(() => {}) // whoever waits sees it; nobody may wait yet
  const server = createServer((req, res) => {
    const url = judge(req, port(), state)
    if (!url) return say(res, 400, 'This is not the answer that was waited for.')
    say(
      res,
      200,
      url.searchParams.has('error') ? 'Signing in did not work. See the terminal.' : 'You are signed in. This window can be closed.',
    )
    settle(url)
  })
  const port = (): number => (server.address() as AddressInfo).port
  server.headersTimeout = 5_000
  server.requestTimeout = 5_000
  server.maxConnections = 16
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const timer = setTimeout(() => fail(new Fault('login-timeout', 'nobody signed in in time; run the command again')), patienceMs)
  return {
    redirectUri: `http://127.0.0.1:${port()}${PATH}`,
    answer,
    close() {
      clearTimeout(timer)
      server.close()
      server.closeAllConnections()
    },
  }
}

/** attacker-controlled: any page and any program of this machine can send this request */
function judge(req: IncomingMessage, port: number, state: string): URL | undefined {
  if (req.method !== 'GET' || req.headers.host !== `127.0.0.1:${port}`) return undefined
  const url = URL.parse(req.url ?? '', `http://127.0.0.1:${port}`)
  if (url?.pathname !== PATH || url.host !== req.headers.host) return undefined
  const given = url.searchParams.getAll('state')
  if (given.length !== 1 || !isSame(given[0] ?? '', state)) return undefined
  return url.searchParams.has('code') || url.searchParams.has('error') ? url : undefined
}

const isSame = (a: string, b: string): boolean => timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'))

function say(res: ServerResponse, status: number, text: string): void {
  res.writeHead(status, HEADERS).end(`<!doctype html><html lang="en"><title>Gatehouse</title><p>${text}</p></html>\n`)
}
