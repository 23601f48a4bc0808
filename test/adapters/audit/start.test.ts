// What a start takes of a log that somebody without its key could write to: refused and left as it is, or taken and told.

import { generateKeyPairSync } from 'node:crypto'
import { appendFileSync, cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { auditVkey } from '../../../src/adapters/audit/audit-key.ts'
import { openFlatLog } from '../../../src/adapters/audit/open-flat-log.ts'
import { signCheckpoint } from '../../../src/audit/checkpoint.ts'
import { openIntentsName } from '../../../src/audit/recover.ts'
import { leafHash, rootOf } from '../../../src/audit/tree.ts'
import { encoder, event, intent, NotaryWorld } from '../../support/notary-world.ts'

let world: NotaryWorld
beforeEach(() => {
  world = new NotaryWorld(mkdtempSync(join(tmpdir(), 'start-')))
})
afterEach(() => rmSync(world.dataDir, { recursive: true, force: true }))

const LAST = (): string => world.segments.at(-1)!
const start = async (options: Parameters<NotaryWorld['open']>[0] = {}): Promise<void> => (await world.open(options)).log.close()
/** Refused, and not one byte of the log is another. */
async function refused(code: string, text: RegExp): Promise<void> {
  const before = world.segments.map(file => readFileSync(file))
  await expect(world.open()).rejects.toMatchObject({ code, message: expect.stringMatching(text) as string })
  expect(world.segments.map(file => readFileSync(file))).toEqual(before)
}
const leavesOf = (lines: readonly string[]): Buffer[] => lines.map(line => leafHash(Buffer.from(line)))
/** The hash kept of one event becomes that of another line; the roots above stay. */
const plant = (seq: number, line: string): void =>
  world.tree(database => {
    const tile = Math.floor(seq / 256)
    const { hashes } = database.prepare<[number], { hashes: Buffer }>('SELECT hashes FROM tiles WHERE level = 0 AND tile = ?').get(tile)!
    leafHash(Buffer.from(line)).copy(hashes, (seq % 256) * 32)
    database.prepare('UPDATE tiles SET hashes = ? WHERE level = 0 AND tile = ?').run(hashes, tile)
  })

describe('what no checkpoint covers at a start', () => {
  it('attack: lines are put behind the last checkpoint while the gateway is stopped: taken, and the first event says which', async () => {
    await world.fill(10)
    appendFileSync(LAST(), `${event(98)}\n${event(99)}\n`)
    const { log, recovery } = await world.open()
    await log.close()
    expect(recovery).toMatchObject({ uncovered: { from: 10, to: 12 } })
    expect(world.events[12]).toMatchObject({
      what: 'log-recovered',
      detail: { uncovered: { from: 10, to: 12 }, cutBytes: 0, closedIntents: 0 },
    })
    expect(world.events).toHaveLength(13)
  })

  it('is nothing after a clean stop', async () => {
    await world.fill(10)
    await start()
    expect(world.events).toHaveLength(10)
  })

  it('is told again with what came since, where a start ended before it was signed', async () => {
    await world.fill(3)
    for (const n of [3, 4]) {
      const { log } = await openFlatLog({ dir: world.dir, encoder, now: Date.now })
      await log.append(event(n))
      await log.close()
    }
    await start()
    expect(world.events.at(-1)).toMatchObject({ what: 'log-recovered', detail: { uncovered: { from: 3, to: 5 } } })
  })

  it('is the beginning of a log that was never signed', async () => {
    const { log } = await openFlatLog({ dir: world.dir, encoder, now: Date.now })
    await log.append(event(0))
    await log.close()
    await start()
    expect(world.events).toHaveLength(1)
  })

  it('attack: an older copy is put back and the floor is taken away: taken, and told', async () => {
    await world.fill(10)
    cpSync(world.dir, join(world.dataDir, 'old'), { recursive: true })
    await world.fill(10)
    rmSync(world.dir, { recursive: true })
    renameSync(join(world.dataDir, 'old'), world.dir)
    rmSync(world.floorFile)
    await start()
    expect(world.events[10]).toMatchObject({ what: 'log-recovered', detail: { floor: 'missing' } })
    await start()
    expect(world.events).toHaveLength(11)
  })
})

describe('keys that the files beside the log name', () => {
  for (const order of ['first', 'last'] as const)
    it(`attack: the log is rewritten and signed with a key that trust/audit.json names ${order}`, async () => {
      await world.fill(20)
      const { privateKey } = generateKeyPairSync('ed25519')
      const { origin, size, vkeys } = world.floor
      writeFileSync(LAST(), readFileSync(LAST(), 'utf8').replace('"n":7}', '"n":8}'))
      const root = rootOf(leavesOf(world.lines))
      const note = signCheckpoint({ origin, size, root }, privateKey)
      world.tree(database => database.prepare('UPDATE checkpoints SET root = ?, note = ?').run(root, note))
      const own = auditVkey(origin, privateKey)
      world.lower({ origin, size, root: root.toString('base64'), note, vkeys: order === 'first' ? [own, ...vkeys] : [...vkeys, own] })
      await refused('audit-changed', order === 'first' ? /its last checkpoint/ : /not the key that it was signed with last/)
    })

  it('attack: only the floor is lowered with such a key, under an older copy of the log', async () => {
    await world.fill(10)
    cpSync(world.dir, join(world.dataDir, 'old'), { recursive: true })
    await world.fill(10)
    rmSync(world.dir, { recursive: true })
    renameSync(join(world.dataDir, 'old'), world.dir)
    const { privateKey } = generateKeyPairSync('ed25519')
    const { origin, vkeys } = world.floor
    const root = rootOf(leavesOf(world.lines))
    const note = signCheckpoint({ origin, size: 10, root }, privateKey)
    world.lower({ origin, size: 10, root: root.toString('base64'), note, vkeys: [auditVkey(origin, privateKey), ...vkeys] })
    await refused('audit-changed', /the checkpoint in `trust\/audit\.json`/)
  })
})

describe('bytes of the newest segment', () => {
  it.each([
    ['a byte of the last event becomes NUL', (bytes: Buffer) => bytes.fill(0, bytes.length - 5, bytes.length - 4)],
    ['the last line break is cut off', (bytes: Buffer) => bytes.subarray(0, -1)],
  ])('attack: %s: it looks like a torn write, and was signed', async (_, spoil) => {
    await world.fill(10)
    writeFileSync(LAST(), spoil(readFileSync(LAST())))
    await refused('audit-rolled-back', /has 9 events, and 10 were signed/)
  })

  it('attack: an event is edited, and its hash in tree.db to fit', async () => {
    await world.fill(600)
    const forged = world.lines[77]!.replace('"n":77}', '"n":78}')
    writeFileSync(LAST(), readFileSync(LAST(), 'utf8').replace(world.lines[77]!, forged))
    plant(77, forged)
    await refused('audit-changed', /tile 0 of level 0 of `tree\.db` does not have its root/)
  })

  it('attack: the same with the root of the tile, in a log whose roots are in tiles themselves', async () => {
    await world.fill(1)
    const line = (n: number): string => `{"id":"${n}","time":"2026-01-01T00:00:00.000Z","type":"t","v":1}\n`
    appendFileSync(LAST(), Array.from({ length: 66_000 }, (_, n) => line(n + 100_000)).join(''))
    await start()
    const forged = world.lines[300]!.replace('"type":"t"', '"type":"u"')
    writeFileSync(LAST(), readFileSync(LAST(), 'utf8').replace(world.lines[300]!, forged))
    plant(300, forged)
    world.tree(database =>
      database.prepare('UPDATE tiles SET root = ? WHERE level = 0 AND tile = 1').run(rootOf(leavesOf(world.lines.slice(256, 512)))),
    )
    await refused('audit-changed', /tile 1 of level 0 of `tree\.db` does not have its root/)
  })

  it('attack: an event without an end is put there that is none: refused with a way on', async () => {
    await world.fill(3)
    appendFileSync(LAST(), '{"id":"made-up","request":"r","time":"never","type":"intent","v":1}\n')
    await refused('audit-damaged', /events-000001\.jsonl` holds an event without an end.*gatehouse audit begin/)
  })
})

describe('the file of events without an end', () => {
  const OPEN = (): string => join(world.dir, openIntentsName(world.segments.length))
  /** The newest segment names what is open in older ones: one call, in the first of them. */
  async function carried(): Promise<void> {
    const { log } = await world.open({ segmentBytes: 20_000 })
    await log.append(intent('long'), 'long')
    for (let n = 0; n < 900; n += 100) await Promise.all(Array.from({ length: 100 }, (_, i) => log.append(event(n + i))))
    await log.close()
    expect(world.segments.length).toBeGreaterThan(2)
    expect(readFileSync(OPEN(), 'utf8')).toBe(`${world.lines[0]!}\n`)
  }

  it('says what a start closes', async () => {
    await carried()
    await start()
    expect(world.events.slice(901)).toMatchObject([
      { what: 'log-recovered', detail: { closedIntents: 1 } },
      { type: 'outcome', request: 'long' },
    ])
  })

  it('attack: an event that was never written is put there: no outcome is made up for it', async () => {
    await carried()
    appendFileSync(OPEN(), `${intent('forged')}\n`)
    await refused('audit-changed', /open-\d+\.jsonl` names an event without an end that is not in the log/)
  })

  it('attack: and the hash of another event in tree.db becomes that of this one', async () => {
    await carried()
    const forged = intent('forged')
    appendFileSync(OPEN(), `${forged}\n`)
    plant(9, forged)
    await refused('audit-changed', /open-\d+\.jsonl`/)
  })

  it.each([
    ['no JSON', 'x', 'audit-damaged'],
    ['no object', 'null', 'audit-damaged'],
    ['half an event', '{"type":"intent","request":"r"}', 'audit-changed'],
  ])('attack: %s is put there: refused, with the name of the file', async (_, line, code) => {
    await carried()
    appendFileSync(OPEN(), `${line}\n`)
    await refused(code, /open-\d+\.jsonl`.*gatehouse audit begin/)
  })
})

describe('tree.db', () => {
  it('attack: it is overwritten: refused, and without it it is made again', async () => {
    await world.fill(600)
    for (const suffix of ['-wal', '-shm']) rmSync(join(world.dir, `tree.db${suffix}`), { force: true })
    writeFileSync(join(world.dir, 'tree.db'), 'no database at all, and longer than a hundred bytes of it: '.repeat(9))
    await refused('audit-changed', /`tree\.db` is broken \(SQLITE_NOTADB\): moved away .* it is made again.*gatehouse audit begin/)
    rmSync(join(world.dir, 'tree.db'))
    await world.fill(1)
    expect(world.floor.size).toBe(601)
  })
})
