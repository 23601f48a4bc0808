// Introspection (RFC 7662) and proofs of possession (RFC 9449) with a genuine issuer, through a running gateway.

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listen } from '../attacks/admin-wire.ts'
import { send, type Answer } from '../attacks/wire.ts'
import { callTool, expectRefused, type Over } from '../attacks/world.ts'
import { proofOf } from '../identity/dpop.ts'
import { TestKey } from '../identity/issuer.ts'
import { GATEWAY, startRealWorld, type RealWorld } from './real-issuer.ts'

const echo = (world: RealWorld, over: Over = {}): Promise<Answer> => callTool(world, 'echo', {}, over)
const ASKED = { introspection: GATEWAY }

describe('opaque tokens, which the issuer is asked about', () => {
  let world: RealWorld
  beforeAll(async () => {
    world = await startRealWorld({ settings: ASKED })
  })
  afterAll(() => world.stop())
  const asked = (): number => world.issuer.asked.filter(({ line }) => line === 'POST /token/introspection').length

  it('are whoever it says, for the endpoint it says, and the rules see that principal', async () => {
    const token = await world.issuer.token(world.resource)
    expect(token).not.toContain('.')
    expect((await echo(world, { token })).status).toBe(200)
    const before = asked()
    expect((await echo(world, { token })).status).toBe(200)
    expect(asked()).toBe(before) // known for a while
    const intent = world.gateway.events().findLast(({ type }) => type === 'intent')
    expect(intent?.['principal']).toEqual({
      kind: 'person',
      authentication: { kind: 'introspected-token' },
      issuer: world.issuer.issuer,
      subject: 'alice',
      client: 'host',
      scopes: ['mcp', '*'],
      tokenId: expect.stringMatching(/^[\w-]{43}$/),
    })
  })
  it('N003 for another endpoint are refused', async () => {
    const token = await world.issuer.token(`${world.gateway.url}/mcp`)
    expectRefused(await echo(world, { token }), { status: 401, code: -32600, reason: 'token-invalid' })
  })
  it('N015 that were taken back, or never given out, count for nobody', async () => {
    const token = await world.issuer.token(world.resource)
    await world.issuer.revoke(token)
    expectRefused(await echo(world, { token }), { status: 401, code: -32600, reason: 'token-invalid' })
    expectRefused(await echo(world, { token: 'x'.repeat(43) }), { status: 401, code: -32600, reason: 'token-invalid' })
  })
  it('N011 a refresh token, which the issuer calls active too, is none', async () => {
    await world.issuer.token(world.resource)
    const token = world.issuer.refreshTokens.at(-1) ?? ''
    expect(token).not.toBe('')
    expectRefused(await echo(world, { token }), { status: 401, code: -32600, reason: 'token-invalid' })
  })
  it('the gateway is not told by name or secret of a host: it asks with its own', async () => {
    const { headers } = world.issuer.asked.find(({ line }) => line === 'POST /token/introspection')!
    expect(headers['authorization']).toBe(`Basic ${Buffer.from(`${GATEWAY.clientId}:${GATEWAY.clientSecret}`).toString('base64')}`)
  })
  it('N018 bound to a key count with its proof alone', async () => {
    const key = await TestKey.make('host')
    const token = await world.issuer.token(world.resource, key)
    expectRefused(await echo(world, { token }), { status: 401, code: -32600, reason: 'token-invalid' })
    expect((await echo(world, proven(world.resource, token, key))).status).toBe(200)
    const thief = await TestKey.make('thief')
    expectRefused(await echo(world, proven(world.resource, token, thief)), { status: 401, code: -32600, reason: 'token-invalid' })
  })
})

it('N015 an issuer that does not know the gateway any more lets nobody in, and readiness says so', async () => {
  const world = await startRealWorld({ settings: { introspection: { ...GATEWAY, clientSecret: 'of yesterday' } } })
  try {
    const token = await world.issuer.token(world.resource)
    expectRefused(await echo(world, { token }), { status: 503, code: -31503, reason: 'issuer-unavailable' })
    const ready = await send(world.port, { method: 'GET', path: '/readyz', headers: {} })
    expect(JSON.stringify(ready.body)).toContain('the introspection endpoint answered with status 401')
  } finally {
    await world.stop()
  }
})

const proven = (url: string, token: string, key: TestKey, method = 'POST'): Over => ({
  headers: {
    authorization: `DPoP ${token}`,
    dpop: proofOf(key, { token, method, url, nowSeconds: Math.floor(Date.now() / 1000), jti: randomUUID() }),
  },
})

describe('signed tokens bound to a key', () => {
  let world: RealWorld
  let key: TestKey
  let token: string
  beforeAll(async () => {
    world = await startRealWorld({ settings: { dpop: 'required' }, jwtSeconds: 600 })
    key = await TestKey.make('host')
    token = await world.issuer.token(world.resource, key)
  })
  afterAll(() => world.stop())
  const REFUSED = { status: 401, code: -32600, reason: 'token-invalid' }

  it('count with a proof by that key, made for this request', async () => {
    expect((await echo(world, proven(world.resource, token, key))).status).toBe(200)
    const stream = await listen(world, proven(world.resource, token, key))
    expect(stream.status).toBe(200)
    stream.close()
  })
  it('N018 are worth nothing to a thief: without a proof, as a bearer token, with his own key, with a proof he saw', async () => {
    expectRefused(await echo(world, { headers: { authorization: `DPoP ${token}` } }), REFUSED)
    expectRefused(await echo(world, { token }), REFUSED)
    expectRefused(await echo(world, proven(world.resource, token, await TestKey.make('thief'))), REFUSED)
    const seen = proven(world.resource, token, key)
    expect((await echo(world, seen)).status).toBe(200)
    const again = await echo(world, seen)
    expectRefused(again, REFUSED)
    expect(String(again.headers['www-authenticate'])).toMatch(/^DPoP algs="ES256.*error="invalid_token".*used before/)
  })
  it('N018 unbound ones of the same issuer are refused where they have to be bound, and its metadata says so', async () => {
    expectRefused(await echo(world, { token: await world.issuer.token(world.resource) }), REFUSED)
    const { body } = await send(world.port, { method: 'GET', path: `/.well-known/oauth-protected-resource${world.path}`, headers: {} })
    expect(body).toMatchObject({
      dpop_bound_access_tokens_required: true,
      dpop_signing_alg_values_supported: expect.arrayContaining(['ES256']),
    })
  })

  describe('administration', () => {
    let admin: string
    beforeAll(async () => {
      admin = await world.issuer.token(`${world.gateway.url}/admin`, key)
    })
    const act = (name: string, params: object | undefined, over: Over): Promise<Answer> =>
      send(world.port, {
        method: params ? 'POST' : 'GET',
        path: `/admin/${name}`,
        headers: { ...over.headers, ...(params && { 'content-type': 'application/json' }) },
        ...(params && { body: JSON.stringify(params) }),
      })
    const url = (name: string): string => `${world.gateway.url}/admin/${name}`
    const BLOCK = { kind: 'client', target: 'evil', why: 'an incident' }

    it('takes a proof for the URL of the act, reading or changing', async () => {
      expect(await act('whoami', undefined, proven(url('whoami'), admin, key, 'GET'))).toMatchObject({
        status: 200,
        body: { roles: ['operator'] },
      })
      expect((await act('block', BLOCK, proven(url('block'), admin, key))).status).toBe(200)
      expect((await act('blocks/list', undefined, proven(url('blocks/list'), admin, key, 'GET'))).status).toBe(200)
    })
    it.each<[string, () => Over]>([
      ['no proof', () => ({ headers: { authorization: `DPoP ${admin}` } })],
      ['no scheme of its own', () => ({ headers: { authorization: `Bearer ${admin}` } })],
      ['a proof for another act', () => proven(url('unblock'), admin, key)],
      ['a proof for administration as a whole', () => proven(`${world.gateway.url}/admin`, admin, key)],
      ['a proof for reading', () => proven(url('block'), admin, key, 'GET')],
      ['a proof for an MCP endpoint', () => proven(world.resource, admin, key)],
    ])('N018 refuses %s', async (_what, over) => {
      const answer = await act('block', { ...BLOCK, target: 'other' }, over())
      expect([answer.status, answer.body.error.reason]).toEqual([401, 'token-invalid'])
      expect(String(answer.headers['www-authenticate'])).toMatch(/^DPoP /)
    })
  })
})
