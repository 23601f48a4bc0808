// What every memory of a witness keeps: the newest checkpoint of each log, compared and replaced in one step.

import { afterEach, beforeEach, expect, it } from 'vitest'
import type { WitnessMemory } from '../../src/audit/witnessing.ts'
import { SignedLog } from '../support/signed-log.ts'

export type WitnessMemoryCase = { readonly memory: WitnessMemory; readonly close: () => void }

export function witnessMemoryContract(make: () => WitnessMemoryCase): void {
  let on: WitnessMemoryCase
  beforeEach(() => {
    on = make()
  })
  afterEach(() => on.close())
  const log = new SignedLog().grow(10)

  it('knows nothing of a log at first', () => {
    expect(on.memory.latest(log.origin)).toBeUndefined()
    expect(on.memory.at(log.origin, 0)).toBeUndefined()
  })

  it('advances from the size it has, and keeps what it had', () => {
    expect(on.memory.advance(log.origin, 0, log.checkpoint(3))).toBe(true)
    expect(on.memory.advance(log.origin, 3, log.checkpoint(7))).toBe(true)
    expect(on.memory.latest(log.origin)).toMatchObject({ size: 7, root: log.root(7), note: log.checkpoint(7).note })
    expect(on.memory.at(log.origin, 3)).toMatchObject({ size: 3, root: log.root(3) })
    expect(on.memory.at(log.origin, 4)).toBeUndefined()
  })

  it('replaces the newest with the same tree, signed later', () => {
    on.memory.advance(log.origin, 0, log.checkpoint(3))
    expect(on.memory.advance(log.origin, 3, { ...log.checkpoint(3), note: 'later' })).toBe(true)
    expect(on.memory.latest(log.origin)).toMatchObject({ size: 3, note: 'later' })
  })

  it('attack: a second request that was judged by the same checkpoint loses, and rolls nothing back', () => {
    on.memory.advance(log.origin, 0, log.checkpoint(3))
    expect(on.memory.advance(log.origin, 3, log.checkpoint(9))).toBe(true)
    expect(on.memory.advance(log.origin, 3, log.checkpoint(5))).toBe(false)
    expect(on.memory.advance(log.origin, 9, log.checkpoint(5))).toBe(false)
    expect(on.memory.latest(log.origin)).toMatchObject({ size: 9 })
    expect(on.memory.at(log.origin, 5)).toBeUndefined()
  })

  it('keeps logs apart', () => {
    const other = new SignedLog('other.example/1').grow(4)
    on.memory.advance(log.origin, 0, log.checkpoint(3))
    expect(on.memory.latest(other.origin)).toBeUndefined()
    expect(on.memory.advance(other.origin, 0, other.checkpoint(2))).toBe(true)
    expect(on.memory.latest(log.origin)).toMatchObject({ size: 3 })
  })
}
