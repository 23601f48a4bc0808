// Back-channel logout: what an identity provider says ends somebody, and what anybody else says ends nobody.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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
