// The repository of trust, where the configuration names one: its libraries are loaded only then.

import type { TrustPlane, TrustParts } from './trust.ts'

/** Undefined where none is followed. Rejects as openTrust. */
export async function followTrust(parts: Omit<TrustParts, 'repository'>): Promise<TrustPlane | undefined> {
  const { repository } = parts.snapshot.registry
  if (!repository) return undefined
  const { openTrust } = await import('./trust.ts')
  return openTrust({ ...parts, repository })
}
