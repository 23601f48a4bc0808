// The deputy demo in words.

import type { Attack, Outcome } from './attacks.ts'

export type Told = Pick<Attack, 'by' | 'title' | 'prize'> & Outcome

export const opening = (
  url: string,
): string => `A confused deputy is a server that acts with rights which are not the caller's. This demo tries to make one of the gateway.

  gateway   ${url}, the configuration is examples/deputy/gatehouse.yaml
  alice     in finance: may use the ledger
  bob       not in finance: for him the ledger does not exist; his host is malicious
  ledger    an honest server that keeps the books
  mirror    a server that wants what is not its own

Every attack below is really made, over HTTP, against the running gateway.
`

const WHO: Readonly<Record<Attack['by'], string>> = { host: 'a malicious host', server: 'a malicious server' }

export const attackText = (number: number, { by, title, prize, reason, isHeld, seen }: Told): string =>
  [
    '',
    `${String(number).padStart(2)}. ${title}`,
    `    by ${WHO[by]}, for ${prize}`,
    `    ${isHeld ? 'refused' : 'NOT REFUSED'}: ${reason}`,
    `    ${seen}`,
    '',
  ].join('\n')

export function closing(told: readonly Told[], expected: number): string {
  const failed = told.filter(({ isHeld }) => !isHeld)
  if (failed.length > 0) return `\nNot every attack was refused:\n${failed.map(({ title }) => `  ${title}\n`).join('')}`
  if (told.length < expected) return '\nThe demo did not come to its end.\n'
  return `\n${told.length} attacks, ${told.length} refused. The same attacks and many more run as tests: test/attacks. Reasons: docs/reasons.md.\n`
}
