// The event schema, version 1. Fixed: later stores keep these events as their first leaves. Fields are only added, never renamed or re-used.

import type { Reason } from '../kernel/errors.ts'

/** Version of this schema, member `v` of every event. */
export const EVENT_VERSION = 1

/** Fields every event has. */
type Common = {
  readonly v: typeof EVENT_VERSION
  /** UUIDv7, unique per event */
  readonly id: string
  /** RFC 3339 UTC with milliseconds */
  readonly time: string
}

/** Who asked. Absent before authentication. */
export type EventPrincipal = {
  readonly issuer: string
  readonly subject: string
  readonly client?: string
  readonly kind?: 'person' | 'workload'
  /** by what it was verified, and by whose word where that is not `issuer` */
  readonly authentication?: { readonly kind: string; readonly issuer?: string }
  /** which token: its `jti`, or a digest of it where it has none; never the token */
  readonly tokenId?: string
  /** scopes that counted, those with `*` behind the exact ones; at most 64 are written */
  readonly scopes?: readonly string[]
  /** written with `scopes` */
  readonly wildcards?: readonly string[]
}

/** Which server answers, as far as anybody vouches for it. The alias stands in `subject`. */
export type EventUpstream = {
  /** nobody reviewed it: the configuration alone lets it be used */
  readonly admitted?: 'configuration'
  /** of a version of the registry: its name, version, number, digest of its server.json (SHA-256, hexadecimal), and who signed it: `key <hint>`, `<identity> of <issuer>` or `none` */
  readonly name?: string
  readonly version?: string
  readonly sequence?: number
  readonly serverJson?: string
  readonly publisher?: string
  /** digest of the surface that a reviewer admitted, once it was held against it */
  readonly surface?: string
}

/** Milliseconds, each absent where it did not come to that. */
export type EventTimings = {
  /** from the first byte that was judged until the intent was handed to the log */
  readonly decide?: number | undefined
  /** until the intent was durable */
  readonly intent?: number | undefined
  /** in the stage that calls the upstream, questions to the host included */
  readonly upstream?: number | undefined
}

/** What was asked: no argument values, only digests and sizes. */
type EventSubject = {
  /** endpoint path, e.g. `/mcp` or `/servers/files/mcp` */
  readonly endpoint: string
  readonly era: 'legacy' | 'modern'
  readonly method: string
  /** upstream alias, when routed */
  readonly server?: string
  /** primitive in the upstream's own name: tool or prompt name, resource URI or task; at most 512 characters */
  readonly name?: string
  /** digest of the definition that was admitted, of a tool, prompt or resource that a reviewer's admission covers */
  readonly definition?: string
  /** SHA-256 (base64url) over the bytes of params as received */
  readonly paramsDigest?: string
  readonly paramsBytes?: number
}

/**
 * One exchange. `call` is the logical call (all MRTR rounds share it), `request` this HTTP or stdio message; `trace` is the W3C trace id.
 * `request` is unique per JSON-RPC message (each message of a legacy batch has its own): it pairs an intent with its outcome.
 */
type Exchange = Common & {
  readonly call: string
  readonly request: string
  readonly trace: string
  /** legacy host session, as a digest; never the id itself */
  readonly session?: string
  readonly principal?: EventPrincipal
  readonly subject: EventSubject
  readonly upstream?: EventUpstream
  /** id of the principal's own credential that serves the call at its upstream, where that takes one (N028); never the credential */
  readonly credential?: string
  /** what an administrator calls the contents that it reads: principal and client are marked so before the call leaves */
  readonly marks?: readonly ('untrusted' | 'private')[]
}

/** What all events of one exchange share: everything but the event's own id and time. */
export type ExchangeFacts = Omit<Exchange, keyof Common>

/**
 * A decision of policies: which bundle, what came of it, by which rules, and exactly the facts they read. Argument values stand in it where a rule reads them,
 * and nowhere else in the log.
 */
type EventPolicy = Readonly<Record<string, unknown>>

/** What inspection found: code, severity, tier and place, never the text itself (docs/detection.md). */
type EventFinding = { readonly code: string; readonly severity: string; readonly tier: string; readonly pointer: string }

/** What a rule asked to record (docs/policies.md): the value is kept elsewhere, sealed, and can be erased. */
export type EventCommitment = {
  /** SHA-256 (base64url) over salt, `arguments` or `result`, 0x00 and the exact bytes: params as received in an intent, result or error as sent to the host in an outcome */
  readonly commit?: { readonly arguments?: string; readonly result?: string }
  /** the value was too large to be kept: its size */
  readonly commitBytes?: number
}

/** Durable before anything leaves for an upstream. */
export type IntentEvent = Exchange &
  EventCommitment & {
    readonly type: 'intent'
    readonly policy?: EventPolicy
    /** in the arguments */
    readonly findings?: readonly EventFinding[]
    /** the rule (later: policy ids) that permits it */
    readonly rules: readonly string[]
    readonly round: number
  }

/** Durable before the host sees the answer. */
export type OutcomeEvent = Exchange &
  EventCommitment & {
    readonly type: 'outcome'
    /** `ok` a result, `error` a JSON-RPC error or isError of the upstream, `input` input_required, `task` a task handle, `stopped` a refusal after the intent, `unknown` closed at start after a crash */
    readonly outcome: 'ok' | 'error' | 'input' | 'task' | 'stopped' | 'unknown'
    readonly reason?: Reason
    readonly stage?: string
    readonly errorCode?: number
    readonly resultBytes?: number
    /** SHA-256 (base64url) over the result bytes sent to the host */
    readonly resultDigest?: string
    /** notifications relayed between intent and outcome */
    readonly notifications?: { readonly count: number; readonly digest: string }
    /** what was found in what came back, by code and by where: how bad, what it came to (`redact`: taken out), where first, in how many texts; never a value */
    readonly findings?: readonly ContentFinding[]
    /** places that a rule took out of what the host got */
    readonly redacted?: number
    /** notifications that a finding kept from the host */
    readonly withheld?: number
    readonly ms: number
    readonly timings?: EventTimings
  }

type ContentFinding = {
  readonly code: string
  readonly severity: 'critical' | 'high' | 'medium' | 'low'
  readonly tier: 'annotate' | 'hold' | 'block' | 'redact'
  readonly in: string
  /** JSON pointer, inert and bounded */
  readonly pointer: string
  readonly count: number
}

/** A decision against, before any intent: recorded singly for authenticated callers. */
export type RefusalEvent = Exchange & {
  readonly type: 'refusal'
  readonly policy?: EventPolicy
  readonly reason: Reason
  readonly stage: string
  /** what caused it; never a secret or an argument value */
  readonly detail?: string
}

/** A decision that touched no upstream: lists from the catalog, ping, session start and end, subscriptions, administration. */
export type DecisionEvent = Exchange & {
  readonly type: 'decision'
  readonly policy?: EventPolicy
  readonly rules: readonly string[]
  readonly detail?: string
  readonly ms: number
}

/** A server-to-client request and what became of it; durable before it is shown to the host. */
export type ServerRequestEvent = Exchange & {
  readonly type: 'server-request'
  readonly requestMethod: string
  readonly requestDigest?: string
  readonly policy?: EventPolicy
  readonly findings?: readonly EventFinding[]
  readonly decision: 'allowed' | 'refused'
  readonly reason?: Reason
  readonly rules: readonly string[]
}

/** Refusals of strangers and 429s, counted: one event per (reason, address prefix) and interval. Counts are exact. */
export type AggregateEvent = Common & {
  readonly type: 'aggregate'
  readonly reason: Reason
  /** IPv4 /24 or IPv6 /48, or `other` when the table of prefixes is full */
  readonly prefix: string
  readonly count: number
  readonly from: string
  readonly to: string
}

/**
 * Something the gateway itself asks of an upstream, outside any host's exchange: durable before anything of it leaves. `changes` may be opened anew
 * after interruptions under one record; what ends a contact (DELETE, cancel, the end of a process) belongs to it.
 */
export type ContactEvent = Common & ContactFacts & { readonly type: 'upstream-contact' }

/** What both events of one contact say; `contact` joins them. */
export type ContactFacts = {
  readonly contact: string
  /** upstream alias */
  readonly server: string
  /** for whom; absent where the upstream is shared by all */
  readonly principal?: EventPrincipal
  /** id of the principal's own credential, where the upstream takes one */
  readonly credential?: string
  /** `handshake` process, connection or era probe; `list` all pages of one list; `changes` a stream of changes; `check` is it still there */
  readonly purpose: 'handshake' | 'list' | 'changes' | 'check'
  /** the first method asked, in its 2026 name where eras differ */
  readonly method: string
  /** SHA-256 (base64url) over the filter of `changes` */
  readonly paramsDigest?: string
}

/** How a contact ended; durable before anything that was learned by it reaches a host. */
export type ContactEndEvent = Common &
  ContactFacts & {
    readonly type: 'upstream-contact-end'
    /** `ok` it answered, `stopped` it did not, or not usably, `unknown` closed at start after a crash */
    readonly outcome: 'ok' | 'stopped' | 'unknown'
    readonly reason?: Reason
    readonly ms: number
  }

/** The gateway's own life: start, stop, reload, recovery, upstream era pins. */
export type LifecycleEvent = Common & {
  readonly type: 'lifecycle'
  readonly what: string
  readonly detail?: Readonly<Record<string, unknown>>
}

export type AuditEvent =
  | IntentEvent
  | OutcomeEvent
  | RefusalEvent
  | DecisionEvent
  | ServerRequestEvent
  | ContactEvent
  | ContactEndEvent
  | AggregateEvent
  | LifecycleEvent
