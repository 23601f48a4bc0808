// Grants that were looked up lately, still sealed. Bounded in number and age; what changes is forgotten before and after the change.

import type { StoredGrant } from './grant.ts'

export type CacheBounds = { readonly entries: number; readonly maxAgeMs: number }
type Entry = { readonly row: Promise<StoredGrant | undefined>; readonly untilMs: number }

export class GrantCache {
  readonly #bounds: CacheBounds
  readonly #monotonic: () => number
  readonly #entries = new Map<string, Entry>()

  constructor(bounds: CacheBounds, monotonic: () => number) {
    this.#bounds = bounds
    this.#monotonic = monotonic
  }

  /**
   * What is known, or what `read` finds; callers at once share one read. A row that was read before a `forget` is never kept after it, because its
   * entry is the one that was forgotten. Absence is kept too. A failed read is not.
   */
  get(key: string, read: () => Promise<StoredGrant | undefined>): Promise<StoredGrant | undefined> {
    const known = this.#entries.get(key)
    const now = this.#monotonic()
    if (known && known.untilMs > now) return known.row
    const entry: Entry = { row: read(), untilMs: now + this.#bounds.maxAgeMs }
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#bounds.entries) break
      this.#entries.delete(oldest)
    }
    entry.row.catch(() => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key)
    })
    return entry.row
  }

  forget(key: string): void {
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }
}
