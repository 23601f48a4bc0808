// What a kept state of a repository of trust means: until when it counts, what kind of repository it is, what its documents say.

import { Metadata, MetadataKind } from '@tufjs/models'
import { Fault } from '../../kernel/errors.ts'
import type { SeenTrust, TrustDocuments } from '../../trust/freshness.ts'
import { isEvaluationSigned, isRoot, parseJson, parseMetadata } from './metadata.ts'
import { revocationKeys } from './revoked-file.ts'
import type { TrustState } from './trust-state.ts'

/** The time it was asked last is kept with anything else, and by itself this often: each is a synced write. */
const KEEP_TIME_MS = 5 * 60_000

/** Throws Fault `trust-metadata-invalid` where there is no root to trust in. */
export function seenOf(state: TrustState, documents: TrustDocuments): SeenTrust {
  const root = parseMetadata(state.metadata['root'] ?? '')
  if (!isRoot(root)) throw new Fault('trust-metadata-invalid', 'expected root metadata to trust in')
  const targets = state.metadata['targets']
  return {
    lastSeenMs: state.lastSeenMs,
    freshUntilMs: state.freshUntilMs,
    expiresMs: new Map(Object.entries(state.metadata).map(([role, text]) => [role, expiryOf(text)])),
    isEvaluation: isEvaluationSigned(root, targets === undefined ? undefined : Metadata.fromJSON(MetadataKind.Targets, parseJson(targets))),
    documents,
  }
}

/** The first moment at which some of the metadata no longer counts. */
export const firstExpiry = (metadata: TrustState['metadata']): number => Math.min(...Object.values(metadata).map(expiryOf))

function expiryOf(text: string): number {
  const { signed } = parseJson(text) as { readonly signed: { readonly expires: string } }
  return Date.parse(signed.expires)
}

/** Whether a state says anything that the kept one does not. */
export const isNews = (state: TrustState, kept: TrustState): boolean =>
  state.freshUntilMs !== kept.freshUntilMs ||
  state.lastSeenMs - kept.lastSeenMs >= KEEP_TIME_MS ||
  !sameTexts(state.metadata, kept.metadata) ||
  !isSameSaid(state, kept)

/** Whether two states have the same documents, by the same keys of keyholders. */
export const isSameSaid = (a: TrustState, b: TrustState): boolean =>
  sameTexts(a.documents, b.documents) && sameTexts(a.index, b.index) && isSameSigner(a.metadata, b.metadata)

const isSameSigner = (a: TrustState['metadata'], b: TrustState['metadata']): boolean =>
  a['targets'] === b['targets'] || revocationKeys(a['targets']) === revocationKeys(b['targets'])

function sameTexts(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every(name => a[name] === b[name])
}
