// A 2025-11-25 host hears that the account it sent its person to connect is there (`notifications/elicitation/complete`), and nobody else hears of it.

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ElicitationCompleteNotificationSchema, UrlElicitationRequiredError } from '@modelcontextprotocol/sdk/types.js'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { digestOf } from '../../src/kernel/digest.ts'
import { LegacyHost, type Who } from '../attacks/world.ts'
import { Browser } from './browser.ts'
import { connect, disconnect, startWholeWorld, type WholeWorld } from './whole-world.ts'

let world: WholeWorld
let hosts: Client[] = []
beforeAll(async () => {
  world = await startWholeWorld()
})
afterAll(() => world.stop())
afterEach(async () => {
  for (const host of hosts) await host.close()
  hosts = []
})

/** `rows`: what the log says it was told */
type Host = { readonly client: Client; readonly told: string[]; rows(): Record<string, any>[]; ask(): Promise<{ id: string; url: string }> }

/** A genuine SDK host with its standing stream open. */
async function startHost(who: Who = 'alice', token = world.tokens[who]): Promise<Host> {
  const client = new Client({ name: 'host', version: '1' }, { capabilities: { elicitation: { form: {}, url: {} } } })
  const told: string[] = []
  client.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) => void told.push(params.elicitationId))
  const transport = new StreamableHTTPClientTransport(new URL(`${world.gateway.url}${world.path}`), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  })
  hosts.push(client)
  await client.connect(transport)
  const session = digestOf(transport.sessionId ?? '')
  await vi.waitFor(() =>
    expect(world.gateway.events().map(e => `${e['subject']?.method} ${e['session']}`)).toContain(`session/stream ${session}`),
  )
  return {
    client,
    told,
    rows: () => world.gateway.events().filter(e => e['requestMethod'] === 'notifications/elicitation/complete' && e['session'] === session),
    async ask() {
      const refused = await client.callTool({ name: 'whoami' }).catch((error: unknown) => error)
      if (!(refused instanceof UrlElicitationRequiredError)) throw new Error(`not asked: ${String(refused)}`)
      const [question] = refused.elicitations
      return { id: question?.elicitationId ?? '', url: question?.url ?? '' }
    },
  }
}

it('tells the session that asked, once, after a record of it; other sessions and other people hear nothing', async () => {
  const [asks, silent, bob] = [await startHost(), await startHost(), await startHost('bob')]
  const bobs = await bob.ask()
  const question = await asks.ask()
  expect((await asks.ask()).id).toBe(question.id)
  const browser = await connect(world, question.url)
  await vi.waitFor(() => expect(asks.told).toEqual([question.id]))
  expect(await asks.client.callTool({ name: 'whoami' })).toMatchObject({ content: [{ text: expect.stringContaining('alice') }] })
  const rows = asks.rows()
  expect([silent.rows(), bob.rows()]).toEqual([[], []])
  expect(rows).toMatchObject([{ type: 'server-request', decision: 'allowed', principal: { subject: 'alice' }, subject: { server: 'up' } }])
  expect(JSON.stringify(rows)).not.toContain(question.id)

  // Disconnected and connected again from another session: who does not wait is not told.
  await disconnect(world, browser)
  const again = await silent.ask()
  await connect(world, again.url, new Browser())
  await vi.waitFor(() => expect(silent.told).toEqual([again.id]))
  expect(asks.told).toEqual([question.id])
  expect(bob.told).toEqual([])
  expect(bobs.id).not.toBe(question.id)
})

it('a session that ended is told nothing and kept for nothing', async () => {
  world.as.person = 'bob'
  const gone = await startHost('bob')
  await gone.ask()
  await (gone.client.transport as StreamableHTTPClientTransport).terminateSession()
  const stays = await startHost('bob')
  const question = await stays.ask()
  world.idp.person = 'bob'
  await connect(world, question.url)
  await vi.waitFor(() => expect(stays.told).toEqual([question.id]))
  expect(gone.told).toEqual([])
  expect([gone.rows().length, stays.rows().length]).toEqual([0, 1])
})

it('what another application was let use is not told to this one, and nothing is written down for a session that has no stream', async () => {
  const token = (client_id: string): Promise<string> => world.gateway.token(world.path, { sub: 'carol', client_id })
  const [asks, other] = [await startHost('alice', await token('one')), await startHost('alice', await token('other'))]
  const silent = await LegacyHost.open(world, { token: await token('one'), capabilities: { elicitation: { url: {} } } })
  const [question, its] = [await asks.ask(), await other.ask()]
  expect((await silent.call('whoami')).body.error.code).toBe(-32042)
  world.as.person = 'carol'
  world.idp.person = 'carol'
  await connect(world, question.url)
  await vi.waitFor(() => expect(asks.told).toEqual([question.id]))
  expect([other.told, other.rows()]).toEqual([[], []])
  expect(world.gateway.events().filter(e => e['type'] === 'server-request' && e['session'] === digestOf(silent.id))).toEqual([])
  expect(its.id).not.toBe(question.id)
})
