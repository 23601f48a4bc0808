// Requests to token endpoints through openid-client, and what their answers come to. `resource` stands in every one of them (RFC 8707, R111).

import {
  allowInsecureRequests,
  AuthorizationResponseError,
  ClientError,
  Configuration,
  customFetch,
  ResponseBodyError,
  type ServerMetadata,
  type TokenEndpointResponse,
} from 'openid-client'
import type { Issued, SourceFailure } from '../../vault/credential-source.ts'
import type { SafeFetch } from '../safe-fetch.ts'
import { webFetch } from '../web-fetch.ts'
import { authenticationOf, clientAuth, type OwnClient } from './client-authentication.ts'
import { MAX_DOCUMENT_BYTES, shown } from './json-document.ts'
import { grantedScopes } from './scopes.ts'

/** Longest token that is taken, and what may stand in one: it has to fit a header (RFC 6750 section 2.1 and what issuers really send). */
const TOKEN = /^[\x21-\x7e]{1,16384}$/
const ERROR_CODE = /^[a-z_]{1,64}$/
/** Codes that say nothing against the grant. */
const PASSING: ReadonlySet<string> = new Set(['server_error', 'temporarily_unavailable', 'slow_down'])
const LONGEST_SECONDS = 366 * 86_400

export async function configurationOf(
  metadata: ServerMetadata,
  client: OwnClient,
  fetch: SafeFetch,
): Promise<Configuration | SourceFailure> {
  const method = authenticationOf(client, metadata)
  if (method === undefined)
    return {
      failed: 'refused',
      detail: `the authorization server ${shown(metadata.issuer)} takes no client authentication that is configured`,
    }
  let auth
  try {
    auth = await clientAuth(client, method, metadata)
  } catch {
    return { failed: 'unavailable', detail: 'the configured client key cannot be read' }
  }
  const config = new Configuration(metadata, client.id, { token_endpoint_auth_method: method }, auth)
  const limited = webFetch(fetch, { maxBytes: MAX_DOCUMENT_BYTES })
  config[customFetch] = (url, init) => limited(url, init as RequestInit)
  // Only metadata whose endpoints are https or on this machine gets here (endpoint-url.ts).
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so only to make it stand out
  if ([metadata.issuer, metadata.token_endpoint].some(url => url?.startsWith('http:') === true)) allowInsecureRequests(config)
  return config
}

type Asked = {
  readonly issuer: string
  readonly resource: string
  readonly scopes?: readonly string[] | undefined
  readonly nowSeconds: number
}

/** What was issued. Bearer only: a token bound to a key nobody here holds would be of no use (RFC 9449). */
export function issuedFrom(tokens: TokenEndpointResponse, asked: Asked): Issued | SourceFailure {
  const { access_token, refresh_token, token_type, expires_in, scope } = tokens
  const { issuer, resource, scopes, nowSeconds } = asked
  if (token_type !== 'bearer' || !TOKEN.test(access_token))
    return { failed: 'refused', detail: `${shown(issuer)} issued a token that cannot be used` }
  const life =
    typeof expires_in === 'number' && Number.isFinite(expires_in)
      ? Math.max(0, Math.min(Math.floor(expires_in), LONGEST_SECONDS))
      : undefined
  return {
    issuer,
    resource,
    scopes: grantedScopes(scope, scopes),
    secret: {
      accessToken: access_token,
      tokenType: 'Bearer',
      ...(refresh_token !== undefined && TOKEN.test(refresh_token) && { refreshToken: refresh_token }),
    },
    ...(life !== undefined && { expiresAtSeconds: nowSeconds + life }),
  }
}

/** The failure behind what openid-client threw. Descriptions of the other side are dropped: they are its words, and may be anything. */
export function failureFrom(cause: unknown, issuer: string): SourceFailure {
  if (cause instanceof ResponseBodyError) {
    const code = ERROR_CODE.test(cause.error) ? cause.error : 'error'
    return {
      failed: cause.status >= 500 || cause.status === 429 || PASSING.has(code) ? 'unavailable' : 'refused',
      detail: `${shown(issuer)} answered \`${code}\``,
    }
  }
  if (cause instanceof AuthorizationResponseError) {
    const code = ERROR_CODE.test(cause.error) ? cause.error : 'error'
    return { failed: 'refused', detail: `${shown(issuer)} answered \`${code}\`` }
  }
  const inner = cause instanceof ClientError ? (cause.cause ?? cause) : cause
  if (inner instanceof Error && 'code' in inner && inner.code === 'fetch-refused')
    return { failed: 'unsafe', detail: `${shown(issuer)} is at an address that is not fetched from` }
  return { failed: 'unavailable', detail: `${shown(issuer)} gave no usable answer` }
}

/** True where the server no longer knows the client or the grant: asking again would change nothing. */
export const isInvalidClient = (failure: SourceFailure): boolean => failure.detail.endsWith('`invalid_client`')
