import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Courier } from '../../../src/adapters/delivery/courier.ts'
import type { FileSink, SinkSettings } from '../../../src/delivery/settings.ts'
import { eventLine, MemoryLog, upTo } from '../../delivery/world.ts'

let folder: string
let log: MemoryLog
let told: string[]
const couriers: Courier[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-courier-'))
  log = new MemoryLog()
  told = []
})
afterEach(async () => {
  for (const courier of couriers.splice(0)) await courier.close(5000)
  rmSync(folder, { recursive: true, force: true })
})

const reader = {
  state: async () => {
    const { origin, covered, prunedTo } = await log.state()
    const checkpoint = { size: covered, root: '', time: '', note: '' }
    return { origin, vkeys: [], size: covered, checkpoint, witnesses: [], lagMs: 0, prunedTo }
  },
  read: (from: number, max: number) => log.read(from, max),
}
const start = (...sinks: SinkSettings[]): Courier => {
  const courier = new Courier({
    file: join(folder, 'delivery.db'),
    version: '0.1.0',
    hostname: 'gw',
    random: () => 0,
    reader,
    tell: (what, detail) => told.push(`${what} ${JSON.stringify(detail)}`),
  })
  couriers.push(courier)
  courier.configure(sinks)
  return courier
}
const file = (name: string, more: Partial<FileSink> = {}): FileSink => ({
  ...{
    name,
    kind: 'file',
    form: 'event',
    from: 'start',
    recordBytes: 65_536,
    path: join(folder, `${name}.jsonl`),
    rotateBytes: 1e9,
    rotateSeconds: 1e9,
  },
  ...more,
})
const seqsIn = (name: string): number[] => {
  try {
    return readFileSync(join(folder, `${name}.jsonl`), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map(line => (JSON.parse(line) as { seq: number }).seq)
  } catch {
    return []
  }
}

describe('the courier', () => {
  it('delivers in a thread of its own, says how far each sink is, and goes on after a restart', async () => {
    log.grow(500)
    const courier = start(file('a'))
    await expect
      .poll(() => courier.levels)
      .toMatchObject([{ name: 'a', kind: 'file', state: 'ready', cursor: 500, lagEvents: 0, lagSeconds: 0, taken: 500, dead: 0 }])
    expect(seqsIn('a')).toEqual(upTo(500))
    expect(statSync(join(folder, 'delivery.db')).mode & 0o777).toBe(0o600)
    await couriers.pop()?.close(5000)
    log.grow(10)
    start(file('a'))
    await expect.poll(() => seqsIn('a')).toEqual(upTo(510))
  })

  it('attack: a dead sink, and one that hangs, delay no other, and are named in levels', async () => {
    log.grow(50)
    const dead: SinkSettings = { ...file('dead'), path: join(folder, 'none', 'x') }
    const away: SinkSettings = {
      name: 'away',
      kind: 'redis',
      form: 'event',
      from: 'start',
      recordBytes: 65_536,
      url: 'redis://127.0.0.1:1',
    }
    const courier = start(dead, away, file('well'))
    await expect.poll(() => seqsIn('well')).toEqual(upTo(50))
    await expect
      .poll(() => courier.levels)
      .toMatchObject([
        { name: 'dead', state: 'waiting', lagEvents: 50, why: 'its file cannot be written (ENOENT)' },
        { name: 'away', state: 'waiting', lagEvents: 50, why: 'the connection failed (ECONNREFUSED)' },
        { name: 'well', state: 'ready', lagEvents: 0 },
      ])
    expect(courier.levels[0]?.lagSeconds).toBeGreaterThan(1000)
  })

  it('takes other sinks while it runs; one that comes back goes on from where it was', async () => {
    log.grow(5)
    const courier = start(file('a'))
    await expect.poll(() => seqsIn('a')).toEqual(upTo(5))
    courier.configure([file('b', { from: 'now' })])
    await expect.poll(() => courier.levels.map(({ name, cursor }) => [name, cursor])).toEqual([['b', 5]])
    log.grow(5)
    await expect.poll(() => seqsIn('b')).toEqual(upTo(5, 5))
    expect(seqsIn('a')).toEqual(upTo(5))
    courier.configure([file('a'), file('b', { from: 'now' })])
    await expect.poll(() => seqsIn('a')).toEqual(upTo(10))
  })

  it('has its dead letters listed, sent again and dropped', async () => {
    log
      .grow(2)
      .add(eventLine(2, { detail: 'x'.repeat(3000) }))
      .grow(2)
    const courier = start(file('a', { recordBytes: 2000 }))
    await expect.poll(() => seqsIn('a')).toEqual([0, 1, 3, 4])
    // its lines can be read before they are synced, and the letter is kept after that
    await expect.poll(() => courier.list(undefined, 10)).toMatchObject([{ sink: 'a', seq: 2, why: 'it is larger than 2000 bytes' }])
    courier.configure([file('a', { recordBytes: 65_536 })])
    expect(await courier.replay({ sink: 'a' })).toBe(1)
    await expect.poll(() => seqsIn('a')).toEqual([0, 1, 3, 4, 2])
    expect(await courier.drop({ sink: 'a' })).toBe(0)
    await expect(start().list(undefined, 1)).rejects.toMatchObject({ code: 'delivery-unavailable', message: 'no sinks are configured' })
  })

  it('waits while the log cannot be read, and says why', async () => {
    log.grow(1)
    log.read = () => Promise.reject(new Error('secret words'))
    const courier = start(file('a'))
    await expect.poll(() => courier.levels).toMatchObject([{ state: 'waiting', why: 'audit-unreadable: the log cannot be read' }])
  })

  it('attack: a database of cursors that somebody opened to others is not used, and that is said', async () => {
    const { writeFileSync, chmodSync } = await import('node:fs')
    writeFileSync(join(folder, 'delivery.db'), '')
    chmodSync(join(folder, 'delivery.db'), 0o666)
    const courier = start(file('a'))
    await expect.poll(() => told.find(line => line.includes('delivery-file-unsafe'))).toBeDefined()
    await expect.poll(() => told.find(line => line.startsWith('the courier ended'))).toBeDefined()
    // What is not delivered at all is seen: a series for each sink, and none of them up.
    expect(courier.levels).toMatchObject([{ name: 'a', kind: 'file', state: 'waiting', cursor: 0, isRunning: false }])
  })
})
