// What is sent to Cedar, remembered and recorded is a part of the request. These laws say that it is the part that matters.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson } from '../../src/kernel/canonical-json.ts'
import type { PolicyEngine } from '../../src/policy/language.ts'
import { PolicyRules } from '../../src/policy/evaluate.ts'
import { anyRequest, anyRule, bundleFrom } from '../support/policy-arbitraries.ts'
import { engine, requestOf, rulesOf } from '../support/policies.ts'
import { wholeCedar } from '../support/whole-cedar.ts'

describe('the part of a request that rules read', () => {
  it('law: decides as the whole request does, rule by rule', () => {
    fc.assert(
      fc.property(
        fc.array(anyRule, { minLength: 1, maxLength: 6 }),
        fc.array(anyRequest, { minLength: 10, maxLength: 10 }),
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

  it('law: nor does it matter how many rules of others stand beside them', () => {
    const others = Array.from({ length: 60 }, (_, i) => {
      const heads = [`principal in MCP::Group::"other-${i}", action, resource`, `principal, action, resource in MCP::Label::"other-${i}"`]
      return `${i % 3 === 0 ? 'forbid' : 'permit'} (${heads[i % 2]!})`
    })
    fc.assert(
      fc.property(
        fc.array(anyRule, { minLength: 1, maxLength: 5 }),
        fc.array(anyRequest, { minLength: 8, maxLength: 8 }),
        (texts, requests) => {
          const [alone, beside] = [bundleFrom(texts), bundleFrom([...texts, ...others])].map(bundle => new PolicyRules(bundle, engine))
          for (const asked of requests) expect(beside!.decide(asked)).toEqual(alone!.decide(asked))
        },
      ),
      { numRuns: 8 },
    )
  })

  it('law: its text in the record is the record, whatever was written before', () => {
    fc.assert(
      fc.property(
        fc.array(anyRule, { minLength: 1, maxLength: 6 }),
        fc.array(anyRequest, { minLength: 10, maxLength: 10 }),
        (texts, requests) => {
          const rules = new PolicyRules(bundleFrom(texts), engine)
          for (const asked of [...requests, ...requests]) {
            const decision = rules.decide(asked)
            expect(JSON.parse(rules.recordText(asked, decision))).toEqual(JSON.parse(JSON.stringify(rules.record(asked, decision))))
            expect(canonicalJson(JSON.parse(rules.recordText(asked, decision)))).toBe(rules.recordText(asked, decision))
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
