// Publishes: what keyholders signed is taken up, what is online is signed anew, and all of it becomes the newest.

import { Metadata, MetadataKind, type Root, type Snapshot, type Targets } from '@tufjs/models'
import { canonicalJson } from '../../kernel/canonical-json.ts'
import { delegatedOf, LIFETIME_MS, snapshotOf, timestampOf, type MetaFileOf } from './ceremony.ts'
import { choose, type Publication } from './keyholders-part.ts'
import { isComplete, metadataBytes, signedBy, signWith } from './metadata.ts'
import { pathsOf, type NewDocuments } from './staging.ts'
import type { Published, TrustFolder } from './trust-folder.ts'

/**
 * Takes up what is signed by enough, signs anew what is online, and makes it the newest. `documents`: of index and revocations. Written in an order that leaves
 * a whole repository, the old or the new, wherever it is interrupted; run again, it goes on. Throws Fault `trust-refused` before there is enough for a first one.
 * `isDueOnly`: nothing where nothing changed and the timestamp is five minutes old at most.
 */
export function publishTrust(folder: TrustFolder, documents: NewDocuments, nowMs: number, { isDueOnly = false } = {}): Publication {
  const before = folder.published()
  const { root, targets, namespaces, published, waiting } = choose(folder, before)
  const files = new Map<string, MetaFileOf>()
  const put = (role: string, metadata: Metadata<Targets>): void => {
    const bytes = metadataBytes(metadata)
    const { version } = metadata.signed
    if (before.roles.get(role)?.signed.version !== version) folder.writeMetadata(`${version}.${role}.json`, bytes)
    files.set(role, { bytes, version })
  }
  put('targets', targets)
  put('namespaces', namespaces)
  for (const role of ['index', 'revocations'] as const)
    put(role, onlineRole(folder, role, { targets, old: before.roles.get(role), documents, nowMs }))

  const snapshot = newestSnapshot(folder, { root, files, old: before.snapshot, nowMs })
  const snapshotFile = { bytes: metadataBytes(snapshot), version: snapshot.signed.version }
  const timestampKey = folder.onlineKey('timestamp', root) // a key that is gone is noticed before it is needed
  const isNew = published.length > 0 || snapshot !== before.snapshot
  if (isDueOnly && !isNew && !isTimestampDue(before, nowMs)) return { published, waiting }
  if (snapshot !== before.snapshot) folder.writeMetadata(`${snapshotFile.version}.snapshot.json`, snapshotFile.bytes)
  const timestamp = timestampOf(snapshotFile, { version: 1 + (before.timestamp?.signed.version ?? 0), nowMs })
  signWith(timestamp, timestampKey)
  // The root first: it names the keys of what follows. Until the timestamp is there, gateways with the new root keep what they saw.
  if (published.includes('root')) folder.writeMetadata(`${root.signed.version}.root.json`, metadataBytes(root))
  folder.writeMetadata('timestamp.json', metadataBytes(timestamp))
  for (const role of published) folder.unstage(role)
  return { published, waiting }
}

const RENEWED_MS = 5 * 60_000
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

/** The newest metadata of a role that this machine signs: a new version when its documents or keys changed, or half its life is over. */
function onlineRole(
  folder: TrustFolder,
  role: 'index' | 'revocations',
  { targets, old, documents, nowMs }: {
    readonly targets: Metadata<Targets>
    readonly old: Metadata<Targets> | undefined
    readonly documents: NewDocuments
    readonly nowMs: number
  }, // prettier-ignore
): Metadata<Targets> {
  const changed = pathsOf(documents, role)
  const isAged = old === undefined || Date.parse(old.signed.expires) - nowMs < LIFETIME_MS[role] / 2
  if (!isAged && changed.size === 0 && isComplete(signedBy(targets, role, old))) return old
  folder.writeDocuments(changed)
  const all = new Map([...folder.documentsOf(old), ...changed])
  const metadata = delegatedOf(role, all, { version: 1 + (old?.signed.version ?? 0), nowMs })
  signWith(metadata, folder.onlineKey(role, targets))
  return Metadata.fromJSON(MetadataKind.Targets, metadata.toJSON())
}
