// Time grows with the bytes and with nothing else, whatever an attacker repeats.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DocumentKind } from '../../src/inspection/finding.ts'
import { inspect } from '../../src/inspection/inspect.ts'
import { leastCpu } from '../support/cpu.ts'

/** What begins something that a detector looks ahead or back for. */
const BEGINNINGS: readonly string[] = [
  '<',
  '<        ',
  '</        a',
  '<|aaaaaaaaaaaaaaaa',
  '<!-',
  '![',
  '![](https://a?',
  '[',
  '###',
  '### instructio',
  ' ',
  '\n',
  '. ',
  "don't ",
  'ignore ',
  'ignore all previous ',
  'send read ~/.ssh ',
  'before using ',
  'http://',
  'https://a:b',
  'https://a.b send ',
  '@',
  'a@b',
  'a@aaaaaaaaaaaaaaaaaaaaaaaa',
  ':',
  '%4',
  '%41',
  String.raw`\x4`,
  String.raw`\u001`,
  '-----BEGIN ',
  '-----BEGIN PRIVATE KEY----',
  '4111 ',
  '4111-1111-1111-1112 ',
  '00',
  'DE00 ',
  'DE89 3704 0044 0532 0130 0',
  'DE89370400440532013',
  'ghp_',
  'sk-ant-/',
  'eyJaaaaaaaaaaaa.',
  'QUJD',
  'ab ',
  'aa/',
  '\u0430',
  'a\u0430',
  '\u200d',
  '\u{1F3F4}\u{E0067}',
  '\u{E0067}',
  '\u{1D400}',
  '\ufe0f',
  'a\u0301',
  '\u0001',
  '\u001b[',
]
const SMALL = 60_000
const LARGE = 8 * SMALL

const spent = (json: Buffer, kind: DocumentKind, bound?: number): number => leastCpu(() => inspect(json, kind), bound)
function expectBelow(bound: number, json: Buffer, kind: DocumentKind): void {
  expect(spent(json, kind, bound)).toBeLessThan(bound)
}
const repeated = (text: string, length: number): Buffer =>
  Buffer.from(JSON.stringify({ tools: [{ description: text.repeat(Math.ceil(length / text.length)) }] }))

describe('attack: text that is made to be slow', () => {
  it.each(BEGINNINGS)('%j, again and again', text => {
    for (const kind of ['definition', 'content'] as const) {
      const small = spent(repeated(text, SMALL), kind)
      // Eight times the bytes: 64 times the time if anything looked over all of them for each.
      expectBelow(Math.max(small, 2) * 8 * 2.5, repeated(text, LARGE), kind)
    }
  })
  it('any mixture of these costs less than a microsecond for three bytes', () => {
    inspect(repeated('warm up ', LARGE), 'content')
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...BEGINNINGS), { minLength: 1, maxLength: 6 }), parts => {
        const json = repeated(parts.join(''), SMALL)
        expectBelow((json.length / 3) * 1e-3 + 10, json, 'content')
      }),
      { numRuns: 60 },
    )
  })
  it('many keys, many texts, deep nesting', () => {
    const keys = (n: number): Buffer =>
      Buffer.from(JSON.stringify(Object.fromEntries(Array.from({ length: n }, (_, i) => [`<!-- ${i}`, '\u202e']))))
    expectBelow(Math.max(spent(keys(5000), 'definition'), 2) * 8 * 2.5, keys(40_000), 'definition')
    const deep = (n: number): Buffer =>
      Buffer.from(`${'{"<!--":['.repeat(120)}${Array.from({ length: n }, () => '"<!--"').join(',')}${']}'.repeat(120)}`)
    expectBelow(Math.max(spent(deep(5000), 'definition'), 2) * 8 * 2.5, deep(40_000), 'definition')
  })
})
