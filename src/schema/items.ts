// Keywords about lists.

import { member, type JsonNode } from '../mcp/json.ts'
import { nothingSeen, type Check, type Keyword } from './check.ts'
import { countOperand, flagOperand, listOperand } from './operands.ts'
import type { Run } from './run.ts'
import { identityOf, indexed, type Value } from './value.ts'

const ofList =
  (check: Check): Check =>
  (value, run, seen) =>
    value.node.kind !== 'array' || check(indexed(value), run, seen)

/** Items from one on, until nothing more is to be learned. */
function each({ doc, node }: Value, from: number, run: Run, fits: (item: Value, index: number) => boolean): boolean {
  const items = node.items ?? []
  run.spend(items.length)
  let isFit = true
  for (let i = from; i < items.length; i++) {
    const item = items[i]
    if (!item || run.within(i, () => fits({ doc, node: item }, i))) continue
    isFit = false
    if (run.isSettled) break
  }
  return isFit
}

const tuple =
  (keyword: string): Keyword =>
  (operand, { compiler }) => {
    const checks = listOperand(keyword, operand).map(one => compiler.check(one.node))
    return ofList((value, run, seen) =>
      each(value, 0, run, (item, i) => {
        const check = checks[i]
        if (!check) return true
        seen?.items.add(i)
        return check(item, run, undefined)
      }),
    )
  }

/** How many items the keywords beside it name one by one. */
function named(beside: JsonNode): number {
  const items = member(beside, 'items')
  return (items?.kind === 'array' ? items : member(beside, 'prefixItems'))?.items?.length ?? 0
}

function rest(check: Check, from: number): Check {
  return ofList((value, run, seen) =>
    each(value, from, run, (item, i) => {
      seen?.items.add(i)
      return check(item, run, undefined)
    }),
  )
}
/** A list of schemas was a tuple before 2020-12, and is taken for one wherever it stands. */
const items: Keyword = (operand, context) =>
  operand.node.kind === 'array' ? tuple('items')(operand, context) : rest(context.compiler.check(operand.node), named(context.node))
/** Says nothing unless `items` is a tuple. */
const additionalItems: Keyword = (operand, { compiler, node }) =>
  member(node, 'items')?.kind === 'array' ? rest(compiler.check(operand.node), named(node)) : undefined

const unevaluatedItems: Keyword = (operand, { compiler }) => {
  const check = compiler.check(operand.node)
  return ofList((value, run, seen) =>
    each(value, 0, run, (item, i) => {
      if (seen?.items.has(i)) return true
      seen?.items.add(i)
      return check(item, run, undefined)
    }),
  )
}

const contains: Keyword = (operand, { compiler, doc, node }) => {
  const check = compiler.check(operand.node)
  const limit = (keyword: string, fallback: number): number => {
    const found = member(node, keyword)
    return found ? countOperand(keyword, { doc, node: found }) : fallback
  }
  const min = limit('minContains', 1)
  const max = limit('maxContains', Infinity)
  return ofList((value, run, seen) => {
    let count = 0
    each(value, 0, run, (item, i) => {
      if (run.quietly(() => check(item, run, nothingSeen()))) {
        count++
        seen?.items.add(i)
      }
      return true
    })
    return (count >= min && count <= max) || run.fault('contains')
  })
}

const itemCount =
  (keyword: 'minItems' | 'maxItems'): Keyword =>
  operand => {
    const limit = countOperand(keyword, operand)
    return ofList(({ node }, run) => {
      const count = node.items?.length ?? 0
      return (keyword === 'minItems' ? count >= limit : count <= limit) || run.fault(keyword)
    })
  }

const uniqueItems: Keyword = operand => {
  if (!flagOperand('uniqueItems', operand)) return undefined
  return ofList((value, run) => {
    const known = new Set<string>()
    return each(value, 0, run, item => {
      const identity = identityOf(item, run.spend)
      if (known.has(identity)) return run.fault('uniqueItems')
      known.add(identity)
      return true
    })
  })
}

export const ITEMS: readonly (readonly [string, Keyword])[] = [
  ['prefixItems', tuple('prefixItems')],
  ['items', items],
  ['additionalItems', additionalItems],
  ['unevaluatedItems', unevaluatedItems],
  ['contains', contains],
  ['minItems', itemCount('minItems')],
  ['maxItems', itemCount('maxItems')],
  ['uniqueItems', uniqueItems],
]
