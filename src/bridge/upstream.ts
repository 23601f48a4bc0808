// The port to an upstream MCP server. Every exchange has the stateless 2026-07-28 shape here; adapters/upstream speaks each era's wire.

import type { Reason, Stop } from '../kernel/errors.ts'
import type { PrincipalKey } from '../kernel/principal.ts'
import type { JsonDoc, JsonNode } from '../mcp/json.ts'
import type { Era } from '../mcp/revisions.ts'

/** A value inside a judged document. */
export type Slice = { readonly doc: JsonDoc; readonly node: JsonNode }

/**
 * For whom the upstream is used. Connections, processes and legacy sessions are never shared between two callers with different keys.
 * `principal` is `'*'` only for upstreams an administrator marked `share: all` (stateless and credential-free); capabilities are then empty.
 */
export type Caller = {
  readonly principal: PrincipalKey | '*'
  /** effective client capabilities (host's, the gateway's and the policy's intersection), canonical JSON object text, e.g. `{"elicitation":{"form":{}}}` */
  readonly capabilities: string
  /** what a legacy upstream HTTP session is keyed by besides principal and capabilities: the host's legacy session id, or '' */
  readonly affinity: string
  /** this principal's own credential for this upstream, where it takes one */
  readonly credential?: CallerCredential
}

/**
 * A principal's credential for one upstream, alive: a refresh changes what is sent, never whose it is. It travels with everything that is sent for its
 * caller: calls, handshakes, list fetches, subscriptions, and it never serves anybody else (N027).
 */
export interface CallerCredential {
  /** of the grant it comes from, or of the exchange that made it; in every connection, session and process key, and in the audit log (N028) */
  readonly id: string
  /** header names and values in turn, as they are to be sent now; the same array until a refresh */
  headers(): readonly string[]
  /** what of it nobody else may see: the token or static secret, as it is sent now */
  secret(): string
  /** for a process started for this caller */
  readonly environment: Readonly<Record<string, string>>
  /**
   * The upstream refused it. Undefined: another one is in place (a refresh, one for all who ask at the same time), and what was refused may be sent
   * once more. A stop: there is none that would do. Never rejects.
   */
  refused(refusal: CredentialRefusal): Promise<Stop | undefined>
}

export type RevokedCredential = { readonly revoked: string }

/** An upstream's 401 or 403, read (RFC 6750 section 3). Nothing of it reaches a host (R109). */
export type CredentialRefusal = {
  readonly status: 401 | 403
  /** what `headers()` had given for the refused request */
  readonly sent: readonly string[]
  /** it was the second try, with a fresh one */
  readonly isAgain: boolean
  readonly challenge: UpstreamChallenge
}

/** The Bearer challenge of a WWW-Authenticate header, as far as it was given and readable. */
export type UpstreamChallenge = {
  readonly error?: string
  /** what the resource says this request needs; at most 64 */
  readonly scopes?: readonly string[]
  readonly resourceMetadata?: string
}

/** What one upstream said about itself, for one caller. */
export type UpstreamFace = {
  readonly era: Era
  readonly protocolVersion: string
  /** the upstream's `capabilities`, as sent */
  readonly capabilities: Readonly<Record<string, unknown>>
  readonly serverInfo: Readonly<Record<string, unknown>>
  readonly instructions?: string
  /** modern: the whole server/discover result */
  readonly discover?: Readonly<Record<string, unknown>>
}

/** The bytes of one JSON object: whole, or the pieces that make it up in order, the braces in the first and the last of them. */
export type RawObject = Buffer | readonly Buffer[]

/** One exchange to make. Names are the upstream's own. */
export type UpstreamCall = {
  readonly caller: Caller
  /** whose share of the upstream's places it takes; default `caller.principal`. Lets shared upstreams (`*`) stay fair between principals */
  readonly owner?: PrincipalKey
  readonly method: string
  /** members of `params` to send, as a JSON object without `_meta`, `requestState`, `inputResponses` and legacy `task`; undefined = `{}` */
  readonly params?: RawObject
  /** `_meta` members to relay (foreign keys, progressToken, trace context), raw JSON object bytes; never the hop's own `io.modelcontextprotocol/*` envelope keys */
  readonly meta?: Buffer
  /** host's clientInfo, raw JSON object bytes */
  readonly clientInfo?: Buffer
  /** lowest log level wanted; undefined = no log notifications (R86); `any` = what a legacy upstream sends unasked, and nothing is asked of it */
  readonly logLevel?: string
  /** value of Mcp-Name (plain text; the adapter encodes it), for methods that have one */
  readonly name?: string
  /** Mcp-Param-* headers: [name after the prefix, already encoded value] */
  readonly headerParams?: readonly (readonly [string, string])[]
  /** MRTR retry: raw JSON object bytes of inputResponses and the upstream's own requestState, verbatim (R73) */
  readonly retry?: { readonly inputResponses?: Buffer; readonly requestState?: string }
  /** W3C traceparent sent upstream (header over HTTP; `_meta.traceparent` is in `meta` already) */
  readonly traceparent: string
  /** W3C tracestate beside it, over HTTP */
  readonly tracestate?: string
}

/** A server-to-client request that a legacy upstream made inside a call. Exactly one of answer/refuse has an effect, once. */
export type ServerRequest = {
  readonly method: string
  /** raw JSON of `params` as judged, or undefined */
  readonly params?: Slice
  /** what the answer is held against, in the words of whoever let the question pass */
  readonly expects?: string
  /** sends `{result}`; bytes are one JSON object */
  answer(result: Buffer): void
  /** sends `{error}` */
  refuse(code: number, message: string): void
}

/** What may arrive while a call runs. Called synchronously, in upstream order; must not throw. */
export type CallEvents = {
  /** progress (token already checked to be this call's), log messages and other notifications on this call's stream */
  notification(method: string, message: JsonDoc): void
  /** legacy upstreams only; `ping` is answered by the adapter and never seen here */
  request(request: ServerRequest): void
  /** a legacy upstream closed the call's stream and asked to be polled again after so many milliseconds; the call goes on */
  interrupted?(retryMs: number): void
}

export type UpstreamAnswer =
  | { readonly kind: 'result'; readonly result: Slice }
  /** a JSON-RPC error object of the upstream: `error` is the whole object */
  | { readonly kind: 'error'; readonly code: number; readonly message: string; readonly error: Slice }
  | { readonly kind: 'stop'; readonly stop: Reason; readonly detail: string; readonly retryAfterSeconds?: number }

export type RunningCall = {
  /** settles exactly once, never rejects */
  readonly done: Promise<UpstreamAnswer>
  /** tells the upstream (closing the POST, or notifications/cancelled) and settles `done` with stop `cancelled` at once; idempotent */
  cancel(reason: string): void
}

export type ListKind = 'tools' | 'prompts' | 'resources'

/** Changes an upstream announced outside any call. */
export type UpstreamChanges = {
  listChanged(kind: ListKind): void
  resourceUpdated(uri: string, message: JsonDoc): void
  /** notifications/tasks of the tasks extension (modern), or any other notification of a listen stream */
  other(method: string, message: JsonDoc): void
  /** the stream was lost or the upstream restarted; the adapter re-subscribes by itself, changes may have been missed */
  interrupted(): void
  /** the stream stands, also where it was opened anew: what was read before may have changed unannounced */
  opened?(): void
  /** the subscription ended for good */
  ended(reason: string): void
}

/** Filter of subscriptions/listen (MCP 2026-07-28), in upstream names. */
export type SubscriptionFilter = {
  readonly toolsListChanged?: boolean
  readonly promptsListChanged?: boolean
  readonly resourcesListChanged?: boolean
  readonly resourceSubscriptions?: readonly string[]
  readonly taskIds?: readonly string[]
}

export type UpstreamSubscription = {
  /** replaces the filter (legacy: resources/subscribe and unsubscribe; modern: a new listen before the old one closes) */
  update(filter: SubscriptionFilter): void
  close(): void
}

/** One configured upstream. Implementations isolate: nothing one caller or upstream does delays another upstream's calls. */
export interface Upstream {
  readonly alias: string
  /** era, capabilities and instructions for this caller; starts or connects and probes when needed, then cached */
  face(caller: Caller): Promise<UpstreamFace | { readonly stop: Reason; readonly detail: string }>
  call(call: UpstreamCall, events: CallEvents): RunningCall
  subscribe(caller: Caller, filter: SubscriptionFilter, changes: UpstreamChanges): UpstreamSubscription
  status(): UpstreamStatus
  /** the caller's host session ended: its connections of that affinity may go. By credential: it was revoked, and all that was opened with it ends now */
  release(whom: Caller | RevokedCredential): void
  /** stop all processes and connections; resolves when none is left or the deadline passed. Calls in flight may end well within drainMs first, default 0 */
  close(deadlineMs: number, drainMs?: number): Promise<void>
}

export type UpstreamStatus = {
  readonly state: 'idle' | 'ready' | 'failing' | 'open-circuit'
  readonly era?: Era
  readonly detail?: string
  readonly inFlight: number
  readonly queued: number
  readonly connections: number
}
