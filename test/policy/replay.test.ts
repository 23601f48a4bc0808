import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PolicyRules } from '../../src/policy/evaluate.ts'
import { readRecord, type DecisionRecord } from '../../src/policy/record.ts'
import { Replay } from '../../src/policy/replay.ts'
import { anyRequest, anyRule, bundleFrom } from '../support/policy-arbitraries.ts'
import { bundleOf, engine, requestOf, rulesOf } from '../support/policies.ts'

/** What `before` decides of a request, as a line of a file brings it back. */
function recorded(before: string, change: object = {}): DecisionRecord {
  const rules = rulesOf(before)
  const request = requestOf(change)
  return readRecord(JSON.parse(JSON.stringify(rules.record(request, rules.decide(request)))))!
}
const replay = (record: DecisionRecord, after: string): object => new Replay(bundleOf(after), engine).of(record)

const ALL = '@id("all") permit (principal, action, resource);'
const READERS = '@id("readers") permit (principal, action, resource is MCP::Tool) when { resource.hints.readOnly };'
const ENGINEERS = '@id("engineers") permit (principal in MCP::Group::"engineering", action, resource);'

describe('a recorded decision under other rules', () => {
  it('is the same, or has changed', () => {
    const record = recorded(READERS, { hints: { readOnlyHint: true } })
    expect(replay(record, READERS)).toEqual({ verdict: 'same', before: 'allow', after: 'allow', rules: ['readers'] })
    const stricter = `${READERS}@id("no") forbid (principal, action, resource is MCP::Tool) when { resource.hints.readOnly };`
    expect(replay(record, stricter)).toEqual({ verdict: 'changed', before: 'allow', after: 'deny', rules: ['no'] })
    expect(replay(recorded(READERS), ALL)).toMatchObject({ verdict: 'changed', before: 'deny', after: 'allow' })
  })
  it.each<[string, string, string]>([
    [
      'an attribute',
      `${READERS}@id("n") forbid (principal, action, resource is MCP::Tool) when { resource.hints.openWorld };`,
      'resource hints.openWorld',
    ],
    ['a group', `${READERS}@id("n") forbid (principal in MCP::Group::"sales", action, resource);`, 'principal in Group sales'],
    ['a label', `${READERS}@id("n") forbid (principal, action, resource in MCP::Label::"production");`, 'resource in Label production'],
    [
      'a fact of the moment',
      `${READERS}@id("n") forbid (principal, action, resource) when { context.readUntrusted };`,
      'context.readUntrusted',
    ],
    ['an argument', `${READERS}@id("n") forbid (principal, action, resource) when { context.arguments.hasTag("/a") };`, 'the argument /a'],
    [
      'all arguments',
      `${READERS}@id("n") forbid (principal, action, resource) when { context.arguments.hasTag(context.endpoint) };`,
      'all arguments',
    ],
    ['the whole context', `${READERS}@id("n") forbid (principal, action, resource) when { context == context };`, 'the whole context'],
    [
      'the principal as a whole',
      `${READERS}@id("n") forbid (principal, action, resource) when { principal == resource || context.readUntrusted };`,
      'principal as a whole',
    ],
    [
      'the whole of a fact',
      `${READERS}@id("n") forbid (principal, action, resource is MCP::Tool) when { resource.hints == resource.hints };`,
      'resource hints',
    ],
  ])('is undecidable where they ask for what nobody recorded: %s', (_, after, missing) => {
    const found = replay(recorded(READERS, { hints: { readOnlyHint: true } }), after) as { verdict: string; missing: string[] }
    expect(found).toMatchObject({ verdict: 'undecidable', before: 'allow' })
    expect(found.missing).toContain(missing)
  })
  it('is undecidable without facts', () => {
    expect(replay({ digest: '', outcome: 'deny', code: 'bad-request', rules: [] }, ALL)).toEqual({
      verdict: 'undecidable',
      before: 'deny',
      missing: ['no facts were recorded'],
    })
  })
  it.each<[string, string, object, object]>([
    [
      'who somebody is',
      '@id("a") permit (principal == MCP::User::"https://login.example.com alice", action, resource);',
      {},
      { after: 'allow' },
    ],
    ['who somebody is not', `${ALL}@id("a") forbid (principal == MCP::User::"x bob", action, resource);`, {}, { after: 'allow' }],
    ['a kind of principal', `${ALL}@id("a") forbid (principal is MCP::Workload, action, resource);`, {}, { after: 'allow' }],
    [
      'a kind of principal in some group',
      `${ALL}@id("a") forbid (principal is MCP::Workload in MCP::Group::"x", action, resource);`,
      {},
      { after: 'allow' },
    ],
    ['the server of a tool', '@id("a") permit (principal, action, resource in MCP::Server::"files");', {}, { after: 'allow' }],
    ['another server', `${ALL}@id("a") forbid (principal, action, resource in MCP::Server::"ledger");`, {}, { after: 'allow' }],
    [
      'what a name is made of',
      '@id("a") permit (principal, action, resource is MCP::Tool) when { resource.name == "read" && resource.server.alias == "files" && principal.subject == "alice" };',
      {},
      { after: 'allow' },
    ],
    [
      'a URI that climbs',
      '@id("a") permit (principal, action, resource is MCP::Resource) when { resource.climbs };',
      { action: 'resources/read', resource: 'files/file:///../x' },
      { after: 'allow' },
    ],
    [
      'what no such thing has',
      `${ALL}@id("a") forbid (principal, action, resource) when { resource has hints };`,
      { action: 'prompts/get', prompt: 'files/p' },
      { after: 'allow' },
    ],
    [
      'rules of another action',
      `${ALL}@id("a") forbid (principal, action == MCP::Action::"ping", resource) when { context.readUntrusted };`,
      {},
      { after: 'allow' },
    ],
    [
      'an endpoint',
      '@id("a") permit (principal, action, resource == MCP::Endpoint::"/mcp");',
      { action: 'ping', endpoint: '/mcp' },
      { after: 'allow' },
    ],
    [
      'a server and a template',
      `${ALL}@id("a") forbid (principal, action, resource == MCP::Template::"files/b");`,
      { action: 'resources/templates/list', template: 'files/a' },
      { after: 'allow' },
    ],
  ])('knows without a record: %s', (_, after, change, result) => {
    expect(replay(recorded(ALL, change), after)).toMatchObject(result)
  })
  it('is decided all the same where what is missing cannot matter', () => {
    const denied = recorded(`${ALL}@id("no") forbid (principal, action, resource is MCP::Tool) when { resource.hints.destructive };`)
    const MORE = '@id("more") forbid (principal, action, resource) when { context.readUntrusted };'
    const BUT = '@id("but") permit (principal, action, resource) when { context.readPrivate };'
    const NO = '@id("no") forbid (principal, action, resource is MCP::Tool) when { resource.hints.destructive };'
    expect(replay(denied, ALL + NO + MORE + BUT)).toMatchObject({ verdict: 'same', after: 'deny' })
    expect(replay(recorded(ALL), ALL + BUT)).toMatchObject({ verdict: 'same', after: 'allow' })
    expect(replay(recorded(ALL), ENGINEERS + MORE)).toMatchObject({ verdict: 'undecidable' })
    expect(replay(recorded(ENGINEERS, { principal: 'nobody' }), ENGINEERS + MORE)).toMatchObject({ verdict: 'same', after: 'deny' })
    expect(replay(recorded(ENGINEERS, { principal: 'nobody' }), ENGINEERS + BUT)).toMatchObject({ verdict: 'undecidable' })
  })
  it('is not decided by a permit that might fail to be evaluated, nor by a forbid that an approval might lift', () => {
    const risky = '@id("risky") permit (principal, action, resource) when { context.hour * 9223372036854775807 > 5 };'
    expect(replay(recorded(ALL), ALL + risky)).toMatchObject({ verdict: 'undecidable' })
    const lifts = '@id("no") @obligation("approval") @approvers("a") forbid (principal, action, resource) unless { context has approval };'
    const waits = recorded(ALL + lifts)
    expect(waits).toMatchObject({ outcome: 'approval' })
    expect(replay(waits, ALL + lifts)).toMatchObject({ verdict: 'same', after: 'approval' })
    expect(replay(waits, `${ALL}${lifts}@id("more") forbid (principal, action, resource) when { context.readUntrusted };`)).toMatchObject({
      verdict: 'undecidable',
    })
    expect(replay(waits, `${ALL}${lifts}@id("more") forbid (principal, action, resource);`)).toMatchObject({
      verdict: 'changed',
      after: 'deny',
    })
  })
  it('keeps what approval and arguments it had, and their absence', () => {
    const text = `${ALL}@id("a") forbid (principal, action, resource) when {
      context.arguments.hasTag("/a") && context.arguments.getTag("/a").contains("x") } unless { context has approval && context.approval.count > 1 };`
    for (const change of [
      { arguments: { a: 'x' } },
      { arguments: {} },
      { arguments: { a: 'x' }, context: { approval: 2 } },
      { context: { approval: 1 } },
    ]) {
      const record = recorded(text, change)
      expect(replay(record, text)).toMatchObject({ verdict: 'same', after: record.outcome })
    }
  })

  it('law: what is decided is what the rules would have decided then, and by the same rules nothing is undecidable', () => {
    let decided = 0
    fc.assert(
      fc.property(
        fc.array(anyRule, { maxLength: 5 }),
        fc.array(anyRule, { maxLength: 3 }),
        fc.array(anyRequest, { minLength: 8, maxLength: 8 }),
        (texts, others, requests) => {
          const rules = new PolicyRules(bundleFrom(texts), engine)
          const candidate = new PolicyRules(bundleFrom([...texts.slice(1), ...others]), engine)
          const [own, other] = [new Replay(rules.bundle, engine), new Replay(candidate.bundle, engine)]
          for (const request of requests) {
            const decision = rules.decide(request)
            const record = readRecord(JSON.parse(JSON.stringify(rules.record(request, decision))))!
            expect(own.of(record)).toEqual({ verdict: 'same', before: decision.outcome, after: decision.outcome, rules: decision.rules })
            const replayed = other.of(record)
            if (replayed.verdict === 'undecidable') continue
            decided += 1
            expect(replayed.after).toBe(candidate.decide(request).outcome)
          }
        },
      ),
      { numRuns: 12 },
    )
    expect(decided).toBeGreaterThan(5)
  })
})

describe('a line of recorded decisions', () => {
  const record = recorded(ALL)
  it('is read as it was written', () => {
    expect(readRecord(JSON.parse(JSON.stringify({ ...record, later: 'members' })))).toMatchObject(record)
  })
  it.each([
    null,
    [],
    'x',
    { ...record, outcome: 'maybe' },
    { ...record, rules: 'all' },
    { ...record, digest: 1 },
    { ...record, facts: 1 },
    { ...record, facts: { ...record.facts, action: 1 } },
    { ...record, facts: { ...record.facts, principal: { ...record.facts!.principal, in: 'x' } } },
    { ...record, facts: { ...record.facts, principal: { ...record.facts!.principal, isWhole: 'yes' } } },
    { ...record, facts: { ...record.facts, resource: { ...record.facts!.resource, attributes: { a: { b: 1 } } } } },
    { ...record, facts: { ...record.facts, context: { a: { b: 1 } } } },
    { ...record, facts: { ...record.facts, arguments: { '/a': 'x' } } },
    { ...record, facts: { ...record.facts, isWholeContext: 1 } },
  ])('attack: is nothing when it is not one: %j', value => {
    expect(readRecord(value)).toBe(undefined)
  })
})
