// What a counter of limits promises (limits/counter.ts), whatever engine counts.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Counter, Window } from '../../src/limits/counter.ts'

/** `pass` lets time go by for the counter; where its clock cannot be moved, a suite of its own would wait. */
type CounterWorld = { readonly counter: Counter; pass(ms: number): void }

export function counterContract(name: string, open: (window: Window) => CounterWorld): void {
  describe(`counter: ${name}`, () => {
    it('grants what is left, down to nothing, and says when there will be more', async () => {
      const { counter, pass } = open({ count: 10, seconds: 60 })
      expect(await counter.take('a', 4)).toEqual({ granted: 4, msLeft: 60_000 })
      pass(20_000)
      expect(await counter.take('a', 8)).toEqual({ granted: 6, msLeft: 40_000 })
      expect(await counter.take('a', 1)).toEqual({ granted: 0, msLeft: 40_000 })
      pass(40_000)
      expect(await counter.take('a', 10)).toEqual({ granted: 10, msLeft: 60_000 })
    })
    it('counts each key apart', async () => {
      const { counter } = open({ count: 1, seconds: 1 })
      for (const key of ['a', 'b', '__proto__', 'constructor', ' ', 'ä']) expect((await counter.take(key, 1)).granted, key).toBe(1)
      expect((await counter.take('__proto__', 1)).granted).toBe(0)
    })
    it('attack: asking on while nothing is left does not put the end of the window off', async () => {
      const { counter, pass } = open({ count: 1, seconds: 10 })
      await counter.take('a', 1)
      for (let i = 0; i < 9; i++) {
        pass(1000)
        expect((await counter.take('a', 5)).granted).toBe(0)
      }
      pass(1000)
      expect((await counter.take('a', 1)).granted).toBe(1)
    })
    it('law: of all who ask at once, together no more than the count is granted, and all of it', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 50 }),
          fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 30 }),
          async (count, asked) => {
            const { counter } = open({ count, seconds: 60 })
            const granted = await Promise.all(asked.map(points => counter.take('a', points)))
            const sum = granted.reduce((all, each) => all + each.granted, 0)
            expect(sum).toBe(
              Math.min(
                count,
                asked.reduce((all, each) => all + each, 0),
              ),
            )
          },
        ),
      )
    })
  })
}
