// What a caller without a good token is told: the WWW-Authenticate challenge (RFC 6750 section 3) and each endpoint's metadata (RFC 9728), R103.

import type { Stop } from '../kernel/errors.ts'
import { PROOF_ALGORITHMS } from './dpop.ts'
import { USE } from './scopes.ts'

export const METADATA_PREFIX = '/.well-known/oauth-protected-resource'

/** The resource of administration: an audience of its own, so that no host's token administers. */
export const ADMIN_PATH = '/admin'

/** Where the gateway is reached, and who issues tokens for it. */
export type ResourceSettings = {
  /** base URL without a trailing slash */
  readonly publicUrl: string
  /** issuer identifiers, in the order hosts should try them; at least one (RFC 9728 via R103) */
  readonly authorizationServers: readonly string[]
  /** scopes to ask for at first, at every endpoint; absent = what the endpoint's path says by itself */
  readonly firstScopes?: readonly string[]
  /** tokens bound to a key (RFC 9449); absent = refused */
  readonly dpop?: 'required' | 'accepted' | 'refused'
}

/**
 * The scopes a host should ask for at first: little, because more is asked for when it is needed. Where one upstream is meant its `use`; elsewhere nothing,
 * because naming aliases would tell strangers which there are.
 */
function firstScopesOf({ firstScopes }: Pick<ResourceSettings, 'firstScopes'>, path: string): readonly string[] {
  if (path === ADMIN_PATH) return [] // roles decide there, not scopes
  if (firstScopes) return firstScopes
  const [, kind, name] = ENDPOINT.exec(path) ?? []
  return kind === 'servers' ? [`${name}:${USE}`] : []
}

/** The resource identifier of an endpoint: what `aud` of its tokens must be, character by character. */
export const resourceOf = (publicUrl: string, path: string): string => `${publicUrl}${path}`

/** The base of every endpoint's metadata URL: the well-known part stands between host and path (RFC 9728 section 3.1), also before a path in publicUrl. */
function metadataBase(publicUrl: string): string {
  const { origin, pathname } = new URL(publicUrl)
  return `${origin}${METADATA_PREFIX}${pathname === '/' ? '' : pathname}`
}

type Challenge = (stop: Stop, endpoint: { readonly path: string }) => string | undefined

/**
 * A maker of WWW-Authenticate values: a challenge for the stops that a token can mend, else undefined. `detail` and `fix` of a Stop hold no token bytes (kernel/errors.ts) and go into error_description.
 */
export function createChallenge(settings: Pick<ResourceSettings, 'publicUrl' | 'firstScopes'>): Challenge {
  const base = metadataBase(settings.publicUrl)
  const known = new Map<string, string>()
  // `scope` and `resource_metadata` of an endpoint; asked for at every refusal of a stranger.
  const tailOf = (path: string): string => {
    const found = known.get(path)
    if (found !== undefined) return found
    const made = `${scopeOf(firstScopesOf(settings, path))}resource_metadata="${base}${path}"`
    known.set(path, made)
    return made
  }
  return (stop, { path }) => {
    switch (stop.stop) {
      // RFC 6750 section 3.1: no error code for a request that brought no token at all.
      case 'token-missing':
        return `Bearer ${tailOf(path)}`
      case 'token-invalid':
      case 'token-revoked':
        return `${stop.scheme === 'DPoP' ? DPOP : 'Bearer'} error="invalid_token", error_description="${describe(stop)}", ${tailOf(path)}`
      case 'scope-missing':
        return `Bearer error="insufficient_scope", ${scopeOf(stop.scopes ?? [])}error_description="${describe(stop)}", resource_metadata="${base}${path}"`
      default:
        return undefined
    }
  }
}

// RFC 9449 section 7.1: told to whom came with this scheme, or should have.
const ALGORITHMS = PROOF_ALGORITHMS.join(' ')
const DPOP = `DPoP algs="${ALGORITHMS}",`

const scopeOf = (scopes: readonly string[]): string => (scopes.length === 0 ? '' : `scope="${quotable(scopes.join(' '))}", `)
const describe = (stop: Stop): string => quotable([stop.detail, stop.fix].filter(part => part !== undefined).join('; '))

// RFC 6750 section 3: %x20-21 / %x23-5B / %x5D-7E. Nothing can end the quotes or the line.
const quotable = (text: string): string => text.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, "'")

/**
 * The metadata document that belongs to a well-known path, as JSON text; undefined for a path that can be no endpoint. Documents of servers and sets are
 * answered alike whether or not one of that name exists: strangers learn no names here, and the endpoint itself decides. Without a suffix the
 * document of `/mcp` is given, for hosts that look only there.
 */
export function metadataDocument(settings: ResourceSettings, requestPath: string): string | undefined {
  const base = new URL(settings.publicUrl).pathname
  const prefix = METADATA_PREFIX + (base === '/' ? '' : base)
  const path = requestPath === METADATA_PREFIX ? '/mcp' : requestPath.startsWith(prefix) ? requestPath.slice(prefix.length) : ''
  const name = endpointName(path)
  if (name === undefined) return undefined
  const scopes = firstScopesOf(settings, path)
  return JSON.stringify({
    resource: resourceOf(settings.publicUrl, path),
    authorization_servers: settings.authorizationServers,
    ...(scopes.length > 0 && { scopes_supported: scopes }),
    ...(settings.dpop !== undefined && settings.dpop !== 'refused' && { dpop_signing_alg_values_supported: PROOF_ALGORITHMS }),
    ...(settings.dpop === 'required' && { dpop_bound_access_tokens_required: true }),
    bearer_methods_supported: ['header'],
    resource_name: name,
  })
}

// attacker-controlled: a closed grammar, so that nothing but an endpoint's own spelling is echoed
const ENDPOINT = /^\/(servers|sets)\/([a-z0-9-]{1,64})\/mcp$/
function endpointName(path: string): string | undefined {
  if (path === '/mcp') return 'Gatehouse'
  if (path === ADMIN_PATH) return 'Gatehouse: administration'
  const [, kind, name] = ENDPOINT.exec(path) ?? []
  return kind && name ? `Gatehouse: ${kind === 'servers' ? 'server' : 'set'} ${name}` : undefined
}
