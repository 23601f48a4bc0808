// Who listens for changes of one upstream: one stream per caller key, shared by its subscribers, re-opened after interruptions.

import type { OpenContact } from '../../audit/contacts.ts'
import type { Caller, SubscriptionFilter, UpstreamChanges, UpstreamSubscription } from '../../bridge/upstream.ts'
import { digestOf } from '../../kernel/digest.ts'
import type { JsonDoc } from '../../mcp/json.ts'
import { Backoff } from './backoff.ts'
import { isFailure, type Failure } from './calls.ts'
import { deliver, unionOf } from './changes.ts'
import type { Drops } from './drops.ts'
import type { HeldSecrets } from './held-secrets.ts'
import type { Link, Watch } from './link.ts'
import type { Alarm, Ticker } from './ticker.ts'

export type SubscriptionOptions = {
  readonly ticker: Ticker
  readonly drops: Drops
  readonly secrets: HeldSecrets
  readonly random: () => number
  /** changes handed on per stream and second */
  readonly perSecond: number
  /** callers with the same key share a stream */
  keyOf(caller: Caller): string
  link(caller: Caller): Link | Promise<Link | Failure>
  /** the record of a stream with a filter of that digest; nothing of it leaves before this resolves, and nothing at all after a failure */
  record(caller: Caller, paramsDigest: string): Promise<OpenContact | Failure>
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
    return (this.#groups.get(key) ?? this.#newGroup(key, caller)).add({ filter, changes })
  }

  #newGroup(key: string, caller: Caller): Group {
    // One that ended may still be told so by what it waited for, when another has its place.
    const group: Group = new Group(caller, this.#options, () => {
      if (this.#groups.get(key) === group) this.#groups.delete(key)
    })
    this.#groups.set(key, group)
    return group
  }

  /** Ends the streams of these callers. */
  end(isOf: (caller: Caller) => boolean, reason: string): void {
    for (const group of this.#groups.values()) if (isOf(group.caller)) group.end(reason)
  }

  close(): void {
    this.#isClosed = true
    for (const group of this.#groups.values()) group.end('the gateway is stopping')
  }
}

class Group {
  readonly caller: Caller
  readonly #options: SubscriptionOptions
  readonly #empty: () => void
  readonly #subscribers = new Set<Subscriber>()
  readonly #backoff: Backoff
  #watch: Watch | undefined
  /** the filter that is recorded, and its record: a stream that is opened anew with it stays within it, so that breaking costs no rows */
  #contact: OpenContact | undefined
  #recorded = ''
  #isOpening = false
  #openedAt = 0
  #alarm: Alarm | undefined
  #asked = ''
  #windowAt = -Infinity
  #count = 0
  #hasMissed = false

  constructor(caller: Caller, options: SubscriptionOptions, empty: () => void) {
    this.caller = caller
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
      void this.#open()
    })
  }

  /** Makes the stream what is wanted now, once that is recorded. */
  async #open(): Promise<void> {
    if (this.#isOpening) return
    this.#isOpening = true
    const isOpen = await this.#recordedWay()
    this.#isOpening = false
    if (this.#subscribers.size === 0) this.#close()
    else if (!isOpen) this.#again()
  }

  /** False: there is no way now, or no record. What is wanted may change while either is waited for; what leaves is what was recorded. */
  async #recordedWay(): Promise<boolean> {
    for (;;) {
      if (this.#subscribers.size === 0) return true
      const link = this.#watch ? undefined : await this.#options.link(this.caller)
      if (link && isFailure(link)) return false
      const filter = this.#union()
      const text = JSON.stringify(filter)
      if (text !== this.#recorded) {
        if (!(await this.#record(text))) return false
      } else if (this.#watch) {
        if (text !== this.#asked) this.#watch.update(filter)
        this.#asked = text
        return true
      } else if (link) {
        this.#asked = text
        this.#start(link, filter)
        return true
      }
    }
  }

  async #record(text: string): Promise<boolean> {
    const contact = await this.#options.record(this.caller, digestOf(text))
    if (isFailure(contact)) return false
    this.#ended('ok')
    this.#contact = contact
    this.#recorded = text
    return true
  }
  /** What became of a stream is of use to nobody but the log: should its end not be taken, the next record is not either. */
  #ended(outcome: 'ok' | 'stopped'): void {
    this.#contact?.end({ outcome }).catch(() => {})
    this.#contact = undefined
    this.#recorded = ''
  }

  #union(): SubscriptionFilter {
    return unionOf([...this.#subscribers].map(subscriber => subscriber.filter))
  }

  #start(link: Link, filter: SubscriptionFilter): void {
    const state = { isDead: false }
    const dies = (): void => {
      if (state.isDead) return
      state.isDead = true
      alarm.cancel()
      this.#broken()
    }
    const { ticker } = this.#options
    const alarm = ticker.after(ACKNOWLEDGE_MS, dies)
    const watch = link.watch(this.caller, filter, {
      opened: () => {
        alarm.cancel()
        this.#openedAt = ticker.now()
        for (const subscriber of this.#subscribers) subscriber.changes.opened?.()
      },
      change: (method, doc) => {
        if (!state.isDead) this.#deliver(method, doc)
      },
      broken: dies,
      unsupported: detail => {
        state.isDead = true
        alarm.cancel()
        this.end(detail, 'stopped')
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
    this.#openedAt = 0
    this.#again()
  }

  #again(): void {
    if (this.#subscribers.size === 0) return
    this.#alarm?.cancel()
    this.#alarm = this.#options.ticker.after(this.#backoff.nextMs(), () => {
      this.#alarm = undefined
      void this.#open()
    })
  }

  /** Beyond the rate changes are dropped, and once the second is over subscribers hear that they missed some (N130). */
  #deliver(method: string, doc: JsonDoc): void {
    const { ticker, perSecond, drops, secrets } = this.#options
    if (secrets.standIn(doc.bytes, this.caller.credential)) {
      drops.count('credential-shown')
      return
    }
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

  end(reason: string, outcome: 'ok' | 'stopped' = 'ok'): void {
    const subscribers = [...this.#subscribers]
    this.#subscribers.clear()
    this.#close(outcome)
    for (const subscriber of subscribers) subscriber.changes.ended(reason)
  }

  #close(outcome: 'ok' | 'stopped' = 'ok'): void {
    this.#alarm?.cancel()
    this.#alarm = undefined
    this.#watch?.close()
    this.#watch = undefined
    this.#ended(outcome)
    this.#empty()
  }
}
