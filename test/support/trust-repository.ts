// A repository of trust as its operator has it: on disk, begun and signed by keyholders whose keys lie elsewhere.

import { generateKeyPairSync, hash, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Metadata, MetadataKind } from '@tufjs/models'
import { beginTrust } from '../../src/adapters/tuf/begin.ts'
import { OFFLINE_ROLES, timestampOf } from '../../src/adapters/tuf/ceremony.ts'
import { metadataBytes, publicPem, signWith, type JsonObject } from '../../src/adapters/tuf/metadata.ts'
import { publishTrust } from '../../src/adapters/tuf/publish.ts'
import { stageDocuments } from '../../src/adapters/tuf/staging.ts'
import { TrustFolder } from '../../src/adapters/tuf/trust-folder.ts'
import type { DocumentName } from '../../src/adapters/tuf/trust-state.ts'

const newKeys = (count: number): KeyObject[] => Array.from({ length: count }, () => generateKeyPairSync('ed25519').privateKey)

export class OperatedRepository {
  readonly folder: TrustFolder
  /** what gateways pin */
  readonly root: string
  readonly keys = { root: newKeys(3), namespaces: newKeys(3) }

  constructor(path: string, documents: Readonly<Partial<Record<DocumentName, string>>>, nowMs = Date.now()) {
    this.folder = new TrustFolder(path)
    this.root = join(path, 'metadata/1.root.json')
    beginTrust(
      this.folder,
      { root: this.keys.root.map(publicPem), namespaces: this.keys.namespaces.map(publicPem) },
      asBytes(documents),
      nowMs,
    )
    this.#sign()
    publishTrust(this.folder, {}, nowMs)
  }

  /** New documents, signed by two keyholders each. */
  change(documents: Readonly<Partial<Record<DocumentName, string>>>, nowMs = Date.now()): void {
    stageDocuments(this.folder, asBytes(documents), nowMs)
    this.#sign()
    publishTrust(this.folder, {}, nowMs)
  }

  /** What stolen keys of snapshot and timestamp make the newest: these bytes of a role's metadata in place of those that are. */
  forgeSnapshot(files: Readonly<Record<string, Buffer>>, nowMs = Date.now()): void {
    const { root, snapshot, timestamp } = this.folder.published()
    if (!root || !snapshot || !timestamp) throw new Error('nothing is published')
    const { signed } = snapshot.toJSON() as { signed: { version: number; meta: Record<string, object> } }
    signed.version += 1
    for (const [name, bytes] of Object.entries(files)) {
      const { signed: of } = JSON.parse(bytes.toString()) as { signed: { version: number } }
      signed.meta[name] = { version: of.version, length: bytes.length, hashes: { sha256: hash('sha256', bytes) } }
    }
    const forged = Metadata.fromJSON(MetadataKind.Snapshot, { signatures: [], signed: signed as unknown as JsonObject })
    signWith(forged, this.folder.onlineKey('snapshot', root))
    const newest = timestampOf({ bytes: metadataBytes(forged), version: signed.version }, { version: timestamp.signed.version + 1, nowMs })
    signWith(newest, this.folder.onlineKey('timestamp', root))
    writeFileSync(join(this.folder.path, 'metadata', `${signed.version}.snapshot.json`), metadataBytes(forged))
    writeFileSync(join(this.folder.path, 'metadata/timestamp.json'), metadataBytes(newest))
  }

  #sign(): void {
    for (const role of OFFLINE_ROLES) {
      const metadata = this.folder.staged(role)
      if (!metadata) continue
      for (const key of this.keys[role === 'namespaces' ? 'namespaces' : 'root'].slice(0, 2)) signWith(metadata, key)
      this.folder.stage(role, metadata)
    }
  }
}

const asBytes = (documents: Readonly<Partial<Record<DocumentName, string>>>): ReadonlyMap<DocumentName, Buffer> =>
  new Map(Object.entries(documents).map(([name, text]): [DocumentName, Buffer] => [name as DocumentName, Buffer.from(text)]))
