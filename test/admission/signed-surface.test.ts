// What another version lists otherwise, by digests: nothing that was added, changed or taken away is missed, and no name is taken for another thing.

import { describe, expect, it } from 'vitest'
import { digestOfSurface } from '../../src/admission/pinned-surface.ts'
import { changesBetween, pinnedSurface, type SignedSurface } from '../../src/admission/signed-surface.ts'
import { surfaceDigest } from '../../src/trust/review.ts'

const digest = (letter: string): string => letter.repeat(64)
const surface = (change: Partial<SignedSurface> = {}): SignedSurface => ({
  mode: 'subset',
  instructions: digest('a'),
  tools: { one: digest('b'), two: digest('c') },
  prompts: {},
  resources: {},
  resourceTemplates: {},
  ...change,
})
const changes = (before: Partial<SignedSurface>, after: Partial<SignedSurface>) =>
  changesBetween(pinnedSurface(surface(before)), pinnedSurface(surface(after))).map(
    ({ standing, kind, name }) => `${standing} ${kind} ${name}`,
  )

describe('a signed surface', () => {
  it('is the pinned one, under the same digest', () => {
    const odd = JSON.parse(`{"__proto__":"${digest('d')}","constructor":"${digest('e')}"}`) as Record<string, string>
    for (const each of [surface(), surface({ mode: 'exact', instructions: null }), surface({ prompts: odd })])
      expect(digestOfSurface(pinnedSurface(each))).toBe(surfaceDigest(each))
  })
  it('differs by what was added, changed and taken away', () => {
    expect(changes({}, {})).toEqual([])
    expect(
      changes({}, { tools: { one: digest('b'), two: digest('f'), three: digest('c') }, resources: { 'mem://x': digest('1') } }),
    ).toEqual(['changed tool two', 'new tool three', 'new resource mem://x'])
    expect(changes({}, { tools: {} })).toEqual(['gone tool one', 'gone tool two'])
    expect(changes({}, { instructions: null })).toEqual(['gone instructions '])
    expect(changes({ instructions: null }, {})).toEqual(['new instructions '])
    expect(changes({}, { tools: { one: digest('b') }, prompts: { two: digest('c') } })).toEqual(['gone tool two', 'new prompt two'])
  })
})
