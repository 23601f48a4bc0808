// One strict JSON reader: every byte that is relayed was judged here first. Spans into the original bytes, so nothing is serialised again.

/** Bounds of one document. */
export type JsonLimits = {
  /** deepest nesting of arrays and objects; default 64 */
  readonly maxDepth?: number
  /** depth down to which members and items are indexed; the root is 0; default 3 */
  readonly indexDepth?: number
}

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'true' | 'false' | 'null'

/** A value as a span [start, end) of the document's bytes. */
export type JsonNode = {
  readonly kind: JsonKind
  readonly start: number
  readonly end: number
  /** objects at a depth < indexDepth: members in document order; keys decoded */
  readonly members?: readonly JsonMember[]
  /** arrays at a depth < indexDepth: items in order */
  readonly items?: readonly JsonNode[]
}
export type JsonMember = { readonly key: string; readonly keyStart: number; readonly keyEnd: number; readonly value: JsonNode }

export type JsonDoc = { readonly bytes: Buffer; readonly root: JsonNode }

export type JsonFaultCode = 'syntax' | 'depth' | 'duplicate-key' | 'encoding' | 'surrogate' | 'trailing' | 'empty'
export type JsonFault = { readonly fault: JsonFaultCode; readonly at: number }

/** Reads one complete JSON text (RFC 8259, stricter: valid UTF-8 without BOM, no duplicate keys after unescaping, no lone surrogates, bounded depth). Never throws. */
export function readJson(_bytes: Buffer, _limits?: JsonLimits): JsonDoc | JsonFault {
  throw new Error('not written yet')
}
export const isJsonFault = (v: JsonDoc | JsonFault): v is JsonFault => 'fault' in v

/** The member of an indexed object, or undefined. */
export function member(node: JsonNode | undefined, key: string): JsonNode | undefined {
  if (!node?.members) return undefined
  for (const m of node.members) if (m.key === key) return m.value
  return undefined
}
/** The bytes of a node, without a copy. */
export const rawOf = (doc: JsonDoc, node: JsonNode): Buffer => doc.bytes.subarray(node.start, node.end)
/** A string node decoded. */
export function textOf(doc: JsonDoc, node: JsonNode): string {
  return JSON.parse(doc.bytes.toString('utf8', node.start, node.end)) as string
}
/** Any node as plain data. Only for judged bytes; `__proto__` keys become own properties. */
export function valueOf(doc: JsonDoc, node: JsonNode): unknown {
  return JSON.parse(doc.bytes.toString('utf8', node.start, node.end))
}
