// How many bytes of documents there may be: of one version, and of all versions in a namespace, so that a publisher cannot fill the disk.

import type { Stop } from '../kernel/errors.ts'
import { MAX_VERSION_BYTES, type DocumentStore, type StoredDocument } from './documents.ts'
import { parseServerName } from './names.ts'

export type QuotaParts = {
  readonly documents: DocumentStore
  /** of all servers of one namespace */
  readonly maxNamespaceBytes: () => number
}
type Into = { readonly name: string; readonly version: string }

/** Why there is no room for these beside what is there. What is kept already takes none again. */
export async function whyNoRoom(
  { documents, maxNamespaceBytes }: QuotaParts,
  { name, version }: Into,
  come: readonly StoredDocument[],
): Promise<Stop | undefined> {
  if (come.length === 0) return undefined
  const there = await documents.documents(name, version)
  const added = bytesOf(come.filter(({ kind, signed }) => !there.some(other => other.kind === kind && other.signed === signed)))
  if (there.reduce((sum, { bytes }) => sum + bytes, 0) + added > MAX_VERSION_BYTES)
    return {
      stop: 'quota-exceeded',
      detail: `expected at most ${MAX_VERSION_BYTES} bytes of documents of one version`,
      fix: 'publish another version',
    }
  const most = maxNamespaceBytes()
  if (added === 0 || added + (await documents.usedBytes(parseServerName(name)?.namespace ?? '')) <= most) return undefined
  return {
    stop: 'quota-exceeded',
    detail: `documents of the namespace would come to more than ${most} bytes`,
    fix: 'send fewer documents; an operator can raise `registry.documentsPerNamespace`',
  }
}

const bytesOf = (documents: readonly StoredDocument[]): number => documents.reduce((sum, { content }) => sum + content.length, 0)
