// A way to one upstream for one caller: a modern origin, a legacy session, or a channel (process, HTTP+SSE connection).

import type { SubscriptionFilter, UpstreamFace } from '../../bridge/upstream.ts'
import type { JsonDoc } from '../../mcp/json.ts'
import type { Caller } from '../../bridge/upstream.ts'
import type { Exchange } from './exchange.ts'

export interface Link {
  /** what the upstream said of itself on this link; undefined before the handshake, and on a modern origin (see ModernHttp.discover) */
  readonly face: UpstreamFace | undefined
  /** sends the request; the exchange settles sooner or later */
  send(exchange: Exchange): void
  /** the exchange has settled without the upstream: tell it, and drop what still comes */
  abandon(exchange: Exchange, reason: string): void
  /** opens a stream of changes for the caller */
  watch(caller: Caller, filter: SubscriptionFilter, watcher: Watcher): Watch
}

/** Where changes go. Called synchronously; must not throw. */
export type Watcher = {
  /** the upstream accepted the filter (or never says so, in the legacy era) */
  opened(): void
  change(method: string, doc: JsonDoc): void
  /** the stream is gone; the watch is dead and a new one may be opened */
  broken(detail: string): void
  /** this upstream offers no such stream: trying again is useless */
  unsupported(detail: string): void
}

export type Watch = {
  update(filter: SubscriptionFilter): void
  close(): void
}
