// What is sent to Cedar, remembered and recorded is a part of the request. These laws say that it is the part that matters.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ACTIONS } from '../../src/policy/actions.ts'
import { contextFacts, definitionEntity, endpointEntity, principalEntity, serverEntity, type ServerFacts } from '../../src/policy/facts.ts'
import type { PolicyEngine } from '../../src/policy/language.ts'
import type { Entity, PolicyRequest } from '../../src/policy/request.ts'
import { keyOf } from '../../src/kernel/principal.ts'
import { PolicyRules } from '../../src/policy/evaluate.ts'
import { bundleOf, engine, requestOf, rulesOf } from '../support/policies.ts'
import { wholeCedar } from '../support/whole-cedar.ts'

const server = fc.record({
  alias: fc.constantFrom('files', 'ledger'),
  registryName: fc.constantFrom('io.github.acme/files', ''),
  publisher: fc.constantFrom('io.github.acme', 'io.github.evil'),
  signature: fc.constantFrom('verified', 'unsigned'),
  standing: fc.constantFrom('admitted', 'deprecated'),
  labels: fc.subarray(['production', 'public']),
}) as fc.Arbitrary<ServerFacts>
const hints = fc.record({ readOnlyHint: fc.boolean(), destructiveHint: fc.boolean(), openWorldHint: fc.boolean() })
const entityOf = (type: string): fc.Arbitrary<Entity> =>
  fc.tuple(server, fc.constantFrom('a', 'b', '?'), hints).map(([on, name, marks]) => {
    const made = {
      Tool: () => definitionEntity(on, { kind: 'tool', name, hints: marks }),
      Prompt: () => definitionEntity(on, { kind: 'prompt', name }),
      Resource: () => definitionEntity(on, { kind: 'resource', uri: `file:///${name}/..` }),
      Template: () => definitionEntity(on, { kind: 'template', uriTemplate: name }),
      Server: () => serverEntity(on),
      Endpoint: () => endpointEntity('/mcp'),
    }[type]!()
    return made!
  })
const principal = fc
  .record({
    subject: fc.constantFrom('alice', 'bob', '?'),
    groups: fc.subarray(['engineering', 'sales', 'production-operators']),
    kind: fc.constantFrom('person', 'workload'),
    client: fc.constantFrom('cli', ''),
  })
  .map(who =>
    principalEntity({
      ...who,
      key: keyOf('https://login.example.com', who.subject),
      issuer: 'https://login.example.com',
      scopes: [],
      wildcards: [],
      expiresAtSeconds: 0,
    })!,
  )
const context = fc.record({
  scopes: fc.subarray(['files:read', 'files:write']),
  hour: fc.integer({ min: 0, max: 23 }),
  readUntrusted: fc.boolean(),
  era: fc.constantFrom('legacy', 'modern'),
  approvals: fc.constantFrom(undefined, 1, 2),
})
const args = fc.oneof(
  fc.constant(undefined),
  fc.record(
    { path: fc.constantFrom('/srv/a', '/etc/passwd', 1.5, null, ['x'], { a: 'x' }), tags: fc.array(fc.constantFrom('x', 'y')) },
    { requiredKeys: [] },
  ),
)
const request: fc.Arbitrary<PolicyRequest> = fc
  .constantFrom(...Object.entries(ACTIONS).filter(([name]) => !name.startsWith('admin/')))
  .chain(([action, { resources }]) =>
    fc.record({
      principal,
      action: fc.constant(action),
      resource: fc.constantFrom(...resources).chain(entityOf),
      context: context.map(({ approvals, ...known }) => ({
        ...contextFacts(0, { endpoint: '/mcp', era: 'modern' }),
        ...known,
        ...(approvals !== undefined && { approval: { count: approvals } }),
      })),
      arguments: args,
    }),
  )

const PRINCIPALS = [
  'principal',
  'principal in MCP::Group::"engineering"',
  'principal == MCP::User::"https://login.example.com alice"',
  'principal is MCP::Workload',
  'principal is MCP::User in MCP::Group::"sales"',
  'principal == MCP::User::"?"',
]
const SCOPED = [
  'action',
  'action == MCP::Action::"tools/call"',
  'action in MCP::Action::"read"',
  'action in [MCP::Action::"use", MCP::Action::"session"]',
]
const RESOURCES = [
  'resource',
  'resource in MCP::Server::"files"',
  'resource in MCP::Label::"production"',
  'resource in MCP::Publisher::"io.github.acme"',
  'resource == MCP::Server::"files"',
]
const TOOLS = [
  'resource is MCP::Tool',
  'resource == MCP::Tool::"files/a"',
  'resource == MCP::Tool::"?"',
  'resource is MCP::Tool in MCP::Registered::"io.github.acme/files"',
]
const ANY = [
  'true',
  'context.readUntrusted',
  'context.hour > 11',
  'context has approval',
  'context has approval && context.approval.count > 1',
  'context.scopes.contains("files:read")',
  'principal.client == "cli"',
  'principal.subject == "bob"',
  'principal in [MCP::Group::"sales", MCP::Group::"production-operators"]',
  'context.era == MCP::Era::"legacy"',
  'context.arguments.hasTag("/path")',
  'context.arguments.hasTag("/path") && context.arguments.getTag("/path").contains("/etc/passwd")',
  'context.arguments.hasTag("/tags/*") && ["x"].containsAll(context.arguments.getTag("/tags/*"))',
  'action in MCP::Action::"read"',
  'resource is MCP::Tool',
  'resource has hints && resource.hints.readOnly',
  'resource in MCP::Server::"ledger"',
  'principal == MCP::User::"https://login.example.com bob"',
  'if context.hour > 11 then principal has client else context.readUntrusted',
  'context has approval.count',
]
const ON_TOOLS = [
  'resource.hints.destructive',
  'resource.server.signature == MCP::Signature::"verified"',
  'resource.name like "a*"',
  'resource.server.standing != MCP::Standing::"admitted"',
  'resource.server == resource.server',
]

const rule = fc
  .record({
    effect: fc.constantFrom('permit', 'permit', 'forbid'),
    principal: fc.constantFrom(...PRINCIPALS),
    onTools: fc.boolean(),
    action: fc.constantFrom(...SCOPED),
    resource: fc.constantFrom(...RESOURCES),
    tool: fc.constantFrom(...TOOLS),
    any: fc.array(fc.tuple(fc.constantFrom('when', 'unless'), fc.constantFrom(...ANY)), { maxLength: 2 }),
    own: fc.array(fc.tuple(fc.constantFrom('when', 'unless'), fc.constantFrom(...ON_TOOLS)), { maxLength: 1 }),
  })
  .map(r => {
    const head = r.onTools ? `${r.principal}, action == MCP::Action::"tools/call", ${r.tool}` : `${r.principal}, ${r.action}, ${r.resource}`
    const conditions = [...r.any, ...(r.onTools ? r.own : [])].map(([kind, text]) => ` ${kind} { ${text} }`).join('')
    return `${r.effect} (${head})${conditions}`
  })

/** Some generated rules are impossible, which the loader refuses; those are left out. */
const bundleFrom = (texts: readonly string[]): ReturnType<typeof bundleOf> => {
  const kept: string[] = []
  texts.forEach((text, i) => {
    try {
      bundleOf(`@id("p") permit (principal, action, resource);@id("r") ${text};`)
      kept.push(`@id("r${i}") ${text};`)
    } catch {
      // impossible
    }
  })
  return bundleOf(`@id("base") permit (principal in MCP::Group::"engineering", action, resource);${kept.join('\n')}`)
}

describe('the part of a request that rules read', () => {
  it('law: decides as the whole request does, rule by rule', () => {
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 1, maxLength: 6 }),
        fc.array(request, { minLength: 10, maxLength: 10 }),
        (texts, requests) => {
          const bundle = bundleFrom(texts)
          const rules = new PolicyRules(bundle, engine)
          for (const asked of requests) {
            const whole = wholeCedar(bundle.policies, asked)
            const { outcome, rules: reasons } = rules.decide(asked)
            expect({ allowed: outcome === 'allow', reasons }).toEqual({
              allowed: whole.allowed && whole.errors.length === 0,
              reasons: whole.reasons,
            })
          }
        },
      ),
      { numRuns: 25 },
    )
  })

  const counting = (): PolicyEngine & { asked: number } => ({
    asked: 0,
    evaluate(slice, asked) {
      this.asked += 1
      return engine.evaluate(slice, asked)
    },
    prepare: slice => engine.prepare(slice),
  })

  it('is what a decision is remembered by: whoever differs in nothing a rule reads shares it', () => {
    const on = counting()
    const rules = rulesOf(
      '@id("a") permit (principal in MCP::Group::"engineering", action, resource is MCP::Tool) when { resource.hints.readOnly };',
      '',
      on,
    )
    const asks = (change: object): string => rules.decide(requestOf(change)).code
    expect(asks({ hints: { readOnlyHint: true } })).toBe('permitted')
    expect(asks({ principal: 'bob', tool: 'ledger/other', hints: { readOnlyHint: true }, arguments: { a: 1 }, context: { hour: 3 } })).toBe(
      'permitted',
    )
    expect(on.asked).toBe(1)
    expect(asks({ principal: 'nobody', hints: { readOnlyHint: true } })).toBe('not-permitted')
    expect(asks({})).toBe('not-permitted')
    expect(asks({ principal: 'robot', hints: { readOnlyHint: true } })).toBe('permitted')
    expect(on.asked).toBe(4)
  })
  it('attack: parts of a key cannot run into each other: arguments chosen to look like others have an answer of their own', () => {
    const on = counting()
    const text = `@id("a") permit (principal, action, resource);
      @id("b") forbid (principal, action, resource) when { context.arguments.hasTag("/a") && context.arguments.getTag("/a").contains("x") };
      @id("c") forbid (principal, action, resource) when { context.arguments.hasTag("/b") && context.arguments.getTag("/b").contains("y") };`
    const rules = rulesOf(text, '', on)
    const asks = (given: unknown): readonly string[] => rules.decide(requestOf({ arguments: given })).rules
    expect(asks({ a: 'q', b: 'y' })).toEqual(['c'])
    expect(asks({ a: 'q"],"y', b: '' })).toEqual(['a'])
    expect(asks({ a: '"]j5:["y"]' })).toEqual(['a'])
    expect(asks({ a: ['q', 'y'] })).toEqual(['a'])
    expect(asks({})).toEqual(['a'])
    expect(asks({ a: '-' })).toEqual(['a'])
    expect(on.asked).toBe(6)
  })
  it('is the whole of it where a rule reads it as one, and then nothing is remembered', () => {
    const on = counting()
    const rules = rulesOf('@id("a") permit (principal, action, resource) when { context == context };', '', on)
    rules.decide(requestOf())
    rules.decide(requestOf())
    expect(on.asked).toBe(2)
  })
  it('attack: memory is bounded however many different arguments somebody sends', () => {
    const on = counting()
    const text =
      '@id("a") permit (principal, action, resource) when { context.arguments.hasTag("/a") && context.arguments.getTag("/a").contains("x") };'
    const rules = rulesOf(text, '', on, { remembered: 100 })
    for (let i = 0; i < 500; i += 1) rules.decide(requestOf({ arguments: { a: `${'y'.repeat(2000)}${i}` } }))
    expect(on.asked).toBe(500)
    rules.decide(requestOf({ arguments: { a: `${'y'.repeat(2000)}499` } }))
    expect(on.asked).toBe(500)
    rules.decide(requestOf({ arguments: { a: `${'y'.repeat(2000)}0` } }))
    expect(on.asked).toBe(501)
  })
})

describe('what is written down of a decision', () => {
  it('is exactly what the rules read', () => {
    const rules = rulesOf(`
      @id("a") permit (principal in MCP::Group::"engineering", action, resource is MCP::Tool) when { resource.hints.readOnly };
      @id("b") forbid (principal in MCP::Group::"sales", action, resource is MCP::Tool) when {
        context.arguments.hasTag("/path") && context.arguments.getTag("/path").contains("/etc/passwd") && !(context has approval) };`)
    const asked = requestOf({ hints: { readOnlyHint: true }, arguments: { path: '/srv', secret: 'hunter2' } })
    expect(rules.record(asked, rules.decide(asked))).toEqual({
      digest: rules.bundle.digest,
      outcome: 'allow',
      code: 'permitted',
      rules: ['a'],
      facts: {
        action: 'tools/call',
        principal: {
          type: 'User',
          id: 'https://login.example.com alice',
          in: ['Group engineering'],
          notIn: ['Group sales'],
          attributes: {},
        },
        resource: { type: 'Tool', id: 'files/read', in: [], notIn: [], attributes: { 'hints.readOnly': true } },
        context: { approval: null },
        arguments: { '/path': ['/srv'] },
      },
    })
  })
  it('says what was asked for and absent, and what is whole', () => {
    const rules = rulesOf(
      '@id("a") permit (principal, action, resource) when { context.arguments == context.arguments && principal == resource || context == context };',
    )
    const asked = requestOf({ arguments: { path: '/srv' } })
    expect(rules.record(asked, rules.decide(asked)).facts).toMatchObject({
      principal: {
        isWhole: true,
        in: ['Group engineering'],
        attributes: { subject: 'alice', issuer: 'https://login.example.com', client: '' },
      },
      isWholeContext: true,
      isWholeArguments: true,
      arguments: { '': ['{}'], '/path': ['/srv'] },
    })
  })
  it('holds no facts where the request could not be put to the rules', () => {
    const rules = rulesOf('@id("a") permit (principal, action, resource) when { context.arguments.hasTag("/a") };')
    const asked = requestOf({ arguments: { a: '\ud800' } })
    expect(rules.record(asked, rules.decide(asked))).toEqual({
      digest: rules.bundle.digest,
      outcome: 'deny',
      code: 'bad-request',
      rules: [],
    })
    const unknown = { ...asked, action: 'tools/eat' }
    expect(rules.record(unknown, rules.decide(unknown))).toMatchObject({ code: 'unknown-action', rules: [] })
  })
})
