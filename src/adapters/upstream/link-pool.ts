// Connections kept per caller: started on demand and once, least recently used ones stop first, crashed ones come back slowly.

import type { Caller } from '../../bridge/upstream.ts'
import { Backoff } from './backoff.ts'
import { isFailure, type Failure } from './calls.ts'
import type { Link } from './link.ts'
import type { Alarm, Ticker } from './ticker.ts'
import type { Purpose } from './transport.ts'

export interface PooledLink extends Link {
  readonly isGone: boolean
  readonly isBusy: boolean
  readonly isWatched: boolean
  stop(graceMs: number): Promise<void>
}

/** What an opened link reports back. */
export type LinkEvents = {
  /** no call is in flight any more */
  idle(): void
  /** it is gone without having been stopped */
  gone(isCrash: boolean): void
}

export type PoolOptions = {
  readonly ticker: Ticker
  readonly random: () => number
  /** connections kept at most, those that are still stopping included */
  readonly connections: number
  readonly idleMs: number
  /** callers that may wait for a connection */
  readonly waiting: number
  keyOf(caller: Caller): string
  /** connects and shakes hands; never rejects */
  open(caller: Caller, events: LinkEvents): Promise<PooledLink | Failure>
}

type Entry = {
  readonly key: string
  readonly caller: Caller
  link: PooledLink | undefined
  opening: Promise<PooledLink | Failure>
  usedAt: number
  wasUsed: boolean
}
type Waiter = { readonly caller: Caller; readonly key: string; readonly result: PromiseWithResolvers<PooledLink | Failure> }
type Trouble = { readonly backoff: Backoff; until: number }

/** How long an evicted or idle one may take to end by itself. */
const STOP_MS = 2_000
const LONGEST_BACKOFF_MS = 30_000
/** Callers whose crashes are remembered. */
const TROUBLES_MAX = 1024
/** How long a new connection is kept for the call it was opened for. */
const FRESH_MS = 1_000
/** A connection that lived this long has earned a fresh start. */
const HEALTHY_MS = 30_000

export class LinkPool {
  readonly #options: PoolOptions
  readonly #entries = new Map<string, Entry>()
  readonly #waiters = new Map<string, Waiter>()
  readonly #troubles = new Map<string, Trouble>()
  readonly #stopping = new Set<Promise<void>>()
  #idleAlarm: Alarm | undefined
  #freshAlarm: Alarm | undefined
  #isClosed = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#entries.size + this.#stopping.size
  }

  /** The caller's link, at once when it is there. */
  get(caller: Caller, purpose: Purpose): PooledLink | Promise<PooledLink | Failure> {
    const key = this.#options.keyOf(caller)
    const entry = this.#entries.get(key)
    if (!entry) return this.#start(caller, key, purpose)
    entry.usedAt = this.#options.ticker.now()
    return entry.link ?? entry.opening
  }

  /** Every open link, for changes that concern all. */
  links(): PooledLink[] {
    return [...this.#entries.values()].flatMap(entry => (entry.link ? [entry.link] : []))
  }

  #start(caller: Caller, key: string, purpose: Purpose): Promise<PooledLink | Failure> {
    if (this.#isClosed) return Promise.resolve(CLOSED)
    const waitMs = (this.#troubles.get(key)?.until ?? 0) - this.#options.ticker.now()
    if (waitMs > 0) return Promise.resolve({ ...CRASHED, retryAfterSeconds: Math.ceil(waitMs / 1000) })
    if (this.#makesRoom(this.#waiters.size + 1, purpose)) return this.#open(caller, key)
    // Who only wants to hear of changes takes no place from anybody, and waits for none: he comes back by himself.
    if (purpose === 'watch') return Promise.resolve(FULL)
    const known = this.#waiters.get(key)
    if (known) return known.result.promise
    if (this.#waiters.size >= this.#options.waiting) return Promise.resolve(FULL)
    const waiter = { caller, key, result: Promise.withResolvers<PooledLink | Failure>() }
    this.#waiters.set(key, waiter)
    return waiter.result.promise
  }

  #open(caller: Caller, key: string): Promise<PooledLink | Failure> {
    const { ticker } = this.#options
    const openedAt = ticker.now()
    const gone = (isCrash: boolean): void => {
      if (isCrash) this.#crashed(key, ticker.now() - openedAt)
      if (this.#entries.get(key) === entry) this.#entries.delete(key)
      this.#serve()
    }
    const opening = this.#options.open(caller, { idle: () => this.#idle(entry), gone }).then(link => {
      if (isFailure(link)) {
        if (link.contact !== 'none') this.#crashed(key, 0)
        if (this.#entries.get(key) === entry) this.#entries.delete(key)
        this.#serve()
      } else if (this.#entries.get(key) === entry && !link.isGone) entry.link = link
      else void this.#stop(link, 0)
      return link
    })
    const entry: Entry = { key, caller, link: undefined, opening, usedAt: openedAt, wasUsed: false }
    this.#entries.set(key, entry)
    this.#watchIdle()
    return opening
  }

  #crashed(key: string, livedMs: number): void {
    const { ticker, random } = this.#options
    let trouble = this.#troubles.get(key)
    if (!trouble || livedMs >= HEALTHY_MS) {
      // The first crash costs no wait: the next call starts it again (R41).
      trouble = { backoff: new Backoff(random, LONGEST_BACKOFF_MS), until: 0 }
    } else trouble.until = ticker.now() + trouble.backoff.nextMs()
    this.#troubles.delete(key)
    this.#troubles.set(key, trouble)
    for (const oldest of this.#troubles.keys()) {
      if (this.#troubles.size <= TROUBLES_MAX) break
      this.#troubles.delete(oldest)
    }
  }

  /** True when one more may be opened now, for the first of `wanted`; otherwise stops the least recently used one that nobody calls, watched ones last. */
  #makesRoom(wanted: number, purpose: Purpose): boolean {
    if (this.size < this.#options.connections) return true
    // those that are stopping already make room for as many
    if (this.#stopping.size >= wanted) return false
    const now = this.#options.ticker.now()
    // A link is opened for a call that has not reached it yet: it is not taken away before.
    const idle = [...this.#entries.values()].filter(
      entry => entry.link && !entry.link.isBusy && (entry.wasUsed || now - entry.usedAt > FRESH_MS),
    )
    const free = idle.filter(entry => !entry.link?.isWatched)
    const victim = (free.length > 0 || purpose === 'watch' ? free : idle).reduce<Entry | undefined>(
      (a, b) => (a && a.usedAt <= b.usedAt ? a : b),
      undefined,
    )
    if (victim) this.#end(victim, STOP_MS)
    else if (purpose === 'call')
      this.#freshAlarm ??= this.#options.ticker.after(FRESH_MS + 100, () => {
        this.#freshAlarm = undefined
        this.#serve()
      })
    return false
  }

  #end(entry: Entry, graceMs: number): void {
    this.#entries.delete(entry.key)
    if (entry.link) void this.#stop(entry.link, graceMs)
  }

  #stop(link: PooledLink, graceMs: number): Promise<void> {
    const stopping = link.stop(graceMs).finally(() => {
      this.#stopping.delete(stopping)
      this.#serve()
    })
    this.#stopping.add(stopping)
    return stopping
  }

  /** A place may have become free: the longest waiting caller gets it. */
  #serve(): void {
    for (const [key, waiter] of this.#waiters) {
      if (!this.#isClosed && !this.#makesRoom(this.#waiters.size, 'call')) return
      this.#waiters.delete(key)
      const entry = this.#entries.get(key)
      const link = this.#isClosed ? CLOSED : entry ? (entry.link ?? entry.opening) : this.#open(waiter.caller, key)
      waiter.result.resolve(link)
    }
  }

  #idle(entry: Entry): void {
    entry.usedAt = this.#options.ticker.now()
    entry.wasUsed = entry.link !== undefined
    if (this.#waiters.size > 0) this.#serve()
  }

  #watchIdle(): void {
    const { ticker, idleMs } = this.#options
    this.#idleAlarm ??= ticker.after(Math.max(50, idleMs / 4), () => {
      this.#idleAlarm = undefined
      const before = ticker.now() - idleMs
      for (const entry of this.#entries.values())
        if (entry.link && !entry.link.isBusy && !entry.link.isWatched && entry.usedAt <= before) this.#end(entry, STOP_MS)
      if (this.#entries.size > 0) this.#watchIdle()
    })
  }

  /** Its host session has ended. */
  release(caller: Caller): void {
    const entry = this.#entries.get(this.#options.keyOf(caller))
    if (entry?.link && !entry.link.isBusy) this.#end(entry, STOP_MS)
  }

  /** Ends what was opened for these callers, busy or not: their credential is no longer theirs. Who waited gets no connection. */
  revoke(isOf: (caller: Caller) => boolean): void {
    for (const [key, waiter] of this.#waiters) {
      if (!isOf(waiter.caller)) continue
      this.#waiters.delete(key)
      waiter.result.resolve(REVOKED)
    }
    for (const entry of this.#entries.values()) if (isOf(entry.caller)) this.#end(entry, 0)
  }

  /** Ends one link that can no longer be used. */
  discard(link: PooledLink): void {
    for (const entry of this.#entries.values()) if (entry.link === link) this.#end(entry, 0)
  }

  async close(deadlineMs: number): Promise<void> {
    this.#isClosed = true
    this.#idleAlarm?.cancel()
    this.#freshAlarm?.cancel()
    const openings = [...this.#entries.values()].map(entry => entry.opening)
    for (const entry of this.#entries.values()) this.#end(entry, deadlineMs)
    this.#serve()
    await Promise.all(openings)
    await Promise.all(this.#stopping)
  }
}

const CLOSED: Failure = { stop: 'draining', detail: 'the gateway is stopping', contact: 'none' }
const FULL: Failure = { stop: 'upstream-overloaded', detail: 'all its connections are in use', contact: 'none' }
const REVOKED: Failure = { stop: 'connection-required', detail: 'the credential was revoked', contact: 'none' }
const CRASHED: Failure = { stop: 'upstream-unavailable', detail: 'it keeps failing and is started again after a pause', contact: 'none' }
