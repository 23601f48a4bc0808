import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseYaml } from '../../src/config/parse.ts'
import type { YamlNode } from '../../src/config/parse.ts'
import { cpuTimer } from '../support/cpu.ts'

const read = (text: string) => parseYaml(Buffer.from(text))
const problems = (text: string): string[] => read(text).faults.map(f => `${f.line}:${f.column} ${f.message}`)

const plain = (node: YamlNode | undefined): unknown => {
  if (!node || node.kind === 'refused') return undefined
  if (node.kind === 'scalar') return node.value
  if (node.kind === 'list') return node.items.map(plain)
  return Object.fromEntries(node.entries.map(e => [e.key, plain(e.value)]))
}

describe('plain data', () => {
  it.each<[string, unknown]>([
    ['a: 1\nb: [x, "y", true, null, 0x10]\nc: { d: }\n', { a: 1, b: ['x', 'y', true, null, 16], c: { d: null } }],
    ['---\na: |\n  &x *y !z\n  %t\n...\n', { a: '&x *y !z\n%t\n' }],
    ['\ufeffa: yes\r\nb: on\r\n', { a: 'yes', b: 'on' }],
    ['a: b &c *d !e\nf: "&g"\nh: \'*\'\n', { a: 'b &c *d !e', f: '&g', h: '*' }],
    ['', null],
  ])('is read: %j', (text, expected) => {
    expect(problems(text)).toEqual([])
    expect(plain(read(text).root)).toEqual(expected)
  })

  it('keeps a key called __proto__ a key', () => {
    const { root } = read('__proto__: { polluted: true }\n')
    expect(root).toMatchObject({ kind: 'map', entries: [{ key: '__proto__' }] })
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('what YAML offers beyond plain data is refused, all of it at once', () => {
  it.each<[string, string, string[]]>([
    ['anchors and aliases', 'a: &x 1\nb: *x\n', ['1:4 anchors (`&`) are not accepted', '2:4 aliases (`*`) are not accepted']],
    ['an unquoted star', 'subjects: [*]\n', ['1:12 aliases (`*`) are not accepted']],
    ['merge keys', 'a: { <<: { b: 1 } }\n', ['1:6 merge keys (`<<`) are not accepted']],
    [
      'tags',
      'a: !!js/function x\nb: !!binary aGk=\nc: !local x\n',
      ['1:4 tags (`!`) are not accepted', '2:4 tags (`!`) are not accepted', '3:4 tags (`!`) are not accepted'],
    ],
    ['duplicate keys', 'a: 1\nb: 1\na: 2\n', ['3:1 `a` stands here twice']],
    ['duplicate keys, one quoted', 'a: 1\n"\\x61": 2\n', ['2:1 `a` stands here twice']],
    ['a second document', 'a: 1\n---\na: 2\n', ['2:1 expected one YAML document, got several']],
    ['anything after the end', 'a: 1\n...\nb: 2\n', ['3:1 expected one YAML document, got several']],
    ['directives', '%YAML 1.1\n---\na: yes\n', ['1:1 directives (`%`) are not accepted']],
    ['keys that are no names', '? [a]\n: b\n', ['1:3 expected a plain name as the key']],
    ['tabs', 'a:\n\tb: 1\n', ['2:1 tabs are not allowed as indentation']],
    ['an open quote', 'a: "b\n', ['2:1 something is missing here: a closing quote or bracket, a comma, a colon or a space']],
    ['control characters', 'a: \u0002b\n', ['0:0 holds a control character at offset 3']],
  ])('%s', (_, text, expected) => {
    expect(problems(text)).toEqual(expected)
  })

  it('never repeats what stands in a file that cannot be read', () => {
    for (const text of [
      'a: hunter2\n hunter2: [\n',
      'a: "hunter2\\q"',
      'hunter2',
      '- a\nhunter2',
      'a: {hunter2',
      'a: hunter2: x',
      '@hunter2',
      "a: 'hunter2",
      'a: | hunter2',
    ]) {
      const { faults } = read(text)
      expect(JSON.stringify(faults)).not.toContain('hunter2')
    }
  })
})

describe('attack: files made to exhaust the reader are refused quickly', () => {
  const MiB = 1024 * 1024
  const fill = (unit: string): string => unit.repeat(Math.floor((MiB - 100) / unit.length))
  it.each<[string, string]>([
    [
      'an alias bomb',
      `a: &a [x]\n${Array.from(
        { length: 30 },
        (_, i) =>
          `b${i}: &b${i} [${Array(9)
            .fill(i ? `*b${i - 1}` : '*a')
            .join(', ')}]`,
      ).join('\n')}\n`,
    ],
    ['open brackets', fill('[')],
    ['open braces', fill('{a: ')],
    ['nested dashes', fill('- ')],
    ['nested questions', fill('? ')],
    ['ever deeper indentation', Array.from({ length: 1400 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
    ['anchors without end', fill('&a ')],
    ['closing brackets', fill(']')],
    ['empty maps', `[${fill('{},')}]`],
    ['lines without end', fill('- x\n')],
    ['one byte too many', 'a'.repeat(MiB + 1)],
  ])('%s', (_, text) => {
    const spent = cpuTimer()
    expect(problems(text).length).toBeGreaterThan(0)
    // Generous for a loaded machine: unbounded, each of these takes many seconds or the stack.
    expect(spent()).toBeLessThan(5000)
  })

  it('many keys cost no more than their number', () => {
    const keys = Array.from({ length: 40_000 }, (_, i) => `k${i}: 1`).join('\n')
    const spent = cpuTimer()
    expect(problems(keys)).toEqual([])
    expect(spent()).toBeLessThan(5000)
  })
})

it('law: no text makes it throw, and every fault has a position in the text', () => {
  const piece = fc.constantFrom(
    'a',
    ': ',
    '- ',
    '\n',
    '  ',
    '[',
    ']',
    '{',
    '}',
    ',',
    '&x',
    '*x',
    '!t',
    '|',
    '>',
    "'",
    '"',
    '#',
    '? ',
    '---',
    '...',
    '%',
    '<<',
    '\t',
    '\\',
    '@',
    '\ufeff',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), pieces => {
      const text = pieces.join('')
      const { root, faults } = read(text)
      const lines = text.split('\n').length
      if (!root) expect(faults.length).toBeGreaterThan(0)
      for (const f of faults) expect(f.line).toBeLessThanOrEqual(lines)
    }),
    { numRuns: 3000 },
  )
})
