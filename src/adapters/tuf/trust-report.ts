// How a repository of trust stands: what counts until when, who still has to sign, and whether a new gateway would believe it.

import type { Metadata, Root } from '@tufjs/models'
import { OFFLINE_ROLES, standingOf, type OfflineRole, type Role, type RoleStanding } from './ceremony.ts'
import { dryRefresh } from './dry-refresh.ts'
import { isEvaluationSigned, keysOf, signedBy, type AnyMetadata, type SignedBy } from './metadata.ts'
import type { TrustFolder } from './trust-folder.ts'

/** Times in milliseconds since the epoch. */
export type ReportedRole = {
  readonly role: Role
  readonly version: number
  readonly expiresMs: number
  readonly standing: RoleStanding
  readonly threshold: number
  readonly keys: readonly string[]
}

type StagedStanding = { readonly role: OfflineRole; readonly version: number; readonly by: readonly SignedBy[] }

export type TrustReport = {
  readonly isEvaluation: boolean
  readonly roles: readonly ReportedRole[]
  readonly staged: readonly StagedStanding[]
  /** why a gateway that is new would not believe all of it; empty = it would */
  readonly refused: readonly string[]
}

export async function reportOf(folder: TrustFolder, nowMs: number): Promise<TrustReport> {
  const { root, roles, snapshot, timestamp } = folder.published()
  const targets = roles.get('targets')
  const reported = (role: Role, metadata: Dated | undefined, delegator: AnyMetadata | undefined): readonly ReportedRole[] => {
    if (!metadata || !delegator) return []
    const { version, expires } = metadata.signed
    const expiresMs = Date.parse(expires)
    const { threshold } = signedBy(delegator, role, { signatures: {}, sign: () => {} })
    const keys = keysOf(delegator, role).map(({ id }) => id)
    return [{ role, version, expiresMs, standing: standingOf(role, expiresMs, nowMs), threshold, keys }]
  }
  return {
    isEvaluation: isEvaluationOf(folder, root),
    roles: [
      ...reported('root', root, root),
      ...reported('targets', targets, root),
      ...(['namespaces', 'index', 'revocations'] as const).flatMap(role => reported(role, roles.get(role), targets)),
      ...reported('snapshot', snapshot, root),
      ...reported('timestamp', timestamp, root),
    ],
    staged: OFFLINE_ROLES.flatMap(role => stagedOf(folder, role)),
    refused: timestamp ? await whyNotBelieved(folder, nowMs) : ['nothing is published yet'],
  }
}

type Dated = { readonly signed: { readonly version: number; readonly expires: string } }

function isEvaluationOf(folder: TrustFolder, published: Metadata<Root> | undefined): boolean {
  const root = published ?? (folder.staged('root') as Metadata<Root> | undefined)
  return root !== undefined && isEvaluationSigned(root, undefined)
}

function stagedOf(folder: TrustFolder, role: OfflineRole): readonly StagedStanding[] {
  const metadata = folder.staged(role)
  if (!metadata) return []
  const { root, roles } = folder.published()
  const delegators =
    role === 'root'
      ? [root, metadata]
      : role === 'targets'
        ? [folder.staged('root') ?? root]
        : [folder.staged('targets') ?? roles.get('targets')]
  const by = delegators.flatMap(delegator => (delegator ? [signedBy(delegator, role, metadata)] : []))
  return [{ role, version: metadata.signed.version, by }]
}

/** Asks it as a gateway does that has pinned the first root and saw nothing yet. */
async function whyNotBelieved(folder: TrustFolder, nowMs: number): Promise<readonly string[]> {
  try {
    const place = { kind: 'folder', folder: folder.path } as const
    const { refused } = await dryRefresh({ place, pinnedRoot: folder.firstRoot(), now: () => nowMs })
    return refused.map(({ part, why }) => `${part}: ${why}`)
  } catch (error) {
    return [error instanceof Error ? error.message : 'it cannot be read']
  }
}
