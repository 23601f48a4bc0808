// The one text of a JSON value for what is approved: whatever order keys come in, and never one text for two numbers.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJsonOf } from '../../src/kernel/canonical-json.ts'
import { exactJson } from '../../src/kernel/exact-json.ts'

describe('the exact text of JSON', () => {
  it('is the canonical text of everything that a double writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), value => {
        const text = JSON.stringify(value)
        expect(exactJson(text)).toBe(canonicalJsonOf(text))
      }),
    )
  })
  it.each([
    ['{"b":1,"a":[1.0,1e2,1E+2,0.50,100e-2]}', '{"a":[1,100,100,0.5,1],"b":1}'],
    ['0.0', '0'],
    ['1e21', '1e+21'],
    ['9007199254740992', '9007199254740992'],
  ])('%s is %s', (text, exact) => expect(exactJson(text)).toBe(exact))

  it.each([
    '9007199254740993',
    '9007199254740993.0',
    '90071992547409930e-1',
    '0.10000000000000000555',
    '1e-400',
    '1e400',
    '-0',
    '-0.0e5',
    '1.0000000000000000000001',
    '"\\ud800"',
  ])('attack: %s has none, since it reads as another value', text => expect(exactJson(`{"a":[${text}]}`)).toBeUndefined())
  it('attack: two decimals that are not the same number never have one text', () => {
    const decimal = fc.tuple(fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }), fc.integer({ min: -30, max: 30 }))
    fc.assert(
      fc.property(decimal, decimal, ([a, i], [b, j]) => {
        const [one, other] = [exactJson(`${a}e${i}`), exactJson(`${b}e${j}`)]
        const isSame = a * 10n ** BigInt(i + 30) === b * 10n ** BigInt(j + 30)
        if (one !== undefined && !isSame) expect(one).not.toBe(other)
      }),
    )
  })
})
