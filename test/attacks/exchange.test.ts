// Attacks on tokens that are exchanged for others: for whom, at which server, for which audience (N052), with servers that check what RFC 8693 and ID-JAG ask.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GRANTS, ID_JAG, startExchangeServer, type ExchangeOptions, type ExchangeServer } from '../connect/exchange-server.ts'
import { bearerOf, startGuarded } from '../connect/guarded-upstream.ts'
import { excuseEgress } from '../support/egress/setup.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import type { HttpUpstream } from '../support/upstreams/http-upstream.ts'
import { callTool, ROOMY, type World } from './world.ts'

const PATH = '/servers/up/mcp'
let gateway: TestGateway
let server: ExchangeServer
let provider: ExchangeServer
let up: HttpUpstream
let world: World
/** what the servers do besides being right */
let faults: { server?: Partial<ExchangeOptions>; provider?: Partial<ExchangeOptions> }
let targets: string[]

/** Whom a token of the gateway's issuer stands for; its audience is the gateway's endpoint, its signature is checked. */
async function subjectOf(token: string): Promise<string | undefined> {
  const keys = createLocalJWKSet(JSON.parse(readFileSync(join(gateway.dataDir, '../jwks.json'), 'utf8')))
  return jwtVerify(token, keys, { audience: `${gateway.snapshot.publicUrl}${PATH}` }).then(
    ({ payload }) => payload.sub,
    () => undefined,
  )
}

beforeEach(async () => {
  faults = {}
  targets = []
  const altered = (which: 'server' | 'provider'): Pick<ExchangeOptions, 'instead'> => ({ instead: form => faults[which]?.instead?.(form) })
  provider = await startExchangeServer({ targets: () => targets, subjectOf, ...altered('provider') })
  server = await startExchangeServer({ targets: () => targets, subjectOf, assertedBy: () => provider, ...altered('server') })
  up = await startGuarded({
    check: async token => {
      const account = server.holderOf(token)
      return account === undefined ? undefined : { account, scopes: [] }
    },
    issuers: () => [server.issuer],
  })
  targets.push(up.url)
  for (const { host } of [server, provider])
    excuseEgress({
      direction: 'to-upstream',
      peer: host,
      why: 'a token exchange shows the caller’s token to the configured server (RFC 8693)',
    })
})
afterEach(async () => {
  await gateway.stop()
  for (const each of [up, server, provider]) await each.close()
})

async function start(credential: object): Promise<void> {
  gateway = await startTestGateway({
    limits: ROOMY,
    upstreams: {
      up: {
        http: { url: up.url },
        credential: { issuer: server.issuer, clientId: 'gateway', clientSecret: server.clientSecret, ...credential },
        allow: [{ id: 't', subjects: ['*'], tools: ['*'] }],
      },
    },
  })
  const tokens = { alice: await gateway.token(PATH), bob: await gateway.token(PATH, { sub: 'bob' }) }
  world = { gateway, up, path: PATH, tokens, port: Number(new URL(gateway.url).port) } as unknown as World
}
const exchange = (more: object = {}): Promise<void> => start({ kind: 'token-exchange', ...more })
const assertion = (more: object = {}): Promise<void> =>
  start({
    kind: 'identity-assertion',
    identityProvider: { issuer: provider.issuer, clientId: 'gateway', clientSecret: provider.clientSecret },
    ...more,
  })

const accountOf = (answer: { body: any }): unknown => JSON.parse(answer.body.result.content[0].text).account
const carried = (): Set<string | undefined> =>
  new Set(up.seen.filter(({ message }) => message !== undefined).map(({ req }) => bearerOf(req)))
/** Nothing of a call ever reached the upstream, and the host is told why without a word of the other side. */
function expectRefused(answer: { body: any; text: string }, detail: string | RegExp): void {
  expect(answer.body.error.data.reason).toBe('credential-unavailable')
  expect(answer.body.error.message).toMatch(detail)
  expect(answer.text).not.toMatch(/PASSWORD|evil\.example/)
  expect(up.of('tools/call')).toEqual([])
}

describe('token exchange (RFC 8693)', () => {
  it('N052: each caller’s own token is exchanged, for the configured resource and audience, and only the exchanged one reaches the upstream', async () => {
    targets.push('the-api')
    await exchange({ audience: 'the-api', scopes: ['read'] })
    const [alice, bob] = await Promise.all([callTool(world, 'whoami'), callTool(world, 'whoami', {}, { who: 'bob' })])
    expect([accountOf(alice), accountOf(bob)]).toEqual(['alice', 'bob'])
    expect(
      server.asked.map(form => Object.fromEntries(form)).sort((a, b) => (a['subject_token'] === world.tokens.alice ? -1 : b ? 1 : 0)),
    ).toEqual(
      [world.tokens.alice, world.tokens.bob].map(subject_token => ({
        grant_type: GRANTS.exchange,
        subject_token,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        resource: up.url,
        audience: 'the-api',
        scope: 'read',
      })),
    )
    expect([...carried()].map(token => server.holderOf(token ?? '')).sort()).toEqual(['alice', 'bob'])
  })
  it('N052: one exchange serves a caller’s further calls', async () => {
    await exchange()
    for (let i = 0; i < 3; i++) expect(accountOf(await callTool(world, 'whoami'))).toBe('alice')
    expect(server.asked).toHaveLength(1)
  })
  it('N052: an audience outside the server’s allow-list is `invalid_target`: the call ends, nothing reaches the upstream', async () => {
    await exchange({ audience: 'https://somebody-elses.example' })
    expectRefused(await callTool(world, 'whoami'), /answered `invalid_target`/)
  })
  it('N052: a resource outside it too', async () => {
    await exchange({ resource: 'https://somebody-elses.example/mcp' })
    expectRefused(await callTool(world, 'whoami'), /answered `invalid_target`/)
  })
  it.each([
    ['arguments', { audience: 'https://evil.example', resource: 'https://evil.example', subject_token: 'x' }, {}],
    ['headers', {}, { 'x-audience': 'https://evil.example', 'mcp-param-audience': 'https://evil.example', 'x-subject-token': 'bob' }],
    ['the query', {}, {}],
  ])('N052: a caller who names an audience or subject in %s changes nothing', async (where, args, headers) => {
    await exchange()
    const path = where === 'the query' ? `${PATH}?audience=https://evil.example&resource=https://evil.example` : PATH
    const answer = await callTool(world, 'whoami', args, { headers, path })
    expect(accountOf(answer)).toBe('alice')
    const [form] = server.asked
    expect([form?.getAll('audience'), form?.getAll('resource'), form?.get('subject_token')]).toEqual([[], [up.url], world.tokens.alice])
  })
  it('N052: Bob’s calls exchange Bob’s token, whoever called before, and a token of Alice sent beside his own is not looked at', async () => {
    await exchange()
    expect(accountOf(await callTool(world, 'whoami'))).toBe('alice')
    const headers = {
      'x-subject-token': world.tokens.alice,
      'proxy-authorization': `Bearer ${world.tokens.alice}`,
      cookie: `token=${world.tokens.alice}`,
    }
    expect(accountOf(await callTool(world, 'whoami', { subject_token: 'alice' }, { who: 'bob', headers }))).toBe('bob')
    expect(server.asked.map(form => form.get('subject_token'))).toEqual([world.tokens.alice, world.tokens.bob])
  })
  it('N052: a subject token that the server does not accept is `invalid_request`; nobody is served by a fallback', async () => {
    await exchange()
    expect(accountOf(await callTool(world, 'whoami'))).toBe('alice')
    const before = up.seen.length
    faults = { server: { instead: () => ({ status: 400, body: { error: 'invalid_request', error_description: 'evil.example' } }) } }
    const bob = await callTool(world, 'whoami', {}, { who: 'bob' })
    expect(bob.body.error).toMatchObject({
      data: { reason: 'credential-unavailable' },
      message: expect.stringContaining('`invalid_request`'),
    })
    expect(bob.text).not.toContain('evil.example')
    expect(up.seen).toHaveLength(before)
  })
  it('N026 N052: a server that gives the caller’s own token back would pass it through: the token goes no further', async () => {
    await exchange()
    const same = (form: URLSearchParams): object => ({ access_token: form.get('subject_token'), token_type: 'Bearer', expires_in: 60 })
    faults = { server: { instead: form => ({ status: 200, body: same(form) }) } }
    excuseEgress({
      direction: 'to-upstream',
      peer: server.host,
      why: 'a token exchange shows the caller’s token to the configured server (RFC 8693)',
    })
    expectRefused(await callTool(world, 'whoami'), /gave back the very token it was given/)
    expect(carried()).toEqual(new Set())
  })
  it.each([
    ['a token of a kind that cannot be used', { access_token: 'x'.repeat(40), token_type: 'N_A' }],
    ['a token that fits no header', { access_token: 'a b\r\nx: y', token_type: 'Bearer' }],
    ['no token', { token_type: 'Bearer' }],
  ])('N052: an answer with %s is refused', async (_what, body) => {
    await exchange()
    faults = { server: { instead: () => ({ status: 200, body }) } }
    expectRefused(await callTool(world, 'whoami'), /a token that cannot be used|gave no usable answer/)
  })
  it('N052: a server in trouble means no credential, and when to come again; the next call asks anew', async () => {
    await exchange()
    faults = { server: { instead: () => ({ status: 503, body: {} }) } }
    expectRefused(await callTool(world, 'whoami'), /gave no usable answer|answered/)
    faults = {}
    expect(accountOf(await callTool(world, 'whoami'))).toBe('alice')
  })
})

describe('identity assertion (ID-JAG)', () => {
  it('N052: the identity provider asserts who calls, to the resource’s server alone, which issues the token', async () => {
    await assertion({ scopes: ['read'] })
    targets.push(server.issuer)
    const [alice, bob] = await Promise.all([callTool(world, 'whoami'), callTool(world, 'whoami', {}, { who: 'bob' })])
    expect([accountOf(alice), accountOf(bob)]).toEqual(['alice', 'bob'])
    for (const form of provider.asked) {
      expect(Object.fromEntries(form)).toMatchObject({
        grant_type: GRANTS.exchange,
        requested_token_type: ID_JAG,
        audience: server.issuer,
        resource: up.url,
        scope: 'read',
      })
      expect(Object.values(world.tokens)).toContain(form.get('subject_token'))
    }
    expect(server.asked.map(form => form.get('grant_type'))).toEqual([GRANTS.bearer, GRANTS.bearer])
    // The resource's server is shown assertions, never the callers' tokens.
    for (const form of server.asked) expect(await provider.asserted(form.get('assertion') ?? '', server.issuer)).toMatch(/^(alice|bob)$/)
    expect(JSON.stringify(server.asked.map(String))).not.toContain(world.tokens.alice.split('.')[2])
  })
  it('N052: an audience the identity provider does not assert to is `invalid_target`, and the resource’s server is not asked', async () => {
    await assertion()
    expectRefused(await callTool(world, 'whoami'), /answered `invalid_target`/)
    expect(server.asked).toEqual([])
  })
  it('N052: an access token in place of an assertion is not taken to the resource’s server', async () => {
    await assertion()
    faults = {
      provider: {
        instead: () => ({
          status: 200,
          body: {
            access_token: 'a-token-that-is-no-assertion',
            token_type: 'Bearer',
            issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          },
        }),
      },
    }
    expectRefused(await callTool(world, 'whoami'), /something else than an identity assertion/)
    expect(server.asked).toEqual([])
  })
  it('N052: an assertion made for another server is shown to nobody', async () => {
    await assertion()
    targets.push(server.issuer)
    const { body } = (await foreignAssertion()) as { body: object }
    faults = { provider: { instead: () => ({ status: 200, body }) } }
    expectRefused(await callTool(world, 'whoami'), /is for another authorization server/)
    expect(server.asked).toEqual([])
  })
  it('N052: a server that takes no assertions, by its own metadata, is shown none, and nobody asks for one', async () => {
    await server.close()
    server = await startExchangeServer({
      targets: () => targets,
      subjectOf,
      metadata: { authorization_grant_profiles_supported: ['other'] },
    })
    await assertion()
    expectRefused(await callTool(world, 'whoami'), /does not take identity assertions/)
    expect([provider.asked, server.asked]).toEqual([[], []])
  })
})

/** A genuine assertion of the provider, for somebody else's server. */
async function foreignAssertion(): Promise<unknown> {
  targets.push('https://another-server.example')
  const answer = await fetch(`${provider.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`gateway:${provider.clientSecret}`).toString('base64')}` },
    body: new URLSearchParams({
      grant_type: GRANTS.exchange,
      subject_token: world.tokens.alice,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      requested_token_type: ID_JAG,
      audience: 'https://another-server.example',
      resource: up.url,
    }),
  })
  provider.asked.length = 0
  return { body: await answer.json() }
}
