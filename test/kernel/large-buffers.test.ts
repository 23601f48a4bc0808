// When the dead buffers of large messages are collected.

import { afterEach, expect, it, vi } from 'vitest'
import { noteMessage } from '../../src/kernel/large-buffers.ts'

const MEGABYTE = 1024 * 1024
afterEach(() => vi.unstubAllGlobals())

it('asks for a young collection once per 16 MB of large messages, and never for small ones', () => {
  const gc = vi.fn()
  vi.stubGlobal('gc', gc)
  for (let i = 0; i < 100_000; i += 1) noteMessage(10_000)
  expect(gc).not.toHaveBeenCalled()
  for (let i = 0; i < 64; i += 1) noteMessage(MEGABYTE)
  expect(gc).toHaveBeenCalledTimes(4)
  expect(gc).toHaveBeenLastCalledWith({ type: 'minor' })
})

it('does without where the engine does not offer it', () => {
  vi.stubGlobal('gc', undefined)
  for (let i = 0; i < 64; i += 1) noteMessage(MEGABYTE)
})
