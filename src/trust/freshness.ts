// How old what is known of the registry may be. Fresh: everything. A while without the repository: what was admitted before. Then nothing, and revocations always.

import { deny, type Denial } from './denial.ts'
import type { FloorTable } from './floors.ts'
import type { TrustIndex } from './index-document.ts'
import { whyWithdrawn, type Revocations } from './revocations.ts'
import type { TrustPolicies } from './signer-policy.ts'
import type { TrustedRootFile } from './trusted-root.ts'

/** What the repository's signed documents say. Absent = no such document was ever seen; who may sign is then nobody. */
export type TrustDocuments = {
  readonly trustedRoot?: TrustedRootFile
  readonly policies?: TrustPolicies
  readonly floors?: FloorTable
  readonly revocations?: Revocations
  readonly index?: TrustIndex
}

/** What a gateway last saw of the repository. Times in milliseconds since the epoch. */
export type SeenTrust = {
  /** the latest moment of our own clock at which it was asked, whatever came of it */
  readonly lastSeenMs: number
  /** when the first of all the metadata of the last complete refresh expires; undefined = never complete. What came in pieces extends nothing. */
  readonly freshUntilMs: number | undefined
  /** when the metadata of each role expires */
  readonly expiresMs: ReadonlyMap<string, number>
  /** whether one key alone may sign root, targets or namespaces: good for trying out, and for nothing else */
  readonly isEvaluation: boolean
  readonly documents: TrustDocuments
}

/** A part of a refresh that was not believed; what was seen before stays. */
export type RefusedPart = { readonly part: string; readonly why: string }

/**
 * The repository of trust, and what was last seen of it. `refresh` asks it once: what it answers with is durable before it counts, floors first; nothing is
 * taken back. It throws a Fault `trust-refresh-failed` when the repository cannot be asked or believed, `trust-state-unwritable` when the answer cannot be
 * kept; `seen` then answers as before. Calls must not overlap.
 */
export interface TrustRepository {
  /** before anything was seen: what the pinned root says, and nothing fresh */
  seen(): SeenTrust
  refresh(): Promise<{ readonly seen: SeenTrust; readonly refused: readonly RefusedPart[] }>
}

/** Corrections of the clock by the time service go back a little; that moves no expiry. */
const CLOCK_TOLERANCE_MS = 1000

/** `graceMs`: how long after the expiry what was admitted stays usable; 0 = not at all. */
export type FreshnessRules = { readonly graceMs: number; readonly nowMs: number }

/**
 * Why a server version may not be used or admitted now; undefined when nothing here speaks against it. `isAdmitted`: whether it was admitted while this was
 * fresh. Revocations count first, and however old they are.
 */
export function whyNotFresh(
  seen: SeenTrust,
  version: { readonly server: string; readonly version: string; readonly isAdmitted: boolean },
  { graceMs, nowMs }: FreshnessRules,
): Denial | undefined {
  const { revocations } = seen.documents
  const withdrawn = revocations && whyWithdrawn(revocations, version.server, version.version)
  if (withdrawn) return withdrawn
  if (seen.freshUntilMs === undefined) return deny('trust-unseen', 'no complete answer of the trust repository was ever seen')
  const { lastSeenMs, freshUntilMs } = seen
  // With its clock set back, expired metadata would count as fresh again.
  if (nowMs < lastSeenMs - CLOCK_TOLERANCE_MS)
    return deny('clock-back', `expected a time from ${instant(lastSeenMs)}, got ${instant(nowMs)}`)
  if (nowMs < freshUntilMs) return undefined
  const since = `what is known of the trust repository was good until ${instant(freshUntilMs)}`
  if (nowMs >= freshUntilMs + graceMs) return deny('trust-expired', since)
  return version.isAdmitted ? undefined : deny('trust-grace', since)
}

const instant = (ms: number): string => new Date(ms).toISOString()

/** Policies with the signers that the repository revoked, however the two documents came. */
export const policiesOf = ({ policies, revocations }: TrustDocuments): TrustPolicies => ({
  namespaces: policies?.namespaces ?? new Map(),
  reviewers: policies?.reviewers ?? [],
  revocations: [...(policies?.revocations ?? []), ...(revocations?.signers ?? [])],
})
