// The approvals demo in words.

import type { Step } from '../walk.ts'

export const STEPS = 4

export const opening = (
  url: string,
  approver: string,
): string => `Two servers ask something back while they work on a call. The rules have somebody look at it before a person or a model is asked.

  gateway   ${url}, the configuration is examples/approvals/gatehouse.yaml
  servers   desk, on the 2026-07-28 line of the official SDK (input_required), and notes, on the 2025-11-25 line (live requests): programs of
            their own, admitted a moment ago with \`gatehouse server approve\`, each with a diary of every message that reached it
  host      the official SDK (@modelcontextprotocol/client), signed in as bob; it answers elicitation and sampling
  alice     of the staff; decides in a terminal, and at the console: ${approver}
`

export function approvalsClosing(steps: readonly Step[]): string {
  const failed = steps.flatMap(({ number, checks }) =>
    checks.filter(({ isTrue }) => !isTrue).map(({ claim }) => `step ${number}: ${claim}`),
  )
  if (failed.length > 0) return `\nNot everything is as it should be:\n${failed.map(claim => `  ${claim}\n`).join('')}`
  if (steps.length < STEPS) return '\nThe demo did not come to its end.\n'
  return '\nEvery step did what it says. docs/approvals.md says how rules ask for approvals, and docs/gates.md what servers may ask at all.\n'
}
