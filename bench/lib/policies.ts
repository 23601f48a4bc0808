// What a decision of the rules costs: remembered, evaluated, and with 10 to 10,000 other rules that do not concern the request.

import { CedarEngine } from '../../src/adapters/cedar/engine.ts'
import { CedarLanguage } from '../../src/adapters/cedar/language.ts'
import { shippedSchema } from '../../src/adapters/policy-folder.ts'
import { keyOf } from '../../src/kernel/principal.ts'
import { PolicyRules } from '../../src/policy/evaluate.ts'
import { contextFacts, definitionEntity, principalEntity, type ServerFacts } from '../../src/policy/facts.ts'
import { loadBundle, type Bundle } from '../../src/policy/load.ts'
import type { PolicyRequest } from '../../src/policy/request.ts'
import { round } from './stats.ts'

export type PolicyFigure = {
  readonly what: string
  readonly rules: number
  readonly bestUs: number
  readonly p50Us: number
  readonly p99Us: number
}

const ISSUER = 'https://login.example.com'
const SERVER: ServerFacts = {
  alias: 'files',
  registryName: 'io.github.acme/files',
  publisher: 'io.github.acme',
  signature: 'verified',
  standing: 'admitted',
  labels: ['internal'],
}

/** Rules that may match any call: evaluated every time. */
const OWN = `
@id("own.read") permit (principal, action == MCP::Action::"tools/call", resource) when { resource.hints.readOnly };
@id("own.team") permit (principal in MCP::Group::"group-0", action in MCP::Action::"use", resource in MCP::Server::"files");
@id("own.signed") forbid (principal, action in MCP::Action::"use", resource) unless { resource.server.signature == MCP::Signature::"verified" };
@id("own.untrusted") forbid (principal, action == MCP::Action::"tools/call", resource) when { context.readUntrusted && resource.hints.openWorld };
@id("own.path") forbid (principal, action == MCP::Action::"tools/call", resource)
  when { context.arguments.hasTag("/path") && context.arguments.getTag("/path").contains("/etc/passwd") };
`
/** Rules of other servers, labels, groups and people. */
const other = (i: number): string => {
  const heads = [
    `principal, action == MCP::Action::"tools/call", resource in MCP::Server::"server-${i}"`,
    `principal in MCP::Group::"other-${i}", action == MCP::Action::"tools/call", resource`,
    `principal, action in MCP::Action::"use", resource in MCP::Label::"label-${i}"`,
    `principal == MCP::User::"${ISSUER} user-${i}", action, resource`,
  ]
  return `@id("other.${i}") ${i % 4 === 2 ? 'forbid' : 'permit'} (${heads[i % 4]!});\n`
}
/** Rules for every tool of every server, so that none can be left aside. */
const wide = (i: number): string =>
  `@id("wide.${i}") forbid (principal, action == MCP::Action::"tools/call", resource) when { resource.name == "tool-${i}" && context.readPrivate };\n`

function bundleOf(text: string): Bundle {
  const tools = { language: new CedarLanguage(), schema: shippedSchema() }
  // Files are bounded; rules are not cut across them.
  const rules = text.split(/(?=^@id)/m)
  const files = Array.from({ length: Math.ceil(rules.length / 2000) }, (_, i) => ({
    set: 'authz' as const,
    name: `authz/${i}.cedar`,
    text: rules.slice(i * 2000, (i + 1) * 2000).join(''),
  }))
  const loaded = loadBundle(files, tools)
  if ('faults' in loaded) throw new Error(JSON.stringify(loaded.faults.slice(0, 3)))
  return loaded.bundle
}

const principal = principalEntity({
  key: keyOf(ISSUER, 'alice'),
  issuer: ISSUER,
  subject: 'alice',
  kind: 'person',
  groups: Array.from({ length: 10 }, (_, i) => `group-${i}`),
  scopes: [],
  wildcards: [],
  expiresAtSeconds: 0,
})!
const toolOf = (name: string): PolicyRequest['resource'] =>
  definitionEntity(SERVER, { kind: 'tool', name, digest: 'd', hints: { readOnlyHint: true } })!
const TOOL = toolOf('read_file')
const request = (path: string): PolicyRequest => ({
  principal,
  action: 'tools/call',
  resource: TOOL,
  context: contextFacts(0, { endpoint: '/mcp', era: 'modern' }),
  arguments: { path, encoding: 'utf8', options: { depth: 3 } },
})

/** `times`: decisions of each kind. */
export function measurePolicies(times: number): PolicyFigure[] {
  const engine = new CedarEngine()
  const figures: PolicyFigure[] = []
  const hundred = bundleOf(OWN + Array.from({ length: 95 }, (_, i) => wide(i)).join(''))
  const rules = new PolicyRules(hundred, engine)
  const asked = request('/srv/a')
  figures.push(timed({ what: 'remembered', rules: 100, times: times * 20, batch: 20 }, () => rules.decide(asked)))
  let n = 0
  figures.push(timed({ what: 'evaluated, all rules concern it', rules: 100, times }, () => rules.decide(request(`/srv/${n++}`))))
  const record = rules.decide(asked)
  figures.push(timed({ what: 'the record of a decision', rules: 100, times }, () => rules.record(asked, record)))
  for (const count of [10, 100, 1000, 10_000]) {
    const bundle = bundleOf(OWN + Array.from({ length: count }, (_, i) => other(i)).join(''))
    const flat = new PolicyRules(bundle, engine)
    figures.push(
      timed({ what: 'remembered, others do not concern it', rules: count, times: times * 20, batch: 20 }, () => flat.decide(asked)),
    )
    figures.push(timed({ what: 'evaluated, others do not concern it', rules: count, times }, () => flat.decide(request(`/srv/${n++}`))))
  }
  return figures
}

type Timed = { readonly what: string; readonly rules: number; readonly times: number; readonly batch?: number }

/** The first tenth is for the engine to warm up. */
function timed({ what, rules, times, batch = 1 }: Timed, run: () => { readonly outcome: string }): PolicyFigure {
  const us: number[] = []
  for (let i = 0; i < times / batch; i += 1) {
    const from = performance.now()
    for (let j = 0; j < batch; j += 1) if (run().outcome !== 'allow') throw new Error(`${what}: a wrong decision`)
    us.push(((performance.now() - from) * 1000) / batch)
  }
  const sorted = us.slice(Math.floor(us.length / 10)).sort((a, b) => a - b)
  const at = (share: number): number => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN, 2)
  return { what, rules, bestUs: at(0), p50Us: at(0.5), p99Us: at(0.99) }
}
