// Tokens the issuer is asked about (RFC 7662): taken back means refused, silence means refused for now, never let in.

import { describe, expect, it } from 'vitest'
import { createIntrospection, type IntrospectedIssuer } from '../../src/adapters/introspection.ts'
import type { SafeFetch, SafeRequest } from '../../src/adapters/safe-fetch.ts'
import { createAuthenticator } from '../../src/identity/bearer.ts'
import { Fault } from '../../src/kernel/errors.ts'
import { CLAIMS, ENDPOINTS, ISSUER, MCP, NOW, RULES, world } from '../identity/issuer.ts'

const URL = `${ISSUER}/introspect`
const SETTINGS = { url: URL, clientId: 'gate:house', clientSecret: 's3cret&', method: 'basic' as const }
const OPAQUE = 'opaque-token-0123456789'
const ACTIVE = { ...CLAIMS, active: true }

/** An introspection endpoint that answers what the test says, and keeps what it was sent. */
class FakeEndpoint implements SafeFetch {
  readonly asked: { url: string; options: SafeRequest }[] = []
  answer: unknown = ACTIVE
  status = 200
  down = false
  get(url: string) {
    return this.request(url, {})
  }
  async request(url: string, options: SafeRequest) {
    this.asked.push({ url, options })
    if (this.down) throw new Fault('fetch-timeout', 'no complete answer in time')
    const text = typeof this.answer === 'string' ? this.answer : JSON.stringify(this.answer)
    return { status: this.status, headers: {}, body: Buffer.from(text) }
  }
}

async function setUp(settings: Partial<typeof SETTINGS> = {}) {
  const w = await world()
  const fetch = new FakeEndpoint()
  const clock = { ms: 0 }
  const issuer: IntrospectedIssuer = { issuer: ISSUER, introspection: { ...SETTINGS, ...settings } }
  const introspection = createIntrospection([issuer], { fetch, now: () => clock.ms })
  const rules = { ...RULES, introspection: { isOpaque: true } }
  const authenticator = createAuthenticator({ issuers: [rules], verifier: w.keys, introspect: introspection.introspect })
  const ask = async (token: string, now = NOW, resource = MCP) => authenticator.authenticate(`Bearer ${token}`, resource, now)
  return { w, fetch, clock, introspection, authenticator, ask }
}

describe('an opaque token', () => {
  it('is whoever its issuer says, at the endpoint it was issued for', async () => {
    const { ask, fetch } = await setUp()
    expect(await ask(OPAQUE)).toMatchObject({ key: `${ISSUER} alice`, client: 'cli', groups: ['dev'], scopes: ['mcp'] })
    const [{ url, options } = { url: '', options: {} as SafeRequest }] = fetch.asked
    expect([url, options.method, options.body]).toEqual([URL, 'POST', `token=${OPAQUE}&token_type_hint=access_token`])
    // RFC 6749 section 2.3.1: a colon in the name does not move the border between name and secret.
    expect(options.headers?.['authorization']).toBe(`Basic ${Buffer.from('gate%3Ahouse:s3cret%26').toString('base64')}`)
  })
  it('may be asked about with the secret in the form', async () => {
    const { ask, fetch } = await setUp({ method: 'post' as never })
    await ask(OPAQUE)
    expect(fetch.asked[0]?.options.headers).not.toHaveProperty('authorization')
    expect(new URLSearchParams(String(fetch.asked[0]?.options.body)).get('client_secret')).toBe('s3cret&')
  })
  it.each([
    ['for another endpoint', { aud: ENDPOINTS[1] }],
    ['for several', { aud: [MCP, ENDPOINTS[1]] }],
    ['for nobody in particular', { aud: undefined }],
    ['of another issuer', { iss: 'https://evil.example' }],
    ['that has ended', { exp: NOW }],
    ['that never ends', { exp: undefined }],
    ['of nobody', { sub: undefined }],
    ['bound to a certificate', { cnf: { 'x5t#S256': 'x' } }],
    ['that is a refresh token by its type', { token_type: 'refresh_token' }],
    ['that is a refresh token, as Keycloak says it', { typ: 'Refresh' }],
    ['that is an ID token', { token_type: 'Bearer', typ: 'ID' }],
    ['whose type is no text', { token_type: ['Bearer'] }],
  ])('N003 N015 one %s is refused', async (_what, change) => {
    const { ask, fetch } = await setUp()
    fetch.answer = { ...ACTIVE, ...change }
    expect(await ask(OPAQUE)).toMatchObject({ stop: 'token-invalid' })
  })
  it.each([{ token_type: 'bearer' }, { token_type: 'Bearer', typ: 'Bearer' }, { typ: 'at+jwt' }])(
    'may say that it is an access token: %j',
    async kind => {
      const { ask, fetch } = await setUp()
      fetch.answer = { ...ACTIVE, ...kind }
      expect(await ask(OPAQUE)).toMatchObject({ subject: 'alice' })
    },
  )
  it('one verified at one endpoint is asked about anew, and refused, at another', async () => {
    const { ask } = await setUp()
    expect(await ask(OPAQUE)).toMatchObject({ subject: 'alice' })
    expect(await ask(OPAQUE, NOW, ENDPOINTS[1])).toMatchObject({ stop: 'token-invalid' })
  })
  it('what looks like a JWT, or like nothing, is shown to nobody', async () => {
    const { ask, fetch } = await setUp()
    for (const token of ['eyJhbGciOiJub25lIn0.e30.x', 'short', 'with space', 'ümlaut-0123456789', 'x'.repeat(5_000)])
      expect(await ask(token)).toMatchObject({ stop: 'token-invalid' })
    expect(fetch.asked).toEqual([])
  })
})

describe('N015 a token its issuer took back', () => {
  it('is refused within the time a verdict is kept, and never counts beyond its end', async () => {
    const { ask, fetch } = await setUp()
    expect(await ask(OPAQUE)).toMatchObject({ subject: 'alice' })
    fetch.answer = { active: false }
    expect(await ask(OPAQUE, NOW + 14)).toMatchObject({ subject: 'alice' })
    expect(await ask(OPAQUE, NOW + 15)).toMatchObject({ stop: 'token-invalid' })
    expect(await ask(OPAQUE, NOW + 600)).toMatchObject({ stop: 'token-invalid' })
  })
  it('is refused though it is a JWT with a good signature', async () => {
    const { ask, fetch, w } = await setUp()
    fetch.answer = { active: false }
    expect(await ask(w.key.sign())).toMatchObject({ stop: 'token-invalid', detail: 'token is not active' })
  })
  it('ends what it holds open, and only what its issuer is asked about is watched', async () => {
    const { ask, fetch, authenticator, w } = await setUp()
    const principal = await ask(OPAQUE)
    if ('stop' in principal) throw new Error('refused')
    const isGood = authenticator.watch(`Bearer ${OPAQUE}`, MCP, principal)
    expect(await isGood?.(NOW + 15)).toBe(true)
    fetch.answer = { active: false }
    expect(await isGood?.(NOW + 30)).toBe(false)
    expect(w.authenticator.watch(`Bearer ${w.key.sign()}`, MCP, principal)).toBeUndefined()
  })
})

describe('N015 an issuer that cannot be asked', () => {
  const outages: readonly (readonly [string, (fetch: FakeEndpoint) => void])[] = [
    ['is down', fetch => (fetch.down = true)],
    ['answers 500', fetch => (fetch.status = 500)],
    ['answers 401: our secret is wrong', fetch => (fetch.status = 401)],
    ['redirects', fetch => (fetch.status = 302)],
    ['answers no JSON', fetch => (fetch.answer = '<html>')],
    ['says twice whether it is active', fetch => (fetch.answer = '{"active":false,"active":true}')],
    ['says active in words', fetch => (fetch.answer = { ...ACTIVE, active: 'true' })],
    ['does not say', fetch => (fetch.answer = { ...CLAIMS })],
  ]
  it.each(outages)('%s: 503 with a time to come again, nobody is let in', async (_what, breakIt) => {
    const { ask, fetch, introspection } = await setUp()
    breakIt(fetch)
    expect(await ask(OPAQUE)).toMatchObject({ stop: 'issuer-unavailable', retryAfterSeconds: 5 })
    expect(introspection.status()).toMatchObject([{ issuer: ISSUER, isFailing: true }])
  })
  it('is left alone for a while, and asked again after it', async () => {
    const { ask, fetch, clock, introspection } = await setUp()
    fetch.down = true
    for (let i = 0; i < 50; i++) expect(await ask(`${OPAQUE}-${i}`)).toMatchObject({ stop: 'issuer-unavailable' })
    expect(fetch.asked.length).toBe(1)
    fetch.down = false
    clock.ms = 5_000
    expect(await ask(OPAQUE)).toMatchObject({ subject: 'alice' })
    expect(introspection.status()).toMatchObject([{ isFailing: false }])
  })
  it('a known token does not outlive an outage: it is refused at its next check', async () => {
    const { ask, fetch } = await setUp()
    expect(await ask(OPAQUE)).toMatchObject({ subject: 'alice' })
    fetch.down = true
    expect(await ask(OPAQUE, NOW + 15)).toMatchObject({ stop: 'issuer-unavailable' })
  })
  it('strangers who repeat a bad token cost one question', async () => {
    const { ask, fetch } = await setUp()
    fetch.answer = { active: false }
    for (let i = 0; i < 50; i++) expect(await ask(OPAQUE)).toMatchObject({ stop: 'token-invalid' })
    expect(fetch.asked.length).toBe(1)
  })
})
