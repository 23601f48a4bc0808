// The marks of this process: who read untrusted or private contents, from where, until when. Asked at every request, so the answer is two look-ups in memory; written
// down before the contents go anywhere, at most once a minute for each server and client.
//
// The mark stands from the moment a call leaves for the server, before anybody knows the answer. What the host sends before it has seen that answer cannot hold
// anything of it, so a call that was judged a moment earlier, even one of the same batch, carries nothing over; every call that is sent afterwards finds the mark. While
// a read runs its mark has no end, and afterwards it ends `decay` later.

import type { Principal, PrincipalKey } from '../kernel/principal.ts'
import { ShortLived } from '../kernel/short-lived.ts'
import { LABELS, type Label, type Reading } from './reading.ts'
import type { Mark, MarkKey, MarkStore } from './store.ts'

/** What rules are told. One of four objects. */
export type Standing = { readonly readUntrusted: boolean; readonly readPrivate: boolean }

/** A read that runs. `end`: no more of it can reach the host but what it answers now; false: it may not even do that, for the mark could not be made durable. */
export type Running = { readonly end: () => boolean | Promise<boolean> }
/** `full`: there is no room for another mark; `unwritable`: it could not be made durable. Nothing may be read then. */
export type NotMarked = 'full' | 'unwritable'

export type MarkLimits = {
  /** marks in all; default 50,000 */
  readonly total?: number
  /** clients of one principal that are told apart; default 16. Further ones share a mark that counts for all of them */
  readonly clients?: number
  /** servers that are told apart in one mark; default 8 */
  readonly servers?: number
}
type Parts = {
  readonly store: MarkStore
  /** wall clock that never runs backwards, milliseconds */
  readonly now: () => number
  /** how long a mark stands after the last read; asked each time */
  readonly decayMs: () => number
  readonly limits?: MarkLimits
}

/** Between two calls of `renew`. What is on disk is this far ahead of what is needed, or twice: so that reads of the next minute write nothing, and a crash loses nothing. */
export const RENEW_MS = 60_000
const LOOK_MS = 1000
const ANY = '*'

type Ends = Record<Label, number>
type Source = {
  readonly key: MarkKey
  /** of this process */
  readonly number: number
  method: string
  name: string
  atMs: number
  /** by what was read until now */
  until: Ends
  /** what is on disk */
  durable: Ends
  running: Record<Label, number>
  /** counts reads: one that was cleared and read again meanwhile stays */
  reads: number
  writing: { readonly ends: Ends; readonly done: Promise<boolean> } | undefined
}
type Client = Map<string, Source>

const NOTHING: Standing = { readUntrusted: false, readPrivate: false }
const STANDINGS = [
  NOTHING,
  { readUntrusted: true, readPrivate: false },
  { readUntrusted: false, readPrivate: true },
  { readUntrusted: true, readPrivate: true },
] as const

export class Marks {
  readonly #store: MarkStore
  readonly #now: () => number
  readonly #decayMs: () => number
  readonly #limits: Required<MarkLimits>
  readonly #principals = new Map<PrincipalKey, Map<string, Client>>()
  /** being read now, by number */
  readonly #active = new ShortLived<Source>()
  #numbers = 0
  #size = 0
  #lookedMs = 0

  private constructor({ store, now, decayMs, limits = {} }: Parts) {
    this.#store = store
    this.#now = now
    this.#decayMs = decayMs
    this.#limits = { total: 50_000, clients: 16, servers: 8, ...limits }
  }

  /** With those of before the last stop. Rejects when they cannot be read: nobody is unmarked because of that. */
  static async open(parts: Parts): Promise<Marks> {
    const marks = new Marks(parts)
    for (const mark of await parts.store.alive(parts.now())) {
      const ends = { untrusted: mark.untrustedUntilMs, private: mark.privateUntilMs }
      const source = marks.#add(mark, { ...ends })
      Object.assign(source, { method: mark.method, name: mark.name, atMs: mark.atMs, until: { ...ends } })
    }
    return marks
  }

  /** Whether what this principal's client sends now may be made of such contents. */
  of({ key, client = '' }: Pick<Principal, 'key' | 'client'>): Standing {
    const clients = this.#principals.get(key)
    if (!clients) return NOTHING
    const nowMs = this.#now()
    const isMarked = (label: Label): boolean => isStanding(clients.get(client), label, nowMs) || isStanding(clients.get(ANY), label, nowMs)
    return STANDINGS[((isMarked('untrusted') ? 1 : 0) + (isMarked('private') ? 2 : 0)) as 0 | 1 | 2 | 3]
  }

  /** Where it comes from, latest first. */
  sourcesOf({ key, client = '' }: Pick<Principal, 'key' | 'client'>): readonly Mark[] {
    const clients = this.#principals.get(key)
    return this.#told([clients?.get(client), client === ANY ? undefined : clients?.get(ANY)])
  }

  /** Of one principal, or of everybody; latest first. */
  all(principal?: PrincipalKey): readonly Mark[] {
    const of = principal === undefined ? [...this.#principals.values()] : [this.#principals.get(principal)]
    return this.#told(of.flatMap(clients => [...(clients?.values() ?? [])]))
  }

  /**
   * Marks, and lets the contents come once that is durable: at once where it was less than a minute ago. INVARIANT: whoever gets a `Running` calls its `end` when no
   * more contents of this read can reach the host.
   */
  begin(reading: Reading): Running | NotMarked | Promise<Running | NotMarked> {
    const source = this.#sourceFor(reading)
    if (!source) return 'full'
    const { labels, method, name } = reading
    const nowMs = this.#now()
    this.#count(source, labels, 1)
    Object.assign(source, { method, name, atMs: nowMs, reads: source.reads + 1 })
    const written = this.#cover(source, labels, nowMs + this.#decayMs() + RENEW_MS)
    if (written === true) return this.#runningOf(source, labels)
    return written.then(isWritten => {
      if (isWritten) return this.#runningOf(source, labels)
      this.#count(source, labels, -1)
      this.#drop(source, this.#now())
      return 'unwritable'
    })
  }

  #runningOf(source: Source, labels: readonly Label[]): Running {
    let isOver = false
    return {
      end: () => {
        if (isOver) return true
        isOver = true
        const endMs = this.#now() + this.#decayMs()
        this.#count(source, labels, -1)
        for (const label of labels) source.until[label] = Math.max(source.until[label], endMs)
        return this.#cover(source, labels, endMs)
      },
    }
  }

  #count(source: Source, labels: readonly Label[], by: 1 | -1): void {
    for (const label of labels) source.running[label] += by
    if (isRead(source)) this.#active.set(source.number, source)
    else this.#active.delete(source.number)
  }

  /** What is read for long stays marked on disk, too; called every `RENEW_MS`. What cannot be written now is written next time, or its answer stops. */
  async renew(): Promise<void> {
    const neededMs = this.#now() + this.#decayMs() + RENEW_MS
    const running = (source: Source): readonly Label[] => LABELS.filter(label => source.running[label] > 0)
    await Promise.all(this.#active.values().map(async source => this.#cover(source, running(source), neededMs)))
  }

  #cover(source: Source, labels: readonly Label[], neededMs: number): true | Promise<boolean> {
    return labels.every(label => source.durable[label] >= neededMs) ? true : this.#write(source, labels, neededMs)
  }

  /** Those who read at the same time share a write. */
  async #write(source: Source, labels: readonly Label[], neededMs: number): Promise<boolean> {
    while (labels.some(label => source.durable[label] < neededMs)) {
      const { writing } = source
      if (writing && labels.every(label => writing.ends[label] >= neededMs)) return writing.done
      // One after the other: each writes what the one before wrote, and more.
      if (writing) {
        await writing.done
        continue
      }
      const ends = { ...source.durable }
      for (const label of labels) ends[label] = Math.max(ends[label], neededMs + RENEW_MS)
      if (!(await this.#put(source, ends))) return false
    }
    return true
  }

  #put(source: Source, ends: Ends): Promise<boolean> {
    const { key, method, name, atMs } = source
    // Not where it was cleared meanwhile: the removal comes behind this write.
    const isLatest = (): boolean => source.writing === writing
    const done = this.#store
      .put({ ...key, method, name, atMs, untrustedUntilMs: ends.untrusted, privateUntilMs: ends.private })
      .then(
        () => {
          if (isLatest()) source.durable = ends
          return true
        },
        () => false,
      )
      .finally(() => {
        if (isLatest()) source.writing = undefined
      })
    const writing = { ends, done }
    source.writing = writing
    return done
  }

  /**
   * Takes marks away, of one client or of all; durable when it resolves. What is being read now keeps its mark, and is counted as `running`. Undefined: they may come
   * back after a restart, and stand until then.
   */
  async clear(
    principal: PrincipalKey,
    client?: string,
  ): Promise<{ readonly cleared: readonly Mark[]; readonly running: number } | undefined> {
    const clients = this.#principals.get(principal)
    const all = [...(clients ?? [])].filter(([name]) => client === undefined || name === client).flatMap(([, of]) => [...of.values()])
    const idle = all.filter(source => !isRead(source))
    const nowMs = this.#now()
    const cleared = idle.flatMap(source => this.#markOf(source, nowMs) ?? [])
    // Whoever reads from here on writes anew, behind the removal.
    for (const source of idle) Object.assign(source, { durable: { untrusted: 0, private: 0 }, writing: undefined })
    const seen = idle.map(({ reads }) => reads)
    const isRemoved = await this.#store.remove(idle.map(({ key }) => key)).then(
      () => true,
      () => false,
    )
    if (!isRemoved) return undefined
    for (const [i, source] of idle.entries()) if (source.reads === seen[i]) this.#remove(source)
    return { cleared, running: all.length - idle.length }
  }

  /** Forgets what has ended. Rejects where the store does; then it is forgotten next time. */
  async sweep(): Promise<void> {
    const nowMs = this.#now()
    this.#dropEnded(nowMs)
    await this.#store.forget(nowMs)
  }

  /** A full table is looked through once a second at most, however many ask. */
  #makeRoom(nowMs: number): void {
    if (this.#size < this.#limits.total || nowMs - this.#lookedMs < LOOK_MS) return
    this.#lookedMs = nowMs
    this.#dropEnded(nowMs)
  }

  #dropEnded(nowMs: number): void {
    for (const clients of this.#principals.values())
      for (const sources of clients.values()) for (const source of sources.values()) this.#drop(source, nowMs)
  }

  /** Undefined: there is no room. Past the bounds of one principal marks lose where they are from, and count for more; none is dropped. */
  #sourceFor({ principal, client, server }: Reading): Source | undefined {
    const clients = this.#principals.get(principal)
    const isKnown = client === ANY || clients?.has(client) === true
    const who = isKnown || (clients?.size ?? 0) < this.#limits.clients ? client : ANY
    const sources = clients?.get(who)
    const isApart = server === ANY || sources?.has(server) === true || (sources?.size ?? 0) < this.#limits.servers
    const key: MarkKey = { principal, client: who, server: isApart ? server : ANY }
    const known = sources?.get(key.server)
    if (known) return known
    this.#makeRoom(this.#now())
    return this.#size >= this.#limits.total ? undefined : this.#add(key, { untrusted: 0, private: 0 })
  }

  #add({ principal, client, server }: MarkKey, durable: Ends): Source {
    const clients = this.#principals.get(principal) ?? new Map<string, Client>()
    this.#principals.set(principal, clients)
    const sources = clients.get(client) ?? (new Map() as Client)
    clients.set(client, sources)
    const source: Source = {
      key: { principal, client, server },
      number: (this.#numbers += 1),
      method: '',
      name: '',
      atMs: 0,
      until: { untrusted: 0, private: 0 },
      durable,
      running: { untrusted: 0, private: 0 },
      reads: 0,
      writing: undefined,
    }
    sources.set(server, source)
    this.#size += 1
    return source
  }

  #drop(source: Source, nowMs: number): void {
    const { until } = source
    if (!isRead(source) && until.untrusted <= nowMs && until.private <= nowMs) this.#remove(source)
  }

  #remove(source: Source): void {
    const { principal, client, server } = source.key
    const clients = this.#principals.get(principal)
    const sources = clients?.get(client)
    if (!clients || sources?.get(server) !== source) return
    sources.delete(server)
    this.#size -= 1
    if (sources.size === 0) clients.delete(client)
    if (clients.size === 0) this.#principals.delete(principal)
  }

  #told(of: readonly (Client | undefined)[]): readonly Mark[] {
    const nowMs = this.#now()
    const marks = of.flatMap(sources => [...(sources?.values() ?? [])].flatMap(source => this.#markOf(source, nowMs) ?? []))
    return marks.sort((a, b) => b.atMs - a.atMs)
  }

  #markOf({ key, method, name, atMs, until, running }: Source, nowMs: number): Mark | undefined {
    const ends = (label: Label): number => (running[label] > 0 ? Math.max(until[label], nowMs + this.#decayMs()) : until[label])
    const [untrustedUntilMs, privateUntilMs] = [ends('untrusted'), ends('private')]
    return untrustedUntilMs > nowMs || privateUntilMs > nowMs ? { ...key, method, name, atMs, untrustedUntilMs, privateUntilMs } : undefined
  }
}

const isRead = ({ running }: Source): boolean => running.untrusted + running.private > 0

/** A few servers at most. */
function isStanding(client: Client | undefined, label: Label, nowMs: number): boolean {
  for (const { running, until } of client?.values() ?? []) if (running[label] > 0 || until[label] > nowMs) return true
  return false
}
