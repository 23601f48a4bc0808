// state.db without its thread: what one group of writes and reads does, and which files are not touched.

import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { StateFile } from '../../../src/adapters/sqlite/state-file.ts'

let dir: string
let file: string
let migrations: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'state-file-'))
  file = join(dir, 'state.db')
  migrations = join(dir, 'migrations')
  mkdirSync(migrations)
  writeFileSync(join(migrations, '0001_notes.sql'), 'CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE) STRICT;')
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(dir, { recursive: true, force: true })
})

const open = (): StateFile => StateFile.open(file, migrations, 1)
const add = (id: number, text: string) => ({ sql: 'INSERT INTO notes (id, text) VALUES (?, ?)', params: [id, text] })
const opening = (work: () => unknown): string => {
  try {
    work()
    return 'opened'
  } catch (error) {
    return (error as { code: string }).code
  }
}

it('does every write of a group alone, and reads see them', () => {
  const state = open()
  const { writes, reads } = state.run({
    writes: [
      [add(1, 'one')],
      [add(2, 'two'), add(3, 'one')],
      [{ sql: 'UPDATE notes SET text = ? WHERE id = ?', params: ['x', 9], expectChanges: 1 }],
    ],
    reads: [
      { sql: 'SELECT text FROM notes ORDER BY id', params: [] },
      { sql: 'DELETE FROM notes RETURNING id', params: [] },
      { sql: 'PRAGMA user_version', params: [] },
      { sql: 'SELECT nonsense FROM notes', params: [] },
    ],
  })
  expect(writes).toEqual([
    { value: [1] },
    { failure: { code: 'state-conflict', message: expect.stringContaining('UNIQUE') } },
    { failure: { code: 'state-conflict', message: 'expected 1 changed rows, got 0' } },
  ])
  expect(reads[0]).toEqual({ value: [{ text: 'one' }] })
  expect(reads.slice(1).map(read => ('failure' in read ? read.failure.code : 'read'))).toEqual(Array(3).fill('state-statement-invalid'))
  expect(state.fold()).toBe(true)
  expect(state.fold()).toBe(true)
  state.close()
})

it('leaves alone what is not its own, or not private', () => {
  open().close()
  chmodSync(file, 0o644)
  expect(opening(open)).toBe('state-file-unsafe')
  rmSync(file)
  symlinkSync(join(dir, 'elsewhere.db'), file)
  expect(opening(open)).toBe('state-file-unsafe')
  rmSync(file)
  writeFileSync(file, 'this is no database, whatever it is called; '.repeat(50), { mode: 0o600 })
  expect(opening(open)).toBe('state-unavailable')
})

it('leaves a schema alone that is newer, edited, or has a hole', () => {
  open().close()
  writeFileSync(join(migrations, '0002_more.sql'), 'CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT;')
  open().close()
  rmSync(join(migrations, '0002_more.sql'))
  expect(opening(open)).toBe('state-schema-newer')
  writeFileSync(join(migrations, '0002_more.sql'), 'CREATE TABLE more (id INTEGER PRIMARY KEY, x TEXT) STRICT;')
  expect(opening(open)).toBe('state-schema-changed')
  writeFileSync(join(migrations, 'readme.txt'), '')
  expect(opening(open)).toBe('state-migrations-invalid')
  rmSync(migrations, { recursive: true })
  expect(opening(open)).toBe('state-migrations-invalid')
})

it.each([1, 2, 3])('a second process that opens a new database behind step %i of the first shares it', step => {
  const pragma = Database.prototype.pragma
  let second: StateFile | undefined
  let count = 0
  const spy = vi.spyOn(Database.prototype, 'pragma').mockImplementation(function (this: Database.Database, ...args) {
    const answer: unknown = pragma.apply(this, args)
    count += 1
    if (count === step) second = open()
    return answer
  })
  const first = open()
  spy.mockRestore()
  first.run({ writes: [[add(1, 'one')]], reads: [] })
  expect(second?.run({ writes: [], reads: [{ sql: 'SELECT text FROM notes', params: [] }] }).reads).toEqual([{ value: [{ text: 'one' }] }])
  first.close()
  second?.close()
})
