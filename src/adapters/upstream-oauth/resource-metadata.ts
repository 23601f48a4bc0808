// What an upstream says of itself as an OAuth resource: its challenge, its metadata document, and whether both really speak of it (RFC 9728, R110, N046).

import type { UpstreamChallenge } from '../../bridge/upstream.ts'
import { isSourceFailure, type SourceFailure, type SourceTarget } from '../../vault/credential-source.ts'
import type { SafeFetch } from '../safe-fetch.ts'
import { readChallenge, scopesOf } from '../upstream/challenge.ts'
import { endpointUrl } from './endpoint-url.ts'
import { fetchDocument, stringsOf, shown, type JsonObject } from './json-document.ts'
import { resourceLocations, type ResourceLocation } from './well-known.ts'

export type ProtectedResource = {
  /** exactly as published: it stands in both requests (R111) */
  readonly resource: string
  /** issuers it names, usable ones only, in its order; empty where it publishes nothing */
  readonly issuers: readonly string[]
  /** of the challenge, else of the document */
  readonly scopes?: readonly string[]
}

const PROBE = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'server/discover',
  params: {
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': { name: 'gatehouse', version: '0' },
    },
  },
})
const PROBE_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'server/discover',
}

export async function findResource(fetch: SafeFetch, { url, rule }: SourceTarget): Promise<ProtectedResource | SourceFailure> {
  const challenge = await challengeOf(fetch, url)
  const found = await documentOf(fetch, url, challenge)
  if (isSourceFailure(found)) return found
  const challenged = challenge.scopes && { scopes: challenge.scopes }
  if (!found.document) return { resource: rule.resource, issuers: [], ...challenged }
  const { resource, authorization_servers, scopes_supported } = found.document
  if (typeof resource !== 'string' || !isOf(resource, rule.resource, found.isRoot))
    return { failed: 'unsafe', detail: `the metadata of ${shown(url)} speaks of another resource` }
  const supported = scopesOf(stringsOf(scopes_supported)?.join(' '))
  return {
    resource,
    issuers: (stringsOf(authorization_servers, 16) ?? []).filter(issuer => endpointUrl(issuer) !== undefined),
    ...(challenge.scopes ? challenged : supported && { scopes: supported }),
  }
}

/** RFC 9728 section 3.3: identical, or, for the document of the whole origin, the origin. Nothing is normalised but the lone slash of a URL without a path. */
function isOf(resource: string, expected: string, isRoot: boolean): boolean {
  if (resource === expected) return true
  const { origin, pathname, search } = new URL(expected)
  const isBare = pathname === '/' && search === ''
  return (isRoot || isBare) && (resource === origin || resource === `${origin}/`)
}

/** One request without any credential, for the challenge it is answered with. A server that cannot be asked is asked for its documents all the same. */
async function challengeOf(fetch: SafeFetch, url: string): Promise<UpstreamChallenge> {
  try {
    const answer = await fetch.request(url, { method: 'POST', headers: PROBE_HEADERS, body: PROBE, maxBytes: 64 * 1024 })
    return answer.status === 401 ? readChallenge(answer.headers) : {}
  } catch {
    return {} // what matters shows in the documents, which are fetched from the same host
  }
}

type Found = { readonly document?: JsonObject; readonly isRoot: boolean } | SourceFailure

async function documentOf(fetch: SafeFetch, url: string, { resourceMetadata }: UpstreamChallenge): Promise<Found> {
  const named: readonly ResourceLocation[] | undefined =
    resourceMetadata === undefined ? undefined : [{ url: resourceMetadata, isRoot: isRootDocument(resourceMetadata, url) }]
  for (const location of named ?? resourceLocations(url)) {
    if (endpointUrl(location.url) === undefined)
      return { failed: 'unsafe', detail: 'the challenge names metadata at a URL that is not fetched' }
    const fetched = await fetchDocument(fetch, location.url)
    if (isSourceFailure(fetched)) return fetched
    if ('document' in fetched) return { document: fetched.document, isRoot: location.isRoot }
  }
  if (named)
    return { failed: 'unavailable', detail: `there is no metadata at ${shown(named[0]?.url ?? '')}, where the challenge says it is` }
  return { isRoot: false }
}

const isRootDocument = (metadata: string, server: string): boolean => resourceLocations(server).some(l => l.isRoot && l.url === metadata)
