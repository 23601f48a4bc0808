// state.db as the worker thread has it: opened safely, and one group of writes and reads at a time. Synchronous.

import Database from 'better-sqlite3'
import { Fault } from '../../kernel/errors.ts'
import { createPrivateDatabase } from './create-private.ts'
import { migrate, readMigrations } from './migrations.ts'
import type { Answers, Failure, Group, Outcome, Query, SqlValue, Statement } from './state-messages.ts'

/** In the file's header: a database of something else is not touched. */
export const APPLICATION_ID = 0x47617465
const BUSY_MS = 5000
/** Rows of one answer: what is read at once must fit the memory. */
const MAX_ROWS = 100_000
/** Bytes of one answer in the heap, and of the answers of one group before the next read waits for its turn: the thread's heap is small, and no reader may end it. */
const MAX_ANSWER = 32 * 1024 * 1024
const MAX_ANSWERS = 4 * 1024 * 1024
/** What a row costs besides its texts. */
const ROW = 64
const MAX_PREPARED = 500
/** The schema is the migrations' business, transactions are this file's. */
const ALLOWED = /^\s*(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b/i
/** Nothing can be said about what the file holds after these; it must be opened anew. */
const FINAL = /^SQLITE_(?:IOERR|CORRUPT|NOTADB|CANTOPEN|READONLY|NOMEM)/

export class StateFile {
  readonly #database: Database.Database
  readonly #prepared = new Map<string, Database.Statement<SqlValue[]>>()
  #broken: Failure | undefined
  #hasLog = false
  /** of the answers of this group until now */
  #size = 0

  private constructor(database: Database.Database) {
    this.#database = database
  }

  /**
   * Opens `path`, made with mode 0600 when it is not there, and brings its schema up to `migrations`. Throws Fault `state-file-unsafe` (owner, mode,
   * symbolic link), `state-unavailable` (no database of ours, or it cannot be opened durably), or what `migrate` throws.
   */
  static open(path: string, migrations: string, nowSeconds: number): StateFile {
    const known = readMigrations(migrations)
    createPrivateDatabase(path, 'state')
    let database: Database.Database | undefined
    try {
      database = new Database(path, { timeout: BUSY_MS, fileMustExist: true })
      prepare(database, path)
      migrate(database, known, nowSeconds)
      return new StateFile(database)
    } catch (cause) {
      database?.close()
      throw cause instanceof Fault ? cause : new Fault('state-unavailable', `\`${path}\` cannot be opened (${reasonOf(cause)})`, { cause })
    }
  }

  /**
   * All writes in one transaction, each in a savepoint of its own; then the reads, which see them. When this returns, every write that succeeded
   * is on disk; a crash before leaves none of them. Reads that are left over, when the answers before them are much already, are to be asked again.
   */
  run({ writes, reads }: Group): Answers {
    const written = writes.length === 0 ? [] : this.#commit(writes)
    const answers: Outcome<readonly unknown[]>[] = []
    this.#size = 0
    for (const query of reads) {
      if (this.#size > MAX_ANSWERS) break
      answers.push(this.#attempt(() => this.#read(query)))
    }
    return { writes: written, reads: answers }
  }

  #commit(writes: Group['writes']): readonly Outcome<readonly number[]>[] {
    const outcome = this.#attempt(() => {
      this.#hasLog = true
      return this.#database.transaction(() => writes.map(statements => this.#write(statements))).immediate()
    })
    return 'value' in outcome ? outcome.value : writes.map(() => outcome)
  }

  /** The inner transaction is a savepoint: what failed is undone alone. */
  #write(statements: readonly Statement[]): Outcome<readonly number[]> {
    const apply = this.#database.transaction(() =>
      statements.map(({ sql, params = [], expectChanges }) => {
        const { changes } = this.#prepare(sql).run(...params)
        if (expectChanges !== undefined && changes !== expectChanges)
          throw new Fault('state-conflict', `expected ${expectChanges} changed rows, got ${changes}`)
        return changes
      }),
    )
    try {
      return { value: apply() }
    } catch (error) {
      // SQLite ends the whole transaction after some errors (disk full); then nobody's write stands, and the group fails as one.
      if (!this.#database.inTransaction) throw error
      return { failure: failureOf(error) }
    }
  }

  #read({ sql, params }: Query): readonly unknown[] {
    const statement = this.#prepare(sql)
    if (!statement.readonly) throw new Fault('state-statement-invalid', 'expected a statement that only reads')
    const rows: unknown[] = []
    let size = 0
    for (const row of statement.iterate(...params)) {
      if (rows.length === MAX_ROWS) throw new Fault('state-statement-invalid', `expected at most ${MAX_ROWS} rows`)
      size += sizeOf(row)
      if (size > MAX_ANSWER) throw new Fault('state-statement-invalid', `expected an answer of at most ${MAX_ANSWER} bytes`)
      rows.push(row)
    }
    this.#size += size
    return rows
  }

  #prepare(sql: string): Database.Statement<SqlValue[]> {
    const ready = this.#prepared.get(sql)
    if (ready) return ready
    if (!ALLOWED.test(sql)) throw new Fault('state-statement-invalid', 'expected SELECT, WITH, INSERT, UPDATE or DELETE')
    const statement = this.#database.prepare<SqlValue[]>(sql)
    if (this.#prepared.size === MAX_PREPARED) this.#prepared.clear()
    this.#prepared.set(sql, statement)
    return statement
  }

  #attempt<T>(work: () => T): Outcome<T> {
    if (this.#broken) return { failure: this.#broken }
    try {
      return { value: work() }
    } catch (error) {
      const failure = failureOf(error)
      if (FINAL.test(sqliteCode(error))) this.#broken = failure
      return { failure }
    }
  }

  /** Folds the write-ahead log into the file and empties it, so that what was deleted stands in neither. False: somebody reads, try later. */
  fold(): boolean {
    if (!this.#hasLog || this.#broken) return true
    const outcome = this.#attempt(() => {
      this.#database.pragma('busy_timeout = 0')
      const [row] = this.#database.pragma('wal_checkpoint(TRUNCATE)') as readonly { busy: number }[]
      this.#database.pragma(`busy_timeout = ${BUSY_MS}`)
      return row?.busy === 0
    })
    const isDone = 'value' in outcome && outcome.value
    if (isDone) this.#hasLog = false
    return isDone
  }

  close(): void {
    this.fold()
    this.#database.close()
  }
}

/** Settings belong to the connection; what durability rests on is read back. */
function prepare(database: Database.Database, path: string): void {
  // In this order: another process may begin the file in between, and its first write is the id.
  const isEmpty = database.pragma('page_count', { simple: true }) === 0
  const found = database.pragma('application_id', { simple: true })
  if (!isEmpty && found !== APPLICATION_ID) throw new Fault('state-unavailable', `\`${path}\` is not a database of Gatehouse`)
  if (isEmpty) database.pragma(`application_id = ${APPLICATION_ID}`)
  const journal = database.pragma('journal_mode = WAL', { simple: true })
  database.pragma('synchronous = FULL')
  database.pragma('foreign_keys = ON')
  database.pragma('trusted_schema = OFF')
  database.pragma('recursive_triggers = ON') // without it REPLACE deletes rows behind the back of the triggers that guard them
  database.pragma('secure_delete = ON') // what is deleted is overwritten
  const synchronous = database.pragma('synchronous', { simple: true })
  if (journal !== 'wal' || synchronous !== 2)
    throw new Fault(
      'state-unavailable',
      `\`${path}\` cannot be written durably (journal ${String(journal)}, synchronous ${String(synchronous)})`,
    )
}

function sizeOf(row: unknown): number {
  let size = ROW
  for (const value of Object.values(row as object)) {
    if (typeof value === 'string') size += isWide(value) ? 2 * value.length : value.length
    else if (Buffer.isBuffer(value)) size += value.length
  }
  return size
}
/** One letter that is not Latin doubles what all of them take. */
const isWide = (text: string): boolean => /[^\x00-\xff]/.test(text)

const sqliteCode = (error: unknown): string => (error instanceof Database.SqliteError ? error.code : '')
const reasonOf = (error: unknown): string => sqliteCode(error) || ((error as NodeJS.ErrnoException).code ?? 'unknown error')

/** What the caller is told. SQLite's messages name tables, columns and places in the statement, never a value. */
function failureOf(error: unknown): Failure {
  if (error instanceof Fault) return { code: error.code, message: error.message }
  const code = sqliteCode(error)
  const text = error instanceof Error ? error.message : 'unknown error'
  if (code.startsWith('SQLITE_CONSTRAINT')) return { code: 'state-conflict', message: `${code}: ${text}` }
  // SQLITE_ERROR and what the binding throws by itself (parameters that do not fit): a bug of the caller's
  if (code === 'SQLITE_ERROR' || code === '') return { code: 'state-statement-invalid', message: text }
  return { code: 'state-unavailable', message: `the state database failed (${code})` }
}
