// Genuine SDK hosts of both eras at a running gateway that issues their tokens itself: from a bare URL over sign-in and consent to an answered tool call.

import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
  UnauthorizedError as UnauthorizedV2,
} from '@modelcontextprotocol/client'
import { UnauthorizedError as UnauthorizedV1 } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ROOMY, startRecorder } from '../attacks/world.ts'
import { FakeFetch } from '../identity/issuer.ts'
import { freePort } from '../support/free-port.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { IDP_CLIENT, startIdp, type TestIdp } from '../support/identity-provider.ts'
import { json, result, type HttpUpstream } from '../support/upstreams/http-upstream.ts'
import { Browser } from './browser.ts'
import { claimsOf } from './world.ts'

const REDIRECT = 'http://localhost:33418/callback'
const DOCUMENT = 'https://editor.example.com/client.json'

let base: string
let idp: TestIdp
let up: HttpUpstream
let gateway: TestGateway
let documents: FakeFetch

async function start(registration: 'open' | 'documents' = 'open'): Promise<void> {
  const port = await freePort()
  base = `http://127.0.0.1:${port}`
  idp = await startIdp(`${base}/oauth/login/callback`)
  up = await startRecorder({ tools: { write_note: ({ res, message }) => json(res, result(message.id, 'noted')) } })
  documents = new FakeFetch()
  documents.documents.set(DOCUMENT, {
    client_id: DOCUMENT,
    client_name: 'An editor',
    redirect_uris: [REDIRECT],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
  })
  const { clientId, clientSecret } = IDP_CLIENT
  gateway = await startTestGateway(
    {
      listen: `127.0.0.1:${port}`,
      limits: ROOMY,
      outbound: { allow: [new URL(idp.issuer).host] },
      identity: {
        login: { issuer: idp.issuer, clientId, clientSecret, scopes: ['openid', 'offline_access'] },
        authorizationServer: { registration },
      },
      upstreams: {
        up: {
          http: { url: up.url },
          scopes: { write: { tools: ['write_*'] } },
          allow: [{ id: 'everybody', subjects: ['*'], tools: ['echo', 'write_note'] }],
        },
      },
    },
    { documentFetch: documents },
  )
}

beforeEach(() => start())
afterEach(stopAll)
async function stopAll(): Promise<void> {
  await gateway.stop()
  await up.close()
  await idp.stop()
}

/** The part of a host that the SDKs leave to it: keep things, open the browser, in which Alice signs in once and agrees each time. */
class Keeper {
  readonly redirectUrl = REDIRECT
  readonly clientMetadataUrl?: string
  readonly clientMetadata = {
    client_name: 'SDK host',
    redirect_uris: [REDIRECT],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
  }
  kept: { client?: any; tokens?: any; verifier?: string; discovery?: any } = {}
  /** the browser's way back, once for each authorization */
  back: URLSearchParams[] = []
  readonly asked: URLSearchParams[] = []
  readonly #browser = new Browser(base)
  constructor(document?: string) {
    if (document !== undefined) this.clientMetadataUrl = document
  }
  clientInformation = () => this.kept.client
  saveClientInformation = (client: unknown) => void (this.kept.client = client)
  tokens = () => this.kept.tokens
  saveTokens = (tokens: unknown) => void (this.kept.tokens = tokens)
  saveCodeVerifier = (verifier: string) => void (this.kept.verifier = verifier)
  codeVerifier = () => this.kept.verifier ?? ''
  saveDiscoveryState = (discovery: unknown) => void (this.kept.discovery = discovery)
  discoveryState = () => this.kept.discovery
  async redirectToAuthorization(url: URL): Promise<void> {
    this.asked.push(url.searchParams)
    const page = await this.#browser.signIn(await this.#browser.open(url.href))
    const end = await this.#browser.press(page, 'oauth/consent', { answer: 'allow' })
    this.back.push(new URL(end.url).searchParams)
  }
}

type Host = { list(): Promise<string[]>; call(name: string): Promise<unknown>; close(): Promise<void> }
type Sdk = (path: string, keeper: Keeper) => Promise<Host>

/** Does it again whenever the SDK says that the person has been at the browser meanwhile. */
const persistent =
  (keeper: Keeper, isUnauthorized: (error: unknown) => boolean, finish: (back: URLSearchParams) => Promise<void>) =>
  async <T>(act: () => Promise<T>): Promise<T> => {
    for (let tries = 0; ; tries++) {
      try {
        return await act()
      } catch (error) {
        const back = keeper.back.shift()
        if (!back || !isUnauthorized(error) || tries > 3) throw error
        await finish(back)
      }
    }
  }

const v1: Sdk = async (path, authProvider) => {
  const client = new ClientV1({ name: 'host', version: '1' })
  let transport: TransportV1
  const unauthorized = (error: unknown) => error instanceof UnauthorizedV1
  const again = persistent(authProvider, unauthorized, back => transport.finishAuth(back.get('code') ?? ''))
  await again(() => client.connect((transport = new TransportV1(new URL(base + path), { authProvider }))))
  return {
    list: async () => (await again(() => client.listTools())).tools.map(({ name }) => name),
    call: async name => (await again(() => client.callTool({ name, arguments: {} }))).content,
    close: () => client.close(),
  }
}
const v2: Sdk = async (path, authProvider) => {
  const client = new ClientV2({ name: 'host', version: '1' }, { versionNegotiation: { mode: 'auto' } })
  let transport: TransportV2
  const unauthorized = (error: unknown) => error instanceof UnauthorizedV2
  const again = persistent(authProvider, unauthorized, back => transport.finishAuth(back))
  await again(() => client.connect((transport = new TransportV2(new URL(base + path), { authProvider }))))
  return {
    list: async () => (await again(() => client.listTools())).tools.map(({ name }) => name),
    call: async name => (await again(() => client.callTool({ name, arguments: {} }))).content,
    close: () => client.close(),
  }
}

const whom = () => up.seen.flatMap(({ message }) => (message?.method === 'tools/call' ? [message.params.name] : []))

describe.each([
  ['the 2025 SDK (v1)', v1],
  ['the 2026 SDK (v2)', v2],
])('%s', (_name, sdk) => {
  it.each(['/servers/up/mcp', '/mcp'])(
    'comes by its metadata document, and finds its way from the bare URL of %s to a tool, which never sees its token (N026)',
    async path => {
      const keeper = new Keeper(DOCUMENT)
      const host = await sdk(path, keeper)
      const tools = await host.list()
      const echo = tools.find(name => name.endsWith('echo')) ?? ''
      await host.call(echo)
      await host.close()
      expect(keeper.asked[0]?.get('client_id')).toBe(DOCUMENT)
      expect(keeper.asked[0]?.get('resource')).toBe(base + path)
      expect(claimsOf(keeper.kept.tokens.access_token)).toMatchObject({
        iss: base,
        aud: base + path,
        idp_sub: 'alice',
        client_id: DOCUMENT,
      })
      expect(whom()).toEqual(['echo'])
      // N026: no byte of the host’s token there
      const seen = JSON.stringify(up.seen.map(({ req, body }) => [req.rawHeaders, body]))
      expect(seen).not.toContain(keeper.kept.tokens.access_token)
    },
  )

  it('registers itself where it has no document', async () => {
    const keeper = new Keeper()
    const host = await sdk('/servers/up/mcp', keeper)
    expect(await host.list()).toEqual(['echo', 'write_note'])
    await host.close()
    const id = keeper.kept.client.client_id as string
    expect(id).not.toContain('://')
    expect(claimsOf(keeper.kept.tokens.access_token)['client_id']).toBe(id)
  })

  it('is not let in without a document where the gateway takes documents only', async () => {
    await stopAll()
    await start('documents')
    await expect(sdk('/servers/up/mcp', new Keeper())).rejects.toThrow(/dynamic client registration/i)
    const host = await sdk('/servers/up/mcp', new Keeper(DOCUMENT))
    expect(await host.list()).toEqual(['echo', 'write_note'])
    await host.close()
  })

  it('renews a token that is no longer good, without its person, and gets another refresh token; the old one ends all of it', async () => {
    const keeper = new Keeper(DOCUMENT)
    const host = await sdk('/servers/up/mcp', keeper)
    await host.call('echo')
    const { refresh_token: old } = keeper.kept.tokens as { refresh_token: string }
    keeper.kept.tokens = { ...keeper.kept.tokens, access_token: 'x' }
    await host.call('echo')
    const { refresh_token: next } = keeper.kept.tokens as { refresh_token: string }
    expect([keeper.asked.length, next === old, whom()]).toEqual([1, false, ['echo', 'echo']])
    const redeem = async (token: string): Promise<unknown> => {
      const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token, client_id: DOCUMENT })
      return ((await (await fetch(`${base}/oauth/token`, { method: 'POST', body })).json()) as { error?: string }).error
    }
    expect([await redeem(old), await redeem(next)]).toEqual(['invalid_grant', 'invalid_grant'])
    await host.close()
  })
})

it('the 2026 SDK (v2) asks its person for more rights when a tool needs them, and loses none', async () => {
  const keeper = new Keeper(DOCUMENT)
  const host = await v2('/servers/up/mcp', keeper)
  await host.call('echo')
  expect(await host.call('write_note')).toEqual([{ type: 'text', text: 'noted' }])
  await host.call('echo')
  await host.close()
  // `mcp` stands in every token of the gateway's own
  expect(keeper.asked.map(each => each.get('scope')?.split(' ').sort())).toEqual([['up:use'], ['mcp', 'up:use', 'up:write']])
  expect(whom()).toEqual(['echo', 'write_note', 'echo'])
})
