// Results and errors between the eras (research/protocol.md section 2). Unknown members pass byte-exact.

import { member, rawOf, valueOf } from '../mcp/json.ts'
import type { JsonNode } from '../mcp/json.ts'
import { CODE, META } from '../mcp/revisions.ts'
import type { Era } from '../mcp/revisions.ts'
import { objectEdits, splice } from '../mcp/splice.ts'
import type { Edit, Entry } from '../mcp/splice.ts'
import { docOf, indexed, isText } from './slices.ts'
import { toolEditsToLegacy, toolEditsToModern } from './translate-tools.ts'
import type { Slice } from './upstream.ts'

/** Methods whose complete results carry `ttlMs` and `cacheScope` (R66). */
const CACHEABLE: ReadonlySet<string> = new Set([
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
])
/** Results of 2025 upstreams cannot ask for input: left in, these would pass a question by the gate (mistake 11 of research/protocol.md section 4). */
const INPUT_KEYS: ReadonlySet<string> = new Set(['inputRequests', 'requestState'])

const infoTexts = new WeakMap<object, string>()
function textOfInfo(serverInfo: object): string {
  let text = infoTexts.get(serverInfo)
  if (text === undefined) infoTexts.set(serverInfo, (text = JSON.stringify(serverInfo)))
  return text
}

/**
 * A 2025 upstream's result for a 2026 host: complete, never cached, `_meta` naming the server unless it does already (R19, R21, R66).
 * `serverInfo` must not change afterwards: its text is kept.
 */
export function resultToModern(method: string, result: Slice, serverInfo: object): Buffer {
  const { doc, node } = method === 'tools/list' ? reindexed(result, 3) : indexed(result)
  const entries: Entry[] = [['resultType', '"complete"']]
  if (CACHEABLE.has(method)) entries.push(['ttlMs', '0'], ['cacheScope', '"private"'])
  const edits: Edit[] = []
  const info = textOfInfo(serverInfo)
  const meta = member(node, '_meta')
  if (!meta?.members) entries.push(['_meta', `{"${META.serverInfo}":${info}}`])
  else if (!member(meta, META.serverInfo)) edits.push(...objectEdits(meta, () => false, [[META.serverInfo, info]]))
  if (method === 'tools/list') for (const tool of toolsOf(node)) edits.push(...toolEditsToModern(tool))
  edits.push(...objectEdits(node, key => INPUT_KEYS.has(key), entries))
  return splice(doc.bytes, edits, node.start, node.end)
}

/**
 * A 2026 upstream's complete result for a 2025 host. `isWrapped`: the host saw this tool's output schema as the `result` property of an object
 * (isWrappedOutput), so structured content must come the same way even when it is an object.
 */
export function resultToLegacy(method: string, result: Slice, isWrapped = false): Buffer {
  const slice = method === 'tools/list' ? reindexed(result, 4) : indexed(result)
  const { doc, node } = slice
  const meta = member(node, '_meta')
  const hasInfo = member(meta, META.serverInfo) !== undefined
  const isMetaEmptied = hasInfo && meta?.members?.length === 1
  const entries: Entry[] = []
  // these come first: what they insert at a place stands before what is appended there
  const edits: Edit[] = method === 'tools/call' ? structuredEdits(slice, isWrapped, entries) : []
  if (meta && hasInfo && !isMetaEmptied) edits.push(...objectEdits(meta, key => key === META.serverInfo))
  if (method === 'tools/list') for (const tool of toolsOf(node)) edits.push(...toolEditsToLegacy(doc, tool))
  const isCacheable = CACHEABLE.has(method)
  const isDropped = (key: string): boolean =>
    key === 'resultType' || (isCacheable && (key === 'ttlMs' || key === 'cacheScope')) || (isMetaEmptied && key === '_meta')
  edits.push(...objectEdits(node, isDropped, entries))
  return splice(doc.bytes, edits, node.start, node.end)
}

const toolsOf = (result: JsonNode): JsonNode[] => (member(result, 'tools')?.items ?? []).filter(tool => tool.members !== undefined)

function reindexed({ doc, node }: Slice, depth: number): Slice {
  const own = docOf(rawOf(doc, node), depth)
  return { doc: own, node: own.root }
}

/** 2025 structured content is an object; other values become its `result`, and text for hosts that read no structured content (SEP-2106). */
function structuredEdits({ doc, node }: Slice, isWrapped: boolean, entries: Entry[]): Edit[] {
  const value = member(node, 'structuredContent')
  if (!value || (value.kind === 'object' && !isWrapped)) return []
  const { start, end } = value
  const edits: Edit[] = [
    { start, end: start, text: '{"result":' },
    { start: end, end, text: '}' },
  ]
  if (value.kind === 'object') return edits
  const block = `{"type":"text","text":${JSON.stringify(rawOf(doc, value).toString())}}`
  const content = member(node, 'content')
  if (!content) entries.push(['content', `[${block}]`])
  else if (content.kind === 'array') {
    const list = reindexed({ doc, node: content }, 2)
    const { items } = list.node
    if (items && !items.some(item => isText(list.doc, member(item, 'type'), 'text'))) {
      const at = content.end - 1
      edits.push({ start: at, end: at, text: items.length > 0 ? `,${block}` : block })
    }
  }
  return edits
}

/** The code a host of `hostEra` gets for an upstream's code. */
function codeFor(code: number, upstreamEra: Era, hostEra: Era): number {
  // faults of our hop to a modern upstream: the host did nothing wrong (R72)
  const isHopFault = code === CODE.capabilityMissing || code === CODE.headerMismatch || code === CODE.versionUnsupported
  if (upstreamEra === 'modern' && isHopFault) return CODE.internal
  if (hostEra === 'legacy') return code
  if (code === CODE.resourceNotFoundLegacy) return CODE.invalidParams
  // R20: this range is the specification's; what it does not define must not be sent
  return code <= -32020 && code >= -32099 ? CODE.internal : code
}

/** An upstream's error object for a host: only the code may change, `message` and `data` (`data.uri` of a missing resource) pass byte-exact. */
export function translateError(error: Slice, upstreamEra: Era, hostEra: Era): { readonly bytes: Buffer; readonly code: number } {
  const { doc, node } = indexed(error)
  const value = member(node, 'code')
  const sent = value?.kind === 'number' ? Number(valueOf(doc, value)) : CODE.internal
  const code = codeFor(sent, upstreamEra, hostEra)
  if (value?.kind === 'number' && code === sent) return { bytes: rawOf(doc, node), code }
  return {
    bytes: splice(
      doc.bytes,
      objectEdits(node, () => false, [['code', String(code)]]),
      node.start,
      node.end,
    ),
    code,
  }
}
