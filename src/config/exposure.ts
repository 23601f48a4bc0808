// Whether other machines can reach the gateway, and through what.

import { isIPv6 } from 'node:net'
import { isLoopback, urlOf } from './addresses.ts'
import type { ConfigDocument } from './table.ts'

/**
 * Whether other machines can reach the gateway: it listens beyond loopback, or a public URL or a declared proxy says that something in front of it does.
 */
export function isExposed(doc: ConfigDocument): boolean {
  const host = doc.publicUrl === undefined ? undefined : urlOf(doc.publicUrl)?.hostname
  return !isLoopback(doc.listen.host) || (host !== undefined && !isLoopback(host)) || doc.trustedProxies.length > 0
}

/** Where other machines can reach it, as words for a message. */
export function exposure(doc: ConfigDocument): { readonly path: string; readonly why: string } {
  if (!isLoopback(doc.listen.host)) return { path: 'listen', why: `\`${doc.listen.host}\` can be reached from other machines` }
  if (doc.trustedProxies.length > 0) return { path: 'trustedProxies', why: 'a proxy makes the gateway reachable from other machines' }
  return { path: 'publicUrl', why: 'a public URL makes the gateway reachable from other machines' }
}

/** Where hosts reach the gateway: as configured, else the listener's own URL. An origin, without a trailing slash. */
export function publicUrlOf({ publicUrl, tls, listen: { host, port } }: ConfigDocument): string {
  return publicUrl ?? new URL(`${tls ? 'https' : 'http'}://${isIPv6(host) ? `[${host}]` : host}:${port}`).origin
}
