// A sign-in that ended shortly before the gateway went down: the next start ends once more what rested on it, and serves.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { startGateway } from '../../src/main.ts'
import { send } from '../attacks/wire.ts'
import { startRunning, type Running } from '../authorization-server/running.ts'
import { silentLogger } from '../support/silent-logger.ts'

let world: Running
beforeAll(async () => {
  world = await startRunning()
}, 60_000)
afterAll(() => world.stop())

it('a gateway starts after a refresh token was used twice, and tokens of that sign-in stay ended', async () => {
  const stolen = await world.signIn()
  expect(await world.refresh(stolen)).toBeDefined()
  expect(await world.refresh(stolen)).toBeUndefined()
  await world.gateway.gateway.stop()
  const again = await startGateway(world.gateway.snapshot, { version: '0', environment: process.env, logger: silentLogger() })
  try {
    const answer = await send(world.port, {
      path: world.path,
      headers: { authorization: `Bearer ${stolen.access}`, 'content-type': 'application/json' },
      body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    })
    expect([answer.status, answer.body.error.reason ?? answer.body.error.data?.reason]).toEqual([401, 'token-revoked'])
  } finally {
    await again.stop()
  }
})
