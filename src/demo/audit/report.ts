// The audit demo in words.

import type { Step } from '../walk.ts'

export const STEPS = 7

export const opening = (
  url: string,
): string => `Something is missing from notes that two people keep, and both say that it was not them. The audit log knows, and can be believed.

  gateway    ${url}, the configuration is examples/audit/gatehouse.yaml
  server     memory, the reference server, in a process of its own
  hosts      the official SDK (@modelcontextprotocol/client), signed in as alice of the staff and as bob, a contractor
  elsewhere  a file and a collector (OTLP logs over HTTP), to which every event goes
`

export function auditClosing(steps: readonly Step[]): string {
  const failed = steps.flatMap(({ number, checks }) =>
    checks.filter(({ isTrue }) => !isTrue).map(({ claim }) => `step ${number}: ${claim}`),
  )
  if (failed.length > 0) return `\nNot everything is as it should be:\n${failed.map(claim => `  ${claim}\n`).join('')}`
  if (steps.length < STEPS) return '\nThe demo did not come to its end.\n'
  return '\nEvery step did what it says. docs/audit.md says how to verify a log and how to run a witness, docs/delivery.md where events can go.\n'
}
