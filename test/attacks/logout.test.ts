// Back-channel logout: what an identity provider says ends somebody, and what anybody else says ends nobody.

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Browser } from '../authorization-server/browser.ts'
import { startRunning, type Running, type Tokens } from '../authorization-server/running.ts'
import { claimsOf } from '../authorization-server/world.ts'
import { IDP_CLIENT } from '../support/identity-provider.ts'
import { listen } from './admin-wire.ts'
import { send, type Answer } from './wire.ts'
import { callTool, expectRefused, LegacyHost, startWorld, works, type World } from './world.ts'

const ISSUER = 'https://issuer.test'
const AUDIENCE = 'gatehouse-web'
const EVENT = { 'http://schemas.openid.net/event/backchannel-logout': {} }
let world: World
let next = 0
beforeAll(async () => {
  world = await startWorld({ issuer: { logoutAudience: AUDIENCE } })
})
afterAll(() => world.stop())

const now = (): number => Math.floor(Date.now() / 1000)
const claims = (more: object = {}): Record<string, unknown> => ({
  iss: ISSUER,
  aud: AUDIENCE,
  iat: now(),
  exp: now() + 120,
  jti: `logout-${(next += 1)}`,
  events: EVENT,
  ...more,
})
const post = (token: string): Promise<Answer> =>
  send(world.port, {
    path: '/oauth/backchannel-logout',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ logout_token: token }).toString(),
  })
const logout = async (more: object, typ = 'logout+jwt'): Promise<Answer> => post(await world.gateway.sign(claims(more), typ))
/** A token issued a little earlier, so that a logout now is later. */
const tokenOf = (sub: string, more: object = {}): Promise<string> => world.gateway.token(world.path, { sub, iat: now() - 5, ...more })
const statusWith = async (token: string): Promise<number> => (await callTool(world, 'echo', {}, { token })).status

describe('a logout token', () => {
  it('that names a principal ends its streams, sessions and tokens, and is recorded; a later sign-in counts', async () => {
    const token = await tokenOf('carol')
    const [stream, host] = [await listen(world, { token }), await LegacyHost.open(world, { token })]
    expect((await logout({ sub: 'carol' })).status).toBe(200)
    await stream.ended
    expectRefused(await host.call('echo'), { status: 401, code: -32600, reason: 'token-revoked' })
    expect(world.gateway.events()).toContainEqual(
      expect.objectContaining({ what: 'backchannel-logout', detail: expect.objectContaining({ principal: `${ISSUER} carol` }) }),
    )
    expect(await statusWith(await tokenOf('carol', { iat: now() + 2 }))).toBe(200)
  })
  it('that names a sign-in ends that one, and others of the same person go on', async () => {
    const [one, other] = [await tokenOf('dora', { sid: 's1' }), await tokenOf('dora', { sid: 's2' })]
    const [mine, its] = [await listen(world, { token: one }), await listen(world, { token: other })]
    expect((await logout({ sid: 's1' })).status).toBe(200)
    await mine.ended
    expect([await statusWith(one), await statusWith(other)]).toEqual([401, 200])
    its.close()
  })
  it('that names both also ends what names no sign-in, but not another sign-in', async () => {
    const [unnamed, other] = [await tokenOf('erin'), await tokenOf('erin', { sid: 's4' })]
    expect((await logout({ sub: 'erin', sid: 's3' })).status).toBe(200)
    expect([await statusWith(unnamed), await statusWith(other)]).toEqual([401, 200])
  })
  it('works once (replay)', async () => {
    const token = await world.gateway.sign(claims({ sub: 'nobody' }), 'logout+jwt')
    const answers = await Promise.all([post(token), post(token), post(token)])
    expect(answers.map(a => a.status).sort()).toEqual([200, 400, 400])
  })
})

describe('attack: ends nobody', () => {
  it.each<[string, object, string?]>([
    ['another issuer', { iss: 'https://evil.example' }],
    ['another audience', { aud: 'somebody-else' }],
    ['this audience among others', { aud: [AUDIENCE, 'somebody-else'] }],
    ['no audience', { aud: undefined }],
    ['a nonce: an ID token', { nonce: 'x' }],
    ['no events', { events: undefined }],
    ['another event', { events: { 'https://schemas.openid.net/secevent/risc/event-type/account-disabled': {} } }],
    ['an event that is no object', { events: { 'http://schemas.openid.net/event/backchannel-logout': true } }],
    ['no jti', { jti: undefined }],
    ['an old one', { iat: now() - 600 }],
    ['one from the future', { iat: now() + 600, exp: now() + 700 }],
    ['an expired one', { iat: now() - 100, exp: now() - 90 }],
    ['no end', { exp: undefined }],
    ['nobody named', { sub: undefined }],
    ['an access token by its type', {}, 'at+jwt'],
  ])('%s', async (_what, more, typ) => {
    expect((await logout({ sub: 'alice', ...more }, typ)).status).toBe(400)
    await works(world, 'alice')
  })
  it('an access token of the victim', async () => {
    expect((await post(world.tokens.alice)).status).toBe(400)
    await works(world, 'alice')
  })
  it('no signature, another signature, an unsigned algorithm', async () => {
    const good = await world.gateway.sign(claims({ sub: 'alice' }), 'logout+jwt')
    const [header = '', payload = ''] = good.split('.')
    const none = Buffer.from(JSON.stringify({ alg: 'none', kid: 'k1', typ: 'logout+jwt' })).toString('base64url')
    for (const token of [`${header}.${payload}.`, `${header}.${payload}.${'A'.repeat(86)}`, `${none}.${payload}.AAAA`, 'x', ''])
      expect((await post(token)).status).toBe(400)
    await works(world, 'alice')
  })
  it('two tokens, JSON, GET', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const path = '/oauth/backchannel-logout'
    expect((await send(world.port, { path, headers: form, body: 'logout_token=a&logout_token=b' })).status).toBe(400)
    expect((await send(world.port, { path, headers: { 'content-type': 'application/json' }, body: '{}' })).status).toBe(400)
    expect((await send(world.port, { method: 'GET', path })).status).toBe(405)
  })
})

describe('an identity provider that people sign in at, and that stands in `identity.login` alone', () => {
  let running: Running
  beforeAll(async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now(), shouldAdvanceTime: true })
    running = await startRunning()
  })
  afterAll(async () => {
    await running.stop()
    vi.useRealTimers()
  })
  /** Time passes, so that what is issued afterwards is later than the sign-out. */
  const nextSecond = (): unknown => vi.setSystemTime(Date.now() + 1000)
  const at = ({ access }: Tokens): World => ({ ...running, tokens: { alice: access, bob: access } })
  const status = async (tokens: Tokens): Promise<number> => (await callTool(at(tokens), 'echo')).status
  const send1 = (token: string): Promise<Answer> =>
    send(running.port, {
      path: '/oauth/backchannel-logout',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ logout_token: token }).toString(),
    })
  const said = (more: object = {}): Record<string, unknown> => ({
    ...claims({ iss: running.idp.issuer, aud: IDP_CLIENT.clientId, sub: 'alice' }),
    ...more,
  })
  const sessionOf = async (browser: Browser): Promise<string> => (await browser.open('/connections')).html

  it('ends a sign-in with its stream, tokens, refresh token and browser session, as oidc-provider itself says it; another sign-in goes on', async () => {
    const [mine, other] = [new Browser(running.gateway.url), new Browser(running.gateway.url)]
    const [tokens, others] = [await running.signIn(mine), await running.signIn(other)]
    const stream = await listen(at(tokens), { token: tokens.access })
    const { sids } = running.idp
    expect(new Set(sids).size).toBe(2)
    nextSecond()
    await running.idp.signOut('alice', sids[0])
    await stream.ended
    expect([await status(tokens), await status(others)]).toEqual([401, 200])
    expect(await running.refresh(tokens)).toBeUndefined()
    expect(await running.refresh(others)).toBeDefined()
    expect(await sessionOf(mine)).toContain('Sign in')
    expect(await sessionOf(other)).toContain('Signed in as')
    expect(running.gateway.events()).toContainEqual(
      expect.objectContaining({
        what: 'backchannel-logout',
        detail: expect.objectContaining({ principal: `${running.idp.issuer} alice` }),
      }),
    )
  })
  it('ends everything of a person that it names without a sign-in', async () => {
    const tokens = await running.signIn()
    nextSecond()
    expect((await send1(await running.idp.sign(said()))).status).toBe(200)
    expect(await status(tokens)).toBe(401)
    expect(await running.refresh(tokens)).toBeUndefined()
    nextSecond()
    expect(await status(await running.signIn())).toBe(200)
  })
  it('is believed about sign-outs and nothing else: its own access token for an endpoint is worth nothing here', async () => {
    const claimed = {
      iss: running.idp.issuer,
      aud: `${running.gateway.url}${running.path}`,
      sub: 'alice',
      client_id: 'host',
      scope: 'up:use',
      groups: ['staff'],
    }
    const token = await running.idp.sign({ ...claimed, iat: now(), exp: now() + 300 }, { typ: 'at+jwt' })
    expectRefused(await callTool(at({ access: token, refresh: '' }), 'echo'), { status: 401, code: -32600, reason: 'token-invalid' })
  })

  describe('attack: ends nobody', () => {
    let victim: Tokens
    beforeAll(async () => {
      nextSecond()
      victim = await running.signIn()
    })
    it.each<[string, object, Record<string, string>?]>([
      ['another client of the same provider', { aud: 'somebody-else' }],
      ['this client among others', { aud: [IDP_CLIENT.clientId, 'somebody-else'] }],
      ['an endpoint of this gateway', { aud: 'http://127.0.0.1/mcp' }],
      ['no audience', { aud: undefined }],
      ['the gateway as issuer', { iss: 'http://127.0.0.1:1' }],
      ['a nonce: an ID token', { nonce: 'n' }],
      ['no events', { events: undefined }],
      ['another event', { events: { 'https://schemas.openid.net/secevent/risc/event-type/account-disabled': {} } }],
      ['no jti', { jti: undefined }],
      ['an old one', { iat: now() - 600 }],
      ['nobody named', { sub: undefined }],
      ['an access token by its type', {}, { typ: 'at+jwt' }],
      ['a key that the provider does not publish', {}, { kid: 'another' }],
    ])('%s', async (_what, more, header) => {
      expect((await send1(await running.idp.sign(said(more), header))).status).toBe(400)
      expect(await status(victim)).toBe(200)
    })
    it('alg none, no signature, and the gateway’s own access token', async () => {
      const [header = '', payload = ''] = (await running.idp.sign(said())).split('.')
      const none = Buffer.from(JSON.stringify({ alg: 'none', kid: 'idp', typ: 'logout+jwt' })).toString('base64url')
      for (const token of [`${none}.${payload}.`, `${none}.${payload}.AAAA`, `${header}.${payload}.`, victim.access])
        expect((await send1(token)).status).toBe(400)
      expect(await status(victim)).toBe(200)
    })
    it('a second time with the same token (replay): who has signed in since stays', async () => {
      const token = await running.idp.sign(said())
      expect((await send1(token)).status).toBe(200)
      nextSecond()
      const since = await running.signIn()
      expect((await send1(token)).status).toBe(400)
      expect(await status(since)).toBe(200)
      expect(claimsOf(since.access)['idp_sub']).toBe('alice')
    })
  })
})
