// The supply-chain demo in words.

import type { Attack, Outcome } from './attacks.ts'

export type Told = Pick<Attack, 'title' | 'prize'> & Outcome

export const opening = (
  url: string,
  log: readonly string[],
): string => `A server that was reviewed once is only as good as what is started the next time. This demo publishes a real server, uses it, and then lets everybody on its way be hostile.

  gateway     ${url}, the configuration is examples/supply-chain/gatehouse.yaml
  server      com.example/notes: the memory server from npm, with a switch that lets it turn
  pat         publishes it, with a key of his own
  rita        reviews it, with a key that the gateway does not hold
  olga        operates the gateway; she can admit nothing

What they typed:

${log.map(line => `  ${line}`).join('\n')}
`

export const firstUse = (tools: readonly string[], text: string): string => `
Alice's host is shown ${tools.join(', ')}, and calls one: ${text}
`

export const attackText = (number: number, { title, prize, reason, isHeld, seen }: Told): string =>
  [
    '',
    `${number}. ${title}`,
    `   for ${prize}`,
    `   ${isHeld ? 'stopped' : 'NOT STOPPED'}: ${reason}`,
    ...seen.map(line => `   ${line}`),
    '',
  ].join('\n')

export function closing(told: readonly Told[], expected: number): string {
  const failed = told.filter(({ isHeld }) => !isHeld)
  if (failed.length > 0) return `\nNot everything was stopped:\n${failed.map(({ title }) => `  ${title}\n`).join('')}`
  if (told.length < expected) return '\nThe demo did not come to its end.\n'
  return `\n${told.length} attacks, ${told.length} stopped. docs/registry.md and docs/signing.md say how; docs/reasons.md explains the reasons.\n`
}
