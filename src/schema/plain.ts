// Keywords about one value alone: its type, its number, its text.

import { textOf } from '../mcp/json.ts'
import type { Keyword } from './check.ts'
import { compareDecimals, isMultiple, isWhole, type Decimal } from './decimal.ts'
import { countOperand, listOperand, numberOperand, textOperand } from './operands.ts'
import { Unjudged, type Run } from './run.ts'
import { identityOf, numberOf, type Value } from './value.ts'
import { SchemaUnusable } from './unusable.ts'

const TYPES: ReadonlySet<string> = new Set(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'])

function hasType(value: Value, type: string, run: Run): boolean {
  const { kind } = value.node
  if (type === 'boolean') return kind === 'true' || kind === 'false'
  if (type !== 'integer') return kind === type
  const number = numberOf(value, run.spend)
  return number !== undefined && isWhole(number)
}

const type: Keyword = operand => {
  const types =
    operand.node.kind === 'array' ? listOperand('type', operand).map(each => textOperand('type', each)) : [textOperand('type', operand)]
  if (types.length === 0 || types.some(each => !TYPES.has(each))) throw new SchemaUnusable('its `type` is not written correctly')
  const expected = types.join(' or ')
  return (value, run) => types.some(each => hasType(value, each, run)) || run.fault('type', expected)
}

/** Where schemas are made nobody counts: they are bounded by their size. */
const free = (): void => {}

const oneOf =
  (keyword: 'enum' | 'const'): Keyword =>
  operand => {
    const allowed = new Set((keyword === 'enum' ? listOperand(keyword, operand) : [operand]).map(each => identityOf(each, free)))
    return (value, run) => allowed.has(identityOf(value, run.spend)) || run.fault(keyword)
  }

const bound =
  (keyword: string, word: string, fits: (order: number) => boolean): Keyword =>
  operand => {
    const limit = numberOperand(keyword, operand)
    const expected = `${word} ${operand.doc.bytes.toString('latin1', operand.node.start, operand.node.end).slice(0, 40)}`
    return (value, run) => {
      const number = numberOf(value, run.spend)
      return number === undefined || fits(compareDecimals(number, limit)) || run.fault(keyword, expected)
    }
  }

const multipleOf: Keyword = operand => {
  const unit: Decimal = numberOperand('multipleOf', operand)
  if (unit.isNegative || unit.digits === '') throw new SchemaUnusable('its `multipleOf` is not written correctly')
  return (value, run) => {
    const number = numberOf(value, run.spend)
    if (number === undefined) return true
    run.spend((number.digits.length + unit.digits.length + Math.abs(number.exponent - unit.exponent)) >> 4)
    const found = isMultiple(number, unit)
    if (found === undefined) throw new Unjudged('a number is longer than can be checked')
    return found || run.fault('multipleOf')
  }
}

/** In characters (code points), as JSON Schema counts them. */
function lengthOf({ doc, node }: Value, run: Run): number {
  const text = textOf(doc, node)
  run.spend(text.length >> 5)
  let count = text.length
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) === 0xdc00) count--
  return count
}
const length =
  (keyword: 'minLength' | 'maxLength'): Keyword =>
  operand => {
    const limit = countOperand(keyword, operand)
    const expected = `${keyword === 'minLength' ? 'at least' : 'at most'} ${limit} characters`
    return (value, run) => {
      if (value.node.kind !== 'string') return true
      const count = lengthOf(value, run)
      return (keyword === 'minLength' ? count >= limit : count <= limit) || run.fault(keyword, expected)
    }
  }

const pattern: Keyword = (operand, { compiler }) => {
  const fits = compiler.pattern(textOperand('pattern', operand))
  return ({ doc, node }, run) => {
    if (node.kind !== 'string') return true
    run.spend((node.end - node.start) >> 4)
    return fits(textOf(doc, node), run) || run.fault('pattern')
  }
}

export const PLAIN: readonly (readonly [string, Keyword])[] = [
  ['type', type],
  ['enum', oneOf('enum')],
  ['const', oneOf('const')],
  ['minimum', bound('minimum', 'at least', order => order >= 0)],
  ['maximum', bound('maximum', 'at most', order => order <= 0)],
  ['exclusiveMinimum', bound('exclusiveMinimum', 'more than', order => order > 0)],
  ['exclusiveMaximum', bound('exclusiveMaximum', 'less than', order => order < 0)],
  ['multipleOf', multipleOf],
  ['minLength', length('minLength')],
  ['maxLength', length('maxLength')],
  ['pattern', pattern],
]
