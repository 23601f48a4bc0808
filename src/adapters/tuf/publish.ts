// Publishes: what keyholders signed is taken up, what is online is signed anew, and all of it becomes the newest.

import { hash } from 'node:crypto'
import { Metadata, MetadataKind, type Root, type Snapshot, type Targets } from '@tufjs/models'
import { canonicalJson } from '../../kernel/canonical-json.ts'
import { delegatedOf, LIFETIME_MS, snapshotOf, timestampOf, type Documents, type MetaFileOf } from './ceremony.ts'
import { documentChanges, metadataChange, perform, performBeside, stagedName, type FolderChange } from './folder-changes.ts'
import { choose, type Publication } from './keyholders-part.ts'
import { isComplete, metadataBytes, signedBy, signWith } from './metadata.ts'
import { pathsOf } from './staging.ts'
import type { Published, TrustFolder } from './trust-folder.ts'

/** What this machine signs anew: documents by path. Those of before that are not among them stay as they are. */
export type OnlineDocuments = Readonly<Partial<Record<'index' | 'revocations', Documents>>>

/** Revocations as they are handed in. Throws what their reader throws. */
export const revocationsFrom = (bytes: Buffer): Documents => pathsOf(new Map([['revocations', bytes]]), 'revocations')

/**
 * Takes up what is signed by enough, signs anew what is online, and makes it the newest. Written in an order that leaves
 * a whole repository, the old or the new, wherever it is interrupted; run again, it goes on. Throws Fault `trust-refused` before there is enough for a first one.
 */
export function publishTrust(folder: TrustFolder, documents: OnlineDocuments, nowMs: number): Publication {
  const { changes, ...publication } = planned(folder, documents, nowMs, false)
  perform(folder.path, changes)
  return publication
}

/** The same for a process that has other things to do, and nothing where nothing changed and the timestamp is five minutes old at most. */
export async function publishDueTrust(folder: TrustFolder, documents: OnlineDocuments, nowMs: number): Promise<void> {
  await performBeside(folder.path, planned(folder, documents, nowMs, true).changes)
}

type Planned = Publication & { readonly changes: readonly FolderChange[] }

function planned(folder: TrustFolder, documents: OnlineDocuments, nowMs: number, isDueOnly: boolean): Planned {
  const before = folder.published()
  const { root, targets, namespaces, published, waiting } = choose(folder, before)
  const files = new Map<string, MetaFileOf>()
  const changes: FolderChange[] = []
  const put = (role: string, metadata: Metadata<Targets>): void => {
    const bytes = metadataBytes(metadata)
    const { version } = metadata.signed
    if (before.roles.get(role)?.signed.version !== version) changes.push(metadataChange(`${version}.${role}.json`, bytes))
    files.set(role, { bytes, version })
  }
  put('targets', targets)
  put('namespaces', namespaces)
  for (const role of ['index', 'revocations'] as const) {
    const old = before.roles.get(role)
    const changed = changedOf(old, documents[role] ?? new Map())
    changes.push(...documentChanges(changed))
    put(role, onlineRole(folder, role, { targets, old, changed, nowMs }))
  }

  const snapshot = newestSnapshot(folder, { root, files, old: before.snapshot, nowMs })
  const snapshotFile = { bytes: metadataBytes(snapshot), version: snapshot.signed.version }
  const timestampKey = folder.onlineKey('timestamp', root) // a key that is gone is noticed before it is needed
  const isNew = published.length > 0 || snapshot !== before.snapshot
  if (isDueOnly && !isNew && !isTimestampDue(before, nowMs)) return { published, waiting, changes: [] }
  if (snapshot !== before.snapshot) changes.push(metadataChange(`${snapshotFile.version}.snapshot.json`, snapshotFile.bytes))
  const timestamp = timestampOf(snapshotFile, { version: 1 + (before.timestamp?.signed.version ?? 0), nowMs })
  signWith(timestamp, timestampKey)
  // The root first: it names the keys of what follows. Until the timestamp is there, gateways with the new root keep what they saw.
  if (published.includes('root')) changes.push(metadataChange(`${root.signed.version}.root.json`, metadataBytes(root)))
  changes.push(metadataChange('timestamp.json', metadataBytes(timestamp)), ...published.map(role => ({ file: stagedName(role) })))
  return { published, waiting, changes }
}

/** A timestamp is signed anew so often. */
export const RENEWED_MS = 5 * 60_000
/** Also where a clock that ran ahead signed one for longer than it should. */
function isTimestampDue({ timestamp }: Published, nowMs: number): boolean {
  const ageMs = timestamp ? LIFETIME_MS.timestamp - (Date.parse(timestamp.signed.expires) - nowMs) : Infinity
  return ageMs >= RENEWED_MS || ageMs < -RENEWED_MS
}

/** The old one while it says the same, by a key that counts, for half its life: timestamps are made every few minutes, and each snapshot is a file for good. */
function newestSnapshot(
  folder: TrustFolder,
  {
    root,
    files,
    old,
    nowMs,
  }: {
    readonly root: Metadata<Root>
    readonly files: ReadonlyMap<string, MetaFileOf>
    readonly old: Metadata<Snapshot> | undefined
    readonly nowMs: number
  },
): Metadata<Snapshot> {
  const next = snapshotOf(files, { version: 1 + (old?.signed.version ?? 0), nowMs })
  const isAged = old === undefined || Date.parse(old.signed.expires) - nowMs < LIFETIME_MS.snapshot / 2
  const metaOf = ({ signed }: Metadata<Snapshot>): string | undefined => canonicalJson(signed.toJSON()['meta'])
  if (!isAged && metaOf(old) === metaOf(next) && isComplete(signedBy(root, 'snapshot', old))) return old
  signWith(next, folder.onlineKey('snapshot', root))
  return next
}

/** What is not signed already. */
const changedOf = (old: Metadata<Targets> | undefined, documents: Documents): Documents =>
  new Map([...documents].filter(([path, bytes]) => old?.signed.targets[path]?.hashes['sha256'] !== hash('sha256', bytes)))

/** The newest metadata of a role that this machine signs: a new version when its documents or keys changed, or half its life is over. */
function onlineRole(
  folder: TrustFolder,
  role: 'index' | 'revocations',
  { targets, old, changed, nowMs }: {
    readonly targets: Metadata<Targets>
    readonly old: Metadata<Targets> | undefined
    readonly changed: Documents
    readonly nowMs: number
  }, // prettier-ignore
): Metadata<Targets> {
  const isAged = old === undefined || Date.parse(old.signed.expires) - nowMs < LIFETIME_MS[role] / 2
  if (!isAged && changed.size === 0 && isComplete(signedBy(targets, role, old))) return old
  const metadata = delegatedOf(role, changed, { version: 1 + (old?.signed.version ?? 0), nowMs }, old?.signed.targets)
  signWith(metadata, folder.onlineKey(role, targets))
  return Metadata.fromJSON(MetadataKind.Targets, metadata.toJSON())
}
