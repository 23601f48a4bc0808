// Which hosts may register themselves: public clients that are sent back to this machine, or to the fixed pages of known editors.

import { errors } from 'oidc-provider'

/**
 * Redirects beside loopback that editors register and cannot do without. A code that travels through one is bound to the editor by PKCE, and can only
 * be redeemed on this machine. Exact strings.
 */
const EDITOR_REDIRECTS: ReadonlySet<string> = new Set([
  'cursor://anysphere.cursor-mcp/oauth/callback',
  'https://www.cursor.com/agents/mcp/oauth/callback',
  'https://vscode.dev/redirect',
  'https://insiders.vscode.dev/redirect',
])

function isAcceptedRedirect(uri: unknown): uri is string {
  if (typeof uri !== 'string' || uri.length > 512) return false
  if (EDITOR_REDIRECTS.has(uri)) return true
  const url = URL.parse(uri)
  // RFC 8252 section 7.3; `http://localhost@evil.example` has another hostname, `http://127.0.0.1:80@x` a user name
  return (
    url?.protocol === 'http:' &&
    ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname) &&
    url.username === '' &&
    url.password === '' &&
    !uri.includes('#')
  )
}

const KEPT = [
  'client_id',
  'client_id_issued_at',
  'client_name',
  'client_uri',
  'redirect_uris',
  'grant_types',
  'response_types',
  'subject_type',
  'id_token_signed_response_alg',
]
const GRANTS = ['authorization_code', 'refresh_token']

/**
 * Turns what a host asks to be registered with into what it is registered with (RFC 7591 section 2 lets the server replace metadata), in place: redirects
 * that are not accepted fall away, and so does everything that would make the provider fetch, encrypt or show something of the host's choosing.
 * Editors list redirects for all their editions in one request; refusing the request for one of them would lock all editions out.
 */
export function tameClient(metadata: Record<string, unknown>): void {
  for (const name of Object.keys(metadata)) if (!KEPT.includes(name)) Reflect.deleteProperty(metadata, name)
  const asked = Array.isArray(metadata['redirect_uris']) ? (metadata['redirect_uris'] as unknown[]) : []
  const redirects = asked.slice(0, 20).filter(isAcceptedRedirect)
  if (redirects.length === 0)
    throw new errors.InvalidClientMetadata(
      'redirect_uris must name a loopback address: this evaluation identity provider serves hosts on this machine only',
    )
  const grants = Array.isArray(metadata['grant_types'])
    ? GRANTS.filter(grant => (metadata['grant_types'] as unknown[]).includes(grant))
    : GRANTS
  Object.assign(metadata, {
    redirect_uris: redirects,
    grant_types: grants,
    response_types: ['code'],
    // native: any port of a registered loopback redirect (RFC 8252 section 7.3), and always a consent page
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    client_name: typeof metadata['client_name'] === 'string' ? metadata['client_name'].slice(0, 100) || 'unnamed client' : 'unnamed client',
  })
}
