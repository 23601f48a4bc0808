// What the operator of a repository of trust does: begin it, stage what keyholders sign, take up what they signed, and sign what is online.

import { Metadata, MetadataKind, type Root, type Snapshot, type Targets } from '@tufjs/models'
import { canonicalJson } from '../../kernel/canonical-json.ts'
import { Fault } from '../../kernel/errors.ts'
import {
  delegatedOf,
  LIFETIME_MS,
  OFFLINE_ROLES,
  ONLINE_ROLES,
  rootOf,
  snapshotOf,
  targetsOf,
  timestampOf,
  type Documents,
  type MetaFileOf,
  type OfflineRole,
  type OnlineRole,
  type Role,
  type TrustKeys,
} from './ceremony.ts'
import {
  isComplete,
  isEvaluationSigned,
  keysOf,
  metadataBytes,
  namedKey,
  publicPem,
  signedBy,
  signedBytes,
  signWith,
  type AnyMetadata,
  type NamedKey,
  type SignedBy,
} from './metadata.ts'
import type { Published, TrustFolder } from './trust-folder.ts'
import { DOCUMENTS, readDocument, type DocumentName } from './trust-state.ts'

/** Keys of people. Root: one can be lost or stolen, and two of the others still agree. */
const LEAST_KEYS = { root: 3, namespaces: 2 } as const
const THRESHOLD = 2

/** Documents handed in, by name. */
export type NewDocuments = ReadonlyMap<DocumentName, Buffer>
const refused = (why: string): Fault => new Fault('trust-refused', why)

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

/** The documents a role signs, by path, each read as a gateway reads it. Throws what its reader throws. */
function pathsOf(documents: NewDocuments, role: Role): Map<string, Buffer> {
  const own = [...documents].filter(([name]) => DOCUMENTS[name].role === role)
  for (const [name, bytes] of own) readDocument(name, bytes)
  return new Map(own.map(([name, bytes]): [string, Buffer] => [DOCUMENTS[name].path, bytes]))
}

function checkedKeys({ root, namespaces }: Keyholders): Pick<TrustKeys, 'root' | 'namespaces'> {
  const keys = { root: root.map(namedKey), namespaces: namespaces.map(namedKey) }
  for (const role of ['root', 'namespaces'] as const) checkCount(role, keys[role])
  return keys
}

function checkCount(role: 'root' | 'namespaces', keys: readonly NamedKey[]): void {
  if (new Set(keys.map(({ id }) => id)).size !== keys.length) throw refused(`${role}: expected each key once`)
  if (keys.length < LEAST_KEYS[role]) throw refused(`${role}: expected at least ${LEAST_KEYS[role]} keys, got ${keys.length}`)
}

/** What counts next: what is staged, else what is published. */
function current(folder: TrustFolder): {
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
function nextVersion(folder: TrustFolder, role: OfflineRole): number {
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

/** `add`: public keys, PEM. `remove`: ids. Nothing of both renews what the role signs. */
export type Rotation = { readonly role: Exclude<Role, 'targets'>; readonly add: readonly string[]; readonly remove: readonly string[] }

/** Stages new keys for a role; answers the roles that have to sign. Throws Fault `trust-refused`. */
export function rotateKeys(folder: TrustFolder, { role, add, remove }: Rotation, nowMs: number): readonly OfflineRole[] {
  const { root, targets, namespaces } = current(folder)
  const keys = keysIn(root, targets)
  const next =
    role === 'root' || role === 'namespaces' ? withPeople(keys, { role, add, remove }) : withOnline(folder, keys, { role, add, remove })
  // Whoever held a root key has signed targets too: what stays valid is signed by those who stay.
  const roles = ROTATED[role]
  const issueOf = (each: OfflineRole) => ({ version: nextVersion(folder, each), nowMs })
  for (const each of roles) {
    if (each === 'root') folder.stage('root', rootOf(next, issueOf('root')))
    else if (each === 'targets') folder.stage('targets', targetsOf(next, folder.documentsOf(targets), issueOf('targets')))
    else folder.stage('namespaces', delegatedOf('namespaces', folder.documentsOf(namespaces), issueOf('namespaces')))
  }
  return roles
}

/** What has to be signed anew when a role gets other keys. */
const ROTATED: Readonly<Record<Rotation['role'], readonly OfflineRole[]>> = {
  root: ['root', 'targets'],
  timestamp: ['root'],
  snapshot: ['root'],
  namespaces: ['targets', 'namespaces'],
  index: ['targets'],
  revocations: ['targets'],
}

function withPeople(keys: TrustKeys, { role, add, remove }: Rotation & { readonly role: 'root' | 'namespaces' }): TrustKeys {
  const old = keys[role]
  const unknown = remove.find(id => !old.some(key => key.id === id))
  if (unknown !== undefined) throw refused(`${role} has no key \`${unknown.slice(0, 80)}\``)
  const people = [...old.filter(({ id }) => !remove.includes(id)), ...add.map(namedKey)]
  if (keys.threshold >= THRESHOLD) checkCount(role, people)
  else if (add.length + remove.length > 0)
    throw refused('an evaluation does not become anything else: begin anew with `gatehouse trust init`')
  return { ...keys, [role]: people }
}

function withOnline(folder: TrustFolder, keys: TrustKeys, { role, add, remove }: Rotation): TrustKeys {
  if (add.length + remove.length > 0) throw refused(`the key of \`${role}\` is made here: --add and --remove are for keyholders`)
  return { ...keys, online: { ...keys.online, [role]: namedKey(publicPem(folder.makeOnlineKey(role as OnlineRole))) } }
}

function keysIn(root: Metadata<Root>, targets: Metadata<Targets>): TrustKeys {
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

/** What was taken up, and what still lacks signatures: the ids of keys that could give them. */
export type Publication = {
  readonly published: readonly OfflineRole[]
  readonly waiting: readonly {
    readonly role: OfflineRole
    readonly signed: number
    readonly threshold: number
    readonly missing: readonly string[]
  }[]
}

/** Files of keyholders that signed copies of what is staged. Throws Fault `trust-refused` for a copy of something else. */
export function mergeSigned(folder: TrustFolder, copies: readonly AnyMetadata[]): void {
  for (const copy of copies) {
    const role = OFFLINE_ROLES.find(each => {
      const staged = folder.staged(each)
      return staged !== undefined && signedBytes(staged).equals(signedBytes(copy))
    })
    const staged = role && folder.staged(role)
    if (!staged) throw refused('a signed file is not a copy of anything that is staged now; stage it again, or sign the one that is')
    // What is here already stays: a copy could hold a worthless signature under somebody else's key.
    staged.signatures = { ...copy.signatures, ...staged.signatures }
    folder.stage(role, staged)
  }
}

/**
 * Takes up what is signed by enough, signs anew what is online, and makes it the newest. `documents`: of index and revocations. Written in an order that leaves
 * a whole repository, the old or the new, wherever it is interrupted; run again, it goes on. Throws Fault `trust-refused` before there is enough for a first one.
 */
export function publishTrust(folder: TrustFolder, documents: NewDocuments, nowMs: number): Publication {
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
  if (snapshot !== before.snapshot) folder.writeMetadata(`${snapshotFile.version}.snapshot.json`, snapshotFile.bytes)
  const timestamp = timestampOf(snapshotFile, { version: 1 + (before.timestamp?.signed.version ?? 0), nowMs })
  signWith(timestamp, folder.onlineKey('timestamp', root))
  // The root first: it names the keys of what follows. Until the timestamp is there, gateways with the new root keep what they saw.
  if (published.includes('root')) folder.writeMetadata(`${root.signed.version}.root.json`, metadataBytes(root))
  folder.writeMetadata('timestamp.json', metadataBytes(timestamp))
  for (const role of published) folder.unstage(role)
  return { published, waiting }
}

type Choice = Publication & { readonly root: Metadata<Root>; readonly targets: Metadata<Targets>; readonly namespaces: Metadata<Targets> }

/** What is to be the newest of what keyholders sign, without the staged metadata of the roles `held`. Throws Fault `trust-refused`. */
function choose(folder: TrustFolder, before: Published, held: readonly OfflineRole[] = []): Choice {
  const waiting: Publication['waiting'][number][] = []
  const published: OfflineRole[] = []
  /** The staged metadata of a role when it is complete, else what is published. */
  function next<T extends AnyMetadata>(role: OfflineRole, old: T | undefined, delegators: readonly AnyMetadata[]): T {
    const staged = held.includes(role) ? undefined : (folder.staged(role) as T | undefined)
    const short = staged && delegators.map(delegator => signedBy(delegator, role, staged)).find(by => !isComplete(by))
    if (short) waiting.push(waitingFor(role, short))
    if (staged && !short) {
      published.push(role)
      return staged
    }
    if (old) return old
    throw refused(`nothing can be published yet: ${role} has ${short?.signed.length ?? 0} of ${short?.threshold ?? THRESHOLD} signatures`)
  }
  const stagedRoot = folder.staged('root') as Metadata<Root> | undefined
  const root = next('root', before.root, [...(before.root ? [before.root] : []), ...(stagedRoot ? [stagedRoot] : [])])
  const targets = next('targets', before.roles.get('targets'), [root])
  const namespaces = next('namespaces', before.roles.get('namespaces'), [targets])
  const pairs = [
    { role: 'targets', metadata: targets, above: 'root', delegator: root },
    { role: 'namespaces', metadata: namespaces, above: 'targets', delegator: targets },
  ] as const
  for (const { role, metadata, above, delegator } of pairs) {
    if (isComplete(signedBy(delegator, role, metadata))) continue
    if (!published.includes(above)) throw refused(`what is published does not fit together: ${role} is not signed by who should`)
    // New keys that would make the rest worthless wait until it is signed by them as well; everything else goes on, timestamps above all.
    const rest = choose(folder, before, [...held, above])
    const missing = waitingFor(role, signedBy(delegator, role, folder.staged(role) ?? metadata))
    return { ...rest, waiting: [...rest.waiting.filter(other => other.role !== role), missing] }
  }
  return { root, targets, namespaces, published, waiting }
}

const waitingFor = (role: OfflineRole, { signed, threshold, missing }: SignedBy): Publication['waiting'][number] => ({
  role,
  signed: signed.length,
  threshold,
  missing,
})

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
