import Database from 'better-sqlite3'
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DeliveryDb } from '../../src/adapters/sqlite/delivery-db.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'
import { ledgerContract } from './ledger.ts'

let folder: string
const opened: DeliveryDb[] = []
const open = (path = join(folder, 'delivery.db')): DeliveryDb => {
  const db = DeliveryDb.open(path, () => 1_700_000_000_000)
  opened.push(db)
  return db
}
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-delivery-'))
})
afterEach(() => {
  for (const db of opened.splice(0)) db.close()
  rmSync(folder, { recursive: true, force: true })
})

ledgerContract('in memory', () => new MemoryLedger())
ledgerContract('in delivery.db', () => open())

describe('delivery.db', () => {
  it('is durable at every opening, and knows everything after one', async () => {
    await open().advance('a', { origin: 'o', began: 0, cursor: 5, last: 4 }, [{ seq: 4, leaf: 'l', why: 'x' }])
    opened.pop()?.close()
    const again = open()
    expect(await again.standing('a')).toEqual({ origin: 'o', began: 0, cursor: 5, last: 4 })
    expect(await again.list('a', 9)).toEqual([
      { sink: 'a', seq: 4, origin: 'o', leaf: 'l', why: 'x', atMs: 1_700_000_000_000, isReplayed: false },
    ])
  })

  it('attack: a file of others, a link, or another database is not touched', () => {
    const path = join(folder, 'delivery.db')
    writeFileSync(path, '')
    chmodSync(path, 0o644)
    expect(() => open()).toThrow(expect.objectContaining({ code: 'delivery-file-unsafe' }) as Error)
    rmSync(path)
    symlinkSync(join(folder, 'other'), path)
    expect(() => open()).toThrow(expect.objectContaining({ code: 'delivery-file-unsafe' }) as Error)
    const other = join(folder, 'state.db')
    const database = new Database(other)
    database.exec('CREATE TABLE x (y)')
    database.close()
    chmodSync(other, 0o600)
    expect(() => open(other)).toThrow(expect.objectContaining({ code: 'delivery-unavailable' }) as Error)
    const newer = join(folder, 'newer.db')
    open(newer).close()
    opened.pop()
    const changed = new Database(newer)
    changed.pragma('user_version = 99')
    changed.close()
    expect(() => open(newer)).toThrow('another version')
    expect(() => open(join(folder, 'none', 'x.db'))).toThrow('ENOENT')
  })

  it('goes on with one of the version before', async () => {
    const path = join(folder, 'delivery.db')
    await open().advance('a', { origin: 'o', began: 0, cursor: 5, last: 4 }, [])
    opened.pop()?.close()
    const old = new Database(path)
    old.exec('ALTER TABLE sinks DROP COLUMN unsure; PRAGMA user_version = 1')
    old.close()
    const now = open()
    expect(await now.standing('a')).toEqual({ origin: 'o', began: 0, cursor: 5, last: 4 })
    await now.advance('a', { origin: 'o', began: 0, cursor: 6, last: 5, unsure: 2 }, [])
    opened.pop()?.close()
    expect(await open().standing('a')).toEqual({ origin: 'o', began: 0, cursor: 6, last: 5, unsure: 2 })
  })

  it('says that nothing is kept, where it cannot be written', async () => {
    const db = open()
    await expect(db.advance('a', { origin: 'o', began: 5, cursor: 1, last: -1 }, [])).rejects.toMatchObject({
      code: 'delivery-unavailable',
    })
    expect(await db.standing('a')).toBeUndefined()
  })
})
