import { describe, expect, it } from 'vitest'
import { createSampler } from '../../../src/adapters/telemetry/sampler.ts'

const id = (n: number): string => (BigInt(n) * 0x9e3779b97f4a7c15n).toString(16).padStart(32, '1').slice(-32)

describe('createSampler', () => {
  it('takes about the share it was told of traces nobody decided about, and the same ones each time', () => {
    const isSampled = createSampler(
      () => ({ sample: 0.1, fromHosts: 0 }),
      () => 0,
      () => 0.5,
    )
    const ids = Array.from({ length: 20_000 }, (_, n) => id(n + 1))
    const taken = ids.filter(traceId => isSampled(traceId, undefined))
    expect(taken.length).toBeGreaterThan(1800)
    expect(taken.length).toBeLessThan(2200)
    expect(ids.filter(traceId => isSampled(traceId, undefined))).toEqual(taken)
  })

  it.each([
    [0, 0],
    [1, 1000],
  ])('a share of %d takes %d of 1000', (sample, count) => {
    const isSampled = createSampler(
      () => ({ sample, fromHosts: 0 }),
      () => 0,
      () => 0.5,
    )
    expect(Array.from({ length: 1000 }, (_, n) => isSampled(id(n), undefined)).filter(Boolean)).toHaveLength(count)
  })

  it('follows a caller that does not want its trace', () => {
    expect(
      createSampler(
        () => ({ sample: 1, fromHosts: 100 }),
        () => 0,
        () => 0,
      )(id(1), false),
    ).toBe(false)
  })

  it('attack: callers that want every trace get so many a second, all together', () => {
    let now = 0
    const isSampled = createSampler(
      () => ({ sample: 0, fromHosts: 100 }),
      () => now,
      () => 0,
    )
    const flood = (): number => Array.from({ length: 5000 }, (_, n) => isSampled(id(n), true)).filter(Boolean).length
    expect(flood()).toBe(100)
    now = 999
    expect(flood()).toBe(0)
    now = 1000
    expect(flood()).toBe(100)
  })

  it('attack: beyond that, callers whose ids are made so that every share takes them get no more than the share', () => {
    let n = 0
    const isSampled = createSampler(
      () => ({ sample: 0.1, fromHosts: 0 }),
      () => 0,
      () => (n++ % 100) / 100,
    )
    const flood = Array.from({ length: 1000 }, (_, i) => isSampled('f'.repeat(16) + i.toString(16).padStart(16, '0'), true))
    expect(flood.filter(Boolean)).toHaveLength(100)
  })
})
