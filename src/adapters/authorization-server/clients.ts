// Which applications may ask for tokens, and with what metadata: whatever a client says of itself is reduced to what this server needs.

import { errors } from 'oidc-provider'
import { isLoopbackName } from '../../identity/consent.ts'

/** A client from the configuration. */
export type ConfiguredClient = {
  readonly id: string
  readonly name: string
  readonly redirectUris: readonly string[]
  /** absent = public client */
  readonly secret?: string
}

/** Private-use schemes without a dot (RFC 8252 section 7.1 wants one) that known editors register all the same. */
const EDITOR_SCHEMES = new Set(['cursor:', 'vscode:', 'vscode-insiders:', 'windsurf:', 'zed:'])
const MAX_REDIRECTS = 20
const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost'])

/**
 * Whether a client may be sent back to this URL. https to a host on the network, http to this machine (RFC 8252 section 7.3), or a private-use scheme.
 * attacker-controlled: anything that two readers could take for different URLs is refused (N039).
 */
export function isAcceptedRedirect(uri: unknown): uri is string {
  if (typeof uri !== 'string' || uri.length > 512 || !/^[\x21-\x7e]+$/.test(uri) || /[\\#*<>"^`{|}]/.test(uri)) return false
  const url = URL.parse(uri)
  if (url?.username !== '' || url.password !== '' || /^[^/?]*\/\/[^/?]*@/.test(uri)) return false
  if (/%2f|%5c|%2e|\/\.\.?(?:\/|$|\?)/i.test(uri.split('?', 1)[0] ?? '')) return false
  if (url.protocol === 'http:') return LOOPBACK.has(url.hostname) && uri.startsWith(`http://${url.hostname}`)
  // Written as it is parsed: no upper case host, default port or trailing dot, which others might read as another host.
  if (url.protocol === 'https:')
    return uri.startsWith(`https://${url.host}`) && !isLoopbackName(url.hostname) && !url.hostname.endsWith('.')
  return EDITOR_SCHEMES.has(url.protocol) || /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+:$/.test(url.protocol)
}

const isNative = (uri: string): boolean => !uri.startsWith('https:')

/**
 * Turns what a client says of itself into what it is known by (RFC 7591 section 2 lets the server replace metadata), in place. Redirects that are not accepted
 * fall away, and so does everything that would make this server fetch, encrypt or show something of the client's choosing. Nobody who registers alone
 * gets a secret: PKCE binds each code to who asked for it.
 */
export function tameClient(metadata: Record<string, unknown>): void {
  const asked = Array.isArray(metadata['redirect_uris']) ? (metadata['redirect_uris'] as unknown[]) : []
  const accepted = asked.slice(0, MAX_REDIRECTS).filter(isAcceptedRedirect)
  // OpenID Connect Registration section 2: a client that calls itself `web` has no redirect to a machine of the user's.
  const redirects = metadata['application_type'] === 'web' ? accepted.filter(uri => !isNative(uri)) : accepted
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
  application_type: redirects.some(isNative) ? 'native' : 'web',
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
