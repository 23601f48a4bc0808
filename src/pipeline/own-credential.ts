// A principal's credential as connections see it: one object as long as it is the same credential, whatever a refresh puts into it.

import type { CallerCredential, CredentialRefusal } from '../bridge/upstream.ts'
import type { Stop } from '../kernel/errors.ts'
import type { CredentialRule } from '../vault/credential-rule.ts'

/** What is sent: an access token, or a static secret. */
export type Carried = { readonly accessToken: string } | { readonly secret: string }

export class OwnCredential implements CallerCredential {
  readonly id: string
  readonly environment: Readonly<Record<string, string>>
  readonly #rule: CredentialRule
  readonly #refused: (refusal: CredentialRefusal) => Promise<Stop | undefined>
  #headers: readonly string[]
  #secret: string

  constructor(id: string, rule: CredentialRule, carried: Carried, refused: (refusal: CredentialRefusal) => Promise<Stop | undefined>) {
    this.id = id
    this.#rule = rule
    this.#refused = refused
    this.environment = rule.env !== undefined && 'secret' in carried ? { [rule.env]: carried.secret } : {}
    this.#headers = headersOf(rule, carried)
    this.#secret = secretOf(carried)
  }

  headers(): readonly string[] {
    return this.#headers
  }

  secret(): string {
    return this.#secret
  }

  replace(carried: Carried): void {
    this.#secret = secretOf(carried)
    this.#headers = headersOf(this.#rule, carried)
  }

  refused(refusal: CredentialRefusal): Promise<Stop | undefined> {
    return this.#refused(refusal)
  }
}

const secretOf = (carried: Carried): string => ('secret' in carried ? carried.secret : carried.accessToken)

function headersOf(rule: CredentialRule, carried: Carried): readonly string[] {
  if (rule.env !== undefined) return []
  if ('secret' in carried) return [rule.header.toLowerCase(), rule.prefix + carried.secret]
  return ['authorization', `Bearer ${carried.accessToken}`]
}
