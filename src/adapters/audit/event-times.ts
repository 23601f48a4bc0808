// When events were written that stand first behind a checkpoint: they tell how far behind it is. Their times are the log's own word.

import type { LogVerifier } from '../../audit/verify.ts'

export class EventTimes {
  readonly #times = new Map<number, number | undefined>()
  #matched = -1

  /** Whether the next event stands first behind a checkpoint, or is the first of all. */
  isDue({ matched }: LogVerifier): boolean {
    return this.#matched !== matched.length
  }

  /** That event, before it goes into the verifier. */
  note({ matched, size }: LogVerifier, event: Buffer): void {
    this.#matched = matched.length
    this.#times.set(size, timeOf(event))
  }

  /** Of the event `seq`, which stands behind a checkpoint that was signed over exactly those before it; milliseconds. */
  at(seq: number): number | undefined {
    return this.#times.get(seq)
  }
}

/** Milliseconds since the epoch; undefined where a line has none that can be read. */
export function timeOf(event: Buffer): number | undefined {
  try {
    const { time } = JSON.parse(event.toString('utf8')) as { readonly time?: unknown }
    const ms = typeof time === 'string' ? Date.parse(time) : Number.NaN
    return Number.isNaN(ms) ? undefined : ms
  } catch {
    // no event: it was changed, and its hash says so
    return undefined
  }
}
