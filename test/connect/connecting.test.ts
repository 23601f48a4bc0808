// From the link a host was given to a call in the person's own name: pages, consent, a genuine authorization server, the vault in state.db.

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes, randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createGrantStore } from '../../src/adapters/sqlite/grant-store.ts'
import { openStateDb, type StateDb } from '../../src/adapters/sqlite/state-db.ts'
import { connectionsPort, type ConnectionsHouse } from '../../src/compose/connections-port.ts'
import { createCredentials, storesIn } from '../../src/compose/credentials.ts'
import { accountOfUpstream } from '../../src/compose/upstreams.ts'
import type { Snapshot } from '../../src/config/schema.ts'
import { createConnectPages } from '../../src/http/control-plane/connect.ts'
import type { BrowserSessions, Person } from '../../src/http/control-plane/browser-session.ts'
import { readForm } from '../../src/http/control-plane/forms.ts'
import type { Consent } from '../../src/identity/consent.ts'
import { keyOf, type Principal } from '../../src/kernel/principal.ts'
import { createSealer } from '../../src/kernel/seal.ts'
import type { OwnCredentials } from '../../src/pipeline/credentials.ts'
import type { UpstreamEntry } from '../../src/pipeline/entry.ts'
import type { CredentialRule } from '../../src/vault/credential-rule.ts'
import { Vault } from '../../src/vault/vault.ts'
import type { HttpUpstream } from '../support/upstreams/http-upstream.ts'
import { startAuthorizationServer, type UpstreamAs } from './authorization-server.ts'
import { Browser } from './browser.ts'
import { startGuarded } from './guarded-upstream.ts'

const person = (subject: string, client?: string): Principal => ({
  ...({
    key: keyOf('https://idp.test', subject),
    issuer: 'https://idp.test',
    subject,
    groups: [],
    scopes: [],
    expiresAtSeconds: 9e9,
  } as unknown as Principal),
  ...(client !== undefined && { client }),
})

let as: UpstreamAs
let up: HttpUpstream
let state: StateDb
let folder: string
let gateway: Server
let publicUrl: string
let credentials: OwnCredentials
let port: ConnectionsHouse
let entry: UpstreamEntry
let released: string[]
/** who sits at the browser, and in which session */
let sitting: { who: string; session: string }

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-connect-'))
  state = await openStateDb(join(folder, 'state.db'))
  as = await startAuthorizationServer({ resources: () => ({ [up.url]: 'read write' }) })
  up = await startGuarded({ check: token => as.check(token), issuers: () => [as.issuer], challenge: 'read' })
  released = []
  sitting = { who: 'alice', session: 'session-of-alice' }
  gateway = createServer()
  await new Promise<void>(resolve => gateway.listen(0, '127.0.0.1', resolve))
  publicUrl = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`
  house({ kind: 'oauth', resource: up.url, header: 'Authorization', prefix: 'Bearer ' })
})
afterEach(async () => {
  await Promise.all([as.close(), up.close(), state.close(), new Promise(resolve => gateway.close(resolve).closeAllConnections())])
  rmSync(folder, { recursive: true, force: true })
})

function house(rule: CredentialRule, more: Partial<Snapshot> = {}): void {
  const sealer = createSealer({ current: randomBytes(32) }, randomBytes)
  const vault = new Vault({
    store: createGrantStore(state),
    sealer,
    newId: randomUUID,
    now: Date.now,
    monotonic: () => performance.now(),
    unreadable: () => {},
  })
  const account = accountOfUpstream('up', { kind: 'http', url: up.url, headers: {} })
  const upstream = { release: ({ revoked }: { revoked: string }) => released.push(revoked) }
  entry = { alias: 'up', credential: { rule, account, title: 'Guarded' }, upstream } as unknown as UpstreamEntry
  const snapshot = {
    publicUrl,
    outbound: { hosts: [new URL(as.issuer).host], networks: [] },
    upstreams: new Map([['up', { credential: rule, transport: { kind: 'http', url: up.url, headers: {} } }]]),
    ...more,
  } as unknown as Snapshot
  const made = createCredentials({
    current: () => snapshot,
    stores: storesIn(state, sealer, { get: () => Promise.resolve(vault) }, () => Math.floor(Date.now() / 1000)),
    upstreams: () => ({ entries: new Map([['up', entry]]), url: () => up.url }) as never,
    isVisible: principal => principal.subject !== 'stranger',
    logger: { fault: () => {} },
    now: Date.now,
    monotonic: () => performance.now(),
  })
  credentials = made.credentials
  port = connectionsPort({ ...made, current: () => snapshot })
  serve()
}

function serve(): void {
  const here = (): Person =>
    ({
      principal: person(sitting.who),
      session: sitting.session,
      viewer: { name: sitting.who, signOutToken: 'x' },
      csrf: (form: string) => `${sitting.session} ${form}`,
    }) as unknown as Person
  const sessions = {
    requirePerson: async () => here(),
    requireForm: async (req: IncomingMessage, res: ServerResponse, form: string) => {
      const fields = await readForm(req)
      if (fields?.get('csrf') === here().csrf(form)) return { person: here(), fields }
      res.writeHead(403).end('forged')
      return undefined
    },
  } as unknown as BrowserSessions
  const pages = createConnectPages({
    sessions,
    connect: port,
    consents: { list: async () => [{ client: 'host', clientName: 'Example <Host>' } as Consent] },
    record: () => Promise.resolve(),
  })
  gateway.removeAllListeners('request').on('request', (req, res) => {
    const path = (req.url ?? '').split('?')[0] ?? ''
    if (path === '/oauth/callback') void pages.callback(req, res)
    else if (path === '/oauth/client-metadata.json') void pages.document(req, res)
    else void (req.method === 'POST' ? pages.answer(req, res) : pages.show(req, res))
  })
}

const linkFor = async (who: string, client = 'host'): Promise<string> => {
  const link = await credentials.connect({ principal: person(who, client) }, entry)
  if ('stop' in link) throw new Error(link.detail)
  return link.url
}
const agree = (browser: Browser, link: string, more: Record<string, string> = {}) =>
  browser.post(link, { csrf: `${sitting.session} connect ${link.split('/').at(-1)}`, answer: 'allow', ...more })
const onward = (text: string): string => /href="(http[^"]+)"/.exec(text)?.[1]?.replaceAll('&#38;', '&') ?? ''
async function connectAs(who: string): Promise<{ text: string; status: number }> {
  const browser = new Browser()
  const agreed = await agree(browser, await linkFor(who))
  as.person = who
  return browser.get(onward(agreed.text))
}
const own = async (who: string, client = 'host') => credentials.of({ principal: person(who, client) }, entry)

it('asks with server, application, scopes, issuer and redirect; goes there only after consent; comes back with a grant that serves', async () => {
  const link = await linkFor('alice')
  const page = await new Browser().get(link)
  for (const shown of [
    'Guarded',
    '<strong>Example &#60;Host&#62;</strong>',
    '<code>host</code>',
    'read',
    as.issuer,
    `${publicUrl}/oauth/callback`,
  ])
    expect(page.text).toContain(shown)
  expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  expect(as.asked.filter(a => a.line.startsWith('GET /auth'))).toEqual([])
  expect(await own('alice')).toMatchObject({ stop: 'connection-required' })
  const done = await connectAs('alice')
  expect(done.text).toContain('Guarded is connected')
  const credential = await own('alice')
  if (!credential || 'stop' in credential) throw new Error('no credential')
  const [, bearer = ''] = credential.headers()
  expect(await as.check(bearer.slice(7))).toMatchObject({ account: 'alice' })
  expect(await own('bob')).toMatchObject({ stop: 'connection-required' })
  // the link has served
  expect((await new Browser().get(link)).status).toBe(400)
})
it('N053, Obot CVE-2026-101084 (IDOR on its connect links): a link opened by somebody else is refused, says nothing of whose it is, and does nothing', async () => {
  const link = await linkFor('alice')
  sitting = { who: 'bob', session: 'session-of-bob' }
  const page = await new Browser().get(link)
  expect(page.status).toBe(403)
  expect(page.text).not.toMatch(/alice|Guarded/)
  expect((await agree(new Browser(), link)).status).toBe(403)
  expect(as.asked.filter(a => a.line !== 'GET /.well-known/oauth-authorization-server')).toEqual([])
})
it('N037: without the token of this form nothing is agreed to', async () => {
  const link = await linkFor('alice')
  expect((await new Browser().post(link, { csrf: 'another', answer: 'allow' })).status).toBe(403)
  expect((await agree(new Browser(), link, { answer: 'deny' })).text).toContain('Nothing was connected')
  expect(await own('alice')).toMatchObject({ stop: 'connection-required' })
})
describe('N041: the answer', () => {
  async function callback(): Promise<string> {
    const browser = new Browser()
    const agreed = await agree(browser, await linkFor('alice'))
    const back = await browser.get(onward(agreed.text), location => location.startsWith(`${publicUrl}/oauth/callback`))
    return back.url
  }
  it('serves once', async () => {
    const url = await callback()
    expect((await new Browser().get(url)).text).toContain('is connected')
    expect((await new Browser().get(url)).status).toBe(400)
  })
  it('does not serve another person, nor another browser, and is spent by the attempt', async () => {
    const url = await callback()
    sitting = { who: 'bob', session: 'session-of-bob' }
    expect((await new Browser().get(url)).status).toBe(403)
    sitting = { who: 'alice', session: 'session-of-alice' }
    expect((await new Browser().get(url)).status).toBe(400)
    const second = await callback()
    sitting = { who: 'alice', session: 'another browser' }
    expect((await new Browser().get(second)).status).toBe(403)
    expect(as.asked.filter(a => a.line === 'POST /token')).toEqual([])
  })
  it.each(['', '?state=', '?code=x', '?state=a&state=b&code=x', `?state=${'a'.repeat(5000)}&code=x`])(
    'with %.20s is refused',
    async query => {
      expect((await new Browser().get(`${publicUrl}/oauth/callback${query}`)).status).toBe(400)
    },
  )
  it('N044: of another server ends it, and its words are not shown', async () => {
    const url = new URL(await callback())
    url.searchParams.set('iss', 'https://evil.example.com')
    url.searchParams.set('error_description', 'SEND-MONEY')
    const page = await new Browser().get(url.href)
    expect(page.status).toBe(400)
    expect(page.text).not.toContain('SEND-MONEY')
    expect(as.asked.filter(a => a.line === 'POST /token')).toEqual([])
  })
})
it('R119: a second application needs its own consent, and no second sign-in', async () => {
  await connectAs('alice')
  expect(await own('alice', 'other-host')).toMatchObject({ stop: 'connection-required', detail: expect.stringContaining('other-host') })
  const link = await linkFor('alice', 'other-host')
  expect((await new Browser().get(link)).text).toContain('other-host')
  const before = as.asked.length
  expect((await agree(new Browser(), link)).text).toContain('is connected')
  expect(as.asked).toHaveLength(before)
  expect(await own('alice', 'other-host')).not.toHaveProperty('stop')
})
it('R119: an application that was revoked and comes back may not use the account of before until its person allows it anew', async () => {
  sitting = { who: 'bob', session: 'session-of-bob' }
  await connectAs('bob')
  sitting = { who: 'alice', session: 'session-of-alice' }
  await connectAs('alice')
  await agree(new Browser(), await linkFor('alice', 'other-host'))
  expect(await own('alice')).not.toHaveProperty('stop')
  await port.forgetApplication(person('alice'), 'host')
  expect(await own('alice')).toMatchObject({ stop: 'connection-required', detail: expect.stringContaining('host') })
  // the other application of the same person, and the same application of another person, go on
  expect(await own('alice', 'other-host')).not.toHaveProperty('stop')
  expect(await own('bob')).not.toHaveProperty('stop')
  const link = await linkFor('alice')
  expect((await agree(new Browser(), link)).text).toContain('is connected')
  expect(await own('alice')).not.toHaveProperty('stop')
})
it('revoking ends the credential at once, here and at its issuer; nobody else’s can be revoked', async () => {
  await connectAs('alice')
  const credential = await own('alice')
  if (!credential || 'stop' in credential) throw new Error('no credential')
  expect(await port.revoke(person('bob'), credential.id)).toBe(false)
  expect(await port.revoke(person('alice'), credential.id)).toBe(true)
  expect(released).toContain(credential.id)
  expect(await own('alice')).toMatchObject({ stop: 'connection-required' })
  await expect.poll(() => as.asked.some(a => a.line === 'POST /token/revocation')).toBe(true)
})
it('an expired access token is refreshed once for all who ask, and the new one is what counts', async () => {
  await connectAs('alice')
  const credential = await own('alice')
  if (!credential || 'stop' in credential) throw new Error('no credential')
  const sent = credential.headers()
  const refusal = { status: 401, sent, isAgain: false, challenge: {} } as const
  const stops = await Promise.all([1, 2, 3].map(() => credential.refused(refusal)))
  expect(stops).toEqual([undefined, undefined, undefined])
  expect(as.asked.filter(a => a.line === 'POST /token' && a.body.includes('grant_type=refresh_token'))).toHaveLength(1)
  expect(credential.headers()).not.toEqual(sent)
})
it('a static secret is entered on the page, sent as configured, and never in the clear on disk', async () => {
  house({ kind: 'secret', resource: up.url, header: 'X-Api-Key', prefix: '' })
  const link = await linkFor('alice')
  expect((await new Browser().get(link)).text).toContain('type="password"')
  expect((await agree(new Browser(), link, { secret: 'bad\nvalue' })).status).toBe(400)
  const link2 = await linkFor('alice')
  expect((await agree(new Browser(), link2, { secret: 'alice-secret-0123' })).text).toContain('is connected')
  const credential = await own('alice')
  if (!credential || 'stop' in credential) throw new Error('no credential')
  expect(credential.headers()).toEqual(['x-api-key', 'alice-secret-0123'])
  const rows = await state.all('SELECT * FROM vault_grants')
  expect(JSON.stringify(rows)).not.toContain('alice-secret-0123')
})
it('the client metadata document names itself, exact redirects and no secret (R115)', async () => {
  const document = JSON.parse((await new Browser().get(`${publicUrl}/oauth/client-metadata.json`)).text) as object
  expect(document).toMatchObject({
    client_id: `${publicUrl}/oauth/client-metadata.json`,
    redirect_uris: [`${publicUrl}/oauth/callback`],
    token_endpoint_auth_method: 'none',
  })
})
it('a client metadata document that is published elsewhere names that place as its client id', async () => {
  const clientMetadataUrl = 'https://apps.example.com/gatehouse.json'
  house({ kind: 'oauth', resource: up.url, header: 'Authorization', prefix: 'Bearer ' }, { clientMetadataUrl })
  const document = JSON.parse((await new Browser().get(`${publicUrl}/oauth/client-metadata.json`)).text) as object
  expect(document).toMatchObject({ client_id: clientMetadataUrl, redirect_uris: [`${publicUrl}/oauth/callback`] })
})
