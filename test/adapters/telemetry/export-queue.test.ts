import { describe, expect, it } from 'vitest'
import { ExportQueue } from '../../../src/adapters/telemetry/export-queue.ts'
import type { Sent } from '../../../src/adapters/telemetry/otlp-sender.ts'

const TAKEN: Sent = { is: 'taken', status: 200 }
const LATER: Sent = { is: 'later', status: 503 }

function setUp(
  send: (body: Uint8Array) => Promise<Sent>,
  more: { maxQueued?: number; encode?: (batch: readonly number[]) => Uint8Array } = {},
) {
  const counts = { sent: 0, dropped: 0 }
  const timers: { ms: number; run: () => void; isOver: boolean }[] = []
  const queue = new ExportQueue<number>({
    encode: batch => Uint8Array.from(batch),
    send,
    counted: (outcome, n) => void (counts[outcome] += n),
    maxBatch: 4,
    maxQueued: 10,
    after: (ms, run) => {
      const timer = { ms, run, isOver: false }
      timers.push(timer)
      return () => void (timer.isOver = true)
    },
    ...more,
  })
  /** The next timer that nobody stopped. */
  const fire = async (): Promise<number> => {
    const timer = timers.find(({ isOver }) => !isOver)
    if (!timer) throw new Error('no timer')
    timer.isOver = true
    timer.run()
    await new Promise(resolve => setImmediate(resolve))
    return timer.ms
  }
  return { queue, counts, timers, fire }
}

describe('ExportQueue', () => {
  it('sends what came together, in order, after a moment or when there is enough', async () => {
    const bodies: number[][] = []
    const { queue, counts, fire } = setUp(body => {
      bodies.push([...body])
      return Promise.resolve(TAKEN)
    })
    queue.push([1])
    queue.push([2])
    expect(bodies).toEqual([])
    await fire()
    expect(bodies).toEqual([[1, 2]])
    queue.push([3, 4, 5, 6, 7])
    await new Promise(resolve => setImmediate(resolve))
    expect(bodies).toEqual([[1, 2], [3, 4, 5, 6], [7]])
    expect(counts).toEqual({ sent: 7, dropped: 0 })
  })

  it('attack: a collector that never answers fills the queue, and what finds no place is counted, whole traces at a time', () => {
    const { queue, counts } = setUp(() => new Promise<Sent>(() => {}))
    queue.push([1, 2, 3, 4])
    for (let i = 0; i < 5; i += 1) queue.push([1, 2, 3])
    expect(queue.size).toBeLessThanOrEqual(10)
    expect(counts.dropped % 3).toBe(0)
    expect(counts.dropped).toBeGreaterThan(0)
  })

  it('tries again with growing pauses, the same bytes, and gives a batch up in the end', async () => {
    const bodies: string[] = []
    const { queue, counts, fire } = setUp(body => {
      bodies.push([...body].join())
      return Promise.resolve(LATER)
    })
    queue.push([1, 2])
    const pauses: number[] = []
    for (let i = 0; i < 6; i += 1) pauses.push(await fire())
    expect(pauses).toEqual([1000, 1000, 2000, 4000, 8000, 16_000])
    expect(bodies).toEqual(Array(6).fill('1,2'))
    expect(counts).toEqual({ sent: 0, dropped: 2 })
  })

  it('what a collector refuses is not sent again, and what cannot be encoded is lost alone', async () => {
    const answers: Sent[] = [{ is: 'refused', status: 400 }, TAKEN]
    const { queue, counts, fire } = setUp(() => Promise.resolve(answers.shift() ?? TAKEN), {
      encode: batch => {
        if (batch.includes(9)) throw new Error('nine')
        return Uint8Array.from(batch)
      },
    })
    for (const n of [1, 9, 2]) {
      queue.push([n])
      await fire()
    }
    expect(counts).toEqual({ sent: 1, dropped: 2 })
  })

  it('closing sends what waits, and no longer than it may', async () => {
    const { queue, counts } = setUp(() => Promise.resolve(TAKEN))
    queue.push([1, 2])
    await queue.close(100)
    queue.push([3])
    expect(counts).toEqual({ sent: 2, dropped: 1 })

    const stuck = setUp(() => new Promise<Sent>(() => {}))
    stuck.queue.push([1])
    const closing = stuck.queue.close(100)
    await stuck.fire()
    await closing
  })
})
