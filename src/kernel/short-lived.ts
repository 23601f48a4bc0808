// A table for what comes and goes with every call. A Map would keep the dead alive: each time one makes room, its old table goes on pointing to the new
// one, so that one table that reached the old generation drags all later ones, and every call they ever held, there after it (docs/adr/0017).

/** By integer or string key, in no order for integers and oldest first for other strings. Keys may be chosen by a stranger. */
export class ShortLived<V> {
  // Without a prototype no key means anything but itself.
  #entries = Object.create(null) as Record<string | number, V>
  #size = 0

  get size(): number {
    return this.#size
  }
  get(key: string | number): V | undefined {
    return this.#entries[key]
  }
  has(key: string | number): boolean {
    return key in this.#entries
  }
  set(key: string | number, value: V): void {
    if (!(key in this.#entries)) this.#size += 1
    this.#entries[key] = value
  }
  /** whether there was one */
  delete(key: string | number): boolean {
    if (!(key in this.#entries)) return false
    this.#size -= 1
    return Reflect.deleteProperty(this.#entries, key)
  }
  clear(): void {
    this.#entries = Object.create(null) as Record<string | number, V>
    this.#size = 0
  }
  /** those of this moment */
  values(): V[] {
    return Object.values(this.#entries)
  }
}
