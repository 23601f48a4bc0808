// Begins a repository of trust: makes the online keys, and stages what keyholders sign first.

import {
  OFFLINE_ROLES,
  ONLINE_ROLES,
  delegatedOf,
  rootOf,
  targetsOf,
  type Documents,
  type OnlineRole,
  type Role,
  type TrustKeys,
} from './ceremony.ts'
import { checkKeyCount, THRESHOLD } from './key-counts.ts'
import { namedKey, publicPem, signWith, type NamedKey } from './metadata.ts'
import { pathsOf, type NewDocuments } from './staging.ts'
import type { TrustFolder } from './trust-folder.ts'

/** `root`, `namespaces`: public keys of keyholders, PEM. */
export type Keyholders = { readonly root: readonly string[]; readonly namespaces: readonly string[] }

/** Begins a repository: makes the online keys, and stages what keyholders sign first. Throws Fault `trust-refused`. */
export function beginTrust(folder: TrustFolder, keyholders: Keyholders, documents: NewDocuments, nowMs: number): void {
  const keys: TrustKeys = { ...checkedKeys(keyholders), online: makeOnlineKeys(folder), threshold: THRESHOLD }
  stageAll(folder, keys, documents, nowMs)
}

/** The same with one key that lies beside the others: whoever has this machine has everything. For trying out. */
export function beginEvaluation(folder: TrustFolder, documents: NewDocuments, nowMs: number): void {
  const key = folder.makeOnlineKey('evaluation') // in the same folder, so this machine alone signs for everything
  const named = namedKey(publicPem(key))
  stageAll(folder, { root: [named], namespaces: [named], online: makeOnlineKeys(folder), threshold: 1 }, documents, nowMs)
  for (const role of OFFLINE_ROLES) {
    const metadata = folder.staged(role)
    if (!metadata) continue
    signWith(metadata, key)
    folder.stage(role, metadata)
  }
}

const makeOnlineKeys = (folder: TrustFolder): Record<OnlineRole, NamedKey> =>
  Object.fromEntries(ONLINE_ROLES.map(role => [role, namedKey(publicPem(folder.makeOnlineKey(role)))])) as Record<OnlineRole, NamedKey>

function stageAll(folder: TrustFolder, keys: TrustKeys, documents: NewDocuments, nowMs: number): void {
  const issue = { version: 1, nowMs }
  const pick = (role: Role): Documents => pathsOf(documents, role)
  for (const role of ['targets', 'namespaces'] as const) folder.writeDocuments(pick(role))
  folder.stage('root', rootOf(keys, issue))
  folder.stage('targets', targetsOf(keys, pick('targets'), issue))
  folder.stage('namespaces', delegatedOf('namespaces', pick('namespaces'), issue))
}

function checkedKeys({ root, namespaces }: Keyholders): Pick<TrustKeys, 'root' | 'namespaces'> {
  const keys = { root: root.map(namedKey), namespaces: namespaces.map(namedKey) }
  for (const role of ['root', 'namespaces'] as const) checkKeyCount(role, keys[role])
  return keys
}
