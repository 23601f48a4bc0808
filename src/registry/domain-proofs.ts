// Proofs by a domain: a signature of a key that it publishes, over a challenge of this gateway's, or in the official registry's form over a time alone.

import { hash } from 'node:crypto'
import { isStop, type Stop } from '../kernel/errors.ts'
import type { PrincipalKey } from '../kernel/principal.ts'
import type { Binding } from './binding.ts'
import { keyIn, verifyProof } from './domain-key.ts'
import { isNamespace } from './names.ts'
import type { Challenge, ChallengeStore, DomainKeys, SpentProofs } from './namespace.ts'

export type DomainProofParts = {
  readonly challenges: ChallengeStore
  readonly spent: SpentProofs
  readonly domainKeys: DomainKeys
  /** publicUrl: what a signature is for */
  readonly origin: () => string
  readonly nowSeconds: () => number
  /** 192 random bits as base64url */
  readonly newNonce: () => string
}
/** What was proved: by which key. */
export type DomainProof = { readonly name: string; readonly proof: 'dns' | 'https'; readonly bound: Binding }
export type OpenedChallenge = Challenge & { readonly origin: string; readonly domain: string }

export type ClaimProof = {
  readonly nonce: string
  readonly timestamp: string
  readonly signature: string
  readonly method: 'dns' | 'https'
  /** the one that is meant, where it is said: else the challenge says it */
  readonly namespace?: string
}
/** `{domain, timestamp, signed_timestamp}` of the official API */
export type OfficialProof = Omit<ClaimProof, 'nonce' | 'namespace'> & { readonly domain: string }

const CHALLENGE_SECONDS = 600
const OPEN_CHALLENGES = 10
/** Clocks of publishers may differ by this. */
const SKEW_SECONDS = 60
/** The same in the official form, where the time is all that is signed. */
const OFFICIAL_SKEW_SECONDS = 15

/** What somebody signs to prove a domain: for this gateway, this domain, this once. */
export const challengeText = (origin: string, domain: string, nonce: string, timestamp: string): string =>
  ['mcp-registry-auth/v2', origin, domain, nonce, timestamp].join('\0')

/** `com.example` belongs to `example.com`. */
export const domainOf = (namespace: string): string => namespace.toLowerCase().split('.').reverse().join('.')

export class DomainProofs {
  readonly #parts: DomainProofParts
  constructor(parts: DomainProofParts) {
    this.#parts = parts
  }

  /** Opens a challenge. Says nothing of who has the namespace. */
  async open(namespace: string, principal: PrincipalKey): Promise<OpenedChallenge> {
    const { challenges, nowSeconds, newNonce, origin } = this.#parts
    const now = nowSeconds()
    const challenge = { nonce: newNonce(), namespace, principal, issuedAtSeconds: now }
    await challenges.open(challenge, now + CHALLENGE_SECONDS, OPEN_CHALLENGES)
    return { ...challenge, origin: origin(), domain: domainOf(namespace) }
  }

  /** The challenge of this principal, which is spent by asking for it. */
  async spend(nonce: string, principal: PrincipalKey): Promise<Challenge | Stop> {
    const challenge = await this.#parts.challenges.spend(nonce, this.#parts.nowSeconds())
    // attacker-controlled: somebody else's challenge is none
    return challenge?.principal === principal ? challenge : unproved('the challenge is unknown, spent or expired')
  }

  async answered(principal: PrincipalKey, { nonce, timestamp, signature, method, namespace }: ClaimProof): Promise<DomainProof | Stop> {
    const challenge = await this.spend(nonce, principal)
    if (isStop(challenge)) return challenge
    if (namespace !== undefined && namespace.toLowerCase() !== challenge.namespace.toLowerCase())
      return unproved('the challenge is for another namespace')
    const signedAt = Date.parse(timestamp) / 1000
    const isTimely = signedAt >= challenge.issuedAtSeconds - SKEW_SECONDS && signedAt <= this.#parts.nowSeconds() + SKEW_SECONDS
    if (!UTC.test(timestamp) || !isTimely) return unproved('it was not signed between the challenge and now')
    const domain = domainOf(challenge.namespace)
    const key = await this.#signer(domain, method, { text: challengeText(this.#parts.origin(), domain, nonce, timestamp), signature })
    return typeof key === 'string' ? { name: challenge.namespace, proof: method, bound: { kind: 'key', key } } : key
  }

  /** The official form. It says neither for which registry nor once: whoever sees it can show it elsewhere while it is fresh, and here it is spent. */
  async official({ domain, timestamp, signature, method }: OfficialProof): Promise<(DomainProof & { readonly domain: string }) | Stop> {
    const { nowSeconds, spent } = this.#parts
    const name = domainOf(domain)
    const refused = whyNotProvable(name)
    if (refused) return refused
    const now = nowSeconds()
    const signedAt = Date.parse(timestamp) / 1000
    if (!RFC3339.test(timestamp) || !(Math.abs(signedAt - now) <= OFFICIAL_SKEW_SECONDS))
      return unproved(`expected \`timestamp\` within ${OFFICIAL_SKEW_SECONDS} seconds of now`)
    const key = await this.#signer(domain.toLowerCase(), method, { text: timestamp, signature })
    if (typeof key !== 'string') return key
    // Not of the signature: one by an elliptic curve can be written in two ways, and the second would be another one.
    const id = hash('sha256', ['MCPv1', name, key, timestamp].join('\0'))
    const isFirst = await spent.spend(id, Math.floor(signedAt) + 2 * OFFICIAL_SKEW_SECONDS, now)
    return isFirst
      ? { name, proof: method, bound: { kind: 'key', key }, domain: domainOf(name) }
      : unproved('this signature was used before')
  }

  /** The published key that made the signature. */
  async #signer(
    domain: string,
    method: 'dns' | 'https',
    signed: { readonly text: string; readonly signature: string },
  ): Promise<string | Stop> {
    let records: readonly string[] = []
    try {
      records = await this.#parts.domainKeys.read(domain, method)
    } catch {
      // told as what publishes nothing: why it cannot be read would tell a stranger about this network
    }
    if (records.length === 0) return unproved(`\`${domain}\` publishes nothing that can be read by ${method}`)
    const text = Buffer.from(signed.text)
    const record = records.find(each => verifyProof(each, text, signed.signature))
    return (record === undefined ? undefined : keyIn(record)) ?? unproved(`no key that \`${domain}\` publishes made this signature`)
  }
}

const UTC = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/
const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/
const unproved = (detail: string): Stop => ({ stop: 'proof-invalid', detail, fix: 'gatehouse namespace claim' })

/** Code hosts give names below one domain to everybody, and give them again: a name there says nothing without the host's own proof and its numeric id. */
const SHARED = /^(?:io\.github|io\.gitlab|com\.github|com\.gitlab|org\.bitbucket|io\.bitbucket)(?:\.|$)/i

/** Why no domain can prove a name; undefined = one can. */
export function whyNotProvable(name: string): Stop | undefined {
  if (!isNamespace(name)) return { stop: 'params-invalid', detail: 'expected a namespace such as `com.example`' }
  if (SHARED.test(name))
    return {
      stop: 'proof-invalid',
      detail: 'a domain does not prove whose account of a code host it is',
      fix: 'prove it by a token of the host (`--oidc`), where `registry.proofs` names it; or an operator can register it',
    }
  // A label of a domain (RFC 1123), and at least two: nobody owns `com`. A first one that is a number would make it an address, which changes hands.
  const labels = name.split('.')
  const isDomain =
    labels.length >= 2 && /^[a-z]/i.test(name) && labels.every(label => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label))
  return isDomain
    ? undefined
    : { stop: 'params-invalid', detail: 'expected a domain in reverse, such as `com.example`', fix: 'an operator can register it' }
}
