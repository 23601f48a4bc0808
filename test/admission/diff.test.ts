import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addedText, diff } from '../../src/admission/diff.ts'

describe('what differs, by JSON pointer', () => {
  it.each([
    ['a value', { a: { b: 1 } }, { a: { b: 2 } }, [{ pointer: '/a/b', before: 1, after: 2 }]],
    ['a new member', { a: 1 }, { a: 1, b: 2 }, [{ pointer: '/b', after: 2 }]],
    ['a member gone', { a: 1, b: 2 }, { a: 1 }, [{ pointer: '/b', before: 2 }]],
    ['another kind of value', { a: [] }, { a: {} }, [{ pointer: '/a', before: [], after: {} }]],
    ['null is a value', { a: null }, { a: false }, [{ pointer: '/a', before: null, after: false }]],
    ['keys are escaped (RFC 6901)', {}, { 'a/b~c': 1 }, [{ pointer: '/a~1b~0c', after: 1 }]],
    ['`__proto__` is a key', JSON.parse('{}'), JSON.parse('{"__proto__":1}'), [{ pointer: '/__proto__', after: 1 }]],
    ['one value more in a list', { r: ['a', 'b'] }, { r: ['x', 'a', 'b'] }, [{ pointer: '/r/0', after: 'x' }]],
    ['one value gone from a list', { r: ['a', 'a'] }, { r: ['a'] }, [{ pointer: '/r/1', before: 'a' }]],
    ['another order', { r: ['a', 'b'] }, { r: ['b', 'a'] }, [{ pointer: '/r', before: ['a', 'b'], after: ['b', 'a'] }]],
    [
      'a list of objects',
      { r: [{ a: 1 }, { a: 2 }] },
      { r: [{ a: 1 }, { a: 3 }, { a: 4 }] },
      [
        { pointer: '/r/1/a', before: 2, after: 3 },
        { pointer: '/r/2', after: { a: 4 } },
      ],
    ],
    ['a shorter list of objects', { r: [{ a: 1 }, { a: 2 }] }, { r: [{ a: 1 }] }, [{ pointer: '/r/1', before: { a: 2 } }]],
  ])('%s', (_, before, after, changes) => expect(diff(before, after)).toEqual({ changes, isCut: false }))

  it('finds nothing exactly where two values are equal', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const clean = (v: unknown): unknown => JSON.parse(JSON.stringify(v))
        expect(diff(clean(a), clean(a)).changes).toEqual([])
        expect(diff(clean(a), clean(b)).changes.length === 0).toBe(JSON.stringify(sorted(clean(a))) === JSON.stringify(sorted(clean(b))))
      }),
    )
  })

  it('says so when more differs than is kept', () => {
    const many = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`k${i}`, i]))
    const found = diff({}, many)
    expect([found.changes.length, found.isCut]).toEqual([2000, true])
  })
})

describe('text that only the new definition has', () => {
  it.each([
    ['words in the middle, whole', 'add two numbers', 'add all two numbers', ['all ']],
    ['half a word is judged whole', 'read file', 'read filename', ['filename']],
    ['everything where nothing is alike', 'a', 'b', ['b']],
  ])('%s', (_, before, after, texts) => expect(addedText({ pointer: '', before, after }).map(t => t.text)).toEqual(texts))
  it('keys and values of what was added', () => {
    expect(addedText({ pointer: '', after: { key: ['text', 1, { inner: 'more' }] } })).toEqual([
      { is: 'key', text: 'key' },
      { is: 'value', text: 'text' },
      { is: 'key', text: 'inner' },
      { is: 'value', text: 'more' },
    ])
  })
})

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sorted(v)]),
  )
}
