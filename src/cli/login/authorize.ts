// Signing in at the authorization server that a gateway names for its administration: code with PKCE over loopback, or the device flow (openid-client).

import * as oauth from 'openid-client'
import { isLoopback } from '../../config/addresses.ts'
import { Fault } from '../../kernel/errors.ts'
import type { Login } from './cache.ts'
import { openCallback } from './callback.ts'

/** The public client that the gateway's own authorization server knows; elsewhere it is registered, or named with --client-id. */
const OWN_CLIENT = 'gatehouse-cli'
const PATIENCE_MS = 5 * 60_000
const FETCH_MS = 15_000

export type Wish = {
  /** base URL of the gateway, without a trailing slash */
  readonly gateway: string
  readonly clientId?: string
  readonly issuer?: string
  /** scopes to ask for, where the issuer does not understand `resource` */
  readonly scope?: string
  /** shows the person where to go; `code` = what to type there */
  show(url: string, code?: string): void
  /** seconds since the epoch */
  nowSeconds(): number
}

const resourceOf = (gateway: string): string => `${gateway}/admin`

/** In a browser on this machine. Throws Fault `login-failed`, `login-timeout` or `gateway-unreachable`, which hold no secret. */
export async function loginByBrowser(wish: Wish): Promise<Login> {
  const state = oauth.randomState()
  const callback = await openCallback(state, PATIENCE_MS)
  try {
    const config = await clientFor(wish, callback.redirectUri)
    if (!config.serverMetadata().supportsPKCE('S256'))
      throw new Fault('login-failed', 'the authorization server does not say that it supports PKCE')
    const pkceCodeVerifier = oauth.randomPKCECodeVerifier()
    const url = oauth.buildAuthorizationUrl(config, {
      redirect_uri: callback.redirectUri,
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      ...commonOf(config, wish),
    })
    wish.show(url.href)
    const answer = await callback.answer
    const checks = { pkceCodeVerifier, expectedState: state }
    return loginOf(config, await oauth.authorizationCodeGrant(config, answer, checks, { resource: resourceOf(wish.gateway) }), wish)
  } catch (cause) {
    throw failed(cause)
  } finally {
    callback.close()
  }
}

/** On another machine, where the authorization server offers it (RFC 8628). */
export async function loginByDevice(wish: Wish): Promise<Login> {
  try {
    const config = await clientFor(wish, undefined)
    if (config.serverMetadata().device_authorization_endpoint === undefined)
      throw new Fault('login-failed', 'the authorization server has no device flow; leave out --device')
    const device = await oauth.initiateDeviceAuthorization(config, commonOf(config, wish))
    wish.show(device.verification_uri, device.user_code)
    const signal = AbortSignal.timeout(Math.min(device.expires_in, 1800) * 1000)
    const tokens = await oauth.pollDeviceAuthorizationGrant(config, device, { resource: resourceOf(wish.gateway) }, { signal })
    return loginOf(config, tokens, wish)
  } catch (cause) {
    throw failed(cause)
  }
}

/** A new access token, and mostly a new refresh token: the old one works once. */
export async function renew(login: Login, wish: Pick<Wish, 'gateway' | 'nowSeconds'>): Promise<Login> {
  if (login.refreshToken === undefined) throw new Fault('login-failed', 'the login has expired; run `gatehouse login`')
  try {
    const config = await discover(login.issuer, login.clientId)
    const tokens = await oauth.refreshTokenGrant(config, login.refreshToken, { resource: resourceOf(wish.gateway) })
    return { ...loginOf(config, tokens, wish), refreshToken: tokens.refresh_token ?? login.refreshToken }
  } catch (cause) {
    if (cause instanceof oauth.ResponseBodyError) throw new Fault('login-failed', 'the login has ended; run `gatehouse login`', { cause })
    throw failed(cause)
  }
}

/** Ends the login at the authorization server, where that can be asked. Never rejects: locally it is gone anyway. */
export async function revoke(login: Login): Promise<void> {
  try {
    const config = await discover(login.issuer, login.clientId)
    if (config.serverMetadata().revocation_endpoint !== undefined)
      await oauth.tokenRevocation(config, login.refreshToken ?? login.accessToken)
  } catch {
    // unreachable or refused: it ends by itself
  }
}

async function clientFor({ gateway, clientId, issuer }: Wish, redirectUri: string | undefined): Promise<oauth.Configuration> {
  const from = issuer ?? (await issuerOf(gateway))
  if (clientId !== undefined || from === gateway) return discover(from, clientId ?? OWN_CLIENT)
  const found = await discover(from, 'unregistered')
  if (found.serverMetadata().registration_endpoint === undefined)
    throw new Fault('login-failed', `\`${from}\` registers no clients; register one and name it with --client-id`)
  const metadata = {
    client_name: OWN_CLIENT,
    redirect_uris: redirectUri === undefined ? [] : [redirectUri],
    grant_types: [redirectUri === undefined ? 'urn:ietf:params:oauth:grant-type:device_code' : 'authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
  }
  return either(from, options => oauth.dynamicClientRegistration(new URL(from), metadata, oauth.None(), options))
}

/** The first authorization server that the gateway's own metadata names for its administration (RFC 9728). */
async function issuerOf(gateway: string): Promise<string> {
  const { origin, pathname } = new URL(gateway)
  const url = `${origin}/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}/admin`
  const unreachable = (cause?: unknown): Fault => new Fault('gateway-unreachable', `no gateway answers at ${gateway}`, { cause })
  const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(FETCH_MS) }).catch((cause: unknown) => {
    throw unreachable(cause)
  })
  const document = (await answer.json().catch(() => undefined)) as { resource?: unknown; authorization_servers?: unknown } | undefined
  const [issuer] = Array.isArray(document?.authorization_servers) ? (document.authorization_servers as unknown[]) : []
  // RFC 9728 section 3.3: a document about another resource is somebody else's.
  if (answer.status !== 200 || document?.resource !== resourceOf(gateway) || typeof issuer !== 'string') throw unreachable()
  return issuer
}

const discover = (issuer: string, clientId: string): Promise<oauth.Configuration> =>
  either(issuer, options => oauth.discovery(new URL(issuer), clientId, undefined, oauth.None(), options))

/** RFC 8414 first, then OpenID Connect. Plain http is for this machine only. */
async function either<T>(issuer: string, find: (options: oauth.DiscoveryRequestOptions) => Promise<T>): Promise<T> {
  const url = URL.parse(issuer)
  if (!url || (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))))
    throw new Fault('login-failed', 'the gateway names an authorization server that is not https')
  const options: oauth.DiscoveryRequestOptions = {
    timeout: FETCH_MS / 1000,
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- so marked to stand out; reached for loopback alone, see the check above
    ...(url.protocol === 'http:' && { execute: [oauth.allowInsecureRequests] }),
  }
  return find({ ...options, algorithm: 'oauth2' }).catch(() => find({ ...options, algorithm: 'oidc' }))
}

/** A refresh token where the server gives one only for the asking. */
function commonOf(config: oauth.Configuration, { gateway, scope }: Wish): Record<string, string> {
  const offersOffline = config.serverMetadata().scopes_supported?.includes('offline_access') === true
  const asked = scope ?? (offersOffline ? 'offline_access' : undefined)
  return { resource: resourceOf(gateway), ...(asked !== undefined && { scope: asked }) }
}

type Tokens = oauth.TokenEndpointResponse & oauth.TokenEndpointResponseHelpers
function loginOf(config: oauth.Configuration, tokens: Tokens, wish: Pick<Wish, 'nowSeconds'>): Login {
  return {
    issuer: config.serverMetadata().issuer,
    clientId: config.clientMetadata().client_id,
    accessToken: tokens.access_token,
    ...(tokens.refresh_token !== undefined && { refreshToken: tokens.refresh_token }),
    expiresAtSeconds: wish.nowSeconds() + (tokens.expiresIn() ?? 60),
  }
}

/** What a person is told: the server's error code, or that it was not reached; never a response's text, which may hold anything. */
function failed(cause: unknown): Fault {
  if (cause instanceof Fault) return cause
  const code = cause instanceof oauth.AuthorizationResponseError || cause instanceof oauth.ResponseBodyError ? cause.error : undefined
  const why =
    code !== undefined && /^[a-z_]{1,64}$/.test(code)
      ? `the authorization server says \`${code}\``
      : 'the authorization server cannot be reached, or its answer is not as it must be'
  return new Fault('login-failed', why, { cause })
}
