// How many calls one upstream runs and keeps waiting, shared fairly between those who call.

import type { Exchange } from './exchange.ts'

export type GateLimits = {
  /** calls in flight */
  readonly concurrency: number
  /** waiting calls */
  readonly queue: number
}

/**
 * A single owner may hold at most this many times the free places (dynamic thresholds, Choudhury and Hahne 1998): alone he gets 8/9 of
 * them, many share evenly, and a newcomer finds one free.
 */
const RUNNING_PER_FREE = 8
/** The owner of calls that cannot be told apart by owner: no share of it is kept free. */
const EVERYBODY = '*'
/** Owners without calls are forgotten beyond this many. */
const OWNERS_MAX = 1024

type Share = { readonly isEverybody: boolean; running: number; waiting: number; queue: Exchange[]; inRing: boolean }

export class Gate {
  readonly #limits: GateLimits
  readonly #run: (exchange: Exchange) => void
  readonly #shares = new Map<string, Share>()
  /** owners with waiting calls, next in turn first */
  #ring: Share[] = []
  #running = 0
  #waiting = 0

  /** `run` starts an admitted exchange; it may settle at once. */
  constructor(limits: GateLimits, run: (exchange: Exchange) => void) {
    this.#limits = limits
    this.#run = run
  }

  get running(): number {
    return this.#running
  }
  get waiting(): number {
    return this.#waiting
  }

  /** Runs it, queues it, or returns false: no place, even to wait. */
  enter(exchange: Exchange): boolean {
    const share = this.#shareOf(exchange.owner)
    if (share.waiting === 0 && this.#admits(share)) {
      this.#start(share, exchange)
      return true
    }
    const free = this.#limits.queue - this.#waiting
    if (free <= 0 || (!share.isEverybody && share.waiting >= free)) return false
    exchange.place = 'queued'
    share.queue.push(exchange)
    share.waiting++
    this.#waiting++
    if (!share.inRing) {
      share.inRing = true
      this.#ring.push(share)
    }
    this.#pump()
    return true
  }

  /** It has settled, wherever it was. */
  leave(exchange: Exchange): void {
    const { place } = exchange
    exchange.place = 'none'
    if (place === 'none' || place === 'parked') return
    const share = this.#shareOf(exchange.owner)
    if (place === 'queued') {
      // Its place in the array is skipped when its turn comes; settled ones at the end go now, so the array stays bounded.
      share.waiting--
      this.#waiting--
      while (share.queue.length > 0 && share.queue.at(-1)?.place !== 'queued') share.queue.pop()
      if (share.queue.length > 2 * share.waiting + 16) share.queue = share.queue.filter(x => x.place === 'queued')
      return
    }
    share.running--
    this.#running--
    if (this.#waiting > 0) this.#pump()
  }

  /** A running exchange waits for the host: its place is free meanwhile. */
  park(exchange: Exchange): void {
    if (exchange.place !== 'running') return
    this.leave(exchange)
    exchange.place = 'parked'
  }

  /** The host has answered: it goes on at once, even above the limit, since it holds an upstream's attention already. */
  unpark(exchange: Exchange): void {
    if (exchange.place !== 'parked') return
    exchange.place = 'running'
    this.#shareOf(exchange.owner).running++
    this.#running++
  }

  #admits(share: Share): boolean {
    const free = this.#limits.concurrency - this.#running
    return free > 0 && (share.isEverybody || share.running < RUNNING_PER_FREE * free)
  }

  #start(share: Share, exchange: Exchange): void {
    exchange.place = 'running'
    share.running++
    this.#running++
    this.#run(exchange)
  }

  /** One call of each waiting owner in turn. */
  #pump(): void {
    let passed = 0
    while (passed < this.#ring.length) {
      const share = this.#ring.shift()
      if (!share) return
      if (share.waiting > 0 && !this.#admits(share)) {
        this.#ring.push(share)
        passed++
        continue
      }
      const exchange = this.#next(share)
      if (share.waiting > 0) this.#ring.push(share)
      else share.inRing = false
      if (!exchange) continue
      passed = 0
      exchange.touch()
      this.#start(share, exchange)
    }
  }

  #next(share: Share): Exchange | undefined {
    for (;;) {
      const exchange = share.queue.shift()
      if (exchange && exchange.place !== 'queued') continue
      if (exchange) {
        share.waiting--
        this.#waiting--
      }
      return exchange
    }
  }

  #shareOf(owner: string): Share {
    let share = this.#shares.get(owner)
    if (share) return share
    if (this.#shares.size >= OWNERS_MAX) this.#forgetIdle()
    share = { isEverybody: owner === EVERYBODY, running: 0, waiting: 0, queue: [], inRing: false }
    this.#shares.set(owner, share)
    return share
  }

  #forgetIdle(): void {
    for (const [owner, share] of this.#shares) if (share.running === 0 && share.waiting === 0 && !share.inRing) this.#shares.delete(owner)
  }
}
