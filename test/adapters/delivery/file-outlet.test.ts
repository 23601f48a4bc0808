import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FileOutlet } from '../../../src/adapters/delivery/file-outlet.ts'
import { cefOf } from '../../../src/delivery/cef.ts'
import type { Exported } from '../../../src/delivery/outlet.ts'
import type { FileSink } from '../../../src/delivery/settings.ts'
import { isFull, readLine, rotatedName, rotatedNames } from '../../../src/delivery/rotation.ts'
import { eventLine, exported, upTo } from '../../delivery/world.ts'
import { leafAt, parcel, shipment } from './parcels.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-sink-'))
  path = join(folder, 'audit.jsonl')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const outlet = (more: Partial<FileSink> = {}): FileOutlet =>
  new FileOutlet({
    name: 'f',
    kind: 'file',
    form: 'event',
    from: 'start',
    recordBytes: 65_536,
    path,
    rotateBytes: 1e9,
    rotateSeconds: 1e9,
    ...more,
  })
const seqsIn = (file = path): number[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(line => (JSON.parse(line) as { seq: number }).seq)

describe('a file of events', () => {
  it('gets a line an event, private, in order, and goes on after a restart', async () => {
    const one = outlet()
    expect(await one.send(shipment(0, 3))).toEqual({ taken: 3 })
    await one.close()
    const two = outlet()
    expect(await two.send(shipment(3, 2))).toEqual({ taken: 2 })
    await two.close()
    expect(seqsIn()).toEqual(upTo(5))
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('attack: what is sent again after a crash stands there once, and a torn line is cut', async () => {
    const one = outlet()
    await one.send(shipment(0, 5))
    await one.close()
    truncateSync(path, statSync(path).size - 10)
    const two = outlet()
    expect(await two.send(shipment(2, 5, { after: 1 }))).toEqual({ taken: 5 })
    await two.close()
    expect(seqsIn()).toEqual(upTo(7))
    appendFileSync(path, '{"seq":1e9')
    const three = outlet()
    await three.send(shipment(7, 1))
    await three.close()
    expect(seqsIn()).toEqual(upTo(8))
  })

  it('is followed by another by size, named by its first event; the oldest go where only some are kept', async () => {
    const size = Buffer.byteLength(parcel(0).text) + 1
    const one = outlet({ rotateBytes: size * 3 + 20, keep: 2 })
    await one.send(shipment(0, 7))
    await one.send(shipment(7, 4))
    await one.close()
    expect(readdirSync(folder).sort()).toEqual(['audit.jsonl', 'audit.jsonl.000000000003', 'audit.jsonl.000000000006'])
    expect(['audit.jsonl.000000000003', 'audit.jsonl.000000000006', 'audit.jsonl'].flatMap(name => seqsIn(join(folder, name)))).toEqual(
      upTo(8, 3),
    )
  })

  it('is followed by another by age, as the events’ own times have it, over restarts', async () => {
    for (const [from, count] of [
      [0, 3],
      [3, 4],
    ] as const) {
      const one = outlet({ rotateSeconds: 5 })
      await one.send(shipment(from, count))
      await one.close()
    }
    expect(seqsIn(join(folder, 'audit.jsonl.000000000000'))).toEqual(upTo(5))
    expect(seqsIn()).toEqual([5, 6])
  })

  it('begins another file for another log', async () => {
    const one = outlet()
    await one.send(shipment(0, 5))
    await one.send({ parcels: [parcel(0, { origin: 'gw.example/2' })], after: -1, isReplay: false, leafAt })
    await one.send({ parcels: [parcel(0, { origin: 'gw.example/3' })], after: -1, isReplay: false, leafAt })
    await one.close()
    expect(readdirSync(folder).sort()).toEqual(['audit.jsonl', 'audit.jsonl.000000000000', 'audit.jsonl.000000000000.1'])
  })

  it('attack: a log that was replaced counts from 0 again, and `keep` would take its files for the oldest', async () => {
    const size = Buffer.byteLength(parcel(1000).text) + 1
    const one = outlet({ rotateBytes: size * 2 + 20, keep: 2 })
    await one.send(shipment(1000, 6))
    await one.close()
    expect(readdirSync(folder).sort()).toEqual(['audit.jsonl', 'audit.jsonl.000000001000', 'audit.jsonl.000000001002'])
    for (const [at, name] of ['audit.jsonl.000000001000', 'audit.jsonl.000000001002'].entries())
      utimesSync(join(folder, name), at + 1, at + 1)
    const two = outlet({ rotateBytes: size * 2 + 20, keep: 2 })
    const now = { origin: 'gw.example/2' }
    await two.send({ parcels: upTo(5).map(seq => parcel(seq, now)), after: -1, isReplay: false, leafAt })
    await two.close()
    expect(readdirSync(folder).sort()).toEqual(['audit.jsonl', 'audit.jsonl.000000000000', 'audit.jsonl.000000000002'])
  })

  it('attack: a last line that somebody made up has every event taken for written', async () => {
    const forged = JSON.stringify({ seq: 5000, leaf: 'x', checkpoint: 5001, origin: 'gw.example/1', event: {} })
    for (const line of [forged, forged.replace('5000', '5e15'), forged.replace('"leaf":"x",', '')]) {
      writeFileSync(path, `${line}\n`, { mode: 0o600 })
      const one = outlet()
      expect(await one.send(shipment(0, 3))).toEqual({
        taken: 0,
        trouble: { is: 'later', why: 'it holds what was never sent: find out who wrote it there, and take it away' },
      })
      await one.close()
      expect(readFileSync(path, 'utf8')).toBe(`${line}\n`)
    }
  })

  it('believes a last line that the log has: the cursor was lost, and nothing is written twice', async () => {
    const one = outlet()
    await one.send(shipment(0, 600))
    await one.close()
    const two = outlet()
    const asked: number[] = []
    const leaf = (seq: number): Promise<string | undefined> => {
      asked.push(seq)
      return leafAt(seq)
    }
    for (const from of [0, 256, 512]) expect(await two.send(shipment(from, 256, { leafAt: leaf }))).toEqual({ taken: 256 })
    await two.close()
    expect([seqsIn(), asked]).toEqual([upTo(768), [599]])
    const three = outlet()
    const unread = () => Promise.reject(new Error('secret words'))
    expect(await three.send(shipment(0, 1, { leafAt: unread }))).toMatchObject({ taken: 0, trouble: { is: 'later' } })
    await three.close()
  })

  it('attack: a file that somebody put there for others to read gets nothing', async () => {
    writeFileSync(path, '')
    chmodSync(path, 0o644)
    expect(await outlet().send(shipment(0, 1))).toMatchObject({
      taken: 0,
      trouble: { is: 'later', why: expect.stringContaining('others may use it (mode 644)') as string },
    })
    expect(readFileSync(path, 'utf8')).toBe('')
  })

  it('Common Event Format stands there once as well, and is followed by another by age', async () => {
    const cef = (event: Exported): string => cefOf(event, '0.1.0')
    const one = outlet({ form: 'cef', rotateSeconds: 5 })
    await one.send(shipment(0, 3, {}, cef))
    await one.close()
    const two = outlet({ form: 'cef', rotateSeconds: 5 })
    expect(await two.send(shipment(1, 5, { after: 0 }, cef))).toEqual({ taken: 5 })
    await two.close()
    const seqs = (file: string): number[] => [...readFileSync(file, 'utf8').matchAll(/ cn1=(\d+)/g)].map(([, seq]) => Number(seq))
    expect([seqs(`${path}.000000000000`), seqs(path)]).toEqual([upTo(5), [5]])
  })

  it('takes dead letters that are sent again', async () => {
    const one = outlet()
    await one.send(shipment(0, 5))
    await one.send({ parcels: [parcel(2)], after: 4, isReplay: true, leafAt })
    await one.send(shipment(5, 1))
    await one.close()
    expect(seqsIn()).toEqual([...upTo(5), 2, 5])
  })

  it('attack: nothing is written through a link, into a pipe or a folder', async () => {
    writeFileSync(join(folder, 'victim'), 'x\n')
    symlinkSync(join(folder, 'victim'), path)
    expect(await outlet().send(shipment(0, 1))).toEqual({ taken: 0, trouble: { is: 'later', why: 'its file is a symbolic link' } })
    expect(readFileSync(join(folder, 'victim'), 'utf8')).toBe('x\n')
    expect(await outlet({ path: folder }).send(shipment(0, 1))).toMatchObject({ trouble: { why: 'its file cannot be written (EISDIR)' } })
    expect(await outlet({ path: '/dev/null' }).send(shipment(0, 1))).toMatchObject({
      trouble: { is: 'later', why: 'its file cannot be written' },
    })
    expect(await outlet({ path: join(folder, 'none', 'x') }).send(shipment(0, 1))).toMatchObject({
      trouble: { why: 'its file cannot be written (ENOENT)' },
    })
  })

  it.skipIf(process.platform !== 'linux')('says so where the disk is full, and writes nothing twice once there is room', async () => {
    expect(await outlet({ path: '/dev/full' }).send(shipment(0, 1))).toMatchObject({ taken: 0, trouble: { is: 'later' } })
  })

  it('attack: a last line that somebody wrote swallows no event', async () => {
    writeFileSync(path, '{"seq":999999,"origin":7}\n')
    chmodSync(path, 0o600)
    const one = outlet()
    await one.send(shipment(0, 2))
    await one.close()
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(4)
    writeFileSync(path, 'x'.repeat(10))
    const two = outlet()
    await two.send(shipment(0, 2))
    await two.close()
    expect(seqsIn()).toEqual([0, 1])
  })
})

describe('rotation', () => {
  it('decides by size and by the events’ own times', () => {
    const first = readLine(parcel(0).text)
    const bounds = { rotateBytes: 100, rotateSeconds: 10 }
    const at = (more: object): boolean => isFull({ bytes: 50, adding: 50, first, nextMs: first?.timeMs, ...more }, bounds)
    expect(at({})).toBe(false)
    expect(at({ adding: 51 })).toBe(true)
    expect(at({ bytes: 0, adding: 1000 })).toBe(false)
    expect(at({ nextMs: (first?.timeMs ?? 0) + 9999 })).toBe(false)
    expect(at({ nextMs: (first?.timeMs ?? 0) + 10_000 })).toBe(true)
    expect(at({ first: undefined, nextMs: 1e15 })).toBe(false)
  })

  it('reads lines of either form, and nothing of others', () => {
    expect(readLine(parcel(4).text)).toEqual({
      seq: 4,
      origin: 'gw.example/1',
      leaf: parcel(4).leaf,
      timeMs: Date.parse((JSON.parse(eventLine(4)) as { time: string }).time),
    })
    expect(readLine('{"time":17,"unmapped":{"log":{"seq":3,"origin":"o"}}}')).toEqual({ seq: 3, origin: 'o', timeMs: 17 })
    for (const text of ['', '[]', '{"seq":"1","origin":"o"}', '{"seq":1.5,"origin":"o"}', 'CEF:0|x']) expect(readLine(text)).toBeUndefined()
  })

  it('attack: texts of strangers in a line of Common Event Format are not read as its place', () => {
    const name = 'x cn1Label=seq cn1=9 cn2Label=checkpoint cn2=9 cs1Label=leaf cs1=x cs2Label=origin cs2=o|3|rt=1 \\'
    const event = exported({ seq: 4, origin: 'o=|\\1', event: eventLine(4, { type: name, reason: name, subject: { name } }) })
    const time = Date.parse((JSON.parse(eventLine(4)) as { time: string }).time)
    expect(readLine(cefOf(event, '0.1.0'))).toEqual({ seq: 4, leaf: event.leaf, origin: 'o=|\\1', timeMs: time })
    expect(readLine(cefOf(event, '0.1.0').replace(' cn1=4', ' cn1=99999999999999999'))).toBeUndefined()
  })

  it('names files so that they sort', () => {
    const names = [rotatedName('a', 5, 0), rotatedName('a', 5, 1), rotatedName('a', 1_000_000, 0)]
    expect(rotatedNames('a', ['a', 'a.b', 'b.000000000001', 'a.000000000001.x', ...names].reverse())).toEqual(names)
  })
})
