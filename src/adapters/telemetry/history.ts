// The last hour by minute, for people who look at the console: 60 buckets that are used again, whatever passes.

import type { Activity, CallOutcome } from '../../kernel/measure.ts'
import { Distribution, Labelled } from './series.ts'

const MINUTES = 60
const MINUTE_MS = 60_000
const MAX_REASONS = 200
const QUANTILES = [0.5, 0.95, 0.99] as const
const isReason = (value: string): boolean => /^[a-z][a-z-]{0,39}$/.test(value)

class Minute {
  readonly startMs: number
  passed = 0
  readonly refused = new Labelled(() => ({ n: 0 }), isReason, MAX_REASONS)
  readonly latency: Distribution
  constructor(startMs: number, bounds: readonly number[]) {
    this.startMs = startMs
    this.latency = new Distribution(bounds)
  }
}

/** Costs an addition or two where it is told something. */
export class History {
  readonly #minutes: (Minute | undefined)[] = Array.from({ length: MINUTES }, () => undefined)
  readonly #bounds: readonly number[]
  readonly #now: () => number
  #last: Minute

  /** `bounds` of latencies in seconds; `now` in milliseconds, never set back */
  constructor(bounds: readonly number[], now: () => number) {
    this.#bounds = bounds
    this.#now = now
    this.#last = this.#open(0)
  }

  call(outcome: CallOutcome, seconds: number): void {
    const minute = this.#current()
    if (outcome === 'refused') return
    if (outcome !== 'stopped') minute.passed += 1
    minute.latency.observe(seconds)
  }
  refusal(reason: string): void {
    this.#current().refused.of(reason).n += 1
  }

  /** Oldest first, the one under way last; minutes in which nothing happened are there as well. `offsetMs` is added to its times: the wall clock at 0. */
  activity(offsetMs: number): Activity {
    const current = this.#current().startMs
    return {
      quantiles: QUANTILES,
      minutes: Array.from({ length: MINUTES }, (_, i) => {
        const startMs = current - (MINUTES - 1 - i) * MINUTE_MS
        const minute = this.#minutes[(startMs / MINUTE_MS) % MINUTES]
        const at = new Date(startMs + offsetMs).toISOString()
        if (startMs < 0 || minute?.startMs !== startMs) return { at, passed: 0, refused: {}, latency: [] }
        const refused = Object.fromEntries([...minute.refused.entries()].map(([reason, { n }]) => [reason, n]))
        return { at, passed: minute.passed, refused, latency: QUANTILES.flatMap(q => quantileOf(minute.latency, q) ?? []) }
      }),
    }
  }

  #current(): Minute {
    const startMs = Math.floor(this.#now() / MINUTE_MS) * MINUTE_MS
    return startMs === this.#last.startMs ? this.#last : (this.#last = this.#open(startMs))
  }
  #open(startMs: number): Minute {
    const minute = new Minute(startMs, this.#bounds)
    this.#minutes[(startMs / MINUTE_MS) % MINUTES] = minute
    return minute
  }
}

/** Seconds, by going straight through the bucket it falls into, as Prometheus does; of the last bucket its lower bound. Undefined: nothing was observed. */
export function quantileOf({ bounds, counts, count }: Distribution, q: number): number | undefined {
  if (count === 0) return undefined
  let below = 0
  for (const [i, n] of counts.entries()) {
    if (below + n < q * count || n === 0) {
      below += n
      continue
    }
    const [from, to] = [i === 0 ? 0 : (bounds[i - 1] ?? 0), bounds[i]]
    return to === undefined ? from : from + ((to - from) * (q * count - below)) / n
  }
  return bounds.at(-1)
}
