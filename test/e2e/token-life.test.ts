// What a token opened closes within 30 s of the gateway learning that the token is over: expiry, introspection, a changed person at refresh. The gateway's
// one timer and its wall clock are the test's. Back-channel logout and blocks end things at once: test/attacks/logout.test.ts and blocks.test.ts.

import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { listen, standing, type OpenStream } from '../attacks/admin-wire.ts'
import { callTool, expectRefused, LegacyHost, startWorld, type World } from '../attacks/world.ts'
import { startRunning } from '../authorization-server/running.ts'
import { GATEWAY, startRealWorld } from '../connect/real-issuer.ts'

let stops: (() => Promise<void>)[] = []
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'], now: Date.now(), shouldAdvanceTime: true }))
afterEach(async () => {
  for (const stop of stops.reverse()) await stop()
  stops = []
  vi.useRealTimers()
})

/** Time passes in steps of the timer's own length, with a turn of the loop in between, as it does in life. */
async function pass(seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left -= 15) {
    vi.advanceTimersByTime(Math.min(left, 15) * 1000)
    await new Promise(resolve => setImmediate(resolve))
  }
}
const open = async (world: World, token: string): Promise<readonly [OpenStream, OpenStream, LegacyHost]> => {
  const host = await LegacyHost.open(world, { token })
  return [await listen(world, { token }), await standing(host), host]
}
/** Whether a stream is open still, once everything that is under way at the gateway has been done. */
const isOpen = async (world: World, token: string, stream: OpenStream): Promise<boolean> => {
  let hasEnded = false
  void stream.ended.then(() => (hasEnded = true))
  for (let i = 0; i < 3; i++) await callTool(world, 'echo', {}, { token })
  return !hasEnded
}

it('N031 expiry: streams of both eras end within 30 s after their token, and the session serves only a new token', async () => {
  const world = await startWorld()
  stops.push(() => world.stop())
  const token = await world.gateway.token(world.path)
  const [modern, legacy, host] = await open(world, token)
  await pass(590)
  expect([await isOpen(world, world.tokens.bob, modern), await isOpen(world, world.tokens.bob, legacy)]).toEqual([true, true])
  await pass(10 + 30 + 30) // its end, the skew forgiven, and the promise
  await Promise.all([modern.ended, legacy.ended])
  expectRefused(await host.call('echo'), { status: 401, code: -32600, reason: 'token-invalid' })
})

it('N015 introspection: what its issuer took back loses streams of both eras within 30 s; until then it is asked about and they stay', async () => {
  const world = await startRealWorld({ settings: { introspection: GATEWAY } })
  stops.push(() => world.stop())
  const [token, other] = [await world.issuer.token(world.resource), await world.issuer.token(world.resource)]
  const [modern, legacy, host] = await open(world, token)
  const its = await listen(world, { token: other })
  await pass(15)
  await pass(15)
  expect(await isOpen(world, other, modern)).toBe(true)
  await world.issuer.revoke(token)
  await pass(30)
  await Promise.all([modern.ended, legacy.ended])
  expectRefused(await host.call('echo'), { status: 401, code: -32600, reason: 'token-invalid' })
  expect(await isOpen(world, other, its)).toBe(true)
  its.close()
})

it('claims are read again at refresh: who is in other groups loses streams and session at that moment, though the new token is never shown', async () => {
  const running = await startRunning()
  stops.push(() => running.stop())
  const first = await running.signIn()
  const world: World = { ...running, tokens: { alice: first.access, bob: first.access } }
  const [modern, legacy, host] = await open(world, first.access)
  expect((await host.call('echo')).status).toBe(200)

  running.idp.accounts.set('alice', ['contractors'])
  await pass(61) // the provider's last word is older than a minute
  expect(await running.refresh(first)).toBeDefined()
  await Promise.all([modern.ended, legacy.ended])
  expectRefused(await host.call('echo'), { status: 401, code: -32600, reason: 'token-revoked' })
})
