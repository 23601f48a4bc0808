// A log in its folder: everything that can be done to it is found and named, or is the documented limit.

import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { verifyFolder, type KeptTree } from '../../../src/adapters/audit/verify-folder.ts'
import { segmentName } from '../../../src/audit/recover.ts'
import { leafHash } from '../../../src/audit/tree.ts'
import { Findings, type Finding } from '../../../src/audit/verify.ts'
import { eventOf, names } from '../../support/bundles.ts'
import { SignedLog } from '../../support/signed-log.ts'

const EVENTS = 1000
const PER_SEGMENT = 300
const SIZES = [100, 400, 700, 1000]
const NOW = Date.UTC(2026, 6, 28) + EVENTS * 10

let dir: string
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'folder-'))))
afterEach(() => rmSync(dir, { recursive: true }))

type World = { lines: string[]; log: SignedLog; kept: KeptTree }

/** Writes the lines in segments; hashes and checkpoints are of `lines`, unless another log is given. */
function make(lines = Array.from({ length: EVENTS }, (_, i) => eventOf(i)), sizes = SIZES): World {
  const log = new SignedLog()
  log.leaves.push(...lines.map(line => leafHash(Buffer.from(line))))
  const segments: { number: number; events: number }[] = []
  for (let i = 0; i * PER_SEGMENT < lines.length; i += 1) {
    const some = lines.slice(i * PER_SEGMENT, (i + 1) * PER_SEGMENT)
    writeFileSync(join(dir, segmentName(i + 1)), some.map(line => `${line}\n`).join(''))
    if (some.length === PER_SEGMENT) segments.push({ number: i + 1, events: (i + 1) * PER_SEGMENT })
  }
  const kept: KeptTree = {
    firstSegment: 1,
    tiles: Math.floor(lines.length / 256),
    leavesOf: tile => Buffer.concat(log.leaves.slice(tile * 256, (tile + 1) * 256)),
    segments: () => segments,
    checkpoints: sizes.map(size => log.checkpoint(size).note),
  }
  return { lines, log, kept }
}
async function verify(
  { log, kept }: Pick<World, 'log' | 'kept'>,
  { external = [], asOf = NOW, hasValue }: { external?: string[]; asOf?: number; hasValue?: (event: string) => boolean } = {},
) {
  const findings = new Findings()
  const verified = await verifyFolder(dir, kept, { log: log.identity, witnesses: [], external, asOf, hasValue }, findings)
  return { verified, findings: findings.list }
}
const edit = (segment: number, change: (text: string) => string): void => {
  const path = join(dir, segmentName(segment))
  writeFileSync(path, change(readFileSync(path, 'utf8')))
}
const found = (findings: readonly Finding[], ...seqs: number[]): void => {
  for (const seq of seqs) expect(names(findings, seq), JSON.stringify(findings)).toBe(true)
}

describe('a folder', () => {
  it('that is whole verifies', async () => {
    const { verified, findings } = await verify(make())
    expect(findings).toEqual([])
    expect(verified).toMatchObject({ from: 0, size: 1000, pruned: 0 })
    expect(verified.matched).toHaveLength(4)
  })

  it('attack: an event that was changed is named, within what whole tiles hold, and what follows still verifies', async () => {
    const world = make()
    edit(2, text => text.replace(eventOf(456), eventOf(457)))
    const { verified, findings } = await verify(world)
    expect(findings).toEqual([{ is: 'event', seq: 456, why: 'it is not the event that was signed' }])
    expect(verified.matched).toHaveLength(4)
  })

  it('attack: an event behind the last whole tile is in a range between two checkpoints', async () => {
    const world = make()
    edit(4, text => text.replace(eventOf(950), eventOf(951)))
    expect((await verify(world)).findings).toEqual([expect.objectContaining({ is: 'events', from: 700, to: 1000 })])
  })

  it.each<[string, (text: string) => string, number]>([
    ['deleted', text => text.replace(`${eventOf(456)}\n`, ''), 456],
    ['put in', text => text.replace(`${eventOf(456)}\n`, `${eventOf(5)}\n${eventOf(456)}\n`), 456],
    ['swapped', text => text.replace(`${eventOf(456)}\n${eventOf(457)}\n`, `${eventOf(457)}\n${eventOf(456)}\n`), 456],
    ['split', text => text.replace(eventOf(456), eventOf(456).replace('"outcome"', '\n"outcome"')), 456],
  ])('attack: an event that was %s is named', async (_what, change, seq) => {
    const world = make()
    edit(2, change)
    found((await verify(world)).findings, seq)
  })

  it('attack: a hash that was changed is told from an event that was', async () => {
    const { log, kept } = make()
    const leavesOf = (tile: number): Buffer => {
      const leaves = Buffer.from(kept.leavesOf(tile))
      if (tile === 1) leaves[32 * 200]! ^= 1
      return leaves
    }
    expect((await verify({ log, kept: { ...kept, leavesOf } })).findings).toEqual([
      { is: 'event', seq: 456, why: expect.stringContaining('the event itself is the one that was signed') as string },
    ])
  })

  it('attack: event and hash changed by whoever has no key are between two checkpoints', async () => {
    const { log, kept } = make()
    const lines = Array.from({ length: EVENTS }, (_, i) => eventOf(i === 456 ? 5 : i))
    const forged = make(lines)
    expect((await verify({ log, kept: { ...forged.kept, checkpoints: kept.checkpoints } })).findings).toEqual([
      expect.objectContaining({ is: 'events', from: 400, to: 700 }),
    ])
  })

  it('attack: cut off, and rolled back with its checkpoints', async () => {
    const world = make()
    rmSync(join(dir, segmentName(4)))
    expect((await verify(world)).findings).toContainEqual(expect.objectContaining({ is: 'events', from: 700, to: 1000 }))
    const old = { ...world.kept, checkpoints: world.kept.checkpoints.slice(0, 3), tiles: 3 }
    // 200 events behind the last checkpoint, old ones
    const later = { asOf: NOW + 100_000 }
    expect((await verify({ log: world.log, kept: old }, later)).findings).toEqual([
      expect.objectContaining({ is: 'events', from: 700, to: 900 }),
    ])
    edit(3, text => text.split('\n').slice(0, 100).join('\n') + '\n')
    expect((await verify({ log: world.log, kept: old })).findings).toEqual([]) // documented limit: nothing kept elsewhere
    expect((await verify({ log: world.log, kept: old }, { external: [world.log.checkpoint(1000).note] })).findings).toEqual([
      expect.objectContaining({ is: 'events', from: 700, to: 1000 }),
    ])
  })

  it('attack: a fork, signed by the log’s own key', async () => {
    const { log, kept } = make()
    const external = log.checkpoint(600).note
    const forged = make(Array.from({ length: EVENTS }, (_, i) => eventOf(i >= 456 ? i + 1 : i)))
    expect((await verify(forged)).findings).toEqual([])
    expect((await verify(forged, { external: [external] })).findings).toEqual([
      { is: 'checkpoint', size: 600, why: expect.stringMatching(/from 400 on .* two histories/) as string },
    ])
    expect(kept.checkpoints).toHaveLength(4)
  })

  it('attack: a checkpoint that was edited', async () => {
    const { log, kept } = make()
    const checkpoints = kept.checkpoints.with(1, kept.checkpoints[1]!.replace('\n400\n', '\n399\n'))
    expect((await verify({ log, kept: { ...kept, checkpoints } })).findings).toEqual([
      { is: 'file', where: `checkpoint 2 of this log (${log.origin}, 399)`, why: expect.stringContaining('not by its key') as string },
    ])
  })

  it('attack: a segment in the middle that is gone', async () => {
    const world = make()
    rmSync(join(dir, segmentName(2)))
    expect((await verify(world)).findings).toContainEqual({
      is: 'file',
      where: segmentName(2),
      why: 'it is missing, and with it the events from 300 on',
    })
  })

  it('attack: events appended behind the last checkpoint, old or of the future', async () => {
    const world = make()
    edit(4, text => `${text}${eventOf(1000)}\n`)
    expect((await verify(world)).findings).toEqual([]) // written this second: the next checkpoint takes it
    for (const asOf of [NOW + 61_000, NOW - 61_000])
      expect((await verify(world, { asOf })).findings).toEqual([expect.objectContaining({ is: 'events', from: 1000, to: 1001 })])
    edit(4, text => text.replace(eventOf(1000), 'no event'))
    expect((await verify(world)).findings).toEqual([expect.objectContaining({ is: 'events', from: 1000, to: 1001 })])
  })

  it('judges what was there when it began: what is written meanwhile grows old in nobody’s hands', async () => {
    const world = make()
    const leavesOf = (tile: number): Buffer => {
      // Read once the lines are: the gateway goes on, and a minute goes by.
      if (tile === 2) edit(4, text => `${text}${eventOf(1000)}\n`)
      return world.kept.leavesOf(tile)
    }
    const { verified, findings } = await verify({ log: world.log, kept: { ...world.kept, leavesOf } }, { asOf: NOW + 100_000 })
    expect(findings).toEqual([])
    expect(verified.size).toBe(1000)
  })

  it('lets a line be that is being written', async () => {
    const world = make()
    edit(4, text => `${text}{"half`)
    expect((await verify(world)).findings).toEqual([])
    edit(2, text => text.slice(0, -5))
    expect((await verify(world)).findings).not.toEqual([])
  })
})

describe('a folder whose first segments were removed', () => {
  const prune = (to: number): string =>
    JSON.stringify({ detail: { from: 0, to }, id: 'x', time: new Date(NOW).toISOString(), type: 'lifecycle', v: 1, what: 'audit-pruned' })
  const withPrune = (to: number, at = 950): string[] => Array.from({ length: EVENTS }, (_, i) => (i === at ? prune(to) : eventOf(i)))
  const gone = (): void => rmSync(join(dir, segmentName(1)))

  it('verifies where a signed event says so', async () => {
    const world = make(withPrune(300))
    gone()
    const { verified, findings } = await verify(world)
    expect(findings).toEqual([])
    expect(verified).toMatchObject({ from: 300, pruned: 300, size: 1000 })
  })

  it.each<[string, string[]]>([
    ['none', Array.from({ length: EVENTS }, (_, i) => eventOf(i))],
    ['one about fewer', withPrune(200)],
    [
      'one in another event',
      Array.from({ length: EVENTS }, (_, i) =>
        i === 950 ? JSON.stringify({ what: 'audit-pruned', type: 'refusal', detail: { to: 300 } }) : eventOf(i),
      ),
    ],
  ])('attack: with %s they are missing', async (_what, lines) => {
    const world = make(lines)
    gone()
    expect((await verify(world)).findings).toEqual([
      { is: 'events', from: 0, to: 300, why: expect.stringContaining('audit-pruned') as string },
    ])
  })

  it('attack: said by an event that no checkpoint covers, which whoever removed them appended', async () => {
    const world = make()
    gone()
    edit(4, text => `${text}${prune(300)}\n`)
    expect((await verify(world)).findings).toContainEqual(expect.objectContaining({ is: 'events', from: 0, to: 300 }))
  })

  it('attack: a lie about how many they were', async () => {
    const world = make(withPrune(300))
    gone()
    for (const events of [299, 301, 10_000]) {
      const kept = { ...world.kept, segments: () => [{ number: 1, events }] }
      expect((await verify({ log: world.log, kept })).findings).not.toEqual([])
    }
    expect((await verify({ log: world.log, kept: { ...world.kept, segments: () => [] } })).findings).not.toEqual([])
  })

  it('verifies as a copy elsewhere', async () => {
    const world = make()
    const copy = `${dir}-copy`
    cpSync(dir, copy, { recursive: true })
    rmSync(dir, { recursive: true })
    renameSync(copy, dir)
    expect((await verify(world)).findings).toEqual([])
  })
})

describe('what rules recorded with events', () => {
  const committed = (seq: number, subject: string): string =>
    JSON.stringify({ ...JSON.parse(eventOf(seq)), commit: { result: 'x' }, principal: { issuer: 'https://idp.example', subject } })
  const erased = (seq: number, subject: string): string =>
    JSON.stringify({
      ...{ detail: { of: `https://idp.example ${subject}` }, id: 'x', time: new Date(NOW).toISOString() },
      ...{ type: 'lifecycle', v: 1, what: 'audit-erased', seq },
    })
  const idOf = (line: string): string => (JSON.parse(line) as { id: string }).id
  const lines = Array.from({ length: EVENTS }, (_, i) =>
    i === 600 ? erased(i, 'anna') : i % 100 === 50 ? committed(i, i % 200 === 50 ? 'anna' : 'bob') : eventOf(i),
  )
  const MISSING = 'what was recorded with it is missing, and no event says that it was erased'
  const missing = (...seqs: number[]) => seqs.map(seq => ({ is: 'event', seq, why: MISSING }))

  it('verifies where all of it is kept, or was erased on record', async () => {
    const world = make(lines)
    expect((await verify(world, { hasValue: () => true })).findings).toEqual([])
    const before600 = new Set(
      lines
        .slice(0, 600)
        .filter(line => line.includes('"anna"'))
        .map(idOf),
    )
    expect((await verify(world, { hasValue: id => !before600.has(id) })).findings).toEqual([])
  })

  it('attack: a value removed without an erasure, of somebody else than was erased, or after that', async () => {
    const world = make(lines)
    const gone = new Set([lines[150]!, lines[250]!, lines[650]!].map(idOf))
    expect((await verify(world, { hasValue: id => !gone.has(id) })).findings).toEqual(missing(150, 650))
    expect((await verify(world, { hasValue: () => false })).findings).toEqual(missing(150, 350, 550, 750, 950, 650, 850))
  })

  it('attack: more than are named are counted', async () => {
    const many = Array.from({ length: EVENTS }, (_, i) => (i < 300 ? committed(i, 'anna') : eventOf(i)))
    const { findings } = await verify(make(many), { hasValue: () => false })
    expect(findings).toHaveLength(100)
  })

  it('takes an erasure that came while the log was read, and no word of it elsewhere', async () => {
    const world = make(lines)
    const hasValue = (): boolean => false
    let isOver = false
    const leavesOf = (tile: number): Buffer => {
      if (tile === 2 && !isOver) edit(4, text => `${text}${erased(1000, 'bob')}\n`)
      isOver ||= tile === 2
      return world.kept.leavesOf(tile)
    }
    expect((await verify({ log: world.log, kept: { ...world.kept, leavesOf } }, { hasValue })).findings).toEqual(missing(650, 850))
    expect(isOver).toBe(true)
    const refused = JSON.stringify({ type: 'refusal', what: 'audit-erased', detail: { of: 'https://idp.example anna' } })
    expect((await verify(make(lines.with(990, refused)), { hasValue })).findings).toContainEqual(missing(650)[0])
  })
})
