// The notary's thread when it dies, cannot read, or is asked for much: nothing is lost, taken twice or held without bounds, and it comes back.

import { mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GrowingTree } from '../../../src/adapters/audit/growing-tree.ts'
import { openLogFolder } from '../../../src/adapters/audit/log-folder.ts'
import { leafHash, rootOf } from '../../../src/audit/tree.ts'
import { encoder, event, NotaryWorld } from '../../support/notary-world.ts'

let world: NotaryWorld
const workers: Worker[] = []
const onWorker = (worker: Worker): unknown => workers.push(worker)
beforeEach(() => {
  world = new NotaryWorld(mkdtempSync(join(tmpdir(), 'thread-')))
  workers.length = 0
  process.on('worker', onWorker)
})
afterEach(() => {
  process.off('worker', onWorker)
  rmSync(world.dataDir, { recursive: true, force: true })
})
const kill = (): Promise<number> => workers.at(-1)!.terminate()
const rootOfLines = (lines: readonly string[]): Buffer => rootOf(lines.map(line => leafHash(Buffer.from(line))))

describe('a thread that ends', () => {
  it('is started again: the question that it had fails, and the next one is answered', async () => {
    const { log, reader } = await world.open()
    await log.append(event(0))
    const killed = kill()
    const [first, second] = await Promise.allSettled([reader.state(), reader.state()])
    await killed
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'audit-unreadable', message: 'the notary ended' } })
    expect(second).toMatchObject({ status: 'fulfilled', value: { size: 1 } })
    await log.close()
    expect(world.floor.size).toBe(1)
  })

  it('attack: it is made to end now and then: it comes back once a minute, and the second time within one is final', async () => {
    let now = 0
    const { log, reader } = await world.open({ now: () => now })
    for (const at of [0, 60_000, 120_000]) {
      now = at
      await kill()
      expect(await reader.state()).toMatchObject({ size: 0 })
    }
    now = 179_999
    await kill()
    await expect(log.append(event(0))).rejects.toMatchObject({
      code: 'audit-unavailable',
      message: expect.stringContaining('restart the gateway') as string,
    })
    await log.close().catch(() => undefined)
  })

  it('attack: what came while it was started again counts as waiting for a checkpoint', async () => {
    let now = 0
    const { log, notary } = await world.open({ now: () => now })
    // All in one turn: no word of the real thread comes in between.
    notary.publish({ segment: 9, offset: 1 })
    const ready = { isCovered: true, place: { segment: 1, offset: 0 }, isNew: false, found: {}, origin: 'x', vkey: '', ended: [] }
    workers[0]!.emit('message', { type: 'ready', ...ready })
    now = 30_001
    expect(notary.refusal).toMatchObject({ code: 'audit-unavailable', message: expect.stringMatching(/behind by 30 s/) as string })
    await log.close().catch(() => undefined)
  })
})

describe('a line that cannot be read now', () => {
  it('is taken once it can be, and none before it twice', () => {
    mkdirSync(world.dir, { recursive: true })
    const lines = Array.from({ length: 300 }, (_, n) => event(n))
    const text = (some: readonly string[]): string => some.map(line => `${line}\n`).join('')
    writeFileSync(world.segment(1), text(lines.slice(0, 290)))
    mkdirSync(world.segment(2)) // opens, and cannot be read
    const tree = new GrowingTree(world.dir, undefined, 1)
    const to = { segment: 2, offset: Buffer.byteLength(text(lines.slice(290))) }
    for (let i = 0; i < 3; i += 1) expect(() => tree.follow(to)).toThrow(expect.objectContaining({ code: 'audit-unreadable' }) as Error)
    expect(tree.size).toBe(290)
    rmdirSync(world.segment(2))
    writeFileSync(world.segment(2), text(lines.slice(290)))
    expect(tree.follow(to)).toBe(true)
    expect(tree.size).toBe(300)
    expect(tree.place).toEqual(to)
    expect(tree.young.segments).toEqual([{ number: 1, bytes: Buffer.byteLength(text(lines.slice(0, 290))), events: 290 }])
    expect(tree.rootAt()).toEqual(rootOfLines(lines))
  })

  it('does not stop the log: it is told, tried again, and signed', async () => {
    const told = Promise.withResolvers<string>()
    const covered = Promise.withResolvers<number>()
    const { log, reader } = await world.open({
      onTrouble: (_, { code }) => told.resolve(String(code)),
      onSigned: size => size === 2 && covered.resolve(size),
    })
    await log.append(event(0))
    expect((await reader.state()).size).toBe(1)
    renameSync(world.segment(), `${world.segment()}.away`)
    mkdirSync(world.segment())
    await log.append(event(1))
    expect(await told.promise).toBe('audit-unreadable')
    await expect(reader.state()).rejects.toMatchObject({ code: 'audit-unreadable' })
    rmdirSync(world.segment())
    renameSync(`${world.segment()}.away`, world.segment())
    expect(await covered.promise).toBe(2)
    await log.close()
    expect(world.floor).toMatchObject({ size: 2, root: rootOfLines(world.lines).toString('base64') })
  })
})

describe('events as large as a page', () => {
  const KIB_100 = 100 * 1024
  const large = (n: number): string => JSON.stringify({ ...(JSON.parse(event(n)) as object), call: 'c', pad: 'x'.repeat(KIB_100) })
  const reader = () => openLogFolder(world.dir, () => performance.now())
  const units = (events: readonly { readonly event: string }[]): number => events.reduce((sum, one) => sum + one.event.length, 0)
  beforeEach(() => {
    mkdirSync(world.dir, { recursive: true })
    writeFileSync(world.segment(), Array.from({ length: 300 }, (_, n) => `${n === 200 ? encoder.lifecycle('small') : large(n)}\n`).join(''))
  })

  it('attack: a search holds no more than it answers, and goes on where it stopped', async () => {
    const folder = reader()
    const seqs: number[] = []
    for (let before: number | undefined; ;) {
      const page = await folder.reader.search({ what: 'test', limit: 500, ...(before !== undefined && { before }) })
      expect(units(page.events)).toBeLessThan(3 << 20)
      seqs.push(...page.events.map(({ seq }) => seq))
      if (page.next === undefined) break
      before = page.next
    }
    expect(seqs).toEqual(Array.from({ length: 300 }, (_, i) => 299 - i).filter(seq => seq !== 200))
    const [first, ...others] = (await folder.reader.search({ what: 'test', limit: 1, before: 200 })).events
    expect([first?.seq, others]).toEqual([199, []])
    folder.close()
  })

  it('attack: the story of a call holds 4 Mi characters at most, the newest', async () => {
    const folder = reader()
    const story = await folder.reader.story('c')
    expect(units(story)).toBeLessThanOrEqual(4 << 20)
    expect(units(story)).toBeGreaterThan((4 << 20) - 2 * KIB_100)
    expect(story.at(-1)?.seq).toBe(299)
    expect(story.map(({ seq }) => seq)).toEqual(story.map((_, i) => 300 - story.length + i))
    folder.close()
  })
})
