// Counts of this process, by rate-limiter-flexible. An engine's limiter of the same package counts for many replicas, behind the same port.

import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { Counter, Taken, Window } from '../limits/counter.ts'

/** Old keys dropped at each question. */
const SWEPT = 8

/**
 * The package's memory limiter keeps time by the wall clock, with a timer for each key. Here a key has no life of its own in it (`duration: 0`): windows are kept on
 * the clock handed in, and a key goes when a later one finds that its window is over.
 */
export class MemoryCounter implements Counter {
  readonly #limiter: RateLimiterMemory
  readonly #window: Window
  readonly #monotonic: () => number
  /** when each key's window ends; all last equally long, so the first to end stands first */
  readonly #ends = new Map<string, number>()

  constructor(window: Window, monotonic: () => number) {
    this.#limiter = new RateLimiterMemory({ points: window.count, duration: 0 })
    this.#window = window
    this.#monotonic = monotonic
  }

  /** keys counted */
  get size(): number {
    return this.#ends.size
  }

  async take(key: string, points: number): Promise<Taken> {
    const now = this.#monotonic()
    await Promise.all(this.#over(key, now))
    let end = this.#ends.get(key)
    if (end === undefined) this.#ends.set(key, (end = now + this.#window.seconds * 1000))
    return { granted: await this.#grant(key, points), msLeft: end - now }
  }

  async #grant(key: string, points: number): Promise<number> {
    try {
      await this.#limiter.consume(key, points)
      return points
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused
      // The points above the limit are not there; those below it are, and are this caller's.
      return Math.max(0, this.#window.count - (refused.consumedPoints - points))
    }
  }

  /** The key's own window, and a few of those that ended first. */
  #over(key: string, now: number): Promise<unknown>[] {
    const over = (this.#ends.get(key) ?? Infinity) <= now ? [key] : []
    for (const [other, end] of this.#ends) {
      if (end > now || over.length > SWEPT) break
      if (other !== key) over.push(other)
    }
    for (const each of over) this.#ends.delete(each)
    return over.map(each => this.#limiter.delete(each))
  }
}
