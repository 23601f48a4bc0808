// Namespaces with stores in memory, a clock, domains and tokens that a test makes up; signatures are real.

import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import { challengeText } from '../../src/registry/domain-proofs.ts'
import type { DomainKeys, NamespaceStore, NamespaceWatch, ProofTokens, TokenProof } from '../../src/registry/namespace.ts'
import { Namespaces, type NamespaceParts } from '../../src/registry/namespaces.ts'
import { memoryChallenges, memoryNamespaces, memorySpentProofs } from './memory-namespaces.ts'

export const [ALICE, BOB, EVE] = ['alice', 'bob', 'eve'].map(name => `https://idp.example ${name}`) as [
  PrincipalKey,
  PrincipalKey,
  PrincipalKey,
]
const ORIGIN = 'https://gw.example.com'
export const START = Date.parse('2026-01-01T00:00:00Z') / 1000
export const DAY = 86_400
const CI = 'https://token.ci.example'

export type DomainKey = { readonly privateKey: KeyObject; readonly record: string }
export function domainKey(): DomainKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(12)
  return { privateKey, record: `v=MCPv1; k=ed25519; p=${raw.toString('base64')}` }
}
export const signed = (key: KeyObject, text: string): string =>
  (key.asymmetricKeyType === 'ed25519'
    ? sign(null, Buffer.from(text), key)
    : sign('sha384', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
  ).toString('hex')

export class NamespaceWorld {
  now = START
  cooldown = DAY
  /** `<method> <domain>` -> its records; an error is thrown, what is absent publishes nothing */
  published: Record<string, readonly string[] | Error> = {}
  signers = new Map<string, string>()
  /** every token text is a proof by what stands here */
  readonly tokens = new Map<string, TokenProof>()
  readonly reads: string[] = []
  readonly store: NamespaceStore & NamespaceWatch = memoryNamespaces()
  readonly domainKeys: DomainKeys = {
    read: (domain, method) => {
      this.reads.push(`${method} ${domain}`)
      const found = this.published[`${method} ${domain}`] ?? []
      return found instanceof Error ? Promise.reject(found) : Promise.resolve(found)
    },
  }
  readonly parts: NamespaceParts
  readonly namespaces: Namespaces
  #count = 0

  constructor(over: Partial<NamespaceParts> = {}) {
    const tokens: ProofTokens = { read: text => Promise.resolve(this.tokens.get(text) ?? { stop: 'proof-invalid' }) }
    this.parts = {
      store: this.store,
      challenges: memoryChallenges(),
      spent: memorySpentProofs(),
      tokens,
      domainKeys: this.domainKeys,
      origin: () => ORIGIN,
      nowSeconds: () => this.now,
      newNonce: () => `nonce-${++this.#count}`,
      signers: () => Promise.resolve(this.signers),
      cooldownSeconds: () => this.cooldown,
      ...over,
    }
    this.namespaces = new Namespaces(this.parts)
  }

  /** A proof by the key a domain publishes. */
  async prove(name: string, who: PrincipalKey, key: KeyObject, method: 'dns' | 'https' = 'dns') {
    const challenge = await this.namespaces.claim(name, who)
    if ('stop' in challenge) return challenge
    const timestamp = new Date(this.now * 1000).toISOString()
    const signature = signed(key, challengeText(challenge.origin, challenge.domain, challenge.nonce, timestamp))
    return this.namespaces.verify(who, { nonce: challenge.nonce, timestamp, signature, method })
  }

  /** A new token of a CI job, which proves `name` by the account `owner`. */
  token(
    name: string,
    owner: string,
    more: { also?: Record<string, string>; nonce?: string; authority?: string; subject?: string } = {},
  ): string {
    const text = `token-${++this.#count}`
    const { also = {}, nonce, authority = CI, subject = `repo:${name}` } = more
    this.tokens.set(text, {
      issuer: authority,
      subject,
      name,
      bound: { kind: 'account', authority, owner, also },
      id: this.#count.toString(16).padStart(64, '0'),
      expiresAtSeconds: this.now + 300,
      ...(nonce !== undefined && { nonce }),
    })
    return text
  }
  show(who: PrincipalKey, token: string, more: { namespace?: string; nonce?: string } = {}) {
    return this.namespaces.verify(who, { method: 'oidc', token, ...more })
  }
}
