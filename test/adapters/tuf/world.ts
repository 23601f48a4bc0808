// A repository of trust in a folder, with every key at hand: what an attacker could do with some of them is one line in a test.

import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { Metadata, MetadataKind } from '@tufjs/models'
import { delegatedOf, rootOf, snapshotOf, targetsOf, timestampOf, type TrustKeys } from '../../../src/adapters/tuf/ceremony.ts'
import { FloorFile } from '../../../src/adapters/tuf/floor-file.ts'
import { metadataBytes, namedKey, publicPem, signWith, type JsonObject } from '../../../src/adapters/tuf/metadata.ts'
import type { RepositoryPlace } from '../../../src/adapters/tuf/repository-fetcher.ts'
import { TrustClient } from '../../../src/adapters/tuf/trust-client.ts'

export const newKey = (): KeyObject => generateKeyPairSync('ed25519').privateKey
export const policies = (san: string): string =>
  JSON.stringify({ version: 1, namespaces: { 'com.acme': { mode: 'keyless', identities: [{ issuer: 'https://id.example', san }] } } })
export const revocations = (...versions: readonly string[]): string =>
  JSON.stringify({ version: 1, signers: [], versions: versions.map(version => ({ server: 'com.acme/weather', version })) })
export const floors = (sequence: number): string => JSON.stringify({ version: 1, floors: { 'com.acme/weather': sequence } })
export const trustedRoot = (comment = ''): string =>
  JSON.stringify({ mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1', tlogs: [], comment })

type Names = 'root1' | 'root2' | 'root3' | 'sec1' | 'sec2' | 'sec3' | 'timestamp' | 'snapshot' | 'index' | 'revocations'
const NAMES: readonly Names[] = ['root1', 'root2', 'root3', 'sec1', 'sec2', 'sec3', 'timestamp', 'snapshot', 'index', 'revocations']

/** Which keys sign, where it is not those that should. */
export type Signers = Partial<
  Record<'root' | 'targets' | 'namespaces' | 'index' | 'revocations' | 'snapshot' | 'timestamp', readonly KeyObject[]>
>

export class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'tuf-'))
  readonly repository = join(this.folder, 'repository')
  readonly trust = join(this.folder, 'trust')
  readonly keys = Object.fromEntries(NAMES.map(name => [name, newKey()])) as Record<Names, KeyObject>
  readonly documents = new Map<string, Buffer>()
  threshold = 2
  rootVersion = 0
  version = 0
  pinned: Buffer = Buffer.alloc(0)
  nowMs: number

  constructor(nowMs: number) {
    this.nowMs = nowMs
    this.put('trusted_root.json', trustedRoot())
    this.put('namespaces/policies.json', policies('alice@acme.com'))
    this.put('revocations/revocations.json', revocations())
    this.pinned = this.publishRoot()
  }

  put(path: string, text: string): void {
    this.documents.set(path, Buffer.from(text))
  }

  trustKeys(): TrustKeys {
    const named = (name: Names) => namedKey(publicPem(this.keys[name]))
    return {
      root: [named('root1'), named('root2'), named('root3')],
      namespaces: [named('sec1'), named('sec2'), named('sec3')],
      online: { timestamp: named('timestamp'), snapshot: named('snapshot'), index: named('index'), revocations: named('revocations') },
      threshold: this.threshold,
    }
  }

  write(name: string, bytes: Buffer | string): void {
    const file = join(this.repository, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, bytes)
  }

  /** The next root, signed by two keyholders or by whom is said. */
  publishRoot(by: readonly KeyObject[] = [this.keys.root1, this.keys.root2]): Buffer {
    this.rootVersion += 1
    const root = rootOf(this.trustKeys(), { version: this.rootVersion, nowMs: this.nowMs })
    for (const key of by) signWith(root, key)
    const bytes = metadataBytes(root)
    this.write(`metadata/${this.rootVersion}.root.json`, bytes)
    return bytes
  }

  /** A new version of everything else; answers what was written last, to be replayed. */
  publish(signers: Signers = {}): { readonly timestamp: Buffer; readonly snapshot: Buffer; readonly index: Buffer } {
    const { keys } = this
    const issue = { version: ++this.version, nowMs: this.nowMs }
    const part = (prefix: string) => new Map([...this.documents].filter(([path]) => path.startsWith(prefix)))
    for (const [path, bytes] of this.documents) {
      const hash = createHash('sha256').update(bytes).digest('hex')
      this.write(posix.join('targets', posix.dirname(path), `${hash}.${posix.basename(path)}`), bytes)
    }
    const top = new Map([...this.documents].filter(([path]) => !path.includes('/')))
    const roles = {
      targets: [targetsOf(this.trustKeys(), top, issue), [keys.root1, keys.root2]],
      namespaces: [delegatedOf('namespaces', part('namespaces/'), issue), [keys.sec1, keys.sec2]],
      index: [delegatedOf('index', part('index/'), issue), [keys.index]],
      revocations: [delegatedOf('revocations', part('revocations/'), issue), [keys.revocations]],
    } as const
    const files = new Map<string, { bytes: Buffer; version: number }>()
    for (const [role, [metadata, usual]] of Object.entries(roles)) {
      for (const key of signers[role as keyof Signers] ?? usual) signWith(metadata, key)
      files.set(role, { bytes: metadataBytes(metadata), version: issue.version })
      this.write(`metadata/${issue.version}.${role}.json`, metadataBytes(metadata))
    }
    const snapshot = snapshotOf(files, issue)
    for (const key of signers.snapshot ?? [keys.snapshot]) signWith(snapshot, key)
    this.write(`metadata/${issue.version}.snapshot.json`, metadataBytes(snapshot))
    const timestamp = timestampOf({ bytes: metadataBytes(snapshot), version: issue.version }, issue)
    for (const key of signers.timestamp ?? [keys.timestamp]) signWith(timestamp, key)
    this.write('metadata/timestamp.json', metadataBytes(timestamp))
    const index = files.get('index')?.bytes ?? Buffer.alloc(0)
    return { timestamp: metadataBytes(timestamp), snapshot: metadataBytes(snapshot), index }
  }

  /** A snapshot of the stolen keys of snapshot and timestamp, and the timestamp that makes it the newest. */
  signSnapshot(signed: object): Buffer {
    const snapshot = Metadata.fromJSON(MetadataKind.Snapshot, { signatures: [], signed: signed as JsonObject })
    signWith(snapshot, this.keys.snapshot)
    const bytes = metadataBytes(snapshot)
    const { version } = snapshot.signed
    const timestamp = timestampOf({ bytes, version }, { version: version + ++this.#dated, nowMs: this.nowMs })
    signWith(timestamp, this.keys.timestamp)
    this.write('metadata/timestamp.json', metadataBytes(timestamp))
    return bytes
  }
  #dated = 0

  /** A gateway that starts: with what its folder `trust` holds, or new. */
  client({
    trust = this.trust,
    place,
    deadlineMs = 60_000,
  }: { readonly trust?: string; readonly place?: RepositoryPlace; readonly deadlineMs?: number } = {}): TrustClient {
    return new TrustClient({
      place: place ?? { kind: 'folder', folder: this.repository },
      trustFolder: trust,
      pinnedRoot: this.pinned,
      floors: new FloorFile(trust),
      now: Date.now,
      deadlineMs,
    })
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
