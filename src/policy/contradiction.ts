// Conditions of one rule that no request can meet together. What is found is certain; not everything is found.

import { operands, operation, uidOf } from './ast.ts'
import { conditionsOf, headOf, textOf } from './conjuncts.ts'
import type { Policy } from './load.ts'
import { ENUM_VALUES } from './fact-values.ts'

/** Why the rule can never match, in words; undefined = nothing was found. */
export function contradiction({ ast }: Pick<Policy, 'ast'>): string | undefined {
  const demands = [...headOf(ast), ...conditionsOf(ast)]
  const texts = new Set(demands.map(textOf))
  if ([...texts].some(text => texts.has(`!${text}`))) return 'it demands a condition and its opposite'
  return twoValues(demands) ?? noValueLeft(demands) ?? noNumberLeft(demands)
}

type Compared = { readonly fact: string; readonly value: unknown; readonly isFlipped: boolean }

/** A fact beside a value, whichever stands first. */
function compared(of: unknown): Compared | undefined {
  const { left, right } = operands(of)
  const isFlipped = operation(left)?.op === 'Value'
  const [value, fact] = isFlipped ? [left, right] : [right, left]
  if (operation(value)?.op !== 'Value' || operation(fact)?.op === 'Value') return undefined
  return { fact: JSON.stringify(fact), value: operation(value)?.of, isFlipped }
}

function twoValues(demands: readonly unknown[]): string | undefined {
  const values = new Map<string, string>()
  for (const demand of demands) {
    const found = operation(demand)
    const pair = found?.op === '==' ? compared(found.of) : undefined
    if (!pair) continue
    const value = JSON.stringify(pair.value)
    if ((values.get(pair.fact) ?? value) !== value) return 'it demands two values of one fact'
    values.set(pair.fact, value)
  }
  return undefined
}

/** Each value of an enumeration is ruled out. */
function noValueLeft(demands: readonly unknown[]): string | undefined {
  const ruledOut = new Map<string, Set<string>>()
  for (const demand of demands) {
    const found = operation(demand)
    const inner = found?.op === '!' ? operation((found.of as { readonly arg: unknown }).arg) : undefined
    const pair = inner?.op === '==' ? compared(inner.of) : undefined
    const uid = pair && uidOf((pair.value as { readonly __entity?: unknown } | null)?.__entity)
    if (!pair || !uid) continue
    const key = `${pair.fact} ${uid.type}`
    const known = ruledOut.get(key) ?? new Set()
    ruledOut.set(key, known.add(uid.id))
    const all = valuesOf(uid.type)
    if (all?.every(value => known.has(value)) === true) return 'it rules out every value that a fact can have'
  }
  return undefined
}

const valuesOf = (type: string): readonly string[] | undefined => ENUM_VALUES[type.replace('MCP::', '')]

/** Bounds that leave no whole number between them. */
function noNumberLeft(demands: readonly unknown[]): string | undefined {
  const bounds = new Map<string, { least: number; most: number }>()
  for (const demand of demands) {
    const bound = boundOf(demand)
    if (!bound) continue
    const known = bounds.get(bound.fact) ?? { least: -Infinity, most: Infinity }
    known.least = Math.max(known.least, bound.least)
    known.most = Math.min(known.most, bound.most)
    bounds.set(bound.fact, known)
    if (known.least > known.most) return 'no number is within its bounds'
  }
  return undefined
}

const OPPOSITE: Readonly<Record<string, string>> = { '<': '>=', '<=': '>', '>': '<=', '>=': '<' }
const MIRRORED: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=', '==': '==' }

function boundOf(demand: unknown): { readonly fact: string; readonly least: number; readonly most: number } | undefined {
  const outer = operation(demand)
  const inner = outer?.op === '!' ? operation((outer.of as { readonly arg: unknown }).arg) : outer
  const written = outer?.op === '!' ? OPPOSITE[inner?.op ?? ''] : inner?.op
  const pair = inner && written !== undefined && written in MIRRORED ? compared(inner.of) : undefined
  // Beyond this a number of JSON says another one than Cedar reads.
  if (!pair || !Number.isSafeInteger(pair.value)) return undefined
  const value = pair.value as number
  switch (pair.isFlipped ? MIRRORED[written ?? ''] : written) {
    case '<':
      return { fact: pair.fact, least: -Infinity, most: value - 1 }
    case '<=':
      return { fact: pair.fact, least: -Infinity, most: value }
    case '>':
      return { fact: pair.fact, least: value + 1, most: Infinity }
    case '>=':
      return { fact: pair.fact, least: value, most: Infinity }
    default:
      return { fact: pair.fact, least: value, most: value }
  }
}
