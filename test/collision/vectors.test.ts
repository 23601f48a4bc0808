// The development cases beside the project: hostile sets are held, real overlaps are not.

import { describe, expect, it } from 'vitest'
import { hasVectors, readCases } from '../inspection/vectors.ts'
import { judgeSet, realPairs } from './score.ts'

const HOSTILE = ['name-collision:near-duplicate', 'server-name-squatting', 'tool-shadowing:duplicate-name', 'mutation:case-variant-name']

describe.skipIf(!hasVectors)('the development cases (skipped where the vectors are absent)', () => {
  const sets = readCases().filter(found => found.payload.servers !== undefined)

  it('attack: every hostile set is held: the later server, never the one that was there', () => {
    const hostile = sets.filter(found => HOSTILE.includes(found.class))
    expect(hostile).toHaveLength(20)
    expect(hostile.filter(found => judgeSet(found).verdict !== 'hold').map(found => found.id)).toEqual([])
  })
  it('every pair of real servers with equal names is resolved, and nobody is accused', () => {
    const real = sets.filter(found => found.class === 'benign-collision')
    expect(real).toHaveLength(12)
    expect(real.flatMap(found => judgeSet(found).codes).filter(code => code !== 'same-name')).toEqual([])
  })
  it('all sets are one or the other', () => {
    expect(sets).toHaveLength(32)
  })

  it('of all real servers with each other, no shared name is accused; what is held are names that are almost the same', () => {
    const { pairs, accused, nearPairs, held } = realPairs()
    expect([pairs, accused, nearPairs]).toEqual([1596, 0, 3])
    expect(held.sort()).toEqual([
      'one-edit: get_job, get_jobs',
      'one-edit: get_nodes, get_node',
      'separator-variant: list_subscriptions, list-subscriptions',
      'separator-variant: update_subscription, update-subscription',
    ])
  })
})
