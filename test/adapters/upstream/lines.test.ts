import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Lines } from '../../../src/adapters/upstream/lines.ts'

describe('line framing', () => {
  it('law: lines are the same however the bytes are cut', () => {
    const line = fc.string({ unit: fc.constantFrom('a', 'é', '{', '\u2028', ' '), maxLength: 12 })
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 20 }),
        (texts, cuts) => {
          const bytes = Buffer.from(texts.map(text => text + '\n').join(''))
          const got: string[] = []
          const lines = new Lines(1000, found => got.push(found.toString()))
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = cuts[i % cuts.length]!
            expect(lines.push(bytes.subarray(at, at + size))).toBe(true)
            at += size
          }
          expect(got).toEqual(texts.filter(text => text !== ''))
        },
      ),
    )
  })

  it('takes CRLF and skips empty lines', () => {
    const got: string[] = []
    new Lines(100, line => got.push(line.toString())).push(Buffer.from('a\r\n\r\n\nb\n'))
    expect(got).toEqual(['a', 'b'])
  })

  it('N142: a line beyond the cap ends it, whether it comes whole or in drops, and holds no more than the cap', () => {
    const lines = (): Lines => new Lines(10, () => {})
    expect(lines().push(Buffer.from('x'.repeat(11) + '\n'))).toBe(false)
    expect(lines().push(Buffer.from('x'.repeat(10) + '\n'))).toBe(true)
    const drops = lines()
    const pushes = Array.from({ length: 11 }, () => drops.push(Buffer.from('x')))
    expect(pushes.indexOf(false)).toBe(10)
  })
})
