// The table of 2025-era host sessions: unguessable ids that work only for the principal and endpoint they were issued to, bounded, ended when idle.

import { hash } from 'node:crypto'
import type { Stop } from '../kernel/errors.ts'
import type { PrincipalKey } from '../kernel/principal.ts'

/** 192 bits as 32 characters of base64url: within 0x21-0x7E (R46) and above the 128 bits of N101. */
const ID_BYTES = 24
const ID_CHARACTERS = 32

export type Session<T> = {
  readonly id: string
  /** SHA-256 of the id, base64url: what logs and records may hold */
  readonly digest: string
  readonly principal: PrincipalKey
  /** resource identifier of the endpoint it was opened at */
  readonly endpoint: string
  /** the token it was opened with */
  readonly opener: Opener
  readonly value: T
}

/** What may end a session besides its principal. */
export type Opener = {
  readonly issuer?: string
  readonly client?: string | undefined
  /** `sid` of the token */
  readonly sessionId?: string | undefined
  readonly issuedAtSeconds?: number | undefined
}

/** Why a session ended: `replaced` = least recently used where a new one needed the room. */
export type SessionEnd = 'idle' | 'replaced' | 'closed'

export type SessionLimits = {
  readonly total: number
  readonly perPrincipal: number
  readonly idleSeconds: number
  /** in a full table another principal's session may be replaced only after this much silence; default 300 */
  readonly reclaimSeconds?: number
}

export type SessionTableDeps<T> = {
  readonly limits: SessionLimits
  /** milliseconds, monotonic */
  readonly now: () => number
  /** cryptographically secure */
  readonly randomBytes: (size: number) => Buffer
  /** called once per ended session, after it left the table; must not throw */
  readonly onEnd: (session: Session<T>, end: SessionEnd) => void
  /** a session in which something runs is neither idle nor replaced; default: only holds count */
  readonly isBusy?: (value: T) => boolean
}

/** One session as the table keeps it. */
class Entry<T> implements Session<T> {
  readonly id: string
  readonly digest: string
  readonly principal: PrincipalKey
  readonly endpoint: string
  readonly opener: Opener
  value: T
  seenMs: number
  holds = 0
  // neighbours in the list of all sessions, least recently used first
  older: Entry<T> | undefined
  newer: Entry<T> | undefined
  constructor(id: string, principal: PrincipalKey, endpoint: string, made: { value: T; opener: Opener; seenMs: number }) {
    this.id = id
    this.digest = hash('sha256', id, 'base64url')
    this.principal = principal
    this.endpoint = endpoint
    this.opener = made.opener
    this.value = made.value
    this.seenMs = made.seenMs
  }
}

/** Flat costs: find, open and end do not depend on how many sessions there are; sweep costs what it ends. */
export class SessionTable<T> {
  readonly #deps: SessionTableDeps<T>
  // A Map of 192-bit random ids needs no constant-time comparison: buckets follow a hash seeded per process, and an id that is wrong in any bit says
  // nothing about another. Whoever holds an id still needs the principal's token.
  readonly #byId = new Map<string, Entry<T>>()
  readonly #byPrincipal = new Map<PrincipalKey, Entry<T>[]>()
  #oldest: Entry<T> | undefined
  #newest: Entry<T> | undefined

  constructor(deps: SessionTableDeps<T>) {
    this.#deps = deps
  }

  get size(): number {
    return this.#byId.size
  }

  /**
   * Opens a session; `make` gets the new id. A principal at its limit replaces its own least recently used session. A full table replaces the caller's
   * own, else the least recently used of all if it has long been silent, else stops with `session-limit`: nobody's live session ends for a stranger.
   */
  open(principal: PrincipalKey, endpoint: string, make: (id: string) => T, opener: Opener = {}): Session<T> | Stop {
    if (!this.#makeRoom(principal)) return LIMIT
    const id = this.#deps.randomBytes(ID_BYTES).toString('base64url')
    const entry = new Entry(id, principal, endpoint, { value: make(id), opener, seenMs: this.#deps.now() })
    this.#byId.set(id, entry)
    this.#append(entry)
    const own = this.#byPrincipal.get(principal)
    if (own) own.push(entry)
    else this.#byPrincipal.set(principal, [entry])
    return entry
  }

  /** The session, and the news that it is alive. Unknown, ended and foreign ids are all undefined (R47, N100, N102). */
  find(id: string, principal: PrincipalKey, endpoint: string): Session<T> | undefined {
    // attacker-controlled: no other length is looked up
    if (id.length !== ID_CHARACTERS) return undefined
    const entry = this.#byId.get(id)
    if (entry?.principal !== principal || entry.endpoint !== endpoint) return undefined
    if (!this.#isHeld(entry) && entry.seenMs <= this.#idleSince()) {
      this.#finish(entry, 'idle')
      return undefined
    }
    this.#touch(entry)
    return entry
  }

  /** While held (a stream is open, a call runs) a session is neither idle nor replaced. Calls nest; ended sessions are ignored. */
  hold(session: { readonly id: string }): void {
    const entry = this.#byId.get(session.id)
    if (entry) entry.holds++
  }
  release(session: { readonly id: string }): void {
    const entry = this.#byId.get(session.id)
    if (entry === undefined || entry.holds === 0) return
    entry.holds--
    this.#touch(entry)
  }

  /** Ends it for good; false when it was no longer there. */
  end(session: { readonly id: string }): boolean {
    const entry = this.#byId.get(session.id)
    return entry !== undefined && this.#finish(entry, 'closed')
  }

  /** Ends every session: the gateway stops. */
  endAll(): void {
    for (const entry of [...this.#byId.values()]) this.#finish(entry, 'closed')
  }

  /** Ends those whose opener may no longer use them, e.g. because it is blocked. Returns how many. */
  endWhere(isOver: (session: Session<T>) => boolean): number {
    const over = [...this.#byId.values()].filter(isOver)
    for (const entry of over) this.#finish(entry, 'closed')
    return over.length
  }

  /** Ends what is idle. The owner's one timer for all sessions calls it every few seconds. */
  sweep(): void {
    const since = this.#idleSince()
    while (this.#oldest && this.#oldest.seenMs <= since) {
      if (this.#isHeld(this.#oldest)) this.#touch(this.#oldest)
      else this.#finish(this.#oldest, 'idle')
    }
  }

  #isHeld(entry: Entry<T>): boolean {
    return entry.holds > 0 || this.#deps.isBusy?.(entry.value) === true
  }

  #idleSince(): number {
    return this.#deps.now() - this.#deps.limits.idleSeconds * 1000
  }

  #makeRoom(principal: PrincipalKey): boolean {
    const { limits } = this.#deps
    const own = this.#byPrincipal.get(principal) ?? []
    if (own.length < limits.perPrincipal && this.#byId.size < limits.total) return true
    let eldest: Entry<T> | undefined // of at most perPrincipal
    for (const entry of own) if (!this.#isHeld(entry) && entry.seenMs < (eldest?.seenMs ?? Infinity)) eldest = entry
    if (eldest) return this.#finish(eldest, 'replaced')
    return own.length < limits.perPrincipal && this.#reclaim()
  }

  #reclaim(): boolean {
    // Held sessions move to the new end, a few per try, so that what is silent comes to the old end.
    for (let n = 0; n < 16 && this.#oldest && this.#isHeld(this.#oldest); n++) this.#touch(this.#oldest)
    const silent = this.#oldest
    if (silent === undefined || this.#isHeld(silent)) return false
    return this.#deps.now() - silent.seenMs >= (this.#deps.limits.reclaimSeconds ?? 300) * 1000 && this.#finish(silent, 'replaced')
  }

  #finish(entry: Entry<T>, end: SessionEnd): boolean {
    this.#unlink(entry)
    this.#byId.delete(entry.id)
    const own = this.#byPrincipal.get(entry.principal) ?? []
    own.splice(own.indexOf(entry), 1)
    if (own.length === 0) this.#byPrincipal.delete(entry.principal)
    this.#deps.onEnd(entry, end)
    return true
  }

  #touch(entry: Entry<T>): void {
    entry.seenMs = this.#deps.now()
    if (entry === this.#newest) return
    this.#unlink(entry)
    this.#append(entry)
  }

  #append(entry: Entry<T>): void {
    entry.older = this.#newest
    if (this.#newest) this.#newest.newer = entry
    else this.#oldest = entry
    this.#newest = entry
  }

  #unlink(entry: Entry<T>): void {
    if (entry.older) entry.older.newer = entry.newer
    else this.#oldest = entry.newer
    if (entry.newer) entry.newer.older = entry.older
    else this.#newest = entry.older
    entry.older = entry.newer = undefined
  }
}

const LIMIT: Stop = {
  stop: 'session-limit',
  detail: 'no further session can be opened',
  fix: 'end sessions that are not used',
  retryAfterSeconds: 60,
}
