// When old events may go: after every sink has them, and what a failure does.

import { expect, it } from 'vitest'
import { createRetention } from '../../src/compose/retention.ts'
import type { PruneAnswer, PruneAsk } from '../../src/adapters/audit/retention.ts'
import type { Level } from '../../src/delivery/route.ts'

const NOW = Date.UTC(2026, 10, 21)
const RANGE = { from: 0, to: 300, segments: 1, before: '2026-10-22T00:00:00.000Z' }
const level = (name: string, cursor: number, dead = 0): Level => ({
  ...{ name, state: 'ready', cursor, dead },
  ...{ lagEvents: 0, lagSeconds: 0, taken: 0, failures: 0 },
})

async function look(
  { sinks = [] as string[], levels = [] as Level[], keepsAll = false },
  answer: () => PruneAnswer = () => ({ removed: 0 }),
) {
  const asked: PruneAsk[] = []
  const said: unknown[] = []
  const warned: string[] = []
  const dead = { origin: 'o', leaf: '', why: '', atMs: 0, isReplayed: false }
  await createRetention({
    current: () => ({
      audit: { witnesses: [], sinks: sinks.map(name => ({ name }) as never), ...(!keepsAll && { retentionSeconds: 30 * 86_400 }) },
    }),
    prune: ask => {
      asked.push(ask)
      return Promise.resolve().then(answer)
    },
    log: {
      append: async line => void said.push(line),
    },
    encoder: { lifecycle: (what, detail) => JSON.stringify({ what, detail }) },
    delivery: { levels: () => levels, letters: { list: sink => Promise.resolve([{ ...dead, sink: sink ?? '', seq: 70 }]) } },
    logger: { warn: message => void warned.push(message) },
    now: () => NOW,
  }).look()
  return { delivered: asked[0]?.delivered, cutoffMs: asked[0]?.cutoffMs, said, warned }
}

it('says what may go, and what goes is older than the retention time', async () => {
  const { said, cutoffMs } = await look({}, () => ({ removed: 0, announce: RANGE }))
  expect(said).toEqual([JSON.stringify({ what: 'audit-pruned', detail: RANGE })])
  expect(cutoffMs).toBe(NOW - 30 * 86_400_000)
})

it('asks without a retention time too, so that what a crash left is finished, and for nothing else', async () => {
  expect(await look({ keepsAll: true })).toMatchObject({ cutoffMs: 0, said: [] })
})

it('lets nothing go that a sink has not got: the slowest counts, one that says nothing yet, and dead letters', async () => {
  expect((await look({})).delivered).toBe(Number.MAX_SAFE_INTEGER)
  expect((await look({ sinks: ['a', 'b'], levels: [level('a', 100), level('b', 80)] })).delivered).toBe(80)
  expect((await look({ sinks: ['a', 'b'], levels: [level('a', 100)] })).delivered).toBe(0)
  expect((await look({ sinks: ['a'], levels: [level('a', 100, 1)] })).delivered).toBe(70)
  expect((await look({ sinks: ['a'], levels: [level('a', 100), level('gone', 1)] })).delivered).toBe(100)
})

it('tells of a failure and goes on', async () => {
  const failed = await look({}, () => {
    throw new Error('disk')
  })
  expect(failed).toMatchObject({ said: [], warned: [expect.stringContaining('tried again')] })
})
