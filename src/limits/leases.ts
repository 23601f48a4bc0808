// Points in hand: the counter is asked for a few at a time, so that a request costs a lookup and a subtraction. Bounded, whatever callers invent.

import { hash } from 'node:crypto'
import type { Counter, Window } from './counter.ts'

/** Why there is no point: seconds until there may be one, or the counter cannot count. */
export type Refused = { readonly seconds: number } | 'unavailable'

type LeaseParts = {
  readonly counter: Counter
  /** milliseconds, of a clock that nobody sets */
  readonly monotonic: () => number
  /** anything that strangers cannot guess */
  readonly seed: string
  /** keys with points of their own at one time; default 100,000 */
  readonly maxKeys?: number
}

/** `left` below zero is owed. `isLast`: the counter has no more until then. */
type Lease = { left: number; untilMs: number; isLast: boolean }

const MAX_KEYS = 100_000
/** Budgets for those who come while the table is full. */
const SHARED = 1024
/** A lease is this part of the window's count. */
const PARTS = 20
/** Old entries looked at for each new one. */
const SWEPT = 8

export class Leases {
  readonly window: Window
  readonly #parts: LeaseParts
  readonly #maxKeys: number
  readonly #size: number
  /** those renewed longest ago first */
  readonly #leases = new Map<string, Lease>()
  readonly #renewing = new Map<string, Promise<Refused | undefined>>()

  constructor(window: Window, parts: LeaseParts) {
    this.window = window
    this.#parts = parts
    this.#maxKeys = parts.maxKeys ?? MAX_KEYS
    this.#size = Math.max(1, Math.floor(window.count / PARTS))
  }

  /** keys remembered; never more than `maxKeys` and the shared ones */
  get size(): number {
    return this.#leases.size
  }

  /**
   * Takes `cost` points, at once where a lease is in hand or nothing is left; a refusal takes nothing. While the table is full, a new key counts with others of
   * its `group`: nobody's count goes to make room, so inventing keys neither ends a count nor makes one.
   */
  take(key: string, cost = 1, group = key): Refused | undefined | Promise<Refused | undefined> {
    const lease = this.#leases.get(key)
    if (lease === undefined) return this.#fromCounter(this.#slotOf(key, group), cost)
    const msLeft = lease.untilMs - this.#parts.monotonic()
    if (msLeft > 0) {
      if (lease.left >= cost) {
        lease.left -= cost
        return undefined
      }
      if (lease.isLast) return { seconds: secondsOf(msLeft) }
    }
    return this.#fromCounter(key, cost)
  }

  /** What a later limit of the same request refused was not used. Only while the window lasts: what is given back late is lost. */
  giveBack(key: string, cost = 1, group = key): void {
    const lease = this.#inHand(key, group)
    if (lease !== undefined && lease.untilMs > this.#parts.monotonic()) lease.left += cost
  }

  /** What has been used already, known only now: may leave the key owing, and then it waits as many windows as that takes. */
  charge(key: string, cost: number, group = key): void {
    const slot = this.#slotOf(key, group)
    const lease = this.#leases.get(slot)
    if (lease === undefined) this.#set(slot, { left: -cost, untilMs: 0, isLast: false })
    else if (lease.untilMs > this.#parts.monotonic()) lease.left -= cost
    // Points of a window that is over pay for nothing.
    else lease.left = Math.min(0, lease.left) - cost
  }

  /** Seconds for which nothing is left, as far as is known without asking the counter. */
  secondsSpent(key: string, group = key): number | undefined {
    const lease = this.#inHand(key, group)
    const msLeft = lease === undefined || lease.left > 0 || !lease.isLast ? 0 : lease.untilMs - this.#parts.monotonic()
    return msLeft > 0 ? secondsOf(msLeft) : undefined
  }

  /** Something was taken of it or charged to it lately. */
  knows(key: string, group = key): boolean {
    return this.#inHand(key, group) !== undefined
  }

  #inHand(key: string, group: string): Lease | undefined {
    return this.#leases.get(key) ?? (this.#hasRoom() ? undefined : this.#leases.get(this.#shared(group)))
  }

  #fromCounter(slot: string, cost: number): Refused | undefined | Promise<Refused | undefined> {
    // One at a time: each takes a whole lease from the budget, so requests that come together have to share it.
    const running = this.#renewing.get(slot)
    if (running) return running.then(refused => refused ?? this.take(slot, cost))
    // A new key that shares: its lease may be in hand.
    const lease = this.#leases.get(slot)
    if (lease !== undefined && lease.untilMs > this.#parts.monotonic() && (lease.left >= cost || lease.isLast)) return this.take(slot, cost)
    const renewal = this.#renew(slot, cost).finally(() => this.#renewing.delete(slot))
    this.#renewing.set(slot, renewal)
    return renewal.then(refused => refused ?? this.take(slot, cost))
  }

  async #renew(slot: string, cost: number): Promise<Refused | undefined> {
    const asked = Math.max(0, -(this.#leases.get(slot)?.left ?? 0)) + Math.max(cost, this.#size)
    try {
      const { granted, msLeft } = await this.#parts.counter.take(slot, asked)
      const now = this.#parts.monotonic()
      const before = this.#leases.get(slot)
      const carried = before === undefined ? 0 : before.untilMs > now ? before.left : Math.min(0, before.left)
      this.#set(slot, { left: carried + granted, untilMs: now + Math.max(1, msLeft), isLast: granted < asked })
      return undefined
    } catch {
      return 'unavailable' // who cannot be counted is refused
    }
  }

  #set(slot: string, lease: Lease): void {
    this.#leases.delete(slot)
    this.#sweep()
    this.#leases.set(slot, lease)
  }

  /** The key itself while there is room, or it has a place already. */
  #slotOf(key: string, group: string): string {
    if (this.#leases.has(key) || this.#renewing.has(key) || this.#hasRoom()) return key
    this.#sweep()
    return this.#hasRoom() ? key : this.#shared(group)
  }
  #hasRoom(): boolean {
    return this.#leases.size + this.#renewing.size < this.#maxKeys
  }

  #shared(group: string): string {
    // A name of no key: keys of this class's callers are printable.
    return `\0${hash('sha256', this.#parts.seed + group, 'buffer').readUInt16BE(0) % SHARED}`
  }

  /** Drops what is over; who owes something goes to the end instead. */
  #sweep(): void {
    const now = this.#parts.monotonic()
    let looked = 0
    for (const [key, lease] of this.#leases) {
      if (looked++ >= SWEPT || lease.untilMs > now) return
      this.#leases.delete(key)
      if (lease.left < 0) this.#leases.set(key, lease)
    }
  }
}

const secondsOf = (ms: number): number => Math.max(1, Math.ceil(ms / 1000))
