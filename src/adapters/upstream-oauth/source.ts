// CredentialSource over openid-client and safe-fetch: authorization code with PKCE, refresh, exchange, identity assertion, client credentials, revocation.

import {
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  genericGrantRequest,
  clientCredentialsGrant,
  randomPKCECodeVerifier,
  refreshTokenGrant,
  tokenRevocation,
  type Configuration,
  type ServerMetadata,
  type TokenEndpointResponse,
} from 'openid-client'
import type { CredentialRule } from '../../vault/credential-rule.ts'
import {
  isSourceFailure,
  type ConnectOffer,
  type CredentialSource,
  type Issued,
  type IssuedBy,
  type SourceFailure,
  type SourceTarget,
  type SubjectToken,
} from '../../vault/credential-source.ts'
import type { SafeFetch } from '../safe-fetch.ts'
import { isAnswerOf } from './authorization-response.ts'
import { redirectUriOf } from './client-metadata.ts'
import { endpointUrl } from './endpoint-url.ts'
import { wrongIn } from './identity-assertion.ts'
import { shown, stringsOf } from './json-document.ts'
import { Registration, type RegistrationDeps } from './registration.ts'
import { findResource } from './resource-metadata.ts'
import { chooseScopes } from './scopes.ts'
import { checkCodeFlow, ServerMetadataCache } from './server-metadata.ts'
import { configurationOf, failureFrom, isInvalidClient, issuedFrom } from './token-requests.ts'

export type SourceDeps = RegistrationDeps & {
  /** monotonic milliseconds */
  readonly monotonic: () => number
  /** a fetch that reaches this upstream's own host besides what everybody may reach, and no other upstream's */
  readonly fetchFor: (target: SourceTarget) => SafeFetch
}

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag'
const ID_JAG_PROFILE = 'urn:ietf:params:oauth:grant-profile:id-jag'
const TYPES: Readonly<Record<SubjectToken['type'], string>> = {
  access_token: 'urn:ietf:params:oauth:token-type:access_token',
  id_token: 'urn:ietf:params:oauth:token-type:id_token',
}

type Flow = ConnectOffer & { readonly verifier: string; readonly state: string; readonly clientId: string }
type Client = { readonly metadata: ServerMetadata; readonly config: Configuration; readonly clientId: string }

export function createCredentialSource(deps: SourceDeps): CredentialSource {
  return new OAuthSource(deps)
}

class OAuthSource implements CredentialSource {
  readonly #deps: SourceDeps
  readonly #servers: ServerMetadataCache
  readonly #registration: Registration

  constructor(deps: SourceDeps) {
    this.#deps = deps
    this.#servers = new ServerMetadataCache(deps.monotonic)
    this.#registration = new Registration(deps)
  }

  async offer(target: SourceTarget, wanted?: readonly string[]): Promise<ConnectOffer | SourceFailure> {
    const { rule } = target
    const fetch = this.#deps.fetchFor(target)
    const found = await findResource(fetch, target)
    if (isSourceFailure(found)) return found
    const issuer = issuerFor(rule, found.issuers)
    if (typeof issuer !== 'string') return issuer
    const metadata = await this.#server(target, issuer)
    if (isSourceFailure(metadata)) return metadata
    const refusal = checkCodeFlow(metadata)
    if (refusal) return refusal
    const scopes = chooseScopes({ wanted, configured: rule.scopes, asked: found.scopes }, stringsOf(metadata.scopes_supported))
    return { issuer, resource: found.resource, ...(scopes && { scopes }) }
  }

  async begin(target: SourceTarget, offer: ConnectOffer, state: string): Promise<{ url: string; flow: string } | SourceFailure> {
    const client = await this.#client(target, offer.issuer)
    if (isSourceFailure(client)) return client
    const refusal = checkCodeFlow(client.metadata)
    if (refusal) return refusal
    const verifier = randomPKCECodeVerifier()
    const { resource, scopes } = offer
    const url = buildAuthorizationUrl(client.config, {
      redirect_uri: this.#redirectUri,
      state,
      resource,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...(scopes && { scope: scopes.join(' ') }),
      // OIDC Core section 11: a refresh token is only given where the person was asked.
      ...(scopes?.includes('offline_access') === true && { prompt: 'consent' }),
    })
    if (endpointUrl(url.href) === undefined) return { failed: 'unsafe', detail: 'the authorization URL is not one a browser is sent to' }
    const flow: Flow = { ...offer, verifier, state, clientId: client.clientId }
    return { url: url.href, flow: JSON.stringify(flow) }
  }

  async finish(target: SourceTarget, flowText: string, query: string): Promise<Issued | SourceFailure> {
    const flow = JSON.parse(flowText) as Flow
    const response = new URLSearchParams(query)
    const metadata = await this.#server(target, flow.issuer)
    if (isSourceFailure(metadata)) return metadata
    const isAdvertised = metadata.authorization_response_iss_parameter_supported === true
    // Before anything else, an error too: somebody else's words are neither acted on nor shown (R113).
    if (!isAnswerOf(response, { issuer: flow.issuer, isAdvertised }))
      return { failed: 'unsafe', detail: 'the answer does not come from the authorization server that was asked' }
    const client = await this.#client(target, flow.issuer)
    if (isSourceFailure(client)) return client
    if (client.clientId !== flow.clientId) return { failed: 'refused', detail: 'the gateway’s client changed meanwhile; connect again' }
    const callback = new URL(this.#redirectUri)
    callback.search = response.toString()
    const checks = { pkceCodeVerifier: flow.verifier, expectedState: flow.state }
    return this.#issued(client, flow, () => authorizationCodeGrant(client.config, callback, checks, { resource: flow.resource }))
  }

  async refresh(target: SourceTarget, by: IssuedBy, refreshToken: string): Promise<Issued | SourceFailure> {
    const client = await this.#client(target, by.issuer)
    if (isSourceFailure(client)) return client
    const issued = await this.#issued(client, by, () => refreshTokenGrant(client.config, refreshToken, { resource: by.resource }))
    if (isSourceFailure(issued) || issued.secret.refreshToken !== undefined) return issued
    // RFC 6749 section 6: without a new one the old one goes on.
    return { ...issued, secret: { ...issued.secret, refreshToken } }
  }

  async obtain(target: SourceTarget, subject: SubjectToken | undefined): Promise<Issued | SourceFailure> {
    const { rule } = target
    if (rule.issuer === undefined) return { failed: 'unsafe', detail: 'no issuer is configured' }
    const client = await this.#client(target, rule.issuer)
    if (isSourceFailure(client)) return client
    const { resource, scopes } = rule
    const asked = { issuer: rule.issuer, resource, scopes }
    const common = { resource, ...(scopes && { scope: scopes.join(' ') }) }
    if (rule.kind === 'client-credentials') return this.#issued(client, asked, () => clientCredentialsGrant(client.config, common))
    if (!subject) return { failed: 'refused', detail: 'nothing proves who the caller is to the authorization server' }
    // Whoever else got it could come with it as this person.
    const exchanger = rule.kind === 'token-exchange' ? rule.issuer : rule.identityProvider?.issuer
    if (subject.type === 'id_token' && subject.issuer !== exchanger)
      return { failed: 'unsafe', detail: `an ID token of ${shown(subject.issuer)} goes nowhere else` }
    const issued =
      rule.kind === 'token-exchange' ? await this.#exchange(client, rule, subject) : await this.#assert(target, client, subject)
    // A server that hands the caller's own token back would have it passed through (R105, N026).
    if (!isSourceFailure(issued) && issued.secret.accessToken === subject.token)
      return { failed: 'unsafe', detail: `${shown(rule.issuer)} gave back the very token it was given` }
    return issued
  }

  /** RFC 8693. Audience and resource are the configuration's, never a caller's (N052). */
  #exchange(client: Client, { resource, audience, scopes }: CredentialRule, subject: SubjectToken): Promise<Issued | SourceFailure> {
    const { issuer } = client.metadata
    return this.#issued(client, { issuer, resource, scopes }, () =>
      genericGrantRequest(client.config, EXCHANGE, {
        subject_token: subject.token,
        subject_token_type: TYPES[subject.type],
        requested_token_type: TYPES.access_token,
        resource,
        ...(audience !== undefined && { audience }),
        ...(scopes && { scope: scopes.join(' ') }),
      }),
    )
  }

  /** Enterprise-managed authorization (R118): the identity provider asserts who it is to the resource's authorization server, which then issues the token. */
  async #assert(target: SourceTarget, client: Client, subject: SubjectToken): Promise<Issued | SourceFailure> {
    const { resource, scopes, identityProvider } = target.rule
    const { metadata } = client
    const profiles = stringsOf(metadata['authorization_grant_profiles_supported'])
    if (profiles && !profiles.includes(ID_JAG_PROFILE))
      return { failed: 'unsafe', detail: `${shown(metadata.issuer)} does not take identity assertions` }
    if (!identityProvider) return { failed: 'unsafe', detail: 'no identity provider is configured' }
    const provider = await this.#clientOf(target, identityProvider.issuer, identityProvider.client)
    if (isSourceFailure(provider)) return provider
    const scope = scopes && { scope: scopes.join(' ') }
    const assertion = await this.#assertion(provider, { audience: metadata.issuer, resource, ...scope }, subject)
    if (typeof assertion !== 'string') return assertion
    const wrong = wrongIn(assertion, {
      issuer: identityProvider.issuer,
      audience: metadata.issuer,
      clientId: client.clientId,
      resource,
      subject: subject.type === 'id_token' ? subject.subject : undefined,
      nowSeconds: this.#deps.nowSeconds(),
    })
    if (wrong !== undefined) return { failed: 'unsafe', detail: `the identity assertion of ${shown(identityProvider.issuer)} ${wrong}` }
    const issued = await this.#issued(client, { issuer: metadata.issuer, resource, scopes }, () =>
      genericGrantRequest(client.config, JWT_BEARER, { assertion, resource, ...scope }),
    )
    if (!isSourceFailure(issued) && issued.secret.accessToken === assertion)
      return { failed: 'unsafe', detail: `${shown(metadata.issuer)} gave back the very assertion it was given` }
    return issued
  }

  async #assertion(provider: Client, parameters: Readonly<Record<string, string>>, subject: SubjectToken): Promise<string | SourceFailure> {
    const { issuer } = provider.metadata
    try {
      const answer = await genericGrantRequest(provider.config, EXCHANGE, {
        ...parameters,
        subject_token: subject.token,
        subject_token_type: TYPES[subject.type],
        requested_token_type: ID_JAG,
      })
      if (answer['issued_token_type'] === ID_JAG) return answer.access_token
      return { failed: 'refused', detail: `${shown(issuer)} issued something else than an identity assertion` }
    } catch (cause) {
      return failureFrom(cause, issuer)
    }
  }

  async revoke(
    target: SourceTarget,
    by: IssuedBy,
    secret: { readonly accessToken: string; readonly refreshToken?: string },
  ): Promise<void> {
    const client = await this.#client(target, by.issuer)
    if (isSourceFailure(client) || client.metadata.revocation_endpoint === undefined) return
    // RFC 7009 section 2.1: with the refresh token the whole grant goes.
    await tokenRevocation(client.config, secret.refreshToken ?? secret.accessToken).catch(() => {})
  }

  get #redirectUri(): string {
    return redirectUriOf(this.#deps.own())
  }

  #server(target: SourceTarget, issuer: string): Promise<ServerMetadata | SourceFailure> {
    const isTrusted = issuer === target.rule.issuer || issuer === target.rule.identityProvider?.issuer
    return this.#servers.get(this.#deps.fetchFor(target), { issuer, isTrusted })
  }

  async #client(target: SourceTarget, issuer: string): Promise<Client | SourceFailure> {
    const metadata = await this.#server(target, issuer)
    if (isSourceFailure(metadata)) return metadata
    try {
      const own = await this.#registration.at(metadata, target, this.#deps.fetchFor(target))
      return isSourceFailure(own) ? own : await this.#clientOf(target, issuer, own)
    } catch {
      return { failed: 'unavailable', detail: 'the store of client registrations cannot be read or written' }
    }
  }

  async #clientOf(target: SourceTarget, issuer: string, own: { readonly id: string }): Promise<Client | SourceFailure> {
    const metadata = await this.#server(target, issuer)
    if (isSourceFailure(metadata)) return metadata
    const config = await configurationOf(metadata, own, this.#deps.fetchFor(target))
    return isSourceFailure(config) ? config : { metadata, config, clientId: own.id }
  }

  async #issued(
    client: Client,
    asked: { readonly issuer: string; readonly resource: string; readonly scopes?: readonly string[] | undefined },
    ask: () => Promise<TokenEndpointResponse>,
  ): Promise<Issued | SourceFailure> {
    try {
      return issuedFrom(await ask(), { ...asked, nowSeconds: this.#deps.nowSeconds() })
    } catch (cause) {
      const failure = failureFrom(cause, asked.issuer)
      if (isInvalidClient(failure)) await this.#registration.forget(client.metadata.issuer).catch(() => {})
      return failure
    }
  }
}

/** The issuer the configuration names, if the resource does not name others; else the first one it names that is usable. */
function issuerFor(rule: CredentialRule, named: readonly string[]): string | SourceFailure {
  if (rule.issuer !== undefined) {
    if (named.length === 0 || named.includes(rule.issuer)) return rule.issuer
    return { failed: 'unsafe', detail: `the upstream names other authorization servers than the configured ${shown(rule.issuer)}` }
  }
  return named[0] ?? { failed: 'refused', detail: 'the upstream names no authorization server; configure `credential.issuer`' }
}
