// What upstreams sent and nobody got: counted by kind, so that spoofing and floods show in metrics and audit.

/** Closed list; safe as a metric label. */
export type DropKind =
  /** a response with an id that was never issued, is settled, or has another type (N098, N099) */
  | 'response-unknown'
  /** a second response to one request (N098) */
  | 'response-duplicate'
  /** neither request, notification nor response, or not strict JSON */
  | 'message-invalid'
  /** a stdout line that is not JSON */
  | 'line-invalid'
  /** progress for a token that is not in use, after completion, or not increasing (R84, N104) */
  | 'progress-unknown'
  | 'progress-stale'
  /** a log message below the level asked for, or with none asked for (R86) */
  | 'log-unwanted'
  /** a notification that belongs to no single call (R43) */
  | 'notification-unattributed'
  | 'notification-rate'
  /** a server request outside a call, or for a capability the caller lacks (R100) */
  | 'request-unattributed'
  | 'request-limit'
  | 'request-era'
  /** an answer, notification or request that repeats the credential the upstream was given */
  | 'credential-shown'
  /** a notification of a subscription that is not open */
  | 'subscription-unknown'

export class Drops {
  readonly #counts = new Map<DropKind, number>()
  readonly #report: ((kind: DropKind) => void) | undefined

  constructor(report?: (kind: DropKind) => void) {
    this.#report = report
  }

  count(kind: DropKind): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1)
    this.#report?.(kind)
  }
  of(kind: DropKind): number {
    return this.#counts.get(kind) ?? 0
  }
  all(): ReadonlyMap<DropKind, number> {
    return this.#counts
  }
}
