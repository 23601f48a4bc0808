// A clock that only moves when a test moves it.

import { Ticker, type Alarm, type Clock } from '../../../src/adapters/upstream/ticker.ts'

export class HandClock implements Clock {
  #now = 1_000
  readonly #wakes = new Set<{ at: number; call: () => void }>()

  now(): number {
    return this.#now
  }
  wake(ms: number, call: () => void): () => void {
    const wake = { at: this.#now + ms, call }
    this.#wakes.add(wake)
    return () => this.#wakes.delete(wake)
  }
  /** Moves on, waking whoever is due on the way, in order. */
  advance(ms: number): void {
    const until = this.#now + ms
    for (;;) {
      const next = [...this.#wakes].filter(wake => wake.at <= until).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      this.#wakes.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.call()
    }
    this.#now = until
  }
  get sleeping(): number {
    return this.#wakes.size
  }
}

/** A ticker that tells for how long it was asked to wait, so that a test moves its clock no sooner. */
export class ToldTicker extends Ticker {
  readonly waits: number[] = []
  override after(ms: number, call: () => void): Alarm {
    this.waits.push(ms)
    return super.after(ms, call)
  }
}
