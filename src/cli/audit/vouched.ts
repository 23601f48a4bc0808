// Who else than the log vouches for its events, and for how many of them; and whether that is what was asked for.

import type { Verified } from '../../adapters/audit/bundle-file.ts'
import type { OpenCheckpoint } from '../../audit/checkpoint.ts'
import type { Findings } from '../../audit/verify.ts'
import type { GivenTrust } from './trust.ts'

/** Those that cover an event: of a tree that ends before the first one, everything that is here may have been made up. */
const covering = ({ from }: Verified, checkpoints: readonly OpenCheckpoint[]): readonly OpenCheckpoint[] =>
  checkpoints.filter(({ size }) => size > from)

const lastBy = (verified: Verified, name: string): OpenCheckpoint | undefined =>
  covering(verified, verified.matched).findLast(({ witnesses }) => witnesses.some(witness => witness.name === name))

/** How long ago the oldest event was written that `size` events do not include, in milliseconds; undefined where it has no time that can be. */
function behind({ timeAt, asOf, size: all }: Verified, size: number): number | undefined {
  if (size >= all) return 0
  const since = timeAt(size)
  // A time in the future keeps nothing young.
  return since === undefined || asOf === undefined ? undefined : Math.abs(asOf - since)
}

/** What was given has to be met: by a checkpoint that covers events, and by each witness up to the last minutes. */
export function judgeTrust(verified: Verified, { witnesses, external, maxBehindMs }: GivenTrust, findings: Findings): void {
  const { from, size } = verified
  if (covering(verified, verified.external).length < external.length && findings.count === 0)
    findings.add({
      is: 'file',
      where: 'what was kept elsewhere',
      why: `a checkpoint is of events before ${from}, which are not here, so it says nothing of these`,
    })
  for (const { name } of witnesses) {
    const last = lastBy(verified, name)
    if (last === undefined) {
      findings.add({ is: 'file', where: 'checkpoints', why: `none of them is signed by the witness \`${name}\` over any of these events` })
      continue
    }
    const ms = behind(verified, last.size)
    if (ms !== undefined && ms <= maxBehindMs) continue
    findings.add({
      is: 'events',
      from: last.size,
      to: size,
      why: `the witness \`${name}\` did not sign them, though the first is ${ms === undefined ? 'of no time that can be read' : `${ageText(ms)} old`}; --max-behind says how far behind it may be, --taken-at as of when`,
    })
  }
}

/** Up to where somebody else vouches for the events, and who. `by`: in words. */
export function vouched(verified: Verified): { readonly size: number; readonly by: readonly string[] } {
  const kept = covering(verified, verified.external).at(-1)
  const names = new Set(verified.matched.flatMap(({ witnesses }) => witnesses.map(({ name }) => name)))
  const seen = [...names].flatMap(name => {
    const last = lastBy(verified, name)
    const time = last?.witnesses.find(witness => witness.name === name)?.time
    return last === undefined || time === undefined ? [] : [{ name, size: last.size, time }]
  })
  return {
    size: Math.max(0, kept?.size ?? 0, ...seen.map(({ size }) => size)),
    by: [
      ...(kept ? [`a checkpoint of ${kept.size} events kept elsewhere${afterText(verified, kept.size)}`] : []),
      ...seen.map(
        ({ name, size, time }) =>
          `the witness ${name}, of ${size} events at ${new Date(time * 1000).toISOString()}${afterText(verified, size)}`,
      ),
    ],
  }
}

function afterText(verified: Verified, size: number): string {
  if (size >= verified.size) return ''
  const ms = behind(verified, size)
  return `; ${verified.size - size} came after that${ms === undefined ? '' : `, the first ${ageText(ms)} ago`}`
}

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
] as const
function ageText(ms: number): string {
  const [unit, name] = UNITS.find(([length]) => ms >= 2 * length) ?? [1000, 's']
  return `${Math.round(ms / unit)} ${name}`
}
