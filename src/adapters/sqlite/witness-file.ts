// What a witness remembers, in a SQLite file of its own: the newest checkpoint of each log, and earlier ones, so that an older one with another root is known
// for what it is. Synchronous: a witness does one thing at a time.

import Database from 'better-sqlite3'
import { closeSync, constants, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { SeenCheckpoint, WitnessMemory } from '../../audit/witnessing.ts'
import { Fault } from '../../kernel/errors.ts'
import { syncDirectoryNow } from '../sync-directory.ts'

/** In the file's header: `GHwi`. */
const APPLICATION_ID = 0x47487769
const DAY_S = 86_400
/** Earlier checkpoints are thinned once in so many. */
const THIN_EVERY = 1000

const SCHEMA = `
CREATE TABLE IF NOT EXISTS witness (name TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS logs (origin TEXT PRIMARY KEY, size INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS seen (origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL, time INTEGER NOT NULL, PRIMARY KEY (origin, size)) STRICT, WITHOUT ROWID;
`

type Row = { readonly size: number; readonly root: Buffer; readonly note: string }

/**
 * All of one day, then one an hour for ever. Durable (WAL, synchronous = FULL, both read back) and one writer at a time, whichever process. Throws Fault
 * `witness-state-unavailable` where the file cannot be opened so, is of something else, or belongs to a witness of another name.
 */
export class WitnessFile implements WitnessMemory {
  readonly #database: Database.Database
  readonly #now: () => number
  #advances = 0

  private constructor(database: Database.Database, now: () => number) {
    this.#database = database
    this.#now = now
  }

  /** `<folder>/witness.db`; made, with mode 0600, where it is missing. `now`: milliseconds. */
  static open(folder: string, name: string, now: () => number): WitnessFile {
    const path = join(folder, 'witness.db')
    let database: Database.Database | undefined
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600))
      syncDirectoryNow(folder)
      database = new Database(path, { fileMustExist: true, timeout: 5000 })
      prepare(database, path)
      const known = database.prepare('SELECT name FROM witness').pluck().get() as string | undefined
      if (known === undefined) database.prepare('INSERT INTO witness VALUES (?)').run(name)
      else if (known !== name)
        throw new Fault(
          'witness-state-unavailable',
          `\`${path}\` is of the witness \`${known}\`; logs know it by that name: keep it, or use another folder`,
        )
      return new WitnessFile(database, now)
    } catch (cause) {
      database?.close()
      if (cause instanceof Fault) throw cause
      throw new Fault('witness-state-unavailable', `\`${path}\` cannot be opened`, { cause })
    }
  }

  latest(origin: string): SeenCheckpoint | undefined {
    return this.#seen('SELECT size, root, note FROM seen JOIN logs USING (origin, size) WHERE origin = ?', origin)
  }

  at(origin: string, size: number): SeenCheckpoint | undefined {
    return this.#seen('SELECT size, root, note FROM seen WHERE origin = ? AND size = ?', origin, size)
  }

  #seen(sql: string, ...params: (string | number)[]): SeenCheckpoint | undefined {
    return this.#database.prepare<(string | number)[], Row>(sql).get(...params)
  }

  advance(origin: string, from: number, to: SeenCheckpoint): boolean {
    return this.#database
      .transaction((): boolean => {
        const size = this.#database.prepare<string[], { size: number }>('SELECT size FROM logs WHERE origin = ?').get(origin)?.size ?? 0
        if (size !== from || to.size < size) return false
        const seconds = Math.floor(this.#now() / 1000)
        this.#database.prepare('REPLACE INTO logs VALUES (?, ?)').run(origin, to.size)
        this.#database.prepare('REPLACE INTO seen VALUES (?, ?, ?, ?, ?)').run(origin, to.size, to.root, to.note, seconds)
        this.#advances += 1
        if (this.#advances % THIN_EVERY === 0) this.#thin(seconds - DAY_S)
        return true
      })
      .immediate()
  }

  #thin(before: number): void {
    this.#database
      .prepare(
        'DELETE FROM seen WHERE time < ? AND (origin, size) NOT IN (SELECT origin, max(size) FROM seen GROUP BY origin, time / 3600)',
      )
      .run(before)
  }

  close(): void {
    this.#database.close()
  }
}

function prepare(database: Database.Database, path: string): void {
  const isEmpty = database.pragma('page_count', { simple: true }) === 0
  if (!isEmpty && database.pragma('application_id', { simple: true }) !== APPLICATION_ID)
    throw new Fault('witness-state-unavailable', `\`${path}\` is not the database of a witness`)
  if (isEmpty) database.pragma(`application_id = ${APPLICATION_ID}`)
  const journal = database.pragma('journal_mode = WAL', { simple: true })
  database.pragma('synchronous = FULL')
  database.pragma('trusted_schema = OFF')
  if (journal !== 'wal' || database.pragma('synchronous', { simple: true }) !== 2)
    throw new Fault('witness-state-unavailable', `\`${path}\` cannot be written durably`)
  database.exec(SCHEMA)
}
