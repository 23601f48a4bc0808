// The whole way through a running gateway: a host is refused with a link, its person signs in, agrees, signs in at the upstream's own server, and the host's retry is served.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { callTool, modern } from '../attacks/world.ts'
import { connect, disconnect, startWholeWorld, type WholeWorld } from './whole-world.ts'

let world: WholeWorld
beforeAll(async () => {
  world = await startWholeWorld()
})
afterAll(() => world.stop())

it('link, sign-in, consent, authorization, retry, revocation', async () => {
  const URLS = { elicitation: { url: {} } }
  const asked = await callTool(world, 'whoami', {}, { capabilities: URLS })
  const { url } = asked.body.result.inputRequests.connect.params
  const browser = await connect(world, url)

  const retry = {
    name: 'whoami',
    arguments: {},
    requestState: asked.body.result.requestState,
    inputResponses: { connect: { action: 'accept' } },
  }
  const served = await modern(world, 'tools/call', retry, { capabilities: URLS })
  expect(JSON.parse(served.body.result.content[0].text)).toMatchObject({ account: 'alice' })
  expect((await callTool(world, 'whoami', {}, { who: 'bob' })).body.error.data.reason).toBe('connection-required')

  await disconnect(world, browser)
  expect((await callTool(world, 'whoami')).body.error.data.reason).toBe('connection-required')
  const seen = JSON.stringify(world.up.seen.map(({ req, body }) => [req.rawHeaders, body]))
  for (const token of Object.values(world.tokens)) expect(seen).not.toContain(token)
})
