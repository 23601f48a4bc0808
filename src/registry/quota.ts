// How much there may be: documents of one version, and everything that is kept of a namespace. Nothing ever goes away, so a publisher could fill the disk.

import type { Stop } from '../kernel/errors.ts'
import { MAX_VERSION_BYTES, type DocumentStore, type StoredDocument } from './documents.ts'
import { parseServerName } from './names.ts'

export type QuotaParts = {
  readonly documents: DocumentStore
  /** of all servers of one namespace */
  readonly maxNamespaceBytes: () => number
}
type Into = { readonly name: string; readonly version: string }
/** `texts`: server.json and bundles that are not there yet */
type Come = { readonly texts: readonly string[]; readonly documents: readonly StoredDocument[] }

/** Why there is no room for these beside what is there. What is kept already takes none again. */
export async function whyNoRoom(
  { documents, maxNamespaceBytes }: QuotaParts,
  { name, version }: Into,
  come: Come,
): Promise<Stop | undefined> {
  const there = come.documents.length === 0 ? [] : await documents.documents(name, version)
  const added = bytesOf(come.documents.filter(({ kind, signed }) => !there.some(other => other.kind === kind && other.signed === signed)))
  if (there.reduce((sum, { bytes }) => sum + bytes, 0) + added > MAX_VERSION_BYTES)
    return {
      stop: 'quota-exceeded',
      detail: `expected at most ${MAX_VERSION_BYTES} bytes of documents of one version`,
      fix: 'publish another version',
    }
  const sum = come.texts.reduce((bytes, text) => bytes + Buffer.byteLength(text), added)
  const most = maxNamespaceBytes()
  if (sum === 0 || sum + (await documents.usedBytes(parseServerName(name)?.namespace ?? '')) <= most) return undefined
  return {
    stop: 'quota-exceeded',
    detail: `what is kept of the namespace would come to more than ${most} bytes`,
    fix: 'send fewer documents; an operator can raise `registry.namespaceSize`',
  }
}

const bytesOf = (documents: readonly StoredDocument[]): number => documents.reduce((sum, { content }) => sum + content.length, 0)
