// What people without an account may make the gateway do: so much of an address, and so much of everybody together. An IPv6 /64 is one address (N050).

import { addressBlock } from '../kernel/address-block.ts'
import type { Stop } from '../kernel/errors.ts'
import { spendAll, type Charge } from './charges.ts'
import type { Window } from './counter.ts'
import type { LeaseBook } from './lease-book.ts'

type VisitorParts = {
  readonly book: LeaseBook
  readonly rates: () => Readonly<Record<'visitor' | 'visitors', Window>>
}

/** Addresses counted at one time; those that come while there are as many share a few counts. */
const MAX_ADDRESSES = 50_000

export class VisitorLimits {
  readonly #parts: VisitorParts
  constructor(parts: VisitorParts) {
    this.#parts = parts
  }

  /** One request. `isProbe`: it says how the gateway is, and is no reason to think it is not: what others send takes nothing from it. */
  visit(address: string, isProbe: boolean): Stop | undefined | Promise<Stop | undefined> {
    const { visitor, visitors } = this.#parts.rates()
    // The address first: one that is over its own limit takes nothing from the others'.
    const charges: Charge[] = [this.#of('visitor', visitor, addressBlock(address))]
    if (!isProbe) charges.push(this.#of('visitors', visitors, 'all'))
    return spendAll(charges)
  }

  /**
   * The same for one kind of act, which costs more than most: true while the address, and everybody together, have done less of it than that within the last
   * minute. `cost`: as if so often. False also where it cannot be counted.
   */
  gate(
    name: string,
    perMinute: { readonly address: number; readonly total: number },
  ): (address: string, cost?: number) => Promise<boolean> {
    const each: Window = { count: perMinute.address, seconds: 60 }
    const total: Window = { count: perMinute.total, seconds: 60 }
    const { book } = this.#parts
    return async (address, cost = 1) => {
      const key = addressBlock(address)
      const stop = await spendAll([
        { leases: book.of(`${name} each`, each, MAX_ADDRESSES), key, group: key, limit: { kind: 'visitor' }, cost },
        { leases: book.of(`${name} all`, total), key: 'all', group: 'all', limit: { kind: 'visitors' }, cost },
      ])
      return stop === undefined
    }
  }

  #of(kind: 'visitor' | 'visitors', window: Window, key: string): Charge {
    return { leases: this.#parts.book.of(kind, window, MAX_ADDRESSES), key, group: key, limit: { kind } }
  }
}
