// Random requests and rules, for laws about policies.

import fc from 'fast-check'
import { keyOf } from '../../src/kernel/principal.ts'
import { ACTIONS } from '../../src/policy/actions.ts'
import { contextFacts, definitionEntity, endpointEntity, principalEntity, serverEntity, type ServerFacts } from '../../src/policy/facts.ts'
import type { Bundle } from '../../src/policy/load.ts'
import type { Entity, PolicyRequest } from '../../src/policy/request.ts'
import { bundleOf } from './policies.ts'

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
export const anyRequest: fc.Arbitrary<PolicyRequest> = fc
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

/** One rule without its name. */
export const anyRule = fc
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
export const bundleFrom = (texts: readonly string[]): Bundle => {
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
