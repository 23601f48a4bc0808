// A genuine authorization server (oidc-provider) for upstreams under test: everybody who comes is signed in as `person` and agrees to everything.

import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider, type Configuration } from 'oidc-provider'

export type UpstreamAs = {
  readonly issuer: string
  /** who signs in next */
  person: string
  /** "POST /token" and the like, in order */
  readonly asked: { readonly line: string; readonly headers: Readonly<Record<string, unknown>>; readonly body: string }[]
  /** the owner, scopes and audience of a token that is good now */
  check(
    token: string,
  ): Promise<{ readonly account: string | undefined; readonly scopes: readonly string[]; readonly client: string | undefined } | undefined>
  /** ends every access token there is, refresh tokens stay */
  expireAccessTokens(): void
  /** metadata members to put in, or to leave out where undefined */
  alter: Readonly<Record<string, unknown>>
  close(): Promise<void>
}

export type AsOptions = {
  /** resources it issues tokens for, with the scopes each knows */
  readonly resources: () => Readonly<Record<string, string>>
  readonly clients?: Configuration['clients']
  readonly documents?: boolean
  /** signed access tokens instead of opaque ones; they live this many seconds */
  readonly jwtSeconds?: number
  readonly features?: NonNullable<Configuration['features']>
  readonly more?: Configuration
  /** before it serves anybody */
  readonly prepare?: (provider: Provider) => void
}

export async function startAuthorizationServer(options: AsOptions): Promise<UpstreamAs> {
  const asked: UpstreamAs['asked'] = []
  const server: Server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const expired = new Set<string>()
  const given = new Set<string>()
  const as: UpstreamAs = {
    issuer,
    person: 'alice',
    asked,
    alter: {},
    async check(token) {
      if (expired.has(token)) return undefined
      const found = (await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token))
      if (!found) return undefined
      given.add(token)
      return {
        account: 'accountId' in found ? found.accountId : undefined,
        scopes: (found.scope ?? '').split(' ').filter(Boolean),
        client: found.clientId,
      }
    },
    expireAccessTokens() {
      for (const token of given) expired.add(token)
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  const provider = new Provider(issuer, configuration(options))
  options.prepare?.(provider)
  const callback = provider.callback()
  server.on('request', (req, res) => {
    // Its form is read late, and would be gone by then.
    if (req.method === 'POST' && req.url === '/device') return void callback(req, res)
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () =>
      asked.push({ line: `${req.method} ${req.url?.split('?')[0]}`, headers: req.headers, body: Buffer.concat(chunks).toString() }),
    )
    if (req.url?.startsWith('/interaction/')) return void agree(provider, as.person, req, res)
    if (req.url?.startsWith('/.well-known/') && Object.keys(as.alter).length > 0) return void altered(issuer, as.alter, res)
    void callback(req, res)
  })
  return as

  async function altered(base: string, alter: Readonly<Record<string, unknown>>, res: import('node:http').ServerResponse): Promise<void> {
    const plain = { ...as.alter }
    as.alter = {}
    const answer = await fetch(`${base}/.well-known/oauth-authorization-server`)
    const text = answer.ok ? await answer.text() : await (await fetch(`${base}/.well-known/openid-configuration`)).text()
    as.alter = plain
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ...(JSON.parse(text) as object), ...alter }))
  }
}

async function agree(
  provider: Provider,
  person: string,
  req: import('node:http').IncomingMessage,
  res: import('node:http').ServerResponse,
): Promise<void> {
  const { params, prompt, grantId, session } = await provider.interactionDetails(req, res)
  if (prompt.name === 'login') return provider.interactionFinished(req, res, { login: { accountId: person } })
  const grant =
    (grantId && (await provider.Grant.find(grantId))) ||
    new provider.Grant({ accountId: session?.accountId ?? person, clientId: String(params['client_id']) })
  const { missingOIDCScope, missingResourceScopes } = prompt.details as {
    missingOIDCScope?: string[]
    missingResourceScopes?: Record<string, string[]>
  }
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '))
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) grant.addResourceScope(resource, scopes.join(' '))
  await provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true })
}

function configuration({ resources, clients = [], documents = false, jwtSeconds, features, more = {} }: AsOptions): Configuration {
  return {
    clients,
    cookies: { keys: [randomBytes(16).toString('hex')] },
    scopes: ['openid', 'offline_access'],
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    ttl: {
      AccessToken: jwtSeconds ?? 3600,
      AuthorizationCode: 60,
      Grant: 3600,
      IdToken: 3600,
      Interaction: 600,
      RefreshToken: 3600,
      Session: 1,
      ClientCredentials: 600,
    },
    renderError: (ctx, out) => void (ctx.body = out),
    ...more,
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      clientCredentials: { enabled: true },
      registration: { enabled: true },
      deviceFlow: more.features?.deviceFlow ?? { enabled: false },
      clientIdMetadataDocument: { enabled: documents, ack: 'draft-02' },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => {
          const scope = resources()[resource]
          if (scope === undefined) throw new Error(`not a resource here: ${resource}`)
          if (jwtSeconds === undefined) return { scope, audience: resource, accessTokenFormat: 'opaque', accessTokenTTL: 3600 }
          const jwt = { sign: { alg: 'ES256' as const } }
          return { scope, audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: jwtSeconds, jwt }
        },
        ...more.features?.resourceIndicators,
      },
      ...features,
    },
  }
}
