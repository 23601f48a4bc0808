// A folder of policies as a firm might have it: a hundred rules of which every call asks all, thousands of others', limits, and arguments that are read.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The shipped guardrails but for the publisher's signature: the bench's server is admitted by a reviewer, and signed by nobody. */
const GUARDS = `
@id("guard.production") forbid (principal, action, resource in MCP::Label::"production")
  unless { principal in MCP::Group::"production-operators" };
@id("guard.destructive") @obligation("approval") @approvers("approvers")
forbid (principal, action == MCP::Action::"tools/call", resource) when { resource.hints.destructive && resource.name like "delete*" } unless { context has approval };
@id("guard.untrusted") forbid (principal, action == MCP::Action::"tools/call", resource) when { context.readUntrusted && resource.hints.openWorld };
@id("guard.path") forbid (principal, action == MCP::Action::"tools/call", resource)
  when { context.arguments.hasTag("/path") && context.arguments.getTag("/path").contains("/etc/passwd") };
@id("everyone.all") permit (principal, action, resource);
`
/** For every tool, so that none of them can be left aside. */
const wide = (i: number): string =>
  `@id("wide.${i}") forbid (principal, action == MCP::Action::"tools/call", resource) when { resource.name == "tool-${i}" && context.readPrivate };\n`
/** Of other servers. */
const other = (i: number): string =>
  `@id("other.${i}") permit (principal, action == MCP::Action::"tools/call", resource in MCP::Server::"server-${i}");\n`
const times = (count: number, rule: (i: number) => string): string => Array.from({ length: count }, (_, i) => rule(i)).join('')

const RATES = `
@id("rate.calls") @rate("100000000/1m") @key("principal,tool") permit (principal, action == MCP::Action::"tools/call", resource);
`
const CASES = `
servers: { bench: { standing: admitted } }
principals: { anybody: {} }
cases:
  - { case: calls pass, principal: anybody, action: tools/call, tool: bench/echo, hints: { readOnlyHint: true }, expect: allow, rules: [everyone.all] }
`

/** `rules`: in the place of all of it. */
export function writeRules(folder: string, rules?: string): void {
  for (const part of ['authz', 'obligations', 'tests']) mkdirSync(join(folder, part), { recursive: true })
  writeFileSync(join(folder, 'authz/rules.cedar'), rules ?? GUARDS + times(95, wide) + times(1000, other))
  if (rules !== undefined) return
  writeFileSync(join(folder, 'obligations/rates.cedar'), RATES)
  writeFileSync(join(folder, 'tests/rules.yaml'), CASES)
}
