// The live lists of one upstream for one caller: fetched once per change or per short time, never once per host (R69, N130).

import { isStop, type Stop } from '../kernel/errors.ts'
import { LIST_KINDS, type ListKind } from './entry.ts'
import { fetchList, type FetchPage, type ListLimits, type ListSource, type LiveList } from './lists.ts'

/** The world as a room sees it. */
export type SurfacePorts = {
  /** monotonic milliseconds */
  readonly now: () => number
  readonly delay: (ms: number) => Promise<void>
  /** gives other work a turn (setImmediate) */
  readonly pause: () => Promise<void>
}

export type SurfaceSettings = {
  readonly limits: ListLimits
  /** life of a list whose changes nobody announces */
  readonly ttlMs: number
}

/** Changes announced for every caller of an upstream, counted per list. */
export type Changes = Record<ListKind, number>

/** What a surface shares with its owner, and tells it. */
export type SurfaceOwner = {
  readonly changes: Readonly<Changes>
  /** a list takes the place of another (or none); returns the one to keep, which may be an equal one */
  readonly replaced: (next: LiveList, old: LiveList | undefined) => LiveList
  /** a list arrived after somebody's patience had ended: hosts that got an answer without it can be told that it changed */
  readonly late: (kind: ListKind) => void
}

/** A list whose changes are announced is read again after this time all the same. */
const ANNOUNCED_TTL_MS = 600_000
/** An upstream's own ttl counts from here on: less would be a fetch per request. */
const MIN_TTL_MS = 1000
/** A list past its time is still handed out while a new one is fetched, until it is this many times as old. */
const STALE_FACTOR = 2
/** While the upstream fails, its last list lives this much longer. */
const STALE_ON_ERROR_MS = 300_000
/** At most this many fetches of one list in this time: a flood of list_changed costs waiting, not fetches. */
const BURST = 4
const BURST_MS = 1000
/** After a failure nothing is fetched for this time, doubling up to the second. */
const RETRY_MS = 500
const MAX_RETRY_MS = 8000

type State = {
  list: LiveList | undefined
  /** changes announced to this surface alone, and how many of all the list has seen */
  changes: number
  seen: number
  /** when the fetch of `list` began */
  fetchedMs: number
  running: Promise<void> | undefined
  /** when the last fetches began, newest last */
  starts: number[]
  failure: Stop | undefined
  failures: number
  retryAtMs: number
  isMissed: boolean
}

export class Surface {
  readonly alias: string
  readonly #settings: SurfaceSettings
  readonly #ports: SurfacePorts
  readonly #owner: SurfaceOwner
  readonly #states: Record<ListKind, State> = { tools: newState(), prompts: newState(), resources: newState(), templates: newState() }
  #announced: ReadonlySet<ListKind> = new Set()

  constructor(alias: string, settings: SurfaceSettings, ports: SurfacePorts, owner: SurfaceOwner) {
    this.alias = alias
    this.#settings = settings
    this.#ports = ports
    this.#owner = owner
  }

  /** The lists held now. */
  *held(): Generator<LiveList> {
    for (const kind of LIST_KINDS) {
      const { list } = this.#states[kind]
      if (list) yield list
    }
  }

  /** Which lists have a subscription that announces their changes; the others are read again after their time. */
  announce(kinds: ReadonlySet<ListKind>): void {
    this.#announced = kinds
  }

  /** The upstream announced a change of this list (or of all): what was fetched before now is not handed out any more unless fetching fails. */
  changed(kind?: ListKind): void {
    if (kind) this.#states[kind].changes += 1
    else for (const each of LIST_KINDS) this.#states[each].changes += 1
  }

  /**
   * The list, at once where it is fresh. Otherwise waits up to `patienceMs` for one fetch shared by all askers; then the last list while it
   * is not too old, or why there is none. INVARIANT: unless fetching fails or takes too long, a list asked for after `changed` was fetched after it.
   */
  list(kind: ListKind, source: ListSource, patienceMs: number): LiveList | Promise<LiveList | Stop> {
    const state = this.#states[kind]
    const { list } = state
    if (list === undefined || state.seen !== this.#changesOf(kind)) return this.#wait(kind, source, patienceMs)
    const age = this.#ports.now() - state.fetchedMs
    const freshMs = this.#freshMs(kind, list)
    if (age < freshMs) return list
    if (age >= freshMs * STALE_FACTOR) return this.#wait(kind, source, patienceMs)
    if (!state.running && this.#ports.now() >= state.retryAtMs) void this.#start(kind, source)
    return list
  }

  #changesOf(kind: ListKind): number {
    return this.#states[kind].changes + this.#owner.changes[kind]
  }

  #freshMs(kind: ListKind, { ttlMs }: LiveList): number {
    const own = this.#announced.has(kind) ? ANNOUNCED_TTL_MS : this.#settings.ttlMs
    return ttlMs > 0 ? Math.min(own, Math.max(ttlMs, MIN_TTL_MS)) : own
  }

  async #wait(kind: ListKind, source: ListSource, patienceMs: number): Promise<LiveList | Stop> {
    const state = this.#states[kind]
    const { now, delay } = this.#ports
    const wanted = this.#changesOf(kind)
    const deadlineMs = now() + patienceMs
    for (;;) {
      if (!state.running && state.failure && now() < state.retryAtMs) return this.#fallback(state, state.failure)
      const run = state.running ?? this.#start(kind, source)
      const leftMs = deadlineMs - now()
      const isInTime = leftMs > 0 && (await Promise.race([run.then(() => true), delay(leftMs).then(() => false)]))
      if (!isInTime) {
        state.isMissed = true
        return this.#fallback(state, { stop: 'upstream-timeout', detail: `\`${this.alias}\` has not listed its ${kind} in time` })
      }
      if (state.failure) return this.#fallback(state, state.failure)
      // a fetch that began before the change is not enough: once more
      if (state.list && state.seen >= wanted) return state.list
    }
  }

  #fallback({ list, fetchedMs }: State, stop: Stop): LiveList | Stop {
    return list && this.#ports.now() - fetchedMs < this.#settings.ttlMs + STALE_ON_ERROR_MS ? list : stop
  }

  #start(kind: ListKind, source: ListSource): Promise<void> {
    const state = this.#states[kind]
    const run = this.#fetch(kind, state, source).finally(() => (state.running = undefined))
    state.running = run
    return run
  }

  /** Never rejects. */
  async #fetch(kind: ListKind, state: State, source: ListSource): Promise<void> {
    const { now, delay, pause } = this.#ports
    const holdMs = state.starts.length < BURST ? 0 : (state.starts[0] ?? 0) + BURST_MS - now()
    if (holdMs > 0) await delay(holdMs)
    const changes = this.#changesOf(kind)
    const startedMs = now()
    state.starts = [...state.starts.slice(1 - BURST), startedMs]
    const fetchPage: FetchPage = (of, cursor) => source.fetchPage(of, cursor)
    const fetched = await fetchList({ alias: this.alias, kind, limits: this.#settings.limits, fetchPage, pause }).catch((): Stop => ({
      stop: 'internal-fault',
      detail: `reading the ${kind} of \`${this.alias}\` failed`,
    }))
    const read = source.ended ? await source.ended(fetched) : fetched
    if (isStop(read)) {
      state.failure = read
      state.retryAtMs = now() + Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** Math.min(state.failures++, 10))
      return
    }
    state.list = this.#owner.replaced(read, state.list)
    state.seen = changes
    state.fetchedMs = startedMs
    state.failure = undefined
    state.failures = 0
    if (!state.isMissed) return
    state.isMissed = false
    this.#owner.late(kind)
  }
}

const newState = (): State => ({
  list: undefined,
  changes: 0,
  seen: 0,
  fetchedMs: 0,
  running: undefined,
  starts: [],
  failure: undefined,
  failures: 0,
  retryAtMs: 0,
  isMissed: false,
})
