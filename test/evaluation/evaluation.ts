// A running evaluation provider for tests, a host that registers and asks for tokens, and a gateway's view of what it got.

import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenKeys } from '../../src/adapters/tokens.ts'
import { evaluationKeyFile } from '../../src/config/schema.ts'
import { startProvider, type EvaluationProvider, type ProviderDeps } from '../../src/evaluation/provider.ts'
import type { ProviderSettings } from '../../src/evaluation/settings.ts'
import { createAuthenticator } from '../../src/identity/bearer.ts'
import type { Stop } from '../../src/kernel/errors.ts'
import type { Principal } from '../../src/kernel/principal.ts'
import { FakeFetch } from '../identity/issuer.ts'
import { Browser, type Page } from './browser.ts'
import { freePort } from '../support/free-port.ts'

export const GATEWAY = 'http://127.0.0.1:8400'
export const RESOURCES = ['/mcp', '/servers/files/mcp', '/sets/dev/mcp'].map(path => GATEWAY + path)
/** scopes of each of them */
export const SCOPES = ['files:use', 'files:read', 'files:write']
export const CALLBACK = 'http://localhost:33418/callback'

export async function settingsFor(change: Partial<ProviderSettings> = {}): Promise<ProviderSettings> {
  return {
    port: await freePort(),
    users: [
      { name: 'alice', groups: ['dev', 'ops'] },
      { name: 'bob', groups: [] },
    ],
    resources: RESOURCES.map(resource => ({ resource, scopes: SCOPES })),
    dataDir: mkdtempSync(join(tmpdir(), 'evaluation-')),
    gateway: { host: '127.0.0.1', publicUrl: GATEWAY },
    clientDocuments: false,
    ...change,
  }
}

export type Running = { readonly provider: EvaluationProvider; readonly settings: ProviderSettings; stop(): Promise<void> }

export async function start(change: Partial<ProviderSettings> = {}, deps: Partial<ProviderDeps> = {}): Promise<Running> {
  const settings = await settingsFor(change)
  const provider = await startProvider(settings, { now: Date.now, nodeEnv: undefined, ...deps })
  return {
    provider,
    settings,
    async stop() {
      await provider.close()
      rmSync(settings.dataDir, { recursive: true, force: true })
    },
  }
}

/** Judges a token as the gateway of this provider would, at one endpoint. */
export async function judge(
  { settings, provider }: Pick<Running, 'settings' | 'provider'>,
  token: string,
  resource: string,
): Promise<Principal | Stop> {
  const issuer = { issuer: provider.issuer, jwksFile: evaluationKeyFile(settings.dataDir) }
  const rules = {
    algorithms: ['ES256'],
    types: ['at+jwt'],
    subjectClaim: 'sub',
    groupsClaim: 'groups',
    grant: [],
    maxTokenSeconds: 3600,
    clockSkewSeconds: 0,
  }
  const verifier = createTokenKeys({ issuers: [issuer], fetch: new FakeFetch() })
  return createAuthenticator({ issuers: [{ ...issuer, ...rules }], verifier }).authenticate(`Bearer ${token}`, resource, Date.now() / 1000)
}

export type TokenAnswer = {
  status: number
  access_token?: string
  refresh_token?: string
  expires_in?: number
  error?: string
  error_description?: string
}

/** What a host does: register, send the user to the browser, redeem the code. */
export class Host {
  readonly issuer: string
  readonly verifier = randomBytes(32).toString('base64url')
  clientId = ''
  constructor(issuer: string) {
    this.issuer = issuer
  }

  async register(metadata: object = {}): Promise<{ status: number; body: Record<string, unknown> }> {
    const body = JSON.stringify({ client_name: 'Test host', redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none', ...metadata })
    const answer = await fetch(`${this.issuer}/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
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
      resource: RESOURCES[0],
      ...change,
    }
    return `/authorize?${String(new URLSearchParams(Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined)))}`
  }

  /** The redirect that ends an authorization in which the user says yes twice. */
  async authorize(change: Record<string, string | undefined> = {}, user = 'alice'): Promise<Page> {
    const browser = new Browser(this.issuer)
    const login = await browser.open(this.authorizeUrl(change))
    return browser.press(await browser.press(login, 'login', { user }), 'consent')
  }

  async redeem(page: Page, change: Record<string, string> = {}): Promise<TokenAnswer> {
    const code = new URL(page.url).searchParams.get('code') ?? ''
    return this.token({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: this.verifier, ...change })
  }

  refresh(token: string | undefined, change: Record<string, string> = {}): Promise<TokenAnswer> {
    return this.token({ grant_type: 'refresh_token', refresh_token: token ?? '', ...change })
  }

  async token(form: Record<string, string>): Promise<TokenAnswer> {
    const answer = await fetch(`${this.issuer}/token`, { method: 'POST', body: new URLSearchParams({ client_id: this.clientId, ...form }) })
    return { status: answer.status, ...((await answer.json()) as object) }
  }
}

export async function registered(issuer: string, metadata?: object): Promise<Host> {
  const host = new Host(issuer)
  await host.register(metadata)
  return host
}
