// The strict reader: what it accepts equals JSON.parse, what it refuses can never be read two ways.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isJsonFault, member, rawOf, readJson, textOf, valueOf } from '../../src/mcp/json.ts'
import type { JsonDoc, JsonLimits, JsonNode } from '../../src/mcp/json.ts'
import { cpuTimer } from '../support/cpu.ts'

const read = (text: string | Buffer, limits?: JsonLimits) => readJson(typeof text === 'string' ? Buffer.from(text) : text, limits)
const fault = (text: string | Buffer, limits?: JsonLimits) => {
  const doc = read(text, limits)
  return isJsonFault(doc) ? doc.fault : 'accepted'
}
const doc = (text: string | Buffer, limits?: JsonLimits): JsonDoc => {
  const d = read(text, limits)
  if (isJsonFault(d)) throw new Error(`fault ${d.fault} at ${d.at}`)
  return d
}
/** rebuilds plain data from the index alone */
const rebuild = (d: JsonDoc, n: JsonNode): unknown => {
  if (n.members) {
    const out: Record<string, unknown> = {}
    for (const m of n.members)
      Object.defineProperty(out, m.key, { value: rebuild(d, m.value), enumerable: true, writable: true, configurable: true })
    return out
  }
  if (n.items) return n.items.map(i => rebuild(d, i))
  return n.kind === 'string' ? textOf(d, n) : valueOf(d, n)
}

describe('agreement with JSON.parse', () => {
  test('every printed value is read back equal, whatever the white space', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noTrailingDecimals: false } as never), fc.constantFrom(undefined, 1, '\t', '\r\n '), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        const d = doc(text, { maxDepth: 256, indexDepth: 256 })
        expect(rebuild(d, d.root)).toEqual(JSON.parse(text))
        expect(rawOf(d, d.root).toString()).toBe(text)
      }),
      { numRuns: 500 },
    )
  })
  test('mutated texts: refused whenever JSON.parse refuses', () => {
    const alphabet = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      'u',
      '0',
      '1',
      '-',
      '.',
      'e',
      'E',
      '+',
      't',
      'true',
      'null',
      'a',
      ' ',
      '\n',
      '\u0000',
      '\\ud800',
      '"a":',
    ]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...alphabet), { maxLength: 14 }), parts => {
        const text = parts.join('')
        let parsed: { value: unknown } | undefined
        try {
          parsed = { value: JSON.parse(text) }
        } catch {
          // refused by JSON.parse: must be refused here
        }
        const d = read(text)
        if (!isJsonFault(d)) {
          expect(parsed).toBeDefined()
          expect(rebuild(d, d.root)).toEqual(parsed?.value)
        } else if (parsed !== undefined) expect(['duplicate-key', 'surrogate', 'depth']).toContain(d.fault)
      }),
      { numRuns: 20_000 },
    )
  })
  test('long strings, at every alignment and with every special byte at every place', () => {
    for (let shift = 0; shift < 8; shift++) {
      for (let at = 0; at < 80; at++) {
        const chars = Array.from({ length: 80 }, () => 'x')
        for (const [special, expected] of [
          ['\u0000', 'syntax'],
          ['\u001f', 'syntax'],
          ['"', 'trailing'],
          ['\u00ff', 'accepted'],
          ['\u007f', 'accepted'],
          [' ', 'accepted'],
          ['!', 'accepted'],
          ['\\', 'syntax'],
        ] as const) {
          chars[at] = special
          const text = `${' '.repeat(shift)}"${chars.join('')}"`
          const padded = Buffer.concat([Buffer.alloc(shift), Buffer.from(text)]).subarray(shift)
          expect(fault(padded), text).toBe(expected)
        }
      }
    }
  })
})

describe('N080 duplicate keys', () => {
  test.each([
    ['top level', '{"a":1,"a":2}'],
    ['deep', '{"a":[[[[{"b":{"c":1,"d":2,"c":1}}]]]]}'],
    ['N082 escaped', '{"name":1,"n\\u0061me":2}'],
    ['N082 escaped first', '{"n\\u0061me":2,"name":1}'],
    ['both escaped', '{"\\u006e":1,"\\u006E":2}'],
    ['empty', '{"":1,"":2}'],
    ['non-ASCII', '{"\\u00e9":1,"é":2}'],
    ['astral', '{"\\ud83d\\ude00":1,"😀":2}'],
    ['solidus', '{"\\/":1,"/":2}'],
  ])('%s', (_, text) => {
    expect(fault(text)).toBe('duplicate-key')
  })
  test('among many keys: 100,000 distinct ones pass in linear time, one repeated is found', () => {
    const keys = Array.from({ length: 100_000 }, (_, i) => `"k${i}":0`)
    const spent = cpuTimer()
    expect(fault(`{"x":{${keys.join(',')}}}`)).toBe('accepted')
    expect(fault(`{"x":{"y":[{"z":{${keys.join(',')}}}]}}`)).toBe('accepted')
    expect(fault(`{${keys.join(',')},"k3":1}`)).toBe('duplicate-key')
    expect(fault(`{${keys.join(',')},"k7777\\u0037":1}`)).toBe('duplicate-key')
    expect(spent()).toBeLessThan(2000)
  })
  test('same hash, different key: both stay', () => {
    // 31 * 'A' + 'a' === 31 * 'B' + 'B'
    const d = doc('{"Aa":1,"BB":2,"AaAa":3,"BBBB":4}')
    expect(valueOf(d, member(d.root, 'BB')!)).toBe(2)
    expect(fault('{"Aa":1,"BB":2,"Aa":3}')).toBe('duplicate-key')
  })
  test('one object after another may use the same keys; a refused document leaves nothing behind', () => {
    expect(fault('[{"a":1},{"a":1},{"a":{"a":1}}]')).toBe('accepted')
    const many = Array.from({ length: 40 }, (_, i) => `"k${i}":0`).join(',')
    expect(fault(`{${many},"e\\u0061":{"e\\u0061":[`)).toBe('syntax')
    expect(fault(`{${many}}`)).toBe('accepted')
    expect(fault('{"ea":1,"k0":1}')).toBe('accepted')
  })
})

test('N083 prototype keys are plain keys', () => {
  const d = doc('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":2}')
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  expect(valueOf(d, member(d.root, 'toString')!)).toBe(2)
  expect(member(d.root, 'hasOwnProperty')).toBeUndefined()
  expect(Object.keys(valueOf(d, d.root) as object)).toContain('__proto__')
})

test.each([
  ['arrays', '[', ''],
  ['objects', '{"a":', ''],
  ['mixed', '[{"a":', ''],
  ['closed arrays', '[', ']'],
])('N084 nesting of 100,000 %s is refused at the cap without a stack overflow', (_, open, close) => {
  expect(fault(open.repeat(100_000) + '1' + close.repeat(100_000))).toBe('depth')
})
test('the cap itself is still accepted, also as the ceiling of a large request', () => {
  expect(fault('['.repeat(64) + ']'.repeat(64))).toBe('accepted')
  expect(fault('['.repeat(65) + ']'.repeat(65))).toBe('depth')
  expect(fault('['.repeat(257) + ']'.repeat(257), { maxDepth: 10_000, indexDepth: 10_000 })).toBe('depth')
})

test.each(['0x10', '01', '-01', '+1', '.5', '1.', '1e', '1e+', '-', 'NaN', 'Infinity', '-Infinity', '1_000', '0b1', '١'])(
  'N085 number %s',
  text => {
    expect(fault(text)).toBe(text.startsWith('0x') || text === '1_000' || text === '0b1' ? 'trailing' : 'syntax')
  },
)
test('N085 numbers keep their bytes', () => {
  const d = doc('[1e400,-0,9007199254740993,1.0,0.1e-7]')
  expect(d.root.items?.map(n => rawOf(d, n).toString())).toEqual(['1e400', '-0', '9007199254740993', '1.0', '0.1e-7'])
  expect(fault('1'.repeat(10_000_000))).toBe('accepted')
})

test.each([
  ['lone high surrogate', '"\\ud800"', 'surrogate'],
  ['lone low surrogate', '"\\udc00"', 'surrogate'],
  ['high high', '"\\ud800\\ud800"', 'surrogate'],
  ['high then text', '"\\ud800abcdef"', 'surrogate'],
  ['high then bad hex', '"\\ud800\\uzzzz"', 'syntax'],
  ['in a key', '{"\\udfff":1}', 'surrogate'],
  ['raw surrogate (CESU)', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'encoding'],
  ['overlong', Buffer.from([0x22, 0xc0, 0xaf, 0x22]), 'encoding'],
  ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'encoding'],
  ['cut UTF-8', Buffer.from([0x22, 0xe2, 0x82, 0x22]), 'encoding'],
  ['BOM', '\ufeff{}', 'encoding'],
  ['NUL in a string', '"a\u0000b"', 'syntax'],
  ['NUL after', '{}\u0000', 'trailing'],
  ['UTF-16', Buffer.from('{}', 'utf16le'), 'syntax'],
] as const)('N086 %s', (_, text, expected) => {
  expect(fault(text as string)).toBe(expected)
})

test.each(['{} {}', '{}x', '1 2', '{},', '[]]', '{}//c'])('N088 trailing data: %s', text => {
  expect(fault(text)).toBe('trailing')
})
test.each([
  "{'a':1}",
  '{a:1}',
  '[1,]',
  '{"a":1,}',
  '/*c*/{}',
  '{"a":1//c\n}',
  '[1 2]',
  '{"a" 1}',
  '{"a"}',
  '{"a":}',
  '[,]',
  '{,}',
  '"\\x"',
  '"\\u12g4"',
  '"a\nb"',
  '"',
  '"abc',
  '{',
  '[',
  '{"a',
  '{"a"',
  '{"a":',
  'tru',
  'nul',
  'falsE',
  '[}',
  '{]',
  '\u00a0{}',
  '\u000b1',
])('N088 not JSON: %j', text => {
  expect(fault(text)).toBe('syntax')
})
test.each(['', ' \r\n\t'])('empty %j', text => {
  expect(fault(text)).toBe('empty')
})

describe('the index', () => {
  test('reaches indexDepth and no deeper', () => {
    const d = doc('{"a":{"b":{"c":{"d":1}}}}')
    const c = member(member(member(d.root, 'a'), 'b'), 'c')
    expect(c?.kind).toBe('object')
    expect(c?.members).toBeUndefined()
    expect(rawOf(d, c!).toString()).toBe('{"d":1}')
    expect(doc('{"a":1}', { indexDepth: 0 }).root.members).toBeUndefined()
  })
  test('escaped keys are decoded, spans cover the quotes', () => {
    const d = doc('{"n\\u0061me" : "x\\ty"}')
    const m = d.root.members![0]!
    expect(m.key).toBe('name')
    expect(d.bytes.toString('utf8', m.keyStart, m.keyEnd)).toBe('"n\\u0061me"')
    expect(textOf(d, m.value)).toBe('x\ty')
  })
  test('costs no more than a bounded number of nodes', () => {
    expect(doc(`[${'1,'.repeat(65_535)}1]`).root.items).toHaveLength(65_536)
    expect(doc(`[${'1,'.repeat(65_536)}1]`).root.items).toBeUndefined()
    const keys = Array.from({ length: 300_001 }, (_, i) => `"${i}":0`)
    expect(fault(`{${keys.join(',')}}`)).toBe('nodes')
  })
})
