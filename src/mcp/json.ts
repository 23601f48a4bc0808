// One strict JSON reader: every byte that is relayed was judged here first. Spans into the original bytes, so nothing is serialised again.

import { isUtf8 } from 'node:buffer'
import { DEPTH_CEILING, scanner, type JsonFault, type JsonNode } from './json-scan.ts'
import { knownWord } from './known-words.ts'

// Readers of documents need this file alone.
export type { JsonFault, JsonNode } from './json-scan.ts'

/** Bounds of one document. */
export type JsonLimits = {
  /** deepest nesting of arrays and objects; default 64, at most 256 */
  readonly maxDepth?: number
  /** depth down to which members and items are indexed; the root is 0; default 3 */
  readonly indexDepth?: number
}

export type JsonDoc = { readonly bytes: Buffer; readonly root: JsonNode }

/** Reads one complete JSON text (RFC 8259, stricter: valid UTF-8 without BOM, no duplicate keys after unescaping, no lone surrogates, bounded depth). Never throws. */
export function readJson(bytes: Buffer, limits?: JsonLimits): JsonDoc | JsonFault {
  if (bytes.length > 2 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return { fault: 'encoding', at: 0 }
  if (!isUtf8(bytes)) return { fault: 'encoding', at: 0 }
  const root = scanner.scan(bytes, Math.min(limits?.maxDepth ?? 64, DEPTH_CEILING), Math.min(limits?.indexDepth ?? 3, DEPTH_CEILING))
  return 'fault' in root ? root : { bytes, root }
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
  const { bytes } = doc
  const start = node.start + 1
  const end = node.end - 1
  if (end - start > SHORT)
    return bytes.subarray(start, end).includes(BACKSLASH) ? unescaped(bytes, node) : bytes.toString('utf8', start, end)
  let hash = 0
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0
    if (byte === BACKSLASH) return unescaped(bytes, node)
    hash = (Math.imul(hash, 31) + byte) | 0
  }
  return knownWord(bytes, start, end, hash) ?? bytes.toString('utf8', start, end)
}
const SHORT = 128
const BACKSLASH = 0x5c
const unescaped = (bytes: Buffer, node: JsonNode): string => JSON.parse(bytes.toString('utf8', node.start, node.end)) as string
/** Any node as plain data. Only for judged bytes; `__proto__` keys become own properties. */
export function valueOf(doc: JsonDoc, node: JsonNode): unknown {
  return JSON.parse(doc.bytes.toString('utf8', node.start, node.end))
}
