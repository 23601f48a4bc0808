// Metadata of authorization servers: found by their issuer, believed only where it names that very issuer (RFC 8414 section 3.3, R110, N045).

import type { ServerMetadata } from 'openid-client'
import { isSourceFailure, type SourceFailure } from '../../vault/credential-source.ts'
import type { SafeFetch } from '../safe-fetch.ts'
import { endpointUrl } from './endpoint-url.ts'
import { fetchDocument, shown, stringsOf, type JsonObject } from './json-document.ts'
import { serverLocations } from './well-known.ts'

const KEEP_MS = 300_000
const KEEP_MAX = 256
const ENDPOINTS = ['authorization_endpoint', 'token_endpoint', 'registration_endpoint', 'revocation_endpoint'] as const

/** `isTrusted`: an administrator wrote its issuer down, so its endpoints may be on other hosts; an upstream that names it may not move them. */
export type IssuerNamed = { readonly issuer: string; readonly isTrusted: boolean }

export class ServerMetadataCache {
  readonly #now: () => number
  readonly #known = new Map<string, { readonly metadata: Promise<ServerMetadata | SourceFailure>; until: number }>()

  /** monotonic milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  /** One fetch for all who ask at the same time; failures are not kept. */
  get(fetch: SafeFetch, named: IssuerNamed): Promise<ServerMetadata | SourceFailure> {
    const key = `${named.isTrusted} ${named.issuer}`
    const known = this.#known.get(key)
    if (known && this.#now() < known.until) return known.metadata
    const metadata = fetchMetadata(fetch, named)
    const entry = { metadata, until: this.#now() + KEEP_MS }
    this.#known.delete(key)
    this.#known.set(key, entry)
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= KEEP_MAX) break
      this.#known.delete(oldest)
    }
    void metadata.then(value => {
      if (isSourceFailure(value)) entry.until = 0
    })
    return metadata
  }
}

async function fetchMetadata(fetch: SafeFetch, { issuer, isTrusted }: IssuerNamed): Promise<ServerMetadata | SourceFailure> {
  const own = endpointUrl(issuer)
  if (own?.search !== '') return unsafe(issuer, 'has an issuer that cannot be one')
  for (const location of serverLocations(issuer)) {
    const fetched = await fetchDocument(fetch, location)
    if (isSourceFailure(fetched)) return fetched
    if ('document' in fetched) return judge(fetched.document, issuer, isTrusted)
  }
  return { failed: 'unavailable', detail: `${shown(issuer)} publishes no metadata` }
}

/** Compared as strings, nothing normalised. A document that names another issuer ends it: the next place is not tried. */
function judge(document: JsonObject, issuer: string, isTrusted: boolean): ServerMetadata | SourceFailure {
  if (document['issuer'] !== issuer) return unsafe(issuer, 'publishes metadata of another issuer')
  const { host } = new URL(issuer)
  for (const name of ENDPOINTS) {
    if (document[name] === undefined) continue
    const url = endpointUrl(document[name])
    if (!url) return unsafe(issuer, `has a \`${name}\` that is neither https nor on this machine`)
    if (!isTrusted && url.host !== host)
      return unsafe(issuer, `has a \`${name}\` on another host; write the issuer down in \`credential.issuer\` if that is right`)
  }
  if (document['token_endpoint'] === undefined) return unsafe(issuer, 'has no token endpoint')
  return document as ServerMetadata
}

/** R112: without a sign that it knows PKCE with S256 nothing is started there. */
export function checkCodeFlow(metadata: ServerMetadata): SourceFailure | undefined {
  if (metadata.authorization_endpoint === undefined) return unsafe(metadata.issuer, 'has no authorization endpoint')
  if (stringsOf(metadata.code_challenge_methods_supported)?.includes('S256') === true) return undefined
  return unsafe(metadata.issuer, 'does not say that it supports PKCE with S256')
}

const unsafe = (issuer: string, what: string): SourceFailure => ({
  failed: 'unsafe',
  detail: `the authorization server ${shown(issuer)} ${what}`,
})
