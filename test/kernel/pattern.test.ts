// N094: patterns of strangers over texts of strangers. Steps are counted, processor time is bounded, and the answers are those of the engine.

import { describe, expect, it } from 'vitest'
import { compilePattern, isPattern, type Pattern } from '../../src/kernel/pattern/pattern.ts'
import { cpuTimer } from '../support/cpu.ts'

const STEPS = 1_000_000
function patternOf(source: string): Pattern {
  const found = compilePattern(source)
  if (!isPattern(found)) throw new Error(`${source}: ${found.unusable}`)
  return found
}

const EMAIL = String.raw`^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$`
const SAME: readonly (readonly [string, readonly string[]])[] = [
  [EMAIL, ['a@b.co', 'a..b@c.de', '.a@b.co', 'x@y', "o'neil@x-y.org"]],
  ['^(a+)+$', ['aaaa', 'aaab', '']],
  ['a{2,3}b', ['ab', 'aab', 'xaaaab']],
  [String.raw`\bfoo\b`, ['a foo b', 'afoo', 'foo']],
  [String.raw`\Boo`, ['foo', 'oo']],
  [String.raw`(?<=\$)\d+$`, ['$12', '12', '€12']],
  ['(?<!a)b', ['ab', 'cb', 'b']],
  ['(?<=a.*)b$', ['a😀b', '😀b']],
  [String.raw`^\p{L}+$`, ['äöü', 'a1']],
  [String.raw`^[\P{L}\d]+$`, ['1!', 'a']],
  [String.raw`[^\]x-]`, ['x', '-', ']', 'y']],
  ['^.$', ['😀', '\n', 'ab', '\u2028']],
  ['(|a)*b', ['aab', 'c']],
  ['^$', ['', 'a']],
  [String.raw`^\u{1F600}\ud83d\ude00\x41$`, ['😀😀A', '😀A']],
  ['(a*)*$', ['b']],
  ['x{0}y{0,}z?$', ['', 'q']],
  ['^(?:a|b|c)d|e$', ['ad', 'xe', 'x']],
  ['[]', ['a', '']],
  ['[^]', ['a', '\n', '']],
  ['^(?=.*[A-Z])(?=.*[0-9]).{8,}$', ['Passw0rdX', 'password']],
  [String.raw`^(?<year>\d{4})-\d{2}$`, ['2026-11', '26-11']],
  ['a??b+?', ['b', 'a', 'ab']],
]

/** What is refused, and why. */
const FAULTS: readonly (readonly [string, string | undefined])[] = [
  [String.raw`(a)\1`, 'a backreference cannot be judged in linear time'],
  [String.raw`(?<n>a)\k<n>`, 'a backreference cannot be judged in linear time'],
  ['(((a{100}){100}){100})', 'it is too large once its counts are written out'],
  ['a{10001}', 'a quantifier counts further than 10000'],
  ['(((()){9999}){9999}){9999}', undefined],
  ['('.repeat(2_000), 'its groups are nested too deep'],
  ['a'.repeat(3_000), 'it is longer than 2048 characters'],
  ['(a', 'a group is not closed'],
  ['a)', 'a `)` closes nothing'],
  ['[a', 'a class is not closed'],
  ['[b-a]', 'a range of a class is out of order'],
  ['*a', 'a quantifier has nothing to repeat'],
  ['(?i:a)', 'a group of its kind is not supported'],
  [String.raw`\Aa\z`, 'an escape is not known'],
  [String.raw`\p{Nothing}`, 'a Unicode property is not known'],
  ['\\', 'it ends with a backslash'],
  [String.raw`\01`, 'an octal escape is not supported'],
  [String.raw`\u{110000}`, 'an escape names no character'],
  ['^*', 'an anchor is repeated'],
  ['a{2,1}', 'the counts of a quantifier are out of order'],
]

describe('patterns', () => {
  it.each(SAME)('%s answers as ECMA-262 does', (source, texts) => {
    for (const text of texts)
      expect([text, patternOf(source).test(text, { left: STEPS })]).toEqual([text, new RegExp(source, 'u').test(text)])
  })
  it.each(FAULTS)('%s is judged for what it is', (source, why) => {
    const found = compilePattern(source)
    expect(isPattern(found) ? undefined : found.unusable).toBe(why)
  })
  it.each(FAULTS)('%s is judged once, and soon', source => {
    const spent = cpuTimer()
    compilePattern(source)
    expect(spent()).toBeLessThan(50)
  })
})

describe('N094: 100,000 characters against patterns that explode in a backtracking engine', () => {
  const LONG = 100_000
  it.each([
    ['^(a+)+$', `${'a'.repeat(LONG)}!`],
    ['(x+x+)+y', 'x'.repeat(LONG)],
    ['^(a|aa)+$', `${'a'.repeat(LONG)}!`],
    ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a'.repeat(LONG)],
    ['(.*a){20}', 'b'.repeat(LONG)],
    ['(?=.*x)(?=.*y)z', 'a'.repeat(LONG)],
    ['(?<=x.*)y', 'y'.repeat(LONG)],
    ['a{1,2000}b', 'a'.repeat(LONG)],
    [EMAIL, `${'a.'.repeat(LONG / 2)}@`],
    [String.raw`^(\{\/\w+\*\}|,)*$`, ','.repeat(LONG)],
  ])('%s', (source, text) => {
    const pattern = patternOf(source)
    const steps = { left: STEPS }
    const spent = cpuTimer()
    // Not fit, or not known: never fit.
    expect(pattern.test(text, steps)).not.toBe(source.startsWith('^(\\{') ? false : true)
    expect(spent()).toBeLessThan(250)
  })
})
