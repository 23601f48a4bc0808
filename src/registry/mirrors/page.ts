// One page of another registry's list (official API v0.1), taken apart so that one bad entry spoils no other. Everything in it is a stranger's word.

import { isJsonFault, member, readJson, valueOf, type JsonDoc, type JsonNode } from '../../mcp/json.ts'
import { isRecord } from '../json-schema.ts'

/** An entry before anything of it was judged. `serverJson`: its text; `said`: what its registry says of it, where that can be read. */
export type MirrorEntry = { readonly serverJson: string; readonly said: Said } | { readonly fault: string }
export type Said = {
  readonly status: 'active' | 'deprecated' | 'deleted'
  readonly message?: string
  /** milliseconds since the epoch */
  readonly updatedMs?: number
}
export type MirrorPage = { readonly entries: readonly MirrorEntry[]; readonly nextCursor?: string }

/** The only member of an entry's `_meta` that is read: what else is claimed there of trust is nobody's here. */
const OFFICIAL = 'io.modelcontextprotocol.registry/official'
const MAX_ENTRIES = 200
const MAX_CURSOR = 2048
const MAX_MESSAGE = 500
const MAX_SAID_BYTES = 16_384
const LIMITS = { maxDepth: 256, indexDepth: 3 }

/** The page, or why it is none. Never throws. */
export function readPage(body: Buffer): MirrorPage | { readonly fault: string } {
  const doc = readJson(body, LIMITS)
  if (!isJsonFault(doc)) return pageOf(doc)
  const apart = takenApart(body)
  return apart ?? { fault: `it is no JSON as it is read here (${doc.fault} at byte ${doc.at})` }
}

function pageOf(doc: JsonDoc): MirrorPage | { readonly fault: string } {
  const servers = member(doc.root, 'servers')
  // `null` is how some servers write an empty list.
  const items = servers?.kind === 'array' ? (servers.items ?? []) : servers?.kind === 'null' ? [] : undefined
  if (!items || items.length > MAX_ENTRIES) return { fault: `expected \`servers\` as a list of at most ${MAX_ENTRIES}` }
  const next = member(member(doc.root, 'metadata'), 'nextCursor')
  return withCursor(
    items.map(item => entryOf(doc, item)),
    next && valueOf(doc, next),
  )
}

function entryOf(doc: JsonDoc, item: JsonNode): MirrorEntry {
  const server = member(item, 'server')
  if (server?.kind !== 'object') return { fault: 'expected `server` as an object' }
  const meta = member(item, '_meta')
  const isReadable = meta !== undefined && meta.end - meta.start <= MAX_SAID_BYTES
  return { serverJson: doc.bytes.toString('utf8', server.start, server.end), said: saidOf(isReadable ? valueOf(doc, meta) : undefined) }
}

/** What strict reading refuses as a whole (a key twice, nesting without end in one entry) is read loosely, and each entry strictly by itself. */
function takenApart(body: Buffer): MirrorPage | { readonly fault: string } | undefined {
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
  const servers = isRecord(value) ? value['servers'] : undefined
  if (!isRecord(value) || !Array.isArray(servers) || servers.length > MAX_ENTRIES)
    return { fault: `expected \`servers\` as a list of at most ${MAX_ENTRIES}` }
  const metadata = value['metadata']
  return withCursor(servers.map(looseEntry), isRecord(metadata) ? metadata['nextCursor'] : undefined)
}
function looseEntry(item: unknown): MirrorEntry {
  if (!isRecord(item) || !isRecord(item['server'])) return { fault: 'expected `server` as an object' }
  let text: string
  try {
    text = JSON.stringify(item['server'])
  } catch {
    return { fault: 'it is nested too deeply' }
  }
  const doc = readJson(Buffer.from(text))
  // A number of so many digits may have been another one before.
  if (isJsonFault(doc) || /\d{16}/.test(text)) return { fault: 'it cannot be read exactly' }
  return { serverJson: text, said: saidOf(item['_meta']) }
}

function withCursor(entries: readonly MirrorEntry[], cursor: unknown): MirrorPage | { readonly fault: string } {
  if (cursor === undefined || cursor === null || cursor === '') return { entries }
  if (typeof cursor === 'string' && cursor.length <= MAX_CURSOR) return { entries, nextCursor: cursor }
  return { fault: `expected \`nextCursor\` as a text of at most ${MAX_CURSOR} characters` }
}

/** What cannot be read counts as active: its registry serves it, and that is all it says. */
function saidOf(meta: unknown): Said {
  const official = isRecord(meta) ? meta[OFFICIAL] : undefined
  if (!isRecord(official)) return { status: 'active' }
  const { status, statusMessage, updatedAt } = official
  const ms = typeof updatedAt === 'string' && updatedAt.length <= 40 ? Date.parse(updatedAt) : NaN
  return {
    status: status === 'deleted' || status === 'deprecated' ? status : 'active',
    ...(typeof statusMessage === 'string' && statusMessage !== '' && { message: inOneLine(statusMessage) }),
    ...(ms > 0 && { updatedMs: ms }),
  }
}
const inOneLine = (text: string): string =>
  Array.from(text.replace(/[\p{Cc}\p{Cf}]/gu, ' '))
    .slice(0, MAX_MESSAGE)
    .join('')
