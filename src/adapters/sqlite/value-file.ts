// audit-values.db: contents that rules ask to record, each sealed under a key of its subject's, those wrapped by a key outside the database. Synchronous: for one thread.

import { createHash, randomBytes } from 'node:crypto'
import { SALT_BYTES, type FoundValue, type KeptValue } from '../../audit/values.ts'
import { Fault } from '../../kernel/errors.ts'
import type { SealingKeys } from '../../kernel/seal.ts'
import { createXaes, NONCE_BYTES } from '../../kernel/xaes.ts'
import { openAuditDatabase, sqliteCode, type AuditDatabase } from './audit-database.ts'

export const VALUE_SCHEMA = {
  applicationId: 0x47617476,
  version: 1,
  sql: `
CREATE TABLE subjects (subject BLOB PRIMARY KEY CHECK (length(subject) = 32), wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE kept (event TEXT NOT NULL UNIQUE, subject BLOB NOT NULL, sealed BLOB NOT NULL) STRICT;
CREATE INDEX kept_by_subject ON kept (subject);
`,
}
const KEY_BYTES = 32

/** The key that wraps, from wherever it is kept. */
export type WrappingKeys = {
  /** made where there is none */
  load(): SealingKeys
  /** the current generation becomes the one before, and that is forgotten */
  rotate(): SealingKeys
}

/** Every method throws Fault `audit-unavailable` where the database or a key does not do what it has to. What changes something is on disk when it returns. */
export class ValueFile {
  readonly #database: AuditDatabase
  readonly #keys: WrappingKeys

  private constructor(database: AuditDatabase, keys: WrappingKeys) {
    this.#database = database
    this.#keys = keys
  }

  /** Made with mode 0600 where there is none; `synchronous = FULL` and `secure_delete` are set and read back. */
  static open(path: string, keys: WrappingKeys): ValueFile {
    const database = openAuditDatabase(path, VALUE_SCHEMA, 'FULL')
    // What is removed is overwritten with zeros, not left in free pages.
    if (database.pragma('secure_delete = ON', { simple: true }) !== 1) {
      database.close()
      throw new Fault('audit-unavailable', `\`${path}\`: this SQLite cannot overwrite what is removed`)
    }
    return new ValueFile(database, keys)
  }

  /** All of them or none, in one commit. */
  keep(group: readonly KeptValue[]): void {
    this.#write(() => {
      const wrapping = this.#keys.load()
      const insert = this.#database.prepare('INSERT INTO kept (event, subject, sealed) VALUES (?, ?, ?)')
      for (const value of group) {
        const subject = subjectOf(value.subject)
        const key = this.#dataKey(subject, wrapping)
        const bytes = Buffer.concat([value.salt, Buffer.from([value.bytes ? 1 : 0]), value.bytes ?? Buffer.alloc(0)])
        insert.run(value.event, subject, seal(key, bytes, boundTo(value)))
      }
    })
  }

  read(which: Pick<KeptValue, 'event' | 'kind' | 'digest'>): FoundValue {
    return this.#run(() => {
      const row = this.#database.prepare('SELECT subject, sealed FROM kept WHERE event = ?').get(which.event) as
        { readonly subject: Buffer; readonly sealed: Buffer } | undefined
      if (!row) return { is: 'absent' }
      const wrapped = this.#wrapped(row.subject)
      const key = wrapped && unwrap(wrapped, row.subject, this.#keys.load())
      const bytes = key && open(key, row.sealed, boundTo(which))
      if (!bytes || bytes.length <= SALT_BYTES) return { is: 'unreadable' }
      const salt = bytes.subarray(0, SALT_BYTES)
      return bytes[SALT_BYTES] === 1 ? { is: 'value', salt, bytes: bytes.subarray(SALT_BYTES + 1) } : { is: 'value', salt }
    })
  }

  count(subject: string): number {
    return this.#run(() => Number(this.#database.prepare('SELECT count(*) FROM kept WHERE subject = ?').pluck().get(subjectOf(subject))))
  }

  /** On disk after a crash: everything or nothing of it removed; what was removed may stand in the write-ahead log until it is done again. */
  erase(subject: string): number {
    const count = this.#write(() => {
      const id = subjectOf(subject)
      this.#database.prepare('DELETE FROM subjects WHERE subject = ?').run(id)
      return this.#database.prepare('DELETE FROM kept WHERE subject = ?').run(id).changes
    })
    this.#emptyLog()
    return count
  }

  rotate(): { readonly rewrapped: number; readonly unreadable: number } {
    // First everything under the generation in use: the one before it is forgotten by the rotation.
    this.#rewrap(this.#keys.load())
    const done = this.#rewrap(this.#run(() => this.#keys.rotate()))
    this.#emptyLog()
    return done
  }

  close(): void {
    this.#database.close()
  }

  /** The subject's key; a new one where it has none. One that does not open is never replaced: what it seals would be lost. */
  #dataKey(subject: Buffer, wrapping: SealingKeys): Buffer {
    const wrapped = this.#wrapped(subject)
    if (!wrapped) {
      const key = randomBytes(KEY_BYTES)
      this.#database.prepare('INSERT INTO subjects (subject, wrapped) VALUES (?, ?)').run(subject, wrap(key, subject, wrapping))
      return key
    }
    const key = unwrap(wrapped, subject, wrapping)
    if (!key)
      throw new Fault(
        'audit-unavailable',
        'the key of somebody’s recorded values opens with no `keys/audit-values.key` that is here: restore it',
      )
    return key
  }

  #wrapped(subject: Buffer): Buffer | undefined {
    return this.#database.prepare('SELECT wrapped FROM subjects WHERE subject = ?').pluck().get(subject) as Buffer | undefined
  }

  #rewrap(wrapping: SealingKeys): { readonly rewrapped: number; readonly unreadable: number } {
    return this.#write(() => {
      const rows = this.#database.prepare('SELECT subject, wrapped FROM subjects').all() as { subject: Buffer; wrapped: Buffer }[]
      const update = this.#database.prepare('UPDATE subjects SET wrapped = ? WHERE subject = ?')
      const done = { rewrapped: 0, unreadable: 0 }
      for (const { subject, wrapped } of rows) {
        const key = unwrap(wrapped, subject, wrapping)
        if (key) update.run(wrap(key, subject, wrapping), subject)
        done[key ? 'rewrapped' : 'unreadable'] += 1
      }
      return done
    })
  }

  /** Pages as they were before stand in the write-ahead log until it is folded in and cut to nothing. */
  #emptyLog(): void {
    const [done] = this.#run(() => this.#database.pragma('wal_checkpoint(TRUNCATE)') as { readonly busy: number }[])
    if (done?.busy !== 0)
      throw new Fault('audit-unavailable', 'somebody else reads `audit-values.db`, so its write-ahead log cannot be emptied; do it again')
  }

  #write<T>(work: () => T): T {
    return this.#run(() => this.#database.transaction(work).immediate())
  }

  #run<T>(work: () => T): T {
    try {
      return work()
    } catch (cause) {
      if (cause instanceof Fault) throw cause
      throw new Fault('audit-unavailable', `recorded values cannot be read or written (${sqliteCode(cause)})`, { cause })
    }
  }
}

/** Who it is stands nowhere in the file. */
const subjectOf = (key: string): Buffer => createHash('sha256').update(key).digest()

/** An id holds no `|`, and neither does a digest. */
const boundTo = ({ event, kind, digest }: Pick<KeptValue, 'event' | 'kind' | 'digest'>): Buffer => Buffer.from(`${event}|${kind}|${digest}`)
const ownerOf = (subject: Buffer): Buffer => Buffer.concat([Buffer.from('gatehouse audit-values key\0'), subject])

function seal(key: Buffer, bytes: Buffer, associated: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  return Buffer.concat([nonce, createXaes(key).seal(nonce, bytes, associated)])
}
const open = (key: Buffer, sealed: Buffer, associated: Buffer): Buffer | undefined =>
  createXaes(key).open(sealed.subarray(0, NONCE_BYTES), sealed.subarray(NONCE_BYTES), associated)

const wrap = (key: Buffer, subject: Buffer, { current }: SealingKeys): Buffer => seal(current, key, ownerOf(subject))
function unwrap(wrapped: Buffer, subject: Buffer, { current, previous }: SealingKeys): Buffer | undefined {
  const key = open(current, wrapped, ownerOf(subject)) ?? (previous && open(previous, wrapped, ownerOf(subject)))
  return key?.length === KEY_BYTES ? key : undefined
}
