// Whether other machines can reach the gateway, and through what.

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
