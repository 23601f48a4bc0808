// What delivery relies on of whoever keeps cursors and dead letters.

import { beforeEach, describe, expect, it } from 'vitest'
import type { DeadLetters, Ledger, Standing } from '../../src/delivery/ledger.ts'

export const ledgerContract = (name: string, make: () => Ledger & DeadLetters): unknown =>
  describe(name, () => {
    let ledger: Ledger & DeadLetters
    beforeEach(() => {
      ledger = make()
    })
    const at = (cursor: number, last = cursor - 1): Standing => ({ origin: 'o', began: 0, cursor, last })

    it('keeps how far each sink is, forward and back', async () => {
      expect(await ledger.standing('a')).toBeUndefined()
      await ledger.advance('a', at(5), [])
      await ledger.advance('b', { origin: 'p', began: 2, cursor: 2, last: -1 }, [])
      expect(await ledger.standing('a')).toEqual(at(5))
      expect(await ledger.standing('b')).toEqual({ origin: 'p', began: 2, cursor: 2, last: -1 })
      await ledger.advance('a', at(3), [])
      expect(await ledger.standing('a')).toEqual(at(3))
    })

    it('keeps from where on nobody knows what was read, until somebody does', async () => {
      await ledger.advance('a', { ...at(5), unsure: 3 }, [])
      expect(await ledger.standing('a')).toEqual({ ...at(5), unsure: 3 })
      await ledger.advance('a', at(6), [])
      expect(await ledger.standing('a')).toEqual(at(6))
    })

    it('keeps dead letters of each sink, once each', async () => {
      await ledger.advance('a', at(9), [
        { seq: 7, leaf: 'l7', why: 'x' },
        { seq: 2, leaf: 'l2', why: 'x' },
      ])
      await ledger.advance('b', at(9), [{ seq: 7, leaf: 'l7', why: 'y' }])
      await ledger.advance('a', at(9), [{ seq: 7, leaf: 'l7', why: 'z' }])
      expect(await ledger.count('a')).toBe(2)
      expect(await ledger.list('a', 10)).toMatchObject([
        { sink: 'a', seq: 2, leaf: 'l2', why: 'x', origin: 'o', isReplayed: false },
        { seq: 7, why: 'z' },
      ])
      expect(await ledger.list(undefined, 10)).toHaveLength(3)
      expect(await ledger.list('a', 1)).toMatchObject([{ seq: 2 }])
    })

    it('gives out what is asked for again, until it is settled', async () => {
      await ledger.advance(
        'a',
        at(9),
        [1, 2, 3].map(seq => ({ seq, leaf: 'l', why: 'x' })),
      )
      expect(await ledger.replays('a', 10)).toEqual([])
      expect(await ledger.replay({ sink: 'a', seq: 2 })).toBe(1)
      expect(await ledger.replay({ sink: 'b' })).toBe(0)
      expect(await ledger.replays('a', 10)).toMatchObject([{ seq: 2, isReplayed: true }])
      expect(await ledger.replay({ sink: 'a' })).toBe(3)
      expect(await ledger.replays('a', 2)).toMatchObject([{ seq: 1 }, { seq: 2 }])
      await ledger.settle('a', 1)
      await ledger.settle('a', 2, 'again')
      expect(await ledger.replays('a', 10)).toMatchObject([{ seq: 3 }])
      expect(await ledger.list('a', 10)).toMatchObject([{ seq: 2, why: 'again', isReplayed: false }, { seq: 3 }])
    })

    it('drops what is dropped', async () => {
      await ledger.advance(
        'a',
        at(9),
        [1, 2, 3].map(seq => ({ seq, leaf: 'l', why: 'x' })),
      )
      expect(await ledger.drop({ sink: 'a', seq: 9 })).toBe(0)
      expect(await ledger.drop({ sink: 'a', seq: 2 })).toBe(1)
      expect(await ledger.drop({ sink: 'a' })).toBe(2)
      expect(await ledger.count('a')).toBe(0)
    })
  })
