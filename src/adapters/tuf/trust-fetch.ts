// What one refresh asks of a repository of trust, and what of it the library left verified.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Metadata, MetadataKind } from '@tufjs/models'
import type { Updater } from 'tuf-js'
import { DownloadHTTPError } from 'tuf-js/dist/error.js'
import { Fault } from '../../kernel/errors.ts'
import { parseJson } from './metadata.ts'
import type { RepositoryFetcher } from './repository-fetcher.ts'
import { MAX_REPOSITORY_FILE_BYTES } from './served-files.ts'
import { DOCUMENTS, readDocument, type DocumentName, type TrustState } from './trust-state.ts'

const TOP_ROLES = ['root', 'timestamp', 'snapshot']

/** Whether there is no newer root and the very timestamp that was verified: then the library would find nothing either. False where it cannot be told. */
export async function isUnchanged(fetcher: RepositoryFetcher, base: string, metadata: TrustState['metadata']): Promise<boolean> {
  const { signed } = parseJson(metadata['root']) as { readonly signed: { readonly version: number } }
  const textOf = async (name: string): Promise<string> => new Response(await fetcher.fetch(`${base}/${name}`)).text()
  try {
    const next = await textOf(`${signed.version + 1}.root.json`).catch((error: unknown) => {
      if (error instanceof DownloadHTTPError && [403, 404].includes(error.statusCode)) return undefined
      throw error
    })
    return next === undefined && (await textOf('timestamp.json')) === metadata['timestamp']
  } catch {
    return false
  }
}

/** The verified text of a document; undefined where the repository has none. Throws for what is not believed or not understood. */
export async function documentText(updater: Updater, name: DocumentName, file: string): Promise<string | undefined> {
  const target = await updater.getTargetInfo(DOCUMENTS[name].path)
  if (!target) return undefined
  if (target.length > MAX_REPOSITORY_FILE_BYTES) throw new Fault('fetch-too-large', 'the document is too large')
  await updater.downloadTarget(target, file)
  const bytes = await readFile(file)
  readDocument(name, bytes)
  return bytes.toString('utf8')
}

/** What the library left verified: what it took anew, and what was seen before where it took nothing. Roles that are gone go. */
export async function verifiedIn(folder: string, before: TrustState): Promise<Record<string, string>> {
  const texts = new Map(Object.entries(before.metadata))
  for (const name of await readdir(folder))
    if (name.endsWith('.json')) texts.set(name.slice(0, -5), await readFile(join(folder, name), 'utf8'))
  const snapshot = texts.get('snapshot')
  if (snapshot === undefined) return Object.fromEntries(texts)
  const { meta } = Metadata.fromJSON(MetadataKind.Snapshot, parseJson(snapshot)).signed
  return Object.fromEntries([...texts].filter(([role]) => TOP_ROLES.includes(role) || Object.hasOwn(meta, `${role}.json`)))
}

/** The library's messages name roles, versions and counts of keys; none quotes a document. */
export const whyOf = (error: unknown): string =>
  error instanceof Error ? `${error.constructor.name}: ${error.message.slice(0, 300)}` : 'unknown'

/** The roots up to the one that was verified last: the library verified each of them. */
export function rootsOf(metadata: TrustState['metadata'], before: TrustState, { roots }: RepositoryFetcher): Record<string, string> {
  const { signed } = parseJson(metadata['root']) as { readonly signed: { readonly version: number } }
  return { ...before.roots, ...Object.fromEntries([...roots].filter(([version]) => Number(version) <= signed.version)) }
}
