// A running gateway whose own authorization server gives hosts their tokens, and an identity provider that stands in `identity.login` alone.

import { createHash, randomBytes } from 'node:crypto'
import { ROOMY, startRecorder, type World } from '../attacks/world.ts'
import { freePort } from '../support/free-port.ts'
import { startTestGateway } from '../support/gateway.ts'
import { IDP_CLIENT, startIdp, type TestIdp } from '../support/identity-provider.ts'
import type { HttpUpstream } from '../support/upstreams/http-upstream.ts'
import { Browser } from './browser.ts'
import { CALLBACK } from './world.ts'

export type Tokens = { readonly access: string; readonly refresh: string }
export type Running = Pick<World, 'gateway' | 'up' | 'path' | 'port' | 'stop'> & {
  readonly idp: TestIdp
  /** a host signs its person in: whoever the provider's `nextUser` is */
  signIn(browser?: Browser, at?: { readonly path: string; readonly scope: string }): Promise<Tokens>
  refresh(tokens: Tokens): Promise<Tokens | undefined>
}

export type RunningOptions = {
  /** in place of an upstream that records everything and takes no credential: where it is, and its settings besides the URL */
  readonly upstream?: (idp: TestIdp) => Promise<{ readonly up: HttpUpstream; readonly settings: object; close(): Promise<void> }>
  /** further settings */
  readonly settings?: (idp: TestIdp) => object
  /** whose tokens count besides: `identity.issuers` */
  readonly issuers?: (idp: TestIdp) => readonly object[]
}

type HostAt = {
  signIn(at: { readonly path: string; readonly scope: string }, browser?: Browser): Promise<Tokens>
  refresh(tokens: Tokens): Promise<Tokens | undefined>
}

/** The settings of `identity` that hostAt needs. */
export const OWN_SERVER = { authorizationServer: { clients: [{ id: 'host', name: 'Host', redirectUris: [CALLBACK] }] } }

/** A host of the gateway at this URL, and the browser of its person. */
export function hostAt(url: string): HostAt {
  const token = async (form: Record<string, string>): Promise<Tokens | undefined> => {
    const answer = await fetch(`${url}/oauth/token`, { method: 'POST', body: new URLSearchParams({ client_id: 'host', ...form }) })
    const said = (await answer.json()) as { access_token?: string; refresh_token?: string }
    return answer.ok ? { access: said.access_token ?? '', refresh: said.refresh_token ?? '' } : undefined
  }
  return {
    async signIn({ path, scope }, browser = new Browser(url)) {
      const verifier = randomBytes(32).toString('base64url')
      const query = new URLSearchParams({
        ...{ response_type: 'code', client_id: 'host', redirect_uri: CALLBACK, scope, resource: `${url}${path}`, state: 's' },
        ...{ code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' },
      })
      const asked = await browser.signIn(await browser.open(`/oauth/authorize?${query.toString()}`))
      const end = await browser.press(asked, 'oauth/consent', { answer: 'allow' })
      const code = new URL(end.url).searchParams.get('code') ?? ''
      const tokens = await token({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: verifier })
      if (!tokens) throw new Error(`no token for ${end.url}`)
      return tokens
    },
    refresh: ({ refresh }) => token({ grant_type: 'refresh_token', refresh_token: refresh }),
  }
}

/** Those in the group `staff` may call `echo`; Alice is one of them. */
export async function startRunning(options: RunningOptions = {}): Promise<Running> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const idp = await startIdp(`${url}/oauth/login/callback`)
  const given = await options.upstream?.(idp)
  const up = given?.up ?? (await startRecorder())
  const gateway = await startTestGateway({
    ...options.settings?.(idp),
    limits: ROOMY,
    listen: `127.0.0.1:${port}`,
    identity: {
      login: { issuer: idp.issuer, ...IDP_CLIENT, scopes: ['openid', 'offline_access'] },
      ...OWN_SERVER,
      ...(options.issuers && { issuers: options.issuers(idp) }),
    },
    upstreams: { up: { http: { url: up.url }, allow: [{ id: 'test', groups: ['staff'], tools: ['echo'] }], ...given?.settings } },
  })
  const path = '/servers/up/mcp'
  const host = hostAt(url)
  return {
    ...{ gateway, up, idp, path, port },
    signIn: (browser, at = { path, scope: 'up:use' }) => host.signIn(at, browser),
    refresh: host.refresh,
    async stop() {
      await gateway.stop()
      await up.close()
      await given?.close()
      await idp.stop()
    },
  }
}
