// Documents of versions in state.db (migrations/0007_registry_documents.sql), and what is kept of a namespace (0013_registry_usage.sql).

import { hash } from 'node:crypto'
import { Fault } from '../../kernel/errors.ts'
import type { DocumentInfo, DocumentStore, StoredDocument } from '../../registry/documents.ts'
import { lockNets } from './package-nets.ts'
import type { StateDb, Statement } from './state-db.ts'

export const createDocumentStore = (db: StateDb): DocumentStore => ({
  documents: (name, version) =>
    db.all<DocumentInfo>(
      'SELECT kind, signed, sha256, bytes FROM registry_documents WHERE server = ? AND version = ? ORDER BY kept_at, rowid',
      [name, version],
    ),
  async document(name, version, sha256) {
    const sql = 'SELECT kind, signed, sha256, content FROM registry_documents WHERE server = ? AND version = ? AND sha256 = ? LIMIT 1'
    const [found] = await db.all<StoredDocument>(sql, [name, version, sha256])
    // Somebody who may write the file is past its triggers: what is read under a digest has that digest.
    if (found && hash('sha256', found.content) !== sha256)
      throw new Fault('state-unavailable', 'a document in the state database is not what its digest says')
    return found
  },
  async usedBytes(namespace) {
    const [used] = await db.all<{ readonly bytes: number }>('SELECT bytes FROM registry_usage WHERE namespace = ?', [namespace])
    return used?.bytes ?? 0
  },
})

const KEEP = `INSERT INTO registry_documents (server, version, kind, signed, sha256, namespace, bytes, kept_at, content)
  SELECT n.name, ?, ?, ?, ?, n.namespace, ?, ?, ? FROM registry_servers n WHERE n.name = ?
    AND NOT EXISTS (SELECT 1 FROM registry_documents WHERE server = ? AND version = ? AND kind = ? AND signed = ?)`

/** What keeps documents, each once, in a transaction in which their version is there. */
export const documentStatements = (
  { name, version, atSeconds }: { readonly name: string; readonly version: string; readonly atSeconds: number },
  documents: readonly StoredDocument[],
): Statement[] => [
  ...documents.map(({ kind, signed, sha256, content }) => ({
    sql: KEEP,
    params: [version, kind, signed, sha256, content.length, atSeconds, content, name, name, version, kind, signed],
  })),
  ...lockNets(name, version, documents),
]
