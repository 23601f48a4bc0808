// N094: texts that make a backtracking matcher take minutes, against every matcher of policies. Bounds are of processor time.

import { describe, expect, it } from 'vitest'
import { hasTraversal } from '../../src/kernel/prefixes.ts'
import { nearest } from '../../src/kernel/nearest.ts'
import { argumentFacts, stepsOf } from '../../src/policy/arguments.ts'
import { positionsOf, splitPolicies } from '../../src/policy/split.ts'
import { cpuTimer } from '../support/cpu.ts'
import { faultsOf, requestOf, rulesOf } from '../support/policies.ts'

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
/** Milliseconds of processor time. */
const spent = (run: () => unknown): number => {
  const since = cpuTimer()
  run()
  return since()
}

describe('N094: 100,000 characters', () => {
  const patterns = ['a*a*a*a*a*a*b', '*a*b*a*b*c', '*/*/*/../*', '**********x'].map(p => `resource.uri like "${p}"`).join(' || ')
  const rules = rulesOf(`@id("all") permit (principal, action, resource);
    @id("like") forbid (principal, action == MCP::Action::"resources/read", resource) when { ${patterns} };
    @id("argument") forbid (principal, action, resource) when { context.arguments.hasTag("/a") && context.arguments.getTag("/a").contains("x") };`)
  rules.decide(requestOf({ action: 'resources/read', resource: 'files/x' }))

  it.each(TEXTS)('%s', (_, text) => {
    const request = requestOf({ action: 'resources/read', resource: `files/${text}`, arguments: { a: text, [text]: text } })
    expect(spent(() => rules.decide(request))).toBeLessThan(50)
    expect(spent(() => hasTraversal(text))).toBeLessThan(50)
    expect(spent(() => stepsOf(`/${text}`))).toBeLessThan(50)
    expect(spent(() => argumentFacts({ a: text }, 'all'))).toBeLessThan(50)
    expect(spent(() => splitPolicies(text))).toBeLessThan(50)
    expect(spent(() => positionsOf(text)(LONG))).toBeLessThan(50)
    expect(spent(() => nearest(text, ['tools/call']))).toBeLessThan(50)
  })
  it('in a file of policies is a fault, soon', () => {
    for (const [, text] of TEXTS)
      expect(spent(() => expect(faultsOf(`@id("x") permit (${text});`).length).toBeGreaterThan(0))).toBeLessThan(3000)
  })
})
