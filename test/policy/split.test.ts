import { describe, expect, it } from 'vitest'
import { positionsOf, splitPolicies } from '../../src/policy/split.ts'

const texts = (text: string): string[] => splitPolicies(text).map(part => part.text)

describe('a file of policies', () => {
  it('is cut at semicolons outside of strings and comments', () => {
    expect(texts('// a; b\n@id("x;//y") permit (principal, action, resource); // c;\n\nforbid (1) // d; "\n;')).toEqual([
      '@id("x;//y") permit (principal, action, resource);',
      'forbid (1) // d; "\n;',
    ])
  })
  it('keeps what stands behind the last one, so that it is judged and not lost', () => {
    expect(texts('permit (a); forbid (b)')).toEqual(['permit (a);', 'forbid (b)'])
  })
  it.each([
    ['an escaped quote', 'permit ("\\";") ; x;', ['permit ("\\";") ;', 'x;']],
    ['a string without an end', 'permit ("; x;', ['permit ("; x;']],
    ['a string that ends in a backslash', 'permit ("\\', ['permit ("\\']],
    ['a comment without an end', 'a; // b', ['a;']],
    ['nothing', ' \n// only a comment\n', []],
    ['a lone semicolon', ';', [';']],
    ['a division that is none', 'a / b;', ['a / b;']],
  ])('%s', (_, text, parts) => {
    expect(texts(text)).toEqual(parts)
  })
  it('says where each begins', () => {
    const text = '// ü\n\n  permit (a);\n\n\nforbid (b);'
    expect(splitPolicies(text).map(({ at }) => positionsOf(text)(at))).toEqual([
      { line: 3, column: 3 },
      { line: 6, column: 1 },
    ])
  })
  it('and where its first and last characters stand', () => {
    expect(positionsOf('a\nb')(0)).toEqual({ line: 1, column: 1 })
    expect(positionsOf('a\nb')(3)).toEqual({ line: 2, column: 2 })
  })
})
