// Asks issuers about their tokens (RFC 7662). Fails closed: an issuer that cannot be asked makes its tokens unusable for the time being, never good.

import { hash } from 'node:crypto'
import type { Introspect, Introspected } from '../identity/token-reader.ts'
import { VerdictCache } from '../identity/verdict-cache.ts'
import { Fault } from '../kernel/errors.ts'
import { isJsonFault, member, readJson } from '../mcp/json.ts'
import { basicAuthorization } from './basic-authorization.ts'
import { readIssuerMetadata } from './issuer-metadata.ts'
import type { SafeFetch, SafeResponse } from './safe-fetch.ts'

/** Structurally a part of config/schema.ts `IssuerSettings`. */
export type IntrospectedIssuer = { readonly issuer: string; readonly introspection?: IntrospectionSettings }
type IntrospectionSettings = {
  /** default: what the issuer's metadata names */
  readonly url?: string
  readonly clientId: string
  readonly clientSecret: string
  /** how the gateway shows who it is (RFC 6749 section 2.3.1) */
  readonly method: 'basic' | 'post'
}

type IntrospectionStatus = { readonly issuer: string; readonly isFailing: boolean; readonly detail?: string }

export type Introspection = {
  readonly introspect: Introspect
  /** takes over a new configuration; what is known of an issuer whose settings stayed is kept */
  configure(issuers: readonly IntrospectedIssuer[]): void
  status(): readonly IntrospectionStatus[]
}

type Deps = {
  readonly fetch: SafeFetch
  /** milliseconds, monotonic; default performance.now */
  readonly now?: () => number
  /** told when an issuer starts or ceases to fail; holds no token bytes */
  readonly onChange?: (status: IntrospectionStatus) => void
}

const MAX_ANSWER_BYTES = 64 * 1024
/** After a failure nobody asks for this long; who comes meanwhile is told so. */
const REST_SECONDS = 5
const MAX_AT_ONCE = 64
const METADATA_MS = 600_000
/** Inactive tokens stay inactive: strangers who repeat one cost no request. */
const INACTIVE_ENTRIES = 10_000
const INACTIVE_MS = 30_000

export function createIntrospection(issuers: readonly IntrospectedIssuer[], deps: Deps): Introspection {
  let endpoints = new Map<string, Endpoint>()
  const configure = (next: readonly IntrospectedIssuer[]): void => {
    const before = endpoints
    endpoints = new Map(
      next.flatMap(({ issuer, introspection }): [string, Endpoint][] => {
        if (!introspection) return []
        const old = before.get(issuer)
        const isSame = old && JSON.stringify(old.settings) === JSON.stringify(introspection)
        return [[issuer, isSame ? old : new Endpoint(issuer, introspection, deps)]]
      }),
    )
  }
  configure(issuers)
  return {
    introspect: async (issuer, token) => (await endpoints.get(issuer)?.ask(token)) ?? 'inactive',
    configure,
    status: () => [...endpoints.values()].map(endpoint => endpoint.status()),
  }
}

class Endpoint {
  readonly settings: IntrospectionSettings
  readonly #issuer: string
  readonly #deps: Deps
  readonly #inactive = new VerdictCache<number>(INACTIVE_ENTRIES)
  #url: { readonly at: number; readonly url: Promise<string> } | undefined
  #asking = 0
  #restUntil = -Infinity
  #detail = ''

  constructor(issuer: string, settings: IntrospectionSettings, deps: Deps) {
    this.#issuer = issuer
    this.settings = settings
    this.#deps = deps
  }

  status(): IntrospectionStatus {
    const isFailing = this.#detail !== ''
    return { issuer: this.#issuer, isFailing, ...(isFailing && { detail: this.#detail }) }
  }

  async ask(token: string): Promise<Introspected> {
    const now = this.#now()
    const digest = hash('sha256', token, 'base64url')
    if ((this.#inactive.get(digest) ?? -Infinity) > now) return 'inactive'
    if (now < this.#restUntil) return { unavailableSeconds: Math.ceil((this.#restUntil - now) / 1000) }
    if (this.#asking >= MAX_AT_ONCE) return { unavailableSeconds: 1 }
    this.#asking += 1
    try {
      const said = answerOf(await this.#post(await this.#endpoint(), token))
      this.#become('')
      if (said === 'inactive') this.#inactive.set(digest, now + INACTIVE_MS)
      return said
    } catch (error) {
      // Fail closed, whatever it was (N015).
      this.#restUntil = this.#now() + REST_SECONDS * 1000
      this.#become(error instanceof Fault ? error.message : 'the answer cannot be read')
      return { unavailableSeconds: REST_SECONDS }
    } finally {
      this.#asking -= 1
    }
  }

  #endpoint(): Promise<string> {
    const { url } = this.settings
    if (url !== undefined) return Promise.resolve(url)
    if (!this.#url || this.#now() - this.#url.at > METADATA_MS) {
      const found = readIssuerMetadata(this.#deps.fetch, this.#issuer).then(metadata => {
        const endpoint = metadata('introspection_endpoint')
        if (endpoint === undefined) throw new Fault('introspection-failed', "the issuer's metadata names no introspection endpoint")
        return endpoint
      })
      found.catch(() => (this.#url = undefined)) // whoever awaits it sees the failure; the next one tries again
      this.#url = { at: this.#now(), url: found }
    }
    return this.#url.url
  }

  #post(url: string, token: string): Promise<SafeResponse> {
    const { clientId, clientSecret, method } = this.settings
    const form = new URLSearchParams({ token, token_type_hint: 'access_token' })
    const headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' }
    if (method === 'post') {
      form.set('client_id', clientId)
      form.set('client_secret', clientSecret)
    } else {
      headers['authorization'] = basicAuthorization(clientId, clientSecret)
    }
    return this.#deps.fetch.request(url, { method: 'POST', headers, body: form.toString(), maxBytes: MAX_ANSWER_BYTES })
  }

  #become(detail: string): void {
    if (detail === this.#detail) return
    this.#detail = detail
    this.#deps.onChange?.(this.status())
  }

  readonly #now = (): number => (this.#deps.now ?? (() => performance.now()))()
}

/** RFC 7662 section 2.2: `active` is a truth value; anything else is no answer. */
function answerOf({ status, body }: SafeResponse): Introspected {
  if (status !== 200) throw new Fault('introspection-failed', `the introspection endpoint answered with status ${status}`)
  const doc = readJson(body, { maxDepth: 16, indexDepth: 1 })
  if (isJsonFault(doc) || doc.root.kind !== 'object') throw new Fault('introspection-failed', 'the answer is not a strict JSON object')
  const active = member(doc.root, 'active')?.kind
  if (active === 'false') return 'inactive'
  if (active !== 'true') throw new Fault('introspection-failed', 'the answer does not say whether the token is active')
  return { claims: doc }
}
