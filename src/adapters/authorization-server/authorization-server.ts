// The host-facing authorization server as the control plane has it: protocol endpoints, and what its own page asks and answers in between.

import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import type { PendingAuthorization } from '../../identity/consent.ts'
import { BASE_SCOPE, createOidc, type OidcDeps } from './oidc.ts'
import { digest } from './records.ts'

export type AuthorizationServerDeps = Omit<OidcDeps, 'admitStranger'> & {
  /** whether this address may make the gateway fetch a document or keep a registration now */
  readonly admitStranger: (address: string) => Promise<boolean>
  /** who sends a request, for limits */
  readonly addressOf: (req: IncomingMessage) => string
  /** a request was refused; counts against its address */
  readonly onRefused: (address: string) => void
  readonly onFault: (cause: unknown) => void
}

export type AuthorizationServer = {
  /** Answers a request of the protocol: authorize (and its resume), token, register, revoke, jwks, metadata. */
  handle(req: IncomingMessage, res: ServerResponse): Promise<void>
  /** The authorization this browser is in the middle of, by its cookies; undefined = none, expired or another browser's. */
  pending(req: IncomingMessage, res: ServerResponse): Promise<PendingAuthorization | undefined>
  /** Answers with a grant; where the browser has to go next. The scopes are what the token will have at most. */
  allow(
    req: IncomingMessage,
    res: ServerResponse,
    answer: { readonly signInId: string; readonly scopes: readonly string[] },
  ): Promise<string>
  /** Answers with `access_denied`; where the browser has to go next. */
  refuse(req: IncomingMessage, res: ServerResponse): Promise<string>
}

/** What an authorization request may say; the rest is ignored, as RFC 6749 section 3.1 has it. `request` stays, to be refused. */
const PARAMETERS = new Set([
  'client_id',
  'code_challenge',
  'code_challenge_method',
  'prompt',
  'redirect_uri',
  'request',
  'request_uri',
  'resource',
  'response_mode',
  'response_type',
  'scope',
  'state',
])
/** Words of OpenID Connect that hosts send along: there is no ID token here, and refresh tokens are given anyway. */
const FOREIGN_SCOPES = new Set(['openid', 'profile', 'email', 'address', 'phone', 'offline_access', BASE_SCOPE])
const MAX_QUERY_CHARACTERS = 8192

export function createAuthorizationServer(deps: AuthorizationServerDeps): AuthorizationServer {
  // Clients are looked up in many places of the library, not all of which know a request.
  const address = new AsyncLocalStorage<string>()
  const oidcDeps = { ...deps, admitStranger: () => deps.admitStranger(address.getStore() ?? 'unknown') }
  const provider = createOidc(oidcDeps)
  provider.on('server_error', (_ctx, error) => deps.onFault(error))
  provider.use((ctx, next) => guard(oidcDeps, ctx, next))
  const serve = provider.callback()
  const origin = new URL(deps.settings.issuer)

  /** The library takes scheme and host from the request; they are the configuration's, whatever the request says. */
  const settle = (req: IncomingMessage): void => {
    for (const name of Object.keys(req.headers))
      if (name.startsWith('x-forwarded-') || name === 'forwarded') Reflect.deleteProperty(req.headers, name)
    Object.assign(req.headers, { 'x-forwarded-proto': origin.protocol.slice(0, -1), 'x-forwarded-host': origin.host })
  }

  return {
    async handle(req, res) {
      settle(req)
      const from = deps.addressOf(req)
      await address.run(from, () => serve(req, res))
      if (res.statusCode >= 400 && res.statusCode < 500) deps.onRefused(from)
    },
    async pending(req, res) {
      settle(req)
      const interaction = await provider.interactionDetails(req, res).catch(() => undefined)
      return interaction && address.run(deps.addressOf(req), () => view(provider, interaction))
    },
    async allow(req, res, { signInId, scopes }) {
      settle(req)
      const interaction = await provider.interactionDetails(req, res)
      const { params } = interaction
      const grant = new provider.Grant({ accountId: signInId, clientId: text(params['client_id']) })
      const scope = [BASE_SCOPE, ...scopes].join(' ')
      grant.addResourceScope(text(params['resource']), scope)
      // The code is for what the person allowed, whatever was asked: a client that named nothing gets it too, and nothing wider is ever refreshed.
      params['scope'] = scope
      await interaction.save(Math.max(1, interaction.exp - deps.now()))
      const answered = { login: { accountId: signInId, remember: false }, consent: { grantId: await grant.save() }, select_account: {} }
      return provider.interactionResult(req, res, answered, { mergeWithLastSubmission: false })
    },
    async refuse(req, res) {
      settle(req)
      const refusal = { error: 'access_denied', error_description: 'the person refused' }
      return provider.interactionResult(req, res, refusal, { mergeWithLastSubmission: false })
    },
  }
}

/** The part of the library's context that is used here. `oidc` is there once one of its routes matched. */
type Context = {
  readonly path: string
  readonly method: string
  readonly querystring: string
  query: Record<string, string | string[] | undefined>
  status: number
  body: unknown
  readonly response: { get(name: string): string | undefined }
  set(name: string, value: string): void
  readonly oidc?: Pick<KoaContextWithOIDC['oidc'], 'params' | 'session'>
}

/** Around the library's own handling: what it is asked is cut down before, what it must forget or revoke is done after. */
async function guard(deps: OidcDeps, ctx: Context, next: () => Promise<void>): Promise<void> {
  if (ctx.path === '/oauth/authorize' && !tameRequest(deps, ctx)) return
  if (ctx.path === '/oauth/register' && ctx.method === 'POST' && !(await deps.admitStranger())) {
    answerLater(ctx, 429, 'too many applications registered themselves')
    return
  }
  await next()
  await forgetSession(ctx)
  if (ctx.path === '/oauth/token') await endAbused(deps, ctx)
  if (ctx.status === 503) ctx.set('Retry-After', '30')
  if (ctx.path === METADATA_PATH && ctx.method === 'GET')
    ctx.body = metadata(ctx.body as Record<string, unknown>, deps.settings.registration)
}

/** Cuts an authorization request down to what may stand in it; false = answered. attacker-controlled: repeated parameters are left for the library to refuse. */
function tameRequest(deps: OidcDeps, ctx: Context): boolean {
  const { scope, response_mode: mode } = ctx.query
  // `form_post` would need a script on a page of ours, `fragment` belongs to flows that are not offered.
  if (ctx.querystring.length > MAX_QUERY_CHARACTERS || (mode !== undefined && mode !== 'query')) {
    const { headers, body } = deps.renderError(
      'invalid_request',
      'the request is too long, or wants its answer in a way that is not supported',
    )
    ctx.status = 400
    for (const [name, value] of Object.entries(headers)) ctx.set(name, value)
    ctx.body = body
    return false
  }
  const kept = Object.entries(ctx.query).filter(([name]) => PARAMETERS.has(name))
  const query = Object.fromEntries(kept)
  ctx.query = Array.isArray(scope) ? query : { ...query, scope: [...wordsOf(scope), BASE_SCOPE].join(' ') }
  return true
}

const wordsOf = (scope: string | undefined): string[] => [
  ...new Set((scope ?? '').split(' ').filter(word => word !== '' && !FOREIGN_SCOPES.has(word))),
]

/** Each authorization asks anew who it is, from our own session: the library's serves one authorization and is gone. */
async function forgetSession({ oidc, response }: Context): Promise<void> {
  const location = response.get('location') ?? ''
  if (oidc?.session && location !== '' && !location.startsWith('/oauth/')) await oidc.session.destroy()
}

/**
 * N051: a refresh token that comes from another client, or with more scopes than it has, is in the wrong hands: its family ends. (Replay after rotation is the
 * library's own rule; so is replay of a code, N043.)
 */
async function endAbused(deps: OidcDeps, ctx: Context): Promise<void> {
  const { error } = (ctx.body ?? {}) as { error?: string }
  const value = ctx.oidc?.params?.['refresh_token']
  if (typeof value !== 'string' || (error !== 'invalid_grant' && error !== 'invalid_scope')) return
  const found = await deps.records.find('RefreshToken', digest('RefreshToken', value), deps.now())
  if (!found) return
  await deps.records.endFamily(found.record.family)
  await deps.onFamilyEnd([found.record.family])
}

function answerLater(ctx: Context, status: number, why: string): void {
  ctx.status = status
  ctx.set('Retry-After', '60')
  ctx.body = { error: 'temporarily_unavailable', error_description: why }
}

const METADATA_PATH = '/.well-known/oauth-authorization-server'
/** RFC 8414. What the library says, without what belongs to OpenID Connect: this server signs people in for nobody but this gateway. */
function metadata(said: Record<string, unknown>, registration: OidcDeps['settings']['registration']): Record<string, unknown> {
  const kept = Object.entries(said).filter(([name]) => !/^(claims?_|id_token_|subject_types_|request_|acr_|scopes_supported$)/.test(name))
  return {
    ...Object.fromEntries(kept),
    response_modes_supported: ['query'],
    client_id_metadata_document_supported: registration !== 'closed',
  }
}

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>

async function view(provider: Provider, interaction: Interaction): Promise<PendingAuthorization | undefined> {
  const { params, uid, iat } = interaction
  const client = await provider.Client.find(text(params['client_id'])).catch(() => undefined)
  if (!client) return undefined
  const prompts = text(params['prompt']).split(' ')
  return {
    id: uid,
    client: { id: client.clientId, name: client.clientName ?? 'unnamed application', redirects: client.redirectUris ?? [] },
    redirect: text(params['redirect_uri']),
    resource: text(params['resource']),
    scopes: wordsOf(text(params['scope'])),
    wantsLogin: prompts.includes('login') || prompts.includes('select_account'),
    wantsConsent: prompts.includes('consent'),
    startedAtSeconds: iat,
  }
}

/** oidc-provider checked the parameters: strings, and one resource at most. */
function text(value: unknown): string {
  const [only, ...others] = Array.isArray(value) ? (value as unknown[]) : [value]
  return typeof only === 'string' && others.length === 0 ? only : ''
}
