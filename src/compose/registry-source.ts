// The gateway's own registry as a source of what is served: texts for the trust room to judge, and what was withdrawn.

import type { DocumentStore } from '../registry/documents.ts'
import type { RevocationLog, VersionStore } from '../registry/store.ts'
import { REVOCATION_KINDS } from '../registry/store.ts'
import type { Withdrawal } from '../trust/blocked.ts'
import type { VersionSource } from '../trust/version-source.ts'

/** Documents are kept by the digest of their content, and a surface's content is its canonical JSON. */
export const registrySource = (
  versions: Pick<VersionStore, 'find' | 'evidence'>,
  documents: Pick<DocumentStore, 'document'>,
): VersionSource => ({
  async find(name, version) {
    const entry = await versions.find(name, version)
    if (entry?.version !== version) return undefined
    const { attestations } = await versions.evidence(name, version)
    return {
      serverJson: Buffer.from(entry.serverJson),
      bundles: attestations.map(({ bundle }) => Buffer.from(bundle)),
      isRevoked: entry.standing === 'revoked',
    }
  },
  async document(name, version, { sha256 }) {
    return (await documents.document(name, version, sha256))?.content
  },
})

/** The definitions behind its surface, where they were uploaded. */
export const definitionsIn =
  (documents: Pick<DocumentStore, 'documents' | 'document'>) =>
  async (name: string, version: string): Promise<Buffer | undefined> => {
    const info = (await documents.documents(name, version)).findLast(({ kind }) => kind === 'definitions')
    return info && (await documents.document(name, version, info.sha256))?.content
  }

/** All that blocks, of every kind. */
export async function withdrawnIn(revocations: Pick<RevocationLog, 'blocking'>): Promise<readonly Withdrawal[]> {
  const kinds = await Promise.all(REVOCATION_KINDS.map(kind => revocations.blocking(kind)))
  return kinds.flat().map(({ kind, target, notBeforeSeconds }) => ({
    kind,
    target,
    ...(notBeforeSeconds !== undefined && { notBeforeMs: notBeforeSeconds * 1000 }),
  }))
}
