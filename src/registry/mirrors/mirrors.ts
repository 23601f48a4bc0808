// Reads other registries into waiting: what changed there since it was read last, page by page, one mirror at a time. Nothing of it is served or run.

import { Fault } from '../../kernel/errors.ts'
import type { SchemaFault } from '../json-schema.ts'
import type { Namespace } from '../namespace.ts'
import { fateOf, judgeEntry, type Fate, type Judged, type NamespacePattern } from './judge.ts'
import { readPage, type MirrorEntry } from './page.ts'
import type { MirrorChange, MirroredVersion, MirrorEnd, MirrorPass, MirrorState, MirrorStore, MirrorTally } from './store.ts'

export type MirrorSettings = {
  readonly url: string
  readonly namespaces: readonly NamespacePattern[]
  readonly everyMs: number
  /** absolute path of a file with a token for this mirror alone */
  readonly tokenFile?: string
}
/** What is asked of a mirror: a page of what changed since then. */
type MirrorRequest = Pick<MirrorSettings, 'url' | 'tokenFile'> & {
  readonly cursor?: string
  readonly sinceMs?: number
  /** what is known already, for the first page */
  readonly etag?: string
}
/** One request to a mirror, bounded in size and time. Rejects with Fault `mirror-refused` (it does not take the cursor) or another one. */
export type FetchMirrorPage = (request: MirrorRequest) => Promise<{ readonly body: Buffer; readonly etag?: string } | 'unchanged'>

export type MirrorsParts = {
  readonly settings: () => readonly MirrorSettings[]
  readonly store: MirrorStore
  readonly fetchPage: FetchMirrorPage
  readonly checkSchema: (value: unknown) => readonly SchemaFault[]
  readonly namespaces: { list(): Promise<readonly Pick<Namespace, 'name'>[]> }
  /** what changed of versions that were admitted here */
  readonly onChanged: (changes: readonly MirrorChange[]) => Promise<void>
  /** a reading ended, as it goes into the record */
  readonly onEnd: (url: string, end: MirrorEnd) => Promise<void>
  /** lets others go on */
  readonly pause: () => Promise<void>
  /** wall clock, milliseconds */
  readonly now: () => number
}
export type MirrorStatus = MirrorSettings & { readonly state: MirrorState | undefined; readonly isReading: boolean }

/** Of one reading: whoever has no end is not read to it. */
const MAX_PAGES = 5000
const MAX_READING_MS = 6 * 3_600_000
/** Pages in one go; the rest comes with the next look. */
const PAGES_AT_ONCE = 20
/** Versions of all mirrors. */
const MAX_MIRRORED = 500_000
/** Entries that are judged before others go on. */
const ENTRIES_AT_ONCE = 10
const MAX_NAMED = 20
/** Clocks differ by this, and what changed while it was read is asked for again. */
const OVERLAP_MS = 5 * 60_000
const RETRY_MS = 5 * 60_000
const NO_TALLY: MirrorTally = { pages: 0, added: 0, same: 0, changed: 0, outside: 0, held: 0, refused: 0, named: [] }

export class Mirrors {
  readonly #parts: MirrorsParts
  #reading: string | undefined
  /** cursors of the reading under way: one that comes again leads nowhere */
  #cursors = new Set<string>()
  #dueMs = 0
  constructor(parts: MirrorsParts) {
    this.#parts = parts
  }

  async status(): Promise<readonly MirrorStatus[]> {
    const { settings, store } = this.#parts
    return Promise.all(
      settings().map(async mirror => ({ ...mirror, state: await store.state(mirror.url), isReading: this.#reading === mirror.url })),
    )
  }

  /** Reads it with the next look, whenever it would be due. False: there is no such mirror. */
  async request(url: string): Promise<boolean> {
    const { settings, store } = this.#parts
    if (!settings().some(mirror => mirror.url === url)) return false
    const state = await store.state(url)
    await store.save({ ...(state ?? { url }), dueMs: 0 })
    this.#dueMs = 0
    return true
  }

  /** Called by the one timer: goes on with a reading, or begins one that is due. Never rejects. */
  async look(): Promise<void> {
    const { settings, store, now } = this.#parts
    const mirrors = settings()
    // Where nothing is due nothing is asked: not each second, of the database either. A clock that was set back must not put it off.
    if (this.#reading !== undefined || mirrors.length === 0) return
    if (now() < this.#dueMs && now() > this.#dueMs - Math.max(...mirrors.map(({ everyMs }) => everyMs))) return
    this.#reading = ''
    try {
      let nextMs = Infinity
      for (const mirror of mirrors) {
        const state = (await store.state(mirror.url)) ?? { url: mirror.url, dueMs: 0 }
        if (state.dueMs <= now() || state.dueMs > now() + mirror.everyMs) {
          this.#reading = mirror.url
          nextMs = Math.min(nextMs, (await this.#read(mirror, state)).dueMs)
        } else nextMs = Math.min(nextMs, state.dueMs)
      }
      this.#dueMs = nextMs
    } catch {
      this.#dueMs = now() + RETRY_MS // the database cannot be asked now, and says so itself
    } finally {
      this.#reading = undefined
    }
  }

  /** Some pages of one mirror. The state that is kept then. */
  async #read(mirror: MirrorSettings, state: MirrorState): Promise<MirrorState> {
    let at = state
    try {
      for (let i = 0; i < PAGES_AT_ONCE; i++) {
        at = await this.#readPage(mirror, at)
        if (!at.pass) return at
      }
      return at
    } catch (error) {
      return this.#failed(mirror, at, error)
    }
  }

  async #readPage(mirror: MirrorSettings, state: MirrorState): Promise<MirrorState> {
    const { fetchPage, now } = this.#parts
    const pass = state.pass ?? this.#begun(now())
    if (pass.tally.pages >= MAX_PAGES || now() - pass.startedMs > MAX_READING_MS) throw new Fault('mirror-endless', 'its list has no end')
    const { url, tokenFile } = mirror
    const isFirst = pass.cursor === undefined
    const got = await fetchPage({
      url,
      ...(tokenFile !== undefined && { tokenFile }),
      ...(pass.cursor !== undefined && { cursor: pass.cursor }),
      ...(state.sinceMs !== undefined && { sinceMs: state.sinceMs }),
      ...(isFirst && state.etag !== undefined && { etag: state.etag }),
    })
    if (got === 'unchanged') return this.#end(mirror, { state, pass, page: NOTHING })
    const page = readPage(got.body)
    if ('fault' in page) throw new Fault('mirror-invalid', `a page cannot be read: ${page.fault}`)
    const { nextCursor } = page
    if (nextCursor !== undefined && this.#cursors.has(nextCursor)) throw new Fault('mirror-endless', 'a cursor came for the second time')
    const taken = await this.#take(mirror, page.entries, pass)
    const etag = isFirst ? got.etag : pass.etag
    const after: MirrorPass = {
      startedMs: pass.startedMs,
      ...(nextCursor !== undefined && { cursor: nextCursor }),
      ...(etag !== undefined && { etag }),
      newestMs: Math.max(pass.newestMs, ...page.entries.map(entry => ('said' in entry ? (entry.said.updatedMs ?? 0) : 0))),
      tally: taken.tally,
    }
    if (nextCursor === undefined) return this.#end(mirror, { state, pass: after, page: taken })
    this.#cursors.add(nextCursor)
    const next: MirrorState = { ...state, pass: after, dueMs: now() }
    await this.#keep(taken, next)
    return next
  }

  #begun(nowMs: number): MirrorPass {
    this.#cursors = new Set()
    return { startedMs: nowMs, newestMs: 0, tally: NO_TALLY }
  }

  /** What becomes of the entries of one page. */
  async #take({ url, namespaces: patterns }: MirrorSettings, entries: readonly MirrorEntry[], { tally }: MirrorPass): Promise<Taken> {
    const { checkSchema, store, now, pause } = this.#parts
    const judged: Judged[] = []
    for (const [i, entry] of entries.entries()) {
      judged.push(judgeEntry(entry, tally.pages * entries.length + i, { patterns, checkSchema }))
      if (i % ENTRIES_AT_ONCE === ENTRIES_AT_ONCE - 1) await pause()
    }
    const whole = judged.filter(one => one.kind === 'entry')
    const local = await this.#local(whole)
    const known = await store.known(whole.map(({ name, version }) => ({ name: name.text, version })))
    const room = MAX_MIRRORED - (await store.count())
    const taken = new Taking(tally)
    for (const one of judged) {
      if (one.kind === 'outside') taken.outside()
      else if (one.kind === 'refused') taken.refused(one.name, one.why)
      else {
        const seen = [...known, ...taken.added].find(({ name, version }) => name.toLowerCase() === one.name.key && version === one.version)
        const fate = fateOf(one, { source: url, local, known: seen, nowMs: now() })
        taken.take(`${one.name.text}@${one.version}`, taken.added.length >= room && fate.kind === 'added' ? FULL : fate)
      }
    }
    return taken.done()
  }

  async #local(entries: readonly Extract<Judged, { kind: 'entry' }>[]) {
    const { namespaces, store } = this.#parts
    const names = [...new Set(entries.map(({ name }) => name.key))]
    const [registered, published] = await Promise.all([namespaces.list(), store.local(names)])
    return {
      namespaces: new Set(registered.map(({ name }) => name.toLowerCase())),
      servers: new Set(published.map(name => name.toLowerCase())),
    }
  }

  async #keep({ added, changed }: Pick<Taken, 'added' | 'changed'>, state: MirrorState): Promise<void> {
    await this.#parts.store.keep({ added, changed, state })
    if (changed.length > 0) await this.#parts.onChanged(changed)
  }

  /** Read to its end: the next reading asks for what changed since. A time in the future would hide what changes until then. */
  async #end(
    { url, everyMs }: MirrorSettings,
    { state, pass, page }: { readonly state: MirrorState; readonly pass: MirrorPass; readonly page: Taken | typeof NOTHING },
  ): Promise<MirrorState> {
    const { now } = this.#parts
    const newest = Math.min(pass.newestMs, pass.startedMs - OVERLAP_MS)
    const sinceMs = Math.max(state.sinceMs ?? 0, newest)
    const isSameAsk = sinceMs === (state.sinceMs ?? 0)
    // What the mirror said of a page is of use for the same request only, and where that page was all there is.
    const etag = page === NOTHING ? state.etag : isSameAsk && pass.tally.pages === 1 ? pass.etag : undefined
    const end: MirrorEnd = { atMs: now(), tally: pass.tally }
    const next: MirrorState = {
      url,
      ...(sinceMs > 0 && { sinceMs }),
      ...(etag !== undefined && { etag }),
      ended: end,
      dueMs: now() + everyMs,
    }
    await this.#keep(page, next)
    await this.#parts.onEnd(url, end)
    return next
  }

  /** What was read stays; it goes on from there, or anew where the mirror does not take the cursor any more, or has no end. */
  async #failed({ url, everyMs }: MirrorSettings, state: MirrorState, error: unknown): Promise<MirrorState> {
    const { now, store, onEnd } = this.#parts
    const code = error instanceof Fault ? error.code : 'internal-fault'
    const failure = error instanceof Fault ? error.message : 'it could not be read'
    const isOver = code === 'mirror-endless' || code === 'mirror-refused'
    const end: MirrorEnd = { atMs: now(), tally: state.pass?.tally ?? NO_TALLY, failure }
    const { pass, ...rest } = state
    const next: MirrorState = {
      ...rest,
      ...(pass && !isOver && { pass }),
      ended: end,
      dueMs: now() + (isOver ? everyMs : Math.min(everyMs, RETRY_MS)),
    }
    await store.save(next)
    await onEnd(url, end)
    return next
  }
}

type Taken = { readonly added: readonly MirroredVersion[]; readonly changed: readonly MirrorChange[]; readonly tally: MirrorTally }
const NOTHING = { added: [], changed: [] } as const
const FULL: Fate = { kind: 'refused', why: `more than ${MAX_MIRRORED} versions are kept of mirrors` }

/** Counts what becomes of a page. */
class Taking {
  readonly added: MirroredVersion[] = []
  readonly #changed: MirrorChange[] = []
  readonly #tally: { -readonly [Key in keyof MirrorTally]: MirrorTally[Key] }
  constructor(before: MirrorTally) {
    this.#tally = { ...before, pages: before.pages + 1 }
  }
  outside(): void {
    this.#tally.outside++
  }
  refused(name: string, why: string): void {
    this.#tally.refused++
    if (this.#tally.named.length < MAX_NAMED) this.#tally.named = [...this.#tally.named, { name, why }]
  }
  take(name: string, fate: Fate): void {
    switch (fate.kind) {
      case 'added':
        this.added.push(fate.version)
        this.#tally.added++
        if (fate.version.looksLike !== undefined) this.#tally.held++
        break
      case 'same':
        this.#tally.same++
        break
      case 'changed':
        this.#changed.push(fate.change)
        this.#tally.changed++
        break
      case 'refused':
        if (fate.change) this.#changed.push(fate.change)
        this.refused(name, fate.why)
    }
  }
  done(): Taken {
    return { added: this.added, changed: this.#changed, tally: this.#tally }
  }
}
