// Copies of state.db: made while it is in use, checked before they are trusted.

import Database from 'better-sqlite3'
import { closeSync, constants, fsyncSync, openSync } from 'node:fs'
import { Fault } from '../../kernel/errors.ts'
import { APPLICATION_ID } from './state-file.ts'

/**
 * Copies a database page by page with SQLite's online backup: the copy is one moment of it, whoever writes meanwhile. `to` must not exist; it is made
 * readable for its owner alone, and is durable when this resolves (its folder is the caller's to sync).
 */
export async function copyDatabase(from: string, to: string): Promise<void> {
  closeSync(openSync(to, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600))
  const source = new Database(from, { fileMustExist: true })
  try {
    await source.backup(to)
  } finally {
    source.close()
  }
  const file = openSync(to, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Grants in a database by the id of the key that sealed them. */
export type SealedBy = ReadonlyMap<string, number>

/** Checks a whole database file that nobody writes. Throws Fault `state-unavailable` when it is damaged or not one of ours. */
export function inspectDatabase(path: string): SealedBy {
  let database: Database.Database | undefined
  try {
    database = new Database(path, { fileMustExist: true })
    if (database.pragma('application_id', { simple: true }) !== APPLICATION_ID)
      throw new Fault('state-unavailable', `\`${path}\` is not a database of Gatehouse`)
    if (database.pragma('integrity_check', { simple: true }) !== 'ok') throw new Fault('state-unavailable', `\`${path}\` is damaged`)
    const rows = database
      .prepare<[], { id: string; n: number }>('SELECT key_id AS id, count(*) AS n FROM vault_grants GROUP BY key_id')
      .all()
    return new Map(rows.map(({ id, n }) => [id, n]))
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    throw new Fault('state-unavailable', `\`${path}\` cannot be read as a database`, { cause })
  } finally {
    database?.close()
  }
}
