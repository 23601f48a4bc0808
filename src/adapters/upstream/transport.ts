// How an upstream is reached, whatever the transport: the facade asks for links and faces, the transport keeps connections and the era.

import type { buildConnector } from 'undici'
import type { Contacts } from '../../audit/contacts.ts'
import type { Caller, UpstreamFace } from '../../bridge/upstream.ts'
import type { UpstreamSettings } from '../../config/schema.ts'
import type { Stop } from '../../kernel/errors.ts'
import type { Era } from '../../mcp/revisions.ts'
import type { Calls, Failure } from './calls.ts'
import type { Drops } from './drops.ts'
import type { EraPins } from './era-pins.ts'
import type { Link } from './link.ts'
import type { Ticker } from './ticker.ts'

/** Writes one log event. Values are counts, codes and bounded printable text; never arguments, tokens or headers. */
export type UpstreamLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  event: string,
  fields: Readonly<Record<string, string | number | boolean>>,
) => void

export type TransportContext = {
  readonly settings: UpstreamSettings
  readonly ticker: Ticker
  readonly drops: Drops
  readonly calls: Calls
  readonly pins: EraPins
  /** records what the gateway itself asks of the upstream */
  readonly contacts: Contacts
  readonly log: UpstreamLog
  /** raw JSON text of the gateway's clientInfo */
  readonly ownInfo: string
  /** the gateway's own environment, from which a child gets only a few basics by name */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** [0, 1) */
  readonly random: () => number
  /** wall clock, milliseconds since the epoch; only dates pins */
  readonly wallNow: () => number
  readonly connect?: buildConnector.connector
  /** asked before each process is started and each connection is opened: why the server may not be used now. Never rejects; absent = the configuration says that it may */
  readonly verify?: () => Promise<Stop | undefined>
}

/** Why a link is wanted: to call, or only to hear of changes. */
export type Purpose = 'call' | 'watch'

export interface Transport {
  readonly era: Era | undefined
  /** connections and processes, those that are ending included */
  readonly connections: number
  /** callers with the same key share connections and streams of changes */
  keyOf(caller: Caller): string
  /** the way for this caller, at once where there is one; never rejects. For a mere `watch` no connection is waited for or taken away */
  link(caller: Caller, purpose: Purpose): Link | Promise<Link | Failure>
  /** never rejects */
  face(caller: Caller): Promise<UpstreamFace | Failure>
  release(caller: Caller): void
  /** ends every connection of these callers at once */
  revoke(isOf: (caller: Caller) => boolean): void
  close(deadlineMs: number): Promise<void>
}

/** Messages without an owner per second and stream before it pauses. */
export const floodLimit = (settings: UpstreamSettings): number => Math.max(2000, 16 * settings.limits.notificationsPerSecond)
