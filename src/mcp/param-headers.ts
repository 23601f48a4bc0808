// `x-mcp-header`: which tool arguments travel as Mcp-Param headers too, and whether header and body agree (MCP 2026-07-28, SEP-2243, R11, R25-R27).

import { decodeHeaderValue, encodeHeaderValue } from './header-values.ts'
import { isJsonFault, member, rawOf, readJson, textOf } from './json.ts'
import type { JsonDoc, JsonNode } from './json.ts'

/** One declared header: `name` is what follows `Mcp-Param-`, `path` the property chain into `arguments`. */
export type ParamHeader = { readonly name: string; readonly path: readonly string[]; readonly type: 'string' | 'integer' | 'boolean' }
export type ParamHeaderScan = { readonly headers: readonly ParamHeader[] } | { readonly fault: string }
type Arguments = { readonly doc: JsonDoc; readonly node: JsonNode }

/** Bounds of one schema (R30, N095). */
const MAX_SCHEMA_BYTES = 512 * 1024
const MAX_SUBSCHEMAS = 4096
const MAX_SCHEMA_DEPTH = 64
const MAX_HEADERS = 64
const MAX_NAME = 128

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** N068: names that a careless intermediary could take for the real header once it drops the prefix. Conformance needs `Method` to be allowed. */
const FORBIDDEN = new Set(
  'authorization proxy-authorization www-authenticate cookie set-cookie host origin forwarded connection keep-alive te trailer transfer-encoding upgrade content-length'.split(
    ' ',
  ),
)
/** Keywords whose value is a map of names to subschemas, and those whose value is a subschema or a list of them. */
const MAPS = ['patternProperties', 'dependentSchemas', 'dependencies', '$defs', 'definitions']
const SUBSCHEMAS = [
  'items',
  'prefixItems',
  'additionalItems',
  'contains',
  'additionalProperties',
  'unevaluatedProperties',
  'unevaluatedItems',
  'propertyNames',
  'contentSchema',
  'oneOf',
  'anyOf',
  'allOf',
  'not',
  'if',
  'then',
  'else',
]

type Visit = { readonly schema: unknown; readonly path: readonly string[]; readonly isReachable: boolean; readonly depth: number }

/**
 * Reads the declarations of one tool's `inputSchema` (raw JSON). A fault says why the tool must be excluded (R26): only properties that a chain
 * of `properties` reaches may be annotated, an annotation anywhere else spoils the tool. Cold path: lists are scanned once per change.
 */
export function scanParamHeaders(inputSchema: Buffer): ParamHeaderScan {
  if (inputSchema.length > MAX_SCHEMA_BYTES) return { fault: `input schema larger than ${MAX_SCHEMA_BYTES} bytes` }
  const doc = readJson(inputSchema, { maxDepth: MAX_SCHEMA_DEPTH * 3, indexDepth: 0 })
  if (isJsonFault(doc)) return { fault: `input schema is not readable: ${doc.fault}` }
  const headers: ParamHeader[] = []
  const names = new Set<string>()
  const queue: Visit[] = [{ schema: JSON.parse(inputSchema.toString()) as unknown, path: [], isReachable: true, depth: 0 }]
  // the queue grows while it is walked: iterative, no recursion
  for (const visit of queue) {
    if (!isObject(visit.schema)) continue
    if (visit.depth > MAX_SCHEMA_DEPTH) return { fault: `input schema nested deeper than ${MAX_SCHEMA_DEPTH} subschemas` }
    if (Object.hasOwn(visit.schema, 'x-mcp-header')) {
      const header = declarationOf(visit.schema, visit)
      if (typeof header === 'string') return { fault: header }
      const lower = header.name.toLowerCase()
      if (names.has(lower)) return { fault: `x-mcp-header \`${header.name}\` is declared twice` }
      names.add(lower)
      headers.push(header)
    }
    addSubschemas(queue, visit.schema, visit)
    if (queue.length > MAX_SUBSCHEMAS) return { fault: `input schema with more than ${MAX_SUBSCHEMAS} subschemas` }
    if (headers.length > MAX_HEADERS) return { fault: `more than ${MAX_HEADERS} x-mcp-header annotations` }
  }
  return { headers }
}

type Schema = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value)

function declarationOf(schema: Schema, { path, isReachable }: Visit): ParamHeader | string {
  if (!isReachable || path.length === 0) return 'x-mcp-header outside a chain of `properties`'
  const name = schema['x-mcp-header']
  if (typeof name !== 'string' || name === '') return 'x-mcp-header is not a text'
  if (name.length > MAX_NAME || !TOKEN.test(name)) return 'x-mcp-header is not a header name (RFC 9110 token)'
  const lower = name.toLowerCase()
  if (FORBIDDEN.has(lower) || lower.startsWith('mcp-')) return `x-mcp-header \`${name}\` names a header of the protocol`
  const { type } = schema
  if (type !== 'string' && type !== 'integer' && type !== 'boolean')
    return `x-mcp-header \`${name}\` is not on a string, integer or boolean`
  return { name, path, type }
}

function addSubschemas(queue: Visit[], schema: Schema, { path, isReachable, depth }: Visit): void {
  const add = (subschema: unknown, subpath: readonly string[], isSubReachable: boolean): void => {
    if (queue.length <= MAX_SUBSCHEMAS) queue.push({ schema: subschema, path: subpath, isReachable: isSubReachable, depth: depth + 1 })
  }
  const { properties } = schema
  if (isObject(properties)) for (const key of Object.keys(properties)) add(properties[key], [...path, key], isReachable)
  for (const keyword of MAPS) {
    const map = Object.hasOwn(schema, keyword) ? schema[keyword] : undefined
    if (isObject(map)) for (const key of Object.keys(map)) add(map[key], path, false)
  }
  for (const keyword of SUBSCHEMAS) {
    const value = Object.hasOwn(schema, keyword) ? schema[keyword] : undefined
    if (Array.isArray(value)) for (const branch of value as unknown[]) add(branch, path, false)
    else if (isObject(value)) add(value, path, false)
  }
}

/** The argument a header mirrors; undefined when it is absent or null. Deep chains read `arguments` again with an index deep enough. */
function valueAt(args: Arguments, path: readonly string[]): Arguments | undefined {
  let { doc, node } = args
  if (path.length > 1) {
    const deep = readJson(rawOf(doc, node), { indexDepth: path.length, maxDepth: 256 })
    if (isJsonFault(deep)) return undefined
    doc = deep
    node = deep.root
  }
  for (const key of path) {
    const value = member(node, key)
    if (value === undefined) return undefined
    node = value
  }
  return node.kind === 'null' ? undefined : { doc, node }
}

const DECIMAL = /^-?[0-9]{1,30}(?:\.[0-9]{1,30})?$/

/** Header text of an argument (SEP-2243); undefined: it has none, because it is no scalar or beyond what every reader holds exactly (R25). */
function headerText({ doc, node }: Arguments): string | undefined {
  switch (node.kind) {
    case 'string':
      return textOf(doc, node)
    case 'true':
    case 'false':
      return node.kind
    case 'number': {
      const value = Number(rawOf(doc, node).toString('latin1'))
      if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) return undefined
      return String(value)
    }
    default:
      return undefined
  }
}

/** Numbers compare as numbers, `42.0` equals `42`; everything else as text. */
function isSame(decoded: string, value: Arguments, text: string | undefined): boolean {
  if (decoded === text) return true
  if (value.node.kind !== 'number') return false
  if (decoded === rawOf(value.doc, value.node).toString('latin1')) return true
  return text !== undefined && DECIMAL.test(decoded) && Number(decoded) === Number(text)
}

/**
 * R11, N067: undefined when every declared header agrees with the body, else what disagrees (for -32020); values are never repeated.
 * `headers`: [name after the prefix in lower case, value]; undeclared ones are ignored (R12).
 */
export function checkParamHeaders(
  declared: readonly ParamHeader[],
  args: Arguments | undefined,
  headers: readonly (readonly [string, string])[],
): string | undefined {
  for (const { name, path } of declared) {
    const lower = name.toLowerCase()
    const sent = headers.filter(([key]) => key === lower)
    if (sent.length > 1) return `header Mcp-Param-${name} is sent twice`
    const header = sent[0]?.[1]
    const value = args && valueAt(args, path)
    if (value === undefined) {
      if (header !== undefined) return `header Mcp-Param-${name} is present but its argument is absent or null`
      continue
    }
    const text = headerText(value)
    if (header === undefined) {
      if (text === undefined) continue
      return `header Mcp-Param-${name} is missing`
    }
    const decoded = decodeHeaderValue(header)
    if (decoded === undefined) return `header Mcp-Param-${name} is not decodable`
    if (!isSame(decoded, value, text)) return `header Mcp-Param-${name} differs from its argument`
  }
  return undefined
}

/** The headers an upstream expects beside these arguments: [name after the prefix, encoded value]. Absent and null arguments have none (R25). */
export function paramHeadersOf(declared: readonly ParamHeader[], args: Arguments | undefined): (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = []
  for (const { name, path } of declared) {
    const value = args && valueAt(args, path)
    const text = value && headerText(value)
    if (text !== undefined) headers.push([name, encodeHeaderValue(text)])
  }
  return headers
}
