// The policy demo in words.

import type { Step } from '../walk.ts'

export const STEPS = 7

export const opening = (
  url: string,
  version: string,
): string => `A rule from the first word to the first denial, with nothing made up: a gateway that serves, hosts that call, its log, and the commands.

  gateway   ${url}, a process of its own; the configuration is examples/policy/gatehouse.yaml
  server    the memory server from npm, as its reviewer admitted it
  hosts     the official SDK (@modelcontextprotocol/client), MCP ${version}, signed in as alice (staff) and bob (contractors)
`

export function policyClosing(steps: readonly Step[]): string {
  const failed = steps.flatMap(({ number, checks }) =>
    checks.filter(({ isTrue }) => !isTrue).map(({ claim }) => `step ${number}: ${claim}`),
  )
  if (failed.length > 0) return `\nNot everything is as it should be:\n${failed.map(claim => `  ${claim}\n`).join('')}`
  if (steps.length < STEPS) return '\nThe demo did not come to its end.\n'
  return '\nEvery step did what it says. docs/policies.md has the language and the commands; `policies/` is a set to begin with.\n'
}
