// Limits of the snapshot as the pipeline asks for them: one table, whose counts are kept in this process.

import { randomUUID } from 'node:crypto'
import { MemoryCounter } from '../adapters/memory-counter.ts'
import type { Snapshot, ConfiguredUpstream } from '../config/schema.ts'
import type { StreamTable } from '../http/sse-channel.ts'
import type { Stop } from '../kernel/errors.ts'
import type { Principal } from '../kernel/principal.ts'
import type { Counter, Window } from '../limits/counter.ts'
import { LeaseBook } from '../limits/lease-book.ts'
import { Limits } from '../limits/limits.ts'
import { Penalties } from '../limits/penalties.ts'
import { VisitorLimits } from '../limits/visitors.ts'
import type { GatewayDeps } from '../pipeline/deps.ts'
import type { ListSettings } from '../pipeline/caller-lists.ts'

/** `name`: tells windows apart that count other things */
export type CounterOf = (window: Window, name: string) => Counter

type Parts = {
  readonly current: () => Pick<Snapshot, 'limits' | 'upstreams'>
  /** milliseconds, of a clock that nobody sets */
  readonly monotonic: () => number
  /** what counts a window; default: this process */
  readonly counterOf?: CounterOf | undefined
}

export type Counted = {
  readonly limits: Limits
  readonly visitors: VisitorLimits
  readonly penalties: Penalties
  /** what the stages spend */
  readonly spending: Pick<GatewayDeps, 'admit' | 'reserve'>
}

/** Counts outlive reloads: a window that stays as it was goes on. */
export function createLimits({ current, monotonic, counterOf }: Parts): Counted {
  const book = new LeaseBook({ counterOf: counterOf ?? (window => new MemoryCounter(window, monotonic)), monotonic, seed: randomUUID() })
  const limits = new Limits({ book, settings: () => current().limits, server: alias => current().upstreams.get(alias)?.limits })
  return {
    limits,
    spending: { admit: principal => limits.admit(principal), reserve: (...call) => limits.reserve(...call) },
    visitors: new VisitorLimits({ book, rates: () => current().limits.rates }),
    penalties: new Penalties(book, () => current().limits.addressFailuresPerMinute),
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

export const listSettings = (settings: ConfiguredUpstream | undefined): ListSettings | undefined =>
  settings && {
    limits: settings.limits,
    ttlMs: settings.listTtlSeconds * 1000,
    isShared: settings.lists === 'shared' || settings.share === 'all',
    patienceMs: settings.timeouts.connectMs,
  }
