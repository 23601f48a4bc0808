// RFC 8785: its own examples, laws, and what must be refused because it has no canonical form.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson, canonicalJsonOf } from '../../src/kernel/canonical-json.ts'

describe('canonical JSON (RFC 8785)', () => {
  it('is what section 3.2.2 prints', () => {
    const text = String.raw`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`
    expect(canonicalJsonOf(text)).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    )
  })

  it('sorts keys by UTF-16 code units, as section 3.2.3 does', () => {
    const keys = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6']
    const sorted = JSON.parse(canonicalJson(Object.fromEntries(keys.map(key => [key, 0]))) ?? '') as object
    expect(Object.keys(sorted)).toEqual(['1', '\r', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33'])
    expect(canonicalJson({ b: 1, a: 2, aa: 3, 10: 4, 9: 5 })).toBe('{"10":4,"9":5,"a":2,"aa":3,"b":1}')
  })

  it.each([
    [0, '0'],
    [-0, '0'],
    [5e-324, '5e-324'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [9007199254740992, '9007199254740992'],
    [295147905179352830000, '295147905179352830000'],
    [1e21, '1e+21'],
    [333333333.3333332, '333333333.3333332'],
  ])('prints %d as appendix B does', (number, text) => {
    expect(canonicalJson(number)).toBe(text)
  })

  it('says the same of every order of keys and every white space, and keeps the value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), value => {
        const canonical = canonicalJson(value)
        if (canonical === undefined) return // a lone surrogate
        expect(JSON.parse(canonical)).toEqual(JSON.parse(JSON.stringify(value)))
        expect(canonicalJson(reversed(value))).toBe(canonical)
        if (/\d{16}/.test(canonical)) return // perhaps an integer that is not exact
        expect(canonicalJsonOf(JSON.stringify(value, null, '\t'))).toBe(canonical)
        expect(canonicalJsonOf(canonical)).toBe(canonical)
      }),
    )
  })

  it('keeps a key named __proto__, and tells it from none', () => {
    expect(canonicalJsonOf('{"a":1,"__proto__":{"b":2}}')).toBe('{"__proto__":{"b":2},"a":1}')
  })

  it.each([
    ['a lone surrogate in a value', ['\ud800']],
    ['a lone surrogate in a key', { '\udc00': 1 }],
    ['NaN', [Number.NaN]],
    ['an infinite number', { a: Number.POSITIVE_INFINITY }],
    ['undefined', { a: undefined }],
    ['a function', { a: () => 1 }],
    ['a BigInt', [1n]],
    ['a date, which has a toJSON', [new Date(0)]],
    ['a map', new Map()],
    ['a sparse array', Array(1)],
  ])('refuses %s', (_what, value) => {
    expect(canonicalJson(value)).toBeUndefined()
  })

  it('refuses cycles and more than 256 levels, without running out of stack', () => {
    const cycle: unknown[] = []
    cycle.push(cycle)
    expect(canonicalJson(cycle)).toBeUndefined()
    expect(canonicalJsonOf('['.repeat(256) + ']'.repeat(256))).toHaveLength(512)
    expect(canonicalJsonOf('['.repeat(257) + ']'.repeat(257))).toBeUndefined()
  })

  it.each([
    '9007199254740993',
    '[1,-9007199254740993]',
    '295147905179352830000',
    '{"a":{"b":12345678901234567890}}',
    '1000000000000000000000000000000',
  ])('refuses %s: a reader with other integers would see another value behind the same digest', text => {
    expect(canonicalJsonOf(text)).toBeUndefined()
  })

  it.each([
    '9007199254740991',
    '-9007199254740992',
    '295147905179352825856',
    '"9007199254740993"',
    '{"9007199254740993":1}',
    '1E30',
    '0.1234567890123456789',
  ])('takes %s', text => {
    expect(canonicalJsonOf(text)).toBe(canonicalJson(JSON.parse(text)))
  })

  it('refuses a number beyond every double', () => {
    expect(canonicalJsonOf('[1e400]')).toBeUndefined()
  })
})

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, reversed(item)]),
  )
}
