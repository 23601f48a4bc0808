// Arguments of a request as policies may look at them, from the bytes that were judged and travel on: read only where a rule asks.

import { member, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import type { Received } from './path.ts'

/** Which member of params holds them, by method; whatever passes through is looked at whole. */
const MEMBER: Readonly<Record<string, string>> = {
  'tools/call': 'arguments',
  'prompts/get': 'arguments',
  'completion/complete': 'argument',
}
const NONE = new Set(['resources/read', 'resources/subscribe', 'resources/unsubscribe', 'tasks/get', 'tasks/update', 'tasks/cancel'])

/** Plain data; undefined where there are none. */
export function argumentsOf({ doc, params, method }: Pick<Received, 'doc' | 'params' | 'method'>): unknown {
  if (!doc || NONE.has(method)) return undefined
  const name = MEMBER[method]
  const node = name === undefined ? params : member(params, name)
  return node && valueOf(doc, node)
}

/** Longer ones a double may not hold. */
const LONG_DIGITS = /\d{16}/

/** Numbers as they are, not as a double rounds them: upstream and policy must not read two values. */
function valueOf(doc: JsonDoc, node: JsonNode): unknown {
  const text = doc.bytes.toString('utf8', node.start, node.end)
  if (!LONG_DIGITS.test(text)) return JSON.parse(text)
  return (JSON.parse as ParseWithSource)(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && /^-?\d{16,}$/.test(source) ? BigInt(source) : value,
  )
}

/** ECMA-262's JSON.parse, which hands revivers the text of a primitive; TypeScript does not know that yet. */
type ParseWithSource = (text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown) => unknown
