// What strangers may make the gateway do for them: fetch a client's document, keep a registration. A few a minute from each address, and a few more in all (N050).

import { RateLimiterMemory } from 'rate-limiter-flexible'

/** True while the address, and everybody together, have asked less than that within the last minute; `cost`: as if so often. Bounded: entries go after their minute. */
export function createStrangerLimit(
  perMinute: { readonly address: number; readonly total: number } = { address: 20, total: 120 },
): (address: string, cost?: number) => Promise<boolean> {
  const each = new RateLimiterMemory({ points: perMinute.address, duration: 60 })
  const total = new RateLimiterMemory({ points: perMinute.total, duration: 60 })
  return async (address, cost = 1) => {
    try {
      // The address first: one that is over its own limit takes nothing from the others'.
      await each.consume(address, cost)
      await total.consume('all', cost)
      return true
    } catch {
      return false // over the limit, or the limiter failed: not admitted either way
    }
  }
}
