import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isWithinOne, skeletonOf } from '../../src/kernel/look-alikes.ts'
import { isPunycode, lookalikeOf, parseServerName } from '../../src/registry/names.ts'

const name = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9.]{0,12}[a-zA-Z0-9]\/[a-zA-Z0-9][a-zA-Z0-9._-]{0,12}[a-zA-Z0-9]$/)

describe('a server name', () => {
  it.each(['com.example/weather', 'io.github.ChromeDevTools/chrome-devtools-mcp', 'a/b', 'com.example/v1.2_x-3'])('is %s', text => {
    expect(parseServerName(text)).toMatchObject({ text, key: text.toLowerCase() })
  })
  it.each([
    ['no slash', 'com.example'],
    ['two slashes', 'com.example/a/b'],
    ['an empty part', 'com.example/'],
    ['an empty namespace', '/weather'],
    ['an edge that is no letter or digit', 'com.example/-weather'],
    ['an edge of the namespace', '.com.example/weather'],
    ['an end', 'com.example/weather_'],
    ['an underscore in the namespace', 'com_example/weather'],
    ['an empty label', 'com..example/weather'],
    ['a letter of another alphabet (attack 1)', 'com.exаmple/weather'],
    ['an invisible character', 'com.example/wea\u200bther'],
    ['a path', 'com.example/../weather'],
    ['a line end', 'com.example/weather\n'],
    ['percent signs', 'com.example%2Fweather'],
    ['too much', `com.example/${'a'.repeat(200)}`],
  ])('has not %s', (_what, text) => {
    expect(parseServerName(text)).toBeUndefined()
  })
})

describe('look-alikes (attack 1, N144)', () => {
  const REAL = 'io.github.microsoft/playwright-mcp'
  it.each([
    'io.github.micr0soft/playwright-mcp',
    'io.github.rnicrosoft/playwright-mcp',
    'io.github.mlcrosoft/playwright-mcp',
    'io.github.m1crosoft/playwright-mcp',
    'io.github.microsoft/p1aywright-mcp',
    'io.github.microsoft/playvvright-mcp',
    'io.github.microsoft/playwright_mcp',
    'io-github.microsoft/playwright.mcp',
    'io.github.microsofts/playwright-mcp',
    'io.github.micrsoft/playwright-mcp',
    'io.github.mircosoft/playwright-mcp',
    'io.github.microsott/playwright-mcp',
    'IO.GITHUB.M1CROSOFT/Playwright-MCP',
  ])('are found: %s', text => {
    expect(lookalikeOf(text, ['com.example/x', REAL])).toBe(REAL)
  })
  it.each([REAL, 'IO.GitHub.Microsoft/Playwright-MCP', 'io.github.google/playwright-mcp', 'io.github.microsoft/playwright-mcp-pro'])(
    'are not seen in %s',
    text => {
      expect(lookalikeOf(text, [REAL])).toBeUndefined()
    },
  )
  it('are not told from names in punycode, which shows other letters than it is written with', () => {
    expect(isPunycode('xn--exmple-cua.com')).toBe(true)
    expect(lookalikeOf('com.xn--exmple-cua/a', [])).toBe('punycode')
    expect(isPunycode('com.example/xnone')).toBe(false)
  })
  it('have skeletons that are their own skeletons, whatever the case', () => {
    fc.assert(
      fc.property(name, text => {
        const skeleton = skeletonOf(text)
        return skeletonOf(skeleton) === skeleton && skeletonOf(text.toUpperCase()) === skeleton
      }),
    )
  })
  it('are one edit away, both ways', () => {
    const text = fc.stringMatching(/^[ab]{0,6}$/)
    fc.assert(fc.property(text, text, (a, b) => isWithinOne(a, b) === isWithinOne(b, a) && isWithinOne(a, b) === distance(a, b) <= 1))
  })
})

/** Damerau-Levenshtein (optimal string alignment), by its definition. */
function distance(a: string, b: string): number {
  const table = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)),
  )
  const at = (i: number, j: number): number => table[i]?.[j] ?? Infinity
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const steps = [at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)]
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) steps.push(at(i - 2, j - 2) + 1)
      table[i]![j] = Math.min(...steps)
    }
  return at(a.length, b.length)
}
