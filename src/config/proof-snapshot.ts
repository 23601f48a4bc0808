// How namespaces are proved, from the checked document to the snapshot.

import type { NamespaceSettings } from './schema.ts'
import type { ConfigDocument } from './table.ts'

/** INVARIANT: the document has no fault left. */
export const proofsOf = (
  { registry: { proofs, cooldown, claims, officialProofs, github } }: ConfigDocument,
  publicUrl: string,
): NamespaceSettings => ({
  proofs: proofs.map(({ jwksUri, jwksFile, audience, maxTokenLife, clockSkew, ...rest }) => ({
    ...rest,
    ...(jwksUri !== undefined && { jwksUri }),
    ...(jwksFile !== undefined && { jwksFile }),
    audience: audience ?? publicUrl,
    maxTokenSeconds: maxTokenLife,
    clockSkewSeconds: clockSkew,
  })),
  cooldownSeconds: cooldown,
  isOpenToClaims: claims === 'proved',
  officialProofs,
  ...(github && { github: { ...github, api: github.api.replace(/\/+$/, '') } }),
})
