// What of a kept state is signed, from the pinned root on. Whoever could write into `<dataDir>/trust` holds no key: nothing that admits counts by that file alone.

import { hash } from 'node:crypto'
import { Metadata, MetadataKind, type MetaFile, type Root, type Targets } from '@tufjs/models'
import { Fault } from '../../kernel/errors.ts'
import { indexPath } from './index-parts.ts'
import { isRoot, parseJson, parseMetadata, signedBytes } from './metadata.ts'
import { firstExpiry } from './trust-seen.ts'
import { DOCUMENTS, type DocumentName, type TrustState } from './trust-state.ts'

/** What can only deny counts whoever wrote it. */
const DENYING: readonly string[] = [DOCUMENTS.floors.path, DOCUMENTS.revocations.path]

export type Proven = {
  readonly state: TrustState
  /** false: something in it is not signed as it should be, after a refresh in pieces too; until the next complete one it is as if nothing was seen */
  readonly isProven: boolean
}

/** Throws Fault `trust-metadata-invalid` for a pinned root that is none. */
export function proven(state: TrustState, pinned: Buffer): Proven {
  const documents = Object.fromEntries(Object.entries(state.documents).filter(([path]) => DENYING.includes(path)))
  const doubtful = { ...state, freshUntilMs: undefined, documents, index: {} }
  const root = newestRoot(state, pinned)
  if (!root) return { state: { ...doubtful, metadata: { root: pinned.toString('utf8') }, roots: {} }, isProven: false }
  if (state.freshUntilMs === undefined || !isSignedWhole(state, root))
    return { state: doubtful, isProven: state.freshUntilMs === undefined }
  return { state: { ...state, freshUntilMs: Math.min(state.freshUntilMs, firstExpiry(state.metadata)) }, isProven: true }
}

/** The root of a state where each one after the pinned one is signed by that before it and by itself. */
function newestRoot({ metadata, roots }: TrustState, pinned: Buffer): Metadata<Root> | undefined {
  let root = rootOf(pinned)
  const newest = attempt(() => rootOf(metadata['root'] ?? ''))
  if (!newest) return undefined
  while (root.signed.version < newest.signed.version) {
    const before = root
    const next = attempt(() => {
      const read = rootOf(roots[String(before.signed.version + 1)] ?? '')
      for (const by of [before, read]) by.verifyDelegate('root', read)
      return read.signed.version === before.signed.version + 1 ? read : undefined
    })
    if (!next) return undefined
    root = next
  }
  return signedBytes(root).equals(signedBytes(newest)) ? newest : undefined
}

const rootOf = (bytes: Buffer | string): Metadata<Root> => {
  const root = parseMetadata(bytes)
  if (!isRoot(root)) throw new Fault('trust-metadata-invalid', 'expected root metadata to trust in')
  return root
}

/** Timestamp, snapshot, targets, what they delegate, and each document: each as the one above it names it. */
const isSignedWhole = ({ metadata, documents, index }: TrustState, root: Metadata<Root>): boolean =>
  attempt(() => {
    const timestamp = Metadata.fromJSON(MetadataKind.Timestamp, parseJson(metadata['timestamp']))
    root.verifyDelegate('timestamp', timestamp)
    checkFile(metadata['snapshot'], timestamp.signed.snapshotMeta)
    const snapshot = Metadata.fromJSON(MetadataKind.Snapshot, parseJson(metadata['snapshot']))
    root.verifyDelegate('snapshot', snapshot)
    const roles = new Map<string, Metadata<Targets>>()
    for (const [name, meta] of Object.entries(snapshot.signed.meta)) {
      const role = name.replace(/\.json$/, '')
      checkFile(metadata[role], meta)
      roles.set(role, Metadata.fromJSON(MetadataKind.Targets, parseJson(metadata[role])))
    }
    const targets = roles.get('targets')
    for (const [role, read] of roles) (role === 'targets' ? root : targets)?.verifyDelegate(role, read)
    const digestIn = (role: string, path: string): string | undefined => roles.get(role)?.signed.targets[path]?.hashes['sha256']
    const named = Object.values(DOCUMENTS).map(({ role, path }) => [documents[path], digestIn(role, path)] as const)
    const parts = Object.entries(index).map(([part, digest]) => [digest, digestIn('index', indexPath(part))] as const)
    const known = new Set((Object.keys(DOCUMENTS) as DocumentName[]).map(name => DOCUMENTS[name].path as string))
    return (
      named.every(([text, digest]) => (text === undefined ? digest === undefined : hash('sha256', text) === digest)) &&
      parts.every(([digest, signed]) => digest === signed) &&
      parts.length === Object.keys(roles.get('index')?.signed.targets ?? {}).length &&
      Object.keys(documents).every(path => known.has(path))
    )
  }) ?? false

/** Version, and length and digests where they are named. */
function checkFile(text: string | undefined, meta: MetaFile): void {
  const { signed } = parseJson(text) as { readonly signed: { readonly version: number } }
  if (signed.version !== meta.version) throw new RangeError('another version is named')
  meta.verify(Buffer.from(text ?? ''))
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined // not signed, not metadata: not proven either way
  }
}
