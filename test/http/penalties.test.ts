// Who waits because too many of its requests were refused.

import { expect, it } from 'vitest'
import { Penalties } from '../../src/http/penalties.ts'

const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

it('goes on slowing new addresses however many others were blocked and never came back', async () => {
  const penalties = new Penalties(
    () => 1,
    () => 0,
    3,
  )
  for (const address of ['a', 'b', 'c', 'd', 'e']) {
    penalties.penalise(address)
    penalties.penalise(address)
    await settled()
  }
  expect(penalties.blockedSeconds('e')).toBeGreaterThan(0)
  expect(penalties.blockedSeconds('a')).toBeUndefined()
})

it('counts against the limit of the configuration in force', async () => {
  let perMinute = 3
  const penalties = new Penalties(
    () => perMinute,
    () => 0,
  )
  const refuse = async (address: string, times: number): Promise<void> => {
    for (let i = 0; i < times; i++) penalties.penalise(address)
    await settled()
  }
  await refuse('a', 3)
  expect(penalties.blockedSeconds('a')).toBeUndefined()
  perMinute = 1
  await refuse('a', 1)
  expect(penalties.blockedSeconds('a')).toBeGreaterThan(0)
})
