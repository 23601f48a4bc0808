import Database from 'better-sqlite3'
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WitnessFile } from '../../src/adapters/sqlite/witness-file.ts'
import { MemoryWitness } from '../support/memory-witness.ts'
import { SignedLog } from '../support/signed-log.ts'
import { witnessMemoryContract } from './witness-memory.ts'

const NAME = 'witness.example/w1'

describe('in memory', () => witnessMemoryContract(() => ({ memory: new MemoryWitness(), close: () => {} })))

describe('in a file', () => {
  let folder: string
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'witness-'))))
  afterEach(() => rmSync(folder, { recursive: true }))
  const open = (name = NAME, now = () => 0) => WitnessFile.open(folder, name, now)
  witnessMemoryContract(() => {
    const memory = open()
    return { memory, close: () => memory.close() }
  })

  it('is there after a restart, for its owner alone, and durable each time it is opened', () => {
    const log = new SignedLog().grow(5)
    for (const [from, to] of [
      [0, 2],
      [2, 5],
    ] as const) {
      // prettier-ignore
      const memory = open()
      expect(memory.latest(log.origin)?.size ?? 0).toBe(from)
      expect(memory.advance(log.origin, from, log.checkpoint(to))).toBe(true)
      memory.close()
    }
    expect(statSync(join(folder, 'witness.db')).mode & 0o777).toBe(0o600)
    // whoever opens it without asking gets less: the setting belongs to the connection
    const plain = new Database(join(folder, 'witness.db'))
    expect(plain.pragma('synchronous', { simple: true })).toBe(1)
    plain.close()
  })

  it('attack: two processes that advance at once do not overwrite each other', () => {
    const log = new SignedLog().grow(9)
    const [a, b] = [open(), open()]
    expect(a.advance(log.origin, 0, log.checkpoint(9))).toBe(true)
    expect(b.advance(log.origin, 0, log.checkpoint(4))).toBe(false)
    expect(b.latest(log.origin)).toMatchObject({ size: 9 })
    a.close()
    b.close()
  })

  it('refuses another name, another database and a link', () => {
    open().close()
    expect(() => open('witness.example/w2')).toThrow(`is of the witness \`${NAME}\``)
    rmSync(folder, { recursive: true })
    folder = mkdtempSync(join(tmpdir(), 'witness-'))
    new Database(join(folder, 'witness.db')).exec('CREATE TABLE t (a)').close()
    expect(() => open()).toThrow('not the database of a witness')
    rmSync(join(folder, 'witness.db'))
    writeFileSync(join(folder, 'elsewhere'), '')
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'witness.db'))
    expect(() => open()).toThrow('cannot be opened')
  })

  it('keeps all of a day and one an hour of what is older, and the newest always', () => {
    const { origin } = new SignedLog()
    let minute = 0
    const memory = open(NAME, () => minute * 60_000)
    for (let size = 1; size <= 1000; size += 1) {
      minute = size * 4
      memory.advance(origin, size - 1, { size, root: Buffer.alloc(32), note: 'note' })
    }
    // thinned when 1,000 were taken, 66 hours and 40 minutes in: 15 an hour
    const kept = Array.from({ length: 1000 }, (_, i) => i + 1).filter(size => memory.at(origin, size) !== undefined)
    expect(kept.filter(size => size < 600)).toEqual(Array.from({ length: 40 }, (_, hour) => 14 + 15 * hour))
    expect(kept.filter(size => size >= 640)).toHaveLength(361)
    expect(memory.latest(origin)).toMatchObject({ size: 1000 })
    memory.close()
  })
})
