// The parts of a host's params that travel on, as bytes: everything except what belongs to this hop.

import { isJsonFault, member, rawOf, readJson, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import { DEPTH_CEILING } from '../mcp/json-scan.ts'
import { META } from '../mcp/revisions.ts'
import { objectEdits, splice } from '../mcp/splice.ts'
import type { RawObject } from './upstream.ts'

const OPEN = Buffer.from('{')
const COMMA = Buffer.from(',')
const CLOSE = Buffer.from('}')
const EMPTY = Buffer.from('{}')
/** Larger objects are handed on as pieces of the received bytes, so that they are copied once only, into the request. */
const COPY_MAX = 16_384

/** Members of `params` that never travel as they came: rebuilt per hop. */
const HOP_MEMBERS: ReadonlySet<string> = new Set(['_meta', 'requestState', 'inputResponses', 'task'])
const HOP_META: ReadonlySet<string> = new Set(Object.values(META))

/**
 * An object's bytes, as pieces, without some members and with some replaced, everything else byte-exact. The very same bytes when nothing differs;
 * members that stand together stay together.
 */
function withoutMembers(
  doc: JsonDoc,
  node: JsonNode,
  dropped: ReadonlySet<string>,
  replaced?: { readonly key: string; readonly raw: string },
): Buffer[] | undefined {
  const members = node.members ?? []
  if (!replaced && !members.some(m => dropped.has(m.key))) return members.length === 0 ? undefined : [rawOf(doc, node)]
  const pieces: Buffer[] = []
  let from = -1
  let to = -1
  const keep = (piece: Buffer): void => void pieces.push(pieces.length === 0 ? OPEN : COMMA, piece)
  const flush = (): void => {
    if (from >= 0) keep(doc.bytes.subarray(from, to))
    from = -1
  }
  for (const m of members) {
    if (dropped.has(m.key)) flush()
    else if (m.key === replaced?.key) {
      flush()
      keep(Buffer.from(`${JSON.stringify(m.key)}:${replaced.raw}`))
    } else {
      if (from < 0) from = m.keyStart
      to = m.value.end
    }
  }
  flush()
  if (pieces.length > 0) pieces.push(CLOSE)
  return pieces.length > 0 ? pieces : undefined
}

const whole = (pieces: readonly Buffer[]): Buffer => (pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces))

/** `params` for an upstream: own members only, one of them possibly renamed. Answers to questions are written anew, tasks/update's too. */
export function outgoingParams(
  doc: JsonDoc,
  params: JsonNode | undefined,
  renamed?: { readonly key: string; readonly raw: string },
): RawObject | undefined {
  const pieces = params && withoutMembers(doc, params, HOP_MEMBERS, renamed)
  return pieces && (params.end - params.start > COPY_MAX && pieces.length > 1 ? pieces : whole(pieces))
}

/** `_meta` for an upstream: foreign keys, progress token and trace context; never this hop's envelope (R65). */
export function outgoingMeta(doc: JsonDoc, meta: JsonNode | undefined): Buffer | undefined {
  const pieces = meta && withoutMembers(doc, meta, HOP_META)
  return pieces && whole(pieces)
}

/**
 * The same with this hop's place in a trace instead of the host's (MCP 2026-07-28 basic, `_meta`: `traceparent`, `tracestate`): what the upstream does then
 * belongs to our span. For traced requests alone; the others relay what the host said.
 */
export function tracedMeta(meta: Buffer | undefined, traceparent: string): Buffer {
  const doc = readJson(meta ?? EMPTY, { indexDepth: 1, maxDepth: DEPTH_CEILING })
  const raw = JSON.stringify(traceparent)
  // Judged bytes: they were read before, within the same bounds.
  if (isJsonFault(doc)) return meta ?? EMPTY
  return splice(
    doc.bytes,
    objectEdits(doc.root, key => key === 'traceparent', [['traceparent', raw]]),
  )
}

/** What request state is bound to: method and own members by key, whatever order they came in. */
export function bindingText(doc: JsonDoc, method: string, params: JsonNode | undefined): string {
  const parts = (params?.members ?? [])
    .filter(m => !HOP_MEMBERS.has(m.key))
    .map(m => `${JSON.stringify(m.key)}:${doc.bytes.toString('latin1', m.value.start, m.value.end)}`)
    .sort()
  return `${method}\n${parts.join('\n')}`
}

/** The progress token as sent (string or integer), or undefined. */
export function progressTokenOf(doc: JsonDoc, meta: JsonNode | undefined): string | undefined {
  const token = member(meta, 'progressToken')
  return token && (token.kind === 'string' || token.kind === 'number') ? rawOf(doc, token).toString() : undefined
}
