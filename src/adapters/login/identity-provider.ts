// Signing people in at the configured identity provider (OpenID Connect code flow with PKCE, state and nonce), and asking it again later. openid-client does
// the protocol; it is loaded with the first sign-in, and every request of it goes through the fetch handed in.

import type { ClientAuth, Configuration, CustomFetch, TokenEndpointResponse, TokenEndpointResponseHelpers } from 'openid-client'
import type { LoginSettings } from '../../config/schema.ts'
import { subjectOf } from '../../identity/claims.ts'
import type { Identity, IdentityProvider, Renewal } from '../../identity/sign-in.ts'
import { Fault } from '../../kernel/errors.ts'
import { basicAuthorization } from '../basic-authorization.ts'

export type LoginDeps = {
  readonly settings: LoginSettings
  /** this gateway's callback, registered at the provider */
  readonly redirectUri: string
  /** follows no redirect, bounded in size and time, checks the address it dials */
  readonly fetch: (url: string, options?: RequestInit) => Promise<Response>
  /** milliseconds since the epoch */
  readonly now: () => number
  /** told why the provider could not be asked; holds no secret */
  readonly onTrouble: (what: string, cause: unknown) => void
}

/** What the browser has to bring back; kept sealed in its cookie. */
type Attempt = { readonly state: string; readonly nonce: string; readonly verifier: string }

export type LoginProvider = IdentityProvider & {
  readonly issuer: string
  /** Where to send the browser, and what to keep for finish(). `isFresh`: the provider must ask the person again. Throws Fault `login-unavailable`. */
  begin(isFresh: boolean): Promise<{ readonly url: URL; readonly attempt: Attempt }>
  /**
   * The person behind a callback. Checks state, `iss` (RFC 9207), PKCE, nonce, signature, audience and time before anything is believed. Throws Fault
   * `login-refused` (the person or the provider said no, or the answer does not belong to this attempt) or `login-unavailable`.
   */
  finish(callback: URL, attempt: Attempt): Promise<{ readonly identity: Identity; readonly refreshToken?: string }>
}

type Tokens = TokenEndpointResponse & TokenEndpointResponseHelpers
type Claims = Readonly<Record<string, unknown>>

/** The provider's metadata and keys are read again after this long. */
const METADATA_MS = 600_000
const TIMEOUT_SECONDS = 10
const MAX_GROUPS = 1024
/** What a token endpoint says when the account or the session is gone, as against being out of order. */
const GONE = new Set(['invalid_grant', 'access_denied', 'login_required', 'interaction_required', 'consent_required'])

export function createLoginProvider(deps: LoginDeps): LoginProvider {
  const { settings, redirectUri } = deps
  let known: { readonly at: number; readonly config: Promise<Configuration> } | undefined

  async function configuration(): Promise<Configuration> {
    if (!known || deps.now() - known.at > METADATA_MS) {
      const config = discover(deps)
      known = { at: deps.now(), config }
      config.catch(() => (known = undefined))
    }
    return known.config
  }

  return {
    issuer: settings.issuer,

    async begin(isFresh) {
      const client = await import('openid-client')
      const config = await available(configuration(), deps)
      const attempt = { state: client.randomState(), nonce: client.randomNonce(), verifier: client.randomPKCECodeVerifier() }
      const url = client.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: settings.scopes.join(' '),
        code_challenge: await client.calculatePKCECodeChallenge(attempt.verifier),
        code_challenge_method: 'S256',
        state: attempt.state,
        nonce: attempt.nonce,
        ...(isFresh && { prompt: 'login' }),
      })
      // R121: whatever the metadata says, a browser is sent to a web page.
      if (url.protocol !== 'https:' && url.protocol !== 'http:') throw unavailable('its authorization endpoint is not a web page')
      return { url, attempt }
    },

    async finish(callback, attempt) {
      const client = await import('openid-client')
      const config = await available(configuration(), deps)
      const checks = {
        pkceCodeVerifier: attempt.verifier,
        expectedState: attempt.state,
        expectedNonce: attempt.nonce,
        idTokenExpected: true,
      }
      const tokens = await client.authorizationCodeGrant(config, callback, checks).catch((error: unknown) => {
        throw isOutage(error) ? unavailable('it does not answer', error) : refused(error)
      })
      const identity = await identityOf(tokens, config, deps)
      return { identity, ...(tokens.refresh_token !== undefined && { refreshToken: tokens.refresh_token }) }
    },

    async renew(identity, refreshToken): Promise<Renewal> {
      // Such sign-ins are short, and end by back-channel logout.
      if (refreshToken === undefined) return { identity }
      try {
        const client = await import('openid-client')
        const config = await configuration()
        const tokens = await client.refreshTokenGrant(config, refreshToken)
        const found = tokens.id_token === undefined && !hasUserinfo(config) ? identity : await identityOf(tokens, config, deps, identity)
        const { id_token: token, refresh_token } = tokens
        const expiresAtSeconds = tokens.claims()?.exp
        return {
          identity: found,
          ...(refresh_token !== undefined && { refreshToken: refresh_token }),
          ...(token !== undefined && expiresAtSeconds !== undefined && { idToken: { token, expiresAtSeconds } }),
        }
      } catch (error) {
        if (isGone(error)) return 'ended'
        deps.onTrouble('the identity provider cannot confirm a sign-in', error)
        return 'unavailable'
      }
    },
  }
}

async function discover({ settings, fetch }: LoginDeps): Promise<Configuration> {
  const client = await import('openid-client')
  const server = new URL(settings.issuer)
  const config = await client.discovery(server, settings.clientId, undefined, await authentication(settings.clientSecret), {
    [client.customFetch]: fetch as CustomFetch,
    timeout: TIMEOUT_SECONDS,
    // The configuration accepts http on loopback alone (config/checks.ts).
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so that nobody uses it lightly
    execute: server.protocol === 'http:' ? [client.allowInsecureRequests] : [],
  })
  const metadata = config.serverMetadata()
  // It is used in either case, and the nonce binds the code to this attempt besides.
  if (!metadata.supportsPKCE() && !settings.isPkceAssumed) throw unavailable('it does not say that it supports PKCE with S256') // R112
  return config
}

/** OpenID Connect Core section 9: basic unless the provider says that it takes the secret in the body only. */
async function authentication(secret: string | undefined): Promise<ClientAuth> {
  const client = await import('openid-client')
  if (secret === undefined) return client.None()
  const basic: ClientAuth = (_server, { client_id }, _body, headers) => headers.set('authorization', basicAuthorization(client_id, secret))
  const post = client.ClientSecretPost(secret)
  return (server, ...more) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
    return (methods.includes('client_secret_basic') ? basic : post)(server, ...more)
  }
}

/** The claims that say who it is: of the ID token, and of the userinfo endpoint where the ID token leaves groups or a part of the subject out. */
async function identityOf(tokens: Tokens, config: Configuration, deps: LoginDeps, before?: Identity): Promise<Identity> {
  const { issuer, subjectClaim, groupsClaim } = deps.settings
  const idToken: Claims = tokens.claims() ?? {}
  const isWhole = [groupsClaim, ...subjectClaim.split('+')].every(claim => claim in idToken)
  const claims = isWhole || !hasUserinfo(config) ? idToken : { ...(await userinfo(tokens, config, idToken)), ...idToken }
  const subject = subjectOf(subjectClaim, name => claims[name])
  if (typeof subject !== 'string')
    throw new Fault('login-refused', `the identity provider names nobody in the claim \`${subject.unusable}\``)
  const idpSession = typeof claims['sid'] === 'string' ? claims['sid'] : before?.idpSession
  return {
    issuer,
    subject,
    groups: groupsOf(claims, groupsClaim),
    name: nameOf(claims) ?? subject,
    ...(idpSession !== undefined && { idpSession }),
  }
}

async function userinfo(tokens: Tokens, config: Configuration, idToken: Claims): Promise<Claims> {
  const client = await import('openid-client')
  const sub = idToken['sub']
  // Without an ID token (a refresh may bring none) the caller compares the subject claim instead.
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so that nobody uses it lightly
  return client.fetchUserInfo(config, tokens.access_token, typeof sub === 'string' ? sub : client.skipSubjectCheck)
}

const hasUserinfo = (config: Configuration): boolean => config.serverMetadata().userinfo_endpoint !== undefined

/** As the resource server reads them (identity/claims.ts): one name or a list of names; anything else is a broken provider. */
function groupsOf(claims: Claims, name: string): string[] {
  const value = claims[name]
  if (value === undefined || value === null) return []
  const groups: unknown[] = typeof value === 'string' ? [value] : Array.isArray(value) ? value : [undefined]
  const isName = (group: unknown): group is string =>
    typeof group === 'string' && group !== '' && group.length <= 256 && !/[\x00-\x1f\x7f]/.test(group)
  if (groups.length > MAX_GROUPS || !groups.every(isName))
    throw new Fault('login-refused', `the identity provider's claim \`${name}\` is not a list of group names`)
  return [...new Set(groups)]
}

function nameOf(claims: Claims): string | undefined {
  const names = ['preferred_username', 'name', 'email'].map(claim => claims[claim])
  return names.find((name): name is string => typeof name === 'string' && name !== '')?.slice(0, 100)
}

async function available(config: Promise<Configuration>, deps: LoginDeps): Promise<Configuration> {
  return config.catch((error: unknown) => {
    deps.onTrouble('the identity provider cannot be reached', error)
    throw error instanceof Fault ? error : unavailable('its metadata cannot be read', error)
  })
}

const unavailable = (why: string, cause?: unknown): Fault =>
  new Fault('login-unavailable', `the identity provider cannot be used: ${why}`, { cause })
// What the provider or the browser said stays in the cause: a page shows none of it (N044).
const refused = (cause: unknown): Fault =>
  new Fault('login-refused', 'the sign-in was refused, or does not belong to this browser', { cause })

/** The code of an OAuth error answer, wherever openid-client puts it. */
const errorCode = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'error' in error && typeof error.error === 'string' ? error.error : undefined
const isGone = (error: unknown): boolean => GONE.has(errorCode(error) ?? '') || (error instanceof Fault && error.code === 'login-refused')
const OUT_OF_ORDER = new Set(['server_error', 'temporarily_unavailable'])

/** Nothing was said about this sign-in: no answer, an answer of 5xx, or an answer that says so. What a library makes of it stands in its causes. */
function isOutage(error: unknown): boolean {
  if (OUT_OF_ORDER.has(errorCode(error) ?? '')) return true
  for (let at = error, depth = 0; at instanceof Error && depth < 6; at = at.cause, depth++) {
    if (at instanceof Fault && (at.code.startsWith('fetch-') || at.code === 'login-unavailable')) return true
    if (at.cause instanceof Response && at.cause.status >= 500) return true
    if ('code' in at && (at.code === 'OAUTH_TIMEOUT' || at.code === 'OAUTH_ABORT')) return true
  }
  return false
}
