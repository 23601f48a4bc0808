import { describe, expect, it } from 'vitest'
import type { Entry } from '../../src/catalog/entry.ts'
import type { LiveList } from '../../src/catalog/lists.ts'
import { keyOf, type Principal } from '../../src/kernel/principal.ts'
import type { UpstreamEntry } from '../../src/pipeline/entry.ts'
import { Judge } from '../../src/pipeline/judge.ts'
import { readToolHints } from '../../src/pipeline/tool-hints.ts'
import type { ServerFacts } from '../../src/policy/facts.ts'
import { rulesOf } from '../support/policies.ts'

const FACTS: ServerFacts = { alias: 'files', signature: 'verified', publisher: 'io.github.acme', standing: 'admitted', labels: [] }
const ENTRY = { alias: 'files' } as UpstreamEntry
const someone = (subject: string, change: Partial<Principal> = {}): Principal => ({
  key: keyOf('i', subject),
  issuer: 'i',
  subject,
  kind: 'person',
  groups: [],
  scopes: [],
  wildcards: [],
  expiresAtSeconds: 0,
  ...change,
})
const tool = (name: string, hints: object): Entry =>
  ({ name, raw: Buffer.from(JSON.stringify({ name, inputSchema: {}, annotations: hints })) }) as Entry
const listOf = (entries: readonly Entry[]): LiveList => ({ kind: 'tools', alias: 'files', entries }) as unknown as LiveList
const EVEN = `@id("server") permit (principal, action == MCP::Action::"servers/list", resource);
  @id("even") permit (principal in MCP::Group::"staff", action == MCP::Action::"tools/list", resource) when { resource.name like "*0" || resource.hints.readOnly };`

describe('a list of 2,000 tools', () => {
  const list = listOf(Array.from({ length: 2000 }, (_, i) => tool(`tool-${i}`, { readOnlyHint: i % 2 === 0 })))
  const rules = rulesOf(EVEN)
  const shown = (judge: Judge, principal: Principal): ReadonlySet<string> | Promise<ReadonlySet<string>> =>
    judge.shown(rules, { principal }, { entry: ENTRY, list, digest: () => 'd' })
  const judgeWith = (
    pause: () => Promise<void>,
    facts: () => ServerFacts = () => FACTS,
    monotonic: () => number = () => performance.now(),
  ): Judge => new Judge({ rules: () => rules, serverFacts: facts, groupPrefix: () => '', now: () => 0, monotonic, pause })

  it('is decided in turns of a few milliseconds, and other work comes in between', async () => {
    let clock = 0
    let turns = 0
    let longestMs = 0
    let since = 0
    const judge = judgeWith(
      () => {
        turns += 1
        longestMs = Math.max(longestMs, clock - since)
        since = clock
        return Promise.resolve()
      },
      undefined,
      // whoever looks at the clock finds it a millisecond later
      () => (clock += 1),
    )
    const names = await shown(judge, someone('alice', { groups: ['staff'] }))
    expect(names.size).toBe(1000)
    expect(turns).toBeGreaterThan(10)
    expect(longestMs).toBeLessThanOrEqual(5)
  })
  it('is remembered for whoever sees the same, at once', async () => {
    const judge = judgeWith(() => Promise.resolve())
    const first = await shown(judge, someone('alice', { groups: ['staff', 'x'] }))
    expect(shown(judge, someone('bob', { groups: ['y', 'staff'] }))).toBe(first)
    expect(await shown(judge, someone('eve'))).toEqual(new Set())
  })
  it('attack: two who come while it is decided wait for the same, and a third with another standpoint for their own', async () => {
    const judge = judgeWith(() => new Promise(resolve => setImmediate(resolve)))
    const [a, b, c] = [
      shown(judge, someone('a', { groups: ['staff'] })),
      shown(judge, someone('b', { groups: ['staff'] })),
      shown(judge, someone('c')),
    ]
    expect(a).toBe(b)
    expect((await a).size).toBe(1000)
    expect((await c).size).toBe(0)
  })
  it('attack: what was decided under other facts of the server counts no more', async () => {
    let facts = FACTS
    const guarded = rulesOf(`${EVEN}@id("no") forbid (principal, action, resource in MCP::Label::"secret");`)
    const judge = judgeWith(
      () => Promise.resolve(),
      () => facts,
    )
    const asked = { principal: someone('alice', { groups: ['staff'] }) }
    const names = async (): Promise<number> => (await judge.shown(guarded, asked, { entry: ENTRY, list, digest: () => 'd' })).size
    expect(await names()).toBe(1000)
    facts = { ...FACTS, labels: ['secret'] }
    expect(await names()).toBe(0)
  })
})

describe('what a principal may use of a server', () => {
  const rules = rulesOf(`${EVEN}
    @id("form") permit (principal, action == MCP::Action::"elicitation/create", resource) when { context.detail == "form" && context.hour < 12 };
    @id("hidden") forbid (principal == MCP::User::"i eve", action == MCP::Action::"servers/list", resource);`)
  let hour = 0
  let prefix = ''
  const judge = new Judge({
    rules: () => rules,
    serverFacts: () => FACTS,
    groupPrefix: () => prefix,
    now: () => hour * 3_600_000,
    monotonic: () => 0,
    pause: () => Promise.resolve(),
  })
  const alice = someone('alice', { groups: ['staff'] })
  it('is the same object while nothing of it changes, and another once it does', () => {
    const first = judge.entitlement(rules, { principal: alice }, ENTRY)
    expect(judge.entitlement(rules, { principal: alice }, ENTRY)).toBe(first)
    expect([...first.serverRequests]).toEqual(['elicitation.form'])
    hour = 13
    const later = judge.entitlement(rules, { principal: alice }, ENTRY)
    expect(later.serverRequests.size).toBe(0)
    expect(later.digest).not.toBe(first.digest)
  })
  it('is nothing where the server is not shown, and where a name is not well-formed', () => {
    for (const subject of ['eve', '\ud800'])
      expect(judge.entitlement(rules, { principal: someone(subject) }, ENTRY)).toMatchObject({ isEmpty: true, serverRequests: new Set() })
  })
  it('attack: a group of the same name at a second issuer is another group', () => {
    const staff = rulesOf('@id("staff") permit (principal in MCP::Group::"staff", action, resource);')
    expect(judge.entitlement(staff, { principal: alice }, ENTRY).isEmpty).toBe(false)
    prefix = 'i '
    expect(judge.entitlement(staff, { principal: alice }, ENTRY).isEmpty).toBe(true)
    const named = rulesOf('@id("staff") permit (principal in MCP::Group::"i staff", action, resource);')
    expect(judge.entitlement(named, { principal: alice }, ENTRY).isEmpty).toBe(false)
  })
})

describe('hints of a definition', () => {
  it.each([
    [
      '{"annotations":{"readOnlyHint":true,"destructiveHint":false,"idempotentHint":"yes"}}',
      { readOnlyHint: true, destructiveHint: false },
    ],
    ['{"annotations":[]}', {}],
    ['{"annotations":{"__proto__":{"readOnlyHint":true}}}', {}],
    ['{}', {}],
    ['not json', {}],
  ])('%s', (raw, hints) => {
    expect(readToolHints(Buffer.from(raw))).toEqual(hints)
  })
})

it('attack: a stream of task notifications in place of tasks/get, past what a rule takes out of results', () => {
  const allowed = '@id("all") permit (principal, action, resource);'
  const mayFollow = (demand: string): boolean | undefined => {
    const rules = rulesOf(allowed, demand && `@id("less") ${demand} permit (principal, action == MCP::Action::"tasks/get", resource);`)
    const deps = { serverFacts: () => FACTS, groupPrefix: () => '', now: () => 0, monotonic: () => 0, pause: () => Promise.resolve() }
    return new Judge({ rules: () => rules, ...deps }).entitlement(rules, { principal: someone('alice') }, ENTRY).mayFollowTasks
  }
  expect(mayFollow('')).toBe(true)
  expect(mayFollow('@rate("1/1h")')).toBe(true)
  for (const demand of ['@redact("secrets")', '@stop_on("critical")', '@max_result("1kB")']) expect(mayFollow(demand)).toBe(false)
})
