// What keyholders are to sign next: changed documents staged beside what is published.

import type { Metadata, Root, Targets } from '@tufjs/models'
import { Fault } from '../../kernel/errors.ts'
import { delegatedOf, targetsOf, type Documents, type OfflineRole, type OnlineRole, type Role, type TrustKeys } from './ceremony.ts'
import { refused, THRESHOLD } from './key-counts.ts'
import { isEvaluationSigned, keysOf, type NamedKey } from './metadata.ts'
import type { TrustFolder } from './trust-folder.ts'
import { DOCUMENTS, readDocument, type DocumentName } from './trust-state.ts'

/** Documents handed in, by name. */
export type NewDocuments = ReadonlyMap<DocumentName, Buffer>

/** The documents a role signs, by path, each read as a gateway reads it. Throws what its reader throws. */
export function pathsOf(documents: NewDocuments, role: Role): Map<string, Buffer> {
  const own = [...documents].filter(([name]) => DOCUMENTS[name].role === role)
  for (const [name, bytes] of own) readDocument(name, bytes)
  return new Map(own.map(([name, bytes]): [string, Buffer] => [DOCUMENTS[name].path, bytes]))
}

/** What counts next: what is staged, else what is published. */
export function current(folder: TrustFolder): {
  readonly root: Metadata<Root>
  readonly targets: Metadata<Targets>
  readonly namespaces: Metadata<Targets>
} {
  const { root, roles } = folder.published()
  const found = {
    root: (folder.staged('root') as Metadata<Root> | undefined) ?? root,
    targets: (folder.staged('targets') as Metadata<Targets> | undefined) ?? roles.get('targets'),
    namespaces: (folder.staged('namespaces') as Metadata<Targets> | undefined) ?? roles.get('namespaces'),
  }
  const { root: nextRoot, targets, namespaces } = found
  if (!nextRoot || !targets || !namespaces)
    throw new Fault('trust-repository-invalid', `\`${folder.path}\` is no trust repository; begin one with \`gatehouse trust init\``)
  return { root: nextRoot, targets, namespaces }
}

/** One more than what is published: a version that was staged and never published is replaced. */
export function nextVersion(folder: TrustFolder, role: OfflineRole): number {
  const { root, roles } = folder.published()
  return 1 + ((role === 'root' ? root : roles.get(role))?.signed.version ?? 0)
}

/** Stages changed documents for their keyholders; answers the roles that have to sign. Throws Fault `trust-refused` for floors that fall. */
export function stageDocuments(folder: TrustFolder, documents: NewDocuments, nowMs: number): readonly OfflineRole[] {
  const { root, targets, namespaces } = current(folder)
  const keys = keysIn(root, targets)
  const changed = (['targets', 'namespaces'] as const).filter(role => pathsOf(documents, role).size > 0)
  for (const role of changed) {
    const before = folder.documentsOf(role === 'targets' ? targets : namespaces)
    const next = pathsOf(documents, role)
    checkFloors(before, next)
    folder.writeDocuments(next)
    const all = new Map([...before, ...next])
    const issue = { version: nextVersion(folder, role), nowMs }
    folder.stage(role, role === 'targets' ? targetsOf(keys, all, issue) : delegatedOf(role, all, issue))
  }
  return changed
}

/** Gateways would keep the higher floor whatever is signed; a document that says otherwise is a mistake, or somebody's try. */
function checkFloors(before: Documents, next: Documents): void {
  const [old, raised] = [before, next].map(documents => documents.get(DOCUMENTS.floors.path))
  if (!old || !raised) return
  const floors = readDocument('floors', raised).floors
  for (const [name, sequence] of readDocument('floors', old).floors ?? [])
    if ((floors?.get(name) ?? 0) < sequence) throw refused(`floors: expected ${sequence} or above for \`${name}\`; floors only rise`)
}

/** The keys that are named now. Throws Fault `trust-repository-invalid`. */
export function keysIn(root: Metadata<Root>, targets: Metadata<Targets>): TrustKeys {
  const online = (role: OnlineRole): NamedKey => {
    const [key] = keysOf(role === 'timestamp' || role === 'snapshot' ? root : targets, role)
    if (!key) throw new Fault('trust-repository-invalid', `no key is named for the role \`${role}\``)
    return key
  }
  return {
    root: keysOf(root, 'root'),
    namespaces: keysOf(targets, 'namespaces'),
    online: { timestamp: online('timestamp'), snapshot: online('snapshot'), index: online('index'), revocations: online('revocations') },
    threshold: isEvaluationSigned(root, targets) ? 1 : THRESHOLD,
  }
}
