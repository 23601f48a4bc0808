// A checked reviewer setting as the running gateway sees it.

import type { ReviewerSettings } from './schema.ts'
import type { ConfigDocument } from './table.ts'

type ReviewerDocument = ConfigDocument['reviewers'] extends ReadonlyMap<string, infer R> ? R : never

/** INVARIANT: checked by reviewer-checks.ts: a key, or an identity with its root. */
export function reviewerOf({ publicKey, evaluation, issuer, san, sanPattern, root }: ReviewerDocument): ReviewerSettings {
  if (publicKey !== undefined) return { kind: 'key', publicKey, isEvaluation: evaluation }
  return {
    kind: 'keyless',
    issuer: issuer ?? '',
    ...(san !== undefined && { san }),
    ...(sanPattern !== undefined && { sanPattern }),
    root: root ?? '',
  }
}
