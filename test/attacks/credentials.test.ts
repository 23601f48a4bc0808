// Attacks on principals' own credentials: whose serves whom, where it travels, what becomes of it when it is refused.

import { afterEach, describe, expect, it } from 'vitest'
import { startConnectWorld, type ConnectOptions, type ConnectWorld } from '../connect/world.ts'
import { bearerOf } from '../connect/guarded-upstream.ts'
import { callTool, LegacyHost, modern } from './world.ts'

let world: ConnectWorld
const start = async (options: ConnectOptions = {}): Promise<ConnectWorld> => (world = await startConnectWorld(options))
afterEach(async () => world.stop())

const HOLDERS: Readonly<Record<string, string>> = { 'alice-upstream-token': 'alice', 'bob-upstream-token': 'bob', 'fresh-token': 'alice' }
const known = async (token: string) => (HOLDERS[token] === undefined ? undefined : { account: HOLDERS[token], scopes: ['read'] })
const textOf = (answer: { readonly body: any }): { account?: string; session?: string } => {
  expect(answer.body?.result?.content, JSON.stringify(answer.body)).toBeDefined()
  return JSON.parse(answer.body.result.content[0].text)
}
/** every token that any request to the upstream carried */
const carried = (): (string | undefined)[] => world.up.seen.filter(({ message }) => message !== undefined).map(({ req }) => bearerOf(req))
const everything = (): string => JSON.stringify(world.up.seen.map(({ req, body }) => [req.rawHeaders, req.url, body]))

describe.each(['modern', 'legacy'] as const)('an upstream of the %s era', era => {
  it(
    'N027, TS SDK GHSA-345p-7cg4-v4c7: two people on one upstream act with their own credentials only: calls, handshakes, lists, connections',
    { tags: ['short'] },
    async () => {
      await start({ check: known, era })
      await world.grant('alice', 'alice-upstream-token')
      await world.grant('bob', 'bob-upstream-token')
      for (let round = 0; round < 3; round++) {
        const [alice, bob] = await Promise.all([
          callTool(world, 'whoami', {}, { who: 'alice' }),
          callTool(world, 'whoami', {}, { who: 'bob' }),
        ])
        expect(textOf(alice)).toEqual({ account: 'alice', session: era === 'legacy' ? expect.stringMatching(/of-alice$/) : '' })
        expect(textOf(bob)).toEqual({ account: 'bob', session: era === 'legacy' ? expect.stringMatching(/of-bob$/) : '' })
      }
      for (const who of ['alice', 'bob'] as const) {
        const listed = await modern(world, 'tools/list', {}, { who })
        expect(listed.body.result.tools.map((t: any) => t.name)).toEqual(['whoami', `only-for-${who}`])
      }
      expect(carried()).not.toContain(undefined)
      // no connection ever carried both
      const bySocket = new Map<unknown, Set<string | undefined>>()
      for (const { req } of world.up.seen.filter(e => e.message !== undefined))
        bySocket.set(req.socket, (bySocket.get(req.socket) ?? new Set()).add(bearerOf(req)))
      for (const tokens of bySocket.values()) expect([...tokens]).toHaveLength(1)
    },
  )

  it('N026: no byte of the host’s token reaches the upstream, and nobody is served by a fallback', { tags: ['short'] }, async () => {
    await start({ check: known, era })
    await world.grant('alice', 'alice-upstream-token')
    textOf(await callTool(world, 'whoami'))
    expect(everything()).not.toContain(world.tokens.alice)
    expect(everything()).not.toContain(world.tokens.alice.split('.')[2])
    const bob = await callTool(world, 'whoami', {}, { who: 'bob' })
    expect(bob.body.error.data).toMatchObject({ reason: 'connection-required', server: 'up' })
    expect(new Set(carried())).toEqual(new Set(['alice-upstream-token']))
  })

  it('N028: what fetched the list is no credential for calls: the record names the one that served', async () => {
    await start({ check: known, era, settings: { lists: 'shared' } })
    const id = await world.grant('alice', 'alice-upstream-token')
    expect((await modern(world, 'tools/list')).status).toBe(200)
    // Bob may see a shared list only with a credential of his own, and never calls with Alice's.
    expect((await modern(world, 'tools/list', {}, { who: 'bob' })).body.error.data.reason).toBe('connection-required')
    expect((await callTool(world, 'whoami', {}, { who: 'bob' })).body.error.data.reason).toBe('connection-required')
    textOf(await callTool(world, 'whoami'))
    const events = world.gateway.events()
    expect(events.filter(e => e['type'] === 'intent').map(e => e['credential'])).toEqual([id])
    expect(events.filter(e => e['type'] === 'upstream-contact').map(e => e['credential'])).not.toContain(undefined)
  })

  it('a 401 costs one refresh for all who call at the same time, and each call is sent once more', async () => {
    let refreshed = 0
    await start({ check: async token => (token === 'stale' ? undefined : known(token)), era })
    await world.grant('alice', 'stale', { refreshToken: 'r1' })
    const answers = await Promise.all([1, 2, 3].map(() => callTool(world, 'whoami')))
    refreshed = world.as.asked.filter(a => a.line === 'POST /token').length
    // the genuine authorization server does not know this refresh token: everybody is told to connect, after one question
    expect(answers.map(a => a.body.error.data.reason)).toEqual(['connection-required', 'connection-required', 'connection-required'])
    expect(refreshed).toBeLessThanOrEqual(1)
    expect(JSON.stringify(answers.map(a => [a.headers, a.text]))).not.toMatch(/stale|www-authenticate|invalid_grant/i)
  })

  it('N026: an upstream’s 401 and 403, and what stands in their headers, never reach the host (R109)', async () => {
    await start({
      check: known,
      era,
      needs: method => (method === 'tools/call' ? ['admin'] : []),
    })
    await world.grant('alice', 'alice-upstream-token')
    const answer = await callTool(world, 'whoami')
    expect(answer.status).toBe(200)
    expect(answer.headers['www-authenticate']).toBeUndefined()
    expect(answer.body.error.data).toMatchObject({ reason: 'connection-required', url: expect.stringContaining('/oauth/connect/') })
    expect(answer.body.error.message).toContain('`admin`')
    expect(answer.text).not.toContain('resource_metadata')
  })

  it('rmcp GHSA-9g45-5xwm-f3wc: a redirect is not followed, so no credential goes elsewhere', async () => {
    const elsewhere: string[] = []
    const { startHttp } = await import('../support/upstreams/http-upstream.ts')
    const thief = await startHttp(({ req, res }) => {
      elsewhere.push(req.rawHeaders.join())
      res.writeHead(200).end()
    })
    await start({
      check: known,
      era,
      more: ({ res, message }) => {
        if (message?.method !== 'tools/call') return false
        res.writeHead(307, { location: thief.url }).end()
        return true
      },
    })
    await world.grant('alice', 'alice-upstream-token')
    expect((await callTool(world, 'whoami')).body.error.data.reason).toBe('upstream-unavailable')
    expect(elsewhere).toEqual([])
    await thief.close()
  })

  it.each(['authorization', 'x-api-key', 'cookie', 'mcp-param-authorization', 'proxy-authorization'])(
    'ContextForge CVE-2026-110279: a host’s own `%s` header does not take the place of the managed credential',
    async name => {
      await start({ check: known, era })
      await world.grant('alice', 'alice-upstream-token')
      const value = name === 'authorization' ? `Bearer ${world.tokens.alice}` : 'Bearer bob-upstream-token'
      const answer = await callTool(world, 'whoami', {}, { headers: { [name]: value } })
      expect(textOf(answer).account).toBe('alice')
      expect(new Set(carried())).toEqual(new Set(['alice-upstream-token']))
      const call = world.up.seen.find(({ message }) => message?.method === 'tools/call')
      expect(call?.req.headersDistinct['authorization']).toEqual(['Bearer alice-upstream-token'])
    },
  )
})

it('another application of the same person needs the person’s consent before it may use a connected account (R119)', async () => {
  await start({ check: known })
  await world.grant('alice', 'alice-upstream-token', { client: 'test' })
  expect(textOf(await callTool(world, 'whoami')).account).toBe('alice')
  const evil = await world.gateway.token(world.path, { client_id: 'evil-host' })
  const answer = await callTool(world, 'whoami', {}, { token: evil })
  expect(answer.body.error.data.reason).toBe('connection-required')
  expect(answer.body.error.message).toContain('evil-host')
})

it('a grant that the store hands out for somebody else serves nobody', async () => {
  await start({ check: known })
  await world.grant('bob', 'bob-upstream-token')
  const [bobs] = [...world.stores.grants.rows.values()]
  world.stores.grants.find = async () => bobs
  expect((await callTool(world, 'whoami')).body.error.data.reason).toBe('connection-required')
  expect(world.up.seen).toEqual([])
})

it('a store that fails lets nobody through', async () => {
  await start({ check: known })
  world.stores.grants.find = () => Promise.reject(new Error('disk'))
  expect((await callTool(world, 'whoami')).body.error.data.reason).toBe('credential-unavailable')
  expect(world.up.seen).toEqual([])
})

describe('how a host is asked', () => {
  const URLS = { elicitation: { url: {} } }
  it('2026-07-28: input_required with a URL, bound to the call; the retry finds the credential', async () => {
    await start({ check: known })
    const asked = await callTool(world, 'whoami', {}, { capabilities: URLS })
    expect(asked.status).toBe(200)
    const { inputRequests, requestState, resultType } = asked.body.result
    expect(resultType).toBe('input_required')
    expect(inputRequests.connect).toMatchObject({
      method: 'elicitation/create',
      params: { mode: 'url', url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/oauth\/connect\/[\w-]{43}$/) },
    })
    expect(inputRequests.connect.params.url).not.toContain('alice')
    await world.grant('alice', 'alice-upstream-token')
    const retry = { name: 'whoami', arguments: {}, requestState, inputResponses: { connect: { action: 'accept' } } }
    expect(textOf(await modern(world, 'tools/call', retry, { capabilities: URLS })).account).toBe('alice')
    // the state is of no use to Bob
    expect((await modern(world, 'tools/call', retry, { who: 'bob', capabilities: URLS })).body.error.data.reason).toBe('state-invalid')
    const call = world.up.seen.find(({ message }) => message?.method === 'tools/call')
    expect(call?.body).not.toMatch(/inputResponses|requestState/)
  })
  it('a person who declined is told, and not asked again; and nobody is asked for ever', async () => {
    await start({ check: known, settings: { limits: { rounds: 3 } } })
    const first = await callTool(world, 'whoami', {}, { capabilities: URLS })
    const retry = (action: string, requestState: string) =>
      modern(
        world,
        'tools/call',
        { name: 'whoami', arguments: {}, requestState, inputResponses: { connect: { action } } },
        { capabilities: URLS },
      )
    expect((await retry('decline', first.body.result.requestState)).body.error.data.reason).toBe('connection-required')
    let state = first.body.result.requestState
    for (let round = 2; round <= 3; round++) state = (await retry('accept', state)).body.result.requestState
    expect((await retry('accept', state)).body.error.data.reason).toBe('connection-required')
  })
  it('2025-11-25 with url elicitation: -32042 with the link and an id', async () => {
    await start({ check: known })
    const host = await LegacyHost.open(world, { capabilities: URLS })
    const { error } = (await host.call('whoami')).body
    expect(error.code).toBe(-32042)
    expect(error.data.elicitations).toEqual([
      { mode: 'url', elicitationId: expect.stringMatching(/^[\w-]{43}$/), url: error.data.url, message: expect.any(String) },
    ])
  })
  it.each(['2025-06-18', '2025-03-26', '2025-11-25'])('%s without url elicitation: an error with the link', async version => {
    await start({ check: known })
    const host = await LegacyHost.open(world, { version })
    const { error } = (await host.call('whoami')).body
    expect(error).toMatchObject({ code: -31428, data: { reason: 'connection-required', url: expect.stringContaining('/oauth/connect/') } })
    expect(error.message).toContain(error.data.url)
  })
  it('the same wish gets the same link; a flood of calls keeps no more than one', async () => {
    await start({ check: known })
    const urls = await Promise.all(Array.from({ length: 20 }, async () => (await callTool(world, 'whoami')).body.error.data.url as string))
    expect(new Set(urls).size).toBe(1)
  })
  it('a host connects all the same: the endpoint says what is missing, and an aggregate leaves the server out', async () => {
    await start({ check: known })
    const about = await modern(world, 'server/discover')
    expect(about.body.result.instructions).toMatch(/account .*\/connections/)
    expect((await modern(world, 'tools/list')).body.error.data.reason).toBe('connection-required')
    const token = await world.gateway.token('/mcp')
    const all = await modern(world, 'tools/list', {}, { path: '/mcp', token })
    expect(all.body.result.tools).toEqual([])
    expect(world.up.seen).toEqual([])
  })
})
