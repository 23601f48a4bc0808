import { describe, expect, it } from 'vitest'
import { shippedSchema } from '../../src/adapters/policy-folder.ts'
import { ENUM_VALUES } from '../../src/policy/fact-values.ts'
import { lint } from '../../src/policy/lint.ts'
import { bundleOf } from '../support/policies.ts'

const BASE = '@id("base") permit (principal in MCP::Group::"x", action, resource);'
const found = (text: string, obligations = ''): string[] =>
  lint(bundleOf(text, obligations).policies).map(({ code, policy, by }) => `${policy.id} ${code}${by ? ` ${by.id}` : ''}`)

const rule = (id: string, effect: string, head: string, rest = ''): string => `@id("${id}") ${effect} (${head}) ${rest};\n`
const CALL = 'action == MCP::Action::"tools/call"'
const UNTRUSTED = 'when { context.readUntrusted }'

it('knows the values of each enumeration as the schema has them', () => {
  const found = [...shippedSchema().matchAll(/entity (\w+) enum \[([^\]]+)\]/g)].map(([, name, values]) => [
    name,
    JSON.parse(`[${values!}]`),
  ])
  expect(found.length).toBeGreaterThan(2)
  expect(ENUM_VALUES).toEqual(Object.fromEntries(found))
})

describe('rules that do nothing', () => {
  it.each<[string, string, string[]]>([
    [
      'two values of one fact',
      BASE + rule('a', 'forbid', 'principal, action, resource', 'when { principal.client == "a" } when { "b" == principal.client }'),
      ['a never'],
    ],
    [
      'a condition and its opposite',
      BASE +
        rule(
          'a',
          'forbid',
          'principal, action, resource',
          'when { context.readUntrusted && context.hour > 1 } unless { context.readUntrusted }',
        ),
      ['a never'],
    ],
    [
      'the same, said another way',
      BASE +
        rule(
          'a',
          'forbid',
          'principal, action, resource',
          'when { principal.client == "a" } unless { "a" == principal.client || context.hour > 1 }',
        ),
      ['a never'],
    ],
    [
      'and another',
      BASE + rule('a', 'forbid', 'principal, action, resource', 'when { !!(principal.client != "a") } when { principal.client == "a" }'),
      ['a never'],
    ],
    [
      'a group in the head, and not that group',
      BASE + rule('a', 'forbid', 'principal in MCP::Group::"y", action, resource', 'unless { principal in MCP::Group::"y" }'),
      ['a never'],
    ],
    [
      'a server in the head, and not that server',
      BASE + rule('a', 'forbid', 'principal, action, resource in MCP::Server::"files"', 'when { !(resource in MCP::Server::"files") }'),
      ['a never'],
    ],
    [
      'one person in the head, another below',
      BASE + rule('a', 'forbid', 'principal == MCP::User::"i a", action, resource', 'when { principal == MCP::User::"i b" }'),
      ['a never'],
    ],
    [
      'every value of an enumeration ruled out',
      BASE +
        rule(
          'a',
          'forbid',
          'principal, action, resource',
          'when { context.era != MCP::Era::"modern" } unless { MCP::Era::"legacy" == context.era }',
        ),
      ['a never'],
    ],
    ['some values of one', BASE + rule('a', 'forbid', 'principal, action, resource', 'when { context.era != MCP::Era::"modern" }'), []],
    [
      'two values of an enumeration',
      BASE +
        rule(
          'a',
          'forbid',
          `principal, ${CALL}, resource`,
          'when { resource.server.signature == MCP::Signature::"verified" && resource.server.signature == MCP::Signature::"unsigned" }',
        ),
      ['a never'],
    ],
    [
      'hours that no clock shows',
      BASE + rule('a', 'forbid', 'principal, action, resource', 'when { context.hour > 17 && 8 > context.hour }'),
      ['a never'],
    ],
    [
      'nor this one',
      BASE + rule('a', 'forbid', 'principal, action, resource', 'when { context.hour >= 8 && context.hour == 7 }'),
      ['a never'],
    ],
    [
      'nor one that is excluded',
      BASE + rule('a', 'forbid', 'principal, action, resource', 'when { context.hour > 7 } unless { context.hour >= 8 }'),
      ['a never'],
    ],
    [
      'an hour at a bound',
      BASE + rule('a', 'forbid', 'principal, action, resource', 'when { context.hour >= 8 && 8 >= context.hour && context.weekday < 3 }'),
      [],
    ],
    [
      'a forbid of a group, said in the head and in a condition',
      BASE +
        rule('a', 'forbid', 'principal in MCP::Group::"y", action, resource') +
        rule('b', 'forbid', `principal, ${CALL}, resource`, 'when { principal in MCP::Group::"y" && context.hour > 3 }'),
      ['b covered a'],
    ],
    [
      'and the other way round',
      BASE +
        rule('a', 'forbid', 'principal, action, resource', 'when { principal in MCP::Group::"y" }') +
        rule('b', 'permit', `principal in MCP::Group::"y", ${CALL}, resource`),
      ['b overridden a'],
    ],
    [
      'the same value twice is no contradiction',
      BASE + rule('a', 'forbid', 'principal, action, resource', 'when { principal.client == "a" } when { "a" == principal.client }'),
      [],
    ],
    [
      'a permit under a wider forbid',
      BASE +
        rule('a', 'permit', `principal, ${CALL}, resource`, UNTRUSTED) +
        rule('b', 'forbid', 'principal, action in MCP::Action::"use", resource', UNTRUSTED),
      ['a overridden b'],
    ],
    [
      'a permit under a forbid that an approval lifts is none',
      BASE +
        rule('a', 'permit', `principal, ${CALL}, resource`) +
        '@id("b") @obligation("approval") @approvers("x") forbid (principal, action, resource) unless { context has approval };',
      [],
    ],
    [
      'a permit within a wider permit',
      BASE + rule('a', 'permit', `principal in MCP::Group::"x", ${CALL}, resource`, UNTRUSTED),
      ['a covered base'],
    ],
    ['a permit of other people is none', BASE + rule('a', 'permit', `principal in MCP::Group::"y", ${CALL}, resource`, UNTRUSTED), []],
    [
      'the same rule twice: the later one',
      BASE + rule('a', 'forbid', `principal, ${CALL}, resource`) + rule('b', 'forbid', `principal, ${CALL}, resource is MCP::Tool`),
      ['b covered a'],
    ],
    [
      'a type that only those actions have is no restriction',
      BASE +
        rule('a', 'forbid', `principal, ${CALL}, resource is MCP::Tool`) +
        rule('b', 'forbid', `principal, ${CALL}, resource == MCP::Tool::"files/a"`),
      ['b covered a'],
    ],
    [
      'a type and a group',
      BASE +
        rule('a', 'forbid', 'principal is MCP::User in MCP::Group::"y", action, resource') +
        rule('b', 'forbid', `principal is MCP::User in MCP::Group::"y", ${CALL}, resource`),
      ['b covered a'],
    ],
    [
      'a group without the type is wider',
      BASE +
        rule('a', 'forbid', 'principal is MCP::User in MCP::Group::"y", action, resource') +
        rule('b', 'forbid', `principal in MCP::Group::"y", ${CALL}, resource`),
      [],
    ],
    [
      'a type within a group',
      BASE +
        rule('a', 'forbid', 'principal in MCP::Group::"y", action, resource') +
        rule('b', 'forbid', `principal is MCP::User in MCP::Group::"y", ${CALL}, resource`),
      ['b covered a'],
    ],
    [
      'one entity of a type',
      BASE +
        rule('a', 'forbid', 'principal is MCP::Workload, action, resource') +
        rule('b', 'forbid', `principal == MCP::Workload::"x y", ${CALL}, resource`),
      ['b covered a'],
    ],
    [
      'one entity of another type',
      BASE +
        rule('a', 'forbid', 'principal is MCP::Workload, action, resource') +
        rule('b', 'forbid', `principal == MCP::User::"x y", ${CALL}, resource`),
      [],
    ],
    [
      'all types are not one of them',
      BASE +
        rule('a', 'forbid', 'principal, action, resource is MCP::Prompt') +
        rule('b', 'forbid', 'principal, action in MCP::Action::"read", resource'),
      [],
    ],
    [
      'a plain forbid inside one that an approval lifts counts',
      BASE +
        '@id("a") @obligation("approval") @approvers("x") forbid (principal, action, resource) unless { context has approval };' +
        rule('b', 'forbid', `principal, ${CALL}, resource`, 'unless { context has approval }'),
      [],
    ],
    [
      'an approval that nobody is ever asked for',
      BASE +
        rule('b', 'forbid', `principal, ${CALL}, resource`) +
        `@id("a") @obligation("approval") @approvers("x") forbid (principal, ${CALL}, resource) unless { context has approval };`,
      ['a covered b'],
    ],
    ['everything for everybody', rule('a', 'permit', 'principal, action, resource'), ['a everything']],
    ['and whatever stands beside it', rule('a', 'permit', 'principal, action, resource') + BASE, ['a everything', 'base covered a']],
  ])('%s', (_, text, findings) => {
    expect(found(text)).toEqual(findings)
  })
  it('obligations that demand less than another', () => {
    const obligation = (id: string, words: string, head = 'principal, action in MCP::Action::"use", resource'): string =>
      `@id("${id}") ${words} permit (${head});\n`
    expect(found(BASE, obligation('a', '@rate("5/1m")') + obligation('b', '@rate("9/1m")', `principal, ${CALL}, resource`))).toEqual([
      'b covered a',
    ])
    expect(found(BASE, obligation('a', '@rate("9/1m")') + obligation('b', '@rate("5/1m")', `principal, ${CALL}, resource`))).toEqual([])
    expect(found(BASE, obligation('a', '@rate("5/1m")') + obligation('b', '@redact("secrets")', `principal, ${CALL}, resource`))).toEqual(
      [],
    )
  })
})
