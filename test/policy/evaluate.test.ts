import { describe, expect, it } from 'vitest'
import type { EngineAnswer, PolicyEngine } from '../../src/policy/language.ts'
import { PolicyRules } from '../../src/policy/evaluate.ts'
import { bundleOf, engine, requestOf, rulesOf } from '../support/policies.ts'

const ALL = '@id("all") permit (principal, action, resource);'
/** An engine that answers what it is told. */
const saying = (...answers: (EngineAnswer | Error)[]): PolicyEngine => ({
  evaluate: () => {
    const next = answers.length > 1 ? answers.shift()! : answers[0]!
    if (next instanceof Error) throw next
    return next
  },
  prepare: () => {},
})
const answer = (isAllowed: boolean, reasons: string[], errors: string[] = []): EngineAnswer => ({
  kind: 'answer',
  isAllowed,
  reasons,
  errors: errors.map(id => ({ id, message: 'type error: secret' })),
})

describe('whatever goes wrong denies, with a code', () => {
  const rate = '@id("rate") @rate("5/1m") permit (principal, action in MCP::Action::"use", resource);'
  it.each<[string, (EngineAnswer | Error)[], object]>([
    [
      'a forbid that cannot be evaluated while another rule permits (Cedar passes over it)',
      [answer(true, ['all'], ['b'])],
      { code: 'policy-error', rules: ['b'], detail: 'the rule `b` cannot be evaluated' },
    ],
    ['a request Cedar refuses', [{ kind: 'refused', message: 'secret' }], { code: 'bad-request' }],
    ['an engine that crashed', [{ kind: 'crashed', message: 'secret' }], { code: 'engine-crash' }],
    ['an engine that throws', [new Error('secret')], { code: 'engine-crash' }],
    [
      'obligations that cannot be evaluated',
      [answer(true, ['all']), answer(true, [], ['rate'])],
      { code: 'policy-error', rules: ['rate'] },
    ],
    ['an engine that crashes over obligations', [answer(true, ['all']), { kind: 'crashed', message: '' }], { code: 'engine-crash' }],
    ['no rule at all', [answer(false, [])], { code: 'not-permitted', rules: [] }],
  ])('%s', (_, answers, decision) => {
    const got = new PolicyRules(bundleOf(ALL, rate), saying(...answers)).decide(requestOf())
    expect(got).toMatchObject({ outcome: 'deny', ...decision })
    expect(JSON.stringify(got)).not.toContain('secret')
  })
  it('an engine that fails while it is asked what an approval would change', () => {
    const text = `${ALL}@id("f") @obligation("approval") @approvers("a") forbid (principal, action, resource) unless { context has approval };`
    const failing = saying(answer(false, ['f']), { kind: 'crashed', message: '' })
    expect(new PolicyRules(bundleOf(text), failing).decide(requestOf())).toMatchObject({ outcome: 'deny', code: 'engine-crash' })
  })
  it('an action that does not exist', () => {
    const rules = rulesOf(ALL)
    for (const action of ['tools/eat', '__proto__', 'constructor', ''])
      expect(rules.decide({ ...requestOf(), action })).toMatchObject({ outcome: 'deny', code: 'unknown-action' })
  })
  it('an argument that a rule reads and nobody can judge; what no rule reads does not matter', () => {
    const text = `${ALL}@id("b") forbid (principal, action, resource) when { context.arguments.hasTag("/a") && context.arguments.getTag("/a").contains("x") };`
    const asks = (given: unknown): object => rulesOf(text).decide(requestOf({ arguments: given }))
    expect(asks({ a: '\ud800' })).toMatchObject({ outcome: 'deny', code: 'bad-request', detail: 'the argument `/a` cannot be judged' })
    expect(asks({ b: '\ud800' })).toMatchObject({ outcome: 'allow' })
  })
  it('arguments that throw when they are read', () => {
    const text = '@id("a") permit (principal, action, resource) when { context.arguments.hasTag("/a") };'
    const trap = new Proxy(
      {},
      {
        getOwnPropertyDescriptor: () => {
          throw new Error('secret')
        },
      },
    )
    expect(rulesOf(text).decide({ ...requestOf(), arguments: trap })).toMatchObject({ outcome: 'deny', code: 'engine-crash' })
  })
  it('a failure is not remembered: the next request is judged', () => {
    const rules = new PolicyRules(bundleOf(ALL), saying({ kind: 'crashed', message: '' }, answer(true, ['all'])))
    expect(rules.decide(requestOf())).toMatchObject({ code: 'engine-crash' })
    expect(rules.decide(requestOf())).toMatchObject({ code: 'permitted' })
  })
  it('an integer that overflows in a rule', () => {
    const text = `${ALL}@id("o") forbid (principal, action, resource) when { context.hour * 9223372036854775807 > 5 };`
    expect(rulesOf(text).decide(requestOf({ context: { hour: 12 } }))).toMatchObject({
      outcome: 'deny',
      code: 'policy-error',
      rules: ['o'],
    })
  })
})

describe('a forbid overrides every permit', () => {
  it('and says what would mend it', () => {
    const text = `${ALL}@id("f") @advice("ask your manager") forbid (principal, action, resource) when { context.readUntrusted };`
    expect(rulesOf(text).decide(requestOf({ context: { readUntrusted: true } }))).toMatchObject({
      outcome: 'deny',
      code: 'forbidden',
      rules: ['f'],
      advice: ['ask your manager'],
    })
  })
})

describe('approval', () => {
  it('is not advised where it would not help', () => {
    const destroys =
      '@id("d") @advice("ask an approver") @obligation("approval") @approvers("a") forbid (principal, action, resource) unless { context has approval };'
    const other = '@id("o") @advice("ask your manager") forbid (principal, action, resource);'
    const lists = '@id("l") permit (principal, action in MCP::Action::"list", resource);'
    expect(rulesOf(`${lists}${destroys}`).decide(requestOf())).toMatchObject({ code: 'forbidden', advice: [] })
    expect(rulesOf(`${ALL}${destroys}`).decide(requestOf())).toMatchObject({ code: 'approval-required', advice: ['ask an approver'] })
    expect(rulesOf(`${ALL}${destroys}${other}`).decide(requestOf())).toMatchObject({ code: 'forbidden', advice: ['ask your manager'] })
  })
  const text = `${ALL}
    @id("destroys") @obligation("approval") @approvers("seniors") @approval_ttl("5m") forbid (principal, action == MCP::Action::"tools/call", resource)
      when { resource.hints.destructive } unless { context has approval };
    @id("opens") @obligation("approval") @approvers("security") forbid (principal, action == MCP::Action::"tools/call", resource)
      when { resource.hints.openWorld } unless { context has approval && context.approval.count > 1 };
    @id("unsigned") forbid (principal, action, resource is MCP::Tool) unless { resource.server.signature == MCP::Signature::"verified" };`
  const rules = rulesOf(text, '@id("rate") @rate("5/1m") permit (principal, action in MCP::Action::"use", resource);')
  const asks = (change: object): object => rules.decide(requestOf(change))
  it('is what a request waits for that nothing else forbids', () => {
    expect(asks({ hints: { openWorldHint: false } })).toMatchObject({
      outcome: 'approval',
      code: 'approval-required',
      rules: ['destroys'],
      approvals: [{ approvers: ['seniors'], ttlSeconds: 300 }],
      obligations: { rates: [] },
    })
  })
  it('is asked of each who has to give it', () => {
    expect(asks({})).toMatchObject({
      outcome: 'approval',
      rules: ['destroys', 'opens'],
      approvals: [{ approvers: ['seniors'] }, { approvers: ['security'] }],
    })
  })
  it('lifts what it is for, and brings what the permit demands', () => {
    expect(asks({ hints: { openWorldHint: false }, context: { approval: 1 } })).toMatchObject({
      outcome: 'allow',
      rules: ['all'],
      demandedBy: ['rate'],
    })
    expect(asks({ context: { approval: 1 } })).toMatchObject({ outcome: 'approval', rules: ['opens'] })
    expect(asks({ context: { approval: 2 } })).toMatchObject({ outcome: 'allow' })
  })
  it('attack: it is never offered for what is forbidden anyhow', () => {
    expect(asks({ tool: 'stray/read' })).toMatchObject({
      outcome: 'deny',
      code: 'forbidden',
      rules: ['destroys', 'opens', 'unsigned'],
      approvals: [],
    })
  })
  it('attack: nor where no permit applies once it is given', () => {
    const only = rulesOf(text.replace(ALL, '@id("sales") permit (principal in MCP::Group::"sales", action, resource);'))
    expect(only.decide(requestOf({}))).toMatchObject({ outcome: 'deny', code: 'forbidden', rules: ['destroys', 'opens'] })
    expect(only.decide(requestOf({ principal: 'bob' }))).toMatchObject({ outcome: 'approval' })
  })
})

describe('obligations', () => {
  it('of all rules that apply count together, the strictest of what limits the same', () => {
    const rules = rulesOf(
      ALL,
      `@id("a") @rate("120/1m") permit (principal, action in MCP::Action::"use", resource);
       @id("b") @rate("5/1m") @redact("secrets") permit (principal, action in MCP::Action::"use", resource) when { context.readUntrusted };
       @id("c") @rate("9/1h") @key("client") @concurrency("3") permit (principal, action in MCP::Action::"use", resource);
       @id("d") @concurrency("2") @key("client") @max_result("500kB") @redact("personal-data, secrets") @stop_on("override, critical") permit (principal, action in MCP::Action::"use", resource);
       @id("f") @record("result, arguments") permit (principal, action in MCP::Action::"use", resource) when { context.readUntrusted };
       @id("e") @max_result("1MB") permit (principal in MCP::Group::"sales", action in MCP::Action::"use", resource);`,
    )
    expect(rules.decide(requestOf({ principal: 'bob', context: { readUntrusted: true } }))).toMatchObject({
      outcome: 'allow',
      demandedBy: ['a', 'b', 'c', 'd', 'e', 'f'],
      obligations: {
        rates: [
          { count: 9, seconds: 3600, per: ['client'] },
          { count: 5, seconds: 60, per: ['principal', 'tool'] },
        ],
        concurrency: [{ count: 2, per: ['client'] }],
        maxResultBytes: 500_000,
        redact: ['personal-data', 'secrets'],
        stopOn: ['critical', 'override'],
        record: ['arguments', 'result'],
      },
    })
    expect(rules.decide(requestOf())).toMatchObject({ demandedBy: ['a', 'c', 'd'], obligations: { rates: [{ count: 9 }, { count: 120 }] } })
  })
  it('come with no refusal', () => {
    const rules = rulesOf(
      '@id("s") permit (principal in MCP::Group::"sales", action, resource);',
      '@id("a") @rate("1/1s") permit (principal, action in MCP::Action::"use", resource);',
    )
    expect(rules.decide(requestOf())).toMatchObject({ outcome: 'deny', demandedBy: [], obligations: { rates: [] } })
  })
})

describe('rules that do not concern a request', () => {
  /** Rules of other servers, groups and people. */
  const others = (count: number): string =>
    Array.from({ length: count }, (_, i) => {
      const heads = [
        `principal, action, resource in MCP::Server::"s${i}"`,
        `principal in MCP::Group::"g${i}", action, resource`,
        `principal == MCP::User::"u${i}", action, resource is MCP::Prompt`,
      ]
      return `@id("o${i}") ${i % 5 === 0 ? 'forbid' : 'permit'} (${heads[i % 3]!});`
    }).join('\n')
  const own = `@id("mine") permit (principal in MCP::Group::"engineering", action, resource is MCP::Tool);
    @id("here") permit (principal, action, resource in MCP::Server::"files");
    @id("not") forbid (principal, action, resource in MCP::Label::"production");
    @id("marked") forbid (principal, action in MCP::Action::"use", resource) when { context.readUntrusted };`
  const many = rulesOf(own + others(600))

  it('are not evaluated, and what concerns it is', () => {
    const ids = (change: object): string[] => many.concerned(requestOf(change)).map(({ id }) => id)
    expect(ids({}).sort()).toEqual(['here', 'marked', 'mine'])
    expect(many.decide(requestOf({ context: { readUntrusted: true } }))).toMatchObject({ outcome: 'deny', rules: ['marked'] })
    expect(many.decide(requestOf({}))).toMatchObject({ outcome: 'allow', rules: ['here', 'mine'] })
    expect(many.decide(requestOf({ tool: 'ledger/x' }))).toMatchObject({ outcome: 'deny', rules: ['not'] })
    expect(many.decide(requestOf({ principal: 'nobody', tool: 'stray/x' }))).toMatchObject({ code: 'not-permitted' })
    expect(ids({ prompt: 'files/p', action: 'prompts/get' })).not.toContain('mine')
  })
  it('few are left together: their slice is shared', () => {
    expect(
      rulesOf(own)
        .concerned(requestOf())
        .map(({ id }) => id),
    ).toEqual(['mine', 'here', 'not', 'marked'])
  })
  it('and the policies themselves are known by name', () => {
    expect(many.policy('not')).toMatchObject({ file: 'authz/test.cedar', line: 3 })
    expect(many.policy('never')).toBe(undefined)
  })
  it('law: the answer is that of all rules together', () => {
    const whole = new PolicyRules(many.bundle, { evaluate: (_, asked) => engine.evaluate(all, asked), prepare: () => {} })
    const all = { policies: new Map(many.bundle.policies.map(({ id, text }) => [id, text])) }
    for (const tool of ['files/a', 'ledger/b', 'stray/c'])
      for (const principal of ['alice', 'bob', 'nobody', 'robot'])
        expect(many.decide(requestOf({ tool, principal }))).toEqual(whole.decide(requestOf({ tool, principal })))
  })
})
