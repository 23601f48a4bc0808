// Which applications may ask for tokens, and with what metadata: whatever a client says of itself is reduced to what this server needs.

import { errors } from 'oidc-provider'
import { isAcceptedRedirect, isNativeRedirect } from '../../identity/redirects.ts'

/** A client from the configuration. */
export type ConfiguredClient = {
  readonly id: string
  readonly name: string
  readonly redirectUris: readonly string[]
  /** absent = public client */
  readonly secret?: string
}

const MAX_REDIRECTS = 20

/**
 * Turns what a client says of itself into what it is known by (RFC 7591 section 2 lets the server replace metadata), in place. Redirects that are not accepted
 * fall away, and so does everything that would make this server fetch, encrypt or show something of the client's choosing. Nobody who registers alone
 * gets a secret: PKCE binds each code to who asked for it.
 */
export function tameClient(metadata: Record<string, unknown>): void {
  const asked = Array.isArray(metadata['redirect_uris']) ? (metadata['redirect_uris'] as unknown[]) : []
  const accepted = asked.slice(0, MAX_REDIRECTS).filter(isAcceptedRedirect)
  // OpenID Connect Registration section 2: a client that calls itself `web` has no redirect to a machine of the user's.
  const redirects = metadata['application_type'] === 'web' ? accepted.filter(uri => !isNativeRedirect(uri)) : accepted
  if (redirects.length === 0)
    throw new errors.InvalidClientMetadata(
      'redirect_uris must name an https URL, a loopback http URL or a private-use scheme with a dot, without user name, fragment or escapes (application_type web: https only)',
    )
  const { client_id, client_id_issued_at, client_name } = metadata
  const grants = Array.isArray(metadata['grant_types']) ? (metadata['grant_types'] as unknown[]) : ['refresh_token']
  for (const name of Object.keys(metadata)) Reflect.deleteProperty(metadata, name)
  Object.assign(metadata, publicMetadata(redirects), {
    client_id,
    ...(typeof client_id_issued_at === 'number' && { client_id_issued_at }),
    client_name: typeof client_name === 'string' && client_name.trim() !== '' ? client_name.slice(0, 100) : 'unnamed application',
    grant_types: ['authorization_code', ...(grants.includes('refresh_token') ? ['refresh_token'] : [])],
    token_endpoint_auth_method: 'none',
  })
}

const publicMetadata = (redirects: readonly string[]): Record<string, unknown> => ({
  redirect_uris: redirects,
  response_types: ['code'],
  // `native` lets the port of a loopback redirect vary, and nothing else (RFC 8252 section 7.3).
  application_type: redirects.some(isNativeRedirect) ? 'native' : 'web',
  id_token_signed_response_alg: 'ES256',
})

/** A client of the configuration as oidc-provider takes it. `mark`: what tells it from those that describe themselves. */
export const configuredMetadata = (client: ConfiguredClient, mark: string): Record<string, unknown> & { client_id: string } => ({
  ...publicMetadata(client.redirectUris),
  client_id: client.id,
  client_name: client.name,
  grant_types: ['authorization_code', 'refresh_token'],
  ...(client.secret === undefined
    ? { token_endpoint_auth_method: 'none' }
    : { client_secret: client.secret, token_endpoint_auth_method: 'client_secret_basic' }),
  gatehouse: mark,
})
