// Spliced bytes are always valid JSON, and nothing but the edited parts differs.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isJsonFault, member, readJson, valueOf } from '../../src/mcp/json.ts'
import type { JsonDoc } from '../../src/mcp/json.ts'
import { objectEdits, removeMembers, setMember, splice, withoutLineBreaks } from '../../src/mcp/splice.ts'

const doc = (text: string): JsonDoc => {
  const d = readJson(Buffer.from(text))
  if (isJsonFault(d)) throw new Error(`${d.fault} in ${text}`)
  return d
}
const edit = (text: string, drop: string[], set: [string, string][] = []) => {
  const d = doc(text)
  return splice(
    d.bytes,
    objectEdits(d.root, k => drop.includes(k), set),
  ).toString()
}

test.each([
  ['{"a":1,"b":2,"c":3}', ['a'], '{"b":2,"c":3}'],
  ['{"a":1,"b":2,"c":3}', ['b'], '{"a":1,"c":3}'],
  ['{"a":1,"b":2,"c":3}', ['c'], '{"a":1,"b":2}'],
  ['{"a":1,"b":2,"c":3}', ['a', 'b'], '{"c":3}'],
  ['{"a":1,"b":2,"c":3}', ['b', 'c'], '{"a":1}'],
  ['{"a":1,"b":2,"c":3}', ['a', 'c'], '{"b":2}'],
  ['{"a":1,"b":2,"c":3}', ['a', 'b', 'c'], '{}'],
  ['{ "a" : 1 , "b" : 2 }', ['a'], '{ "b" : 2 }'],
  ['{"n\\u0061me":1,"x":[1, 2]}', ['name'], '{"x":[1, 2]}'],
  ['{}', ['a'], '{}'],
])('%s without %j', (text, drop, expected) => {
  expect(edit(text, drop)).toBe(expected)
})
test.each([
  ['{}', [], [['k', '1']], '{"k":1}'],
  ['{"a":1}', ['a'], [['k', '1']], '{"k":1}'],
  ['{"a":1}', ['a'], [['a', '{"x":2}']], '{"a":{"x":2}}'],
  [
    '{ "a": 1 }',
    [],
    [
      ['b', '2'],
      ['c', '3'],
    ],
    '{ "a": 1,"b":2,"c":3 }',
  ],
  ['{"a":1,"b":2}', ['b'], [['c', '3']], '{"a":1,"c":3}'],
  [
    '{"a":1,"b":2}',
    ['a'],
    [
      ['b', 'null'],
      ['é', '"ü"'],
    ],
    '{"b":null,"é":"ü"}',
  ],
] as const)('%s without %j with %j', (text, drop, set, expected) => {
  expect(
    edit(
      text,
      [...drop],
      set.map(([k, v]) => [k, v]),
    ),
  ).toBe(expected)
})

test('any drops and sets give readable JSON that equals the same change on plain data', () => {
  const keys = fc.constantFrom('a', 'b', 'c', 'd', 'ä', '__proto__', 'q"', '')
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(keys, fc.jsonValue()), { selector: ([k]) => k }),
      fc.uniqueArray(keys),
      fc.uniqueArray(fc.tuple(keys, fc.jsonValue(), fc.boolean()), { selector: ([k]) => k }),
      fc.constantFrom('', ' ', '\n\t'),
      (members, drop, set, space) => {
        const s = space
        const text = `${s}{${s}${members.map(([k, v]) => `${JSON.stringify(k)}${s}:${s}${JSON.stringify(v)}`).join(`${s},${s}`)}${s}}${s}`
        const d = doc(text)
        const out = splice(
          d.bytes,
          objectEdits(
            d.root,
            k => (drop as string[]).includes(k),
            set.map(([k, v, asBuffer]) => [k, asBuffer ? Buffer.from(JSON.stringify(v)) : JSON.stringify(v)]),
          ),
        )
        const result = readJson(out)
        if (isJsonFault(result)) throw new Error(`${result.fault}: ${out.toString()}`)
        const expected = new Map(members.map(([k, v]) => [k, JSON.stringify(v)]))
        for (const k of drop) expected.delete(k)
        for (const [k, v] of set) expected.set(k, JSON.stringify(v))
        expect(new Map(result.root.members?.map(m => [m.key, JSON.stringify(valueOf(result, m.value))]))).toEqual(
          new Map([...expected].map(([k, v]) => [k, JSON.stringify(JSON.parse(v))])),
        )
      },
    ),
    { numRuns: 1000 },
  )
})

describe('splice', () => {
  test('edits in any order, of one node only, with inserts next to deletions', () => {
    const d = doc('{"x":{"a":1,"b":2},"y":3}')
    const x = member(d.root, 'x')!
    const edits = [...objectEdits(x, k => k === 'b', [['c', '9']])].reverse()
    expect(splice(d.bytes, edits).toString()).toBe('{"x":{"a":1,"c":9},"y":3}')
    expect(splice(d.bytes, edits, x.start, x.end).toString()).toBe('{"a":1,"c":9}')
  })
  test('no edits: no copy', () => {
    const bytes = Buffer.from('{"a":1}')
    expect(splice(bytes, []).buffer).toBe(bytes.buffer)
    expect(removeMembers(bytes, new Set(['b'])).buffer).toBe(bytes.buffer)
  })
  test.each([
    [
      [
        { start: 0, end: 3, text: '' },
        { start: 2, end: 4, text: '' },
      ],
    ],
    [[{ start: 5, end: 99, text: '' }]],
    [[{ start: 3, end: 2, text: '' }]],
  ])('overlapping or outside edits are a fault: %j', edits => {
    expect(() => splice(Buffer.from('{"a":1}'), edits)).toThrow('overlap')
  })
})

test('objects that stand alone', () => {
  expect(setMember(Buffer.from('{"a":{"b":1}}'), 'cacheScope', '"private"').toString()).toBe('{"a":{"b":1},"cacheScope":"private"}')
  expect(setMember(Buffer.from('{"a":1}'), 'a', Buffer.from('[2]')).toString()).toBe('{"a":[2]}')
  expect(() => setMember(Buffer.from('{"a":1,"a":2}'), 'b', '1')).toThrow('duplicate-key')
  expect(() => setMember(Buffer.from('[]'), 'b', '1')).toThrow('object')
})

test('line breaks between tokens go, escaped ones inside strings stay', () => {
  const text = '{\r\n  "a": "x\\ny",\n\n "b": [1,\r2]\n}'
  const line = withoutLineBreaks(Buffer.from(text))
  expect(line.toString()).not.toMatch(/[\r\n]/)
  expect(JSON.parse(line.toString())).toEqual(JSON.parse(text))
})
