import { describe, expect, it } from 'vitest'
import { createEndedFamilies, ENDED_SECONDS } from '../../src/identity/ended-families.ts'

describe('families that ended', () => {
  it('are known as long as a token of theirs could live, and then forgotten', () => {
    const ended = createEndedFamilies(new Map([['known', 500]]))
    ended.add(['a', 'b'], 100)
    expect(['known', 'a', 'b', 'c', undefined].map(family => ended.has(family))).toEqual([true, true, true, false, false])
    ended.add(['c'], 100 + ENDED_SECONDS)
    expect(['known', 'a', 'b', 'c'].map(family => ended.has(family))).toEqual([false, false, false, true])
  })
})
