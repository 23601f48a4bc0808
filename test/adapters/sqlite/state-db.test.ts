// state.db through its thread: what is durable, what fails alone, what is refused, and that nothing works once it cannot be relied on.

import BetterSqlite, { type Database } from 'better-sqlite3'
import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openStateDb, type SqlValue, type StateDb, type StateOptions, type Statement } from '../../../src/adapters/sqlite/state-db.ts'

const NOTES = 'CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE, bytes BLOB) STRICT;'

let dir: string
let file: string
let migrations: string
const opened: StateDb[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'state-'))
  file = join(dir, 'data', 'state.db')
  migrations = join(dir, 'migrations')
  mkdirSync(migrations)
  writeFileSync(join(migrations, '0001_notes.sql'), NOTES)
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map(db => db.close()))
  rmSync(dir, { recursive: true, force: true })
})

const open = async (options: StateOptions = {}): Promise<StateDb> => {
  const db = await openStateDb(file, { migrations, ...options })
  opened.push(db)
  return db
}
const code = (expected: string, text = /./): unknown => expect.objectContaining({ code: expected, message: expect.stringMatching(text) })
const add = (id: SqlValue, text: string): Statement => ({ sql: 'INSERT INTO notes (id, text) VALUES (?, ?)', params: [id, text] })
const texts = async (db: StateDb) => (await db.all<{ text: string }>('SELECT text FROM notes ORDER BY id')).map(row => row.text)
/** Another connection, as another process has it. */
const beside = <T>(work: (database: Database) => T): T => {
  const database = new BetterSqlite(file)
  try {
    return work(database)
  } finally {
    database.close()
  }
}

describe('the state database', () => {
  it('keeps what was acknowledged, for itself and for who opens it next', async () => {
    const db = await open()
    expect(await db.write([add(1, 'one'), add(2, 'two'), { sql: 'UPDATE notes SET text = text || ?', params: ['!'] }])).toEqual([1, 1, 2])
    expect(await texts(db)).toEqual(['one!', 'two!'])
    await db.close()
    expect(await texts(await open())).toEqual(['one!', 'two!'])
  })

  it('outlives readers who all want much at the same moment, and answers each of them: strangers may read the registry', async () => {
    const db = await open()
    await db.write([{ sql: 'INSERT INTO notes (id, text) VALUES (1, ?)', params: ['x'.repeat(1024 * 1024)] }, add(2, 'y')])
    const asked = Array.from({ length: 300 }, (_, i) => db.all<{ text: string }>('SELECT text FROM notes WHERE id = ?', [1 + (i % 2)]))
    expect((await Promise.all(asked)).map(([row]) => row?.text.length)).toEqual(asked.map((_, i) => (i % 2 === 0 ? 1024 * 1024 : 1)))
    const whole = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 64) SELECT text FROM n, notes WHERE id = 1`
    await expect(db.all(whole)).rejects.toEqual(code('state-statement-invalid', /an answer of at most/))
    // Letters that are not Latin take twice their number.
    const wide = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) SELECT text || 'є' AS text FROM n, notes WHERE id = 1`
    await expect(db.all(wide)).rejects.toEqual(code('state-statement-invalid', /an answer of at most/))
    expect(await db.all('SELECT text FROM notes WHERE id = 2')).toEqual([{ text: 'y' }])
  })

  it('has the acknowledged write on disk when its process is killed in the next moment', async () => {
    const script = `
      const { openStateDb } = await import(${JSON.stringify(join(import.meta.dirname, '../../../src/adapters/sqlite/state-db.ts'))})
      const db = await openStateDb(${JSON.stringify(file)}, { migrations: ${JSON.stringify(migrations)} })
      await db.write([{ sql: 'INSERT INTO notes (id, text) VALUES (1, ?)', params: ['kept'] }])
      process.kill(process.pid, 'SIGKILL')`
    await expect(promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])).rejects.toMatchObject({ signal: 'SIGKILL' })
    expect(await texts(await open())).toEqual(['kept'])
  })

  it('gives every value back as it was', async () => {
    const db = await open()
    const bytes = Buffer.from([0, 1, 254, 255])
    await db.write([{ sql: 'INSERT INTO notes VALUES (?, ?, ?)', params: [2n ** 40n, 'ä€😀\u0000', bytes] }])
    await db.write([{ sql: 'INSERT INTO notes VALUES (?, ?, ?)', params: [3, null, null] }])
    const rows = await db.all('SELECT * FROM notes ORDER BY id DESC')
    expect(rows).toEqual([
      { id: 2 ** 40, text: 'ä€😀\u0000', bytes },
      { id: 3, text: null, bytes: null },
    ])
    expect(Buffer.isBuffer((rows[0] as { bytes: unknown }).bytes)).toBe(true)
  })

  it('lets callers of one commit fail singly', async () => {
    const db = await open()
    await db.write([add(1, 'one')])
    const outcomes = await Promise.allSettled([
      db.write([add(2, 'two')]),
      db.write([add(3, 'three'), add(4, 'one')]), // its second statement breaks UNIQUE: the first goes with it
      db.write([{ sql: 'UPDATE notes SET text = ? WHERE id = ?', params: ['x', 99], expectChanges: 1 }]),
      db.write([{ sql: 'no sql', params: ['secret'] }]),
      db.write([add(5, 'five')]),
    ])
    expect(outcomes.map(outcome => (outcome.status === 'fulfilled' ? outcome.value : (outcome.reason as { code: string }).code))).toEqual([
      [1],
      'state-conflict',
      'state-conflict',
      'state-statement-invalid',
      [1],
    ])
    expect(await texts(db)).toEqual(['one', 'two', 'five'])
  })

  it('lets exactly one of a hundred callers win a compare and swap', async () => {
    const db = await open()
    await db.write([add(1, 'free')])
    const take = { sql: "UPDATE notes SET text = 'taken' WHERE id = 1 AND text = 'free'", expectChanges: 1 }
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => db.write([take])))
    expect(outcomes.filter(outcome => outcome.status === 'fulfilled')).toHaveLength(1)
  })

  it('commits what waits together, thousands of calls included', async () => {
    const db = await open()
    await Promise.all(Array.from({ length: 5000 }, (_, i) => db.write([add(i, `note ${i}`)])))
    expect(await db.all('SELECT count(*) AS n FROM notes')).toEqual([{ n: 5000 }])
  })

  it('reads only where a read was asked for, and leaves schema and transactions alone', async () => {
    const db = await open()
    await expect(db.all("INSERT INTO notes (text) VALUES ('x') RETURNING id")).rejects.toEqual(code('state-statement-invalid'))
    for (const sql of ['DROP TABLE notes', 'COMMIT', 'PRAGMA synchronous = OFF', "ATTACH 'x' AS y", 'SELECT 1; SELECT 2'])
      await expect(db.write([{ sql }])).rejects.toEqual(code('state-statement-invalid'))
    expect(await texts(db)).toEqual([])
  })

  it('never repeats a value in an error', async () => {
    const db = await open()
    await db.write([add(1, 'hush-hush')])
    const errors = await Promise.all([
      db.write([add(2, 'hush-hush')]).catch(String),
      db.write([{ sql: 'SELECT nothing FROM notes WHERE text = ?', params: ['hush-hush'] }]).catch(String),
      db.write([{ sql: 'UPDATE notes SET text = ?', params: ['hush-hush', 'hush-hush'] }]).catch(String),
    ])
    expect(errors.join()).not.toContain('hush-hush')
  })

  it('writes with WAL and FULL, and is readable by its owner only, whatever the umask', async () => {
    const before = process.umask(0)
    try {
      const db = await open()
      await db.write([add(1, 'one')])
      for (const name of ['state.db', 'state.db-wal', 'state.db-shm']) expect(statSync(join(dir, 'data', name)).mode & 0o777).toBe(0o600)
      expect(beside(database => database.pragma('journal_mode', { simple: true }))).toBe('wal')
    } finally {
      process.umask(before)
    }
    expect(statSync(join(dir, 'data')).mode & 0o777).toBe(0o700)
  })

  it('leaves nothing of a deleted value in the file or its log once it rests', async () => {
    const db = await open({ quietMs: 20 })
    const secret = 'a-value-that-must-go'
    const found = () => ['', '-wal'].some(end => existsSync(file + end) && readFileSync(file + end).includes(secret))
    await db.write([add(1, secret)])
    expect(found()).toBe(true)
    await db.write([{ sql: 'DELETE FROM notes WHERE id = 1' }])
    await expect.poll(found).toBe(false)
  })
})

describe('a state database that cannot be relied on', () => {
  it('acknowledges nothing on a full disk, and goes on when there is room again', async () => {
    writeFileSync(join(migrations, '0002_small.sql'), 'PRAGMA max_page_count = 20;') // SQLite says "full" as for a full file system
    const db = await open()
    await db.write([add(1, 'before')])
    const big = { sql: 'INSERT INTO notes (id, text, bytes) VALUES (2, ?, zeroblob(200000))', params: ['too big'] }
    await expect(db.write([add(3, 'goes with it'), big])).rejects.toEqual(code('state-unavailable', /SQLITE_FULL/))
    await db.write([add(4, 'after')])
    expect(await texts(db)).toEqual(['before', 'after'])
  })

  it('fails every call from the first error that leaves the file in doubt', async () => {
    const first = await open()
    await first.write([add(1, 'kept')])
    await first.close()
    const bytes = readFileSync(file)
    writeFileSync(file, Buffer.concat([bytes.subarray(0, 8192), Buffer.alloc(bytes.length - 8192, 0xff)])) // the pages of notes
    const db = await open()
    await expect(db.all('SELECT * FROM notes')).rejects.toEqual(code('state-unavailable', /SQLITE_CORRUPT/))
    await expect(db.all('SELECT 1')).rejects.toEqual(code('state-unavailable'))
    await expect(db.write([add(2, 'two')])).rejects.toEqual(code('state-unavailable'))
  })

  it('fails what waits and all that follows when it does not answer in time', async () => {
    const db = await open({ answerMs: 30 })
    const held = new BetterSqlite(file)
    held.exec('BEGIN IMMEDIATE') // the thread waits for this lock, for longer than it may
    const calls = await Promise.allSettled([db.write([add(1, 'one')]), db.all('SELECT 1')])
    held.close()
    expect(calls.map(call => call.status === 'rejected' && (call.reason as unknown))).toEqual([
      code('state-unavailable', /did not answer/),
      code('state-unavailable', /did not answer/),
    ])
    await expect(db.write([add(2, 'two')])).rejects.toEqual(code('state-unavailable'))
    await db.close()
  })

  it('finishes what was asked before it closes, and refuses what comes after', async () => {
    const db = await open()
    const write = db.write([add(1, 'one')])
    const closed = db.close()
    const late = db.write([add(2, 'two')])
    await expect(late).rejects.toEqual(code('state-unavailable', /closed/))
    expect(await write).toEqual([1])
    await closed
    await db.close()
    expect(existsSync(`${file}-wal`)).toBe(false)
  })

  it.each([
    ['a file that others can read', () => chmodSync(file, 0o640), 'state-file-unsafe'],
    [
      'a symbolic link',
      () => {
        rmSync(file)
        symlinkSync(join(dir, 'elsewhere'), file)
      },
      'state-file-unsafe',
    ],
    [
      'a directory',
      () => {
        rmSync(file)
        mkdirSync(file)
      },
      'state-unavailable',
    ],
    ['a file that is no database', () => writeFileSync(file, 'x'.repeat(5000)), 'state-unavailable'],
    ['a database of something else', () => beside(database => database.pragma('application_id = 7')), 'state-unavailable'],
  ])('refuses %s', async (_what, spoil, expected) => {
    await (await open()).close()
    spoil()
    await expect(open()).rejects.toEqual(code(expected))
  })
})

describe('migrations', () => {
  const later = (name: string, sql: string) => writeFileSync(join(migrations, name), sql)

  it('run once each, in order, and are recorded with their checksum', async () => {
    await (await open()).close()
    later('0002_more.sql', 'ALTER TABLE notes ADD COLUMN more TEXT;')
    await (await open()).close()
    const db = await open()
    await db.write([{ sql: "INSERT INTO notes (text, more) VALUES ('a', 'b')" }])
    const rows = await db.all<{ number: number; name: string; checksum: string }>('SELECT number, name, checksum FROM schema_migrations')
    expect(rows).toEqual([
      { number: 1, name: 'notes', checksum: expect.stringMatching(/^[0-9a-f]{64}$/) },
      { number: 2, name: 'more', checksum: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ])
  })

  it('leave the old schema whole when one of them fails', async () => {
    await (await open()).close()
    later('0002_good.sql', 'CREATE TABLE good (id INTEGER) STRICT;')
    later('0003_bad.sql', 'CREATE TABLE bad (id INTEGER) STRICT; nonsense;')
    await expect(open()).rejects.toEqual(code('state-unavailable'))
    rmSync(join(migrations, '0002_good.sql'))
    rmSync(join(migrations, '0003_bad.sql'))
    const db = await open()
    expect(await db.all("SELECT name FROM sqlite_schema WHERE name IN ('good', 'bad')")).toEqual([])
  })

  it.each([
    ['a database that a newer build made', () => rmSync(join(migrations, '0002_more.sql')), 'state-schema-newer'],
    [
      'a migration that was edited after it had run',
      () => later('0002_more.sql', 'CREATE TABLE other (id INTEGER) STRICT;'),
      'state-schema-changed',
    ],
    [
      'a migration that was taken away',
      () => {
        rmSync(join(migrations, '0001_notes.sql'))
        later('0003_x.sql', '')
      },
      'state-schema-changed',
    ],
    ['two migrations of one number', () => later('0002_again.sql', ''), 'state-migrations-invalid'],
    ['a foreign file among them', () => later('notes.txt', ''), 'state-migrations-invalid'],
  ])('refuse %s, and leave it as it is', async (_what, change, expected) => {
    later('0002_more.sql', 'CREATE TABLE more (id INTEGER) STRICT;')
    await (await open()).close()
    const before = readFileSync(file)
    change()
    await expect(open()).rejects.toEqual(code(expected))
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  it('refuse one that comes in front of what has run', async () => {
    later('0003_later.sql', 'CREATE TABLE later (id INTEGER) STRICT;')
    await (await open()).close()
    later('0002_earlier.sql', 'CREATE TABLE earlier (id INTEGER) STRICT;')
    await expect(open()).rejects.toEqual(code('state-schema-changed'))
  })

  it('run once when several processes open a new database together', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => open()))
    await Promise.all(all.map((db, i) => db.write([add(i, `note ${i}`)])))
    expect(await all[0]!.all('SELECT count(*) AS n FROM schema_migrations')).toEqual([{ n: 1 }])
  })

  it('of this build make a database', async () => {
    const db = await openStateDb(file)
    opened.push(db)
    expect(await db.all('SELECT count(*) AS n FROM vault_grants')).toEqual([{ n: 0 }])
  })
})
