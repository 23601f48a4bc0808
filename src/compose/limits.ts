// Limits of the snapshot as the pipeline asks for them.

import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { Snapshot, UpstreamSettings } from '../config/schema.ts'
import type { StreamTable } from '../http/sse-channel.ts'
import type { Stop } from '../kernel/errors.ts'
import type { Principal } from '../kernel/principal.ts'
import type { ListSettings } from '../pipeline/catalogue-view.ts'

/** Requests per second and principal, with a burst of twice that; a new limit starts new counts. */
export function admission(perSecond: () => number): (principal: Principal) => Promise<Stop | undefined> {
  let limit = perSecond()
  const make = (): RateLimiterMemory => new RateLimiterMemory({ points: limit * 2, duration: 2 })
  let limiter = make()
  return async principal => {
    if (limit !== perSecond()) {
      limit = perSecond()
      limiter = make()
    }
    try {
      await limiter.consume(principal.key)
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

export const listSettings = (settings: UpstreamSettings | undefined): ListSettings | undefined =>
  settings && {
    limits: settings.limits,
    ttlMs: settings.listTtlSeconds * 1000,
    isShared: settings.lists === 'shared' || settings.share === 'all',
    patienceMs: settings.timeouts.connectMs,
  }
