// Which client the gateway is at an authorization server: registered beforehand, else by its document, else by registering (R114, R115). By issuer, never across.

import type { ServerMetadata } from 'openid-client'
import type { ClientAuthentication } from '../../vault/credential-rule.ts'
import {
  isSourceFailure,
  type ClientRegistrations,
  type RegisteredAt,
  type SourceFailure,
  type SourceTarget,
} from '../../vault/credential-source.ts'
import type { SafeFetch } from '../safe-fetch.ts'
import type { OwnClient } from './client-authentication.ts'
import { clientIdOf, clientMetadata, redirectUriOf, type OwnClientSettings } from './client-metadata.ts'
import { failureOf, isObject, shown, stringsOf, MAX_DOCUMENT_BYTES } from './json-document.ts'

export type RegistrationDeps = {
  readonly store: ClientRegistrations
  readonly own: () => OwnClientSettings
  /** seconds since the epoch */
  readonly nowSeconds: () => number
}

export class Registration {
  readonly #deps: RegistrationDeps
  readonly #running = new Map<string, Promise<OwnClient | SourceFailure>>()

  constructor(deps: RegistrationDeps) {
    this.#deps = deps
  }

  /** The client at this issuer; registers where nothing else serves, once for all who ask at the same time. */
  async at(metadata: ServerMetadata, { rule }: SourceTarget, fetch: SafeFetch): Promise<OwnClient | SourceFailure> {
    const { issuer } = metadata
    if (rule.client) {
      // R114: its secret is for the issuer it was registered at, whatever issuer the upstream names now.
      if (rule.issuer === issuer) return rule.client
      return { failed: 'unsafe', detail: `the client is registered at another authorization server than ${shown(issuer)}` }
    }
    const document = metadata['client_id_metadata_document_supported'] === true ? clientIdOf(this.#deps.own()) : undefined
    if (document !== undefined) return { id: document, authentication: 'none' }
    const key = `${issuer} ${redirectUriOf(this.#deps.own())}`
    const running = this.#running.get(key)
    if (running) return running
    const found = this.#registered(metadata, fetch).finally(() => this.#running.delete(key))
    this.#running.set(key, found)
    return found
  }

  /** The authorization server no longer knows its registration: the next connection registers anew. */
  async forget(issuer: string): Promise<void> {
    await this.#deps.store.remove(issuer, redirectUriOf(this.#deps.own()))
  }

  async #registered(metadata: ServerMetadata, fetch: SafeFetch): Promise<OwnClient | SourceFailure> {
    const { store, own, nowSeconds } = this.#deps
    const redirectUri = redirectUriOf(own())
    const known = await store.find(metadata.issuer, redirectUri)
    if (known && (known.expiresAtSeconds === undefined || known.expiresAtSeconds > nowSeconds())) return clientOf(known)
    const fresh = await register(metadata, own(), fetch)
    if (isSourceFailure(fresh)) return fresh
    await store.put(metadata.issuer, redirectUri, fresh)
    return clientOf(fresh)
  }
}

const clientOf = ({ clientId, secret, authentication }: RegisteredAt): OwnClient => ({
  id: clientId,
  secret,
  authentication: authentication as ClientAuthentication,
})

async function register(metadata: ServerMetadata, own: OwnClientSettings, fetch: SafeFetch): Promise<RegisteredAt | SourceFailure> {
  const endpoint = metadata.registration_endpoint
  if (endpoint === undefined)
    return {
      failed: 'refused',
      detail: `the authorization server ${shown(metadata.issuer)} takes no client it does not know; register the gateway there and configure \`clientId\``,
    }
  const taken = stringsOf(metadata.token_endpoint_auth_methods_supported) ?? ['client_secret_basic']
  const wanted = (['client_secret_basic', 'client_secret_post', 'none'] as const).find(method => taken.includes(method)) ?? 'none'
  try {
    const answer = await fetch.request(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(clientMetadata(own, wanted)),
      maxBytes: MAX_DOCUMENT_BYTES,
    })
    if (answer.status !== 201 && answer.status !== 200)
      return {
        failed: answer.status >= 500 ? 'unavailable' : 'refused',
        detail: `registering at ${shown(endpoint)} was answered with status ${answer.status}`,
      }
    const body: unknown = JSON.parse(answer.body.toString('utf8'))
    return (
      (isObject(body) && registrationOf(body, wanted)) || {
        failed: 'refused',
        detail: `registering at ${shown(endpoint)} gave no usable client`,
      }
    )
  } catch (cause) {
    return failureOf(endpoint, cause)
  }
}

const METHODS: readonly string[] = ['none', 'client_secret_basic', 'client_secret_post']

/** RFC 7591 section 3.2.1. What the server says of the method wins over what was asked for; a secret it gives to a public client is not used. */
function registrationOf(body: Readonly<Record<string, unknown>>, wanted: string): RegisteredAt | undefined {
  const { client_id, client_secret, client_secret_expires_at, token_endpoint_auth_method = wanted } = body
  if (typeof client_id !== 'string' || !/^[\x20-\x7e]{1,2048}$/.test(client_id)) return undefined
  if (typeof token_endpoint_auth_method !== 'string' || !METHODS.includes(token_endpoint_auth_method)) return undefined
  const secret = typeof client_secret === 'string' && /^[\x20-\x7e]{1,2048}$/.test(client_secret) ? client_secret : undefined
  if (token_endpoint_auth_method !== 'none' && secret === undefined) return undefined
  const expires = typeof client_secret_expires_at === 'number' && client_secret_expires_at > 0 ? client_secret_expires_at : undefined
  return {
    clientId: client_id,
    authentication: token_endpoint_auth_method,
    ...(token_endpoint_auth_method !== 'none' && secret !== undefined && { secret }),
    ...(token_endpoint_auth_method !== 'none' && expires !== undefined && { expiresAtSeconds: expires }),
  }
}
