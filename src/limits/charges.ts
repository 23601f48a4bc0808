// Several limits of one request: all of them are spent, or none.

import type { Stop } from '../kernel/errors.ts'
import type { Leases, Refused } from './leases.ts'
import { limitStop, type Limit } from './words.ts'

/** `cost` points of `leases`, by default one; `group`: who shares a budget where a table is full. */
export type Charge = {
  readonly leases: Leases
  readonly key: string
  readonly group: string
  readonly limit: Limit
  readonly cost?: number
}

const UNAVAILABLE: Stop = {
  stop: 'limits-unavailable',
  detail: 'requests cannot be counted, so none passes',
  fix: 'retry; if it stays like this, tell whoever runs this gateway',
  retryAfterSeconds: 1,
}

/** In this order; what was spent before a refusal is given back. At once where leases are in hand. Never rejects. */
export function spendAll(charges: readonly Charge[], from = 0): Stop | undefined | Promise<Stop | undefined> {
  for (let at = from; ; at++) {
    const charge = charges[at]
    if (charge === undefined) return undefined
    const refused = charge.leases.take(charge.key, charge.cost, charge.group)
    if (refused === undefined) continue
    const stop = (why: Refused): Stop => {
      giveBackAll(charges.slice(0, at))
      return why === 'unavailable' ? UNAVAILABLE : limitStop(charge.limit, charge.leases.window, why.seconds)
    }
    return refused instanceof Promise ? refused.then(late => (late ? stop(late) : spendAll(charges, at + 1))) : stop(refused)
  }
}

export function giveBackAll(charges: readonly Charge[]): void {
  for (const { leases, key, group, cost } of charges) leases.giveBack(key, cost, group)
}
