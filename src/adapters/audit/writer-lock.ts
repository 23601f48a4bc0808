// One writer per audit directory, held by a lock that the kernel releases with the process: nothing is left to judge after a crash.

import fs from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Fault } from '../../kernel/errors.ts'

const SQLITE_BUSY = 5

/**
 * Takes the lock of `<dir>/writer.lock` or throws Fault `audit-locked`. Returns the release.
 *
 * An empty SQLite file held in an exclusive transaction is the one file lock Node offers: fcntl locks on the inode, so it holds across containers that
 * share the directory, and needs no pid that may be reused or stand in another namespace. Nobody else may open this file: closing any descriptor of
 * it in this process would drop the lock (POSIX).
 */
export function takeWriterLock(dir: string): () => void {
  const path = join(dir, 'writer.lock')
  let database: DatabaseSync | undefined
  try {
    // SQLite would create it readable for others. `wx` never opens an existing one, which this process may already hold.
    createEmpty(path)
    database = new DatabaseSync(path)
    database.exec('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (cause) {
    database?.close()
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY)
      throw new Fault('audit-locked', `another gateway writes the audit log in \`${dir}\`; stop it or use another data directory`, {
        cause,
      })
    throw new Fault('audit-unavailable', `the audit log in \`${dir}\` cannot be locked`, { cause })
  }
  const held = database
  return () => {
    if (held.isOpen) held.close()
  }
}

function createEmpty(path: string): void {
  try {
    fs.closeSync(fs.openSync(path, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}
