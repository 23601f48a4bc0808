// Every outbound request to an address other people had a say in (metadata, key sets, client documents, tokens): the address that is checked is the
// address that is dialled, nothing is followed, and size and time are bounded.

import type { LookupAddress } from 'node:dns'
import { isIP } from 'node:net'
import { Client, errors } from 'undici'
import { Fault } from '../kernel/errors.ts'
import { networkSet } from './network-address.ts'
import { checkedLookup, isReachable, NONE_OPENED, type Reach, resolveSystem, unreachable } from './network-reach.ts'

export type SafeFetchOptions = {
  /**
   * `host:port` of services the configuration itself names on loopback or a private network: plain http to loopback, and https to loopback and private
   * addresses, is accepted for exactly these. Link-local and metadata addresses never are. Default none.
   */
  readonly namedHosts?: readonly string[]
  /** private networks (CIDR) that https may reach under any name. Link-local and metadata addresses stay closed. Default none. */
  readonly networks?: readonly string[]
  /** largest body; default 512 KiB */
  readonly maxBytes?: number
  /** from dialling to the last byte; default 5,000 */
  readonly timeoutMs?: number
  /** for tests; default node:dns */
  readonly resolve?: (hostname: string) => Promise<readonly LookupAddress[]>
}

export type SafeRequest = {
  /** default GET */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** sent as they are; those that belong to the connection are refused */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** instead of the default of this SafeFetch */
  readonly maxBytes?: number
  readonly timeoutMs?: number
  /** gives the request up early; then Fault `fetch-timeout` */
  readonly signal?: AbortSignal
}

export type SafeResponse = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

export type SafeFetch = {
  /** A GET that brings no header but `accept`. See request(). */
  get(url: string, accept?: string): Promise<SafeResponse>
  /**
   * One request without cookies, redirects (a 3xx is returned as it is; RFC 8414 section 3.2 and RFC 9728 section 3.2 require 200, and a token request must
   * never be repeated elsewhere), retries or reuse of connections: a header is sent once, to the host of `url`. Answers come uncompressed or not at all.
   * Throws Fault `fetch-refused` (URL, header or address not allowed), `fetch-too-large`, `fetch-timeout` or `fetch-failed`.
   */
  request(url: string, options: SafeRequest): Promise<SafeResponse>
}

/** What a request may never say itself: framing, connection, and what belongs to this gateway alone. */
export const CONNECTION_HEADERS =
  /^(?:accept-encoding|connection|content-length|cookie|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade)$/i

export function createSafeFetch(options: SafeFetchOptions = {}): SafeFetch {
  const { maxBytes = 512 * 1024, timeoutMs = 5_000, resolve = resolveSystem } = options
  const named = new Set(options.namedHosts ?? [])
  const isOpened = networkSet(options.networks ?? [])

  function target(text: string): { url: URL; reach: Reach } {
    const url = URL.parse(text)
    if (!url || url.username || url.password) throw new Fault('fetch-refused', 'not a plain URL')
    const isNamed = named.has(`${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`)
    if (url.protocol === 'http:' && isNamed) return { url, reach: { kinds: ['loopback'], isOpened: NONE_OPENED } }
    if (url.protocol !== 'https:')
      throw new Fault('fetch-refused', 'only https is fetched, and http from loopback hosts the configuration names')
    return { url, reach: { kinds: isNamed ? ['public', 'private', 'loopback'] : ['public'], isOpened } }
  }

  async function request(text: string, asked: SafeRequest): Promise<SafeResponse> {
    const { url, reach } = target(text)
    const headers = { accept: 'application/json', ...lowerCase(asked.headers ?? {}), 'accept-encoding': 'identity' }
    const host = url.hostname.replace(/^\[|\]$/g, '')
    // Literals never reach the resolver hook; URL has already normalised octal, hexadecimal and short forms.
    if (isIP(host) !== 0 && !isReachable(reach, host)) throw unreachable()
    const ms = asked.timeoutMs ?? timeoutMs
    const connect = { lookup: checkedLookup(resolve, reach), timeout: ms, rejectUnauthorized: true }
    const size = asked.maxBytes ?? maxBytes
    const client = new Client(url.origin, { connect, maxResponseSize: size, maxHeaderSize: 16_384, pipelining: 1, allowH2: false })
    const deadline = AbortSignal.timeout(ms)
    try {
      const answer = await client.request({
        path: url.pathname + url.search,
        method: asked.method ?? 'GET',
        headers,
        ...(asked.body === undefined ? undefined : { body: asked.body }),
        signal: asked.signal ? AbortSignal.any([deadline, asked.signal]) : deadline,
      })
      // N056 class: what was asked for uncompressed and comes compressed could grow without bound in whoever reads it.
      if ((answer.headers['content-encoding'] ?? 'identity') !== 'identity')
        throw new Fault('fetch-failed', 'the answer is compressed, though that was not asked for')
      return { status: answer.statusCode, headers: answer.headers, body: Buffer.from(await answer.body.arrayBuffer()) }
    } catch (error) {
      throw asFault(error)
    } finally {
      client.destroy().catch(() => {}) // the answer is complete or the failure is being reported; nothing depends on the socket any more
    }
  }

  return { get: (url, accept = 'application/json') => request(url, { headers: { accept } }), request }
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  const named = Object.entries(headers).map(([name, value]): [string, string] => [name.toLowerCase(), value])
  if (named.some(([name]) => CONNECTION_HEADERS.test(name))) throw new Fault('fetch-refused', 'a header of the connection was given')
  return Object.fromEntries(named)
}

function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error
  if (error instanceof errors.ResponseExceededMaxSizeError) return new Fault('fetch-too-large', 'the answer is too large', { cause: error })
  const name = error instanceof Error ? error.name : ''
  if (/Timeout|AbortError/.test(name)) return new Fault('fetch-timeout', 'no complete answer in time', { cause: error })
  return new Fault('fetch-failed', 'the connection failed', { cause: error })
}
