// A genuine issuer (oidc-provider) of tokens for the gateway's own endpoints: opaque or signed, with introspection, revocation and proofs of possession.

import { createHash, randomBytes } from 'node:crypto'
import { exportJWK, generateKeyPair } from 'jose'
import { ROOMY, startRecorder, type World } from '../attacks/world.ts'
import { publicJwkOf } from '../identity/dpop.ts'
import { encode, type TestKey } from '../identity/issuer.ts'
import { excuseEgress } from '../support/egress/setup.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { startAuthorizationServer, type UpstreamAs } from './authorization-server.ts'
import { Browser } from './browser.ts'

const HOST = { client_id: 'host', redirect_uris: ['http://127.0.0.1/host'] }
/** What the gateway is called there, to ask about tokens. */
export const GATEWAY = { clientId: 'gateway', clientSecret: 'a-secret-of-the-gateway' }

type RealIssuer = UpstreamAs & {
  /** a token of `person` for one resource; bound to `key` where there is one */
  token(resource: string, key?: TestKey): Promise<string>
  /** given out beside the tokens */
  readonly refreshTokens: readonly string[]
  /** as the host does it (RFC 7009) */
  revoke(token: string): Promise<void>
}

type RealIssuerOptions = { readonly resources: () => readonly string[]; readonly jwtSeconds?: number | undefined }

export async function startRealIssuer({ resources, jwtSeconds }: RealIssuerOptions): Promise<RealIssuer> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const as = await startAuthorizationServer({
    resources: () => Object.fromEntries(resources().map(resource => [resource, 'mcp'])),
    clients: [
      {
        ...HOST,
        application_type: 'native',
        id_token_signed_response_alg: 'ES256',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
      },
      {
        client_id: GATEWAY.clientId,
        client_secret: GATEWAY.clientSecret,
        id_token_signed_response_alg: 'ES256',
        redirect_uris: [],
        response_types: [],
        grant_types: [],
      },
    ],
    ...(jwtSeconds !== undefined && { jwtSeconds }),
    features: { introspection: { enabled: true, allowedPolicy: async () => true }, dPoP: { enabled: true } },
    // A sign-in here is over after a second; its tokens are not.
    more: {
      expiresWithSession: () => false,
      jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'real', alg: 'ES256', use: 'sig' }] },
    },
  })
  excuseEgress({ direction: 'to-upstream', peer: new URL(as.issuer).host, why: 'an issuer is asked about its own token (RFC 7662)' })
  const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${as.issuer}${path}`, { method: 'POST', body: new URLSearchParams({ client_id: HOST.client_id, ...form }), headers })
  const refreshTokens: string[] = []
  return Object.assign(as, {
    refreshTokens,
    async token(resource: string, key?: TestKey) {
      const verifier = randomBytes(32).toString('base64url')
      const [redirect_uri = ''] = HOST.redirect_uris
      const query = new URLSearchParams({
        ...{ client_id: HOST.client_id, redirect_uri, response_type: 'code', scope: 'mcp', resource },
        ...{ code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' },
      })
      const page = await new Browser().get(`${as.issuer}/auth?${query.toString()}`, location => location.startsWith(redirect_uri))
      const code = new URL(page.url).searchParams.get('code') ?? ''
      const answer = await post(
        '/token',
        { grant_type: 'authorization_code', code, redirect_uri, code_verifier: verifier, resource },
        key ? { dpop: tokenProof(key, `${as.issuer}/token`) } : {},
      )
      const said = (await answer.json()) as { access_token?: string; token_type?: string; refresh_token?: string }
      if (said.refresh_token !== undefined) refreshTokens.push(said.refresh_token)
      if (said.access_token === undefined || said.token_type !== (key ? 'DPoP' : 'Bearer')) throw new Error(JSON.stringify(said))
      return said.access_token
    },
    async revoke(token: string) {
      const answer = await post('/token/revocation', { token })
      if (answer.status !== 200) throw new Error(await answer.text())
    },
  })
}

/** RFC 9449 section 5: at the token endpoint there is no token to name yet. */
function tokenProof(key: TestKey, url: string): string {
  const header = { typ: 'dpop+jwt', alg: key.alg, jwk: publicJwkOf(key) }
  const claims = { htm: 'POST', htu: url, iat: Math.floor(Date.now() / 1000), jti: randomBytes(16).toString('hex') }
  const data = `${encode(header)}.${encode(claims)}`
  return `${data}.${key.signature(data)}`
}

export type RealWorld = World & { readonly issuer: RealIssuer; readonly resource: string }

/** One gateway that believes this issuer alone; `settings` are the issuer's. */
export async function startRealWorld({ settings, jwtSeconds }: { settings: object; jwtSeconds?: number }): Promise<RealWorld> {
  const refs: { gateway?: TestGateway } = {}
  const path = '/servers/up/mcp'
  const issuer = await startRealIssuer({
    resources: () => [path, '/mcp', '/admin'].map(each => `${refs.gateway?.url}${each}`),
    jwtSeconds,
  })
  const up = await startRecorder()
  const gateway = (refs.gateway = await startTestGateway(
    {
      limits: ROOMY,
      operators: ['alice'],
      upstreams: { up: { http: { url: up.url }, allow: [{ id: 'test', subjects: ['alice'], tools: ['echo'] }] } },
    },
    { issuer: { issuer: issuer.issuer, jwksFile: undefined, ...settings } },
  ))
  return {
    ...{ gateway, issuer, up, path, port: Number(new URL(gateway.url).port), resource: `${gateway.url}${path}` },
    tokens: { alice: '', bob: '' }, // each test asks for its own
    async stop() {
      await gateway.stop()
      await up.close()
      await issuer.close()
    },
  }
}
