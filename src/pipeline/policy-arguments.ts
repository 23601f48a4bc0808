// Arguments of a request as policies may look at them, from the bytes that were judged and travel on: read only where a rule asks.

import type { Slice } from '../bridge/upstream.ts'
import { member, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import { memberOf } from '../policy/arguments.ts'
import type { WantedPointers } from '../policy/request.ts'
import type { Received } from './path.ts'

/** Which member of params holds them, by method; whatever passes through is looked at whole. */
const MEMBER: Readonly<Record<string, string>> = {
  'tools/call': 'arguments',
  'prompts/get': 'arguments',
  'completion/complete': 'argument',
}
const NONE = new Set(['resources/read', 'resources/subscribe', 'resources/unsubscribe', 'tasks/get', 'tasks/update', 'tasks/cancel'])

type Asked = Pick<Received, 'doc' | 'params' | 'method'>

/** Where they stand; undefined where there are none. */
export function argumentsIn({ doc, params, method }: Asked): Slice | undefined {
  if (!doc || NONE.has(method)) return undefined
  const name = MEMBER[method]
  const node = name === undefined ? params : member(params, name)
  return node && { doc, node }
}

/** Of more pointers the whole is read: each is looked for among all members. */
const FEW = 8

/** Plain data; undefined where there are none. Of an object only the members that begin a wanted pointer: rules read few, and callers send as much as they like. */
export function argumentsOf(x: Asked, wanted: WantedPointers): unknown {
  const found = argumentsIn(x)
  if (!found) return undefined
  const { doc, node } = found
  if (wanted === 'all' || wanted.size > FEW || !node.members) return valueOf(doc, node)
  const data = Object.create(null) as Record<string, unknown>
  for (const [step] of wanted.values()) {
    const name = step === undefined ? undefined : memberOf(step)
    const value = name === undefined ? undefined : member(node, name)
    if (name !== undefined && value) data[name] = valueOf(doc, value)
  }
  return data
}

/** The same, once for those who want the same: a decision and its record do. */
export function lateArguments(x: Asked): (wanted: WantedPointers) => unknown {
  let last: { readonly wanted: WantedPointers; readonly value: unknown } | undefined
  return wanted => (last?.wanted === wanted ? last : (last = { wanted, value: argumentsOf(x, wanted) })).value
}

/** Integers of so many digits a double may not hold. */
const LONG = 16
const LONG_DIGITS = /\d{16}/

/**
 * Integers as they are, not as a double rounds them: upstream and policy must not read two values. Rules see texts alone (policy/arguments.ts), so a long
 * integer is read as its own text.
 */
function valueOf(doc: JsonDoc, node: JsonNode): unknown {
  const text = doc.bytes.toString('utf8', node.start, node.end)
  return JSON.parse(LONG_DIGITS.test(text) ? withLongIntegersAsTexts(text) : text)
}

const QUOTE = 0x22
// Each finds one character further on, so it runs through any length once. A pattern of a whole number would keep a way back for each digit.
const STRING_OR_NUMBER = /["\-\d]/g
const BEHIND_NUMBER = /[^-+.\dEe]/g
const END_OR_ESCAPE = /["\\]/g

/** INVARIANT: strict JSON, which was read before. One pass: a caller chooses how long it is. */
function withLongIntegersAsTexts(text: string): string {
  const parts: string[] = []
  let from = 0
  let at = nextOf(STRING_OR_NUMBER, text, 0)
  while (at < text.length) {
    const isString = text.charCodeAt(at) === QUOTE
    const end = isString ? endOfString(text, at) : nextOf(BEHIND_NUMBER, text, at + 1)
    if (!isString && end - at >= LONG && isLongInteger(text.slice(at, end))) {
      parts.push(text.slice(from, at), '"', text.slice(at, end), '"')
      from = end
    }
    at = nextOf(STRING_OR_NUMBER, text, end)
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(from)
}

function endOfString(text: string, start: number): number {
  let at = nextOf(END_OR_ESCAPE, text, start + 1)
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at = nextOf(END_OR_ESCAPE, text, at + 2)
  return at + 1
}
/** Of a number: at least 16 digits and nothing behind them. No pattern: one of four million digits costs a third of a second. */
function isLongInteger(token: string): boolean {
  const sign = token.startsWith('-') ? 1 : 0
  return token.length - sign >= LONG && !token.includes('.') && !token.includes('e') && !token.includes('E')
}

/** Where the next such character stands; the end of the text where there is none. `pattern` is global, of one character. */
function nextOf(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from
  return pattern.test(text) ? pattern.lastIndex - 1 : text.length
}
