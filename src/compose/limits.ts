// Limits of the snapshot as the pipeline asks for them.

import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { Snapshot, ConfiguredUpstream } from '../config/schema.ts'
import type { StreamTable } from '../http/sse-channel.ts'
import { digestOf } from '../kernel/digest.ts'
import type { Stop } from '../kernel/errors.ts'
import type { Principal } from '../kernel/principal.ts'
import type { Spender } from '../pipeline/deps.ts'
import type { Obligations } from '../policy/obligations.ts'
import type { ListSettings } from '../pipeline/catalogue-view.ts'

/** Principals with a lease in hand; past that, leases are handed out anew (nobody gets more than the limiter counted). */
const MAX_LEASES = 10_000
const WINDOW_SECONDS = 2

type Lease = { left: number; untilMs: number }

/**
 * Requests per second and principal, with a burst of twice that. The limiter counts; a principal spends from a lease of a few requests at a time, so
 * that the limiter (memory here, an engine across replicas) is not asked for each one. A new limit starts new counts.
 */
export function admission(
  perSecond: () => number,
  monotonic: () => number,
): (principal: Principal) => Stop | undefined | Promise<Stop | undefined> {
  let limit = 0
  let limiter: RateLimiterMemory
  let leaseSize = 1
  const leases = new Map<string, Lease>()
  const renewing = new Map<string, Promise<Stop | undefined>>()
  const renew = async (key: string): Promise<Stop | undefined> => {
    try {
      const counted = await limiter.consume(key, leaseSize)
      if (leases.size >= MAX_LEASES) leases.clear()
      leases.set(key, { left: leaseSize - 1, untilMs: monotonic() + counted.msBeforeNext })
      return undefined
    } catch (refused) {
      const seconds = refused instanceof RateLimiterRes ? refused.msBeforeNext / 1000 : 1
      return {
        stop: 'principal-limited',
        detail: `the limit is ${limit} requests per second`,
        fix: 'slow down',
        retryAfterSeconds: seconds,
      }
    }
  }
  const spend = (key: string): Stop | undefined | Promise<Stop | undefined> => {
    const lease = leases.get(key)
    if (lease !== undefined && lease.left > 0 && lease.untilMs > monotonic()) {
      lease.left -= 1
      return undefined
    }
    // One renewal at a time: each takes a whole lease from the budget, so requests that come together have to share it.
    const running = renewing.get(key)
    if (running) return running.then(stop => stop ?? spend(key))
    const renewal = renew(key).finally(() => renewing.delete(key))
    renewing.set(key, renewal)
    return renewal
  }
  return principal => {
    if (limit !== perSecond()) {
      limit = perSecond()
      limiter = new RateLimiterMemory({ points: limit * WINDOW_SECONDS, duration: WINDOW_SECONDS })
      leaseSize = Math.max(1, Math.floor(limit / 20))
      leases.clear()
    }
    return spend(principal.key)
  }
}

/** Limits with counts of their own; rules may name more than anybody writes. */
const MAX_LIMITERS = 1000

/** What permits demand: at most so many in that time, counted per what the rule says. In memory: a restart counts anew. */
export function obligationLimits(): (x: Spender, obligations: Obligations) => Stop | undefined | Promise<Stop | undefined> {
  const limiters = new Map<string, RateLimiterMemory>()
  const limiterOf = ({ count, seconds, per }: Obligations['rates'][number]): RateLimiterMemory => {
    const name = `${count}/${seconds} ${per.join()}`
    let limiter = limiters.get(name)
    if (!limiter) {
      if (limiters.size >= MAX_LIMITERS) limiters.clear()
      limiters.set(name, (limiter = new RateLimiterMemory({ points: count, duration: seconds })))
    }
    return limiter
  }
  return async (x, { rates }) => {
    for (const rate of rates) {
      try {
        await limiterOf(rate).consume(keyOfSpender(x, rate.per))
      } catch (refused) {
        const seconds = refused instanceof RateLimiterRes ? Math.ceil(refused.msBeforeNext / 1000) : 1
        return {
          stop: 'obligation-limited',
          detail: `the limit is ${rate.count} in ${rate.seconds} s per ${rate.per.join(' and ')}`,
          fix: 'slow down',
          retryAfterSeconds: seconds,
        }
      }
    }
    return undefined
  }
}

/** Lengths keep the parts apart: names are their servers'. A digest, for each is kept as long as its limit counts. */
function keyOfSpender({ principal, address, alias, tool }: Spender, per: readonly string[]): string {
  const parts: Readonly<Record<string, string>> = {
    principal: principal.key,
    client: principal.client ?? '',
    address,
    server: alias,
    tool: `${alias}/${tool}`,
  }
  return digestOf(per.map(part => `${(parts[part] ?? '').length}:${parts[part] ?? ''}`).join(''))
}

export function streamLimit(streams: StreamTable, principal: Principal, { limits }: Snapshot): Stop | undefined {
  if (!streams.isFull(principal.key, { total: limits.streams, perPrincipal: limits.streamsPerPrincipal })) return undefined
  return {
    stop: 'subscription-limit',
    detail: `at most ${limits.streamsPerPrincipal} open streams each`,
    fix: 'close one',
    retryAfterSeconds: 5,
  }
}

export const listSettings = (settings: ConfiguredUpstream | undefined): ListSettings | undefined =>
  settings && {
    limits: settings.limits,
    ttlMs: settings.listTtlSeconds * 1000,
    isShared: settings.lists === 'shared' || settings.share === 'all',
    patienceMs: settings.timeouts.connectMs,
  }
