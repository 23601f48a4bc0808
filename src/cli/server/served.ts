// What the commands about servers say of a version of the registry: how the gateway judged it, what the version before listed, and what it lists otherwise.

import { readAdmittedDefinitions } from '../../adapters/admitted-definitions.ts'
import { InForceFiles } from '../../adapters/in-force-file.ts'
import { servedInfo, type ServedInfo } from '../../adapters/served-report.ts'
import { readDefinitions } from '../../admission/definitions.ts'
import { inertSentence, inertText } from '../../admission/inert-text.ts'
import type { PinnedSurface } from '../../admission/pinned-surface.ts'
import { reviewSurface, type SurfaceReview } from '../../admission/review.ts'
import { changesBetween, pinnedSurface, type SurfaceChange } from '../../admission/signed-surface.ts'
import { readSeenFile } from '../../adapters/admission/seen-folder.ts'
import type { ConfiguredUpstream, ServedTransport, Snapshot } from '../../config/schema.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import type { Server } from './surfaces.ts'
import { KIND_WORDS, reviewText } from './words.ts'
import { suspects } from '../../pipeline/suspicions.ts'

/** Whether an upstream is a version of the registry. */
export const isServed = (settings: ConfiguredUpstream): settings is ConfiguredUpstream & { readonly transport: ServedTransport } =>
  settings.transport.kind === 'server'

export function servedText({ server, version, standing, publisher, reviewer, sequence, rule, why, fix }: ServedInfo): string {
  const signed =
    publisher === undefined
      ? ''
      : `, number ${sequence ?? 0}, ${publisher === 'none' ? 'signed by no publisher' : `published by ${inertText(publisher)}`}, reviewed by ${inertText(reviewer ?? '')}`
  const refused = rule === undefined ? '' : `: ${rule}: ${inertSentence(why ?? '')}; ${inertSentence(fix ?? '')}`
  return `${server}@${version} ${WORDS[standing]}${standing === 'in-force' ? signed : refused}`
}
const WORDS = {
  'in-force': 'is in force',
  refused: 'is not used',
  ended: 'is no longer used',
  unjudged: 'was not judged yet: start or reload the gateway',
} as const

/** The version before against the one in force, and what was seen of it against what was reviewed. Exit code 1 where anything differs. */
export async function diffServed({ io, json }: CommandArgs, { alias, snapshot }: Server, transport: ServedTransport): Promise<number> {
  const info = await servedInfo(snapshot.dataDir, alias, transport)
  const inForce = new InForceFiles(snapshot.dataDir)
  const [current, previous] = [inForce.current(alias), inForce.previous(alias)]
  const admitted = current && pinnedSurface(current.surface)
  const changes = admitted && previous ? changesBetween(pinnedSurface(previous.surface), admitted) : []
  const drift = admitted && (await driftOf(snapshot, alias, admitted))
  const before = previous && `${previous.name}@${previous.version}`
  if (json) io.out(`${JSON.stringify({ ...info, before, changes: changes.map(inert), drift }, undefined, 2)}\n`)
  else {
    io.out(`${alias}: ${servedText(info)}\n`)
    if (previous && current) {
      io.out(
        `against ${previous.name}@${previous.version}: ${changes.length === 0 ? 'the same surface' : `${changes.length} definitions differ`}\n`,
      )
      for (const { standing, kind, name } of changes.map(inert))
        io.out(`  ${standing}: ${KIND_WORDS[kind]}${name === '' ? '' : ` \`${name}\``}\n`)
      if (changes.length > 0 && previous.name === current.name)
        io.out(`  values: gatehouse registry diff ${current.name}@${current.version} --from ${previous.version}\n`)
    }
    if (drift) io.out(reviewText(drift))
  }
  return changes.length > 0 || (drift?.findings.length ?? 0) > 0 ? EXIT.failed : EXIT.ok
}

/** What was seen of it otherwise than admitted; undefined where nothing was seen. */
async function driftOf({ dataDir }: Snapshot, alias: string, admitted: PinnedSurface): Promise<SurfaceReview | undefined> {
  const seen = await readSeenFile(dataDir, alias)
  const definitions = await readAdmittedDefinitions(dataDir, alias)
  return seen && reviewSurface(seen, admitted, definitions === undefined ? undefined : readDefinitions(definitions), suspects)
}

/** attacker-controlled names */
const inert = ({ name, ...rest }: SurfaceChange): SurfaceChange => ({ ...rest, name: inertText(name) })
