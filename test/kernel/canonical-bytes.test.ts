// The quick way to canonical JSON against the careful one: where it answers, both say the same, byte for byte; what is no JSON it never answers.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plainCanonical } from '../../src/kernel/canonical-bytes.ts'
import { canonicalJsonOf } from '../../src/kernel/canonical-json.ts'
import { isJsonFault, readJson } from '../../src/mcp/json.ts'

const NONE = new Uint8Array()
const plain = (text: string, prefix: Uint8Array = NONE): string | undefined => {
  const bytes = plainCanonical(Buffer.from(text), prefix)
  return bytes && Buffer.from(bytes).toString()
}

/** A JSON text as somebody may write it: any order of keys, any white space, any way to escape, any way to write a number. */
function written(value: unknown, choose: () => number): string {
  const space = (): string => ['', '', '', ' ', '\n', '\t\r'][choose() % 6]!
  if (typeof value === 'string') return text(value, choose)
  if (typeof value === 'number') return number(value, choose)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${space()}${value.map(item => written(item, choose)).join(`${space()},${space()}`)}${space()}]`
  const members = Object.entries(value).map(entry => ({ entry, at: choose() }))
  members.sort((a, b) => a.at - b.at)
  const all = members.map(({ entry: [key, of] }) => `${text(key, choose)}${space()}:${space()}${written(of, choose)}`)
  return `{${space()}${all.join(`${space()},${space()}`)}${space()}}`
}
function text(value: string, choose: () => number): string {
  if (choose() % 4 > 0) return JSON.stringify(value)
  const units = Array.from({ length: value.length }, (_, i) => `\\u${value.charCodeAt(i).toString(16).padStart(4, '0')}`)
  return choose() % 2 === 0 ? `"${units.join('')}"` : JSON.stringify(value).replaceAll('/', '\\/')
}
const number = (value: number, choose: () => number): string =>
  choose() % 3 > 0 ? JSON.stringify(value) : value.toExponential(Math.min(20, choose() % 21))

/** Judged text alone is digested. */
const isJudged = (bytes: Buffer): boolean => !isJsonFault(readJson(bytes, { maxDepth: 256 }))
const VALUES = fc.jsonValue({ noUnicodeString: false, maxDepth: 5 })
const CHOICES = fc.infiniteStream(fc.nat(1000))

describe('canonical bytes', () => {
  it('are those of the careful way, whatever is written and however', () => {
    let answered = 0
    fc.assert(
      fc.property(VALUES, CHOICES, (value, choices) => {
        const json = written(value, () => choices.next().value)
        if (!isJudged(Buffer.from(json))) return
        const quick = plain(json)
        if (quick === undefined) return
        answered += 1
        expect(quick).toBe(canonicalJsonOf(json))
      }),
      { numRuns: 3000 },
    )
    expect(answered).toBeGreaterThan(500)
  })

  it('are those of the careful way for objects of many members with keys that begin alike', () => {
    const keys = fc.uniqueArray(fc.stringMatching(/^[ !"#a-c\u007f\u00e9\u20ac]{0,6}$/), { maxLength: 60 })
    let answered = 0
    fc.assert(
      fc.property(keys, names => {
        const json = JSON.stringify(Object.fromEntries(names.map((name, i) => [name, { i, z: 'x'.repeat((i * 7) % 90), a: [] }])))
        const quick = plain(json)
        if (quick === undefined) return
        answered += 1
        expect(quick).toBe(canonicalJsonOf(json))
      }),
      { numRuns: 1000 },
    )
    expect(answered).toBeGreaterThan(100)
  })

  it('attack: what is no JSON, or becomes none by one byte, is never answered', () => {
    fc.assert(
      fc.property(VALUES, fc.nat(), fc.nat(255), fc.nat(2), (value, at, byte, how) => {
        const bytes = Buffer.from(JSON.stringify(value))
        const place = at % bytes.length
        const changed = [
          Buffer.concat([bytes.subarray(0, place), Buffer.of(byte), bytes.subarray(place + 1)]),
          Buffer.concat([bytes.subarray(0, place), Buffer.of(byte), bytes.subarray(place)]),
          Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + 1)]),
        ][how]!
        const read = readJson(changed, { maxDepth: 256 })
        const quick = plainCanonical(changed, NONE)
        // Invalid UTF-8 is refused where texts are judged; here bytes are copied.
        if (isJsonFault(read)) expect(read.fault === 'encoding' || quick === undefined).toBe(true)
        else if (quick) expect(Buffer.from(quick).toString()).toBe(canonicalJsonOf(changed.toString()))
      }),
      { numRuns: 5000 },
    )
  })

  it.each([
    '',
    ' ',
    '{',
    '[1,]',
    '[,1]',
    '{"a":1,}',
    '{"a"}',
    '{a:1}',
    '01',
    '-0',
    '-01',
    '-',
    '1.',
    '.5',
    '1.e5',
    '1e',
    '1-2',
    '1 2',
    'tru',
    'truee',
    '"a',
    '"\\x"',
    '"\\',
    '"\n"',
    '\u0000',
    '[1]\u0000',
    '"\\u0041"',
    '{"\\n":1}',
    '{"\ue000":1}',
    '{"\u{1f600}":1}',
    '{"a":1,"a":2}',
    '{"b":0,"a":1,"a":2}',
    '1234567890123456',
    '1e400',
    '1e5',
  ])('leaves %j to the careful way', text => expect(plain(text)).toBe(undefined))

  it.each([
    ['null', 'null'],
    [' [ true , false ] ', '[true,false]'],
    ['{}', '{}'],
    ['[]', '[]'],
    ['{"b":{"d":1,"c":2},"a":"x"}', '{"a":"x","b":{"c":2,"d":1}}'],
    ['"\\/\\n\\"\\\\"', '"/\\n\\"\\\\"'],
    ['[0.50,-0.0,100e-2,-12]', '[0.5,0,1,-12]'],
    ['{"ab!":1,"ab":2,"":3}', '{"":3,"ab":2,"ab!":1}'],
    ['"\u20ac\u{1f600}"', '"\u20ac\u{1f600}"'],
  ])('%s', (text, canonical) => {
    expect(plain(text)).toBe(canonical)
    expect(canonicalJsonOf(text)).toBe(canonical)
  })

  it('stand behind their prefix, and are those of the last text alone', () => {
    expect(plain(`{"a":"${'x'.repeat(200_000)}"}`, Buffer.from('p\0'))).toHaveLength(2 + 200_008)
    expect(plain('[1]', Buffer.from('prefix '))).toBe('prefix [1]')
  })

  it('attack: depth, members and size are bounded, and an object of thousands of members in the worst order is no work without end', () => {
    expect(plain('['.repeat(256) + ']'.repeat(256))).toHaveLength(512)
    expect(plain('['.repeat(257) + ']'.repeat(257))).toBe(undefined)
    expect(plain(`"${'x'.repeat(1024 * 1024)}"`)).toBe(undefined)
    const many = Array.from({ length: 40_000 }, (_, i) => [`k${String(40_000 - i).padStart(6, '0')}`, i] as const)
    const json = JSON.stringify(Object.fromEntries(many))
    expect(plain(json)).toBe(canonicalJsonOf(json))
  })
})
