// One list as one principal sees it on one endpoint: serialised once per era, served as the same bytes to everybody who sees the same (R54-R57, R66-R70).

import type { Stop } from '../kernel/errors.ts'
import { contextOf, type Sealer } from '../kernel/seal.ts'
import type { Era } from '../mcp/revisions.ts'
import { splice, type Edit } from '../mcp/splice.ts'
import { LIST_SHAPE, type Entry, type ListKind } from './entry.ts'
import type { LiveList } from './lists.ts'
import { qualifyName, qualifyUri, splitName, splitUri } from './names.ts'

/** The list of one upstream as a part of a view. */
type ViewPart = { readonly alias: string; readonly list: LiveList }

export type ViewRequest = {
  /** resource identifier of the endpoint */
  readonly endpoint: string
  readonly kind: ListKind
  /** true: entries of several upstreams, with qualified names; false: one upstream, its bytes untouched */
  readonly isAggregated: boolean
  /** digest of what decides isPermitted: equal digests see equal lists */
  readonly entitlement: string
  /** sorted by alias; exactly one unless aggregated. Upstreams that could not list are left out */
  readonly parts: readonly ViewPart[]
  /** false when an upstream is left out: hosts are told to ask again soon */
  readonly isComplete: boolean
  /** bound of the ttl told to hosts */
  readonly maxTtlMs: number
  /**
   * Whether the principal may see this entry, in the upstream's own name. INVARIANT: decided by what `entitlement` is the digest of and nothing
   * else, now and later: the view is shared, and pages are built in turns and for the other era later on. Never looks anything up again.
   */
  readonly isPermitted: (kind: ListKind, alias: string, name: string) => boolean
  /** what an entry is called beside other servers, before its server's alias: by default its own name. INVARIANT: as isPermitted; no two entries of a server are called the same */
  readonly said?: (kind: ListKind, alias: string, name: string) => string
}

/** What the view needs and the room must not know. */
export type ViewTools = {
  readonly sealer: Sealer
  /** an entry (raw JSON, renamed already) for hosts of an era; undefined leaves it out */
  readonly adapt: (entry: Buffer, target: { readonly kind: ListKind; readonly alias: string; readonly era: Era }) => Buffer | undefined
  /** `_meta` of the result for hosts of an era (raw JSON object); `upstream` is the upstream's own where the endpoint has just one */
  readonly resultMeta: (era: Era, upstream: Buffer | undefined) => Buffer | undefined
  /** gives other work a turn (setImmediate) */
  readonly pause: () => Promise<void>
  /** bounds of one page; defaults 4 MiB and 2,500 entries */
  readonly pageBytes?: number
  readonly pageEntries?: number
}

/** Pages as bytes. All but the last lack `,"nextCursor":"..."}`: cursors belong to a principal. */
type Pages = { readonly bodies: readonly Buffer[]; readonly bytes: number }

const MAX_CURSOR = 512
const CURSOR_INVALID: Stop = { stop: 'cursor-invalid', fix: 'list again without a cursor' }
/** Work between two pauses. */
const PAUSE_BYTES = 131_072
const ENTRY_COST = 1024
const COMMA = Buffer.from(',')

export class View {
  /** identifies what is seen; cursors end with it */
  readonly digest: string
  #request: ViewRequest
  readonly #tools: ViewTools
  readonly #grown: (bytes: number) => void
  readonly #pages = new Map<Era, Pages | Promise<Pages>>()

  /** `grown` is told the bytes of every era's pages once they are built. */
  constructor(request: ViewRequest, digest: string, tools: ViewTools, grown: (bytes: number) => void) {
    this.#request = request
    this.digest = digest
    this.#tools = tools
    this.#grown = grown
  }

  /** An equal request: the newest asker's decisions count, and nobody older is kept in memory. */
  renew(request: ViewRequest): void {
    this.#request = request
  }

  /** The entry an exposed name, URI or template means here; undefined for unknown and hidden alike. Costs the same however many there are. */
  find(exposed: string): { readonly alias: string; readonly entry: Entry } | undefined {
    const { kind, isAggregated, parts, isPermitted } = this.#request
    const isNamed = LIST_SHAPE[kind].key === 'name'
    const alias = !isAggregated ? parts[0]?.alias : isNamed ? splitName(exposed)?.alias : splitUri(exposed)?.alias
    const list = parts.find(p => p.alias === alias)?.list
    if (alias === undefined || list === undefined) return undefined
    const entry = !isAggregated ? list.find(exposed) : isNamed ? list.findExposed(exposed) : list.find(splitUri(exposed)?.uri ?? '')
    return entry && isPermitted(kind, alias, entry.name) ? { alias, entry } : undefined
  }

  /**
   * The whole result of a list request as JSON text, ready to send: at once and without work once the era's pages are built. A cursor opens
   * for the principal, endpoint, list, era and view it was made for; any other is `cursor-invalid`.
   */
  page(era: Era, cursor: string | undefined, principal: string): Buffer | Stop | Promise<Buffer | Stop> {
    const pages = this.#pages.get(era) ?? this.#start(era)
    return pages instanceof Promise ? pages.then(p => this.#pageOf(p, era, cursor, principal)) : this.#pageOf(pages, era, cursor, principal)
  }

  #pageOf({ bodies }: Pages, era: Era, cursor: string | undefined, principal: string): Buffer | Stop {
    const at = cursor === undefined ? 0 : this.#openCursor(era, cursor, principal)
    const body = bodies[at]
    if (body === undefined) return CURSOR_INVALID
    if (at === bodies.length - 1) return body
    const next = this.#tools.sealer.seal('cursor', Buffer.from(String(at + 1)), this.#contextOf(era, principal))
    return Buffer.concat([body, Buffer.from(`,"nextCursor":"${next}"}`)])
  }

  #openCursor(era: Era, cursor: string, principal: string): number {
    const opened = this.#tools.sealer.open('cursor', cursor, MAX_CURSOR, this.#contextOf(era, principal))
    return opened === undefined ? -1 : Number(opened.toString('latin1'))
  }

  #contextOf(era: Era, principal: string): Buffer {
    return contextOf([principal, this.#request.endpoint, this.#request.kind, era, this.digest])
  }

  #start(era: Era): Promise<Pages> {
    const building = this.#build(era).then(
      pages => {
        this.#pages.set(era, pages)
        this.#grown(pages.bytes)
        return pages
      },
      (error: unknown) => {
        this.#pages.delete(era)
        throw error
      },
    )
    this.#pages.set(era, building)
    return building
  }

  /** Serialises every permitted entry once, in turns. */
  async #build(era: Era): Promise<Pages> {
    const { kind, parts, isAggregated, isPermitted, said = own } = this.#request
    const { adapt, pause } = this.#tools
    const draft = new PagesDraft(heads(this.#request, this.#tools, era), this.#tools)
    let done = 0
    for (const { alias, list } of parts) {
      for (const entry of list.entries) {
        if ((done += ENTRY_COST) > PAUSE_BYTES) {
          done = 0
          await pause()
        }
        if (!isPermitted(kind, alias, entry.name)) continue
        const bytes = adapt(isAggregated ? renamed(kind, alias, entry, said(kind, alias, entry.name)) : entry.raw, { kind, alias, era })
        if (bytes === undefined) continue
        done += bytes.length
        draft.add(bytes)
      }
    }
    return draft.finish()
  }
}

/** Pages being filled. */
class PagesDraft {
  readonly #heads: readonly [Buffer, Buffer]
  readonly #maxBytes: number
  readonly #maxEntries: number
  readonly #bodies: Buffer[] = []
  #parts: Buffer[]
  #entries = 0
  #bytes = 0
  #total = 0

  constructor(heads: readonly [Buffer, Buffer], { pageBytes = 4 * 1024 * 1024, pageEntries = 2500 }: ViewTools) {
    this.#heads = heads
    this.#maxBytes = pageBytes
    this.#maxEntries = pageEntries
    this.#parts = [heads[0]]
  }

  add(entry: Buffer): void {
    if (this.#entries > 0) {
      if (this.#entries === this.#maxEntries || this.#bytes + entry.length > this.#maxBytes) this.#close(']')
      else this.#parts.push(COMMA)
    }
    this.#parts.push(entry)
    this.#entries += 1
    this.#bytes += entry.length + 1
  }

  finish(): Pages {
    this.#close(']}')
    return { bodies: this.#bodies, bytes: this.#total }
  }

  #close(end: string): void {
    this.#parts.push(Buffer.from(end))
    const body = Buffer.concat(this.#parts)
    this.#bodies.push(body)
    this.#total += body.length
    this.#parts = [this.#heads[1]]
    this.#entries = 0
    this.#bytes = 0
  }
}

/** Everything in front of the entries, for the first page and for the others: what 2026 hosts need (R19, R66, R70), and what the upstream added itself. */
function heads({ kind, isAggregated, parts, isComplete, maxTtlMs }: ViewRequest, { resultMeta }: ViewTools, era: Era): [Buffer, Buffer] {
  const own = isAggregated ? undefined : parts[0]?.list
  const ttlMs = isComplete && parts.length > 0 ? Math.min(maxTtlMs, ...parts.map(p => p.list.ttlMs)) : 0
  const meta = resultMeta(era, own?.meta)
  const list = Buffer.from(`"${LIST_SHAPE[kind].list}":[`)
  const common = Buffer.from(era === 'modern' ? `{"resultType":"complete","ttlMs":${ttlMs},"cacheScope":"private",` : '{')
  const members = meta ? [Buffer.from('"_meta":'), meta, COMMA] : []
  const extra = (own?.extra ?? []).flatMap(member => [member, COMMA])
  return [Buffer.concat([common, ...members, ...extra, list]), Buffer.concat([common, ...members, list])]
}

const own = (_kind: ListKind, _alias: string, name: string): string => name

/** An entry under its qualified name: only the name, and a tool's links to its apps, are replaced (R57). */
function renamed(kind: ListKind, alias: string, { raw, nameAt, appsAt }: Entry, name: string): Buffer {
  const exposed = LIST_SHAPE[kind].key === 'name' ? qualifyName(alias, name) : qualifyUri(alias, name)
  const edits: Edit[] = [{ start: nameAt.start, end: nameAt.end, text: JSON.stringify(exposed) }]
  for (const { start, end, text } of appsAt) edits.push({ start, end, text: JSON.stringify(qualifyUri(alias, text)) })
  return splice(raw, edits)
}
