// Keywords whose subschemas judge the same value: references, combinations, conditions.

import { addTo, nothingSeen, type Check, type Keyword, type Seen } from './check.ts'
import { listOperand, textOperand } from './operands.ts'
import { SchemaUnusable } from './unusable.ts'

/** A schema that fails must not say what it has seen: each branch sees for itself. */
function trying(check: Check, seen: Seen | undefined): { readonly own: Seen | undefined; readonly check: Check } {
  return { own: seen && nothingSeen(), check }
}

const branches = (keyword: string, operand: Parameters<Keyword>[0], compiler: Parameters<Keyword>[1]['compiler']): readonly Check[] => {
  const all = listOperand(keyword, operand).map(each => compiler.check(each.node))
  if (all.length === 0) throw new SchemaUnusable(`its \`${keyword}\` is not written correctly`)
  return all
}

const allOf: Keyword = (operand, { compiler }) => {
  const all = branches('allOf', operand, compiler)
  return (value, run, seen) => {
    let isFit = true
    for (const check of all) {
      if (check(value, run, seen)) continue
      isFit = false
      if (run.isSettled) break
    }
    return isFit
  }
}

/** How many branches are fit; stops at `enough` where nobody wants to know what the others have seen. */
const counting =
  (keyword: 'anyOf' | 'oneOf'): Keyword =>
  (operand, { compiler }) => {
    const all = branches(keyword, operand, compiler)
    const enough = keyword === 'anyOf' ? 1 : 2
    return (value, run, seen) => {
      let fit = 0
      for (const each of all) {
        const { own, check } = trying(each, seen)
        if (!run.quietly(() => check(value, run, own))) continue
        fit++
        if (seen && own) addTo(seen, own)
        if (fit >= enough && (keyword === 'oneOf' || !seen)) break
      }
      return (keyword === 'anyOf' ? fit > 0 : fit === 1) || run.fault(keyword)
    }
  }

const not: Keyword = (operand, { compiler }) => {
  const refused = compiler.check(operand.node)
  return (value, run) => !run.quietly(() => refused(value, run, nothingSeen())) || run.fault('not')
}

/** `then` and `else` say nothing by themselves. */
const condition: Keyword = (operand, { compiler, node }) => {
  const asked = compiler.check(operand.node)
  const branch = (name: string): Check => {
    const found = node.members?.find(m => m.key === name)?.value
    return found ? compiler.check(found) : () => true
  }
  const then = branch('then')
  const otherwise = branch('else')
  return (value, run, seen) => {
    const own = seen && nothingSeen()
    if (!run.quietly(() => asked(value, run, own))) return otherwise(value, run, seen)
    if (seen && own) addTo(seen, own)
    return then(value, run, seen)
  }
}

const reference =
  (keyword: string): Keyword =>
  (operand, { compiler, node }) => {
    // What a dynamic reference means depends on the document it was reached from; with one document alone it is what it says.
    if (keyword !== '$ref' && compiler.hasParts) throw new SchemaUnusable('it has dynamic references between several documents')
    return compiler.reference(node, textOperand(keyword, operand))
  }

export const IN_PLACE: readonly (readonly [string, Keyword])[] = [
  ['$ref', reference('$ref')],
  ['$dynamicRef', reference('$dynamicRef')],
  ['$recursiveRef', reference('$recursiveRef')],
  ['allOf', allOf],
  ['anyOf', counting('anyOf')],
  ['oneOf', counting('oneOf')],
  ['not', not],
  ['if', condition],
]
