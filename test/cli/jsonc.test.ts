import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { unifiedDiff } from '../../src/cli/diff.ts'
import { JsonFault, objectAt, parseJsonc, plainOf, rewriteObject, splice } from '../../src/cli/jsonc.ts'

const plain = (text: string): unknown => plainOf(parseJsonc(text))
const rewrite = (text: string, leaving: string[], added?: { key: string; value: unknown }): string => {
  const object = objectAt(parseJsonc(text), ['s'])!
  return splice(text, [{ start: object.start, end: object.end, text: rewriteObject(text, object, new Set(leaving), added) }])
}
const GATE = { key: 'gatehouse', value: { type: 'http', url: 'http://127.0.0.1:8400/mcp' } }

describe('JSON with comments', () => {
  it.each<[string, unknown]>([
    ['{"a": [1, -2.5e3, true, null, "x\\u0041\\n"]}', { a: [1, -2500, true, null, 'xA\n'] }],
    ['\ufeff// top\n{ /* in */ "a": 1, // behind\n "b": {}, }\n', { a: 1, b: {} }],
    ['["// no comment", "/* nor this */",]', ['// no comment', '/* nor this */']],
    ['{"__proto__": {"x": 1}}', Object.fromEntries([['__proto__', { x: 1 }]])],
  ])('is read: %s', (text, expected) => {
    expect(plain(text)).toEqual(expected)
  })

  it.each([
    '',
    '{',
    '{"a"}',
    '{"a" 1}',
    '{"a": 1 "b": 2}',
    '[1 2]',
    '{a: 1}',
    "{'a': 1}",
    '"a',
    '"\n"',
    '"\\x"',
    '01',
    '{} x',
    '/* x',
    '{"a": }',
    '[,]',
    'undefined',
  ])('is refused with its place: %j', text => {
    expect(() => parseJsonc(text)).toThrow(/^line \d+, column \d+: /)
  })

  it('never repeats what it could not read', () => {
    expect(() => parseJsonc('{"token": "hunter2\n"}')).toThrow(/^(?!.*hunter2)/)
  })

  it('attack: nesting without end is refused, not followed', () => {
    expect(() => parseJsonc('['.repeat(1_000_000))).toThrow('nested too deeply')
  })

  it('attack: a key that stands twice has no value', () => {
    expect(() => objectAt(parseJsonc('{"s": {}, "s": {"x": 1}}'), ['s'])).toThrow(JsonFault)
  })
})

describe('changing one object', () => {
  it('keeps comments, order, layout and everything around it', () => {
    const text = `{
  // inputs stay
  "inputs": [ {"id":"x"} ],
  "s": {
    // about one
    "one": { "command": "a" }, // behind one
    /* about two */
    "two": { "url": "http://x//y" }, // behind two
    "three": {} // last
    // the end
  },
  "tail" : 1
}
`
    expect(rewrite(text, ['one', 'three'], GATE)).toBe(`{
  // inputs stay
  "inputs": [ {"id":"x"} ],
  "s": {
    /* about two */
    "two": { "url": "http://x//y" }, // behind two
    "gatehouse": {
      "type": "http",
      "url": "http://127.0.0.1:8400/mcp"
    }
    // the end
  },
  "tail" : 1
}
`)
  })

  it.each<[string, string[], string]>([
    ['{"s":{}}', [], '{"s":{\n  "gatehouse": {\n    "type": "http",\n    "url": "http://127.0.0.1:8400/mcp"\n  }\n}}'],
    ['{"s":{"a":1,"b":2}}', ['a'], '{"s":{"b":2,\n"gatehouse": {\n  "type": "http",\n  "url": "http://127.0.0.1:8400/mcp"\n}\n}}'],
    [
      '{\n\t"s": {\n\t\t"a": 1,\n\t},\n}',
      ['a'],
      '{\n\t"s": {\n\t\t"gatehouse": {\n\t\t\t"type": "http",\n\t\t\t"url": "http://127.0.0.1:8400/mcp"\n\t\t}\n\t},\n}',
    ],
  ])('%j', (text, leaving, expected) => {
    expect(rewrite(text, leaving, GATE)).toBe(expected)
  })

  it('law: what leaves is gone, what stays is unchanged, what joins is there, in every layout', () => {
    const blank = fc.constantFrom('', ' ', '\n', '\n\t', '\n    ', ' // c\n', ' /* c */ ', '\n// c, { "\n  ', '\r\n  ')
    const value = fc.constantFrom(
      '1',
      '"x"',
      '"// x"',
      '"a, b"',
      '{}',
      '{"k": [1, 2], }',
      '[ ]',
      '"http://x/*y*/"',
      '{ // in\n "z": null }',
    )
    const members = fc.uniqueArray(
      fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd//', 'e"'), a: blank, b: blank, c: blank, d: blank, value }),
      { selector: m => m.key, maxLength: 5 },
    )
    fc.assert(
      fc.property(
        members,
        blank,
        fc.boolean(),
        fc.subarray(['a', 'b', 'c', 'd//', 'e"']),
        fc.boolean(),
        (list, tail, trailing, ...[leaving, add]) => {
          const body = list
            .map((m, i) => `${m.a}${JSON.stringify(m.key)}${m.b}:${m.c}${m.value}${m.d}${i < list.length - 1 || trailing ? ',' : ''}`)
            .join('')
          const text = `{"before": 1, "s": {${body}${tail}}, "after": 2}`
          const before = plain(text) as { s: Record<string, unknown> }
          const kept = Object.entries(before.s).filter(([key]) => !leaving.includes(key))
          const after = rewrite(text, leaving, add ? GATE : undefined)
          expect(plain(after)).toEqual({
            before: 1,
            s: { ...Object.fromEntries(kept), ...(add ? { gatehouse: GATE.value } : {}) },
            after: 2,
          })
        },
      ),
      { numRuns: 3000 },
    )
  })
})

describe('the diff', () => {
  it('shows hunks with three lines around', () => {
    const before = Array.from({ length: 20 }, (_, i) => `line ${i}`).join('\n')
    const after = before.replace('line 4', 'line four').replace('line 15\n', '')
    expect(unifiedDiff(before, after)).toBe(
      '@@ -2,7 +2,7 @@\n line 1\n line 2\n line 3\n-line 4\n+line four\n line 5\n line 6\n line 7\n' +
        '@@ -13,7 +13,6 @@\n line 12\n line 13\n line 14\n-line 15\n line 16\n line 17\n line 18\n',
    )
    expect(unifiedDiff(before, before)).toBe('')
  })

  it('law: applied to the old text it gives the new one', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 30 }).map(l => l.join('\n'))
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        expect(patch(before, unifiedDiff(before, after))).toBe(after)
      }),
      { numRuns: 3000 },
    )
  })

  const patch = (before: string, diff: string): string => {
    const source = before.split('\n')
    const result: string[] = []
    let at = 0
    for (const line of diff.split('\n').slice(0, -1)) {
      const [, start] = /^@@ -(\d+),/.exec(line) ?? []
      if (start !== undefined) while (at < Number(start) - 1) result.push(source[at++]!)
      else if (line.startsWith('+')) result.push(line.slice(1))
      else {
        expect(source[at]).toBe(line.slice(1))
        if (line.startsWith(' ')) result.push(line.slice(1))
        at++
      }
    }
    return [...result, ...source.slice(at)].join('\n')
  }
})
