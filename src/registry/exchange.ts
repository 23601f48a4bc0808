// The auth exchanges of the official API: a proof of a namespace for a token of five minutes. Who comes here is known by what he proves and nothing else.

import { isStop, type Stop } from '../kernel/errors.ts'
import type { DomainProof, OfficialProof } from './domain-proofs.ts'
import type { Namespaces } from './namespaces.ts'
import type { Shown } from './token-proofs.ts'
import { boundDigest, MAX_GRANTED, type RegistryTokens } from './registry-token.ts'

export const EXCHANGE_METHODS = ['dns', 'http', 'oidc', 'github-oidc', 'github-at', 'none'] as const
export type ExchangeMethod = (typeof EXCHANGE_METHODS)[number]

/** What somebody's access token at a code host shows: who it is, and the names that are theirs. */
export interface Accounts {
  /** The token goes to the host and nowhere else, and is not kept. A Stop says why it shows nothing; never rejects. */
  read(token: string): Promise<{ readonly issuer: string; readonly subject: string; readonly shown: readonly Shown[] } | Stop>
}

export type ExchangeSettings = {
  /** the official form of domain proofs, which can be shown to another registry while it is fresh */
  readonly isOfficial: boolean
  /** whoever proves a namespace that nobody has gets it; else somebody with the role publisher has to have proved it */
  readonly isOpen: boolean
  /** nothing has to be proved: on this machine alone, for trying out */
  readonly isAnonymous: boolean
}
export type ExchangeParts = {
  readonly namespaces: Pick<Namespaces, 'shownByToken' | 'shownByDomain' | 'showAgain'>
  readonly accounts: () => Accounts | undefined
  readonly tokens: Pick<RegistryTokens, 'issue'>
  readonly settings: () => ExchangeSettings
}
/** What was shown, and who showed it: nobody's account here. */
export type Proven = { readonly issuer: string; readonly subject: string; readonly shown: readonly Shown[] }
/** As the official API has it. */
export type Exchanged = { readonly registry_token: string; readonly expires_at: number }
/** The members of an exchange's body, by method. */
export const EXCHANGED: Readonly<Record<ExchangeMethod, readonly string[]>> = {
  dns: ['domain', 'timestamp', 'signed_timestamp'],
  http: ['domain', 'timestamp', 'signed_timestamp'],
  oidc: ['oidc_token'],
  'github-oidc': ['oidc_token'],
  'github-at': ['github_token'],
  none: [],
}

/** Principals of proofs that no issuer vouches for. Issuers are URLs, so none is called so. */
const DOMAIN_ISSUER = 'urn:gatehouse:domain'
const ANONYMOUS: Proven = {
  issuer: 'urn:gatehouse:anonymous',
  subject: 'anonymous',
  shown: [
    {
      name: 'io.modelcontextprotocol.anonymous',
      proof: 'none',
      bound: { kind: 'account', authority: 'urn:gatehouse:anonymous', owner: 'anonymous', also: {} },
    },
  ],
}

export class Exchange {
  readonly #parts: ExchangeParts
  constructor(parts: ExchangeParts) {
    this.#parts = parts
  }

  /** Judges what a stranger shows; changes nothing but that it is spent. */
  async prove(method: ExchangeMethod, texts: Readonly<Record<string, string>>): Promise<Proven | Stop> {
    const { namespaces, accounts, settings } = this.#parts
    switch (method) {
      case 'dns':
      case 'http':
        return settings().isOfficial
          ? provenBy(await namespaces.shownByDomain(officialOf(method, texts)))
          : off(
              'the official form of proofs is off: it can be shown to another registry',
              'set `registry.officialProofs`, or use `gatehouse namespace verify`',
            )
      case 'oidc':
      case 'github-oidc': {
        const read = await namespaces.shownByToken(texts['oidc_token'] ?? '')
        if (isStop(read)) return read
        return method === 'oidc' || /^io\.github\./i.test(read.shown.name)
          ? { issuer: read.issuer, subject: read.subject, shown: [read.shown] }
          : { stop: 'proof-invalid', detail: 'the token proves no name below io.github', fix: 'use `/v0.1/auth/oidc`' }
      }
      case 'github-at':
        return (
          accounts()?.read(texts['github_token'] ?? '') ??
          off('no GitHub is configured to ask', 'set `registry.github`, or use `/v0.1/auth/github-oidc`')
        )
      case 'none':
        return settings().isAnonymous ? ANONYMOUS : off('nothing is published here without a proof', 'prove a namespace')
    }
  }

  /** A token for what was shown, as far as it may be published in. The first refusal is told where nothing may. */
  async issue({ issuer, subject, shown }: Proven): Promise<Exchanged | Stop> {
    const { namespaces, tokens, settings } = this.#parts
    const { isOpen, isAnonymous } = settings()
    const grant = new Map<string, string>()
    let refused: Stop | undefined
    for (const each of shown) {
      if (grant.size === MAX_GRANTED) break
      const known = await namespaces.showAgain({ issuer, subject }, each, isOpen || (each.proof === 'none' && isAnonymous))
      if (isStop(known)) refused ??= known
      else grant.set(known.name.toLowerCase(), boundDigest(each.bound))
    }
    if (grant.size === 0) return refused ?? { stop: 'proof-invalid', detail: 'it shows no namespace' }
    const { token, expiresAtSeconds } = tokens.issue({ issuer, subject }, grant)
    return { registry_token: token, expires_at: expiresAtSeconds }
  }
}

const officialOf = (
  method: 'dns' | 'http',
  { domain = '', timestamp = '', signed_timestamp: signature = '' }: Readonly<Record<string, string>>,
): OfficialProof => ({
  domain,
  timestamp,
  signature,
  method: method === 'http' ? 'https' : 'dns',
})
const provenBy = (proof: (DomainProof & { readonly domain: string }) | Stop): Proven | Stop =>
  isStop(proof)
    ? proof
    : { issuer: DOMAIN_ISSUER, subject: proof.domain, shown: [{ name: proof.name, proof: proof.proof, bound: proof.bound }] }
const off = (detail: string, fix: string): Stop => ({ stop: 'exchange-unavailable', detail, fix })
