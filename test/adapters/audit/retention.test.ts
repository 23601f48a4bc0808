// What was kept long enough goes, on a real disk under a real notary: said first, signed, then removed; and what attackers remove without saying so.

import Database from 'better-sqlite3'
import { randomFillSync } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readFloor } from '../../../src/adapters/audit/floor.ts'
import { markLog } from '../../../src/adapters/audit/log-mark.ts'
import { Notary } from '../../../src/adapters/audit/notary.ts'
import { NotaryThread } from '../../../src/adapters/audit/notary-thread.ts'
import { openFlatLog } from '../../../src/adapters/audit/open-flat-log.ts'
import { EventEncoder } from '../../../src/audit/encode.ts'
import { readVkey } from '../../../src/audit/note.ts'
import { verifyProof } from '../../../src/audit/proof.ts'
import { segmentName } from '../../../src/audit/recover.ts'
import { findingsIn } from '../../support/gateway-log.ts'

const DAY = 86_400_000
const NOW = Date.now()
const CUTOFF = NOW - 30 * DAY

let dataDir: string
let at: number
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'retention-'))
  at = NOW - 60 * DAY
})
afterEach(() => rmSync(dataDir, { recursive: true }))

const dir = (): string => join(dataDir, 'audit')
const encoder = new EventEncoder(() => at, randomFillSync)
async function open() {
  const notary = new NotaryThread({
    settings: { dataDir, dir: dir(), host: 'gatehouse' },
    now: () => performance.now(),
    onTrouble: () => {},
  })
  try {
    const { log } = await openFlatLog({ dir: dir(), encoder, now: () => at, follower: notary, limits: { segmentBytes: 30_000 } })
    return { log, notary, reader: notary.reader }
  } catch (error) {
    await notary.close()
    throw error
  }
}
type Open = Awaited<ReturnType<typeof open>>
/** A tenth at a time: a segment ends between two groups. */
async function append({ log }: Open, count: number): Promise<void> {
  for (let n = 0; n < count; n += 10)
    await Promise.all(Array.from({ length: 10 }, (_, i) => log.append(encoder.lifecycle('test', { n: n + i }))))
}
/** 1,000 events of two months ago, then 1,000 of now; all signed. */
async function world(): Promise<Open> {
  const opened = await open()
  await append(opened, 1000)
  at = NOW
  await append(opened, 1000)
  await expect.poll(async () => (await opened.reader.state()).checkpoint?.size, { timeout: 5000 }).toBe(2000)
  return opened
}
const ask = (cutoffMs = CUTOFF, delivered = Number.MAX_SAFE_INTEGER) => ({ what: 'prune', cutoffMs, delivered }) as const
const segments = (): string[] =>
  readdirSync(dir())
    .filter(name => name.startsWith('events-'))
    .sort()
const linesOf = (name: string): string[] => readFileSync(join(dir(), name), 'utf8').split('\n').slice(0, -1)
async function prune(opened: Open): Promise<{ from: number; to: number; segments: number; before: string }> {
  const { announce } = await opened.notary.prune(ask())
  if (!announce) throw new Error('nothing to be pruned')
  await opened.log.append(encoder.lifecycle('audit-pruned', announce))
  await expect.poll(() => opened.notary.prune(ask()), { timeout: 5000 }).toMatchObject({ removed: announce.segments })
  return announce
}
function tree(sql: string, ...values: number[]): void {
  const database = new Database(join(dir(), 'tree.db'))
  database.prepare(sql).run(...values)
  database.close()
}

describe('events that were kept long enough', () => {
  it('go once a signed event says so, and everything else goes on', async () => {
    const opened = await world()
    const before = segments()
    const first = linesOf(before[0]!)[10]!
    const { announce } = await opened.notary.prune(ask())
    expect(announce).toMatchObject({ from: 0, before: new Date(CUTOFF).toISOString() })
    // Nothing is removed because it was asked for, nor while the event is not signed.
    expect(segments()).toEqual(before)
    const { to, segments: count } = await prune(opened)
    expect(to).toBe(before.slice(0, count).length > 0 ? announce!.to : 0)
    expect(to).toBeGreaterThan(500)
    expect(to).toBeLessThanOrEqual(1000)
    expect(segments()).toEqual(before.slice(count))
    expect(existsSync(join(dir(), 'open-000002.jsonl'))).toBe(false)
    expect(await opened.notary.prune(ask())).toEqual({ removed: 0 })

    expect(await opened.reader.state()).toMatchObject({ prunedTo: to })
    expect((await opened.reader.read(0, 1))[0]).toMatchObject({ seq: to })
    const found = await opened.reader.search({ type: 'lifecycle', what: 'audit-pruned' })
    expect(found.events.map(({ event }) => (JSON.parse(event) as { detail: unknown }).detail)).toEqual([announce])
    let seqs: number[] = []
    for (let next: number | undefined = Infinity; next !== undefined;) {
      const page = await opened.reader.search({ what: 'test', limit: 500, ...(Number.isFinite(next) && { before: next }) })
      seqs = [...seqs, ...page.events.map(({ seq }) => seq)]
      next = page.next
    }
    expect(Math.min(...seqs)).toBe(to)
    expect(seqs).toHaveLength(2000 - to)

    // Of an event that is gone its proof can still be made, and verifies with a line that somebody kept.
    const vkeys = readFloor(dataDir)
      .last!.vkeys.map(readVkey)
      .filter(key => typeof key !== 'string')
    const origin = readFloor(dataDir).last!.origin
    for (const [seq, line] of [
      [10, first],
      [1500, (await opened.reader.read(1500, 1))[0]!.event],
    ] as const) {
      const proof = await opened.reader.proof(seq)
      expect(verifyProof(proof, Buffer.from(line), { origin, keys: vkeys })).toMatchObject({ seq })
      expect(typeof verifyProof(proof, Buffer.from(`${line} `), { origin, keys: vkeys })).toBe('string')
    }
    await opened.log.close()
    expect(await findingsIn(dataDir)).toEqual([])

    // The index is made anew of what is left.
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(dir(), `index.db${suffix}`), { force: true })
    const again = await open()
    await append(again, 10)
    await expect.poll(async () => (await again.reader.search({ what: 'audit-pruned' })).events.length).toBe(1)
    await again.log.close()
    expect(await findingsIn(dataDir)).toEqual([])
  })

  it('stay where they are young, not delivered, or in the segment that is written', async () => {
    const opened = await world()
    const { announce } = await opened.notary.prune(ask())
    expect(await opened.notary.prune(ask(NOW - 90 * DAY))).toEqual({ removed: 0 })
    expect(await opened.notary.prune(ask(CUTOFF, 0))).toEqual({ removed: 0 })
    const less = await opened.notary.prune(ask(CUTOFF, announce!.to - 1))
    expect(less.announce!.to).toBeLessThan(announce!.to)
    // However old: at most eight segments at a time, and never the last.
    const all = await opened.notary.prune(ask(NOW + DAY))
    expect(all.announce!.segments).toBeLessThan(segments().length)
    await opened.log.close()
  })

  it('stay where one among them is young: a wall clock went back', async () => {
    const opened = await open()
    await append(opened, 20)
    at = NOW
    await append(opened, 10)
    at = NOW - 60 * DAY
    await append(opened, 1000)
    await expect.poll(async () => (await opened.reader.state()).checkpoint?.size, { timeout: 5000 }).toBe(1030)
    expect(await opened.notary.prune(ask())).toEqual({ removed: 0 })
    await opened.log.close()
  })

  it('go at the next start, where a crash came after it was said, or in the middle of it', async () => {
    const opened = await world()
    const { announce } = await opened.notary.prune(ask())
    await opened.log.append(encoder.lifecycle('audit-pruned', announce))
    await opened.log.close()
    tree('UPDATE log SET pruned_to = ?', announce!.to)
    rmSync(join(dir(), segments()[0]!))
    expect(await findingsIn(dataDir)).toEqual([])
    const again = await open()
    const left = announce!.segments - 1
    // Without a retention time by now: what was said is done.
    expect(await again.notary.prune(ask(0))).toEqual({ removed: left })
    expect((await again.reader.read(0, 1))[0]).toMatchObject({ seq: announce!.to })
    await again.log.close()
    expect(await findingsIn(dataDir)).toEqual([])
  })

  it('stay while the event that says so is not signed, and nothing else is said meanwhile', async () => {
    const opened = await world()
    const { announce } = await opened.notary.prune(ask())
    await opened.log.close()
    const { log } = await openFlatLog({ dir: dir(), encoder, now: () => at, limits: { segmentBytes: 30_000 } })
    await log.append(encoder.lifecycle('audit-pruned', announce))
    await log.close()
    const before = segments()
    const { segment, bytes } = await markLog(dir())
    const notary = new Notary({ dataDir, dir: dir(), host: 'gatehouse' }, { segment, offset: bytes }, () => 0)
    expect(notary.prune(ask())).toEqual({ removed: 0 })
    expect(segments()).toEqual(before)
    expect(notary.sign(new Date(NOW).toISOString())).toBe(2001)
    expect(notary.prune(ask())).toEqual({ removed: announce!.segments })
    expect(segments()).toEqual(before.slice(announce!.segments))
    notary.close()
  })
})

describe('attack: something is removed and nobody said so', () => {
  it('attack: an old segment is taken away by hand', async () => {
    await (await world()).log.close()
    rmSync(join(dir(), segmentName(1)))
    expect(await findingsIn(dataDir)).toMatchObject([{ is: 'events', from: 0, why: expect.stringContaining('audit-pruned') as string }])
    await expect(open()).rejects.toMatchObject({ code: 'audit-changed' })
  })

  it('attack: and tree.db is told that it was pruned', async () => {
    await (await world()).log.close()
    const gone = linesOf(segmentName(1)).length
    rmSync(join(dir(), segmentName(1)))
    tree('UPDATE log SET pruned_to = ?', gone)
    expect(await findingsIn(dataDir)).toMatchObject([{ is: 'events', from: 0, to: gone }])
    await expect(open()).rejects.toMatchObject({ code: 'audit-changed', message: expect.stringContaining('no signed event') as string })
  })

  it('attack: more is removed than the event names', async () => {
    const opened = await world()
    const { to } = await prune(opened)
    await opened.log.close()
    expect(await findingsIn(dataDir)).toEqual([])
    const [next] = segments()
    const gone = to + linesOf(next!).length
    rmSync(join(dir(), next!))
    expect(await findingsIn(dataDir)).toMatchObject([{ is: 'events', from: 0, to: gone }])
    await expect(open()).rejects.toMatchObject({ code: 'audit-changed' })
    tree('UPDATE log SET pruned_to = ?', gone)
    await expect(open()).rejects.toMatchObject({ code: 'audit-changed', message: expect.stringContaining('no signed event') as string })
  })
})
