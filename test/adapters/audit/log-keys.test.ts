// One key of a log after the other, with a real notary: the old one signs that the new one follows; crashes in between; and keys that attackers bring.

import Database from 'better-sqlite3'
import { randomFillSync } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { auditVkey, loadAuditKeys, rotateAuditKey, vkeysIn } from '../../../src/adapters/audit/audit-key.ts'
import { readFloor } from '../../../src/adapters/audit/floor.ts'
import { markLog } from '../../../src/adapters/audit/log-mark.ts'
import { Notary } from '../../../src/adapters/audit/notary.ts'
import { openFlatLog } from '../../../src/adapters/audit/open-flat-log.ts'
import { EventEncoder } from '../../../src/audit/encode.ts'
import { openCheckpoint, signCheckpoint } from '../../../src/audit/checkpoint.ts'
import { readVkey } from '../../../src/audit/note.ts'
import { openAudit } from '../../../src/compose/audit.ts'
import { findingsIn } from '../../support/gateway-log.ts'
import { silentLogger } from '../../support/silent-logger.ts'

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'keys-'))
})
afterEach(() => rmSync(dataDir, { recursive: true }))

const dir = (): string => join(dataDir, 'audit')
const open = () => openAudit({ dataDir, logger: silentLogger(), onGroup: () => {}, now: Date.now, monotonic: () => performance.now() })
type Open = Awaited<ReturnType<typeof open>>
const append = (opened: Open, n: number): Promise<void> => opened.log.append(opened.encoder.lifecycle('test', { n }))
const covered = async (opened: Open, size: number): Promise<void> => {
  await expect.poll(async () => (await opened.reader.state()).checkpoint?.size ?? 0, { timeout: 5000 }).toBeGreaterThanOrEqual(size)
}
const events = (): Record<string, any>[] =>
  readdirSync(dir())
    .filter(name => name.startsWith('events-'))
    .sort()
    .flatMap(name => readFileSync(join(dir(), name), 'utf8').trim().split('\n'))
    .map(line => JSON.parse(line) as Record<string, any>)
const changes = () => events().flatMap(({ what, detail }) => (what === 'audit-key' ? [detail as { before: string; vkey: string }] : []))
function tree<T>(work: (database: Database.Database) => T): T {
  const database = new Database(join(dir(), 'tree.db'))
  try {
    return work(database)
  } finally {
    database.close()
  }
}
const notes = () =>
  tree(database => database.prepare<[], { size: number; note: string; root: Buffer }>('SELECT * FROM checkpoints ORDER BY size').all())
function isBy(note: string, vkey: string): boolean {
  const key = readVkey(vkey)
  if (typeof key === 'string') throw new Error(key)
  return typeof openCheckpoint(note, { origin: key.name, keys: [key] }) !== 'string'
}
/** Signed by the first key, rotated, signed by the second. */
async function rotated(): Promise<{ first: string; second: string }> {
  const opened = await open()
  await append(opened, 1)
  await covered(opened, 2)
  const first = (await opened.reader.state()).vkeys.at(-1)!
  const told = (await opened.rotateAudit.audit()) as { vkey: string }
  await covered(opened, 3)
  await append(opened, 2)
  await covered(opened, 4)
  await opened.log.close()
  return { first, second: told.vkey }
}

describe('a new key of a running log', () => {
  it('signs after the old one has signed the event that names both, and everybody here knows both', async () => {
    const { first, second } = await rotated()
    expect(changes()).toEqual([{ before: first, vkey: second }])
    const seq = events().findIndex(({ what }) => what === 'audit-key')
    const all = notes()
    const firstNew = all.find(({ note }) => isBy(note, second))!
    expect(firstNew.size).toBeGreaterThan(seq + 1)
    expect(all.filter(({ size }) => size < firstNew.size).every(({ note }) => isBy(note, first))).toBe(true)
    expect(all.some(({ size, note }) => size > seq && size < firstNew.size && isBy(note, first))).toBe(true)
    expect(isBy(all.at(-1)!.note, second)).toBe(true)
    expect(vkeysIn(dir())).toEqual([first, second])
    expect(readFileSync(join(dir(), 'key.vkey'), 'utf8')).toBe(`${second}\n`)
    expect(readFloor(dataDir).last!.vkeys).toEqual([first, second])
    expect(await findingsIn(dataDir)).toEqual([])
    // and over a start, and another key after it
    const again = await open()
    await again.rotateAudit.audit()
    await covered(again, 5)
    await append(again, 3)
    await again.log.close()
    expect(changes()[1]).toMatchObject({ before: second })
    expect(readFloor(dataDir).last!.vkeys).toHaveLength(3)
    expect(await findingsIn(dataDir)).toEqual([])
  })

  it('is not made while the one before waits: the one that the log is known by would be forgotten', async () => {
    const opened = await open()
    await append(opened, 1)
    await covered(opened, 2)
    await opened.log.close()
    rotateAuditKey(dataDir, readFloor(dataDir))
    expect(() => rotateAuditKey(dataDir, readFloor(dataDir))).toThrow(expect.objectContaining({ code: 'audit-key-waiting' }) as Error)
  })

  it('is said at the next start, where a crash came before that, or it was made while the gateway was stopped', async () => {
    const opened = await open()
    await append(opened, 1)
    await opened.log.close()
    const [first] = vkeysIn(dir())
    rotateAuditKey(dataDir, readFloor(dataDir))
    const again = await open()
    await covered(again, 3)
    await append(again, 2)
    await again.log.close()
    expect(changes()).toEqual([{ before: first, vkey: vkeysIn(dir())[1] }])
    expect(isBy(notes().at(-1)!.note, vkeysIn(dir())[1]!)).toBe(true)
    expect(await findingsIn(dataDir)).toEqual([])
    // said once
    await (await open()).log.close()
    expect(changes()).toHaveLength(1)
  })

  it('signs nothing at a start that finds the event, and no checkpoint over it yet', async () => {
    await (await open()).log.close()
    const [first] = vkeysIn(dir())
    const name = readFloor(dataDir).last!.origin
    rotateAuditKey(dataDir, readFloor(dataDir))
    const second = auditVkey(name, loadAuditKeys(dataDir).current)
    const encoder = new EventEncoder(Date.now, randomFillSync)
    const add = async (line: string) => {
      const { log } = await openFlatLog({ dir: dir(), encoder, now: Date.now })
      await log.append(line)
      await log.close()
      const { segment, bytes } = await markLog(dir())
      return { segment, offset: bytes }
    }
    const place = await add(encoder.lifecycle('audit-key', { before: first, vkey: second }))
    const notary = new Notary({ dataDir, dir: dir(), host: 'gatehouse' }, place, () => 0)
    notary.sign(new Date().toISOString())
    expect(isBy(notes().at(-1)!.note, first!)).toBe(true)
    notary.follow(await add(encoder.lifecycle('test')), 10)
    notary.sign(new Date().toISOString())
    expect(isBy(notes().at(-1)!.note, second)).toBe(true)
    notary.close()
  })

  it('goes on where a crash came between its first checkpoint and the floor', async () => {
    await (await open()).log.close()
    const floor = join(dataDir, 'trust/audit.json')
    const opened = await open()
    await append(opened, 1)
    await covered(opened, 2)
    const before = readFileSync(floor, 'utf8')
    await opened.rotateAudit.audit()
    await covered(opened, 3)
    await append(opened, 2)
    await covered(opened, 4)
    await opened.log.close()
    writeFileSync(floor, before)
    const again = await open()
    await append(again, 3)
    await again.log.close()
    expect(changes()).toHaveLength(1)
    expect(readFloor(dataDir).last!.vkeys).toHaveLength(2)
    expect(await findingsIn(dataDir)).toEqual([])
  })

  it('a log that begins has the newest key alone: one that was replaced never signs for it', async () => {
    const { second } = await rotated()
    rmSync(dir(), { recursive: true })
    rmSync(join(dataDir, 'trust/audit.json'))
    await (await open()).log.close()
    const [only, ...others] = vkeysIn(dir())
    expect(others).toEqual([])
    expect(only!.split('+')[2]).toBe(second.split('+')[2])
  })
})

describe('attack: a key that is none', () => {
  it('attack: the key that was replaced, since it was stolen, signs once more', async () => {
    const { first } = await rotated()
    const { previous } = loadAuditKeys(dataDir)
    const last = notes().at(-1)!
    const { origin } = readFloor(dataDir).last!
    expect(auditVkey(origin, previous!)).toBe(first)
    const opened = await open()
    await append(opened, 9)
    await opened.log.close()
    expect(await findingsIn(dataDir)).toEqual([])
    // The first checkpoint of the new key stands; a later one is by the old key.
    const later = notes().at(-1)!
    expect(later.size).toBeGreaterThan(last.size)
    const forged = signCheckpoint({ origin, size: later.size, root: later.root }, previous!)
    tree(database => database.prepare('UPDATE checkpoints SET note = ? WHERE size = ?').run(forged, later.size))
    expect(await findingsIn(dataDir)).toMatchObject([
      { is: 'checkpoint', size: later.size, why: expect.stringContaining('was replaced') as string },
    ])
  })

  it('attack: the new key signs what was there before the event that brings it in', async () => {
    await rotated()
    const [first] = notes()
    const { origin } = readFloor(dataDir).last!
    const note = signCheckpoint({ origin, size: first!.size, root: first!.root }, loadAuditKeys(dataDir).current)
    tree(database => database.prepare('UPDATE checkpoints SET note = ? WHERE size = ?').run(note, first!.size))
    expect(await findingsIn(dataDir)).toContainEqual(expect.objectContaining({ is: 'checkpoint', size: first!.size }))
  })

  it('attack: a new key signs, and no event says so', async () => {
    const opened = await open()
    await append(opened, 1)
    await opened.log.close()
    rotateAuditKey(dataDir, readFloor(dataDir))
    const last = notes().at(-1)!
    const note = signCheckpoint(
      { origin: readFloor(dataDir).last!.origin, size: last.size, root: last.root },
      loadAuditKeys(dataDir).current,
    )
    tree(database => database.prepare('UPDATE checkpoints SET note = ? WHERE size = ?').run(note, last.size))
    await expect(open()).rejects.toMatchObject({ code: 'audit-changed', message: expect.stringContaining('audit-key') as string })
  })
})
