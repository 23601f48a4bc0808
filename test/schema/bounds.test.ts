// What one judgement may cost, whatever schema and value were made for it. Bounds are of processor time.

import { describe, expect, it } from 'vitest'
import { isFit } from '../../src/schema/schema.ts'
import { Schemas } from '../../src/schema/schemas.ts'
import { cpuTimer } from '../support/cpu.ts'
import { judge, told, unusable } from './support.ts'

const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
const MANY = JSON.stringify(Object.fromEntries(Array.from({ length: 40_000 }, (_, i) => [`k${i}`, i])))

describe('N093, N094: what was made to cost', () => {
  it('a schema that refers to itself at the same place ends', () => {
    expect(told({ $ref: '#' }, '{}')).toEqual(['?its schema refers to itself without end'])
    expect(told({ $defs: { a: { anyOf: [{ $ref: '#/$defs/b' }] }, b: { not: { $ref: '#/$defs/a' } } }, $ref: '#/$defs/a' }, '1')).toEqual([
      '?its schema refers to itself without end',
    ])
  })
  it('a value as deep as messages may be is judged down to its end, and leaves stack', () => {
    const tree = { properties: { a: { anyOf: [{ allOf: [{ $ref: '#' }] }] } } }
    expect(isFit(judge(tree, nested(62)))).toBe(true)
  })
  it.each([
    [
      'references that double',
      {
        $defs: Object.fromEntries(
          Array.from({ length: 30 }, (_, i) => [
            `d${i}`,
            i === 29 ? { type: 'string' } : { allOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] },
          ]),
        ),
        $ref: '#/$defs/d0',
      },
      '1',
    ],
    [
      'branches of branches over nested values',
      {
        anyOf: [
          { properties: { a: { $ref: '#' } }, required: ['x'] },
          { properties: { a: { $ref: '#' } }, required: ['y'] },
        ],
      },
      nested(40),
    ],
    [
      'a hundred thousand members',
      { propertyNames: { pattern: '^(k+)+$' }, patternProperties: { '(k+k+)+z': true } },
      JSON.stringify(Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, i]))),
    ],
    ['unique items', { uniqueItems: true }, JSON.stringify(Array.from({ length: 60_000 }, (_, i) => [i]))],
    ['a pattern that nests', { pattern: '^(a+)+$' }, JSON.stringify(`${'a'.repeat(100_000)}!`)],
    [
      'a long text against many patterns',
      { allOf: Array.from({ length: 250 }, (_, i) => ({ pattern: `x{${i}}$` })) },
      JSON.stringify('x'.repeat(100_000)),
    ],
    [
      'many schemas that each look for one of many members, at the top',
      { allOf: Array.from({ length: 3_000 }, () => ({ required: ['k1'] })) },
      MANY,
    ],
    [
      'many schemas that each look into one value deep down',
      {
        properties: {
          a: { properties: { b: { properties: { c: { allOf: Array.from({ length: 3_000 }, () => ({ minProperties: 1 })) } } } } },
        },
      },
      `{"a":{"b":{"c":${MANY}}}}`,
    ],
    [
      'many patterns of one letter over one long text',
      { allOf: Array.from({ length: 4_000 }, () => ({ pattern: '^a' })) },
      JSON.stringify('a'.repeat(1_000_000)),
    ],
    [
      'numbers far apart',
      { items: { allOf: Array.from({ length: 400 }, () => ({ multipleOf: 1e-300 })) } },
      JSON.stringify(Array.from({ length: 1_000 }, () => 1e300)),
    ],
    ['many enums over many members', { allOf: Array.from({ length: 4_000 }, (_, i) => ({ enum: [i] })) }, MANY],
    [
      'many items of an enum',
      { items: { enum: Array.from({ length: 4_000 }, (_, i) => `value ${i}`) } },
      JSON.stringify(Array.from({ length: 60_000 }, () => 'value 0')),
    ],
  ])('%s: judged or refused within half a second', (_, schema, json) => {
    judge(schema, '1')
    const spent = cpuTimer()
    judge(schema, json)
    expect(spent()).toBeLessThan(500)
  })
  it('patterns that count far are of a bounded size together, however many there are', () => {
    const few = { allOf: Array.from({ length: 7 }, (_, i) => ({ pattern: `^a{4980}${i}` })) }
    expect(unusable(few)).toBeUndefined()
    const why = 'its patterns are too large together'
    expect(unusable({ allOf: Array.from({ length: 4_000 }, (_, i) => ({ pattern: `^a{4980}${i}` })) })).toBe(why)
    expect(unusable({ patternProperties: Object.fromEntries(Array.from({ length: 4_000 }, (_, i) => [`a{4980}${i}`, true])) })).toBe(why)
    // The same again is the same.
    expect(unusable({ allOf: Array.from({ length: 4_000 }, () => ({ pattern: '^a{4980}$' })) })).toBeUndefined()
  })
  it('a class of many Unicode properties is refused: each takes time at every character', () => {
    expect(unusable({ pattern: String.raw`^[\p{L}\p{N}_\P{Sc}]+$` })).toBeUndefined()
    expect(unusable({ pattern: `[${String.raw`\p{Lu}\p{Ll}\p{Lt}\p{Lm}`.repeat(20)}]` })).toContain('too large')
  })
  it('a list longer than can be indexed is refused, not passed, where anything is said of its items', () => {
    const long = `[${'1,'.repeat(199_999)}1]`
    expect(told({ items: { type: 'string' } }, long)).toEqual(['?a list has more items than can be checked'])
    expect(told({ type: 'array' }, long)).toEqual([])
  })
})

describe('compiled schemas', () => {
  it('are made once for a digest, and the least used go first', () => {
    const schemas = new Schemas()
    const asked: string[] = []
    const of = (digest: string): unknown =>
      schemas.of(digest, () => {
        asked.push(digest)
        return Buffer.from(JSON.stringify({ description: 'x'.repeat(400_000) }))
      })
    for (const digest of ['a', 'b', 'a']) of(digest)
    expect(asked).toEqual(['a', 'b'])
    for (let i = 0; i < 19; i++) of(`other ${i}`)
    of('a')
    of('b')
    expect(asked.slice(-1)).toEqual(['b'])
    expect(asked.filter(digest => digest === 'a')).toHaveLength(1)
  })
})
