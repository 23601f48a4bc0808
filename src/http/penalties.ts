// Addresses whose requests are refused too often wait; the table is bounded (rate-limiter-flexible counts, this remembers who waits).

import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'

/** Addresses remembered as blocked; past that, new ones are not slowed but still counted by the limiter. */
const MAX_BLOCKED = 50_000

export class Penalties {
  readonly #limiter: RateLimiterMemory
  readonly #blockedUntilMs = new Map<string, number>()
  readonly #monotonic: () => number

  /** `perMinute`: refused requests of one address within a minute before it waits for the rest of that minute. */
  constructor(perMinute: number, monotonic: () => number) {
    this.#limiter = new RateLimiterMemory({ points: perMinute, duration: 60 })
    this.#monotonic = monotonic
  }
  penalise(address: string): void {
    this.#limiter.consume(address).catch((refused: unknown) => {
      if (!(refused instanceof RateLimiterRes) || this.#blockedUntilMs.size >= MAX_BLOCKED) return
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
