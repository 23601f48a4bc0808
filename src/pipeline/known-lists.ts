// What is known of a server's lists, for whoever compares servers with each other: under review the names that were admitted, with the texts of definitions
// that were seen with the admitted digests; else what it listed to its last callers.

import type { PinnedSurface } from '../admission/pinned-surface.ts'
import { LIST_KINDS, type Entry, type ListKind } from '../catalog/entry.ts'
import type { LiveList } from '../catalog/lists.ts'
import { isJsonFault, member, readJson, textOf } from '../mcp/json.ts'
import type { UpstreamEntry } from './entry.ts'

/** One definition as it reads. attacker-controlled. */
export type KnownEntry = { readonly name: string; readonly title?: string; readonly description?: string }

/** One server's lists as they were at one moment. Immutable: the same object until something of it changes. */
export type Known = {
  readonly of: Readonly<Record<ListKind, ReadonlyMap<string, KnownEntry>>>
  /** this very list is in it */
  has(list: LiveList): boolean
  /** some list of this kind is in it */
  hasRead(kind: ListKind): boolean
}

export type KnownListsDeps = {
  /** what a reviewer admitted of it; undefined where nobody did */
  readonly surfaceOf: (entry: UpstreamEntry) => PinnedSurface | undefined
  /** of an admitted definition, '' for any other */
  readonly digestIn: (entry: UpstreamEntry, kind: ListKind, each: Entry) => string
  /** gives other work a turn */
  readonly pause: () => Promise<void>
  /** monotonic milliseconds */
  readonly now: () => number
}

/** Callers whose own lists of one kind are kept, of a server that nobody reviews; the one that asked longest ago makes room. */
const MAX_CALLERS = 128
/** A list that nobody was shown anew for this long no longer counts once another comes: its caller may be gone. One that is used after all is taken in again. */
const KEEP_MS = 600_000
/** Lists that are known to hold nothing new, of a server under review. */
const MAX_ABSORBED = 1024
/** Texts read between two pauses. */
const PAUSE_ENTRIES = 50
const MAX_TEXT = 8192

const PINNED = { tools: 'tool', prompts: 'prompt', resources: 'resource', templates: 'resourceTemplate' } as const

type ByKind<T> = Readonly<Record<ListKind, T>>
type Held = {
  /** of a server that nobody reviews: what each caller was listed last */
  readonly lists: ByKind<ListedTo>
  /** of one under review: definitions seen with a digest that was admitted when they were seen */
  readonly seen: ByKind<Map<string, { readonly digest: string; readonly entry: KnownEntry }>>
  readonly absorbed: ByKind<Set<string>>
  known?: { readonly value: Known; readonly surface: PinnedSurface | undefined } | undefined
}

export class KnownLists {
  readonly #deps: KnownListsDeps
  readonly #held = new Map<string, Held>()
  readonly #texts = new WeakMap<Entry, KnownEntry>()

  constructor(deps: KnownListsDeps) {
    this.#deps = deps
  }

  /** Takes in what a caller was listed, in turns. `caller`: '' where lists do not depend on who asks. */
  async add(entry: UpstreamEntry, list: LiveList, caller: string): Promise<void> {
    let done = 0
    for (const each of list.entries) {
      if (this.#texts.has(each)) continue
      this.#texts.set(each, readTexts(each))
      if (++done % PAUSE_ENTRIES === 0) await this.#deps.pause()
    }
    const held = this.#of(entry.alias)
    held.known = undefined
    if (entry.admission === 'configured') keepNewest(held.lists[list.kind], caller, { list, atMs: this.#deps.now() })
    else this.#absorb(entry, held, list)
  }

  /** The same object until something of it changes. */
  of(entry: UpstreamEntry): Known {
    const held = this.#of(entry.alias)
    const surface = entry.admission === 'configured' ? undefined : this.#deps.surfaceOf(entry)
    if (held.known && held.known.surface === surface) return held.known.value
    const value = entry.admission === 'configured' ? listedIn(held.lists, each => this.#texts.get(each)) : admittedIn(held, surface)
    held.known = { value, surface }
    return value
  }

  drop(alias: string): void {
    this.#held.delete(alias)
  }

  #absorb(entry: UpstreamEntry, { seen, absorbed }: Held, { kind, entries, digest }: LiveList): void {
    const surface = this.#deps.surfaceOf(entry)?.primitives[PINNED[kind]]
    for (const each of entries) {
      const is = this.#deps.digestIn(entry, kind, each)
      if (surface?.get(each.name) === is) seen[kind].set(each.name, { digest: is, entry: this.#texts.get(each) ?? { name: each.name } })
    }
    // INVARIANT: no more is kept than is admitted now, however often that changes.
    for (const name of seen[kind].keys()) if (surface?.has(name) !== true) seen[kind].delete(name)
    if (absorbed[kind].size >= MAX_ABSORBED) absorbed[kind].clear()
    absorbed[kind].add(digest)
  }

  #of(alias: string): Held {
    let held = this.#held.get(alias)
    if (!held) {
      held = { lists: byKind(() => new Map()), seen: byKind(() => new Map()), absorbed: byKind(() => new Set()) }
      this.#held.set(alias, held)
    }
    return held
  }
}

const byKind = <T>(make: (kind: ListKind) => T): ByKind<T> => ({
  tools: make('tools'),
  prompts: make('prompts'),
  resources: make('resources'),
  templates: make('templates'),
})

type ListedTo = Map<string, { readonly list: LiveList; readonly atMs: number }>

function keepNewest(lists: ListedTo, caller: string, listed: { readonly list: LiveList; readonly atMs: number }): void {
  for (const [other, { atMs }] of lists) if (other === caller || listed.atMs - atMs > KEEP_MS) lists.delete(other)
  lists.set(caller, listed)
  const [oldest] = lists.keys()
  if (lists.size > MAX_CALLERS && oldest !== undefined) lists.delete(oldest)
}

function listedIn(lists: Held['lists'], textsOf: (each: Entry) => KnownEntry | undefined): Known {
  const digests = new Set<string>()
  const of = byKind(kind => {
    const names = new Map<string, KnownEntry>()
    for (const { list } of lists[kind].values()) {
      if (digests.has(list.digest)) continue
      digests.add(list.digest)
      for (const each of list.entries) names.set(each.name, textsOf(each) ?? { name: each.name })
    }
    return names
  })
  const read = new Set(LIST_KINDS.filter(kind => lists[kind].size > 0))
  return { of, has: list => digests.has(list.digest), hasRead: kind => read.has(kind) }
}

function admittedIn({ seen, absorbed }: Held, surface: PinnedSurface | undefined): Known {
  const of = byKind(kind => {
    const names = new Map<string, KnownEntry>()
    for (const [name, digest] of surface?.primitives[PINNED[kind]] ?? []) {
      const read = seen[kind].get(name)
      names.set(name, read?.digest === digest ? read.entry : { name })
    }
    return names
  })
  const digests = byKind(kind => new Set(absorbed[kind]))
  return { of, has: ({ kind, digest }) => digests[kind].has(digest), hasRead: kind => digests[kind].size > 0 }
}

function readTexts({ name, raw }: Entry): KnownEntry {
  const doc = readJson(raw, { indexDepth: 2 })
  if (isJsonFault(doc)) return { name }
  const text = (key: string, of = doc.root): string | undefined => {
    const node = member(of, key)
    return node?.kind === 'string' ? textOf(doc, node).slice(0, MAX_TEXT) : undefined
  }
  const annotations = member(doc.root, 'annotations')
  const title = text('title') ?? (annotations && text('title', annotations))
  const description = text('description')
  return { name, ...(title !== undefined && { title }), ...(description !== undefined && { description }) }
}
