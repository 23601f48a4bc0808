import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyOf } from '../../src/kernel/principal.ts'
import { entitlementOf, type AllowRule, type Primitive, type ServerRequestKind } from '../../src/policy/allow-list.ts'
import { allowPolicies, ASKS } from '../../src/policy/allow-policies.ts'
import { contextFacts, definitionEntity, endpointEntity, principalEntity, serverEntity, type ServerFacts } from '../../src/policy/facts.ts'
import type { Entity } from '../../src/policy/request.ts'
import { PolicyRules } from '../../src/policy/evaluate.ts'
import { bundleOf, engine } from '../support/policies.ts'

const ISSUERS = ['https://a.example', 'https://b.example']
const NAMES = ['echo', 'Echo', 'e"\\*ü\u0007', '', '*', 'a*b']
const URIS = ['file:///pub/a', 'file:///pub/', 'file:///pub/../x', 'file:///pub/{name}', 'x*y/z', 'x*y/', 'mem://1']
const PATTERNS = ['*', 'file:///pub/*', 'file:///pub/a', 'x*y/*', 'mem://*', 'file:///pub/{name}']
const KINDS = Object.keys(ASKS) as ServerRequestKind[]
const SERVER: ServerFacts = { alias: 'files', signature: 'unsigned', standing: 'configured', labels: [] }

const rule: fc.Arbitrary<Omit<AllowRule, 'id'>> = fc.record(
  {
    subjects: fc.subarray(['*', 'alice', 'b"ob']),
    groups: fc.subarray(['staff', 'ops']),
    clients: fc.subarray(['cli']),
    issuers: fc.subarray(ISSUERS, { minLength: 1 }),
    tools: fc.subarray(NAMES.filter(name => name !== '')),
    prompts: fc.subarray(NAMES.filter(name => name !== '')),
    resources: fc.subarray(PATTERNS),
    methods: fc.subarray(['skills/list', 'a"b']),
    serverRequests: fc.subarray(KINDS),
  },
  { requiredKeys: ['subjects', 'groups', 'clients', 'tools', 'prompts', 'resources', 'methods', 'serverRequests'] },
)
const person = fc.record({
  subject: fc.constantFrom('alice', 'b"ob', 'eve'),
  issuer: fc.constantFrom(...ISSUERS),
  groups: fc.subarray(['staff', 'ops']),
  client: fc.constantFrom('cli', undefined),
})

const context = contextFacts(0, { endpoint: '/mcp', era: 'modern' })
const definition = (kind: Primitive, name: string): Entity =>
  kind === 'tool'
    ? definitionEntity(SERVER, { kind, name, hints: {} })!
    : kind === 'prompt'
      ? definitionEntity(SERVER, { kind, name })!
      : definitionEntity(SERVER, { kind: 'resource', uri: name })!

describe('law: allow rules as policies permit what they did', () => {
  it('whoever asks, and whatever for', () => {
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 1, maxLength: 3 }),
        fc.array(person, { minLength: 4, maxLength: 4 }),
        fc.boolean(),
        (given, people, several) => {
          const rules = given.map((each, i) => ({ ...each, id: `files/allow/${i + 1}` }))
          const prefix = (issuer: string): string => (several ? `${issuer} ` : '')
          // Several issuers demand that each rule names its own (config/upstream-checks.ts).
          const asked = several ? rules.map(each => ({ ...each, issuers: each.issuers ?? ISSUERS })) : rules
          const text = allowPolicies('files', asked, prefix)
          const all = new PolicyRules(bundleOf(`@id("base") permit (principal == MCP::User::"x y", action, resource);${text}`), engine)
          for (const who of people) {
            const { client, ...named } = who
            const principal = {
              ...named,
              ...(client !== undefined && { client }),
              key: keyOf(who.issuer, who.subject),
              kind: 'person' as const,
              scopes: [],
              wildcards: [],
              expiresAtSeconds: 0,
            }
            const entitlement = entitlementOf(asked, principal)
            const entity = principalEntity(principal, prefix(who.issuer))!
            const asks = (action: string, resource: Entity, detail = ''): readonly string[] | undefined => {
              const { outcome, rules: by } = all.decide({ principal: entity, action, resource, context: { ...context, detail } })
              return outcome === 'allow' ? by : undefined
            }
            const same = (permitted: string | undefined, by: readonly string[] | undefined): void => {
              expect(by !== undefined).toBe(permitted !== undefined)
              if (permitted !== undefined) expect(by).toContain(permitted)
            }
            for (const name of NAMES.filter(each => each !== '')) {
              same(entitlement.permits('tool', name), asks('tools/call', definition('tool', name)))
              same(entitlement.permits('tool', name), asks('tools/list', definition('tool', name)))
              same(entitlement.permits('prompt', name), asks('prompts/get', definition('prompt', name)))
            }
            for (const uri of URIS) {
              same(entitlement.permits('resource', uri), asks('resources/read', definition('resource', uri)))
              same(
                entitlement.permits('resource', uri),
                asks('resources/templates/list', definitionEntity(SERVER, { kind: 'template', uriTemplate: uri })!),
              )
            }
            for (const method of ['skills/list', 'a"b', 'other', '*'])
              same(entitlement.permits('method', method), asks('extension', serverEntity(SERVER)!, method))
            for (const kind of KINDS)
              expect(asks(ASKS[kind].action, serverEntity(SERVER)!, ASKS[kind].detail) !== undefined).toBe(
                entitlement.serverRequests.has(kind),
              )
            expect(asks('servers/list', serverEntity(SERVER)!) === undefined).toBe(entitlement.isEmpty)
            expect(asks('initialize', endpointEntity('/mcp')!) === undefined).toBe(entitlement.isEmpty)
            expect(asks('tools/call', definitionEntity({ ...SERVER, alias: 'other' }, { kind: 'tool', name: 'echo', hints: {} })!)).toBe(
              undefined,
            )
          }
        },
      ),
      { numRuns: 40 },
    )
  })
  it('and a forbid overrides them', () => {
    const text = allowPolicies(
      'files',
      [{ id: 'r', subjects: ['*'], groups: [], clients: [], tools: ['*'], prompts: [], resources: [], methods: [], serverRequests: [] }],
      () => '',
    )
    const rules = new PolicyRules(
      bundleOf(`${text}@id("no") forbid (principal, action == MCP::Action::"tools/call", resource) when { resource.hints.destructive };`),
      engine,
    )
    const principal = principalEntity({
      key: keyOf('i', 's'),
      issuer: 'i',
      subject: 's',
      kind: 'person',
      groups: [],
      scopes: [],
      wildcards: [],
      expiresAtSeconds: 0,
    })!
    const call = (hints: object): object =>
      rules.decide({ principal, action: 'tools/call', resource: definitionEntity(SERVER, { kind: 'tool', name: 'x', hints })!, context })
    expect(call({})).toMatchObject({ outcome: 'deny', rules: ['no'] })
    expect(call({ readOnlyHint: true })).toMatchObject({ outcome: 'allow', rules: ['r'] })
  })
})
