import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { orderKey, versionProblem } from '../../src/registry/versions.ts'

describe('a version', () => {
  it.each(['1.0.0', '1.0.0-rc.1', '1.0.0+build.5', 'v1.2.3', '2026.8.31', '2025-12-11', 'nightly', 'xenial', '1.0.0-x.y'])(
    'is %s',
    text => {
      expect(versionProblem(text)).toBeUndefined()
    },
  )
  it.each([
    'latest',
    'LATEST',
    '^1.2.3',
    '~1.2.3',
    '>=1.2.3',
    '<2',
    '=1.0.0',
    '1.x',
    '1.*',
    '1.2.X',
    '*',
    'x',
    '1.0.0 - 2.0.0',
    '1 || 2',
    '1,2',
  ])('is not %s, which names more than one', text => {
    expect(versionProblem(text)).toBeDefined()
  })
  it.each(['', ' 1.0.0', '1.0.0\n', '1/0', '..', '1.0.0?x', '1.0.0#', '1%2F0', '<b>', '1.0.0\u200b', 'é', 'a'.repeat(256)])(
    'is not %j',
    text => {
      expect(versionProblem(text)).toBeDefined()
    },
  )
})

describe('the order of versions', () => {
  it('is that of SemVer 2.0.0, section 11', () => {
    const order = [
      'nightly',
      '0.0.9',
      '0.10.0',
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-alpha1',
      '1.0.0-beta',
      '1.0.0-beta.2',
    ]
    order.push('1.0.0-beta.11', '1.0.0-beta-2', '1.0.0-rc.1', '1.0.0', '1.2.0', '1.10.0', '2.0.0', '10.0.0', '99999999999999999999.0.0')
    const keys = order.map(orderKey)
    expect([...keys].sort()).toEqual(keys)
    expect(new Set(keys).size).toBe(keys.length)
  })
  it('does not count build metadata, nor leading zeros as a number', () => {
    expect(orderKey('1.0.0+a')).toBe(orderKey('1.0.0+b'))
    expect(orderKey('01.0.0')).toBe(orderKey('nightly'))
    expect(orderKey('1.0.0-01')).toBe(orderKey('nightly'))
  })
  it('is the order that comparing field by field gives', () => {
    const field = fc.oneof(fc.nat(120).map(String), fc.stringMatching(/^[a-zA-Z-][0-9a-zA-Z-]{0,3}$/))
    const version = fc.tuple(fc.nat(12), fc.nat(12), fc.nat(12), fc.array(field, { maxLength: 3 }))
    type Version = readonly [number, number, number, readonly string[]]
    const text = ([a, b, c, pre]: Version): string => `${a}.${b}.${c}${pre.length > 0 ? `-${pre.join('.')}` : ''}`
    const compareFields = (a: string, b: string): number => {
      const [isA, isB] = [/^\d+$/.test(a), /^\d+$/.test(b)]
      if (isA && isB) return Number(a) - Number(b)
      return isA !== isB ? (isA ? -1 : 1) : a < b ? -1 : a > b ? 1 : 0
    }
    const compare = (a: Version, b: Version): number => {
      for (const i of [0, 1, 2] as const) if (a[i] !== b[i]) return a[i] - b[i]
      if (a[3].length === 0 || b[3].length === 0) return b[3].length - a[3].length
      for (let i = 0; i < Math.min(a[3].length, b[3].length); i++) {
        const by = compareFields(a[3][i] ?? '', b[3][i] ?? '')
        if (by !== 0) return by
      }
      return a[3].length - b[3].length
    }
    fc.assert(
      fc.property(version, version, (a, b) => {
        const [x, y] = [orderKey(text(a)), orderKey(text(b))]
        return Math.sign(x < y ? -1 : x > y ? 1 : 0) === Math.sign(compare(a, b))
      }),
      { numRuns: 2000 },
    )
  })
})
