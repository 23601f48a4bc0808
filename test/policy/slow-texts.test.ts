// N094: texts that make a backtracking matcher take minutes, against every matcher of policies. Bounds are of processor time.

import { describe, expect, it } from 'vitest'
import { hasTraversal } from '../../src/kernel/prefixes.ts'
import { nearest } from '../../src/kernel/nearest.ts'
import { argumentFacts, stepsOf } from '../../src/policy/arguments.ts'
import { positionsOf, splitPolicies } from '../../src/policy/split.ts'
import { leastCpu } from '../support/cpu.ts'
import { engine, faultsOf, requestOf, rulesOf } from '../support/policies.ts'

const LONG = 100_000
const TEXTS: readonly (readonly [string, string])[] = [
  ['one character over and over', 'a'.repeat(LONG)],
  ['stars', '*'.repeat(LONG)],
  ['what nearly matches', `${'ab'.repeat(LONG / 2)}c`],
  ['dots and slashes', './'.repeat(LONG / 2)],
  ['percent signs', '%2e%2'.repeat(LONG / 5)],
  ['backslashes', '\\'.repeat(LONG)],
  ['commas', `{/${'a,'.repeat(LONG / 2)}*}`],
  ['quotes', '"'.repeat(LONG)],
]
const expectBelow = (bound: number, run: () => unknown): void => expect(leastCpu(run, bound)).toBeLessThan(bound)

describe('N094: 100,000 characters', () => {
  const patterns = ['a*a*a*a*a*a*b', '*a*b*a*b*c', '*/*/*/../*', '**********x'].map(p => `resource.uri like "${p}"`).join(' || ')
  const rules = rulesOf(
    `@id("all") permit (principal, action, resource);
    @id("like") forbid (principal, action == MCP::Action::"resources/read", resource) when { ${patterns} };
    @id("argument") forbid (principal, action, resource) when { context.arguments.hasTag("/a") && context.arguments.getTag("/a").contains("x") };`,
    '',
    engine,
    { remembered: 0 }, // each decision is made, not recalled
  )
  rules.decide(requestOf({ action: 'resources/read', resource: 'files/x' }))

  it.each(TEXTS)('%s', (_, text) => {
    const request = requestOf({ action: 'resources/read', resource: `files/${text}`, arguments: { a: text, [text]: text } })
    expectBelow(50, () => rules.decide(request))
    expectBelow(50, () => hasTraversal(text))
    expectBelow(50, () => stepsOf(`/${text}`))
    expectBelow(50, () => argumentFacts({ a: text }, 'all'))
    expectBelow(50, () => splitPolicies(text))
    expectBelow(50, () => positionsOf(text)(LONG))
    expectBelow(50, () => nearest(text, ['tools/call']))
  })
  it('in a file of policies is a fault, soon', () => {
    for (const [, text] of TEXTS) expectBelow(3000, () => expect(faultsOf(`@id("x") permit (${text});`).length).toBeGreaterThan(0))
  })
})
