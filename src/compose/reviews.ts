// The reviewer's queue as this process has it: decisions in force, what servers were seen to list, versions of the registry as they were judged.

import { readDefinitionsBeside } from '../adapters/admission/definitions-file.ts'
import { readSeenFile } from '../adapters/admission/seen-folder.ts'
import { readAdmittedDefinitions } from '../adapters/admitted-definitions.ts'
import { InForceFiles } from '../adapters/in-force-file.ts'
import { servedInfo } from '../adapters/served-report.ts'
import { readDefinitions } from '../admission/definitions.ts'
import { changesBetween, pinnedSurface } from '../admission/signed-surface.ts'
import type { ConfiguredUpstream, ServedTransport, Snapshot } from '../config/schema.ts'
import type { ServerFacts, ServerReviews } from '../pipeline/server-reviews.ts'
import type { AdmissionPlane } from './admissions.ts'

type Parts = { readonly current: () => Snapshot; readonly admissions: Pick<AdmissionPlane, 'decision'> }

export const serverReviews = ({ current, admissions }: Parts): ServerReviews => ({
  aliases: () => [...current().upstreams.keys()],
  async look(alias) {
    const snapshot = current()
    const settings = snapshot.upstreams.get(alias)
    if (!settings) return undefined
    const { title, admission, launch, transport } = settings
    const own = { alias, ...(title !== undefined && { title }), admission, launch, seen: await readSeenFile(snapshot.dataDir, alias) }
    if (transport.kind === 'server') return { ...own, ...(await versionOf(snapshot, settings, transport)) }
    const definitions = await readDefinitionsBeside(snapshot.admissions, alias)
    return { ...own, definitions, ...admissions.decision(alias) }
  },
})

async function versionOf(
  { dataDir }: Snapshot,
  { alias }: ConfiguredUpstream,
  transport: ServedTransport,
): Promise<Pick<ServerFacts, 'decided' | 'signature' | 'definitions' | 'version'>> {
  const { standing, publisher, reviewer, why, fix } = await servedInfo(dataDir, alias, transport)
  const texts = await readAdmittedDefinitions(dataDir, alias)
  // Read anew: the gateway replaces these files while it runs.
  const inForce = new InForceFiles(dataDir)
  const [now, before] = [inForce.current(alias), inForce.previous(alias)]
  const surface = now && pinnedSurface(now.surface)
  return {
    decided: undefined,
    signature: 'signed',
    definitions: texts === undefined ? undefined : readDefinitions(texts),
    version: {
      name: transport.name,
      version: transport.version,
      standing,
      ...(publisher !== undefined && { publisher }),
      ...(reviewer !== undefined && { reviewer }),
      ...(why !== undefined && { why }),
      ...(fix !== undefined && { fix }),
      ...(surface && { surface }),
      ...(surface &&
        before && {
          before: { name: `${before.name}@${before.version}`, changes: changesBetween(pinnedSurface(before.surface), surface) },
        }),
    },
  }
}
