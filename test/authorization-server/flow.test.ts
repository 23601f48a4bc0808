// Signing in to an application, and what becomes of it while the identity provider changes its mind.

import { readFileSync, statSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { publicKeyFile, rotateSigningKeys } from '../../src/adapters/authorization-server/signing-keys.ts'
import { Browser } from './browser.ts'
import { CALLBACK, claimsOf, registered, startWorld, type World } from './world.ts'

let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.stop())

const family = async () => {
  const host = await registered(world)
  return { host, ...(await host.redeem(await host.authorize({ scope: 'files:read files:write' }))) }
}

describe('signing in to an application', () => {
  it('asks who it is at the identity provider, asks for consent, and gives a token for the endpoint and the person', async () => {
    const host = await registered(world)
    const browser = new Browser(world.base)
    const login = await browser.open(host.authorizeUrl({ scope: 'openid files:read files:write' }))
    expect(login.html).toContain('Sign in')
    const asked = await browser.signIn(login)
    expect(asked.html).toContain('Allow “Test host” to act for you?')
    const end = await browser.press(asked, 'oauth/consent', { answer: 'allow' })
    expect(end.url.startsWith(`${CALLBACK}?code=`)).toBe(true)
    expect(Object.fromEntries(new URL(end.url).searchParams)).toMatchObject({ iss: world.base, state: 'the-state' })
    const tokens = await host.redeem(end)
    expect(tokens).toMatchObject({ status: 200, token_type: 'Bearer', expires_in: 600, scope: 'mcp files:read files:write' })
    expect(await world.judge(tokens.access_token)).toMatchObject({ key: `${world.idp.issuer} alice`, kind: 'person', client: host.clientId, groups: ['staff'], scopes: ['mcp', 'files:read', 'files:write'], sessionId: claimsOf(tokens.access_token)['sid'] as string }) // prettier-ignore
    const claims = claimsOf(tokens.access_token)
    expect(claims).toMatchObject({ iss: world.base, aud: `${world.base}/mcp`, idp_iss: world.idp.issuer, idp_sub: 'alice', groups: ['staff'], client_id: host.clientId }) // prettier-ignore
    expect(claims['exp'] - claims['iat']).toBe(600)
    expect([claims['sub'], claims['sid'], claims['jti']]).toEqual([expect.stringMatching(/^[\w-]{43}$/), expect.stringMatching(/^[\w-]{22}$/), expect.any(String)]) // prettier-ignore
    expect(claims['sub']).not.toContain('alice')
    // code, PKCE, state and nonce towards the provider
    expect(Object.fromEntries(world.idp.lastRequest)).toMatchObject({ response_type: 'code', code_challenge_method: 'S256', state: expect.any(String), nonce: expect.any(String), client_id: 'gatehouse' }) // prettier-ignore
    expect(world.troubles).toEqual([])
  })

  it('keeps the person signed in for the next application, and asks again where that one wants it (`prompt=login`)', async () => {
    const browser = new Browser(world.base)
    world.ahead = -5 // signed in a while ago
    await (await registered(world)).authorize({}, browser)
    world.ahead = 0
    const next = await registered(world)
    expect((await browser.open(next.authorizeUrl())).html).toContain('to act for you?')
    const again = await browser.open(next.authorizeUrl({ prompt: 'login' }))
    expect(again.html).toContain('Sign in again')
    world.idp.nextUser = 'bob'
    const page = await browser.signIn(again)
    expect(page.html).toContain('<strong>bob of the test</strong>')
    expect(world.idp.lastRequest.get('prompt')).toBe('login')
  })

  it('a person may refuse, and the application is told', async () => {
    const host = await registered(world)
    const { page, browser } = await host.ask()
    expect((await browser.press(page, 'oauth/consent', { answer: 'refuse' })).url).toMatch(
      /^http:\/\/localhost:33418\/callback\?error=access_denied&/,
    )
    expect(world.events.map(({ what }) => what)).toEqual(['sign-in', 'consent-refused'])
  })

  it('a client that names no scopes gets what the person ticks of everything that is theirs', async () => {
    world.entitled.set('alice', ['files:read', 'memory:use'])
    const host = await registered(world)
    const { page, browser } = await host.ask()
    expect(browser.form(page, 'oauth/consent').fields.filter(([name]) => name === 'scope').map(([, value]) => value)).toEqual(['files:read', 'memory:use']) // prettier-ignore
    const end = await browser.press(page, 'oauth/consent', { answer: 'allow', scope: ['memory:use'] })
    expect(claimsOf((await host.redeem(end)).access_token)['scope']).toBe('mcp memory:use')
  })

  it('a person to whom nothing is permitted can sign in all the same, to nothing', async () => {
    world.entitled.set('alice', [])
    const host = await registered(world)
    const { page, browser } = await host.ask({ scope: 'files:read' })
    expect(page.html).toContain('Not given, because they are not yours to give or do not exist')
    expect(claimsOf((await host.redeem(await browser.press(page, 'oauth/consent', { answer: 'allow' }))).access_token)['scope']).toBe('mcp')
  })

  it('an application that wants to administer is asked about as such: roles count there, and no scopes', async () => {
    world.entitled.set('alice', [])
    const host = await registered(world)
    const { page, browser } = await host.ask({ resource: `${world.base}/admin` })
    expect(page.html).toContain('It could then administer this gateway with every role that is yours.')
    expect(page.html).not.toContain('to use nothing')
    const end = await browser.press(page, 'oauth/consent', { answer: 'allow' })
    expect(claimsOf((await host.redeem(end)).access_token)).toMatchObject({ aud: `${world.base}/admin`, scope: 'mcp' })
  })

  it('whoever types the bare address of the gateway comes to their connections, by way of signing in', async () => {
    const browser = new Browser(world.base)
    const page = await browser.signIn(await browser.open('/'))
    expect([page.url, page.status]).toEqual([`${world.base}/connections`, 200])
  })

  it.each(['cursor://anysphere.cursor-mcp/oauth/callback', 'https://www.cursor.com/agents/mcp/oauth/callback', CALLBACK])(
    'an application that registers redirects of all kinds at once, as Cursor does, is sent back to the one it names: %s',
    async redirect_uri => {
      const redirect_uris = ['cursor://anysphere.cursor-mcp/oauth/callback', 'https://www.cursor.com/agents/mcp/oauth/callback', CALLBACK]
      const host = await registered(world, { redirect_uris })
      const end = await host.authorize({ redirect_uri })
      expect(end.url.startsWith(`${redirect_uri}?code=`)).toBe(true)
      expect(await host.redeem(end, { redirect_uri })).toMatchObject({ status: 200 })
    },
  )
  it('whoever the provider refuses is not signed in', async () => {
    world.idp.nextUser = 'mallory'
    const { page } = await (await registered(world)).ask()
    expect(page.status).toBe(400)
    expect(page.html).toContain('You were not signed in')
    expect(page.html).not.toContain('not you')
  })
})

describe('a provider that does not say that it supports PKCE', () => {
  const HIDES = ['code_challenge_methods_supported']
  it('is not used: 503, and nobody is sent there (R112)', async () => {
    world.idp.hides = HIDES
    const { page } = await (await registered(world)).ask()
    expect([page.status, world.idp.asked]).toEqual([503, expect.not.arrayContaining(['/auth'])])
    expect(world.troubles.join()).toContain('PKCE')
  })
  it('is used with PKCE all the same where the configuration vouches for it', async () => {
    await world.stop()
    world = await startWorld({ login: { isPkceAssumed: true } })
    world.idp.hides = HIDES
    expect((await family()).access_token).toBeDefined()
    expect(world.idp.lastRequest.get('code_challenge_method')).toBe('S256')
  })
})

describe('people named by two claims (Entra ID: `tid+oid`)', () => {
  const TENANT = '11111111-aaaa', ALICE = '22222222-bbbb' // prettier-ignore
  beforeEach(async () => {
    await world.stop()
    world = await startWorld({ login: { subjectClaim: 'tid+oid' } })
  })
  it('are the pair, whatever `sub` says, after a refresh too; somebody of another tenant is somebody else', async () => {
    world.idp.more = { tid: TENANT, oid: ALICE }
    const { host, access_token, refresh_token } = await family()
    expect(claimsOf(access_token)['idp_sub']).toBe(`${TENANT}/${ALICE}`)
    world.ahead = 120
    const next = await host.refresh(refresh_token)
    expect(await world.judge(next.access_token)).toMatchObject({ key: `${world.idp.issuer} ${TENANT}/${ALICE}` })
    world.idp.more = { tid: 'another', oid: ALICE }
    world.ahead = 240
    expect(await host.refresh(next.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
    expect(claimsOf((await family()).access_token)['idp_sub']).toBe(`another/${ALICE}`)
  })
  it.each([{ oid: ALICE }, { tid: TENANT }, { tid: TENANT, oid: '' }, {}])('nobody is signed in with half a name: %j', async more => {
    world.idp.more = more
    const { page } = await (await registered(world)).ask()
    expect([page.status, world.stores.dump()]).toEqual([400, expect.not.stringContaining('of the test')])
  })
})

describe('refreshing, while the identity provider changes its mind', () => {
  it('groups are read again, and scopes are cut down to what the person is entitled to now', async () => {
    const { host, refresh_token } = await family()
    world.idp.accounts.set('alice', ['contractors'])
    world.entitled.set('alice', ['files:read'])
    world.ahead = 120
    const { access_token, scope } = await host.refresh(refresh_token)
    expect([claimsOf(access_token)['groups'], scope]).toEqual([['contractors'], 'mcp files:read'])
    expect(world.regrouped).toEqual([`${world.idp.issuer} alice`])
    world.ahead = 240
    expect(await host.refresh(refresh_token)).toMatchObject({ status: 400 }) // used before: rotated
    expect(world.regrouped).toHaveLength(1)
  })
  it('a new sign-in that shows other groups speaks for the older ones: none of them brings groups back that were taken away', async () => {
    world.idp.withoutRefresh = true // the provider cannot be asked about this one again
    const old = await family()
    world.idp.accounts.set('alice', ['contractors'])
    await family()
    expect(world.regrouped).toEqual([`${world.idp.issuer} alice`])
    world.ahead = 120
    const { access_token } = await old.host.refresh(old.refresh_token)
    expect(claimsOf(access_token)['groups']).toEqual(['contractors'])
  })
  it('an account that is gone ends its tokens, browser sessions and sign-in', async () => {
    const host = await registered(world)
    const browser = new Browser(world.base)
    const { access_token, refresh_token } = await host.redeem(await host.authorize({}, browser))
    world.idp.accounts.delete('alice')
    world.ahead = 120
    expect(await host.refresh(refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
    expect(world.ended).toContain(claimsOf(access_token)['sid'])
    expect((await browser.open('/connections')).html).toContain('Sign in')
    world.idp.accounts.set('alice', [])
    expect(await host.refresh(refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  })
  it('an outage is 503 with a time to come back; nothing is spent, and the same refresh token works afterwards', async () => {
    const { host, refresh_token } = await family()
    world.idp.isDown = true
    world.ahead = 120
    const answer = await fetch(`${world.base}/oauth/token`, { method: 'POST', body: new URLSearchParams({ client_id: host.clientId, grant_type: 'refresh_token', refresh_token: refresh_token! }) }) // prettier-ignore
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '30'])
    expect(await answer.json()).toMatchObject({ error: 'temporarily_unavailable' })
    world.idp.isDown = false
    expect(await host.refresh(refresh_token)).toMatchObject({ status: 200 })
  })
  it('during an outage nobody signs in: 503, and never a default person', async () => {
    world.idp.isDown = true
    const browser = new Browser(world.base)
    const page = await browser.signIn(await browser.open('/connections'))
    expect([page.status, browser.cookies.has('gatehouse')]).toEqual([503, false])
    world.idp.isDown = false
    expect((await browser.signIn(await browser.open('/connections'))).html).toContain('Signed in as')
  })
  it('a burst of refreshes asks the provider once', async () => {
    const hosts = [await family(), await family()]
    world.ahead = 120
    world.idp.asked.length = 0
    await Promise.all(hosts.map(({ host, refresh_token }) => host.refresh(refresh_token)))
    // one sign-in each: two questions; within the next minute none
    const questions = () => world.idp.asked.filter(path => path === '/token').length
    expect(questions()).toBe(2)
  })
  it('where the provider gives no refresh token the sign-in ends with the working day', async () => {
    world.idp.withoutRefresh = true
    const { host, refresh_token } = await family()
    world.ahead = 7 * 3600
    const later = await host.refresh(refresh_token)
    expect(later.status).toBe(200)
    world.ahead = 9 * 3600
    expect(await host.refresh(later.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  })
})

describe('the Connections page', () => {
  it('lists the applications a person allowed, and revokes one with its tokens', async () => {
    const host = await registered(world, { client_name: 'My editor' })
    const browser = new Browser(world.base)
    const { access_token, refresh_token } = await host.redeem(await host.authorize({ scope: 'files:read' }, browser))
    const page = await browser.open('/connections')
    expect(page.html).toMatch(/My editor[\s\S]*Your MCP servers[\s\S]*files:read/)
    const after = await browser.press(page, 'applications/revoke')
    expect(after.html).toContain('The application is revoked')
    expect(after.html).not.toContain('My editor')
    expect(world.ended).toContain(claimsOf(access_token)['sid'])
    expect(await host.refresh(refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
    expect(world.events.at(-1)).toMatchObject({ what: 'application-revoked', name: host.clientId })
    expect(world.forgotten).toEqual([`${world.idp.issuer} alice ${host.clientId}`])
  })
  it('shows nobody the connections of another, and takes no form of another’s page', async () => {
    const host = await registered(world, { client_name: 'Alice’s editor' })
    const alice = new Browser(world.base)
    const { refresh_token } = await host.redeem(await host.authorize({}, alice))
    const page = await alice.open('/connections')
    world.idp.nextUser = 'bob'
    const bob = new Browser(world.base)
    await bob.signIn(await bob.open('/connections'))
    expect((await bob.open('/connections')).html).not.toContain('editor')
    expect((await bob.press(page, 'applications/revoke')).status).toBe(403)
    // Even with a form of his own: what he names is not his.
    const own = bob.form(await bob.open('/connections'), 'sign-out')
    expect((await bob.open('/connections/applications/revoke', { method: 'POST', body: new URLSearchParams({ csrf: own.fields[0]![1], client: host.clientId }), headers: { origin: world.base } })).status).toBe(403) // prettier-ignore
    expect(await host.refresh(refresh_token)).toMatchObject({ status: 200 })
  })
  it('signing out ends the browser’s session and nothing else', async () => {
    const host = await registered(world)
    const browser = new Browser(world.base)
    const { refresh_token } = await host.redeem(await host.authorize({}, browser))
    const kept = browser.cookies.get('gatehouse')!
    expect((await browser.press(await browser.open('/connections'), 'sign-out')).html).toContain('Signed out')
    browser.cookies.set('gatehouse', kept)
    expect((await browser.open('/connections')).html).toContain('Sign in')
    expect(await host.refresh(refresh_token)).toMatchObject({ status: 200 })
  })
})

describe('keys', () => {
  it('are private, published without their private half, and a rotation keeps tokens of the one before good', async () => {
    const { access_token } = await family()
    const mode = (file: string) => (statSync(file).mode & 0o777).toString(8)
    const published = publicKeyFile(world.dataDir)
    expect([mode(published), mode(published.replace('-public', ''))]).toEqual(['600', '600'])
    expect(readFileSync(published, 'utf8')).not.toContain('"d"')
    expect(JSON.stringify(await (await fetch(`${world.base}/oauth/jwks`)).json())).not.toContain('"d"')
    const [first, second] = [await rotateSigningKeys(world.dataDir), await rotateSigningKeys(world.dataDir)]
    expect(first).toHaveLength(2)
    expect(second.map(({ kid }) => kid)).toEqual([expect.any(String), first[0]!.kid])
    // two rotations on, the key that signed this token is forgotten
    expect(await world.judge(access_token)).toMatchObject({ stop: 'token-invalid' })
  })
  it('after one rotation the token is still good', async () => {
    const { access_token } = await family()
    await rotateSigningKeys(world.dataDir)
    expect(await world.judge(access_token)).toMatchObject({ groups: ['staff'] })
  })
})
