// The gateway as an OAuth client towards a genuine authorization server (oidc-provider) and a guarded MCP server, over real HTTP.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createSafeFetch } from '../../../src/adapters/safe-fetch.ts'
import { createCredentialSource } from '../../../src/adapters/upstream-oauth/source.ts'
import type { CredentialRule } from '../../../src/vault/credential-rule.ts'
import {
  isSourceFailure,
  type ConnectOffer,
  type CredentialSource,
  type Issued,
  type SourceTarget,
} from '../../../src/vault/credential-source.ts'
import { startAuthorizationServer, type UpstreamAs } from '../../connect/authorization-server.ts'
import { Browser } from '../../connect/browser.ts'
import { startGuarded } from '../../connect/guarded-upstream.ts'
import { memoryStores } from '../../support/memory-vault.ts'
import type { HttpUpstream } from '../../support/upstreams/http-upstream.ts'

const PUBLIC = 'http://127.0.0.1:8400'
const CLIENT = {
  client_id: 'gatehouse-pre',
  client_secret: 'pre-secret-0123456789',
  redirect_uris: [`${PUBLIC}/oauth/callback`],
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
}

let as: UpstreamAs
let up: HttpUpstream
let issuers: readonly string[]
let metadata: object = {}
let source: CredentialSource
let target: SourceTarget

const hostOf = (url: string): string => new URL(url).host
const rule = (more: Partial<CredentialRule> = {}): CredentialRule => ({
  kind: 'oauth',
  resource: up.url,
  header: 'Authorization',
  prefix: 'Bearer ',
  ...more,
})

beforeAll(async () => {
  as = await startAuthorizationServer({ resources: () => ({ [up.url]: 'read write' }), clients: [CLIENT] })
  up = await startGuarded({ check: token => as.check(token), issuers: () => issuers, challenge: 'read', metadata: () => metadata })
})
afterAll(async () => {
  await up.close()
  await as.close()
})
beforeEach(() => {
  issuers = [as.issuer]
  metadata = {}
  as.alter = {}
  as.person = 'alice'
  as.asked.length = 0
  up.seen.length = 0
  source = sourceWith()
  target = { url: up.url, rule: rule() }
})

const sourceWith = (publicUrl = PUBLIC, metadataUrl?: string): CredentialSource =>
  createCredentialSource({
    store: memoryStores().registrations,
    own: () => ({ publicUrl, metadataUrl }),
    nowSeconds: () => 1_000_000,
    monotonic: () => performance.now(),
    fetchFor: () => createSafeFetch({ namedHosts: [hostOf(up.url), hostOf(as.issuer)] }),
  })

/** Walks the whole flow; answers the callback's query. */
async function authorize(wanted?: readonly string[]): Promise<{ offer: ConnectOffer; flow: string; query: string }> {
  const offer = await source.offer(target, wanted)
  if (isSourceFailure(offer)) throw new Error(offer.detail)
  const begun = await source.begin(target, offer, 'the-state')
  if (isSourceFailure(begun)) throw new Error(begun.detail)
  const page = await new Browser().get(begun.url, location => location.startsWith(`${PUBLIC}/oauth/callback`))
  return { offer, flow: begun.flow, query: new URL(page.url).search }
}
async function connect(wanted?: readonly string[]): Promise<Issued> {
  const { flow, query } = await authorize(wanted)
  const issued = await source.finish(target, flow, query)
  if (isSourceFailure(issued)) throw new Error(issued.detail)
  return issued
}
const tokenRequests = (): URLSearchParams[] => as.asked.filter(a => a.line === 'POST /token').map(a => new URLSearchParams(a.body))

describe('authorization code with PKCE', () => {
  it('registers, authorizes and redeems: the resource in both requests, scopes of the challenge', async () => {
    const issued = await connect()
    expect(issued).toMatchObject({ issuer: as.issuer, resource: up.url, scopes: ['read'], expiresAtSeconds: 1_003_600 })
    expect(await as.check(issued.secret.accessToken)).toMatchObject({ account: 'alice', scopes: ['read'] })
    expect(as.asked.map(a => a.line).filter(line => line === 'POST /reg')).toHaveLength(1)
    const [token] = tokenRequests()
    expect(token?.get('resource')).toBe(up.url)
    expect(token?.get('code_verifier')).toHaveLength(43)
  })
  it('registers once for everybody, and with a native application type on loopback (SEP-837)', async () => {
    await connect()
    await connect()
    const registrations = as.asked.filter(a => a.line === 'POST /reg')
    expect(registrations).toHaveLength(1)
    expect(JSON.parse(registrations[0]?.body ?? '')).toMatchObject({
      application_type: 'native',
      redirect_uris: [`${PUBLIC}/oauth/callback`],
    })
  })
  it('asks for the union of old and challenged scopes on step-up (R116)', async () => {
    expect((await connect(['read', 'write'])).scopes).toEqual(['read', 'write'])
  })
  it('uses the client that was registered beforehand, and proves itself as the server wants', async () => {
    target = { url: up.url, rule: rule({ issuer: as.issuer, client: { id: CLIENT.client_id, secret: CLIENT.client_secret } }) }
    const issued = await connect()
    expect((await as.check(issued.secret.accessToken))?.client).toBe('gatehouse-pre')
    // nothing escaped that the form encoding leaves alone: many servers unescape nothing
    const basic = Buffer.from(`${CLIENT.client_id}:${CLIENT.client_secret}`).toString('base64')
    expect(as.asked.find(a => a.line === 'POST /token')?.headers['authorization']).toBe(`Basic ${basic}`)
    expect(as.asked.some(a => a.line === 'POST /reg')).toBe(false)
  })
  it.each([
    ['https://gateway.example.com', undefined, 'https://gateway.example.com/oauth/client-metadata.json'],
    [PUBLIC, 'https://elsewhere.example.com/gatehouse.json', 'https://elsewhere.example.com/gatehouse.json'],
  ])('uses its metadata document as client id where the server reads such documents (R115): %s, %s', async (publicUrl, elsewhere, id) => {
    as.alter = { client_id_metadata_document_supported: true }
    source = sourceWith(publicUrl, elsewhere)
    const offer = await source.offer(target)
    if (isSourceFailure(offer)) throw new Error(offer.detail)
    const begun = await source.begin(target, offer, 's')
    expect(isSourceFailure(begun) ? begun : new URL(begun.url).searchParams.get('client_id')).toBe(id)
    expect(as.asked.some(a => a.line === 'POST /reg')).toBe(false)
  })
  it('refreshes with the resource, and takes the rotated refresh token', async () => {
    const issued = await connect()
    const before = issued.secret.refreshToken ?? ''
    const renewed = await source.refresh(target, issued, before)
    expect(renewed).toMatchObject({ issuer: as.issuer, scopes: ['read'] })
    if (isSourceFailure(renewed)) return
    expect(renewed.secret.refreshToken).not.toBe(before)
    expect(tokenRequests().at(-1)?.get('resource')).toBe(up.url)
    expect(await source.refresh(target, issued, before)).toEqual({ failed: 'refused', detail: `${as.issuer}/ answered \`invalid_grant\`` })
  })
  it('revokes the refresh token, and with it the grant (RFC 7009)', async () => {
    const issued = await connect()
    await source.revoke(target, issued, issued.secret)
    expect(as.asked.some(a => a.line === 'POST /token/revocation')).toBe(true)
    expect(await source.refresh(target, issued, issued.secret.refreshToken ?? '')).toMatchObject({ failed: 'refused' })
  })
  it('gets a token of its own for workloads (client credentials)', async () => {
    target = {
      url: up.url,
      rule: rule({
        kind: 'client-credentials',
        issuer: as.issuer,
        scopes: ['read'],
        client: { id: CLIENT.client_id, secret: CLIENT.client_secret },
      }),
    }
    const issued = await source.obtain(target, undefined)
    expect(issued).toMatchObject({ scopes: ['read'] })
    expect(tokenRequests().at(-1)?.get('resource')).toBe(up.url)
  })
})

describe('attacks on identity assertions', () => {
  const EXCHANGER = { issuer: 'https://idp.example', client: { id: 'g', secret: 's' } }
  it.each([
    ['exchanged by another server', () => ({ kind: 'token-exchange' as const })],
    ['asserted by another provider', () => ({ kind: 'identity-assertion' as const, identityProvider: EXCHANGER })],
  ])('N052: an ID token %s than its own provider never leaves', async (_, more) => {
    const client = { id: 'gatehouse-pre', secret: CLIENT.client_secret }
    const asking = { ...target, rule: rule({ ...more(), issuer: as.issuer, client }) }
    const issued = await source.obtain(asking, { type: 'id_token', token: 'the-id-token', issuer: 'https://elsewhere.example' })
    expect(issued).toEqual({ failed: 'unsafe', detail: expect.stringContaining('goes nowhere else') })
    expect(JSON.stringify(as.asked)).not.toContain('the-id-token')
    expect(tokenRequests()).toEqual([])
  })
})

describe('attacks on discovery', () => {
  const refusedOffer = async (): Promise<unknown> => source.offer(target)

  it('N046, rmcp GHSA-33f5-2c5q-wgwj: metadata that speaks of another resource is refused, and nothing is asked of its authorization server', async () => {
    metadata = { resource: 'https://evil.example.com/mcp' }
    expect(await refusedOffer()).toMatchObject({ failed: 'unsafe', detail: expect.stringContaining('another resource') })
    expect(as.asked).toEqual([])
  })
  it.each(['/', '?x=1', '#f'])('N046: a resource that differs by `%s` only is another one', async suffix => {
    metadata = { resource: up.url + suffix }
    expect(await refusedOffer()).toMatchObject({ failed: 'unsafe' })
  })
  it('N046: an upstream that names another authorization server than the configured one gets nothing of the client registered there', async () => {
    const evil = await startAuthorizationServer({ resources: () => ({ [up.url]: 'read' }) })
    issuers = [evil.issuer]
    target = { url: up.url, rule: rule({ issuer: as.issuer, client: { id: CLIENT.client_id, secret: CLIENT.client_secret } }) }
    expect(await refusedOffer()).toMatchObject({ failed: 'unsafe', detail: expect.stringContaining('other authorization servers') })
    expect(evil.asked).toEqual([])
    await evil.close()
  })
  it('N045: metadata of another issuer is not believed', async () => {
    as.alter = { issuer: 'https://attacker.example.com' }
    expect(await refusedOffer()).toMatchObject({ failed: 'unsafe', detail: expect.stringContaining('another issuer') })
    as.alter = { issuer: `${as.issuer}/` }
    expect(await sourceWith().offer(target)).toMatchObject({ failed: 'unsafe' })
  })
  it.each([
    ['token_endpoint', 'https://elsewhere.example.com/token', 'another host'],
    ['registration_endpoint', 'https://elsewhere.example.com/register', 'another host'],
    ['authorization_endpoint', 'javascript:alert(1)', 'neither https'],
    ['authorization_endpoint', 'data:text/html,x', 'neither https'],
    ['authorization_endpoint', 'file:///etc/passwd', 'neither https'],
    ['authorization_endpoint', 'http://elsewhere.example.com/authorize', 'neither https'],
    ['token_endpoint', 'http://user:pw@127.0.0.1/token', 'neither https'],
  ])('N045: an upstream’s authorization server with `%s` at %s is refused', async (name, url, why) => {
    as.alter = { [name]: url }
    expect(await refusedOffer()).toMatchObject({ failed: 'unsafe', detail: expect.stringContaining(why) })
  })
  it('N045: an issuer the administrator wrote down may have its endpoints elsewhere', async () => {
    as.alter = { token_endpoint: 'https://tokens.example.com/token' }
    target = { url: up.url, rule: rule({ issuer: as.issuer, client: { id: 'x' } }) }
    expect(await refusedOffer()).toMatchObject({ issuer: as.issuer })
  })
  it.each([{}, { code_challenge_methods_supported: undefined }, { code_challenge_methods_supported: ['plain'] }])(
    'N042: a server that does not promise PKCE with S256 is not used: %j',
    async alter => {
      if (Object.keys(alter).length === 0) return expect(await refusedOffer()).toMatchObject({ issuer: as.issuer })
      as.alter = alter
      expect(await refusedOffer()).toMatchObject({ failed: 'unsafe', detail: expect.stringContaining('PKCE') })
    },
  )
  it.each([
    'http://169.254.169.254/',
    'https://169.254.169.254/',
    'https://metadata.google.internal/',
    'https://10.0.0.7/',
    'https://[::ffff:127.0.0.1]/',
    'https://[64:ff9b::7f00:1]/',
  ])('ToolHive GHSA-pr64-jmmf-jp54: an upstream that names %s as its authorization server makes nobody go there (N054)', async issuer => {
    issuers = [issuer]
    expect(await refusedOffer()).toMatchObject({ failed: expect.stringMatching(/unsafe|refused|unavailable/) })
    expect(as.asked).toEqual([])
  })
  it('a challenge that names metadata at an internal address makes nobody go there (N054)', async () => {
    const inside = await startAuthorizationServer({ resources: () => ({}) })
    const liar = await startGuarded({
      check: async () => undefined,
      issuers: () => [],
      more: ({ res, req }) => {
        if (req.method !== 'POST') return false
        res.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${inside.issuer}/.well-known/openid-configuration"` }).end()
        return true
      },
    })
    target = { url: liar.url, rule: rule({ resource: liar.url }) }
    source = createCredentialSource({
      store: memoryStores().registrations,
      own: () => ({ publicUrl: PUBLIC }),
      nowSeconds: () => 0,
      monotonic: () => performance.now(),
      fetchFor: () => createSafeFetch({ namedHosts: [hostOf(liar.url)] }),
    })
    expect(await source.offer(target)).toMatchObject({ failed: 'unsafe' })
    expect(inside.asked).toEqual([])
    await Promise.all([inside.close(), liar.close()])
  })
})

describe('attacks on the answer', () => {
  const finishWith = async (change: (query: URLSearchParams) => void): Promise<unknown> => {
    const { flow, query } = await authorize()
    const params = new URLSearchParams(query)
    change(params)
    as.asked.length = 0
    return source.finish(target, flow, params.toString())
  }
  const untouched = (): void => expect(tokenRequests()).toEqual([])

  it.each([
    ['of another server', (q: URLSearchParams) => q.set('iss', 'https://evil.example.com')],
    ['with a slash more', (q: URLSearchParams) => q.set('iss', `${q.get('iss')}/`)],
    ['in another case', (q: URLSearchParams) => q.set('iss', (q.get('iss') ?? '').toUpperCase())],
    ['left out though advertised', (q: URLSearchParams) => q.delete('iss')],
    ['twice', (q: URLSearchParams) => q.append('iss', 'https://evil.example.com')],
  ])('N044: an `iss` %s ends it before the token request', async (_, change) => {
    expect(await finishWith(change)).toMatchObject({ failed: 'unsafe' })
    untouched()
  })
  it('N044: an error from somebody else is neither acted on nor shown', async () => {
    const answer = await finishWith(q => {
      q.delete('code')
      q.set('error', 'access_denied')
      q.set('error_description', 'SEND YOUR PASSWORD TO evil.example.com')
      q.set('iss', 'https://evil.example.com')
    })
    expect(JSON.stringify(answer)).not.toMatch(/PASSWORD|access_denied/)
    untouched()
  })
  it('N044: an unadvertised `iss` has to be right all the same; none at all passes', async () => {
    as.alter = { authorization_response_iss_parameter_supported: undefined }
    expect(await finishWith(q => q.set('iss', 'https://evil.example.com'))).toMatchObject({ failed: 'unsafe' })
    untouched()
    expect(await finishWith(q => q.delete('iss'))).toMatchObject({ issuer: as.issuer })
  })
  it('N042: a code of another authorization is not redeemed with this verifier', async () => {
    const other = await authorize()
    const { flow } = await authorize()
    expect(await source.finish(target, flow, other.query)).toMatchObject({
      failed: 'refused',
      detail: expect.stringContaining('invalid_grant'),
    })
  })
  it('N041: another state than the one that was sent is refused before the token request', async () => {
    expect(await finishWith(q => q.set('state', 'another'))).toMatchObject({ failed: expect.stringMatching(/unavailable|refused/) })
    untouched()
  })
  it('what the server says beyond its error code is not passed on', async () => {
    const answer = await finishWith(q => {
      q.delete('code')
      q.set('error', 'access_denied')
      q.set('error_description', '<script>alert(1)</script>')
    })
    expect(answer).toEqual({ failed: 'refused', detail: `${as.issuer}/ answered \`access_denied\`` })
  })
})
