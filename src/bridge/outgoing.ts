// The parts of a host's params that travel on, as bytes: everything except what belongs to this hop.

import { member, rawOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import { META } from '../mcp/revisions.ts'

const COMMA = Buffer.from(',')

/** Members of `params` that never travel as they came: rebuilt per hop. */
const HOP_MEMBERS: ReadonlySet<string> = new Set(['_meta', 'requestState', 'inputResponses', 'task'])
const HOP_OF_TASKS: ReadonlySet<string> = new Set(['_meta', 'requestState', 'task'])
const HOP_META: ReadonlySet<string> = new Set(Object.values(META))

/** An object's bytes without some members and with some replaced, everything else byte-exact. The very same bytes when nothing differs. */
function withoutMembers(
  doc: JsonDoc,
  node: JsonNode,
  dropped: ReadonlySet<string>,
  replaced?: { readonly key: string; readonly raw: string },
): Buffer | undefined {
  const members = node.members ?? []
  if (!replaced && !members.some(m => dropped.has(m.key))) return members.length === 0 ? undefined : rawOf(doc, node)
  const parts: Buffer[] = []
  for (const m of members) {
    if (dropped.has(m.key)) continue
    if (parts.length > 0) parts.push(COMMA)
    if (m.key === replaced?.key) parts.push(Buffer.from(`${JSON.stringify(m.key)}:${replaced.raw}`))
    else parts.push(doc.bytes.subarray(m.keyStart, m.value.end))
  }
  return parts.length === 0 ? undefined : Buffer.concat([Buffer.from('{'), ...parts, Buffer.from('}')])
}

/** `params` for an upstream: own members only, one of them possibly renamed. tasks/update carries its answers as an ordinary member. */
export const outgoingParams = (
  doc: JsonDoc,
  params: JsonNode | undefined,
  { method, renamed }: { readonly method: string; readonly renamed?: { readonly key: string; readonly raw: string } | undefined },
): Buffer | undefined => params && withoutMembers(doc, params, method === 'tasks/update' ? HOP_OF_TASKS : HOP_MEMBERS, renamed)

/** `_meta` for an upstream: foreign keys, progress token and trace context; never this hop's envelope (R65). */
export const outgoingMeta = (doc: JsonDoc, meta: JsonNode | undefined): Buffer | undefined => meta && withoutMembers(doc, meta, HOP_META)

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
