// Soak (d): random requests decided by Cedar and the table, and by a naive model of the same; and calls made to poison the engine in between. One difference is too many.

import { readdirSync, readFileSync } from 'node:fs'
import { CedarEngine } from '../../src/adapters/cedar/engine.ts'
import { CedarLanguage } from '../../src/adapters/cedar/language.ts'
import { shippedSchema } from '../../src/adapters/policy-folder.ts'
import { keyOf } from '../../src/kernel/principal.ts'
import { ACTIONS } from '../../src/policy/actions.ts'
import { decideFrom, type DemandKind } from '../../src/policy/decision.ts'
import { PolicyRules } from '../../src/policy/evaluate.ts'
import {
  contextFacts,
  definitionEntity,
  endpointEntity,
  principalEntity,
  serverEntity,
  type Definition,
  type ServerFacts,
} from '../../src/policy/facts.ts'
import type { PolicyEngine } from '../../src/policy/language.ts'
import { loadBundle, type Bundle } from '../../src/policy/load.ts'
import type { Entity, PolicyRequest } from '../../src/policy/request.ts'
import { modelVerdict, type Plain } from '../policy/reference-model.ts'
import { progress } from './progress.ts'
import type { Summary } from './summary.ts'

const FOLDER = new URL('../../policies/', import.meta.url)

/** The shipped rules. */
function shippedBundle(): Bundle {
  const files = (['authz', 'obligations'] as const).flatMap(set =>
    readdirSync(new URL(set, FOLDER)).map(name => ({
      set,
      name: `${set}/${name}`,
      text: readFileSync(new URL(`${set}/${name}`, FOLDER), 'utf8'),
    })),
  )
  const loaded = loadBundle(files, { language: new CedarLanguage(), schema: shippedSchema() })
  if ('faults' in loaded) throw new Error(JSON.stringify(loaded.faults))
  return loaded.bundle
}

/** Numbers that are the same for the same seed (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below)
  }
}

const ABOUT = {
  Tool: 'tool',
  Prompt: 'prompt',
  Resource: 'resource',
  Template: 'template',
  Server: 'server',
  Endpoint: 'endpoint',
} as const
const LIST = {
  tool: 'tools/list',
  prompt: 'prompts/list',
  resource: 'resources/list',
  template: 'resources/templates/list',
  server: 'servers/list',
  endpoint: undefined,
}

function plainFrom(below: (n: number) => number): Plain {
  const chance = (): boolean => below(2) === 1
  const one = <T>(of: readonly T[]): T => of[below(of.length)]!
  const kind = (action: string): keyof typeof ABOUT => one(ACTIONS[action]!.resources)
  const maybe = (): boolean | undefined => one([undefined, true, false])
  const action = one(below(3) === 0 ? ['tools/call'] : Object.keys(ACTIONS))
  const [readOnly, destructive, openWorld] = [maybe(), maybe(), maybe()]
  return {
    groups: ['engineering', 'sales', 'production-operators'].filter(chance),
    action,
    about: ABOUT[kind(action)],
    isSigned: below(8) > 0,
    isProduction: below(4) === 0,
    climbs: below(4) === 0,
    hints: {
      ...(readOnly !== undefined && { readOnly }),
      ...(destructive !== undefined && { destructive }),
      ...(openWorld !== undefined && { openWorld }),
    },
    readUntrusted: below(4) === 0,
    approvals: one([0, 0, 1, 2]),
    missingScopes: below(6) === 0 ? ['files:write'] : [],
    standing: below(8) === 0 ? 'drifted' : undefined,
    canRate: below(8) > 0,
    waits: below(8) === 0 ? [below(60) + 1, below(60) + 1] : [],
    fails: one(['no', 'no', 'no', 'no', 'no', 'no', 'call', 'list']),
  }
}

function resourceOf(x: Plain, name: string): Entity {
  const server: ServerFacts = {
    alias: `s${name.length % 3}`,
    registryName: 'io.github.acme/files',
    publisher: 'io.github.acme',
    signature: x.isSigned ? 'verified' : 'unsigned',
    standing: 'admitted',
    labels: x.isProduction ? ['production'] : ['public'],
  }
  const { readOnly, destructive, openWorld } = x.hints
  const definitions: Readonly<Record<string, () => Definition>> = {
    tool: () => ({
      kind: 'tool',
      name,
      hints: {
        ...(readOnly !== undefined && { readOnlyHint: readOnly }),
        ...(destructive !== undefined && { destructiveHint: destructive }),
        ...(openWorld !== undefined && { openWorldHint: openWorld }),
      },
    }),
    prompt: () => ({ kind: 'prompt', name }),
    resource: () => ({ kind: 'resource', uri: x.climbs ? `file:///${name}/../x` : `file:///${name}` }),
    template: () => ({ kind: 'template', uriTemplate: name }),
  }
  const definition = definitions[x.about]?.()
  return (definition ? definitionEntity(server, definition) : x.about === 'server' ? serverEntity(server) : endpointEntity('/mcp'))!
}

function requestOf(x: Plain, below: (n: number) => number): PolicyRequest {
  const subject = `user${below(40)}`
  const issuer = 'https://login.example.com'
  const person = {
    key: keyOf(issuer, subject),
    issuer,
    subject,
    groups: x.groups,
    scopes: [],
    wildcards: [],
    expiresAtSeconds: 0,
    kind: 'person' as const,
  }
  const context = contextFacts(below(1_000_000) * 1000, { endpoint: '/mcp', era: 'modern', readUntrusted: x.readUntrusted })
  return {
    principal: principalEntity(person)!,
    action: x.action,
    resource: resourceOf(x, `name${below(200)}`),
    context: { ...context, ...(x.approvals > 0 && { approval: { count: x.approvals } }) },
    arguments: { path: `/srv/${below(10)}` },
  }
}

/** Throws or fails when it is told to. */
class FailingEngine implements PolicyEngine {
  fails: string | undefined
  how = 0
  readonly #engine: PolicyEngine
  constructor(engine: PolicyEngine) {
    this.#engine = engine
  }
  evaluate(...[slice, request]: Parameters<PolicyEngine['evaluate']>): ReturnType<PolicyEngine['evaluate']> {
    if (request.action.id !== this.fails) return this.#engine.evaluate(slice, request)
    this.how += 1
    if (this.how % 4 === 0) throw new Error('the engine threw')
    if (this.how % 4 === 1) return { kind: 'crashed', message: '' }
    if (this.how % 4 === 2) return { kind: 'refused', message: '' }
    return { kind: 'answer', isAllowed: true, reasons: ['everyone.read'], errors: [{ id: 'guard.publisher', message: '' }] }
  }
  prepare(slice: Parameters<PolicyEngine['prepare']>[0]): void {
    this.#engine.prepare(slice)
  }
}

export type Difference = { readonly plain: Plain; readonly expected: string; readonly got: string }

/** Decides `count` random requests both ways. `remembered`: whether answers may be remembered; without, Cedar evaluates each. */
export function compare(
  count: number,
  seed: number,
  remembered: boolean,
): { readonly differences: readonly Difference[]; readonly passed: number; readonly injected: number } {
  const bundle = shippedBundle()
  const cedar = new CedarEngine()
  const failing = new FailingEngine(cedar)
  const sound = new PolicyRules(bundle, cedar, remembered ? {} : { remembered: 0 })
  const faulty = new PolicyRules(bundle, failing, { remembered: 0 })
  const below = random(seed)
  const differences: Difference[] = []
  let passed = 0
  let injected = 0
  const told = progress('policy', count, 'decisions')
  for (let i = 0; i < count; i += 1) {
    told(i + 1)
    const plain = plainFrom(below)
    const request = requestOf(plain, below)
    const list = LIST[plain.about]
    failing.fails = plain.fails === 'call' ? plain.action : plain.fails === 'list' ? list : undefined
    // What is remembered does not fail: those requests are evaluated each.
    const rules = failing.fails === undefined ? sound : faulty
    if (failing.fails !== undefined) injected += 1
    const verdict = decideFrom(() => ({
      policy: rules.decide(request),
      ...(list !== undefined && { list: rules.decide({ ...request, action: list }) }),
      missingScopes: plain.missingScopes,
      standing: plain.standing,
      enforced: new Set<DemandKind>(plain.canRate ? ['rate'] : []),
      exhausted: plain.waits.map(retryAfterSeconds => ({ retryAfterSeconds })),
    }))
    const got = verdict.pass ? 'pass' : verdict.reason === 'limited' ? `limited ${verdict.retryAfterSeconds ?? 0}` : verdict.reason
    // A list whose rules fail where the request is that very list fails as both.
    const expected = modelVerdict(plain.action === list && plain.fails === 'call' ? { ...plain, fails: 'list' } : plain)
    if (verdict.pass) passed += 1
    if (got !== expected) differences.push({ plain, expected, got })
  }
  return { differences, passed, injected }
}

/** Arguments no policy engine should get as they are. */
const POISON: readonly (() => unknown)[] = [
  () => {
    let deep: unknown = 'x'
    for (let i = 0; i < 100_000; i += 1) deep = { path: deep }
    return deep
  },
  () => ({ path: '\ud800' }),
  () => ({ '\udfff': 'x', path: { '\ud800': 1 } }),
  () => ({ path: { __entity: { type: 'MCP::User', id: 'admin' } } }),
  () => ({ __entity: { type: 'MCP::Arguments', id: 'request' }, __extn: { fn: 'ip', arg: 'x' } }),
  () => JSON.parse('{"__proto__":{"path":"/etc/passwd"},"constructor":1}') as unknown,
  () => ({ path: 2n ** 70n }),
  () => ({ path: 1.5, n: 1e308, z: -0 }),
  () => ({ path: NaN }),
  () => Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, i])),
  () => ({ path: 'x'.repeat(1_000_000) }),
  () => ({ path: Array.from({ length: 5000 }, () => 'x') }),
  () => null,
  () => 'x',
  () => ({ path: () => 1 }),
]

const READING = `
@id("all") permit (principal, action, resource);
@id("passwd") forbid (principal, action, resource) when { context.arguments.hasTag("/path") && context.arguments.getTag("/path").contains("/etc/passwd") };
@id("deep") forbid (principal, action, resource) when { context.arguments.hasTag("/path/path/path") && context.arguments.getTag("/path/path/path").contains("x") };`
const WHOLE = '\n@id("whole") forbid (principal, action, resource) when { context.arguments.hasTag(context.endpoint) };'

/** Poisoned calls with a good and a forbidden one after each; what became of those is wrong or right. */
export function poison(count: number): { readonly wrong: number; readonly replaced: number } {
  const tools = { language: new CedarLanguage(), schema: shippedSchema() }
  const engine = new CedarEngine()
  const rules = [READING, READING + WHOLE].map(text => {
    const loaded = loadBundle([{ set: 'authz', name: 'authz/soak.cedar', text }], tools)
    if ('faults' in loaded) throw new Error(JSON.stringify(loaded.faults))
    return new PolicyRules(loaded.bundle, engine, { remembered: 100 })
  })
  const below = random(7)
  const base = requestOf({ ...plainFrom(below), action: 'tools/call', about: 'tool' }, below)
  let wrong = 0
  for (let i = 0; i < count; i += 1) {
    const asked = rules[i % 2]!
    const poisoned = asked.decide({ ...base, arguments: POISON[i % POISON.length]!() })
    if (poisoned.outcome !== 'allow' && poisoned.code !== 'bad-request') wrong += 1
    if (asked.decide({ ...base, arguments: { path: `/srv/${i}` } }).outcome !== 'allow') wrong += 1
    if (asked.decide({ ...base, arguments: { path: '/etc/passwd', other: i } }).code !== 'forbidden') wrong += 1
  }
  return { wrong, replaced: engine.replaced }
}

export function policy(isShort: boolean): Promise<Summary> {
  const [decisions, evaluations, calls] = isShort ? [5000, 500, 300] : [100_000, 10_000, 5000]
  const from = performance.now()
  const joined = compare(decisions, 1, true)
  const evaluated = compare(evaluations, 2, false)
  const poisoned = poison(calls)
  const [first] = [...joined.differences, ...evaluated.differences]
  return Promise.resolve({
    name: 'policy',
    isShort,
    hasPassed: first === undefined && poisoned.wrong === 0,
    lines: [
      `${decisions} random requests of the shipped rules, joined with scopes, standing, obligations and limits, against a naive model: ${joined.differences.length} differences; ${joined.passed} passed`,
      `of these, ${joined.injected} with an engine that threw, crashed, refused or lost a rule: none of them passed`,
      `${evaluations} more, none of them remembered: ${evaluated.differences.length} differences`,
      `${calls} calls with poisoned arguments, a good and a forbidden one after each: ${poisoned.wrong} wrong answers; the engine was replaced ${poisoned.replaced} times`,
      ...(first ? [`the first difference: ${JSON.stringify(first)}`] : []),
      `${((performance.now() - from) / 1000).toFixed(1)} s`,
    ],
  })
}
