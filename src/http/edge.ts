// The first look at a request: headers once each, Host and Origin, content type. Nothing here depends on who asks.

import type { Stop } from '../kernel/errors.ts'
import type { McpHeaders } from '../mcp/era.ts'

type Pairs = readonly (readonly [string, string])[]
const NO_PARAMS: Pairs = []

/**
 * Every header the data path reads. A header that is absent here was absent on the wire; all others are ignored (N020, N029, N073). A class, so that
 * every request's headers have one shape.
 */
export class EdgeHeaders implements McpHeaders {
  host: string | undefined = undefined
  origin: string | undefined = undefined
  authorization: string | undefined = undefined
  contentType: string | undefined = undefined
  contentEncoding: string | undefined = undefined
  contentLength: string | undefined = undefined
  forwardedFor: string | undefined = undefined
  accept: string | undefined = undefined
  protocolVersion: string | undefined = undefined
  method: string | undefined = undefined
  name: string | undefined = undefined
  sessionId: string | undefined = undefined
  lastEventId: string | undefined = undefined
  traceparent: string | undefined = undefined
  tracestate: string | undefined = undefined
  proof: { readonly text: string; isSpent: boolean } | undefined = undefined
  params: Pairs = NO_PARAMS
}

/** Header name (lower case) -> field. A second occurrence of any of them is refused: two readers could each believe another one (N017, N066). */
const FIELDS: ReadonlyMap<string, Exclude<keyof EdgeHeaders, 'params' | 'proof'>> = new Map([
  ['host', 'host'],
  ['origin', 'origin'],
  ['authorization', 'authorization'],
  ['content-type', 'contentType'],
  ['content-encoding', 'contentEncoding'],
  ['content-length', 'contentLength'],
  ['x-forwarded-for', 'forwardedFor'],
  ['accept', 'accept'],
  ['mcp-protocol-version', 'protocolVersion'],
  ['mcp-method', 'method'],
  ['mcp-name', 'name'],
  ['mcp-session-id', 'sessionId'],
  ['last-event-id', 'lastEventId'],
  ['traceparent', 'traceparent'],
  ['tracestate', 'tracestate'],
])
const PARAM = 'mcp-param-'
const MAX_PARAMS = 64

/** Reads node's raw header pairs. */
export function readHeaders(raw: readonly string[]): EdgeHeaders | Stop {
  const headers = new EdgeHeaders()
  let params: (readonly [string, string])[] | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase()
    const value = raw[i + 1] ?? ''
    const field = FIELDS.get(name)
    if (field !== undefined) {
      if (headers[field] !== undefined) return invalid(name, 'stands more than once')
      headers[field] = value.trim()
    } else if (name === 'dpop') {
      if (headers.proof) return invalid(name, 'stands more than once')
      headers.proof = { text: value.trim(), isSpent: false }
    } else if (name.startsWith('mcp')) {
      // Underscore variants reach some servers as the same header (CVE-2025-64484).
      if (name.includes('_')) return invalid(name.slice(0, 64), 'is written with an underscore')
      if (name.startsWith(PARAM)) {
        params ??= []
        if (params.length === MAX_PARAMS) return invalid(PARAM, 'stands too often')
        if (params.some(([n]) => n === name.slice(PARAM.length))) return invalid(name.slice(0, 64), 'stands more than once')
        params.push([name.slice(PARAM.length), value.trim()])
      }
    }
  }
  if (params) headers.params = params
  return headers
}

const invalid = (name: string, what: string): Stop => ({
  stop: 'header-invalid',
  detail: `header \`${name}\` ${what}`,
  fix: 'send it once',
})

/** A host that names event streams before JSON gets one even where JSON would do: it may want to resume. */
export function prefersStream(headers: EdgeHeaders): boolean {
  const stream = headers.accept?.indexOf('text/event-stream') ?? -1
  const json = headers.accept?.indexOf('application/json') ?? -1
  return stream >= 0 && (json < 0 || stream < json)
}

/** What Host and Origin may be. Built once per configuration. */
export type Gatekeeper = { readonly hosts: ReadonlySet<string>; readonly origins: ReadonlySet<string> }

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]']

/** Loopback listeners accept the loopback names with their port; others the public URL's host. Configuration adds to both. */
export function gatekeeper(options: {
  readonly publicUrl: string
  readonly port: number
  readonly isLoopback: boolean
  readonly allowedHosts: readonly string[]
  readonly allowedOrigins: readonly string[]
}): Gatekeeper {
  const url = new URL(options.publicUrl)
  const hosts = new Set([url.host.toLowerCase(), ...options.allowedHosts.map(h => h.toLowerCase())])
  const origins = new Set([url.origin.toLowerCase(), ...options.allowedOrigins.map(o => o.toLowerCase())])
  if (options.isLoopback)
    for (const name of LOOPBACK_NAMES) {
      hosts.add(`${name}:${options.port}`)
      origins.add(`http://${name}:${options.port}`)
    }
  return { hosts, origins }
}

/** R2: Host must be ours (DNS rebinding), Origin absent or allowed, on every method alike (N060, N061). */
export function checkAuthority(headers: EdgeHeaders, keeper: Gatekeeper): Stop | undefined {
  if (headers.host === undefined || !keeper.hosts.has(headers.host.toLowerCase()))
    return {
      stop: 'host-forbidden',
      detail: 'the Host header does not name this gateway',
      fix: 'use the public URL, or add the name to allowedHosts',
    }
  if (headers.origin !== undefined && !keeper.origins.has(headers.origin.toLowerCase()))
    return { stop: 'origin-forbidden', detail: 'the Origin header is not allowed', fix: 'add it to allowedOrigins' }
  return undefined
}

/** Bodies are JSON in UTF-8, never compressed (N075). */
export function checkContent(headers: EdgeHeaders): Stop | undefined {
  const encoding = headers.contentEncoding
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    return { stop: 'media-type-unsupported', detail: 'the body is compressed', fix: 'send it without Content-Encoding' }
  const type = headers.contentType
  if (type === 'application/json') return undefined
  const [media, ...parameters] = (type ?? '').toLowerCase().split(';')
  // Every one of them: of two charsets, another reader may believe the other.
  const charsets = parameters.map(p => p.trim()).filter(p => p.startsWith('charset'))
  const isUtf8 = charsets.every(c => c === 'charset=utf-8' || c === 'charset="utf-8"')
  if (media?.trim() === 'application/json' && isUtf8) return undefined
  return { stop: 'media-type-unsupported', detail: 'expected `application/json` in UTF-8' }
}

/** Address used for per-address limits: the socket's, or the last hop a trusted proxy reports. */
export function clientAddress(socketAddress: string | undefined, headers: EdgeHeaders, isTrusted: (address: string) => boolean): string {
  const address = (socketAddress ?? 'unknown').replace(/^::ffff:/, '')
  if (headers.forwardedFor === undefined || !isTrusted(address)) return address
  const last = headers.forwardedFor.split(',').at(-1)?.trim()
  return last !== undefined && /^[0-9a-fA-F.:]{2,45}$/.test(last) ? last : address
}
