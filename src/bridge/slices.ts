// Values inside judged documents, read again where a translation has to look deeper than their index goes.

import { Fault } from '../kernel/errors.ts'
import { isJsonFault, rawOf, readJson, textOf } from '../mcp/json.ts'
import type { JsonDoc, JsonNode } from '../mcp/json.ts'
import type { Slice } from './upstream.ts'

/** The bytes as a document of their own, indexed `depth` levels deep. They were judged before: a fault means more values than may be indexed. */
export function docOf(json: Buffer, depth: number): JsonDoc {
  const doc = readJson(json, { indexDepth: depth, maxDepth: 256 })
  if (isJsonFault(doc)) throw new Fault('bridge-unreadable', `judged JSON is not readable again: ${doc.fault}`)
  return doc
}

const isShallow = (node: JsonNode | undefined): boolean => node?.kind === 'object' && node.members === undefined

/** The same object with its members indexed, and those of its `_meta`. */
export function indexed({ doc, node }: Slice): Slice {
  if (!isShallow(node) && !isShallow(node.members?.find(m => m.key === '_meta')?.value)) return { doc, node }
  const own = docOf(rawOf(doc, node), 2)
  return { doc: own, node: own.root }
}

export const isText = (doc: JsonDoc, node: JsonNode | undefined, text: string): boolean =>
  node?.kind === 'string' && textOf(doc, node) === text
