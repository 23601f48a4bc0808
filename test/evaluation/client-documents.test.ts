// Hosts that identify themselves with a URL (client ID metadata documents, MCP 2025-11-25 and later).

import { afterAll, beforeAll, expect, it } from 'vitest'
import { createSafeFetch } from '../../src/adapters/safe-fetch.ts'
import { FakeFetch } from '../identity/issuer.ts'
import { Browser } from './browser.ts'
import { Host, judge, RESOURCES, start, type Running } from './evaluation.ts'

/** As Claude Code publishes it: loopback redirects without a port. */
const CLIENT = 'https://claude.ai/oauth/claude-code-client-metadata'
const DOCUMENT = { client_id: CLIENT, client_name: 'Claude Code', redirect_uris: ['http://localhost/callback', 'http://127.0.0.1/callback'], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], token_endpoint_auth_method: 'none' } // prettier-ignore

const documents = new FakeFetch()
let running: Running
beforeAll(async () => {
  documents.documents.set(CLIENT, DOCUMENT)
  running = await start({ clientDocuments: true }, { fetch: documents })
})
afterAll(() => running.stop())

const hostOf = (clientId: string): Host => Object.assign(new Host(running.provider.issuer), { clientId })

it('a host needs no registration: its document is read once, and its loopback redirect takes any port', async () => {
  const host = hostOf(CLIENT)
  for (const port of [50_001, 50_002]) {
    const redirect_uri = `http://localhost:${port}/callback`
    const answer = await host.redeem(await host.authorize({ redirect_uri }), { redirect_uri })
    expect(await judge(running, answer.access_token ?? '', RESOURCES[0]!)).toMatchObject({ subject: 'alice', client: CLIENT })
  }
  expect(documents.count(CLIENT)).toBe(1)
})

it('the metadata says so, unless it is switched off', async () => {
  const metadata = async (issuer: string) => (await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json()) as object
  expect(await metadata(running.provider.issuer)).toMatchObject({ client_id_metadata_document_supported: true })
  const offline = await start({ clientDocuments: false })
  expect(await metadata(offline.provider.issuer)).not.toHaveProperty('client_id_metadata_document_supported')
  await offline.stop()
})

it.each([
  ['names another client', { ...DOCUMENT, client_id: 'https://other.example/x' }],
  ['sends codes elsewhere', { redirect_uris: ['https://evil.example/cb'] }],
  ['is no JSON', '<html>'],
  ['has a secret', { client_secret: 'x' }],
])('a document that %s is refused, without a redirect', async (_name, change) => {
  const client = `https://host.example/${encodeURIComponent(_name)}`
  documents.documents.set(client, typeof change === 'string' ? change : { ...DOCUMENT, client_id: client, ...change })
  const page = await new Browser(running.provider.issuer).open(hostOf(client).authorizeUrl({ redirect_uri: 'http://localhost:1/callback' }))
  expect([page.status, new URL(page.url).origin]).toEqual([400, running.provider.issuer])
  expect(page.html).toContain('That did not work')
})

it('SSRF: a client id that leads into this network is not fetched', async () => {
  const asked = new Set<string>()
  const resolve = async (name: string) => (asked.add(name), [{ address: '10.0.0.1', family: 4 }])
  const guarded = await start({ clientDocuments: true }, { fetch: createSafeFetch({ resolve }) })
  const issuer = guarded.provider.issuer
  for (const client of [
    'https://169.254.169.254/latest/meta-data',
    'https://127.0.0.1/x',
    'https://[::1]/x',
    'https://internal.example/x',
    `https://internal.example/${'x'.repeat(600)}`,
    'http://internal.example/x',
  ]) {
    const page = await new Browser(issuer).open(Object.assign(new Host(issuer), { clientId: client }).authorizeUrl())
    expect([page.status, new URL(page.url).origin], client).toEqual([400, issuer])
  }
  expect([...asked]).toEqual(['internal.example'])
  await guarded.stop()
})
