// The reading half of the official registry API v0.1: a path and a query to a JSON text. What is quarantined, or outside the view, does not exist here.

import { isStop, type Stop } from '../kernel/errors.ts'
import { contextOf, type Sealer } from '../kernel/seal.ts'
import type { AdvisoryBook } from './advisories/book.ts'
import { parseServerName } from './names.ts'
import { dateOf, neutral, serverList, serverResponse } from './official.ts'
import type { Entry, PageMark, PageQuery, Revocation, RevocationLog, VersionStore } from './store.ts'

/** What may be seen: all of it, or certain servers and namespaces (lower case). `name` tells cursors of one view from those of another. */
export type RegistryView = {
  readonly name: string
  readonly only?: { readonly servers: readonly string[]; readonly namespaces: readonly string[] }
}

export type ReaderParts = {
  readonly versions: VersionStore
  readonly revocations: RevocationLog
  readonly advisories: Pick<AdvisoryBook, 'page'>
  readonly sealer: Sealer
  readonly version: string
}
/** `target`: path and query from `/v0.1` on, as sent. A JSON text, or why there is none. */
export type RegistryReader = (view: RegistryView, target: string) => Promise<string | Stop>

const DEFAULT_LIMIT = 30
const MAX_LIMIT = 100
const MAX_SEARCH = 200
const MAX_CURSOR = 2048
const MAX_TARGET = 4096
/** The same for what is not there, not served, and not in the view. */
const UNKNOWN: Stop = { stop: 'registry-unknown', detail: 'server not found' }

export function createReader(parts: ReaderParts): RegistryReader {
  return async (view, target) => {
    const [path = '', query = ''] = target.length > MAX_TARGET ? [] : split(target)
    const asked = readQuery(query)
    if (isStop(asked)) return asked
    const [base, kind, name, versions, version, ...more] = path.split('/').slice(1)
    if (base === 'v1') return ours(parts, view, { path, query })
    if (base !== 'v0.1' || more.length > 0) return PATH_UNKNOWN
    if (kind === 'servers' && name === undefined) return list(parts, view, asked)
    if (kind === 'servers' && versions === 'versions') return ofServer(parts, view, { name: name ?? '', version, asked })
    if (name !== undefined) return PATH_UNKNOWN
    if (kind === 'health') return '{"status":"ok"}'
    if (kind === 'ping') return '{"pong":true}'
    return kind === 'version' ? JSON.stringify({ version: parts.version }) : PATH_UNKNOWN
  }
}
const PATH_UNKNOWN: Stop = { stop: 'path-unknown' }

function split(target: string): [string, string] {
  const end = target.indexOf('?')
  return end < 0 ? [target, ''] : [target.slice(0, end), target.slice(end + 1)]
}

async function list({ versions, sealer }: ReaderParts, view: RegistryView, asked: Query): Promise<string | Stop> {
  const { limit, cursor, search, sinceSeconds, version, withRevoked } = asked
  // A cursor goes on in its own view and order.
  const context = contextOf(['registry', view.name, sinceSeconds === undefined ? 'name' : 'change'])
  const after = cursor === undefined ? undefined : markOf(sealer.open('cursor', cursor, MAX_CURSOR, context))
  if (cursor !== undefined && !after) return { stop: 'cursor-invalid', detail: 'it is none of this list', fix: 'begin without `cursor`' }
  const query: PageQuery = {
    limit: limit + 1,
    withRevoked,
    ...(after && { after }),
    ...(search !== undefined && { search: search.toLowerCase() }),
    ...(sinceSeconds !== undefined && { sinceSeconds }),
    ...(version !== undefined && { version }),
    ...(view.only && { view: view.only }),
  }
  const found = await versions.page(query)
  const page = found.slice(0, limit)
  const last = page.at(-1)
  const next = found.length > limit && last ? sealer.seal('cursor', Buffer.from(JSON.stringify(textOf(last))), context) : undefined
  return serverList(page, next)
}

/** One server's versions, or one of them. */
async function ofServer(
  { versions }: ReaderParts,
  view: RegistryView,
  { name, version, asked }: { readonly name: string; readonly version: string | undefined; readonly asked: Query },
): Promise<string | Stop> {
  const text = decoded(name)
  const server = text === undefined ? undefined : parseServerName(text)
  if (!server || !isSeen(view, server.key, server.namespace.toLowerCase())) return UNKNOWN
  if (version === undefined) {
    const all = await versions.versions(server.key, { withRevoked: asked.withRevoked, withQuarantined: false })
    return all.length === 0 ? UNKNOWN : serverList(all)
  }
  const which = decoded(version)
  const found = which === undefined ? undefined : await versions.find(server.key, which)
  return found && isServed(found, asked.withRevoked) ? serverResponse(found) : UNKNOWN
}

/** What the official API has not: revocations, and what was verified of a version. */
async function ours(
  parts: ReaderParts,
  view: RegistryView,
  { path, query }: { readonly path: string; readonly query: string },
): Promise<string | Stop> {
  // They name servers of every view, so they are read with the whole registry alone.
  if (path === '/v1/revocations' && !view.only) return revocations(parts, new URLSearchParams(query))
  if (path === '/v1/exports/osv' && !view.only) return advisories(parts, new URLSearchParams(query))
  const [, name = '', version = ''] = /^\/v1\/servers\/([^/]+)\/versions\/([^/]+)\/attestations$/.exec(path) ?? []
  const [server, which] = [parseServerName(decoded(name) ?? ''), decoded(version)]
  if (version === '') return PATH_UNKNOWN
  if (!server || which === undefined || !isSeen(view, server.key, server.namespace.toLowerCase())) return UNKNOWN
  const found = await parts.versions.find(server.key, which)
  if (!found || !isServed(found, true)) return UNKNOWN
  const { attestations, artifacts } = await parts.versions.evidence(found.name, found.version)
  const bundles = attestations.map(
    ({ digest, kind, signer, bundle }) => `{"sha256":"${digest}","kind":"${kind}","signer":${JSON.stringify(signer)},"bundle":${bundle}}`,
  )
  return neutral(`{"attestations":[${bundles.join(',')}],"artifacts":${JSON.stringify(artifacts)}}`)
}

/** Oldest first, from behind `since`: who asks again with the last number has missed none. */
async function revocations(parts: ReaderParts, params: URLSearchParams): Promise<string | Stop> {
  const since = params.get('since') || '0'
  if (params.getAll('since').length > 1 || !/^\d{1,15}$/.test(since))
    return invalid('expected `since` as the last sequence number that is known')
  const found = await parts.revocations.since(Number(since), MAX_REVOCATIONS)
  const shown = found.map(({ sequence, kind, target, reason, action, notBeforeSeconds, atSeconds }: Revocation) => ({
    ...{ sequence, kind, target, reason, action },
    ...(notBeforeSeconds !== undefined && { notBefore: dateOf(notBeforeSeconds) }),
    revokedAt: dateOf(atSeconds),
  }))
  return neutral(JSON.stringify({ revocations: shown, metadata: { count: shown.length, last: found.at(-1)?.sequence ?? Number(since) } }))
}
const MAX_REVOCATIONS = 1000

/** As OSV's own API answers: documents as they came, withdrawn ones too, and where to go on. */
async function advisories(parts: ReaderParts, params: URLSearchParams): Promise<string | Stop> {
  const after = params.get('page_token') ?? ''
  if (params.getAll('page_token').length > 1 || after.length > 100) return invalid('expected `page_token` as the last page gave it')
  const page = await parts.advisories.page(after, MAX_ADVISORIES)
  const last = page.at(-1)
  const next = last && (await parts.advisories.page(last.id, 1)).length > 0 ? `,"next_page_token":${JSON.stringify(last.id)}` : ''
  return neutral(`{"vulns":[${page.map(({ document }) => document).join(',')}]${next}}`)
}
const MAX_ADVISORIES = 100

const isServed = ({ standing }: Entry, withRevoked: boolean): boolean =>
  standing === 'admitted' || standing === 'deprecated' || (standing === 'revoked' && withRevoked)
const isSeen = ({ only }: RegistryView, key: string, namespace: string): boolean =>
  !only || only.servers.includes(key) || only.namespaces.includes(namespace)

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined // not UTF-8, or half an escape
  }
}

type Query = Pick<PageQuery, 'limit' | 'search' | 'sinceSeconds' | 'version' | 'withRevoked'> & { readonly cursor?: string }
const KNOWN = ['cursor', 'limit', 'search', 'updated_since', 'version', 'include_deleted']

/** Members nobody knows are left alone; those that count stand once. An empty one counts as absent. */
function readQuery(text: string): Query | Stop {
  const params = new URLSearchParams(text)
  const twice = KNOWN.find(name => params.getAll(name).length > 1)
  if (twice !== undefined) return invalid(`expected \`${twice}\` once`)
  const [cursor, limit = String(DEFAULT_LIMIT), search, since, version, deleted = 'false'] = KNOWN.map(
    name => params.get(name) || undefined,
  )
  if (!/^[1-9]\d{0,2}$/.test(limit) || Number(limit) > MAX_LIMIT) return invalid(`expected \`limit\` from 1 to ${MAX_LIMIT}`)
  if (search !== undefined && search.length > MAX_SEARCH) return invalid(`expected \`search\` of at most ${MAX_SEARCH} characters`)
  if (deleted !== 'true' && deleted !== 'false') return invalid('expected `include_deleted` as true or false')
  const sinceSeconds = since === undefined ? undefined : secondsOf(since)
  if (since !== undefined && sinceSeconds === undefined) return invalid('expected `updated_since` as an RFC 3339 date and time')
  return {
    limit: Number(limit),
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
function markOf(opened: Buffer | undefined): PageMark | undefined {
  if (!opened) return undefined
  const [server, sequence, changedAtSeconds] = JSON.parse(opened.toString()) as [string, number, number]
  return { server, sequence, changedAtSeconds }
}
