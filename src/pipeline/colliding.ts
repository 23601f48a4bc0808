// Collisions on the path: which entries of which endpoint are held, because they could be taken for others that stand there. Judged once per change of what is
// admitted, configured or listed, for everybody alike; what was not judged yet is not shown.

import type { LiveList } from '../catalog/lists.ts'
import type { Collisions } from '../collision/finding.ts'
import type { Identity, Inventory } from '../collision/inventory.ts'
import type { Resolutions } from '../collision/resolution.ts'
import { isAggregated, shownServer, type Compared, type Place } from './compared-servers.ts'
import type { UpstreamEntry } from './entry.ts'
import { digestOfHeld, heldIn, type HeldEntries } from './held-entries.ts'
import type { Known, KnownLists } from './known-lists.ts'

/** One endpoint as it was judged. */
export type Judgement = {
  readonly endpoint: Place
  readonly resolutions: Resolutions
  /** as it would be without any decision; the same as `applied` where none concerns it */
  readonly plain: Collisions
  readonly applied: Collisions
  /** by alias, in the server's own names */
  readonly held: HeldEntries
  /** by alias: exactly what was compared */
  readonly known: ReadonlyMap<string, Known>
}
/** A list that is to be shown, and to whom: '' where it does not depend on who asks. */
export type Used = { readonly entry: UpstreamEntry; readonly list: LiveList; readonly caller: string }

export type CollidingDeps = {
  readonly known: KnownLists
  readonly endpoints: () => Iterable<Place>
  readonly upstreams: () => ReadonlyMap<string, UpstreamEntry>
  /** a server whose lists nobody is shown is compared with nobody */
  readonly isHeld: (entry: UpstreamEntry) => boolean
  readonly identityOf: (entry: UpstreamEntry) => Identity
  /** place in the configuration: who stands there longer is the incumbent */
  readonly rankOf: (alias: string) => number
  readonly resolutions: () => Resolutions
  readonly collide: (inventory: Inventory, pause: () => Promise<void>) => Promise<Collisions>
  /** before a judgement counts; never rejects */
  readonly told: (judgement: Judgement, before: Judgement | undefined) => Promise<void>
  /** judging by itself ended in a fault: what was to be judged stays unjudged until somebody asks */
  readonly failed: (cause: unknown) => void
  readonly pause: () => Promise<void>
}

type Work = { readonly running: Promise<void>; next?: Promise<void> }
type Judged = Judgement & { readonly version: number }

export class Colliding {
  readonly #deps: CollidingDeps
  /** by path */
  readonly #judged = new Map<string, Judged>()
  readonly #work = new Map<string, Work>()
  readonly #listeners = new Map<string, Set<() => void>>()
  /** grows with each change that concerns everybody: configuration, decisions of reviewers, servers that are others now */
  #version = 0

  constructor(deps: CollidingDeps) {
    this.#deps = deps
  }

  /** Something changed that is not a list: everything is judged anew, in turns, and nothing is shown by the old judgement meanwhile. */
  changed(): void {
    this.#version += 1
    this.#judgeAll().catch((cause: unknown) => this.#deps.failed(cause))
  }

  /** The server behind the alias is another one now. */
  drop(alias: string): void {
    this.#deps.known.drop(alias)
    this.changed()
  }

  /** What people decided, as it counts now: names beside other servers follow from it alone. */
  get resolutions(): Resolutions {
    return this.#deps.resolutions()
  }

  /** The judgement that counts here; every one of these lists is in it, if need be after a wait for nothing but the comparison. */
  judgement(endpoint: Place, lists: readonly Used[] = []): Judgement | Promise<Judgement> {
    const now = this.#fresh(endpoint)
    return now && lists.every(used => covers(now, used)) ? now : this.#judgedWith(endpoint, lists)
  }

  /** All endpoints, for people. */
  async all(): Promise<readonly Judgement[]> {
    const judged: Judgement[] = []
    for (const endpoint of this.#deps.endpoints()) judged.push(await this.judgement(endpoint))
    return judged
  }

  /** The last judgement, though a newer one may be under way; for what flows without being asked for. */
  latest({ path }: Place): Judgement | undefined {
    return this.#judged.get(path)
  }

  /** Calls back when entries of this server came to be held somewhere, or are no longer, until the function it answers is called. */
  onChange(alias: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(alias) ?? new Set()
    this.#listeners.set(alias, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(alias) === listeners) this.#listeners.delete(alias)
    }
  }

  #fresh({ path }: Place): Judged | undefined {
    const judged = this.#judged.get(path)
    return judged?.version === this.#version ? judged : undefined
  }

  async #judgedWith(endpoint: Place, lists: readonly Used[]): Promise<Judgement> {
    for (const used of lists)
      if (!this.#deps.known.of(used.entry).has(used.list)) await this.#deps.known.add(used.entry, used.list, used.caller)
    // A run that began before is not enough; a change that comes meanwhile needs another.
    do await this.#run(endpoint)
    while (!this.#fresh(endpoint))
    return this.#judged.get(endpoint.path) ?? this.#judgedWith(endpoint, lists)
  }

  async #judgeAll(): Promise<void> {
    const version = this.#version
    const endpoints = [...this.#deps.endpoints()]
    const paths = new Set(endpoints.map(({ path }) => path))
    for (const path of this.#judged.keys()) if (!paths.has(path)) this.#judged.delete(path)
    for (const endpoint of endpoints) {
      await this.#deps.pause()
      if (version !== this.#version) return
      if (!this.#fresh(endpoint)) await this.#run(endpoint)
    }
  }

  /** Judged from what is so after it was asked for; who asks while one waits shares it. */
  #run(endpoint: Place): Promise<void> {
    const work = this.#work.get(endpoint.path)
    if (!work) return this.#start(endpoint)
    work.next ??= work.running.then(() => this.#start(endpoint))
    return work.next
  }

  #start(endpoint: Place): Promise<void> {
    const { path } = endpoint
    const running = this.#judge(endpoint).finally(() => {
      const work = this.#work.get(path)
      if (work?.running === running && !work.next) this.#work.delete(path)
    })
    this.#work.set(path, { running })
    return running
  }

  async #judge(endpoint: Place): Promise<void> {
    const version = this.#version
    const { pause, collide, known: lists } = this.#deps
    const resolutions = this.#deps.resolutions()
    const entries = endpoint.aliases.flatMap(alias => this.#deps.upstreams().get(alias) ?? []).filter(entry => !this.#deps.isHeld(entry))
    const known = new Map<string, Known>()
    for (const entry of entries) {
      known.set(entry.alias, lists.of(entry))
      await pause()
    }
    const compared = entries.map(entry => this.#compared(entry, known.get(entry.alias)))
    const inventory = async (decided: Resolutions | undefined): Promise<Inventory> => {
      const servers = []
      for (const each of compared) servers.push(await shownServer(endpoint, each, decided, pause))
      return { naming: isAggregated(endpoint) ? 'qualified' : 'own', servers }
    }
    const applied = await collide(await inventory(resolutions), pause)
    const isDecided = resolutions.all.some(({ server }) => known.has(server))
    const plain = isDecided ? await collide(await inventory(undefined), pause) : applied
    const held = heldIn(endpoint, { resolutions, applied, known })
    const judged: Judged = { endpoint, resolutions, plain, applied, held, known, version }
    const before = this.#judged.get(endpoint.path)
    await this.#deps.told(judged, before)
    this.#judged.set(endpoint.path, judged)
    if (before) this.#tell(before, judged)
  }

  #compared(entry: UpstreamEntry, known: Known | undefined): Compared {
    const { identityOf, rankOf } = this.#deps
    const { alias, admission } = entry
    return { alias, known, isReviewed: admission === 'required', identity: identityOf(entry), rank: rankOf(alias) }
  }

  #tell(before: Judged, now: Judged): void {
    for (const alias of now.known.keys())
      if (digestOfHeld(now.held, alias) !== digestOfHeld(before.held, alias))
        for (const listener of [...(this.#listeners.get(alias) ?? [])]) listener()
  }
}

const covers = ({ known }: Judgement, { entry, list }: Used): boolean => known.get(entry.alias)?.has(list) === true
