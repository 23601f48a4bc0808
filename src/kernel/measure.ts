// What the gateway counts and times about itself, as a port: pipeline and edges observe, adapters/telemetry keeps and shows the numbers.

import type { Reason } from './errors.ts'

/** How one exchange ended, as callers of `call` see it; `refused` never reached an upstream. */
export type CallOutcome = 'ok' | 'error' | 'input' | 'task' | 'stopped' | 'refused'

/**
 * Observations from the data path: synchronous, never throw, cost well under a microsecond. Durations are seconds. Names are labels, so they come
 * from closed or configured sets (stage names, aliases); any other value is counted under `other` and never becomes a label (N107).
 */
export interface Measure {
  /** one stage ran */
  stage(name: string, seconds: number): void
  /**
   * one exchange ended; `upstream` is the alias, or `none` when none was routed; `seconds` from the last byte received to the answer handed over; `traceId`
   * where it was traced: an example of such a call
   */
  call(upstream: string, outcome: CallOutcome, seconds: number, traceId?: string): void
  /** time one upstream took from the request sent to its final answer */
  upstream(alias: string, seconds: number): void
  refusal(reason: Reason): void
  /** one group of audit rows became durable, `seconds` after its write began */
  auditGroup(rows: number, bytes: number, seconds: number): void
}

/** What passed and what was refused lately, in this process since it began. */
export type Activity = {
  /** of `latency`, ascending */
  readonly quantiles: readonly number[]
  /** 60, oldest first; the last is under way */
  readonly minutes: readonly {
    /** its beginning, RFC 3339 */
    readonly at: string
    /** exchanges that were let through and answered */
    readonly passed: number
    /** by reason, strangers' included */
    readonly refused: Readonly<Record<string, number>>
    /** seconds, one for each quantile, estimated within buckets; empty where nothing passed */
    readonly latency: readonly number[]
  }[]
}
