// Outbound GETs for documents other people name (metadata, key sets, client documents): the address that is checked is the address that is dialled.

import { lookup, type LookupAddress } from 'node:dns'
import { BlockList, isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { Client, errors } from 'undici'
import { Fault } from '../kernel/errors.ts'

export type SafeFetchOptions = {
  /**
   * `host:port` of services the configuration itself names on loopback or a private network: plain http and loopback or private addresses are accepted
   * for exactly these. Link-local and metadata addresses never are. Default none.
   */
  readonly namedHosts?: readonly string[]
  /** largest body; default 512 KiB */
  readonly maxBytes?: number
  /** from dialling to the last byte; default 5,000 */
  readonly timeoutMs?: number
  /** for tests; default node:dns */
  readonly resolve?: (hostname: string) => Promise<readonly LookupAddress[]>
}

type SafeResponse = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

export type SafeFetch = {
  /**
   * One GET without cookies, credentials, redirects (a 3xx is returned as it is; RFC 8414 section 3.2 and RFC 9728 section 3.2 require 200) or reuse of connections.
   * Throws Fault `fetch-refused` (URL or address not allowed), `fetch-too-large`, `fetch-timeout` or `fetch-failed`.
   */
  get(url: string, accept?: string): Promise<SafeResponse>
}

export type AddressKind = 'public' | 'private' | 'loopback' | 'forbidden'

type Subnet = readonly [address: string, prefix: number]
const list = (v4: readonly Subnet[], v6: readonly Subnet[]): BlockList => {
  const subnets = new BlockList()
  for (const [address, prefix] of v4) subnets.addSubnet(address, prefix, 'ipv4')
  for (const [address, prefix] of v6) subnets.addSubnet(address, prefix, 'ipv6')
  return subnets
}
const LOOPBACK = list([['127.0.0.0', 8]], [['::1', 128]])
// RFC 1918, RFC 6598, RFC 4193, without the clouds' metadata services that live inside them
const PRIVATE = list(
  [
    ['10.0.0.0', 8],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
    ['100.64.0.0', 10],
  ],
  [['fc00::', 7]],
)
const METADATA = list([['100.100.100.200', 32]], [['fd00:ec2::', 32]])
// IANA special-purpose registries, multicast and reserved space
const SPECIAL_V4 = list(
  [
    ['0.0.0.0', 8],
    ['169.254.0.0', 16],
    ['192.0.0.0', 24],
    ['192.0.2.0', 24],
    ['192.88.99.0', 24],
    ['198.18.0.0', 15],
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
    ['224.0.0.0', 3],
  ],
  [],
)
// Of IPv6 only global unicast is public, less what carries an IPv4 address inside (6to4, Teredo) or is documentation. Mapped (::ffff:0:0/96) and NAT64
// (64:ff9b::/96, 64:ff9b:1::/48) addresses lie outside it.
const GLOBAL_V6 = list([], [['2000::', 3]])
const SPECIAL_V6 = list(
  [],
  [
    ['2001::', 23],
    ['2001:db8::', 32],
    ['2002::', 16],
    ['2620:4f:8000::', 48],
    ['3fff::', 20],
  ],
)

/** What kind of network an address literal belongs to; anything unusual is `forbidden`. */
export function addressKind(address: string): AddressKind {
  const version = isIP(address)
  // A mapped address is forbidden even where its IPv4 form would not be: no resolver has a reason to answer with one.
  if (version === 0 || address.includes('%') || /^::ffff:/i.test(address)) return 'forbidden'
  const family = version === 4 ? 'ipv4' : 'ipv6'
  if (METADATA.check(address, family)) return 'forbidden'
  if (LOOPBACK.check(address, family)) return 'loopback'
  if (PRIVATE.check(address, family)) return 'private'
  if (version === 4) return SPECIAL_V4.check(address, family) ? 'forbidden' : 'public'
  return GLOBAL_V6.check(address, family) && !SPECIAL_V6.check(address, family) ? 'public' : 'forbidden'
}

const resolveSystem = (hostname: string): Promise<LookupAddress[]> =>
  new Promise((resolve, reject) => {
    lookup(hostname, { all: true }, (error, addresses) => {
      if (error) reject(error)
      else resolve(addresses)
    })
  })

export function createSafeFetch(options: SafeFetchOptions = {}): SafeFetch {
  const { maxBytes = 512 * 1024, timeoutMs = 5_000, resolve = resolveSystem } = options
  const named = new Set(options.namedHosts ?? [])

  function target(text: string): { url: URL; kinds: readonly AddressKind[] } {
    const url = URL.parse(text)
    if (!url || url.username || url.password) throw new Fault('fetch-refused', 'not a plain URL')
    const isNamed = named.has(`${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`)
    if (url.protocol === 'http:' && isNamed) return { url, kinds: ['loopback'] }
    if (url.protocol !== 'https:')
      throw new Fault('fetch-refused', 'only https is fetched, and http from loopback hosts the configuration names')
    return { url, kinds: isNamed ? ['public', 'private', 'loopback'] : ['public'] }
  }

  return {
    async get(text, accept = 'application/json') {
      const { url, kinds } = target(text)
      const host = url.hostname.replace(/^\[|\]$/g, '')
      // Literals never reach the resolver hook; URL has already normalised octal, hexadecimal and short forms.
      if (isIP(host) !== 0 && !kinds.includes(addressKind(host))) throw refused()
      const connect = { lookup: checkedLookup(resolve, kinds), timeout: timeoutMs }
      const client = new Client(url.origin, { connect, maxResponseSize: maxBytes, maxHeaderSize: 16_384, pipelining: 1, allowH2: false })
      try {
        const answer = await client.request({
          path: url.pathname + url.search,
          method: 'GET',
          headers: { accept, 'accept-encoding': 'identity' },
          signal: AbortSignal.timeout(timeoutMs),
        })
        return { status: answer.statusCode, headers: answer.headers, body: Buffer.from(await answer.body.arrayBuffer()) }
      } catch (error) {
        throw asFault(error)
      } finally {
        client.destroy().catch(() => {}) // the answer is complete or the failure is being reported; nothing depends on the socket any more
      }
    },
  }
}

const refused = (): Fault => new Fault('fetch-refused', 'the host is at an address that is not fetched from')

// All addresses must be acceptable: an answer that mixes public and private ones is a rebinding attempt. The socket dials what is handed back here.
const checkedLookup =
  (resolve: (hostname: string) => Promise<readonly LookupAddress[]>, kinds: readonly AddressKind[]): LookupFunction =>
  (hostname, options, callback) => {
    resolve(hostname).then(
      addresses => {
        const [first] = addresses
        if (!first || !addresses.every(({ address }) => kinds.includes(addressKind(address)))) callback(refused(), '', 0)
        else if (options.all) callback(null, [...addresses])
        else callback(null, first.address, first.family)
      },
      (error: unknown) => callback(error as NodeJS.ErrnoException, '', 0),
    )
  }

function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error
  if (error instanceof errors.ResponseExceededMaxSizeError) return new Fault('fetch-too-large', 'the answer is too large', { cause: error })
  const name = error instanceof Error ? error.name : ''
  if (/Timeout|AbortError/.test(name)) return new Fault('fetch-timeout', 'no complete answer in time', { cause: error })
  return new Fault('fetch-failed', 'the connection failed', { cause: error })
}
