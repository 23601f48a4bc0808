// delivery.db: how far each sink is, and its dead letters. Written by the courier's thread alone; synchronous inside, and durable when a call resolves.

import Database from 'better-sqlite3'
import { closeSync, constants, existsSync, fstatSync, openSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DeadLetter, DeadLetters, Ledger, NewlyDead, Standing, Which } from '../../delivery/ledger.ts'
import { Fault } from '../../kernel/errors.ts'
import { whyNotPrivate } from '../private-file.ts'
import { syncDirectoryNow } from '../sync-directory.ts'

/** In the file's header: a database of something else is not touched. */
const APPLICATION_ID = 0x47617464
const VERSION = 2
const BUSY_MS = 5000

const SCHEMA = `
CREATE TABLE sinks (
  name TEXT PRIMARY KEY,
  origin TEXT NOT NULL,
  began INTEGER NOT NULL CHECK (began >= 0),
  cursor INTEGER NOT NULL CHECK (cursor >= began),
  last INTEGER NOT NULL CHECK (last >= -1 AND last < cursor OR last = -1),
  unsure INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE dead (
  sink TEXT NOT NULL,
  seq INTEGER NOT NULL,
  origin TEXT NOT NULL,
  leaf TEXT NOT NULL,
  why TEXT NOT NULL,
  at INTEGER NOT NULL,
  replayed INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (sink, seq)
) STRICT, WITHOUT ROWID;
`

/** From the version before. */
const UPGRADES: Readonly<Record<number, string>> = { 1: 'ALTER TABLE sinks ADD COLUMN unsure INTEGER' }

type SinkRow = Omit<Standing, 'unsure'> & { readonly unsure: number | null }
const standingOf = ({ unsure, ...rest }: SinkRow): Standing => (unsure === null ? rest : { ...rest, unsure })
type Row = Omit<DeadLetter, 'isReplayed' | 'atMs'> & { readonly replayed: number; readonly at: number }
const letterOf = ({ replayed, at, ...rest }: Row): DeadLetter => ({ ...rest, atMs: at, isReplayed: replayed === 1 })

export class DeliveryDb implements Ledger, DeadLetters {
  readonly #database: Database.Database
  readonly #nowMs: () => number

  private constructor(database: Database.Database, nowMs: () => number) {
    this.#database = database
    this.#nowMs = nowMs
  }

  /**
   * Opens `path`, made with mode 0600 when it is not there. Throws Fault `delivery-file-unsafe` (owner, mode, symbolic link) or `delivery-unavailable` (no database
   * of ours, a newer one, or it cannot be written durably).
   */
  static open(path: string, nowMs: () => number): DeliveryDb {
    createPrivate(path)
    let database: Database.Database | undefined
    try {
      database = new Database(path, { timeout: BUSY_MS, fileMustExist: true })
      prepare(database, path)
      return new DeliveryDb(database, nowMs)
    } catch (cause) {
      database?.close()
      throw cause instanceof Fault ? cause : new Fault('delivery-unavailable', `\`${path}\` cannot be opened`, { cause })
    }
  }

  standing(sink: string): Promise<Standing | undefined> {
    return this.#run(() => {
      const found = this.#database.prepare('SELECT origin, began, cursor, last, unsure FROM sinks WHERE name = ?').get(sink)
      const row = found as SinkRow | undefined
      return row && standingOf(row)
    })
  }

  advance(sink: string, { origin, began, cursor, last, unsure }: Standing, dead: readonly NewlyDead[]): Promise<void> {
    return this.#write(() => {
      this.#database
        .prepare(
          `INSERT INTO sinks (name, origin, began, cursor, last, unsure) VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (name) DO UPDATE SET origin = excluded.origin, began = excluded.began, cursor = excluded.cursor, last = excluded.last,
             unsure = excluded.unsure`,
        )
        .run(sink, origin, began, cursor, last, unsure ?? null)
      const bury = this.#database.prepare(
        `INSERT INTO dead (sink, seq, origin, leaf, why, at) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (sink, seq) DO UPDATE SET origin = excluded.origin, leaf = excluded.leaf, why = excluded.why, at = excluded.at, replayed = 0`,
      )
      for (const { seq, leaf, why } of dead) bury.run(sink, seq, origin, leaf, why, this.#nowMs())
    })
  }

  replays(sink: string, limit: number): Promise<readonly DeadLetter[]> {
    return this.#run(() => this.#letters('WHERE sink = ? AND replayed = 1 ORDER BY seq LIMIT ?', sink, limit))
  }

  settle(sink: string, seq: number, why?: string): Promise<void> {
    return this.#write(() => {
      if (why === undefined) this.#database.prepare('DELETE FROM dead WHERE sink = ? AND seq = ?').run(sink, seq)
      else
        this.#database
          .prepare('UPDATE dead SET why = ?, at = ?, replayed = 0 WHERE sink = ? AND seq = ?')
          .run(why, this.#nowMs(), sink, seq)
    })
  }

  count(sink: string): Promise<number> {
    return this.#run(() => this.#database.prepare('SELECT count(*) FROM dead WHERE sink = ?').pluck().get(sink) as number)
  }

  list(sink: string | undefined, limit: number): Promise<readonly DeadLetter[]> {
    return this.#run(() =>
      sink === undefined
        ? this.#letters('ORDER BY sink, seq LIMIT ?', limit)
        : this.#letters('WHERE sink = ? ORDER BY seq LIMIT ?', sink, limit),
    )
  }

  replay(which: Which): Promise<number> {
    return this.#change('UPDATE dead SET replayed = 1', which)
  }

  drop(which: Which): Promise<number> {
    return this.#change('DELETE FROM dead', which)
  }

  close(): void {
    this.#database.close()
  }

  #letters(rest: string, ...values: readonly (string | number)[]): readonly DeadLetter[] {
    const rows = this.#database.prepare(`SELECT sink, seq, origin, leaf, why, at, replayed FROM dead ${rest}`).all(...values)
    return (rows as readonly Row[]).map(letterOf)
  }

  #change(what: string, { sink, seq }: Which): Promise<number> {
    return this.#write(() => {
      if (seq === undefined) return this.#database.prepare(`${what} WHERE sink = ?`).run(sink).changes
      return this.#database.prepare(`${what} WHERE sink = ? AND seq = ?`).run(sink, seq).changes
    })
  }

  /** On disk when it returns: the transaction is synced (synchronous = FULL). */
  #write<T>(work: () => T): Promise<T> {
    return this.#run(() => this.#database.transaction(work).immediate())
  }

  #run<T>(work: () => T): Promise<T> {
    try {
      return Promise.resolve(work())
    } catch (cause) {
      const code = cause instanceof Database.SqliteError ? cause.code : 'unknown error'
      return Promise.reject(new Fault('delivery-unavailable', `what delivery keeps cannot be read or written (${code})`, { cause }))
    }
  }
}

/**
 * Older builds kept it in the folder of the log, and it went aside with a log that ended: a sink that begins with what comes from now on then missed the beginning of
 * the next one. The write-ahead log goes first: a crash in between leaves a database whose log is found at the next start.
 */
export function takeOver(from: string, to: string): void {
  if (existsSync(to) || !existsSync(from)) return
  for (const end of ['-wal', '-shm', '']) if (existsSync(from + end)) renameSync(from + end, to + end)
  for (const path of [to, from]) syncDirectoryNow(dirname(path))
}

/** SQLite would make the file readable for others. What is there already must be ours alone. */
function createPrivate(path: string): void {
  let file: number
  try {
    file = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    if (code === 'ELOOP') throw new Fault('delivery-file-unsafe', `\`${path}\`: expected a regular file, got a symbolic link`, { cause })
    throw new Fault('delivery-unavailable', `\`${path}\` cannot be opened (${code})`, { cause })
  }
  try {
    const found = fstatSync(file)
    const why = found.isFile() ? whyNotPrivate(path, found) : 'expected a regular file'
    if (why !== undefined) throw new Fault('delivery-file-unsafe', `\`${path}\`: ${why}`)
  } finally {
    closeSync(file)
  }
  syncDirectoryNow(dirname(path))
}

/** Settings belong to the connection, and a database in WAL comes up with `synchronous = NORMAL` at its second opening: what durability rests on is read back. */
function prepare(database: Database.Database, path: string): void {
  const [id, version] = ['application_id', 'user_version'].map(name => database.pragma(name, { simple: true }))
  const isEmpty = database.pragma('page_count', { simple: true }) === 0
  if (!isEmpty && id !== APPLICATION_ID) throw new Fault('delivery-unavailable', `\`${path}\` is not a database of Gatehouse’s delivery`)
  const upgrade = isEmpty ? undefined : UPGRADES[Number(version)]
  if (!isEmpty && version !== VERSION && upgrade === undefined)
    throw new Fault('delivery-unavailable', `\`${path}\` is of another version of Gatehouse`)
  const journal = database.pragma('journal_mode = WAL', { simple: true })
  database.pragma('synchronous = FULL')
  database.pragma('trusted_schema = OFF')
  const synchronous = database.pragma('synchronous', { simple: true })
  if (journal !== 'wal' || synchronous !== 2)
    throw new Fault(
      'delivery-unavailable',
      `\`${path}\` cannot be written durably (journal ${String(journal)}, synchronous ${String(synchronous)})`,
    )
  if (!isEmpty && upgrade === undefined) return
  database.transaction(() => {
    database.exec(upgrade ?? SCHEMA)
    database.pragma(`application_id = ${APPLICATION_ID}`)
    database.pragma(`user_version = ${VERSION}`)
  })()
}
