// All surfaces: one per upstream, principal and capabilities, because lists may depend on all three (R67, R70, N131); bounded in number and bytes.

import { digestOf } from '../kernel/digest.ts'
import { LIST_KINDS, type ListKind } from './entry.ts'
import type { LiveList } from './lists.ts'
import { Surface, type Changes, type SurfacePorts, type SurfaceSettings } from './surface.ts'

/** For whom an upstream is asked. */
export type SurfaceCaller = {
  /** principal key; ignored where an administrator says that lists do not depend on the caller */
  readonly principal: string
  /** effective client capabilities, canonical JSON text; ignored there too */
  readonly capabilities: string
}

export type SurfacesOptions = {
  /** surfaces in all and per upstream and principal; bytes of all different lists */
  readonly surfaces?: number
  readonly perPrincipal?: number
  readonly bytes?: number
  readonly ports: SurfacePorts
  /** see SurfaceOwner; `principal` is undefined for shared lists */
  readonly late?: (alias: string, principal: string | undefined, kind: ListKind) => void
  /** a new list that is not handed on whole; once for all callers with an equal one */
  readonly excluded?: (list: LiveList) => void
}

/** `used`: when it was asked for last, counted. No order of a Map: a key that is deleted and set at every call leaves a table behind each time (docs/adr/0017). */
type Held = { readonly surface: Surface; readonly alias: string; readonly group: string; isOpen: boolean; used: number }

export class Surfaces {
  readonly #options: SurfacesOptions
  readonly #held = new Map<string, Held>()
  /** keys of one upstream and principal: an inventive host evicts its own surfaces, not those of others */
  readonly #groups = new Map<string, Set<string>>()
  /** equal lists of different principals are held once */
  readonly #lists = new Map<string, { readonly list: LiveList; holders: number }>()
  /** per upstream: counted here, so that a flood of announcements costs the same however many callers there are */
  readonly #changes = new Map<string, Changes>()
  #bytes = 0
  #asked = 0

  constructor(options: SurfacesOptions) {
    this.#options = options
  }

  /** Surfaces and bytes held now, for metrics. */
  get size(): { readonly surfaces: number; readonly lists: number; readonly bytes: number } {
    return { surfaces: this.#held.size, lists: this.#lists.size, bytes: this.#bytes }
  }

  /** The surface of an upstream for this caller, made when there is none. `isShared`: the configuration says lists do not depend on the caller. */
  of(alias: string, settings: SurfaceSettings, caller: SurfaceCaller, isShared: boolean): Surface {
    const group = isShared ? alias : `${alias}\n${caller.principal}`
    const key = isShared ? alias : `${group}\n${shortened(caller.capabilities)}`
    const known = this.#held.get(key)
    if (known) {
      known.used = ++this.#asked
      return known.surface
    }
    const surface = new Surface(alias, settings, this.#options.ports, {
      changes: this.#changesOf(alias),
      replaced: (next, old) => this.#replace(held, next, old),
      late: kind => this.#options.late?.(alias, isShared ? undefined : caller.principal, kind),
    })
    const held: Held = { surface, alias, group, isOpen: true, used: ++this.#asked }
    this.#admit(key, held)
    return surface
  }

  /** A change that concerns every caller of this upstream; all lists when no kind is given. */
  changed(alias: string, kind?: ListKind): void {
    const changes = this.#changesOf(alias)
    if (kind) changes[kind] += 1
    else for (const each of LIST_KINDS) changes[each] += 1
  }

  /** The upstream is gone from the configuration, or is another one now. */
  forget(alias: string): void {
    for (const [key, held] of [...this.#held]) if (held.alias === alias) this.#evict(key, held)
    this.#changes.delete(alias)
  }

  #changesOf(alias: string): Changes {
    const known = this.#changes.get(alias) ?? { tools: 0, prompts: 0, resources: 0, templates: 0 }
    this.#changes.set(alias, known)
    return known
  }

  #admit(key: string, held: Held): void {
    const group = this.#groups.get(held.group) ?? new Set<string>()
    this.#groups.set(held.group, group)
    if (group.size >= (this.#options.perPrincipal ?? 8)) this.#evictOldest(group)
    group.add(key)
    this.#held.set(key, held)
    if (this.#held.size > (this.#options.surfaces ?? 4096)) this.#evictOldest(this.#held.keys())
  }

  /** Each new one costs its caller a list, so looking at all of them is no burden. */
  #evictOldest(keys: Iterable<string>): void {
    let oldest: readonly [string, Held] | undefined
    for (const key of keys) {
      const held = this.#held.get(key)
      if (held && (!oldest || held.used < oldest[1].used)) oldest = [key, held]
    }
    if (oldest) this.#evict(...oldest)
  }

  #evict(key: string, held: Held): void {
    this.#held.delete(key)
    held.isOpen = false
    const group = this.#groups.get(held.group)
    group?.delete(key)
    if (group?.size === 0) this.#groups.delete(held.group)
    for (const list of held.surface.held()) this.#release(list)
  }

  /** Keeps one copy of equal lists. A surface that was evicted while it fetched keeps its list for those who wait, uncounted. */
  #replace(held: Held, next: LiveList, old: LiveList | undefined): LiveList {
    if (!held.isOpen) return next
    const known = this.#lists.get(next.digest) ?? { list: next, holders: 0 }
    if (known.holders++ === 0) {
      this.#lists.set(next.digest, known)
      this.#bytes += next.bytes
      if (next.refusedCount > 0 || next.truncated !== undefined) this.#options.excluded?.(next)
    }
    if (old) this.#release(old)
    const most = this.#options.bytes ?? 256 * 1024 * 1024
    if (this.#bytes > most) this.#evictFor(held, most)
    return known.list
  }

  /** Least recently used first, but for the one that is being filled. */
  #evictFor(filled: Held, most: number): void {
    for (const [key, other] of [...this.#held].sort(([, a], [, b]) => a.used - b.used)) {
      if (this.#bytes <= most) return
      if (other !== filled) this.#evict(key, other)
    }
  }

  #release(list: LiveList): void {
    const known = this.#lists.get(list.digest)
    if (known?.list !== list || --known.holders > 0) return
    this.#lists.delete(list.digest)
    this.#bytes -= list.bytes
  }
}

/** Capabilities are whatever a host declares: long ones are held as a digest. Digests and JSON objects cannot be equal texts. */
const shortened = (capabilities: string): string => (capabilities.length > 128 ? digestOf(capabilities) : capabilities)
