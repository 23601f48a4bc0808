// One list of one upstream, read page by page within bounds. Every entry keeps its bytes; what is left out is reported (R26, R62, R69, N130).

import { createHash, type Hash } from 'node:crypto'
import type { Reason, Stop } from '../kernel/errors.ts'
import { isJsonFault, member, rawOf, readJson, textOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import { CODE } from '../mcp/revisions.ts'
import { isRefusal, LIST_SHAPE, readEntry, type Entry, type ListKind, type Refusal, type RefusalCode } from './entry.ts'
import { qualifyName, splitName } from './names.ts'

/** What one page request ends with; an UpstreamAnswer of the bridge fits. */
export type PageAnswer =
  | { readonly kind: 'result'; readonly result: { readonly doc: JsonDoc; readonly node: JsonNode } }
  | { readonly kind: 'error'; readonly code: number }
  | { readonly kind: 'stop'; readonly stop: Reason; readonly detail: string; readonly retryAfterSeconds?: number }
/** Asks the upstream for one page; `cursor` is the upstream's own. Settles within the upstream's timeouts and never rejects. */
export type FetchPage = (kind: ListKind, cursor: string | undefined) => Promise<PageAnswer>

/** Where one list is read from. */
export type ListSource = {
  fetchPage(kind: ListKind, cursor: string | undefined): ReturnType<FetchPage>
  /** a read ended; what it resolves with is what counts, and it must not reject */
  ended?(read: LiveList | Stop): Promise<LiveList | Stop>
}

/** Bounds of one list: pages, entries, bytes of entries. What lies beyond is cut off and reported. */
export type ListLimits = { readonly listPages: number; readonly listEntries: number; readonly listBytes: number }

type Truncation = 'pages' | 'entries' | 'bytes' | 'cursor-loop' | 'cursor-too-long'

/** A list as read. Immutable. */
export type LiveList = {
  readonly kind: ListKind
  readonly alias: string
  /** in the upstream's order */
  readonly entries: readonly Entry[]
  /** normalised: 0 to a day; 0 when the upstream gave none (R66) */
  readonly ttlMs: number
  /** `public` only if every page says so; it is never relied on for access (R69, R70, N131) */
  readonly cacheScope: 'public' | 'private'
  /** the first page's `_meta` (raw object) and members this file does not know (raw `"key":value`), for endpoints of this upstream alone */
  readonly meta: Buffer | undefined
  readonly extra: readonly Buffer[]
  /** what was left out; at most 100 are described, all are counted */
  readonly refused: readonly Refusal[]
  readonly refusedCount: number
  readonly truncated: Truncation | undefined
  readonly bytes: number
  /** SHA-256 (base64url) over everything above: equal digests are equal lists */
  readonly digest: string
  /** the entry of this own name, URI or template */
  find(name: string): Entry | undefined
  /** the entry that an exposed tool or prompt name means on aggregated endpoints */
  findExposed(exposed: string): Entry | undefined
  /** why an entry of this name was left out (R26, N057): it exists and must not be used */
  refusalOf(name: string): RefusalCode | undefined
}

const MAX_TTL_MS = 86_400_000
const MAX_CURSOR = 65_536
const MAX_DESCRIBED = 100
const MAX_EXTRA_BYTES = 65_536
/** Work between two pauses: entries are parsed strictly and their schemas walked, about 10 us each. */
const PAUSE_BYTES = 65_536
const PAUSE_ENTRIES = 50
const KNOWN = new Set(['nextCursor', 'ttlMs', 'cacheScope', 'resultType', '_meta'])

type Request = {
  readonly alias: string
  readonly kind: ListKind
  readonly limits: ListLimits
  readonly fetchPage: FetchPage
  /** gives other work a turn */
  readonly pause: () => Promise<void>
}

/** The list of an upstream that was not asked: nothing, for as long as it takes. */
export const emptyList = (alias: string, kind: ListKind): LiveList => new ListDraft(alias, kind, NOTHING).finish()
const NOTHING: ListLimits = { listPages: 0, listEntries: 0, listBytes: 0 }

/** Reads a whole list. A stop when the upstream failed; an upstream without such a list has an empty one. */
export async function fetchList(request: Request): Promise<LiveList | Stop> {
  const first = await readPages(request)
  // R69: a cursor that went bad drops all pages. The list probably changed while it was read: once more from the start.
  return first === 'cursor-refused' ? orStop(await readPages(request)) : first
}

const orStop = (read: LiveList | Stop | 'cursor-refused'): LiveList | Stop =>
  read === 'cursor-refused' ? { stop: 'upstream-invalid', detail: 'the upstream refuses its own cursors' } : read

async function readPages({ alias, kind, limits, fetchPage, pause }: Request): Promise<LiveList | Stop | 'cursor-refused'> {
  const draft = new ListDraft(alias, kind, limits)
  const seen = new Set<string>()
  let cursor: string | undefined
  for (let page = 1; ; page++) {
    const answer = await fetchPage(kind, cursor)
    if (answer.kind === 'stop')
      return {
        stop: answer.stop,
        detail: answer.detail,
        ...(answer.retryAfterSeconds !== undefined && { retryAfterSeconds: answer.retryAfterSeconds }),
      }
    if (answer.kind === 'error') {
      if (answer.code === CODE.methodNotFound && cursor === undefined) return draft.finish()
      if (answer.code === CODE.invalidParams && cursor !== undefined) return 'cursor-refused'
      return { stop: 'upstream-invalid', detail: `listing ${kind} failed with code ${answer.code}` }
    }
    const next = await draft.addPage(answer.result, pause)
    if (typeof next === 'object') return next
    if (next === undefined) return draft.finish()
    if (seen.has(next)) return draft.finish('cursor-loop')
    if (next.length > MAX_CURSOR) return draft.finish('cursor-too-long')
    if (page === limits.listPages) return draft.finish('pages')
    seen.add(next)
    cursor = next
  }
}

/** A list being read. */
class ListDraft {
  readonly #alias: string
  readonly #kind: ListKind
  readonly #limits: ListLimits
  readonly #entries: Entry[] = []
  readonly #byName = new Map<string, Entry>()
  /** tools and prompts whose exposed name does not say their own */
  readonly #escaped = new Map<string, Entry>()
  readonly #refused: Refusal[] = []
  readonly #refusals = new Map<string, RefusalCode>()
  #refusedCount = 0
  #bytes = 0
  #ttlMs = MAX_TTL_MS
  #isPublic = true
  #meta: Buffer | undefined
  #extra: readonly Buffer[] = []
  #pages = 0
  #truncated: Truncation | undefined
  readonly #hash: Hash = createHash('sha256')

  constructor(alias: string, kind: ListKind, limits: ListLimits) {
    this.#alias = alias
    this.#kind = kind
    this.#limits = limits
  }

  /** Adds a page. The next cursor, undefined at the end, or a stop when the page is no list. */
  async addPage(
    { doc, node }: { readonly doc: JsonDoc; readonly node: JsonNode },
    pause: () => Promise<void>,
  ): Promise<string | undefined | Stop> {
    const key = LIST_SHAPE[this.#kind].list
    const type = member(node, 'resultType')
    if (type !== undefined && (type.kind !== 'string' || textOf(doc, type) !== 'complete')) return invalid('is no complete result')
    const found = itemsOf(doc, member(node, key))
    if (found === undefined) return invalid(`has no readable array \`${key}\``)
    if (this.#pages++ === 0) this.#keepRest(doc, node, key)
    this.#judgeCache(doc, node)
    let done = 0
    for (const item of found.items) {
      const raw = rawOf(found.doc, item)
      if (!this.#hasRoom(raw)) return undefined
      this.#add(raw)
      done += raw.length + PAUSE_BYTES / PAUSE_ENTRIES
      if (done > PAUSE_BYTES) {
        done = 0
        await pause()
      }
    }
    const next = member(node, 'nextCursor')
    return next?.kind === 'string' ? textOf(doc, next) : undefined
  }

  finish(truncated = this.#truncated): LiveList {
    const ttlMs = this.#pages === 0 ? 0 : this.#ttlMs
    const cacheScope = this.#pages > 0 && this.#isPublic ? 'public' : 'private'
    for (const part of [this.#meta, ...this.#extra]) this.#feed(part ?? Buffer.from('-'))
    this.#hash.update(`${this.#alias} ${this.#kind} ${ttlMs} ${cacheScope} ${truncated ?? ''}`)
    const [byName, escaped, refusals] = [this.#byName, this.#escaped, this.#refusals]
    return {
      kind: this.#kind,
      alias: this.#alias,
      entries: this.#entries,
      ttlMs,
      cacheScope,
      meta: this.#meta,
      extra: this.#extra,
      refused: this.#refused,
      refusedCount: this.#refusedCount,
      truncated,
      bytes: this.#bytes,
      digest: this.#hash.digest('base64url'),
      find: name => byName.get(name),
      findExposed: exposed => {
        const own = splitName(exposed)?.name
        return own === undefined ? escaped.get(exposed) : byName.get(own)
      },
      refusalOf: name => (byName.has(name) ? undefined : refusals.get(name)),
    }
  }

  #hasRoom(raw: Buffer): boolean {
    if (this.#entries.length + this.#refusedCount >= this.#limits.listEntries) this.#truncated = 'entries'
    else if (this.#bytes + raw.length > this.#limits.listBytes) this.#truncated = 'bytes'
    return this.#truncated === undefined
  }

  #add(raw: Buffer): void {
    const entry = readEntry(this.#kind, raw)
    if (isRefusal(entry)) {
      this.#refuse(entry)
      return
    }
    // The first of a name counts: a later one could be a decoy, and a host could take either.
    if (this.#byName.has(entry.name)) {
      this.#refuse({ name: entry.name, code: 'duplicate', detail: 'an earlier entry has the same name' })
      return
    }
    if (LIST_SHAPE[this.#kind].key === 'name') {
      const exposed = qualifyName(this.#alias, entry.name)
      if (this.#escaped.has(exposed)) {
        this.#refuse({ name: entry.name, code: 'name-collision', detail: 'another entry has the same qualified name' })
        return
      }
      if (splitName(exposed)?.name === undefined) this.#escaped.set(exposed, entry)
    }
    this.#byName.set(entry.name, entry)
    this.#entries.push(entry)
    this.#bytes += raw.length
    this.#feed(raw)
  }

  #refuse(refusal: Refusal): void {
    this.#refusedCount += 1
    if (this.#refused.length < MAX_DESCRIBED) this.#refused.push({ ...refusal, name: refusal.name.slice(0, 128) })
    if (refusal.name.length <= 512) this.#refusals.set(refusal.name, refusal.code)
    this.#feed(Buffer.from(`${refusal.code} ${refusal.name}`))
  }

  /** R66, R69, N130, N131: absent, negative and absurd values become 0, or a day; one private page makes all private. */
  #judgeCache(doc: JsonDoc, node: JsonNode): void {
    const ttl = member(node, 'ttlMs')
    const value = ttl?.kind === 'number' ? Number(rawOf(doc, ttl).toString('latin1')) : 0
    this.#ttlMs = value >= 0 ? Math.min(this.#ttlMs, Math.floor(value)) : 0
    const scope = member(node, 'cacheScope')
    this.#isPublic &&= scope?.kind === 'string' && textOf(doc, scope) === 'public'
  }

  #keepRest(doc: JsonDoc, node: JsonNode, key: string): void {
    const meta = member(node, '_meta')
    if (meta?.kind === 'object' && meta.end - meta.start <= MAX_EXTRA_BYTES) this.#meta = Buffer.from(rawOf(doc, meta))
    const rest = (node.members ?? []).filter(m => m.key !== key && !KNOWN.has(m.key))
    const size = rest.reduce((sum, m) => sum + m.value.end - m.keyStart, 0)
    if (size <= MAX_EXTRA_BYTES) this.#extra = rest.map(m => Buffer.from(doc.bytes.subarray(m.keyStart, m.value.end)))
  }

  #feed(part: Buffer): void {
    this.#hash.update(`${part.length}:`).update(part)
  }
}

/** The items of an array at whatever depth it was indexed. */
function itemsOf(doc: JsonDoc, node: JsonNode | undefined): { readonly doc: JsonDoc; readonly items: readonly JsonNode[] } | undefined {
  if (node?.kind !== 'array') return undefined
  if (node.items) return { doc, items: node.items }
  const again = readJson(rawOf(doc, node), { indexDepth: 1 })
  return isJsonFault(again) || !again.root.items ? undefined : { doc: again, items: again.root.items }
}

const invalid = (what: string): Stop => ({ stop: 'upstream-invalid', detail: `a list page ${what}` })
