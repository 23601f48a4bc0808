import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson } from '../../src/kernel/canonical-json.ts'
import { canonicalString, canonicalText } from '../../src/kernel/canonical-text.ts'

const units = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map(unit => String.fromCharCode(unit)), maxLength: 40 })

describe('canonicalString', () => {
  it('law: is the canonical text of what it keeps', () => {
    fc.assert(
      fc.property(units, fc.integer({ min: 2, max: 50 }), (text, maxLength) => {
        const written = canonicalString(text, maxLength)
        const kept = JSON.parse(written) as string
        expect(canonicalJson(kept)).toBe(written)
        expect(kept.length).toBeLessThanOrEqual(maxLength)
        if (text.length <= maxLength) expect(kept).toBe(text.toWellFormed())
        else expect([kept.at(-1), text.toWellFormed().startsWith(kept.slice(0, -1))]).toEqual(['…', true])
      }),
    )
  })

  it('attack: a cut through the middle of a character leaves none of it', () => {
    expect(canonicalString('ab😀cd', 4)).toBe('"ab…"')
    expect(canonicalString('ab😀cd', 5)).toBe('"ab😀…"')
  })

  it('escapes what RFC 8785 escapes, as it does, and nothing else', () => {
    expect(canonicalString('\b\t\n\f\r"\\/\u0000\u001f\u007f\u0085\u2028\u202e€', 99)).toBe(
      '"\\b\\t\\n\\f\\r\\"\\\\/\\u0000\\u001f\u007f\u0085\u2028\u202e€"',
    )
  })
})

describe('canonicalText', () => {
  const hostile = fc.letrec<{ value: unknown }>(tie => ({
    value: fc.oneof(
      { depthSize: 'small' },
      units,
      fc.double(),
      fc.constantFrom<unknown>(null, true, undefined, -0),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.oneof(units, fc.constantFrom('__proto__', 'toJSON', '\ud800', '\udfff')), tie('value'), { maxKeys: 4 }),
    ),
  })).value

  it('law: whatever the data holds, the text is canonical', () => {
    fc.assert(
      fc.property(hostile, value => {
        const text = canonicalText(value)
        expect(canonicalJson(JSON.parse(text))).toBe(text)
      }),
      { numRuns: 500 },
    )
  })

  it('law: what JSON can say comes back as it was', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        expect(JSON.parse(canonicalText(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('leaves out what is undefined, and says null for what JSON cannot say', () => {
    expect(canonicalText({ b: undefined, a: [undefined, Number.NaN], f: () => 1, d: { c: '\ud800' } })).toBe(
      '{"a":[null,null],"d":{"c":"\ufffd"},"f":null}',
    )
    expect(canonicalText(undefined)).toBe('null')
  })

  it('attack: two keys that are the same once mended are one member', () => {
    expect(canonicalText({ '\ud800': 1, '\udfff': 2 })).toBe('{"\ufffd":2}')
  })

  it('attack: nesting without end is cut', () => {
    let deep: unknown = 1
    for (let i = 0; i < 100_000; i += 1) deep = [deep]
    expect(JSON.stringify(JSON.parse(canonicalText(deep)) as unknown)).toBe(`${'['.repeat(100)}null${']'.repeat(100)}`)
  })
})
