// A repository of trust as its operator has it: on disk, begun and signed by keyholders whose keys lie elsewhere.

import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { beginTrust } from '../../src/adapters/tuf/begin.ts'
import { OFFLINE_ROLES } from '../../src/adapters/tuf/ceremony.ts'
import { publicPem, signWith } from '../../src/adapters/tuf/metadata.ts'
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
