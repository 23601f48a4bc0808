// The official SDKs' OAuth, as real hosts use it, from a bare URL to an answered MCP request: challenge, metadata, registration, code, token, refresh.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
  UnauthorizedError as UnauthorizedV2,
} from '@modelcontextprotocol/client'
import { UnauthorizedError as UnauthorizedV1 } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTokenKeys } from '../../src/adapters/tokens.ts'
import { evaluationKeyFile } from '../../src/config/schema.ts'
import { createControlPlane } from '../../src/http/control-plane/app.ts'
import { createAuthenticator } from '../../src/identity/bearer.ts'
import { createChallenge } from '../../src/identity/challenge.ts'
import { isStop } from '../../src/kernel/errors.ts'
import { FakeFetch, RULES } from '../identity/issuer.ts'
import { Browser } from './browser.ts'
import { start, type Running } from './evaluation.ts'

const PATHS = ['/mcp', '/servers/files/mcp', '/sets/dev/mcp']
let running: Running
let gateway: Server
let base = ''
/** subject and client of each MCP message that passed */
const passed: string[] = []

/** As little of a gateway as shows the identity layer: authenticate, challenge, control plane; the MCP behind it only says hello. */
function serveGateway(): Server {
  const verifier = createTokenKeys({ issuers: [], fetch: new FakeFetch() })
  let authenticator: ReturnType<typeof createAuthenticator> | undefined
  let controlPlane: ReturnType<typeof createControlPlane> | undefined
  return createServer((req, res) => {
    const path = req.url ?? ''
    const issuer = running.provider.issuer
    if (!authenticator) {
      verifier.configure([{ issuer, jwksFile: evaluationKeyFile(running.settings.dataDir) }])
      authenticator = createAuthenticator({ issuers: [{ ...RULES, issuer }], verifier })
    }
    controlPlane ??= createControlPlane({
      resource: () => ({ publicUrl: base, authorizationServers: [issuer] }),
      dependencies: () => [],
      metrics: () => Promise.resolve({ type: 'text/plain', text: '' }),
      mayMonitor: () => true,
    })
    if (!PATHS.includes(path)) {
      controlPlane(req, res)
      return
    }
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      void Promise.resolve(authenticator!.authenticate(req.headers.authorization, base + path, Date.now() / 1000)).then(who => {
        if (isStop(who))
          return void res.writeHead(401, { 'www-authenticate': createChallenge({ publicUrl: base })(who, { path }) ?? '' }).end()
        passed.push(`${who.subject} ${path}`)
        const text = Buffer.concat(chunks).toString()
        const message = (text ? JSON.parse(text) : {}) as { id?: number; method?: string; params?: { protocolVersion: string } }
        if (message.id === undefined) return void res.writeHead(req.method === 'POST' ? 202 : 405).end()
        const result = { protocolVersion: message.params?.protocolVersion, capabilities: {}, serverInfo: { name: 'hello', version: '1' } }
        res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }))
      })
    })
  })
}

beforeAll(async () => {
  gateway = serveGateway()
  await new Promise<void>(resolve => gateway.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`
  running = await start({
    resources: PATHS.map(path => ({ resource: base + path, scopes: [] })),
    gateway: { host: '127.0.0.1', publicUrl: base },
  })
})
afterAll(async () => {
  gateway.closeAllConnections()
  gateway.close()
  await running.stop()
})

/** The part of a host that the SDKs leave to it: keep things, open the browser. */
class Keeper {
  readonly redirectUrl = 'http://localhost:41234/callback'
  readonly clientMetadata = {
    client_name: 'SDK host',
    redirect_uris: [this.redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
  }
  readonly #user: string
  kept: { client?: any; tokens?: any; verifier?: string; discovery?: any } = {}
  code = ''
  iss = ''
  logins = 0
  constructor(user: string) {
    this.#user = user
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
    this.logins++
    const browser = new Browser(url.origin)
    const end = new URL(
      (await browser.press(await browser.press(await browser.open(url.href), 'login', { user: this.#user }), 'consent')).url,
    )
    this.code = end.searchParams.get('code') ?? ''
    this.iss = end.searchParams.get('iss') ?? ''
  }
  invalidateCredentials(scope: string): void {
    if (scope === 'all') this.kept = {}
    if (scope === 'tokens') delete this.kept.tokens
  }
}

type Connection = { connect(): Promise<void>; finish(): Promise<void>; close(): Promise<void> }
const sdks: [string, (url: string, keeper: Keeper) => Connection, any][] = [
  [
    'the 2025 SDK (v1)',
    (url, authProvider) => {
      const make = () => new TransportV1(new URL(url), { authProvider })
      const first = make()
      const client = new ClientV1({ name: 'host', version: '1' })
      return {
        connect: () => client.connect(first),
        finish: async () => (await first.finishAuth(authProvider.code), client.connect(make())),
        close: () => client.close(),
      }
    },
    UnauthorizedV1,
  ],
  [
    'the 2026 SDK (v2)',
    (url, authProvider) => {
      const make = () => new TransportV2(new URL(url), { authProvider })
      const first = make()
      const client = new ClientV2({ name: 'host', version: '1' })
      return {
        connect: () => client.connect(first),
        finish: async () => (await first.finishAuth(authProvider.code, authProvider.iss), client.connect(make())),
        close: () => client.close(),
      }
    },
    UnauthorizedV2,
  ],
]

describe.each(sdks)('%s', (_name, open, Unauthorized) => {
  it.each(PATHS)('finds its way from the bare URL of %s to an answer', async path => {
    const keeper = new Keeper('alice')
    const connection = open(base + path, keeper)
    await expect(connection.connect()).rejects.toBeInstanceOf(Unauthorized)
    await connection.finish()
    await connection.close()
    expect(passed.at(-1)).toBe(`alice ${path}`)
    expect(keeper.kept.tokens).toMatchObject({ token_type: 'Bearer', refresh_token: expect.any(String) as string })
  })
  it('refreshes a token that is no longer good without asking the user', async () => {
    const keeper = new Keeper('bob')
    const connection = open(`${base}/mcp`, keeper)
    await expect(connection.connect()).rejects.toBeInstanceOf(Unauthorized)
    await connection.finish()
    await connection.close()
    keeper.kept.tokens = { ...keeper.kept.tokens, access_token: 'bad' }
    const again = open(`${base}/mcp`, keeper)
    await again.connect()
    await again.close()
    expect([keeper.logins, passed.at(-1)]).toEqual([1, 'bob /mcp'])
  })
})
