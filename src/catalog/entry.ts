// One entry of an upstream's list: its bytes as sent, and the few things the gateway has to know about it.

import { isJsonFault, member, rawOf, readJson, textOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import { scanParamHeaders, type ParamHeader } from '../mcp/param-headers.ts'
import { checkSchema } from './schema-caps.ts'

export const LIST_KINDS = ['tools', 'prompts', 'resources', 'templates'] as const
export type ListKind = (typeof LIST_KINDS)[number]

/** Per kind: the member of the list result, and the member of an entry that names it. */
export const LIST_SHAPE: Readonly<Record<ListKind, { readonly list: string; readonly key: 'name' | 'uri' | 'uriTemplate' }>> = {
  tools: { list: 'tools', key: 'name' },
  prompts: { list: 'prompts', key: 'name' },
  resources: { list: 'resources', key: 'uri' },
  templates: { list: 'resourceTemplates', key: 'uriTemplate' },
}

/** A JSON string inside an entry's bytes, quotes included, and what it says. */
type TextSpan = { readonly start: number; readonly end: number; readonly text: string }

export type Entry = {
  /** the upstream's own name, URI or template */
  readonly name: string
  /** byte-exact as the upstream sent it */
  readonly raw: Buffer
  /** what a rename replaces: the name itself, and links of tools to their apps (`_meta.ui.resourceUri`, R57) */
  readonly nameAt: TextSpan
  readonly appsAt: readonly TextSpan[]
  /** tools: arguments that travel as Mcp-Param headers too */
  readonly headers: readonly ParamHeader[]
}

/** Why an entry is left out of its list. */
export type RefusalCode = 'duplicate' | 'entry-invalid' | 'entry-too-large' | 'header-param-invalid' | 'name-collision' | 'schema-refused'
export type Refusal = { readonly name: string; readonly code: RefusalCode; readonly detail: string }

/** Bounds of one entry, its name, and its URI or template. */
const MAX_ENTRY_BYTES = 1024 * 1024
const MAX_NAME = 512
const MAX_URI = 8192
/** `_meta` member that older apps use instead of `ui.resourceUri`. */
const FLAT_APP_KEY = 'ui/resourceUri'
const NO_SPANS: readonly TextSpan[] = []
const NO_HEADERS: readonly ParamHeader[] = []

/** Reads one entry. Expects bytes of a judged document; a refusal names the entry as far as it has a name. */
export function readEntry(kind: ListKind, raw: Buffer): Entry | Refusal {
  if (raw.length > MAX_ENTRY_BYTES) return { name: '', code: 'entry-too-large', detail: `an entry is larger than ${MAX_ENTRY_BYTES} bytes` }
  const doc = readJson(raw, { indexDepth: 3 })
  if (isJsonFault(doc)) return { name: '', code: 'entry-invalid', detail: `an entry is not readable: ${doc.fault}` }
  const { key } = LIST_SHAPE[kind]
  const nameAt = spanOf(doc, member(doc.root, key))
  const longest = key === 'name' ? MAX_NAME : MAX_URI
  if (nameAt === undefined || nameAt.text === '' || nameAt.text.length > longest)
    return { name: nameAt?.text.slice(0, 128) ?? '', code: 'entry-invalid', detail: `expected 1 to ${longest} characters in \`${key}\`` }
  const base = { name: nameAt.text, raw, nameAt }
  return kind === 'tools' ? readTool(doc, base) : { ...base, appsAt: NO_SPANS, headers: NO_HEADERS }
}

export const isRefusal = (found: Entry | Refusal): found is Refusal => 'code' in found

function readTool(doc: JsonDoc, base: Pick<Entry, 'name' | 'raw' | 'nameAt'>): Entry | Refusal {
  const input = member(doc.root, 'inputSchema')
  if (input?.kind !== 'object') return { name: base.name, code: 'entry-invalid', detail: 'expected an object in `inputSchema`' }
  const inputBytes = rawOf(doc, input)
  const output = member(doc.root, 'outputSchema')
  const fault = checkSchema(inputBytes) ?? (output && checkSchema(rawOf(doc, output)))
  if (fault !== undefined) return { name: base.name, code: 'schema-refused', detail: fault }
  const scan = inputBytes.includes('x-mcp-header') || inputBytes.includes('\\u') ? scanParamHeaders(inputBytes) : { headers: NO_HEADERS }
  if ('fault' in scan) return { name: base.name, code: 'header-param-invalid', detail: scan.fault }
  const meta = member(doc.root, '_meta')
  const apps = [member(member(meta, 'ui'), 'resourceUri'), member(meta, FLAT_APP_KEY)]
    .map(node => spanOf(doc, node))
    .filter(s => s !== undefined)
  return { ...base, appsAt: apps.length === 0 ? NO_SPANS : apps, headers: scan.headers }
}

const spanOf = (doc: JsonDoc, node: JsonNode | undefined): TextSpan | undefined =>
  node?.kind === 'string' ? { start: node.start, end: node.end, text: textOf(doc, node) } : undefined
