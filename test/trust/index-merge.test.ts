import { describe, expect, it } from 'vitest'
import { forgotten, mergedIndex, type IndexChange } from '../../src/trust/index-merge.ts'
import type { TrustIndex } from '../../src/trust/index-document.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)
const change = (version: string, sequence: number, more: Partial<IndexChange> = {}): IndexChange => ({ name: 'com.acme/Weather', version, sequence, digest: A, standing: 'admitted', ...more }) // prettier-ignore
const standings = (index: TrustIndex) =>
  [...(index.get('com.acme/weather')?.values() ?? [])].map(({ version, standing }) => `${version} ${standing}`)

describe('the index as it follows the registry', () => {
  const before = mergedIndex(new Map(), [change('1.0.0', 1), change('1.1.0', 2, { standing: 'revoked' })]).index

  it('gets new versions and other standings, and says when nothing is new', () => {
    const { index, isChanged, refused } = mergedIndex(before, [change('1.0.0', 1, { standing: 'deprecated' }), change('1.2.0', 3)])
    expect([standings(index), isChanged, refused]).toEqual([['1.0.0 deprecated', '1.1.0 revoked', '1.2.0 admitted'], true, []])
    expect(mergedIndex(index, [change('1.2.0', 3), change('1.0.0', 1, { standing: 'deprecated' })]).isChanged).toBe(false)
    expect(standings(before)).toEqual(['1.0.0 admitted', '1.1.0 revoked'])
  })

  it.each([
    ['another server.json for a version that was signed', change('1.0.0', 1, { digest: B })],
    ['a signed version as a newer one', change('1.0.0', 5)],
    ['another version under a number that is taken', change('9.9.9', 1)],
    ['a revoked version back again', change('1.1.0', 2)],
    ['a name that no reader takes', change('1.2.0', 3, { name: 'weather' })],
    ['a version that no reader takes', change('1.2.0\n', 3)],
    ['a number that is none', change('1.2.0', 0)],
  ])('does not take up %s, whatever somebody wrote into the database', (_, bad) => {
    const { index, refused } = mergedIndex(before, [bad, change('1.3.0', 4)])
    expect(refused).toEqual([bad])
    expect(standings(index)).toEqual(['1.0.0 admitted', '1.1.0 revoked', '1.3.0 admitted'])
    expect([...index.keys()]).toEqual(['com.acme/weather'])
  })

  it('says what the registry no longer has', () => {
    expect(forgotten(before, [change('1.0.0', 1), change('2.0.0', 3)])).toEqual(['com.acme/weather@1.1.0'])
  })

  it('takes a server of ten thousand versions at once', () => {
    const { index, refused } = mergedIndex(
      new Map(),
      Array.from({ length: 10_001 }, (_, i) => change(`1.${i}.0`, i + 1)),
    )
    expect([index.get('com.acme/weather')?.size, refused.length]).toEqual([10_000, 1])
  })
})
