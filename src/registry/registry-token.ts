// The registry's own tokens: for five minutes, for this registry, for the namespaces that were just proved, and for publishing alone.

import { hash } from 'node:crypto'
import { canonicalJson } from '../kernel/canonical-json.ts'
import type { Stop } from '../kernel/errors.ts'
import type { Principal } from '../kernel/principal.ts'
import { keyOf } from '../kernel/principal.ts'
import { contextOf, type Sealer } from '../kernel/seal.ts'
import type { Binding } from './binding.ts'

/** Namespaces in lower case, each with the digest of what its proof rested on: one that is proved by something else since is not meant any more. */
export type Grant = ReadonlyMap<string, string>
export type RegistryToken = { readonly principal: Principal; readonly grant: Grant }

export type RegistryTokenParts = {
  readonly sealer: Sealer
  /** publicUrl: a token of another registry does not open here */
  readonly origin: () => string
  readonly nowSeconds: () => number
  /** of a token, for the record */
  readonly newId: () => string
}

const LIFE_SECONDS = 300
/** Recognised by it, so that it is sent to no issuer and taken for no other token. */
const PREFIX = 'ghreg_'
const MAX_CHARACTERS = 8192
/** Namespaces of one token: whoever owns more gets it for the first. */
export const MAX_GRANTED = 32

export const boundDigest = (bound: Binding): string => hash('sha256', canonicalJson(bound) ?? '').slice(0, 32)

/** True for what can only be one of these tokens, whatever it is worth. */
const isRegistryToken = (token: string): boolean => token.startsWith(PREFIX)

type Sealed = {
  readonly issuer: string
  readonly subject: string
  readonly grant: readonly (readonly [string, string])[]
  readonly until: number
  readonly id: string
}

export class RegistryTokens {
  readonly #parts: RegistryTokenParts
  constructor(parts: RegistryTokenParts) {
    this.#parts = parts
  }

  issue(who: Pick<Principal, 'issuer' | 'subject'>, grant: Grant): { readonly token: string; readonly expiresAtSeconds: number } {
    const { sealer, nowSeconds, newId } = this.#parts
    const until = nowSeconds() + LIFE_SECONDS
    const sealed: Sealed = { issuer: who.issuer, subject: who.subject, grant: [...grant], until, id: newId() }
    return {
      token: PREFIX + sealer.seal('registry-token', Buffer.from(JSON.stringify(sealed)), this.#context()),
      expiresAtSeconds: until,
    }
  }

  /** What an Authorization header brings; undefined where it brings no such token. Never throws. */
  read(authorization: string | undefined): RegistryToken | Stop | undefined {
    const [, token = ''] = /^Bearer ([^ ]+)$/i.exec(authorization ?? '') ?? []
    if (!isRegistryToken(token)) return undefined
    const bytes = this.#parts.sealer.open('registry-token', token.slice(PREFIX.length), MAX_CHARACTERS, this.#context())
    if (!bytes) return invalid('registry token is of another registry, or changed')
    const { issuer, subject, grant, until, id } = JSON.parse(bytes.toString()) as Sealed // sealed here: of this form
    if (this.#parts.nowSeconds() >= until) return invalid('registry token has expired')
    const principal: Principal = Object.freeze({
      key: keyOf(issuer, subject),
      issuer,
      subject,
      kind: 'workload',
      authentication: { kind: 'registry-token' } as const,
      groups: [],
      scopes: [],
      wildcards: [],
      expiresAtSeconds: until,
      issuedAtSeconds: until - LIFE_SECONDS,
      tokenId: id,
    })
    return { principal, grant: new Map(grant) }
  }

  #context(): Buffer {
    return contextOf(['registry-token', this.#parts.origin()])
  }
}

const invalid = (detail: string): Stop => ({ stop: 'token-invalid', detail, fix: 'prove the namespace again at `/v0.1/auth/…`' })
