// The databases beside the audit log, opened as each must be: what durability rests on is set and read back at every open.

import Database from 'better-sqlite3'
import { existsSync } from 'node:fs'
import { Fault } from '../../kernel/errors.ts'
import { createPrivateDatabase } from './create-private.ts'

export type AuditDatabase = Database.Database
export type AuditStatement<Row = unknown> = Database.Statement<unknown[], Row>

export type AuditSchema = {
  /** in the file's header: a database of something else is not touched */
  readonly applicationId: number
  /** of the schema, from 1; a file of another one is refused */
  readonly version: number
  readonly sql: string
}

const BUSY_MS = 5000
const SYNCHRONOUS = { OFF: 0, NORMAL: 1, FULL: 2 } as const

/**
 * Opens `path` for its one writer, made with mode 0600 where it is not there. `FULL`: a commit is on disk when it returns. `NORMAL`: a power cut may take the last
 * commits, never tear one. SQLite is built to fall back to NORMAL whenever a WAL database is opened again, so it is set and asserted each time. Throws Fault
 * `audit-unavailable` or `audit-file-unsafe`.
 */
export function openAuditDatabase(path: string, schema: AuditSchema, synchronous: 'FULL' | 'NORMAL'): AuditDatabase {
  createPrivateDatabase(path, 'audit')
  return guarded(path, () => {
    const database = new Database(path, { timeout: BUSY_MS, fileMustExist: true })
    try {
      const isEmpty = database.pragma('page_count', { simple: true }) === 0
      if (isEmpty) database.pragma(`application_id = ${schema.applicationId}`)
      const journal = database.pragma('journal_mode = WAL', { simple: true })
      database.pragma(`synchronous = ${synchronous}`)
      database.pragma('trusted_schema = OFF')
      database.pragma('cache_size = -2048') // KiB
      const found = database.pragma('synchronous', { simple: true })
      if (journal !== 'wal' || found !== SYNCHRONOUS[synchronous])
        throw new Fault(
          'audit-unavailable',
          `\`${path}\` cannot be written durably (journal ${String(journal)}, synchronous ${String(found)})`,
        )
      if (isEmpty)
        database
          .transaction(() => {
            database.exec(schema.sql)
            database.pragma(`user_version = ${schema.version}`)
          })
          .immediate()
      checkKind(database, path, schema)
      return database
    } catch (error) {
      database.close()
      throw error
    }
  })
}

/** Opens it for reading, beside its writer or on a copy; undefined where there is none. Nothing is made or changed but SQLite's own `-shm`. */
export function readAuditDatabase(path: string, schema: AuditSchema): AuditDatabase | undefined {
  if (!existsSync(path)) return undefined
  return guarded(path, () => {
    const database = new Database(path, { timeout: BUSY_MS, readonly: true, fileMustExist: true })
    try {
      database.pragma('trusted_schema = OFF')
      checkKind(database, path, schema)
      return database
    } catch (error) {
      database.close()
      throw error
    }
  })
}

function checkKind(database: AuditDatabase, path: string, { applicationId, version }: AuditSchema): void {
  if (database.pragma('application_id', { simple: true }) !== applicationId)
    throw new Fault('audit-unavailable', `\`${path}\` is not a database of the audit log`)
  const found = database.pragma('user_version', { simple: true })
  if (found !== version)
    throw new Fault('audit-unavailable', `\`${path}\` is of another version of Gatehouse (schema ${String(found)}, expected ${version})`)
}

function guarded<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    throw new Fault('audit-unavailable', `\`${path}\` cannot be opened (${sqliteCode(cause)})`, { cause })
  }
}

/** SQLite's name of the error where the file is no database any more, or a damaged one; of a Fault, that of its cause. */
export function brokenCode(error: unknown): string | undefined {
  const code = sqliteCode(error instanceof Fault ? error.cause : error)
  return code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT') ? code : undefined
}

/** SQLite's name of an error, such as `SQLITE_FULL`; else the system's. */
export const sqliteCode = (error: unknown): string =>
  error instanceof Database.SqliteError ? error.code : ((error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown error')
