// oidc-provider set up as the gateway's own authorization server: code with PKCE, one endpoint for each token, no users of its own, nothing it does not need.

import { randomBytes } from 'node:crypto'
import { errors, interactionPolicy, Provider, type Account, type Configuration, type KoaContextWithOIDC } from 'oidc-provider'
import { CONSENTED_AT } from '../../identity/claims.ts'
import { isDocumentUrl } from '../../identity/document-url.ts'
import type { OauthRecordStore, RegisteredClientStore } from '../../identity/oauth-records.ts'
import { principalOf, type SignIn } from '../../identity/sign-in.ts'
import { digestOf } from '../../kernel/digest.ts'
import type { Stop } from '../../kernel/errors.ts'
import type { Principal } from '../../kernel/principal.ts'
import type { SafeFetch } from '../safe-fetch.ts'
import { documentFetch } from './client-documents.ts'
import { configuredMetadata, tameClient, type ConfiguredClient } from './clients.ts'
import { familyOf, recordAdapters } from './records.ts'
import { SIGNING_ALGORITHM, type SigningKeys } from './signing-keys.ts'

/** Which clients may come without having been configured. `documents`: those that are named by a URL; `open`: also those that register themselves. */
type Registration = 'closed' | 'documents' | 'open'

type OidcSettings = {
  /** the gateway's public URL */
  readonly issuer: string
  readonly registration: Registration
  readonly clients: readonly ConfiguredClient[]
  /** life of an access token; seconds */
  readonly tokenSeconds: number
  /** life of what comes of one consent, refreshed or not; seconds */
  readonly refreshSeconds: number
}

export type OidcDeps = {
  readonly settings: OidcSettings
  readonly signingKeys: SigningKeys
  /** sign cookies; newest first */
  readonly cookieKeys: readonly string[]
  readonly records: OauthRecordStore
  readonly clients: RegisteredClientStore
  /** the sign-in behind a code or refresh token, as the identity provider sees it now */
  readonly signIn: (id: string) => Promise<SignIn | 'ended' | 'unavailable'>
  /** why a principal may not use a client, or nothing at all (a block) */
  readonly stopOf: (principal: Principal) => Stop | undefined
  /**
   * Scopes of an endpoint (resource identifier): those this principal is entitled to, all that exist when it is nobody yet. Undefined = there is no such
   * endpoint.
   */
  readonly scopes: (resource: string, principal: Principal | undefined) => readonly string[] | undefined
  /** for client ID metadata documents; 64 KiB are enough */
  readonly fetch: SafeFetch
  /** whether whoever asks may make the gateway fetch a document or keep a registration now */
  readonly admitStranger: () => Promise<boolean>
  readonly onFamilyEnd: (families: readonly string[]) => Promise<void>
  readonly renderError: (
    code: string,
    description: string | undefined,
  ) => { readonly headers: Readonly<Record<string, string>>; readonly body: string }
  /** seconds since the epoch */
  readonly now: () => number
}

/**
 * A scope every token has, so that a token without any other is still one. It covers nothing: what it would let through has no colon in its name.
 */
export const BASE_SCOPE = 'mcp'
const INTERACTION_SECONDS = 600
const CODE_SECONDS = 60

type AccountOf = Account & { readonly signIn: SignIn }

export function createOidc(deps: OidcDeps): Provider {
  const provider = new Provider(deps.settings.issuer, configurationOf(deps))
  provider.proxy = true // authorization-server.ts writes the X-Forwarded-* itself, from the configuration
  return provider
}

function configurationOf(deps: OidcDeps): Configuration {
  const { settings } = deps
  const mark = randomBytes(16).toString('base64url')
  const isSecure = settings.issuer.startsWith('https:')
  const cookie = { httpOnly: true, sameSite: 'lax', secure: isSecure, signed: true, overwrite: true } as const
  const prefix = isSecure ? '__Host-' : ''
  return {
    adapter: recordAdapters(deps),
    jwks: { keys: [...deps.signingKeys] },
    clients: settings.clients.map(client => configuredMetadata(client, mark)),
    routes: {
      authorization: '/oauth/authorize',
      token: '/oauth/token',
      registration: '/oauth/register',
      revocation: '/oauth/revoke',
      jwks: '/oauth/jwks',
    },
    cookies: {
      keys: [...deps.cookieKeys],
      // The interaction's own cookies are for its paths alone, which a __Host- name does not allow; they are signed.
      names: { session: `${prefix}gatehouse_authorize`, interaction: 'gatehouse_ask', resume: 'gatehouse_resume' },
      long: cookie,
      short: cookie,
    },
    responseTypes: ['code'],
    scopes: [BASE_SCOPE],
    claims: { openid: ['sub'] },
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post'],
    // What a client does not say of itself must not read as if it had said `web`, the library's default.
    clientDefaults: { application_type: 'native', grant_types: ['authorization_code', 'refresh_token'] },
    enabledJWA: { idTokenSigningAlgValues: [SIGNING_ALGORITHM] },
    pkce: { required: () => true },
    allowOmittingSingleRegisteredRedirectUri: false,
    // The hook runs once per name and before any other check, for configured, registered and fetched clients alike; the name itself is never kept.
    extraClientMetadata: {
      properties: ['gatehouse'],
      validator(_ctx, _name, value, metadata) {
        Reflect.deleteProperty(metadata, 'gatehouse')
        if (value !== mark) tameClient(metadata)
      },
    },
    clientBasedCORS: (_ctx, origin, client) => client.redirectUris?.some(uri => URL.parse(uri)?.origin === origin) ?? false,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    expiresWithSession: () => false,
    interactions: { url: (_ctx, interaction) => `/oauth/consent/${interaction.uid}`, policy: policy() },
    // A consent answers the one authorization it was given in: no grant is found again by a cookie (N036, N038).
    loadExistingGrant: ctx => {
      const id = (ctx.oidc.result as { consent?: { grantId?: string } } | undefined)?.consent?.grantId
      return id === undefined ? Promise.resolve(undefined) : ctx.oidc.provider.Grant.find(id)
    },
    findAccount: (ctx, id) => findAccount(deps, id, ctx.oidc.client?.clientId),
    extraTokenClaims: (ctx, token) => ({
      ...claimsOf(ctx.oidc.account as AccountOf | undefined, token),
      [CONSENTED_AT]: ctx.oidc.entities.Grant?.iat ?? 0,
    }),
    formats: { customizers: { jwt: (ctx, _token, jwt) => nameSubject(ctx.oidc.account as AccountOf | undefined, jwt.payload) } },
    ttl: {
      AccessToken: settings.tokenSeconds,
      AuthorizationCode: CODE_SECONDS,
      // Refreshing never outlives the consent it rests on.
      Grant: settings.refreshSeconds,
      RefreshToken: settings.refreshSeconds,
      IdToken: settings.tokenSeconds,
      Interaction: INTERACTION_SECONDS,
      Session: INTERACTION_SECONDS,
    },
    renderError: (ctx, out) => {
      const { headers, body } = deps.renderError(out.error, out.error_description)
      ctx.set(headers)
      ctx.body = body
    },
    fetch: documentFetch(deps.fetch),
    features: featuresOf(deps),
  }
}

/** Both prompts are answered by one page of ours, which asks at every authorization who it is and whether they consent. */
function policy(): interactionPolicy.Prompt[] {
  const { Check, Prompt } = interactionPolicy
  const unanswered = new Check('unanswered', 'the person has to answer', 'interaction_required', ctx => {
    const result = ctx.oidc.result as { login?: unknown; consent?: unknown } | undefined
    return result?.login === undefined || result.consent === undefined || ctx.oidc.session?.accountId === undefined
  })
  return [
    new Prompt({ name: 'login', requestable: true }),
    new Prompt({ name: 'select_account', requestable: true }),
    new Prompt({ name: 'consent', requestable: true }, unanswered),
  ]
}

async function findAccount({ signIn, stopOf }: OidcDeps, id: string, client: string | undefined): Promise<AccountOf | undefined> {
  const found = await signIn(id)
  if (found === 'unavailable') {
    const outage = new errors.CustomOIDCProviderError('temporarily_unavailable', 'the identity provider cannot confirm the account now')
    throw Object.assign(outage, { status: 503, statusCode: 503 })
  }
  if (found === 'ended') return undefined
  // Not invalid_grant: a block that is lifted brings everything back.
  if (stopOf({ ...principalOf(found), ...(client !== undefined && { client }) }))
    throw new errors.AccessDenied('the account or the application is blocked at this gateway')
  return { accountId: id, claims: () => ({ sub: subjectOf(found) }), signIn: found }
}

/** Opaque and the same at each sign-in. Rules never see it: principals come of `idp_iss` and `idp_sub` (identity/claims.ts). */
const subjectOf = ({ issuer, subject }: SignIn): string => digestOf(JSON.stringify([issuer, subject]))

function claimsOf(account: AccountOf | undefined, token: { readonly grantId?: string | undefined } | object): Record<string, unknown> {
  const grantId = 'grantId' in token ? token.grantId : undefined
  if (!account || typeof grantId !== 'string') throw new errors.InvalidGrant('a token needs an account')
  const { issuer, subject, groups } = account.signIn
  return { idp_iss: issuer, idp_sub: subject, groups, sid: familyOf(grantId) }
}

function nameSubject(account: AccountOf | undefined, payload: Record<string, unknown>): void {
  if (!account) throw new errors.InvalidGrant('a token needs an account')
  payload['sub'] = subjectOf(account.signIn)
}

const featuresOf = (deps: OidcDeps): NonNullable<Configuration['features']> => ({
  devInteractions: { enabled: false },
  dPoP: { enabled: false },
  pushedAuthorizationRequests: { enabled: false },
  rpInitiatedLogout: { enabled: false },
  userinfo: { enabled: false },
  revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => client.clientId === token.clientId },
  registration: { enabled: deps.settings.registration === 'open', issueRegistrationAccessToken: false },
  // Experimental in oidc-provider 9, hence the acknowledged draft. A refused or failed fetch is the error page of one authorization.
  clientIdMetadataDocument: {
    enabled: deps.settings.registration !== 'closed',
    ack: 'draft-02',
    allowFetch: async (_ctx, id) => isDocumentUrl(id) && (await deps.admitStranger()),
    cacheDuration: { min: 0, max: 3600 },
  },
  resourceIndicators: {
    enabled: true,
    // RFC 8707 section 2: nothing is assumed for a host that does not say where it wants to go; each endpoint is its own resource.
    defaultResource: (_ctx, _client, oneOf) => {
      const [only, ...others] = oneOf ?? []
      if (only === undefined || others.length > 0)
        throw new errors.InvalidTarget('name exactly one `resource`: the URL of the MCP endpoint')
      return only
    },
    useGrantedResource: () => true,
    getResourceServerInfo: (ctx, resource, client) => resourceServer(deps, ctx, { resource, client: client.clientId }),
  },
})

function resourceServer(
  deps: OidcDeps,
  ctx: KoaContextWithOIDC,
  { resource, client }: { resource: string; client: string },
): ResourceServerInfo {
  if (Array.isArray(ctx.oidc.params?.['resource']) && ctx.oidc.params['resource'].length > 1)
    throw new errors.InvalidTarget('name exactly one `resource`: the URL of the MCP endpoint')
  const account = ctx.oidc.account as AccountOf | undefined
  const scopes = deps.scopes(resource, account && { ...principalOf(account.signIn), client })
  if (!scopes) throw new errors.InvalidTarget('`resource` is not an endpoint of this gateway')
  return {
    scope: [BASE_SCOPE, ...scopes].join(' '),
    audience: resource,
    accessTokenTTL: deps.settings.tokenSeconds,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: SIGNING_ALGORITHM, ...(deps.signingKeys[0] && { kid: deps.signingKeys[0].kid }) } },
  }
}

type ResourceServerInfo = {
  readonly scope: string
  readonly audience: string
  readonly accessTokenTTL: number
  readonly accessTokenFormat: 'jwt'
  readonly jwt: { readonly sign: { readonly alg: 'ES256'; readonly kid?: string } }
}
