// Addresses whose requests are refused too often wait. An IPv6 /64 is one address.

import { addressBlock } from '../kernel/address-block.ts'
import type { Window } from './counter.ts'
import type { LeaseBook } from './lease-book.ts'
import type { Leases } from './leases.ts'

const SECONDS = 60
/** Addresses counted at one time; those that come while there are as many share a few counts. */
const MAX_ADDRESSES = 50_000
/** A token that nobody issued costs as much as so many other refusals: somebody guesses. */
const FORGERY = 5

export class Penalties {
  readonly #book: LeaseBook
  readonly #perMinute: () => number
  readonly #maxAddresses: number
  #window: Window | undefined

  /** `perMinute`: refused requests of one address within a minute before it waits for the rest of that minute; a reload may change it. */
  constructor(book: LeaseBook, perMinute: () => number, maxAddresses = MAX_ADDRESSES) {
    this.#book = book
    this.#perMinute = perMinute
    this.#maxAddresses = maxAddresses
  }

  get #leases(): Leases {
    const count = this.#perMinute()
    if (this.#window?.count !== count) this.#window = { count, seconds: SECONDS }
    return this.#book.of('failure', this.#window, this.#maxAddresses)
  }

  penalise(address: string, isForged = false): void {
    const block = addressBlock(address)
    const leases = this.#leases
    // What cannot be counted is refused where every request is counted (Limits.address).
    void leases.take(block)
    if (isForged) leases.charge(block, FORGERY - 1)
  }

  blockedSeconds(address: string): number | undefined {
    return this.#leases.secondsSpent(addressBlock(address))
  }
}
