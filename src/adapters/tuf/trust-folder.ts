// A repository of trust on its operator's disk. `metadata/` and `targets/` are what gateways read; `staged/` is what keyholders exchange; `online/` holds the
// private keys of the roles that this machine signs.

import { generateKeyPairSync, hash, type KeyObject } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Metadata, MetadataKind, type Root, type Snapshot, type Targets, type Timestamp } from '@tufjs/models'
import { Fault } from '../../kernel/errors.ts'
import { takeWriterLock } from '../audit/writer-lock.ts'
import { readPrivateKey } from '../sigstore/private-key.ts'
import { replaceSyncedFile } from '../synced-file.ts'
import { OFFLINE_ROLES, type Documents, type OfflineRole, type OnlineRole } from './ceremony.ts'
import { documentChanges, documentFile, perform, stagedName } from './folder-changes.ts'
import { metadataBytes, namedKey, parseJson, parseMetadata, publicPem, signedBy, type AnyMetadata } from './metadata.ts'

const KIND = 'trust-repository'
const ROOT_FILE = /^([1-9]\d{0,8})\.root\.json$/
const invalid = (why: string): Fault => new Fault('trust-repository-invalid', why)

/** What is published. Before the first publication there is neither root nor anything else. */
export type Published = {
  readonly root: Metadata<Root> | undefined
  /** targets and the roles below, by role */
  readonly roles: ReadonlyMap<string, Metadata<Targets>>
  readonly snapshot: Metadata<Snapshot> | undefined
  readonly timestamp: Metadata<Timestamp> | undefined
}

export class TrustFolder {
  readonly path: string
  constructor(path: string) {
    this.path = path
  }

  /** Whether anything is there that `init` would write over. */
  isUsed(): boolean {
    return existsSync(this.path) && readdirSync(this.path).length > 0
  }

  published(): Published {
    const folder = join(this.path, 'metadata')
    const versions = existsSync(folder) ? readdirSync(folder).flatMap(name => Number(ROOT_FILE.exec(name)?.[1] ?? 0) || []) : []
    const none: Published = { root: undefined, roles: new Map(), snapshot: undefined, timestamp: undefined }
    if (versions.length === 0) return none
    const root = this.#metadata(`${Math.max(...versions)}.root.json`, MetadataKind.Root) as Metadata<Root>
    if (!existsSync(join(folder, 'timestamp.json'))) return { ...none, root }
    const timestamp = Metadata.fromJSON(MetadataKind.Timestamp, parseJson(readFileSync(join(folder, 'timestamp.json'))))
    const snapshot = Metadata.fromJSON(
      MetadataKind.Snapshot,
      parseJson(readFileSync(join(folder, `${timestamp.signed.snapshotMeta.version}.snapshot.json`))),
    )
    const roles = new Map<string, Metadata<Targets>>()
    for (const [file, { version }] of Object.entries(snapshot.signed.meta))
      roles.set(file.replace(/\.json$/, ''), this.#metadata(`${version}.${file}`, MetadataKind.Targets) as Metadata<Targets>)
    return { root, roles, snapshot, timestamp }
  }

  #metadata(name: string, type: MetadataKind.Root | MetadataKind.Targets): AnyMetadata {
    const metadata = parseMetadata(readFileSync(join(this.path, 'metadata', name)))
    if (metadata.signed.type !== type) throw invalid(`\`metadata/${name}\`: expected ${type} metadata`)
    return metadata
  }

  /** The bytes of the first root, which gateways pin. */
  firstRoot(): Buffer {
    const file = join(this.path, 'metadata', '1.root.json')
    if (!existsSync(file)) throw invalid('nothing is published yet: have `staged/` signed, then `gatehouse trust publish`')
    return readFileSync(file)
  }

  /** Documents under the digest in their name: unsigned they mean nothing, and no later version replaces them. */
  writeDocuments(documents: Documents): void {
    perform(this.path, documentChanges(documents))
  }

  /** The documents that a role signs. Throws Fault `trust-repository-invalid` for one that is missing or was changed. */
  documentsOf(metadata: Metadata<Targets> | undefined): Map<string, Buffer> {
    const paths = Object.keys(metadata?.signed.targets ?? {})
    return new Map(paths.map(path => [path, this.documentOf(metadata, path) ?? Buffer.alloc(0)]))
  }

  /** One of them; undefined where the role signs none of this path. */
  documentOf(metadata: Metadata<Targets> | undefined, path: string): Buffer | undefined {
    const digest = metadata?.signed.targets[path]?.hashes['sha256']
    if (digest === undefined) return undefined
    const file = join(this.path, documentFile(path, digest))
    const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0)
    if (hash('sha256', bytes) !== digest) throw invalid(`the document \`${path}\` is not what was signed; put it back from a backup`)
    return bytes
  }

  stagedFile(role: OfflineRole): string {
    return join(this.path, stagedName(role))
  }

  staged(role: OfflineRole): AnyMetadata | undefined {
    const file = this.stagedFile(role)
    if (!existsSync(file)) return undefined
    const metadata = parseMetadata(readFileSync(file))
    if (metadata.signed.type !== (role === 'root' ? MetadataKind.Root : MetadataKind.Targets))
      throw invalid(`\`${file}\`: expected metadata of ${role}`)
    return metadata
  }

  /** Whether keyholders have anything under way. */
  hasStaged(): boolean {
    return OFFLINE_ROLES.some(role => existsSync(this.stagedFile(role)))
  }

  stage(role: OfflineRole, metadata: AnyMetadata): void {
    perform(this.path, [{ file: stagedName(role), bytes: metadataBytes(metadata) }])
  }

  /** Makes the private key of a role and answers with it; older ones stay until nothing names them. */
  makeOnlineKey(role: OnlineRole | 'evaluation'): KeyObject {
    const { privateKey } = generateKeyPairSync('ed25519')
    const { id } = namedKey(publicPem(privateKey))
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' })
    replaceSyncedFile(join(this.path, 'online', `${role}-${id.slice(0, 16)}.pem`), KIND, pem)
    return privateKey
  }

  /** The private key at hand that a role may be signed with. Throws Fault `trust-key-missing`. */
  onlineKey(role: OnlineRole, delegator: AnyMetadata): KeyObject {
    const { missing, signed } = signedBy(delegator, role, { signatures: {}, sign: () => {} })
    const named = [...missing, ...signed]
    const folder = join(this.path, 'online')
    const files = existsSync(folder) ? readdirSync(folder).filter(name => name.startsWith(`${role}-`)) : []
    for (const name of files) {
      const key = readPrivateKey(join(folder, name))
      if (named.includes(namedKey(publicPem(key)).id)) return key
    }
    throw new Fault(
      'trust-key-missing',
      `no key of the role \`${role}\` is in \`${folder}\`; restore it, or run \`gatehouse trust rotate --role ${role}\``,
    )
  }

  /** One publisher at a time. Throws Fault `trust-locked`. */
  lock(): () => void {
    const folder = join(this.path, 'online')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    try {
      return takeWriterLock(folder)
    } catch (cause) {
      throw new Fault('trust-locked', `somebody else publishes in \`${this.path}\` now; try again`, { cause })
    }
  }
}
