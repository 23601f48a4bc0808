import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Drops } from '../../../src/adapters/upstream/drops.ts'
import { Exchange, type ExchangeHome } from '../../../src/adapters/upstream/exchange.ts'
import { HeldSecrets } from '../../../src/adapters/upstream/held-secrets.ts'
import { Gate } from '../../../src/adapters/upstream/gate.ts'
import { callOf, SILENT } from '../../support/upstreams/world.ts'

function world(concurrency: number, queue: number): { gate: Gate; running: Exchange[]; make: (owner: string) => Exchange } {
  const running: Exchange[] = []
  const gate = new Gate({ concurrency, queue }, exchange => running.push(exchange))
  const home: ExchangeHome = {
    drops: new Drops(),
    secrets: new HeldSecrets({ kind: 'http', url: 'http://127.0.0.1/mcp', headers: {} }),
    times: { callMs: 1, hardMs: 1, parkMs: 1 },
    notificationsPerSecond: 1,
    isOwn: false,
    now: () => 0,
    settled: exchange => {
      const at = running.indexOf(exchange)
      if (at >= 0) running.splice(at, 1)
      gate.leave(exchange)
    },
    parked: exchange => gate.park(exchange),
    unparked: exchange => gate.unpark(exchange),
  }
  return { gate, running, make: owner => new Exchange(home, callOf('x'), SILENT, owner) }
}

describe('gate', () => {
  it('leaves a place free for a second principal however many calls the first one makes', () => {
    const { gate, running, make } = world(64, 256)
    for (let i = 0; i < 400; i++) gate.enter(make('greedy'))
    expect(running.length).toBeLessThan(64)
    expect(gate.enter(make('newcomer'))).toBe(true)
    expect(running.at(-1)?.owner).toBe('newcomer')
  })

  it('keeps room in the queue: one principal fills half of it at most', () => {
    const { gate, make } = world(1, 10)
    const entered = Array.from({ length: 30 }, () => gate.enter(make('greedy'))).filter(Boolean).length
    expect(entered).toBe(1 + 5)
    expect(gate.enter(make('newcomer'))).toBe(true)
  })

  it('serves waiting principals in turn, not in order of arrival', () => {
    const { gate, running, make } = world(1, 20)
    for (let i = 0; i < 6; i++) gate.enter(make('first'))
    gate.enter(make('second'))
    const order: string[] = []
    while (running.length > 0) {
      order.push(running[0]!.owner)
      running[0]!.stop('cancelled', '')
    }
    expect(order.slice(0, 3)).toContain('second')
    expect(order.length).toBe(7)
  })

  it('runs everything of an upstream whose callers are not told apart', () => {
    const { gate, running, make } = world(8, 4)
    for (let i = 0; i < 20; i++) gate.enter(make('*'))
    expect(running.length).toBe(8)
    expect(gate.waiting).toBe(4)
  })

  it('gives the place of a call that waits for its host to another', () => {
    const { gate, running, make } = world(1, 4)
    const parked = make('a')
    gate.enter(parked)
    gate.enter(make('b'))
    expect(running.length).toBe(1)
    gate.park(parked)
    expect(running.map(x => x.owner)).toEqual(['a', 'b'])
    gate.unpark(parked)
    expect(gate.running).toBe(2)
    parked.stop('cancelled', '')
    expect(gate.running).toBe(1)
  })

  it('law: never exceeds its limits, loses no call, and ends empty', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 6 }),
        fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 120 }),
        (concurrency, queue, steps) => {
          const { gate, running, make } = world(concurrency, queue)
          const all: Exchange[] = []
          for (const step of steps) {
            if (step < 6) {
              const exchange = make(`owner-${step % 3}`)
              if (gate.enter(exchange)) all.push(exchange)
            } else if (step < 8) running[0]?.stop('cancelled', '')
            else all.findLast(exchange => exchange.place === 'queued')?.stop('cancelled', '')
            expect(gate.running).toBeLessThanOrEqual(concurrency)
            expect(gate.waiting).toBeLessThanOrEqual(queue)
            expect(gate.running).toBe(running.length)
          }
          while (running.length > 0) running[0]!.stop('cancelled', '')
          expect(gate.waiting).toBe(0)
          expect(gate.running).toBe(0)
          expect(all.every(exchange => exchange.isDone)).toBe(true)
        },
      ),
    )
  })
})
