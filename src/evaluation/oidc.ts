// oidc-provider set up as the evaluation identity provider: code with PKCE, open registration of loopback hosts, one audience per token.

import { randomBytes } from 'node:crypto'
import { Provider, errors, type Configuration, type KoaContextWithOIDC } from 'oidc-provider'
import type { SafeFetch } from '../adapters/safe-fetch.ts'
import { webFetch } from '../adapters/web-fetch.ts'
import { EVALUATION_CLIENT } from '../config/schema.ts'
import { tameClient } from './clients.ts'
import { errorPage, pageHeaders } from './pages.ts'
import { SIGNING_ALGORITHM, type SigningKey } from './secrets.ts'
import { SCOPE, scopesFor, TOKEN_SECONDS, type Directory } from './settings.ts'
import type { openStore } from './store.ts'

const DAY_SECONDS = 86_400

export type OidcParts = {
  readonly issuer: string
  readonly directory: Directory
  readonly key: SigningKey
  readonly store: Awaited<ReturnType<typeof openStore>>
  /** for client ID metadata documents; undefined = not supported */
  readonly fetch: SafeFetch | undefined
  /** see ProviderSettings */
  readonly loginCallback?: string | undefined
}

export function createOidc(parts: OidcParts): Provider {
  const provider = new Provider(parts.issuer, configuration(parts))
  provider.use(async (ctx, next) => {
    if (ctx.path === '/authorize') addScope(ctx, parts.directory)
    await next()
    await forgetSession(ctx)
  })
  return provider
}

// Before the provider reads it: what is asked for is filled up to what the host gets.
function addScope(ctx: { query: Record<string, unknown> }, directory: Directory): void {
  const { scope, resource } = ctx.query
  if (scope !== undefined && typeof scope !== 'string') return // repeated: the provider refuses that itself
  const asked = (scope ?? '').split(' ').filter(word => word !== '')
  const filled = scopesFor(directory, typeof resource === 'string' ? resource : '', asked)
  ctx.query = { ...ctx.query, scope: [...new Set([...asked, ...filled])].join(' ') }
}

// Every authorization asks anew who one is: that is how users are switched, and no later page can spend an old sign-in.
async function forgetSession({ oidc, response }: Partial<KoaContextWithOIDC>): Promise<void> {
  const location = response?.get('location') ?? ''
  if (oidc?.session && location !== '' && !location.startsWith('/') && !location.startsWith(oidc.issuer)) await oidc.session.destroy()
}

function configuration(parts: OidcParts): Configuration {
  const { directory, fetch } = parts
  return {
    adapter: parts.store,
    jwks: { keys: [parts.key.jwk] },
    routes: { authorization: '/authorize', token: '/token', registration: '/register', revocation: '/revoke', jwks: '/jwks' },
    cookies: {
      keys: [randomBytes(32).toString('base64url')],
      names: { session: 'gatehouse_evaluation', interaction: 'gatehouse_evaluation_ask', resume: 'gatehouse_evaluation_resume' },
    },
    clients: parts.loginCallback === undefined ? [] : [gatewayClient(parts.loginCallback)],
    responseTypes: ['code'],
    scopes: ['openid', 'offline_access'],
    claims: { openid: ['sub', 'groups'] },
    clientAuthMethods: ['none'],
    clientDefaults: {
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
      id_token_signed_response_alg: SIGNING_ALGORITHM,
    },
    enabledJWA: { idTokenSigningAlgValues: [SIGNING_ALGORITHM] },
    pkce: { required: () => true },
    allowOmittingSingleRegisteredRedirectUri: false,
    conformIdTokenClaims: true,
    extraClientMetadata: {
      // The hook runs once per name and before any other check, for registered and fetched clients alike; the name itself is never kept.
      properties: ['gatehouse'],
      validator(_ctx, _name, _value, metadata) {
        // Ids of others are random or URLs: no host can come by this one.
        if (metadata.client_id !== EVALUATION_CLIENT) tameClient(metadata)
      },
    },
    clientBasedCORS: (_ctx, origin, client) => client.redirectUris?.some(uri => URL.parse(uri)?.origin === origin) ?? false,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    expiresWithSession: () => false,
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    // A user who left the configuration is nobody: codes and refresh tokens of theirs fail.
    findAccount: (_ctx, subject) =>
      directory.users.has(subject)
        ? { accountId: subject, claims: () => ({ sub: subject, groups: directory.users.get(subject) }) }
        : undefined,
    extraTokenClaims: (_ctx, token) => ({ groups: 'accountId' in token ? (directory.users.get(token.accountId) ?? []) : [] }),
    ttl: {
      AccessToken: TOKEN_SECONDS,
      AuthorizationCode: 60,
      Grant: 7 * DAY_SECONDS,
      IdToken: TOKEN_SECONDS,
      Interaction: 600,
      RefreshToken: 7 * DAY_SECONDS,
      Session: 600,
    },
    renderError: (ctx, out) => {
      ctx.set(pageHeaders())
      ctx.body = errorPage(out.error_description ?? 'The request could not be understood.', [['Error', out.error]])
    },
    ...(fetch && { fetch: webFetch(fetch) }),
    features: features(directory, fetch !== undefined),
  }
}

/** The gateway itself, when people sign in at it with a browser. */
const gatewayClient = (callback: string): { client_id: string } & Record<string, unknown> => ({
  client_id: EVALUATION_CLIENT,
  client_name: 'Gatehouse',
  redirect_uris: [callback],
  grant_types: ['authorization_code'],
  // A native application may not be sent back to loopback over https, and the gateway may have a certificate of its own.
  application_type: callback.startsWith('https:') ? 'web' : 'native',
})

const features = (directory: Directory, hasClientDocuments: boolean): Configuration['features'] => ({
  devInteractions: { enabled: false },
  dPoP: { enabled: false },
  pushedAuthorizationRequests: { enabled: false },
  rpInitiatedLogout: { enabled: false },
  userinfo: { enabled: false },
  revocation: { enabled: true },
  registration: { enabled: true, issueRegistrationAccessToken: false },
  // Experimental in oidc-provider 9, hence the acknowledged draft. A refused or failed fetch is the error page of one authorization.
  clientIdMetadataDocument: { enabled: hasClientDocuments, ack: 'draft-02', allowFetch: (_ctx, id) => id.length <= 512 },
  resourceIndicators: {
    enabled: true,
    // RFC 8707 section 2: nothing is assumed for a host that does not say where it wants to go; each endpoint is its own resource.
    defaultResource: (_ctx, { clientId }, oneOf) => {
      // The gateway asks who somebody is, and wants no access to itself.
      if (clientId === EVALUATION_CLIENT && oneOf === undefined) return undefined
      const [only, ...others] = oneOf ?? []
      if (only === undefined || others.length > 0)
        throw new errors.InvalidTarget('name exactly one `resource`: the URL of the MCP endpoint')
      return only
    },
    useGrantedResource: () => true,
    getResourceServerInfo: (_ctx, resource) => {
      const scopes = directory.resources.get(resource)
      if (!scopes) throw new errors.InvalidTarget('`resource` is not an endpoint of this gateway')
      return {
        scope: [SCOPE, ...scopes].join(' '),
        audience: resource,
        accessTokenTTL: TOKEN_SECONDS,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: SIGNING_ALGORITHM } },
      }
    },
  },
})
