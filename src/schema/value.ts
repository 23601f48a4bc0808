// Values as spans of judged JSON: nothing is parsed twice, and no number is rounded on its way to a comparison.

import { isJsonFault, readJson, textOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import { decimalOf, decimalText, type Decimal } from './decimal.ts'
import { Unjudged } from './run.ts'

export type Value = { readonly doc: JsonDoc; readonly node: JsonNode }
export type Spend = (steps: number) => void

const WHOLE = 256

/** The same value with its members and items at hand. A message is indexed as deep as the gateway needs it; what lies deeper is indexed once it is looked at. */
export function indexed(value: Value): Value {
  const { doc, node } = value
  if (node.kind === 'object' ? node.members !== undefined : node.kind !== 'array' || node.items !== undefined) return value
  const known = READ.get(node)
  if (known) return known
  const inner = readJson(doc.bytes.subarray(node.start, node.end), { maxDepth: WHOLE, indexDepth: WHOLE })
  if (isJsonFault(inner)) throw new Unjudged('it has more values than can be checked')
  if (inner.root.kind === 'array' && inner.root.items === undefined) throw new Unjudged('a list has more items than can be checked')
  const read = { doc: inner, node: inner.root }
  READ.set(node, read)
  return read
}
/** Once for each value, however many schemas look at it. */
const READ = new WeakMap<JsonNode, Value>()

/** Undefined for what is no number. Bounded by `spend`. */
export function numberOf({ doc, node }: Value, spend: Spend): Decimal | undefined {
  if (node.kind !== 'number') return undefined
  spend((node.end - node.start) >> 4)
  const found = node.end - node.start > 1_000 ? undefined : decimalOf(doc.bytes.toString('latin1', node.start, node.end))
  if (!found) throw new Unjudged('a number is longer than can be checked')
  return found
}

/** A text that is equal for equal values and for no others (JSON Schema core section 4.2.2). Bounded by `spend`, which is told its length. */
export function identityOf(value: Value, spend: Spend): string {
  const { doc, node } = indexed(value)
  spend(IDENTITY + ((node.end - node.start) >> 4))
  switch (node.kind) {
    case 'number':
      return decimalText(numberOf(value, spend) ?? NOTHING)
    case 'string':
      return JSON.stringify(textOf(doc, node))
    case 'array':
      return `[${(node.items ?? []).map(item => identityOf({ doc, node: item }, spend)).join(',')}]`
    case 'object':
      return `{${(node.members ?? [])
        .map(m => `${JSON.stringify(m.key)}:${identityOf({ doc, node: m.value }, spend)}`)
        .sort()
        .join(',')}}`
    default:
      return node.kind
  }
}
/** What a text of one value takes, in steps. */
const IDENTITY = 12
const NOTHING: Decimal = { isNegative: false, digits: '', exponent: 0 }
