// Who listens for changes of one upstream: one stream per caller key, shared by its subscribers, re-opened after interruptions.

import type { Caller, SubscriptionFilter, UpstreamChanges, UpstreamSubscription } from '../../bridge/upstream.ts'
import type { JsonDoc } from '../../mcp/json.ts'
import { Backoff } from './backoff.ts'
import { isFailure, type Failure } from './calls.ts'
import { deliver, unionOf } from './changes.ts'
import type { Drops } from './drops.ts'
import type { Link, Watch } from './link.ts'
import type { Alarm, Ticker } from './ticker.ts'

export type SubscriptionOptions = {
  readonly ticker: Ticker
  readonly drops: Drops
  readonly random: () => number
  /** changes handed on per stream and second */
  readonly perSecond: number
  /** callers with the same key share a stream */
  keyOf(caller: Caller): string
  link(caller: Caller): Link | Promise<Link | Failure>
}

const LONGEST_BACKOFF_MS = 30_000
/** A stream that lived this long has earned a quick return. */
const HEALTHY_MS = 10_000
/** Time for an upstream to acknowledge a stream (R79). */
const ACKNOWLEDGE_MS = 30_000
/** Changes of filters within this time become one new stream. */
const SETTLE_MS = 20

type Subscriber = { filter: SubscriptionFilter; readonly changes: UpstreamChanges }

export class Subscriptions {
  readonly #options: SubscriptionOptions
  readonly #groups = new Map<string, Group>()
  #isClosed = false

  constructor(options: SubscriptionOptions) {
    this.#options = options
  }

  add(caller: Caller, filter: SubscriptionFilter, changes: UpstreamChanges): UpstreamSubscription {
    if (this.#isClosed) {
      changes.ended('the gateway is stopping')
      return { update: () => {}, close: () => {} }
    }
    const key = this.#options.keyOf(caller)
    let group = this.#groups.get(key)
    if (!group) this.#groups.set(key, (group = new Group(caller, this.#options, () => this.#groups.delete(key))))
    return group.add({ filter, changes })
  }

  close(): void {
    this.#isClosed = true
    for (const group of this.#groups.values()) group.end('the gateway is stopping')
  }
}

class Group {
  readonly #caller: Caller
  readonly #options: SubscriptionOptions
  readonly #empty: () => void
  readonly #subscribers = new Set<Subscriber>()
  readonly #backoff: Backoff
  #watch: Watch | undefined
  #isOpening = false
  #openedAt = 0
  #alarm: Alarm | undefined
  #asked = ''
  #windowAt = -Infinity
  #count = 0
  #hasMissed = false

  constructor(caller: Caller, options: SubscriptionOptions, empty: () => void) {
    this.#caller = caller
    this.#options = options
    this.#empty = empty
    this.#backoff = new Backoff(options.random, LONGEST_BACKOFF_MS)
  }

  add(subscriber: Subscriber): UpstreamSubscription {
    this.#subscribers.add(subscriber)
    this.#settle()
    return {
      update: filter => {
        subscriber.filter = filter
        if (this.#subscribers.has(subscriber)) this.#settle()
      },
      close: () => {
        if (this.#subscribers.delete(subscriber)) this.#settle()
      },
    }
  }

  /** Brings the stream in line with what is wanted, shortly: many hosts come and go at once. */
  #settle(): void {
    if (this.#subscribers.size === 0) {
      this.#close()
      return
    }
    this.#alarm ??= this.#options.ticker.after(SETTLE_MS, () => {
      this.#alarm = undefined
      if (this.#watch) this.#update(this.#watch)
      else void this.#open()
    })
  }

  #update(watch: Watch): void {
    const filter = this.#union()
    const text = JSON.stringify(filter)
    if (text === this.#asked) return
    this.#asked = text
    watch.update(filter)
  }

  #union(): SubscriptionFilter {
    return unionOf([...this.#subscribers].map(subscriber => subscriber.filter))
  }

  async #open(): Promise<void> {
    if (this.#isOpening) return
    this.#isOpening = true
    const link = await this.#options.link(this.#caller)
    this.#isOpening = false
    if (this.#subscribers.size === 0) return
    if (isFailure(link)) {
      this.#again()
      return
    }
    const filter = this.#union()
    this.#asked = JSON.stringify(filter)
    const state = { isDead: false }
    const dies = (): void => {
      if (state.isDead) return
      state.isDead = true
      alarm.cancel()
      this.#broken()
    }
    const { ticker } = this.#options
    const alarm = ticker.after(ACKNOWLEDGE_MS, dies)
    const watch = link.watch(this.#caller, filter, {
      opened: () => {
        alarm.cancel()
        this.#openedAt = ticker.now()
      },
      change: (method, doc) => {
        if (!state.isDead) this.#deliver(method, doc)
      },
      broken: dies,
      unsupported: detail => {
        state.isDead = true
        alarm.cancel()
        this.end(detail)
      },
    })
    // It may have broken while it was being opened.
    if (state.isDead) watch.close()
    else this.#watch = watch
  }

  #broken(): void {
    this.#watch?.close()
    this.#watch = undefined
    if (this.#openedAt !== 0) {
      if (this.#options.ticker.now() - this.#openedAt >= HEALTHY_MS) this.#backoff.reset()
      for (const subscriber of this.#subscribers) subscriber.changes.interrupted()
    }
    this.#again()
  }

  #again(): void {
    if (this.#subscribers.size === 0) return
    this.#openedAt = 0
    this.#alarm?.cancel()
    this.#alarm = this.#options.ticker.after(this.#backoff.nextMs(), () => {
      this.#alarm = undefined
      void this.#open()
    })
  }

  /** Beyond the rate changes are dropped, and once the second is over subscribers hear that they missed some (N130). */
  #deliver(method: string, doc: JsonDoc): void {
    const { ticker, perSecond, drops } = this.#options
    const now = ticker.now()
    if (now - this.#windowAt >= 1000) {
      this.#windowAt = now
      this.#count = 0
    }
    if (++this.#count > perSecond) {
      drops.count('notification-rate')
      if (this.#hasMissed) return
      this.#hasMissed = true
      ticker.after(this.#windowAt + 1000 - now, () => {
        this.#hasMissed = false
        for (const subscriber of this.#subscribers) subscriber.changes.interrupted()
      })
      return
    }
    for (const subscriber of this.#subscribers) deliver(method, doc, subscriber.filter, subscriber.changes)
  }

  end(reason: string): void {
    const subscribers = [...this.#subscribers]
    this.#subscribers.clear()
    this.#close()
    for (const subscriber of subscribers) subscriber.changes.ended(reason)
  }

  #close(): void {
    this.#alarm?.cancel()
    this.#alarm = undefined
    this.#watch?.close()
    this.#watch = undefined
    this.#empty()
  }
}
