// What the roles index and revocations sign next: what they signed before, and what the registry has besides.

import type { Metadata, Targets } from '@tufjs/models'
import { Fault } from '../../kernel/errors.ts'
import type { Withdrawal } from '../../trust/blocked.ts'
import { indexPart, readIndex, writeIndex, type TrustIndex } from '../../trust/index-document.ts'
import { forgotten, mergedIndex, type IndexChange } from '../../trust/index-merge.ts'
import { NO_REVOCATIONS, readRevocations, withWithdrawals, writeRevocations } from '../../trust/revocations.ts'
import type { Documents } from './ceremony.ts'
import { INDEX_PARTS, indexPath } from './index-parts.ts'
import { MAX_REPOSITORY_FILE_BYTES } from './served-files.ts'
import type { TrustFolder } from './trust-folder.ts'
import { DOCUMENTS } from './trust-state.ts'

type Role = Metadata<Targets> | undefined

/** Throws Fault `trust-repository-invalid` for a document that is not what was signed. */
function partOf(folder: TrustFolder, role: Role, part: string): TrustIndex {
  const bytes = folder.documentOf(role, indexPath(part))
  return bytes ? readIndex(bytes, part) : new Map()
}

/** `odd`: versions of which something else was signed, or that are not among all of them. */
type ChangedIndex = { readonly documents: Documents; readonly odd: readonly string[] }

/** The parts that changes touch. `isAll`: every version of the registry is among them. */
export function changedIndex(folder: TrustFolder, role: Role, changes: Iterable<IndexChange>, isAll: boolean): ChangedIndex {
  const documents = new Map<string, Buffer>()
  const odd: string[] = []
  const byPart = Map.groupBy(changes, ({ name }) => indexPart(name))
  for (const part of isAll ? INDEX_PARTS : byPart.keys()) {
    const [before, own] = [partOf(folder, role, part), byPart.get(part) ?? []]
    const merged = mergedIndex(before, own)
    odd.push(...merged.refused.map(({ name, version }) => `${name}@${version}`))
    if (isAll) odd.push(...forgotten(before, own))
    if (merged.isChanged) documents.set(indexPath(part), partBytes(merged.index, part))
  }
  return { documents, odd }
}

/** A whole index in place of the one that is signed. */
export function replacedIndex(role: Role, index: TrustIndex): Documents {
  const parts = Map.groupBy(index, ([name]) => indexPart(name))
  const old = INDEX_PARTS.filter(part => role?.signed.targets[indexPath(part)] !== undefined)
  const all = new Set([...old, ...parts.keys()])
  return new Map([...all].map(part => [indexPath(part), partBytes(new Map(parts.get(part)), part)]))
}

/** Read as gateways read it: one that they would refuse would end all their freshness. */
function partBytes(index: TrustIndex, part: string): Buffer {
  const bytes = Buffer.from(writeIndex(index))
  if (bytes.length > MAX_REPOSITORY_FILE_BYTES) throw new Fault('index-invalid', `part ${part} of the index is too large`)
  readIndex(bytes, part)
  return bytes
}

/** Revocations with what the registry withdrew; no document where nothing is new. `left`: what the document cannot say. */
export function changedRevocations(
  folder: TrustFolder,
  role: Role,
  withdrawals: Iterable<Withdrawal>,
): { readonly documents: Documents; readonly left: readonly Withdrawal[] } {
  const before = folder.documentOf(role, DOCUMENTS.revocations.path)
  const { revocations, isChanged, left } = withWithdrawals(before ? readRevocations(before) : NO_REVOCATIONS, withdrawals)
  const bytes = Buffer.from(writeRevocations(revocations))
  // As gateways read it: one that they would refuse would end all their freshness.
  if (bytes.length > MAX_REPOSITORY_FILE_BYTES) throw new Fault('revocations-invalid', 'more was revoked than a gateway takes')
  readRevocations(bytes)
  return { documents: new Map(isChanged ? [[DOCUMENTS.revocations.path, bytes]] : []), left }
}
