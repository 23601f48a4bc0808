import { randomFillSync } from 'node:crypto'
import { appendFile, mkdtemp, readdir, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readEvents } from '../../../src/adapters/audit/lines.ts'
import { openFlatLog, type FlatLogOptions } from '../../../src/adapters/audit/open-flat-log.ts'
import { EventEncoder } from '../../../src/audit/encode.ts'
import { idsOf, row } from '../../contracts/audit-log.ts'
import { FaultyDisk, type Step } from '../../support/faulty-disk.ts'

const NOW = Date.UTC(2026, 6, 28, 12)
const encoder = new EventEncoder(() => NOW, randomFillSync)
const exchange = (request: string) =>
  encoder.exchange({
    call: 'c',
    request,
    trace: 't',
    subject: { endpoint: '/mcp', era: 'modern', method: 'tools/call', server: 'files', name: 'x' },
  })
const intent = (request: string) => encoder.intent(exchange(request), ['r'], 0)
const outcome = (request: string) => encoder.outcome(exchange(request), { outcome: 'ok', ms: 1 })

let dir: string
beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'audit-')), 'data', 'audit')
})
afterEach(() => rm(join(dir, '..', '..'), { recursive: true }))

const open = (options: Partial<FlatLogOptions> = {}) => openFlatLog({ dir, encoder, now: () => NOW + 2000, ...options })
const stored = async (): Promise<string[]> => {
  const events: string[] = []
  await readEvents(dir, event => events.push(event))
  return events
}
const parsed = async () => (await stored()).map(text => JSON.parse(text) as Record<string, any>)
const FIRST = 'events-000001.jsonl'

/** Leaves the directory as a crash would: nothing is flushed or cut any more, only the kernel gives the lock back. */
async function crash(log: { close(): Promise<void> }, disk: FaultyDisk): Promise<void> {
  disk.fail('truncate', 'before', { lasting: true })
  await log.close().catch(() => {})
  disk.heal()
}

describe('the flat log on disk', () => {
  it('is readable by its owner alone', async () => {
    const { log } = await open({ limits: { segmentBytes: 1 } })
    await log.append(row(1))
    await log.close()
    expect((await stat(dir)).mode & 0o777).toBe(0o700)
    expect((await readdir(dir)).sort()).toEqual([FIRST, 'events-000002.jsonl', 'open-000002.jsonl', 'writer.lock'])
    for (const name of await readdir(dir)) expect({ name, mode: (await stat(join(dir, name))).mode & 0o777 }).toEqual({ name, mode: 0o600 })
  })

  it('makes the rows of one sync share it: one write, one sync, however many calls wait', async () => {
    const disk = new FaultyDisk()
    const groups: number[] = []
    const { log } = await open({ disk, onGroup: rows => groups.push(rows) })
    const release = disk.hold()
    const first = log.append(row(0))
    for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate)
    const behind = Array.from({ length: 100 }, (_, i) => log.append(row(i + 1)))
    expect(new Set(behind).size).toBe(1)
    release()
    await Promise.all([first, ...behind])
    expect(groups).toEqual([1, 100])
    expect(disk.steps).toEqual(['create', 'write', 'sync', 'write', 'sync'])
    await log.close()
  })

  it('goes on after writes that took only part of the group', async () => {
    const disk = new FaultyDisk()
    disk.maxWrite = 7
    const { log } = await open({ disk })
    await Promise.all([log.append(row(1)), log.append(row(2)), log.append(row(3))])
    await log.close()
    expect(await stored()).toEqual([row(1), row(2), row(3)])
  })

  it('continues in new segments, in order, without losing the intents that were open', async () => {
    const { log } = await open({ limits: { segmentBytes: 2000 } })
    await log.append(intent('long'), 'long')
    for (let i = 0; i < 40; i += 1)
      await Promise.all([log.append(intent(`r${i}`), `r${i}`), log.append(outcome(`r${i}`), undefined, `r${i}`)])
    await log.append(intent('late'), 'late')
    await log.close()
    expect((await readdir(dir)).filter(name => name.startsWith('events-')).length).toBeGreaterThan(5)
    // Each segment but the last was filled before the next one was begun.
    const sizes = await Promise.all(
      (await readdir(dir)).filter(name => name.startsWith('events-')).map(async name => (await stat(join(dir, name))).size),
    )
    for (const size of sizes.slice(0, -1)) expect(size).toBeGreaterThanOrEqual(2000)
    const before = await parsed()
    expect(before.filter(event => event['type'] === 'intent').map(event => event['request'])).toEqual([
      'long',
      ...Array.from({ length: 40 }, (_, i) => `r${i}`),
      'late',
    ])

    const { log: next, recovery } = await open()
    expect(recovery).toEqual({ cutBytes: 0, closedIntents: 2, closedContacts: 0 })
    await next.close()
    expect((await parsed()).slice(before.length)).toMatchObject([
      { type: 'lifecycle', what: 'log-recovered', detail: { cutBytes: 0, closedIntents: 2 } },
      { type: 'outcome', request: 'long', outcome: 'unknown', ms: 2000 },
      { type: 'outcome', request: 'late', outcome: 'unknown', ms: 2000 },
    ])
    const { log: third, recovery: quiet } = await open()
    expect(quiet).toEqual({ cutBytes: 0, closedIntents: 0, closedContacts: 0 })
    await third.close()
  })

  it('starts from the newest segment alone when older ones were moved away', async () => {
    const { log } = await open({ limits: { segmentBytes: 1 } })
    for (let i = 0; i < 3; i += 1) await log.append(intent(`r${i}`), `r${i}`)
    await log.close()
    await unlink(join(dir, FIRST))
    await unlink(join(dir, 'events-000002.jsonl'))
    const { log: next, recovery } = await open()
    expect(recovery.closedIntents).toBe(3)
    await next.close()
  })

  it('refuses a row too large to be an event, and stays healthy', async () => {
    const { log } = await open({ limits: { rowUnits: 100 } })
    await expect(log.append(row('x'.repeat(100)))).rejects.toMatchObject({ code: 'audit-unavailable' })
    await log.append('{"v":1}')
    expect(log.isHealthy).toBe(true)
    await log.close()
  })

  it('refuses a backlog of too many bytes', async () => {
    const disk = new FaultyDisk()
    const { log } = await open({ disk, limits: { backlogUnits: 300 } })
    const release = disk.hold()
    const kept = [log.append(row(1)), log.append(row(2))]
    await expect(log.append(row('x'.repeat(200)))).rejects.toThrow('behind by')
    release()
    await Promise.all(kept)
    await log.close()
  })
})

describe('N146 two writers', () => {
  it('the second open of one directory refuses, whichever gateway it is, until the first has closed', async () => {
    const { log } = await open()
    await expect(open()).rejects.toMatchObject({ code: 'audit-locked' })
    await log.append(row(1))
    await expect(open()).rejects.toMatchObject({ code: 'audit-locked' })
    await log.close()
    const { log: second } = await open()
    await second.close()
  })

  it('a log that could not be opened gives the lock back', async () => {
    const { log } = await open()
    await log.append(row(1))
    await log.close()
    const disk = new FaultyDisk()
    disk.fail('open', 'before')
    await expect(open({ disk })).rejects.toMatchObject({ code: 'audit-unavailable' })
    await (await open()).log.close()
  })
})

describe('N146 the tail after a crash', () => {
  it('a last write cut at any byte: whole rows stay, the torn one goes and is recorded', async () => {
    const { log } = await open()
    const rows = [row(1), row(2), row(3)]
    for (const text of rows) await log.append(text)
    await log.close()
    const whole = await readFile(join(dir, FIRST))
    for (let length = 0; length < whole.length; length += 1) {
      await writeFile(join(dir, FIRST), whole.subarray(0, length))
      const complete = whole.subarray(0, length).toString().split('\n').length - 1
      const goodBytes = complete === 0 ? 0 : whole.subarray(0, length).lastIndexOf(0x0a) + 1
      const { log: next, recovery } = await open()
      expect(recovery.cutBytes).toBe(length - goodBytes)
      await next.append(row('next'))
      await next.close()
      const found = await parsed()
      expect(found.filter(event => event['what'] === 'test').map(event => event['id'])).toEqual([
        ...['1', '2', '3'].slice(0, complete),
        'next',
      ])
      expect(found.filter(event => event['what'] === 'log-recovered').map(event => event['detail'])).toEqual(
        length === goodBytes ? [] : [{ segment: FIRST, cutBytes: length - goodBytes, closedIntents: 0, closedContacts: 0 }],
      )
    }
  })

  it.each([
    ['an altered line', (text: string) => text.replace('"id":"1"', '"id":1')],
    ['a line cut in the middle of the file', (text: string) => text.replace(',"what":"test"}\n', '\n')],
    ['foreign bytes in front', (text: string) => `garbage\n${text}`],
    ['an empty line at the end', (text: string) => `${text}\n`],
    ['whole rows after unwritten blocks', (text: string) => `${'\0'.repeat(512)}\n${text}`],
  ])('%s refuses to open and touches nothing', async (_, spoil) => {
    const { log } = await open()
    for (const n of [1, 2, 3]) await log.append(row(n))
    await log.close()
    const spoilt = spoil(await readFile(join(dir, FIRST), 'utf8'))
    await writeFile(join(dir, FIRST), spoilt)
    await expect(open()).rejects.toMatchObject({ code: 'audit-damaged' })
    expect(await readFile(join(dir, FIRST), 'utf8')).toBe(spoilt)
  })

  it('a missing middle segment or list of open intents refuses to open', async () => {
    const { log } = await open({ limits: { segmentBytes: 1 } })
    for (const n of [1, 2, 3]) await log.append(row(n))
    await log.close()
    const list = await readFile(join(dir, 'open-000004.jsonl'))
    await unlink(join(dir, 'open-000004.jsonl'))
    await expect(open()).rejects.toMatchObject({ code: 'audit-damaged' })
    await writeFile(join(dir, 'open-000004.jsonl'), `${list.toString()}{"v":1`)
    await expect(open()).rejects.toMatchObject({ code: 'audit-damaged' })
    await writeFile(join(dir, 'open-000004.jsonl'), list)
    await unlink(join(dir, 'events-000002.jsonl'))
    await expect(open()).rejects.toMatchObject({ code: 'audit-damaged' })
  })

  it('a torn tail of unwritten blocks is cut', async () => {
    const { log } = await open()
    await log.append(row(1))
    await log.close()
    await appendFile(join(dir, FIRST), `{"v":1,"ty${'\0'.repeat(4096)}`)
    const { log: next, recovery } = await open()
    expect(recovery.cutBytes).toBe(4106)
    await next.close()
    expect(idsOf(await stored())[0]).toBe('1')
  })
})

describe('N146 N149 a disk that fails at any point', () => {
  const steps: Step[] = ['write', 'sync', 'create', 'publish', 'close', 'truncate']

  it('never loses an acknowledged row, never keeps a torn one, and opens again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          step: fc.constantFrom(...steps),
          when: fc.constantFrom('before' as const, 'after' as const),
          nth: fc.integer({ min: 1, max: 6 }),
          lasting: fc.boolean(),
          maxWrite: fc.constantFrom(13, 200, Number.POSITIVE_INFINITY),
          segmentBytes: fc.constantFrom(200, 1000, 1 << 20),
          bursts: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 }),
          crashes: fc.boolean(),
        }),
        async ({ step, when, nth, lasting, maxWrite, segmentBytes, bursts, crashes }) => {
          await rm(dir, { recursive: true, force: true })
          const disk = new FaultyDisk()
          const { log } = await open({ disk, limits: { segmentBytes } })
          disk.maxWrite = maxWrite
          disk.fail(step, when, { nth, lasting })
          const [asked, acknowledged]: [string[], string[]] = [[], []]
          for (const burst of bursts) {
            await Promise.all(
              Array.from({ length: burst }, () => {
                const text = row(asked.length)
                asked.push(text)
                return log.append(text).then(
                  () => acknowledged.push(text),
                  (fault: unknown) => expect(fault).toMatchObject({ code: 'audit-unavailable' }),
                )
              }),
            )
          }
          if (crashes) await crash(log, disk)
          else await log.close().catch(() => {})
          disk.heal()
          const { log: next } = await open()
          await next.append(row('next'))
          await next.close()
          const found = (await stored()).filter(text => !text.includes('log-recovered'))
          expect(found.at(-1)).toBe(row('next'))
          const kept = found.slice(0, -1)
          // What is kept is what was asked for, in order, without a gap before the first loss, and holds everything acknowledged.
          expect(kept).toEqual(asked.slice(0, kept.length))
          expect(acknowledged).toEqual(asked.slice(0, acknowledged.length))
          expect(kept.length).toBeGreaterThanOrEqual(acknowledged.length)
        },
      ),
      { numRuns: 150 },
    )
  }, 120_000)

  it('a sync that failed is not tried again: no later success can stand for it', async () => {
    const disk = new FaultyDisk()
    const { log } = await open({ disk })
    disk.fail('sync', 'before')
    await expect(log.append(row(1))).rejects.toMatchObject({ code: 'audit-unavailable' })
    const { length } = disk.steps
    await expect(log.append(row(2))).rejects.toMatchObject({ code: 'audit-unavailable' })
    expect(disk.steps.slice(length)).toEqual([])
    await log.close()
    // The rows in doubt were cut on the way out.
    expect(disk.steps.slice(length)).toEqual(['truncate', 'close'])
    expect(await stored()).toEqual([])
  })

  it('a start that cannot write its recovery does not serve', async () => {
    const { log } = await open()
    await log.append(intent('r1'), 'r1')
    await log.close()
    const disk = new FaultyDisk()
    disk.fail('write', 'before')
    await expect(open({ disk })).rejects.toMatchObject({ code: 'audit-unavailable' })
    expect(disk.steps.slice(-2)).toEqual(['truncate', 'close'])
    const { log: next, recovery } = await open()
    expect(recovery.closedIntents).toBe(1)
    await next.close()
  })

  it('closes more open intents than the backlog holds', async () => {
    const { log } = await open()
    await Promise.all(Array.from({ length: 3000 }, (_, i) => log.append(intent(`r${i}`), `r${i}`)))
    await log.close()
    const { log: next, recovery } = await open({ limits: { backlogRows: 1500 } })
    expect(recovery.closedIntents).toBe(3000)
    await next.close()
  })
})
