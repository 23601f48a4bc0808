// server/discover results of a modern HTTP upstream, per caller, for a while: there is no connection whose end would say that they changed.

import type { Caller, UpstreamFace } from '../../bridge/upstream.ts'
import type { UpstreamSettings } from '../../config/schema.ts'
import { callerKey } from '../../bridge/caller-key.ts'
import { isFailure, type Failure } from './calls.ts'
import type { Ticker } from './ticker.ts'

const ENTRIES_MAX = 1024
const LONGEST_MS = 3_600_000

type Entry = { readonly face: Promise<UpstreamFace | Failure>; until: number }

export class FaceCache {
  readonly #ticker: Ticker
  readonly #settings: UpstreamSettings
  readonly #fetch: (caller: Caller) => Promise<UpstreamFace | Failure>
  readonly #entries = new Map<string, Entry>()

  constructor(ticker: Ticker, settings: UpstreamSettings, fetch: (caller: Caller) => Promise<UpstreamFace | Failure>) {
    this.#ticker = ticker
    this.#settings = settings
    this.#fetch = fetch
  }

  get(caller: Caller): Promise<UpstreamFace | Failure> {
    const key = callerKey(caller)
    const known = this.#entries.get(key)
    if (known && this.#ticker.now() < known.until) return known.face
    const face = this.#fetch(caller)
    const entry: Entry = { face, until: this.#ticker.now() + this.#settings.timeouts.connectMs }
    this.#keep(key, entry)
    void face.then(value => {
      // A failure is not kept: the next caller tries again.
      entry.until = isFailure(value) ? 0 : this.#ticker.now() + this.#lifeOf(value)
    })
    return face
  }

  put(caller: Caller, face: UpstreamFace): void {
    this.#keep(callerKey(caller), { face: Promise.resolve(face), until: this.#ticker.now() + this.#lifeOf(face) })
  }

  /** The upstream's ttlMs (R66), but at least the internal life of lists and at most an hour. */
  #lifeOf(face: UpstreamFace): number {
    const ttl = face.discover?.['ttlMs']
    const least = this.#settings.listTtlSeconds * 1000
    return typeof ttl === 'number' && ttl > least ? Math.min(ttl, LONGEST_MS) : least
  }

  #keep(key: string, entry: Entry): void {
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= ENTRIES_MAX) break
      this.#entries.delete(oldest)
    }
  }
}
