// Addresses whose requests are refused too often wait; the table is bounded (rate-limiter-flexible counts, this remembers who waits).

import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'

/** Addresses remembered as blocked; past that, the one blocked longest ago gives way, else addresses that never come back would end the limit. */
const MAX_BLOCKED = 50_000

export class Penalties {
  readonly #limiter: RateLimiterMemory
  readonly #blockedUntilMs = new Map<string, number>()
  readonly #monotonic: () => number
  readonly #maxBlocked: number
  readonly #perMinute: () => number

  /** `perMinute`: refused requests of one address within a minute before it waits for the rest of that minute; a reload may change it. */
  constructor(perMinute: () => number, monotonic: () => number, maxBlocked = MAX_BLOCKED) {
    this.#maxBlocked = maxBlocked
    this.#perMinute = perMinute
    this.#limiter = new RateLimiterMemory({ points: perMinute(), duration: 60 })
    this.#monotonic = monotonic
  }
  penalise(address: string): void {
    this.#limiter.points = this.#perMinute()
    this.#limiter.consume(address).catch((refused: unknown) => {
      if (!(refused instanceof RateLimiterRes)) return
      // Blocked again means blocked longest: the first in the map are those that may go first.
      this.#blockedUntilMs.delete(address)
      for (const oldest of this.#blockedUntilMs.keys()) {
        if (this.#blockedUntilMs.size < this.#maxBlocked) break
        this.#blockedUntilMs.delete(oldest)
      }
      this.#blockedUntilMs.set(address, this.#monotonic() + refused.msBeforeNext)
    })
  }
  blockedSeconds(address: string): number | undefined {
    if (this.#blockedUntilMs.size === 0) return undefined
    const until = this.#blockedUntilMs.get(address)
    if (until === undefined) return undefined
    const left = until - this.#monotonic()
    if (left > 0) return left / 1000
    this.#blockedUntilMs.delete(address)
    return undefined
  }
}
