// Keywords about objects. Members are looked up among the value's own, so `__proto__` and `constructor` are names like any other.

import { member, type JsonNode } from '../mcp/json.ts'
import type { Check, Keyword, Seen } from './check.ts'
import { countOperand, membersOperand, namesOperand } from './operands.ts'
import type { Run } from './run.ts'
import { indexed, type Value } from './value.ts'

/** Members of so few are found by looking at each. */
const FEW = 8

function finder(node: JsonNode, run: Run): (name: string) => JsonNode | undefined {
  const { members } = node
  if (!members || members.length <= FEW) return name => members?.find(m => m.key === name)?.value
  let known = BY_NAME.get(node)
  if (!known) {
    run.spend(members.length)
    BY_NAME.set(node, (known = new Map(members.map(m => [m.key, m.value]))))
  }
  const found = known
  return name => found.get(name)
}
/** Once for each value, however many schemas look at it. */
const BY_NAME = new WeakMap<JsonNode, ReadonlyMap<string, JsonNode>>()

/** Runs for objects alone. */
const ofObject =
  (check: Check): Check =>
  (value, run, seen) =>
    value.node.kind !== 'object' || check(indexed(value), run, seen)

const properties: Keyword = (operand, { compiler }) => {
  const named = new Map(membersOperand('properties', operand).map(([name, each]) => [name, compiler.check(each.node)]))
  return ofObject(({ doc, node }, run, seen) =>
    each(node, run, ({ key, value }) => {
      const check = named.get(key)
      if (!check) return true
      seen?.members.add(key)
      return run.within(key, () => check({ doc, node: value }, run, undefined))
    }),
  )
}

type Member = NonNullable<JsonNode['members']>[number]

/** Every member, until nothing more is to be learned. */
function each(node: JsonNode, run: Run, fits: (member: Member, number: number) => boolean): boolean {
  const members = node.members ?? []
  run.spend(members.length)
  let isFit = true
  for (let i = 0; i < members.length; i++) {
    const m = members[i]
    if (!m || fits(m, i + 1)) continue
    isFit = false
    if (run.isSettled) break
  }
  return isFit
}

const patternProperties: Keyword = (operand, { compiler }) => {
  const all = membersOperand('patternProperties', operand).map(
    ([source, each]) => [compiler.pattern(source), compiler.check(each.node)] as const,
  )
  return ofObject(({ doc, node }, run, seen) =>
    each(node, run, ({ key, value }, number) => {
      for (const [fits, check] of all) {
        if (!fits(key, run)) continue
        seen?.members.add(key)
        if (!run.within({ member: number }, () => check({ doc, node: value }, run, undefined))) return false
      }
      return true
    }),
  )
}

/** Everything that `properties` and `patternProperties` beside it do not name. */
const additionalProperties: Keyword = (operand, { compiler, doc: schema, node: beside }) => {
  const check = compiler.check(operand.node)
  const operandOf = (name: string): Value | undefined => {
    const found = member(beside, name)
    return found && { doc: schema, node: found }
  }
  const named = operandOf('properties')
  const patterned = operandOf('patternProperties')
  const names = new Set(named ? membersOperand('properties', named).map(([name]) => name) : [])
  const patterns = patterned ? membersOperand('patternProperties', patterned).map(([source]) => compiler.pattern(source)) : []
  return ofObject((value, run, seen) =>
    others(value, { run, seen, keyword: 'additionalProperties', isFalse: operand.node.kind === 'false', check }, key => {
      if (names.has(key)) return true
      return patterns.some(fits => fits(key, run))
    }),
  )
}

const unevaluatedProperties: Keyword = (operand, { compiler }) => {
  const check = compiler.check(operand.node)
  return ofObject((value, run, seen) =>
    others(
      value,
      { run, seen, keyword: 'unevaluatedProperties', isFalse: operand.node.kind === 'false', check },
      key => seen?.members.has(key) === true,
    ),
  )
}

type Others = {
  readonly run: Run
  readonly seen: Seen | undefined
  readonly keyword: string
  readonly isFalse: boolean
  readonly check: Check
}
function others({ doc, node }: Value, { run, seen, keyword, isFalse, check }: Others, isNamed: (key: string) => boolean): boolean {
  return each(node, run, ({ key, value }, number) => {
    if (isNamed(key)) return true
    if (isFalse) return run.fault(keyword, 'no member that the schema does not name', { member: number })
    seen?.members.add(key)
    return run.within({ member: number }, () => check({ doc, node: value }, run, undefined))
  })
}

const required: Keyword = operand => {
  const names = namesOperand('required', operand)
  return ofObject(({ node }, run) => hasAll(node, names, run, 'required'))
}
function hasAll(node: JsonNode, names: readonly string[], run: Run, keyword: string): boolean {
  run.spend(names.length)
  const find = finder(node, run)
  let isFit = true
  for (const name of names) if (!find(name)) isFit = run.fault(keyword, 'it is missing', name)
  return isFit
}

const propertyNames: Keyword = (operand, { compiler }) => {
  const check = compiler.check(operand.node)
  return ofObject(({ doc, node }, run) =>
    each(node, run, ({ keyStart, keyEnd }, number) => {
      const name: Value = { doc, node: { kind: 'string', start: keyStart, end: keyEnd } }
      return run.quietly(() => check(name, run, undefined)) || run.fault('propertyNames', undefined, { member: number })
    }),
  )
}

const memberCount =
  (keyword: 'minProperties' | 'maxProperties'): Keyword =>
  operand => {
    const limit = countOperand(keyword, operand)
    return ofObject(({ node }, run) => {
      const count = node.members?.length ?? 0
      return (keyword === 'minProperties' ? count >= limit : count <= limit) || run.fault(keyword)
    })
  }

/** `dependentRequired`, `dependentSchemas`, and `dependencies`, which was both. */
const dependent =
  (keyword: string): Keyword =>
  (operand, { compiler }) => {
    const all = membersOperand(keyword, operand).map(([name, each]) => {
      const isList = keyword === 'dependentRequired' || (keyword === 'dependencies' && each.node.kind === 'array')
      const names = isList ? namesOperand(keyword, each) : undefined
      const check = names ? undefined : compiler.check(each.node)
      return { name, names, check }
    })
    return ofObject((value, run, seen) => {
      const find = finder(value.node, run)
      let isFit = true
      for (const { name, names, check } of all) {
        run.spend(1)
        if (!find(name)) continue
        if (names && !hasAll(value.node, names, run, keyword)) isFit = false
        if (check && !check(value, run, seen)) isFit = false
      }
      return isFit
    })
  }

export const MEMBERS: readonly (readonly [string, Keyword])[] = [
  ['properties', properties],
  ['patternProperties', patternProperties],
  ['additionalProperties', additionalProperties],
  ['unevaluatedProperties', unevaluatedProperties],
  ['required', required],
  ['propertyNames', propertyNames],
  ['minProperties', memberCount('minProperties')],
  ['maxProperties', memberCount('maxProperties')],
  ['dependentRequired', dependent('dependentRequired')],
  ['dependentSchemas', dependent('dependentSchemas')],
  ['dependencies', dependent('dependencies')],
]
