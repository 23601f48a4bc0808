// What rules recorded, on a real disk: what is erased is in no byte of any file, and what somebody puts into the database opens nowhere else than where it was sealed.

import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadAuditValueKeys, rotateAuditValueKeys } from '../../../src/adapters/keys.ts'
import { ValueFile } from '../../../src/adapters/sqlite/value-file.ts'
import { SqliteValueStore } from '../../../src/adapters/sqlite/value-store.ts'
import { commitmentOf, MAX_VALUE_BYTES, SALT_BYTES, type KeptValue } from '../../../src/audit/values.ts'
import { keyOf } from '../../../src/kernel/principal.ts'

const ALICE = keyOf('https://issuer.test', 'alice')
const BOB = keyOf('https://issuer.test', 'bob')
let dataDir = ''
let file: ValueFile
const path = (): string => join(dataDir, 'audit-values.db')
const open = (): ValueFile =>
  (file = ValueFile.open(path(), { load: () => loadAuditValueKeys(dataDir), rotate: () => rotateAuditValueKeys(dataDir) }))

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-values-'))
  open()
})
afterEach(() => {
  file.close()
  rmSync(dataDir, { recursive: true, force: true })
})

let made = 0
function valueOf(subject: typeof ALICE, text: string): KeptValue & { readonly bytes: Buffer } {
  const [salt, bytes] = [randomBytes(SALT_BYTES), Buffer.from(text)]
  return { event: `event-${++made}`, subject, kind: 'result', digest: commitmentOf('result', salt, bytes), salt, bytes }
}
/** Changes the database behind the gateway's back. */
function tamper<T>(work: (database: Database.Database) => T): T {
  const database = new Database(path())
  try {
    return work(database)
  } finally {
    database.close()
  }
}
const rowOf = (event: string): any => tamper(database => database.prepare('SELECT * FROM kept WHERE event = ?').get(event))
/** every byte of the database and of what SQLite keeps beside it */
const bytesOnDisk = (): Buffer =>
  Buffer.concat(
    readdirSync(dataDir)
      .filter(name => name.startsWith('audit-values.db'))
      .map(name => readFileSync(join(dataDir, name))),
  )

describe('recorded values', () => {
  it('come back as they were, over a restart, and stand nowhere in the clear', () => {
    const [mine, large] = [valueOf(ALICE, '{"secret":"a needle in the hay"}'), valueOf(BOB, 'x'.repeat(MAX_VALUE_BYTES))]
    file.keep([mine, large])
    file.close()
    open()
    expect(file.read(mine)).toEqual({ is: 'value', salt: mine.salt, bytes: mine.bytes })
    expect(file.read(large)).toMatchObject({ is: 'value', bytes: large.bytes })
    expect(bytesOnDisk().includes('needle')).toBe(false)
    expect(bytesOnDisk().includes('alice')).toBe(false)
    for (const name of ['audit-values.db', 'keys/audit-values.key']) expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600)
  })
  it('too large to be kept leave their salt', () => {
    const { bytes, ...rest } = valueOf(ALICE, 'too large')
    expect(bytes).toBeDefined()
    file.keep([rest])
    expect(file.read(rest)).toEqual({ is: 'value', salt: rest.salt })
  })
  it('are kept together or not at all', () => {
    const [first, second] = [valueOf(ALICE, 'one'), valueOf(ALICE, 'two')]
    expect(() => file.keep([first, second, first])).toThrow(expect.objectContaining({ code: 'audit-unavailable' }))
    expect(file.read(second)).toEqual({ is: 'absent' })
  })
})

describe('erasure', () => {
  it('leaves no byte of a value, nor of its key, in the database, its log or its index', () => {
    const mine = Array.from({ length: 40 }, (_, i) => valueOf(ALICE, `${i} ${'personal '.repeat(i * 30)}`))
    const theirs = valueOf(BOB, 'stays')
    file.keep(mine)
    file.keep([theirs])
    const sealed = mine.map(({ event }) => rowOf(event).sealed as Buffer)
    const wrapped = tamper(database => database.prepare('SELECT wrapped FROM subjects').pluck().all() as Buffer[])
    const isThere = (needle: Buffer): boolean => bytesOnDisk().includes(needle)
    const pieces = sealed.flatMap(each => [each.subarray(0, 24), each.subarray(-16)])
    expect(pieces.every(isThere)).toBe(true)
    expect(file.count(ALICE)).toBe(40)
    expect(file.erase(ALICE)).toBe(40)
    expect(pieces.some(isThere)).toBe(false)
    expect(wrapped.filter(isThere)).toHaveLength(1) // Bob's
    expect(file.read(mine[0]!)).toEqual({ is: 'absent' })
    expect(file.read(theirs)).toMatchObject({ is: 'value', bytes: theirs.bytes })
    expect(file.erase(ALICE)).toBe(0)
  })
  it('is not said to be done while somebody keeps the write-ahead log from being emptied', () => {
    const mine = valueOf(ALICE, 'personal')
    file.keep([mine])
    const reader = new Database(path(), { readonly: true })
    reader.exec('BEGIN; SELECT count(*) FROM kept')
    reader.prepare('SELECT * FROM kept').all()
    try {
      expect(() => file.erase(ALICE)).toThrow(expect.objectContaining({ code: 'audit-unavailable' }))
    } finally {
      reader.close()
    }
    expect(file.erase(ALICE)).toBe(0)
    expect(file.read(mine)).toEqual({ is: 'absent' })
  }, 20_000)
  it('attack: a copy of an erased row is put back: the key that opened it is gone, also where its person has a new one', () => {
    const [mine, later] = [valueOf(ALICE, 'erased'), valueOf(ALICE, 'after that')]
    file.keep([mine])
    const row = rowOf(mine.event)
    file.erase(ALICE)
    const putBack = (): void => {
      tamper(database => database.prepare('INSERT INTO kept (event, subject, sealed) VALUES (@event, @subject, @sealed)').run(row))
      expect(file.read(mine)).toEqual({ is: 'unreadable' })
      tamper(database => database.prepare('DELETE FROM kept WHERE event = ?').run(mine.event))
    }
    putBack()
    file.keep([later])
    expect(file.read(later)).toMatchObject({ is: 'value' })
    putBack()
  })
})

describe('what somebody puts into the database', () => {
  it('attack: the row of one event in the place of another, of the same person', () => {
    const [one, other] = [valueOf(ALICE, 'one'), valueOf(ALICE, 'other')]
    file.keep([one, other])
    tamper(database => database.prepare('UPDATE kept SET sealed = ? WHERE event = ?').run(rowOf(other.event).sealed, one.event))
    expect(file.read(one)).toEqual({ is: 'unreadable' })
  })
  it('attack: the right row, and another commitment or kind than the event’s', () => {
    const mine = valueOf(ALICE, 'one')
    file.keep([mine])
    expect(file.read({ ...mine, digest: valueOf(ALICE, 'one').digest })).toEqual({ is: 'unreadable' })
    expect(file.read({ ...mine, kind: 'arguments' })).toEqual({ is: 'unreadable' })
  })
  it('attack: the wrapped key of one person in the place of another’s', () => {
    file.keep([valueOf(ALICE, 'hers')])
    const his = valueOf(BOB, 'his')
    file.keep([his])
    tamper(database => {
      const [first, second] = database.prepare('SELECT subject, wrapped FROM subjects').all() as any[]
      const put = database.prepare('UPDATE subjects SET wrapped = ? WHERE subject = ?')
      put.run(second.wrapped, first.subject)
      put.run(first.wrapped, second.subject)
    })
    expect(file.read(his)).toEqual({ is: 'unreadable' })
    // And it is not replaced by a new one, which would lose what it seals.
    expect(() => file.keep([valueOf(BOB, 'more')])).toThrow(expect.objectContaining({ code: 'audit-unavailable' }))
  })
})

describe('the key that wraps the keys', () => {
  it('is rotated twice: values still open, and the database of before opens no more', () => {
    const mine = valueOf(ALICE, 'mine')
    file.keep([mine])
    file.close()
    const before = `${path()}.before`
    copyFileSync(path(), before)
    open()
    for (let i = 0; i < 2; i += 1) expect(file.rotate()).toEqual({ rewrapped: 1, unreadable: 0 })
    expect(file.read(mine)).toMatchObject({ is: 'value', bytes: mine.bytes })
    file.close()
    copyFileSync(before, path())
    open()
    expect(file.read(mine)).toEqual({ is: 'unreadable' })
  })
  it('is another one: nothing is lost over it, and nothing more is kept', () => {
    const mine = valueOf(ALICE, 'mine')
    file.keep([mine])
    rotateAuditValueKeys(dataDir)
    rotateAuditValueKeys(dataDir)
    expect(() => file.keep([valueOf(ALICE, 'more')])).toThrow(expect.objectContaining({ code: 'audit-unavailable' }))
    expect(file.rotate()).toEqual({ rewrapped: 0, unreadable: 1 })
  })
})

describe('the thread', () => {
  it('keeps what comes side by side, and answers in order', async () => {
    file.close()
    const store = new SqliteValueStore(dataDir)
    try {
      const all = Array.from({ length: 200 }, (_, i) => valueOf(i % 2 === 0 ? ALICE : BOB, `value ${i}`))
      await Promise.all(all.map(value => store.keep(value)))
      expect(await store.read(all[7]!)).toEqual({ is: 'value', salt: all[7]!.salt, bytes: all[7]!.bytes })
      expect(await store.count(ALICE)).toBe(100)
      expect(await store.erase(ALICE)).toBe(100)
      expect(await store.rotate()).toEqual({ rewrapped: 1, unreadable: 0 })
      expect(await store.read(all[0]!)).toEqual({ is: 'absent' })
    } finally {
      await store.close()
      open()
    }
    await expect(store.count(ALICE)).rejects.toMatchObject({ code: 'audit-unavailable' })
  })
})
