// Revoking, by an operator: for good, and a version that is here is withdrawn too.

import type { Stop } from '../kernel/errors.ts'
import { UNKNOWN, type Actor } from './actor.ts'
import type { Namespaces } from './namespaces.ts'
import { STANDINGS, type Standing } from './standing.ts'
import type { Revocation, RevocationLog, StandingStore, VersionStore } from './store.ts'

export type RevokeParts = {
  readonly versions: VersionStore
  readonly standings: StandingStore
  readonly revocations: RevocationLog
  readonly namespaces: Pick<Namespaces, 'find' | 'setState'>
  readonly nowSeconds: () => number
}

/** As it was kept, with its number. `message`: shown with a version that is withdrawn, instead of the reason. A version or namespace that nobody has is refused. */
export async function revoke(
  { versions, standings, revocations, namespaces, nowSeconds }: RevokeParts,
  revocation: Omit<Revocation, 'sequence' | 'by' | 'atSeconds'>,
  by: Actor,
  message: string = revocation.reason,
): Promise<Revocation | Stop> {
  // First what gateways go by: a crash in between leaves a version shown that no gateway runs.
  const kept = { ...revocation, by: by.key, atSeconds: nowSeconds() }
  if (revocation.kind === 'namespace' && revocation.action === 'block') {
    // A typing error would be taken for safety, and one that is claimed later would begin active.
    if (!(await namespaces.find(revocation.target))) return NAMESPACE_UNKNOWN
    await namespaces.setState(revocation.target, 'frozen')
  }
  if (revocation.kind !== 'version') return revocations.append(kept)
  const at = revocation.target.lastIndexOf('@')
  const wanted = revocation.target.slice(at + 1)
  const found = await versions.find(revocation.target.slice(0, at), wanted)
  if (found?.version !== wanted) return UNKNOWN // `latest` names no one version
  const appended = await revocations.append({ ...kept, target: `${found.name}@${found.version}` })
  if (revocation.action === 'block')
    await standings.change(
      { name: found.name, version: found.version, to: 'revoked', message, by: by.key, byOperator: by.isOperator, atSeconds: nowSeconds() },
      BEFORE_REVOKED,
    )
  return appended
}

const BEFORE_REVOKED: readonly Standing[] = STANDINGS.filter(standing => standing !== 'revoked')
const NAMESPACE_UNKNOWN: Stop = {
  stop: 'registry-unknown',
  detail: 'there is no such namespace',
  fix: 'look at `gatehouse namespace list`; one that nobody has needs no revocation',
}
