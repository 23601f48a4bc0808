// Every exception denies: whatever the decision path touches is handed in as a thing that throws at its n-th touch, for every n there is. What comes out is the same
// permit as without, or a refusal; of what is refused without it, never a permit; and of what is shown or may be asked, never more.

import { describe, expect, it } from 'vitest'
import type { Entry } from '../../src/catalog/entry.ts'
import type { LiveList } from '../../src/catalog/lists.ts'
import { isStop } from '../../src/kernel/errors.ts'
import { keyOf, type Principal } from '../../src/kernel/principal.ts'
import { createEntitlements } from '../../src/pipeline/entitlements.ts'
import type { UpstreamEntry } from '../../src/pipeline/entry.ts'
import { gate } from '../../src/pipeline/gate.ts'
import { inspect } from '../../src/inspection/inspect.ts'
import { DEFAULT_TIERS } from '../../src/inspection/tiers.ts'
import { Judge } from '../../src/pipeline/judge.ts'
import { permitEndpoint } from '../../src/pipeline/permit-endpoint.ts'
import { evaluatePolicyStage } from '../../src/pipeline/stages/evaluate-policy.ts'
import { isJsonFault, member, readJson } from '../../src/mcp/json.ts'
import { PolicyRules } from '../../src/policy/evaluate.ts'
import type { ServerFacts } from '../../src/policy/facts.ts'
import { GATES } from '../support/gates.ts'
import { bundleOf, engine } from '../support/policies.ts'

/** Throws at the n-th touch of anything it was wrapped around: a read of a member, or a call. */
class Trap {
  touches = 0
  readonly #at: number
  readonly #known = new WeakMap<object, object>()
  constructor(at: number) {
    this.#at = at
  }
  touch(): void {
    if (++this.touches === this.#at) throw new Error('injected')
  }
  wrap<T>(value: T): T {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return value
    if (value instanceof Promise || value instanceof Uint8Array || value instanceof Set || value instanceof Map) return value
    const known = this.#known.get(value)
    if (known) return known as T
    const made: object = new Proxy(value, {
      get: (target, name) => {
        this.touch()
        const found: unknown = Reflect.get(target, name, target)
        if (typeof found !== 'function') return this.wrap(found)
        return (...given: readonly unknown[]): unknown => {
          this.touch()
          return this.wrap(Reflect.apply(found, target, given))
        }
      },
      apply: (target, _, given) => {
        this.touch()
        return this.wrap(Reflect.apply(target as (...given: unknown[]) => unknown, undefined, given))
      },
    })
    this.#known.set(value, made)
    return made as T
  }
}

const RULES = `@id("lists") permit (principal, action in MCP::Action::"list", resource);
@id("staff") permit (principal in MCP::Group::"staff", action in [MCP::Action::"use", MCP::Action::"task", MCP::Action::"session", MCP::Action::"ask"], resource);
@id("destroys") forbid (principal, action == MCP::Action::"tools/call", resource) when { resource.hints.destructive } unless { context has approval };
@id("lab") forbid (principal, action, resource in MCP::Label::"secret");
@id("passwd") forbid (principal, action == MCP::Action::"tools/call", resource)
when { context.arguments.hasTag("/path") && context.arguments.getTag("/path").contains("/etc/passwd") };
@id("hidden") forbid (principal, action == MCP::Action::"tools/list", resource) when { resource.name like "hidden*" };
@id("ping") forbid (principal, action == MCP::Action::"ping", resource) unless { context.era == MCP::Era::"modern" };
@id("model") forbid (principal, action == MCP::Action::"sampling/createMessage", resource) unless { context.hour > 24 };`
const OBLIGATIONS =
  '@id("rate") @rate("5/1m") permit (principal, action == MCP::Action::"tools/call", resource) when { resource.hints.readOnly };'
const BUNDLE = bundleOf(RULES, OBLIGATIONS)
const SHADOW = bundleOf('@id("all") permit (principal, action, resource);')

const SERVER: ServerFacts = { alias: 'files', signature: 'verified', publisher: 'io.github.acme', standing: 'admitted', labels: ['lab'] }
const principal = (groups: readonly string[]): Principal => ({
  key: keyOf('i', 'alice'),
  issuer: 'i',
  subject: 'alice',
  kind: 'person',
  groups,
  scopes: [],
  wildcards: [],
  expiresAtSeconds: 0,
})
const tool = (name: string, annotations: object): Entry =>
  ({ name, raw: Buffer.from(JSON.stringify({ name, inputSchema: {}, annotations })) }) as Entry
const LOOK = tool('look', { readOnlyHint: true, openWorldHint: false })

/** The world of one request: all its parts behind one trap. Nothing is remembered between two of them. */
function worldOf(
  trap: Trap,
  {
    facts = SERVER,
    hasShadow = false,
    missing = [],
  }: { readonly facts?: ServerFacts; readonly hasShadow?: boolean; readonly missing?: readonly string[] } = {},
) {
  const cedar = trap.wrap({ evaluate: engine.evaluate.bind(engine), prepare: engine.prepare.bind(engine) })
  const rules = new PolicyRules(BUNDLE, cedar, { remembered: 0 })
  const shadow = new PolicyRules(SHADOW, cedar, { remembered: 0 })
  const judge = new Judge({
    ...trap.wrap({
      serverFacts: () => facts,
      groupPrefix: () => '',
      now: () => Date.UTC(2026, 0, 1, 12),
      monotonic: () => 0,
    }),
    // the object itself has secrets of its own, which a stand-in cannot read
    rules: () => (trap.touch(), rules),
    ...(hasShadow && { shadow: () => (trap.touch(), shadow) }),
    pause: () => Promise.resolve(),
  })
  const entry = trap.wrap({
    alias: 'files',
    scopes: { missing: () => missing },
    admission: 'required',
    inspection: DEFAULT_TIERS,
    gates: GATES,
  }) as unknown as UpstreamEntry
  return { rules, judge, entry, entitlements: createEntitlements(undefined, judge) }
}

/** Runs with the n-th touch thrown at, for each n until nothing is touched any more. `null`: it threw. */
async function everyThrow<T>(
  run: (trap: Trap) => T | Promise<T>,
): Promise<{ readonly sound: T; readonly injected: readonly (T | null)[] }> {
  const quiet = new Trap(0)
  const sound = await run(quiet)
  const injected: (T | null)[] = []
  for (let at = 1; ; at += 1) {
    const trap = new Trap(at)
    const end = await Promise.resolve()
      .then(() => run(trap))
      .catch(() => null)
    if (trap.touches < at) break
    injected.push(end)
  }
  expect(injected.length).toBeGreaterThanOrEqual(quiet.touches)
  return { sound, injected }
}

describe('a request about a server', () => {
  type Given = {
    readonly defined?: Entry
    readonly arguments?: object
    readonly groups?: readonly string[]
    readonly facts?: ServerFacts
    readonly hasShadow?: boolean
    readonly kind?: string
    readonly method?: string
    readonly missing?: readonly string[]
  }
  const ask =
    (given: Given) =>
    async (trap: Trap): Promise<unknown> => {
      const { defined = LOOK, groups = ['staff'], kind = 'tool', method = 'tools/call' } = given
      const { judge, entry, entitlements } = worldOf(trap, given)
      const doc = readJson(Buffer.from(JSON.stringify({ params: { name: 'look', arguments: given.arguments ?? {} } })))
      if (isJsonFault(doc)) throw new TypeError('no JSON')
      const deps = {
        judge,
        entitlement: entitlements.of,
        catalogue: trap.wrap({ definition: () => ({ entry: defined, digest: 'd' }), verify: () => ({ by: 'configuration' }) }),
      }
      const x = trap.wrap({
        method,
        doc,
        params: member(doc.root, 'params'),
        principal: principal(groups),
        era: 'modern',
        endpoint: { path: '/servers/files/mcp', resource: 'r' },
        route: { entry, kind, name: kind === 'tool' ? defined.name : 'mem://a', absent: {} },
      })
      return evaluatePolicyStage(deps as never).run(x as never)
    }
  const isPermit = (end: unknown): boolean => typeof end === 'object' && end !== null && 'permit' in end

  it.each<[string, Given]>([
    ['a tool that destroys', { defined: tool('wipe', { destructiveHint: true }) }],
    ['a tool that is not shown', { defined: tool('hidden', { readOnlyHint: true }) }],
    ['an argument that a rule forbids', { arguments: { path: '/etc/passwd' } }],
    ['somebody in no group', { groups: [] }],
    ['a server with a forbidden label', { facts: { ...SERVER, labels: ['secret'] } }],
    ['a resource of it', { facts: { ...SERVER, labels: ['secret'] }, kind: 'resource', method: 'resources/read' }],
    ['a task of it', { groups: [], kind: 'task', method: 'tasks/get' }],
    ['a method of an extension', { groups: [], kind: 'method', method: 'skills/list' }],
    ['a token without a scope', { missing: ['files:read'] }],
    ['what a shadow would permit', { groups: [], hasShadow: true }],
  ])('that is refused is refused whatever throws: %s', async (_, given) => {
    const { sound, injected } = await everyThrow(ask(given))
    expect(isStop(sound as object)).toBe(true)
    expect(injected.filter(isPermit)).toEqual([])
    expect(injected.length).toBeGreaterThan(20)
  })
  it.each<[string, Given]>([
    ['a call', {}],
    ['a call, beside a shadow', { hasShadow: true }],
    ['a resource', { kind: 'resource', method: 'resources/read' }],
  ])('that is permitted keeps its rules and what they demand, or is refused: %s', async (_, given) => {
    const { sound, injected } = await everyThrow(ask(given))
    expect(sound).toMatchObject({ permit: { rules: ['staff'] } })
    const permits = injected.filter(isPermit)
    for (const permit of permits) expect(permit).toEqual(sound)
    expect(injected.length - permits.length).toBeGreaterThan(20)
  })
})

describe('what is about no server', () => {
  it('a ping that rules forbid is refused whatever throws', async () => {
    const { sound, injected } = await everyThrow(trap => {
      const { judge } = worldOf(trap)
      const x = trap.wrap({ method: 'ping', principal: principal(['staff']), era: 'legacy', endpoint: { path: '/mcp' } })
      return permitEndpoint(judge, x as never)
    })
    expect(sound).toMatchObject({ stop: 'policy-denied' })
    expect(injected.filter(end => end !== null && !('stop' in end))).toEqual([])
  })
})

describe('what is shown, and what servers may ask', () => {
  it('never grows by an exception: a list', async () => {
    const entries = [LOOK, tool('hidden-1', {}), tool('write', { destructiveHint: false }), tool('hidden-2', {})]
    const { sound, injected } = await everyThrow(async trap => {
      const { rules, judge, entry } = worldOf(trap)
      const list = { kind: 'tools', alias: 'files', entries } as unknown as LiveList
      return [...(await judge.shown(rules, { principal: principal([]) }, { entry, list, digest: () => (trap.touch(), 'd') }))]
    })
    expect(sound).toEqual(['look', 'write'])
    for (const shown of injected) for (const name of shown ?? []) expect(sound).toContain(name)
  })
  it('never grows by an exception: names, and questions', async () => {
    const { sound, injected } = await everyThrow(trap => {
      const { entry, entitlements } = worldOf(trap)
      const entitlement = entitlements.of({ principal: principal(['staff']), era: 'modern' }, entry)
      const permitted = (['look', 'hidden'] as const).filter(name => entitlement.permits('tool', name) !== undefined)
      return [...permitted, ...entitlement.serverRequests]
    })
    expect(sound).toEqual(['look', 'elicitation.form', 'elicitation.url', 'roots'])
    for (const shown of injected) for (const name of shown ?? []) expect(sound).toContain(name)
  })
  it('a question that rules forbid reaches nobody whatever throws', async () => {
    const asking = (method: string) => (trap: Trap) => {
      const { judge, entry, entitlements } = worldOf(trap)
      const kinds = new Set(['elicitation.form', 'sampling', 'roots'])
      const deps = {
        ...trap.wrap({ recorder: { serverRequest: () => Promise.resolve() }, upstreams: () => new Map([['files', entry]]) }),
        judge,
        inspect: (...given: Parameters<typeof inspect>) => (trap.touch(), inspect(...given)),
        entitlement: entitlements.of,
        spendQuestion: () => (trap.touch(), undefined),
        approveQuestion: () => (trap.touch(), Promise.resolve({ by: '' })),
        callers: {
          kinds: (_: unknown, __: unknown, by: { serverRequests: Set<string> }) => (
            trap.touch(),
            new Set([...kinds].filter(kind => by.serverRequests.has(kind)))
          ),
        },
      }
      const x = trap.wrap({
        method: 'tools/call',
        principal: principal(['staff']),
        era: 'modern',
        endpoint: { path: '/mcp' },
        permit: { rules: [] },
        route: { entry },
        prepared: { face: { host: { kinds } } },
      })
      return gate(x as never, trap.wrap({ method }), deps as never)
    }
    const refused = await everyThrow(asking('sampling/createMessage'))
    expect(refused.sound).toMatchObject({ stop: 'gated' })
    expect(refused.injected.filter(end => typeof end === 'object' && end !== null && 'expects' in end)).toEqual([])
    const permitted = await everyThrow(asking('roots/list'))
    expect(permitted.sound).toMatchObject({ expects: expect.any(String) })
  })
})
