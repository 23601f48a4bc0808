// The short run of soak (e), at every test run.

import { expect, it } from 'vitest'
import { bundle } from './bundle.ts'

it('attack: every one of 100 random edits of one byte in a bundle of 1,000 events is found and named', async () => {
  const { hasPassed, lines } = await bundle(true)
  expect(lines.filter(line => line.startsWith('MISSED'))).toEqual([])
  expect(hasPassed).toBe(true)
})
