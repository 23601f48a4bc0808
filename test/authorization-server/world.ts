// The gateway's own authorization server with its pages over real HTTP, an identity provider behind it, and a host and a browser that use it.

import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publicKeyFile } from '../../src/adapters/authorization-server/signing-keys.ts'
import { createSafeFetch, type SafeFetch } from '../../src/adapters/safe-fetch.ts'
import { createTokenKeys } from '../../src/adapters/tokens.ts'
import { createPeople, type PeopleParts, type PersonEvent } from '../../src/compose/people.ts'
import { createControlPlane } from '../../src/http/control-plane/app.ts'
import type { OfferedScope } from '../../src/http/control-plane/pages/consent-page.ts'
import { createAuthenticator } from '../../src/identity/bearer.ts'
import type { Stop } from '../../src/kernel/errors.ts'
import type { Principal } from '../../src/kernel/principal.ts'
import { createSealer } from '../../src/kernel/seal.ts'
import { FakeFetch, RULES } from '../identity/issuer.ts'
import { IDP_CLIENT, startIdp, type TestIdp } from '../support/identity-provider.ts'
import { limitsOf } from '../support/limits.ts'
import { memoryStores, type MemoryStores } from '../support/memory-identity-stores.ts'
import { Browser, type Page } from './browser.ts'

export const CALLBACK = 'http://localhost:33418/callback'
const SCOPES: readonly OfferedScope[] = [
  { name: 'files:read', title: 'Read files' },
  { name: 'files:write', title: 'Change files' },
  { name: 'memory:use', title: 'Use the memory' },
]

export type World = {
  readonly base: string
  readonly idp: TestIdp
  readonly dataDir: string
  readonly stores: MemoryStores
  readonly events: PersonEvent[]
  readonly ended: string[]
  /** whose groups the provider changed */
  readonly regrouped: string[]
  readonly troubles: string[]
  readonly refused: string[]
  /** principal and client of applications whose use of accounts was taken away */
  readonly forgotten: string[]
  /** seconds that the gateway's clock is ahead */
  ahead: number
  /** subjects and clients */
  readonly blocked: Set<string>
  /** scopes a subject is entitled to; default all */
  readonly entitled: Map<string, string[]>
  /** since when the server behind a scope is the one that it is, in milliseconds */
  readonly since: Map<string, number>
  /** as the resource server of this gateway judges a token for an endpoint */
  judge(token: string | undefined, path?: string): Promise<Principal | Stop>
  stop(): Promise<void>
}

export type WorldOptions = {
  readonly settings?: Partial<NonNullable<PeopleParts['settings']['authorizationServer']>>
  readonly login?: Partial<PeopleParts['settings']['login']>
  readonly publicUrl?: string
  readonly parts?: Partial<PeopleParts>
  /** for client documents */
  readonly documents?: SafeFetch
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const dataDir = mkdtempSync(join(tmpdir(), 'authorization-server-'))
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const idp = await startIdp(`${base}/oauth/login/callback`)
  const stores = memoryStores()
  const sealingKeys = { current: randomBytes(32) }
  const endpoints = ['/mcp', '/servers/files/mcp', '/admin'].map(path => base + path)
  const parts: PeopleParts = {
    settings: {
      publicUrl: base,
      dataDir,
      login: {
        ...{ issuer: idp.issuer, ...IDP_CLIENT, scopes: ['openid', 'offline_access'], subjectClaim: 'sub', groupsClaim: 'groups' },
        ...options.login,
      },
      ...(options.publicUrl !== undefined && { publicUrl: options.publicUrl }),
      authorizationServer: { registration: 'open', clients: [], tokenSeconds: 600, refreshSeconds: 30 * 86_400, ...options.settings },
    },
    stores,
    sealer: createSealer(sealingKeys, randomBytes),
    sealingKeys,
    fetch: createSafeFetch({ namedHosts: [new URL(idp.issuer).host] }),
    documentFetch: options.documents ?? createSafeFetch(),
    stopOf: principal =>
      world.blocked.has(principal.subject) || world.blocked.has(principal.client ?? '') ? { stop: 'principal-blocked' } : undefined,
    offered: (resource, principal) => {
      if (!endpoints.includes(resource)) return undefined
      const mine = principal && world.entitled.get(principal.subject)
      return SCOPES.filter(
        ({ name }) => (resource.endsWith('/servers/files/mcp') ? name.startsWith('files:') : true) && (mine?.includes(name) ?? true),
      ).map(scope => ({ ...scope, sinceMs: world.since.get(scope.name) ?? 0 }))
    },
    endpointTitle: resource => (resource.endsWith('/mcp') ? 'Your MCP servers' : resource),
    isAdministration: resource => resource.endsWith('/admin'),
    connections: {
      list: async () => ({ connections: [], missing: [] }),
      revoke: async () => false,
      forgetApplication: async ({ key }, client) => void world.forgotten.push(`${key} ${client}`),
      putSecret: async () => 'no server takes one',
    },
    now: () => Math.floor(Date.now() / 1000) + world.ahead,
    record: async event => void world.events.push(event),
    onFamilyEnd: async families => void world.ended.push(...families),
    onRegrouped: async ({ key }) => void world.regrouped.push(key),
    addressOf: () => '127.0.0.1',
    onRefused: address => void world.refused.push(address),
    onTrouble: (what, cause) => void world.troubles.push(`${what}: ${String(cause)}`),
    gate: (...gate) => limitsOf().visitors.gate(...gate),
    strangersPerMinute: { address: 10_000, total: 10_000 },
    ...options.parts,
  }
  const loading = createPeople(parts)
  const handler = createControlPlane({
    resource: () => ({ publicUrl: base, authorizationServers: [base] }),
    dependencies: () => [],
    metrics: () => Promise.resolve({ type: 'text/plain', text: '' }),
    mayMonitor: () => true,
    people: {
      load: async () => (await loading).people,
      onFault: cause => void world.troubles.push(String(cause instanceof Error ? cause.stack : cause)),
    },
  })
  server.on('request', handler)
  await loading
  const world: World = {
    base,
    idp,
    dataDir,
    stores,
    events: [],
    ended: [],
    regrouped: [],
    troubles: [],
    refused: [],
    forgotten: [],
    ahead: 0,
    blocked: new Set(),
    entitled: new Map(),
    since: new Map(),
    judge(token = '', path = '/mcp') {
      const verifier = createTokenKeys({ issuers: [{ issuer: base, jwksFile: publicKeyFile(dataDir) }], fetch: new FakeFetch() })
      const rules = { ...RULES, issuer: base, algorithms: ['ES256'], maxTokenSeconds: 900, identityProviders: [idp.issuer] }
      return Promise.resolve(
        createAuthenticator({ issuers: [rules], verifier }).authenticate(`Bearer ${token}`, base + path, Date.now() / 1000),
      )
    },
    async stop() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      await idp.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
  return world
}

/** What a token says, as anybody can read it. */
export const claimsOf = (token = ''): Record<string, any> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, any>

export type TokenAnswer = {
  status: number
  access_token?: string
  refresh_token?: string
  expires_in?: number
  scope?: string
  error?: string
  error_description?: string
}

/** What a host does: register, send the person to the browser, redeem the code, refresh. */
export class Host {
  readonly world: World
  readonly verifier = randomBytes(32).toString('base64url')
  clientId = ''
  constructor(world: World, clientId = '') {
    this.world = world
    this.clientId = clientId
  }

  async register(metadata: object = {}): Promise<{ status: number; body: Record<string, unknown> }> {
    const body = JSON.stringify({ client_name: 'Test host', redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none', ...metadata })
    const answer = await fetch(`${this.world.base}/oauth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    const said = (await answer.json()) as Record<string, unknown>
    this.clientId = String(said['client_id'])
    return { status: answer.status, body: said }
  }

  authorizeUrl(change: Record<string, string | undefined> = {}): string {
    const all = {
      response_type: 'code',
      client_id: this.clientId,
      redirect_uri: CALLBACK,
      code_challenge: createHash('sha256').update(this.verifier).digest('base64url'),
      code_challenge_method: 'S256',
      state: 'the-state',
      resource: `${this.world.base}/mcp`,
      ...change,
    }
    return `/oauth/authorize?${String(new URLSearchParams(Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined)))}`
  }

  /** The consent page, as a browser that signs in on the way sees it. */
  async ask(
    change: Record<string, string | undefined> = {},
    browser = new Browser(this.world.base),
  ): Promise<{ page: Page; browser: Browser }> {
    const page = await browser.signIn(await browser.open(this.authorizeUrl(change)))
    return { page, browser }
  }

  /** The redirect that ends an authorization in which the person says yes. */
  async authorize(change: Record<string, string | undefined> = {}, browser?: Browser): Promise<Page> {
    const asked = await this.ask(change, browser)
    return asked.browser.press(asked.page, 'oauth/consent', { answer: 'allow' })
  }

  async redeem(page: Page, change: Record<string, string> = {}): Promise<TokenAnswer> {
    const code = new URL(page.url).searchParams.get('code') ?? ''
    return this.token({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: this.verifier, ...change })
  }

  refresh(token: string | undefined, change: Record<string, string> = {}): Promise<TokenAnswer> {
    return this.token({ grant_type: 'refresh_token', refresh_token: token ?? '', ...change })
  }

  async token(form: Record<string, string>): Promise<TokenAnswer> {
    const answer = await fetch(`${this.world.base}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: this.clientId, ...form }),
    })
    return { status: answer.status, ...((await answer.json()) as object) }
  }
}

export async function registered(world: World, metadata?: object): Promise<Host> {
  const host = new Host(world)
  await host.register(metadata)
  return host
}
