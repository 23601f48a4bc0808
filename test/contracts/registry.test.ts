// The contract of the registry's stores against each implementation, and what the schema itself refuses.

import Database from 'better-sqlite3'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDocumentStore } from '../../src/adapters/sqlite/document-store.ts'
import { createRevocationLog, createStandingStore, createVersionStore } from '../../src/adapters/sqlite/registry-store.ts'
import { openStateDb, type StateDb } from '../../src/adapters/sqlite/state-db.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import { memoryRegistry } from '../support/memory-registry.ts'
import { documentOf, publication, registryContract, type Stores } from './registry.ts'

const nothing = (): Promise<void> => Promise.resolve()
registryContract('in memory', () => Promise.resolve({ ...memoryRegistry(), reopen: nothing, dispose: nothing }))

const storesOf = (db: StateDb): Omit<Stores, 'reopen' | 'dispose'> => ({
  versions: createVersionStore(db),
  standings: createStandingStore(db),
  revocations: createRevocationLog(db),
  documents: createDocumentStore(db),
})
registryContract('in SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-registry-'))
  let db = await openStateDb(join(folder, 'state.db'))
  let now = storesOf(db)
  return {
    get versions() {
      return now.versions
    },
    get standings() {
      return now.standings
    },
    get revocations() {
      return now.revocations
    },
    get documents() {
      return now.documents
    },
    async reopen() {
      await db.close()
      db = await openStateDb(join(folder, 'state.db'))
      now = storesOf(db)
    },
    async dispose() {
      await db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
})

describe('a store that fails', () => {
  it.each([{ before: true }, { after: true }])('says so: %o', async failing => {
    await expect(memoryRegistry(failing).versions.publish(publication('com.example/a', '1.0.0'))).rejects.toThrow('the store failed')
  })
})

const DOCUMENT = documentOf('surface', '{}')

describe('somebody who reaches the tables themselves (attack 8)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-registry-'))
  const file = join(folder, 'state.db')
  let db: StateDb
  beforeAll(async () => {
    db = await openStateDb(file)
    const { versions, standings, revocations } = storesOf(db)
    const by = 'https://idp.example alice' as PrincipalKey
    const attestations = [{ digest: 'b'.repeat(64), kind: 'publisher', bundle: '{}', signer: 's' }] as const
    const artifacts = [{ identifier: 'pkg:npm/a@1', algorithm: 'sha256', digest: 'c'.repeat(64) }] as const
    await versions.publish(publication('com.example/a', '1.0.0', { attestations, artifacts, documents: [DOCUMENT] }))
    await versions.publish(publication('com.example/a', '2.0.0', { attestations, artifacts }))
    await standings.change({ name: 'com.example/a', version: '1.0.0', to: 'revoked', by, atSeconds: 1 }, ['admitted'])
    await revocations.append({ kind: 'version', target: 'com.example/a@1.0.0', reason: 'malware', action: 'block', by, atSeconds: 1 })
  })
  afterAll(async () => {
    await db.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const TABLES = ['versions', 'standings', 'standing_history', 'artifacts', 'attestations', 'revocations', 'documents'] as const
  const dump = (): string =>
    JSON.stringify(
      (() => {
        const raw = new Database(file, { readonly: true })
        const all = TABLES.map(table => raw.prepare(`SELECT * FROM registry_${table}`).all())
        raw.close()
        return all
      })(),
    )
  const DOCUMENTS = '(server, version, kind, signed, sha256, namespace, bytes, kept_at, content)'
  const VERSION = `(server, version, sequence, server_json, digest, published_by, published_at)`
  const evil = `'{"evil":1}', '${'e'.repeat(64)}', 'x', 0`
  const STATEMENTS = [
    `UPDATE registry_versions SET server_json = '{"evil":1}'`,
    `DELETE FROM registry_versions`,
    `INSERT OR REPLACE INTO registry_versions ${VERSION} VALUES ('com.example/a', '1.0.0', 1, ${evil})`,
    `INSERT OR REPLACE INTO registry_versions ${VERSION} VALUES ('COM.EXAMPLE/A', '9.9.9', 1, ${evil})`,
    `INSERT OR REPLACE INTO registry_versions ${VERSION} VALUES ('com.example/a', '1.0.0', 3, ${evil})`,
    `INSERT INTO registry_versions ${VERSION} VALUES ('com.example/a', '3.0.0', 9, ${evil})`,
    `UPDATE registry_standings SET standing = 'admitted' WHERE version = '1.0.0'`,
    `UPDATE registry_standings SET standing = 'quarantined' WHERE version = '2.0.0'`,
    `UPDATE registry_standings SET version = '4.0.0' WHERE version = '2.0.0'`,
    `DELETE FROM registry_standings`,
    `INSERT OR REPLACE INTO registry_standings (server, sequence, version, order_key, search, standing, changed_by, changed_at) VALUES ('com.example/a', 1, '1.0.0', '', '', 'admitted', 'x', 0)`,
    `DELETE FROM registry_standing_history`,
    `UPDATE registry_standing_history SET standing = 'admitted'`,
    `INSERT OR REPLACE INTO registry_standing_history (id, server, version, standing, changed_by, changed_at) VALUES (1, 'com.example/a', '1.0.0', 'admitted', 'x', 0)`,
    `UPDATE registry_artifacts SET digest = 'x'`,
    `DELETE FROM registry_artifacts`,
    `INSERT OR REPLACE INTO registry_artifacts (server, version, position, identifier, algorithm, digest) VALUES ('com.example/a', '1.0.0', 0, 'x', 'sha256', 'x')`,
    `UPDATE registry_attestations SET bundle = '[]'`,
    `DELETE FROM registry_attestations`,
    `INSERT OR REPLACE INTO registry_attestations (digest, server, version, kind, bundle, signer, verified_at) VALUES ('${'b'.repeat(64)}', 'com.example/a', '1.0.0', 'review', '{}', 'x', 0)`,
    `UPDATE registry_documents SET content = x'00', bytes = 1`,
    `DELETE FROM registry_documents`,
    `INSERT OR REPLACE INTO registry_documents ${DOCUMENTS} VALUES ('COM.EXAMPLE/A', '1.0.0', 'surface', '${DOCUMENT.signed}', '${DOCUMENT.sha256}', 'com.example', 1, 0, x'00')`,
    `INSERT INTO registry_documents ${DOCUMENTS} VALUES ('com.example/a', '1.0.0', 'lock:../../evil', '${'e'.repeat(64)}', '${'e'.repeat(64)}', 'com.example', 1, 0, x'00')`,
    `INSERT INTO registry_documents ${DOCUMENTS} VALUES ('com.example/a', '9.0.0', 'surface', '${'e'.repeat(64)}', '${'e'.repeat(64)}', 'com.example', 1, 0, x'00')`,
    `INSERT INTO registry_documents ${DOCUMENTS} VALUES ('com.example/a', '1.0.0', 'surface', '${'e'.repeat(64)}', '${'e'.repeat(64)}', 'com.example', 1, 0, zeroblob(2))`,
    `INSERT INTO registry_documents ${DOCUMENTS} VALUES ('com.example/a', '1.0.0', 'surface', '${'e'.repeat(64)}', '${'e'.repeat(64)}', 'com.example', 4194305, 0, zeroblob(4194305))`,
    `INSERT INTO registry_documents ${DOCUMENTS} SELECT 'com.example/a', '1.0.0', 'definitions', replace(hex(zeroblob(32)), '0', value), '${'e'.repeat(64)}', 'com.example', 8388608, 0, zeroblob(8388608) FROM json_each('["a", "b"]')`,
    `UPDATE registry_revocations SET action = 'warn'`,
    `DELETE FROM registry_revocations`,
    `INSERT OR REPLACE INTO registry_revocations (sequence, kind, target, reason, action, revoked_by, revoked_at) VALUES (1, 'version', 'x', 'policy', 'warn', 'x', 0)`,
  ]
  // Each by the gateway's own connection, and by one of SQLite's defaults: there REPLACE deletes without a DELETE trigger.
  it.each(STATEMENTS)('changes nothing by %s', async statement => {
    const before = dump()
    await expect(db.write([{ sql: statement }])).rejects.toMatchObject({ code: 'state-conflict' })
    const raw = new Database(file)
    raw.pragma('recursive_triggers = OFF')
    expect(() => raw.exec(statement)).toThrow()
    raw.close()
    expect(dump()).toBe(before)
  })
  it('is not handed other bytes under a digest, whatever the file says', async () => {
    const raw = new Database(file)
    raw.exec(`DROP TRIGGER registry_documents_unchanged; UPDATE registry_documents SET content = x'7b7d20', bytes = 3`)
    raw.close()
    await expect(createDocumentStore(db).document('com.example/a', '1.0.0', DOCUMENT.sha256)).rejects.toThrow('not what its digest says')
  })
})
