// Task ids: one per upstream task, worthless to anybody else.

import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_TASK_ID, mintTaskId, openTaskId, type TaskBinding } from '../../src/bridge/task-id.ts'
import { keyOf } from '../../src/kernel/principal.ts'
import { createSealer } from '../../src/kernel/seal.ts'

const sealerOf = (current: number, previous?: number): ReturnType<typeof createSealer> =>
  createSealer(
    { current: Buffer.alloc(32, current), previous: previous === undefined ? undefined : Buffer.alloc(32, previous) },
    randomBytes,
  )
const sealer = sealerOf(1)
const alice: TaskBinding = { principal: keyOf('https://idp.example', 'alice'), endpoint: 'https://gw.example/mcp' }
const task = { alias: 'files', taskId: 'task-1' }
const mint = (binding = alice, t = task, s = sealer): string => mintTaskId(s, binding, t) ?? expect.unreachable()

describe('task ids', () => {
  it('come back as the task they were made from and fit a header as they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }), taskId => {
        const id = mint(alice, { alias: 'files', taskId })
        expect(id).toMatch(/^[A-Za-z0-9_-]+$/)
        expect(openTaskId(sealer, id, alice)).toEqual({ alias: 'files', taskId })
      }),
    )
  })

  it('are one per upstream task, also after a restart, and differ for every other task, alias, principal and endpoint', () => {
    expect(mint(alice, task, sealerOf(1))).toBe(mint())
    const others = [
      mint(alice, { ...task, taskId: 'task-2' }),
      mint(alice, { ...task, alias: 'file' }),
      mint(alice, { alias: 'filest', taskId: 'ask-1' }),
      mint({ ...alice, principal: keyOf('https://idp.example', 'bob') }),
      mint({ ...alice, endpoint: 'https://gw.example/servers/files/mcp' }),
    ]
    expect(new Set([mint(), ...others]).size).toBe(6)
  })

  it('open for nobody else and at no other endpoint (R89)', () => {
    expect(openTaskId(sealer, mint(), { ...alice, principal: keyOf('https://idp.example', 'bob') })).toBeUndefined()
    expect(openTaskId(sealer, mint(), { ...alice, endpoint: 'https://gw.example/servers/files/mcp' })).toBeUndefined()
  })

  it('cannot be guessed: no changed bit and no random text opens, nor the id of the upstream itself', () => {
    const raw = Buffer.from(mint(), 'base64url')
    for (let bit = 0; bit < raw.length * 8; bit++) {
      const changed = Buffer.from(raw)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect(openTaskId(sealer, changed.toString('base64url'), alice)).toBeUndefined()
    }
    fc.assert(fc.property(fc.string(), text => openTaskId(sealer, text, alice) === undefined))
    for (const text of ['', 'task-1', 'files task-1']) expect(openTaskId(sealer, text, alice)).toBeUndefined()
  })

  it('still open after one rotation of the key, not after two', () => {
    expect(openTaskId(sealerOf(2, 1), mint(), alice)).toEqual(task)
    expect(openTaskId(sealerOf(3, 2), mint(), alice)).toBeUndefined()
  })

  it('are not made from empty or oversized ids', () => {
    expect(mintTaskId(sealer, alice, { ...task, taskId: '' })).toBeUndefined()
    for (const unit of ['x', 'é', '\u0001']) {
      for (const size of [100, 300, 1400, 1500, 2000, 5000]) {
        const id = mintTaskId(sealer, alice, { ...task, taskId: unit.repeat(size) })
        if (id === undefined) continue
        expect(id.length).toBeLessThanOrEqual(MAX_TASK_ID)
        expect(openTaskId(sealer, id, alice)?.taskId).toBe(unit.repeat(size))
      }
    }
    expect(mintTaskId(sealer, alice, { ...task, taskId: 'x'.repeat(1400) })).toBeDefined()
    expect(mintTaskId(sealer, alice, { ...task, taskId: 'x'.repeat(1500) })).toBeUndefined()
  })
})
