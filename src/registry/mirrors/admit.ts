// A mirrored version comes into the registry by a reviewer's statement alone, and never into what is somebody's here. And what its registry says of it later.

import type { Stop } from '../../kernel/errors.ts'
import type { PrincipalKey } from '../../kernel/principal.ts'
import type { ServerName } from '../names.ts'
import type { Namespace } from '../namespace.ts'
import type { StandingStore, VersionStore } from '../store.ts'
import { lookalikeNamespace } from './judge.ts'
import type { MirrorChange, MirroredVersion, MirrorStore } from './store.ts'

export type AdmitMirroredParts = {
  readonly mirrored: Pick<MirrorStore, 'find' | 'local'>
  readonly namespaces: { list(): Promise<readonly Pick<Namespace, 'name'>[]> }
}

/** Why it may not come in, whoever vouches for it. */
export async function whyNotAdmitted(
  { mirrored, namespaces }: AdmitMirroredParts,
  name: ServerName,
  { isWithdrawn, alteredTo }: MirroredVersion,
): Promise<Stop | undefined> {
  if (isWithdrawn) return { stop: 'registry-unknown', detail: 'the registry it was mirrored from has withdrawn it' }
  if (alteredTo !== undefined)
    return {
      stop: 'attestation-invalid',
      detail: 'the registry it was mirrored from showed two versions of this number',
      fix: 'review another version',
    }
  const [published] = await mirrored.local([name.key])
  const registered = (await namespaces.list()).some(other => other.name.toLowerCase() === name.namespace.toLowerCase())
  if (!registered && published === undefined) return undefined
  return { stop: 'namespace-forbidden', detail: 'its name is somebody’s here, and what a mirror offers under it is another server' }
}

/** A registered namespace that its own could be mistaken for. */
export const mirroredLookalike = async ({ namespaces }: AdmitMirroredParts, { namespace }: ServerName): Promise<string | undefined> =>
  lookalikeNamespace(
    namespace,
    (await namespaces.list()).map(({ name }) => name),
  )

type CarryParts = {
  readonly mirrored: Pick<MirrorStore, 'find'>
  readonly versions: Pick<VersionStore, 'find'>
  readonly standings: Pick<StandingStore, 'change'>
  readonly nowSeconds: () => number
}
/** No issuer has this name: it is no URL. */
const MIRROR = 'gatehouse mirror' as PrincipalKey

/** A warning there is a warning here. Withdrawing is for operators: who keeps a mirror may not take servers out of service. */
export async function carryStatus(
  { mirrored, versions, standings, nowSeconds }: CarryParts,
  changes: readonly MirrorChange[],
): Promise<void> {
  for (const { name, version, status, message } of changes) {
    if (status === 'active') continue
    const [here, seen] = await Promise.all([versions.find(name, version), mirrored.find(name, version)])
    if (here?.standing !== 'admitted' || here.digest !== seen?.digest) continue
    const said = status === 'deleted' ? 'withdrawn by the registry it was mirrored from' : message
    await standings.change(
      { name: here.name, version, to: 'deprecated', ...(said !== undefined && { message: said }), by: MIRROR, atSeconds: nowSeconds() },
      ['admitted'],
    )
  }
}
