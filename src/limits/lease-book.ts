// One table of leases for each window and what it counts per: settings and rules name windows, a reload names the same ones again.

import type { Counter, Window } from './counter.ts'
import { Leases } from './leases.ts'

type BookParts = {
  readonly counterOf: (window: Window, name: string) => Counter
  readonly monotonic: () => number
  readonly seed: string
}

/** Tables at one time; rules may name more windows than anybody writes. */
const MAX_TABLES = 1000

export class LeaseBook {
  readonly #parts: BookParts
  readonly #tables = new Map<string, Leases>()
  readonly #known = new Map<string, WeakMap<Window, Leases>>()

  constructor(parts: BookParts) {
    this.#parts = parts
  }

  /** keys remembered in all tables */
  get size(): number {
    let sum = 0
    for (const { size } of this.#tables.values()) sum += size
    return sum
  }

  /** `per` is a closed word, or a list of such; equal windows of one `per` count together. */
  of(per: string, window: Window, maxKeys?: number): Leases {
    let known = this.#known.get(per)
    if (!known) this.#known.set(per, (known = new WeakMap()))
    let leases = known.get(window)
    if (!leases) known.set(window, (leases = this.#open(per, window, maxKeys)))
    return leases
  }

  #open(per: string, window: Window, maxKeys: number | undefined): Leases {
    const name = `${per} ${window.count}/${window.seconds}`
    const found = this.#tables.get(name)
    if (found) return found
    const [oldest] = this.#tables.keys()
    if (this.#tables.size >= MAX_TABLES && oldest !== undefined) this.#tables.delete(oldest)
    const { counterOf, ...rest } = this.#parts
    const leases = new Leases(window, { counter: counterOf(window, name), ...rest, ...(maxKeys !== undefined && { maxKeys }) })
    this.#tables.set(name, leases)
    return leases
  }
}
