// The reading half of the official registry API v0.1: a path and a query to a JSON text. What is quarantined, or outside the view, does not exist here.

import { isStop, type Stop } from '../kernel/errors.ts'
import { contextOf, type Sealer } from '../kernel/seal.ts'
import { UNKNOWN } from './actor.ts'
import { parseServerName } from './names.ts'
import { isWhole, serverList, serverResponse } from './official.ts'
import { PATH_UNKNOWN, readOwn, type OwnAnswer, type OwnReaderParts } from './own-reader.ts'
import type { Entry, PageMark, PageQuery } from './store.ts'
import { decoded, isSeen, type RegistryView } from './view.ts'

export type ReaderParts = OwnReaderParts & { readonly sealer: Sealer; readonly version: string }
/** `target`: path and query from `/v0.1` or `/v1` on, as sent. A JSON text, a document byte for byte, or why there is none. */
export type RegistryReader = (view: RegistryView, target: string) => Promise<OwnAnswer>

const DEFAULT_LIMIT = 30
/** Of versions of one server: who does not know that they come in pages gets as many as there are in earnest. */
const DEFAULT_VERSIONS = 100
const MAX_LIMIT = 100
const MAX_SEARCH = 200
const MAX_CURSOR = 2048
const MAX_TARGET = 4096

export function createReader(parts: ReaderParts): RegistryReader {
  return async (view, target) => {
    const [path = '', query = ''] = target.length > MAX_TARGET ? [] : split(target)
    const asked = readQuery(query)
    if (isStop(asked)) return asked
    const [base, kind, name, versions, version, ...more] = path.split('/').slice(1)
    if (path === '/v1/reviews') return view.withQuarantined ? list(parts, view, { ...asked, waiting: true }) : PATH_UNKNOWN
    if (base === 'v1') return readOwn(parts, view, { path, params: new URLSearchParams(query) })
    if (base !== 'v0.1' || more.length > 0) return PATH_UNKNOWN
    if (kind === 'servers' && name === undefined) return list(parts, view, asked)
    if (kind === 'servers' && versions === 'versions') return ofServer(parts, view, { name: name ?? '', version, asked })
    if (name !== undefined) return PATH_UNKNOWN
    if (kind === 'health') return '{"status":"ok"}'
    if (kind === 'ping') return '{"pong":true}'
    return kind === 'version' ? JSON.stringify({ version: parts.version }) : PATH_UNKNOWN
  }
}

function split(target: string): [string, string] {
  const end = target.indexOf('?')
  return end < 0 ? [target, ''] : [target.slice(0, end), target.slice(end + 1)]
}

async function list({ versions, sealer }: ReaderParts, view: RegistryView, asked: Query): Promise<string | Stop> {
  const { limit = DEFAULT_LIMIT, search, sinceSeconds, version, withRevoked, waiting } = asked
  // A cursor goes on in its own view and order.
  const order = waiting ? 'waiting' : sinceSeconds === undefined ? 'name' : 'change'
  const pages = new Pages(sealer, ['registry', view.name, order])
  const after = pages.after(asked.cursor)
  if (after && isStop(after)) return after
  const query: PageQuery = {
    limit: limit + 1,
    withRevoked,
    ...(waiting && { waiting }),
    ...(after && { after }),
    ...(search !== undefined && { search: search.toLowerCase() }),
    ...(sinceSeconds !== undefined && { sinceSeconds }),
    ...(version !== undefined && { version }),
    ...(view.only && { view: view.only }),
  }
  return pages.list(await versions.page(query), limit)
}

/** Where lists go on: sealed, so that a mark is always one of ours. */
class Pages {
  readonly #sealer: Sealer
  readonly #context: Buffer
  constructor(sealer: Sealer, context: readonly string[]) {
    this.#sealer = sealer
    this.#context = contextOf(context)
  }
  after(cursor: string | undefined): PageMark | Stop | undefined {
    if (cursor === undefined) return undefined
    const opened = this.#sealer.open('cursor', cursor, MAX_CURSOR, this.#context)
    return opened ? markOf(opened) : { stop: 'cursor-invalid', detail: 'it is none of this list', fix: 'begin without `cursor`' }
  }
  /** `found`: one more than `limit`, where there is one. */
  list(found: readonly Entry[], limit: number): string {
    const page = withinBytes(found.slice(0, limit))
    const last = page.at(-1)
    const isMore = found.length > page.length && last
    return serverList(page, isMore ? this.#sealer.seal('cursor', Buffer.from(JSON.stringify(textOf(last))), this.#context) : undefined)
  }
}

/** One server's versions, or one of them. */
async function ofServer(
  { versions, sealer }: ReaderParts,
  view: RegistryView,
  { name, version, asked }: { readonly name: string; readonly version: string | undefined; readonly asked: Query },
): Promise<string | Stop> {
  const text = decoded(name)
  const server = text === undefined ? undefined : parseServerName(text)
  if (!server || !isSeen(view, server)) return UNKNOWN
  if (version === undefined) {
    const { limit = DEFAULT_VERSIONS, withRevoked } = asked
    const pages = new Pages(sealer, ['registry', view.name, 'versions', server.key])
    const after = pages.after(asked.cursor)
    if (after && isStop(after)) return after
    const before = after && { before: after.sequence }
    const found = await versions.versions(server.key, { withRevoked, withQuarantined: false, limit: limit + 1, ...before })
    return found.length === 0 && !after ? UNKNOWN : pages.list(found, limit)
  }
  const which = decoded(version)
  const found = which === undefined ? undefined : await versions.find(server.key, which)
  return found && isServed(found, asked.withRevoked) && isWhole(found) ? serverResponse(found) : UNKNOWN
}

/** As many as make no answer that others wait for; the first in any case. */
function withinBytes(entries: readonly Entry[]): readonly Entry[] {
  let bytes = 0
  const end = entries.findIndex(({ serverJson }, i) => (bytes += serverJson.length) > MAX_PAGE_BYTES && i > 0)
  return end < 0 ? entries : entries.slice(0, end)
}
const MAX_PAGE_BYTES = 1024 * 1024

const isServed = ({ standing }: Entry, withRevoked: boolean): boolean =>
  standing === 'admitted' || standing === 'deprecated' || (standing === 'revoked' && withRevoked)
type Query = Pick<PageQuery, 'search' | 'sinceSeconds' | 'version' | 'withRevoked' | 'waiting'> & {
  readonly cursor?: string
  readonly limit?: number
}
const KNOWN = ['cursor', 'limit', 'search', 'updated_since', 'version', 'include_deleted']

/** Members nobody knows are left alone; those that count stand once. An empty one counts as absent. */
function readQuery(text: string): Query | Stop {
  const params = new URLSearchParams(text)
  const twice = KNOWN.find(name => params.getAll(name).length > 1)
  if (twice !== undefined) return invalid(`expected \`${twice}\` once`)
  const [cursor, limit, search, since, version, deleted = 'false'] = KNOWN.map(name => params.get(name) || undefined)
  if (limit !== undefined && (!/^[1-9]\d{0,2}$/.test(limit) || Number(limit) > MAX_LIMIT))
    return invalid(`expected \`limit\` from 1 to ${MAX_LIMIT}`)
  if (search !== undefined && search.length > MAX_SEARCH) return invalid(`expected \`search\` of at most ${MAX_SEARCH} characters`)
  if (deleted !== 'true' && deleted !== 'false') return invalid('expected `include_deleted` as true or false')
  const sinceSeconds = since === undefined ? undefined : secondsOf(since)
  if (since !== undefined && sinceSeconds === undefined) return invalid('expected `updated_since` as an RFC 3339 date and time')
  return {
    ...(limit !== undefined && { limit: Number(limit) }),
    withRevoked: deleted === 'true',
    ...(cursor !== undefined && { cursor }),
    ...(search !== undefined && { search }),
    ...(sinceSeconds !== undefined && { sinceSeconds }),
    ...(version !== undefined && { version }),
  }
}
const invalid = (detail: string): Stop => ({ stop: 'params-invalid', detail })

/** RFC 3339 to whole seconds, rounded down: what changed in that second is shown again rather than missed. */
function secondsOf(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/.test(text)) return undefined
  const ms = Date.parse(text.toUpperCase().replace(' ', 'T'))
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000)
}

const textOf = ({ name, sequence, changedAtSeconds }: Entry): readonly [string, number, number] => [name, sequence, changedAtSeconds]
/** INVARIANT: what opened was sealed here. */
function markOf(opened: Buffer): PageMark {
  const [server, sequence, changedAtSeconds] = JSON.parse(opened.toString()) as [string, number, number]
  return { server, sequence, changedAtSeconds }
}
