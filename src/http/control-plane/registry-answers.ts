// How the registry's API answers: errors as the official API has them, who may read from a browser, what may be kept, documents as bytes and nothing to show.

import { hash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Stop } from '../../kernel/errors.ts'
import { neutral } from '../../kernel/neutral-json.ts'
import { errorObject, httpStatusOf } from '../../mcp/replies.ts'
import type { AdminAnswer } from './admin.ts'

/** `error` as a text, as the official API has it; reason and fix beside it. */
export function refusal(stop: Stop): AdminAnswer {
  const { message, data } = JSON.parse(errorObject(stop, '')) as { message: string; data: Readonly<Record<string, unknown>> }
  const retry = stop.retryAfterSeconds
  return {
    status: httpStatusOf(stop, 'modern'),
    body: Buffer.from(neutral(JSON.stringify({ error: message, ...data, requestId: undefined }))),
    headers: retry === undefined ? {} : { 'Retry-After': String(Math.ceil(retry)) },
  }
}

export const OFTEN = refusal({ stop: 'address-limited', detail: 'too many reads from this address', retryAfterSeconds: 60 })

/** An answer of administration in the same form. */
export function plain(given: AdminAnswer): AdminAnswer {
  if (given.status === 200) return given
  const { error } = JSON.parse(given.body.toString()) as { error: { readonly message: string } }
  const { message, ...rest } = error
  return { ...given, body: Buffer.from(neutral(JSON.stringify({ error: message, ...rest }))) }
}

/** Read by hosts that run in a browser (VS Code on the web, MCP Inspector); their origins still have to pass http/edge.ts. No cookie counts here. */
const SHARED = { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' } as const
export const PREFLIGHT = {
  ...SHARED,
  'Access-Control-Allow-Methods': 'GET, HEAD, OPTIONS',
  'Access-Control-Allow-Headers': 'Authorization, Content-Type, MCP-Protocol-Version',
  'Access-Control-Max-Age': '600',
} as const
const ALWAYS = {
  ...SHARED,
  'Content-Type': 'application/json',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'X-Content-Type-Options': 'nosniff',
} as const

/** Where a list goes on is sealed anew each time, and means the same. At the very end, where no publisher writes. */
const NEXT_CURSOR = /,"metadata":\{"nextCursor":"[A-Za-z0-9_-]+","count":\d+\}\}$/
const MAX_TAIL = 4096
const DOCUMENT = /^\/v1\/(?:reviews\/)?servers\/[^/]+\/versions\/[^/]+\/documents\/[0-9a-f]{64}(?:\?|$)/

/** What was read may be kept by who read it, as long as it is asked each time whether it is still so (RFC 9111, RFC 9110 section 13.1.2). */
export function kept(req: IncomingMessage, target: string, found: AdminAnswer): AdminAnswer {
  if (found.status !== 200) return found
  const end =
    found.body.length - (NEXT_CURSOR.exec(found.body.toString('latin1', Math.max(0, found.body.length - MAX_TAIL)))?.[0].length ?? 0)
  const etag = `"${hash('sha256', found.body.subarray(0, end), 'base64url')}${end < found.body.length ? '+' : ''}"`
  const caching = { 'Cache-Control': 'private, no-cache', ETag: etag, Vary: 'Authorization' }
  const isDocument = DOCUMENT.test(target)
  const headers = {
    ...found.headers,
    ...caching,
    // A publisher's bytes: to be kept, not to be shown.
    ...(isDocument && { 'Content-Type': 'application/octet-stream', 'Content-Disposition': 'attachment' }),
  }
  const known = (req.headers['if-none-match'] ?? '').split(',').map(tag => tag.trim().replace(/^W\//, ''))
  return known.includes(etag) || known[0] === '*' ? { status: 304, body: Buffer.alloc(0), headers } : { ...found, headers }
}

export function answer(req: IncomingMessage, res: ServerResponse, { status, body, headers }: AdminAnswer): void {
  if (res.headersSent || res.destroyed) return
  if (status === 304) return void res.writeHead(304, { ...SHARED, ...headers }).end()
  res.writeHead(status, { ...ALWAYS, 'Content-Length': body.length, ...headers })
  if (req.method === 'HEAD') res.end()
  else res.end(body)
}
