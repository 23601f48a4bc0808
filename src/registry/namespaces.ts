// Who owns a namespace, and how that is proved: a key that the domain publishes, and a signature over a challenge of this gateway's.

import type { PrincipalKey } from '../kernel/principal.ts'
import type { Stop } from '../kernel/errors.ts'
import { verifyProof } from './domain-key.ts'
import { isNamespace, lookalikeOf, skeletonOf } from './names.ts'

/** What proved it; operator: one of this gateway's says so. */
type ProofKind = 'dns' | 'https' | 'operator'
export type MemberRole = 'owner' | 'publisher'

/** Times are seconds since the epoch. */
export type Namespace = {
  readonly name: string
  readonly state: 'active' | 'frozen'
  readonly proof: ProofKind
  readonly provedAtSeconds: number
  /** nothing is published after it; absent for an operator's word */
  readonly proveAgainAtSeconds?: number
  readonly members: readonly { readonly principal: PrincipalKey; readonly role: MemberRole }[]
}
export type Challenge = {
  readonly nonce: string
  readonly namespace: string
  readonly principal: PrincipalKey
  readonly issuedAtSeconds: number
}

/**
 * Namespaces and their members, compared without case. Durability: what resolved survives a crash. Concurrency: of any number of registrations of one name, or
 * of names with one skeleton, exactly one succeeds. Errors: a rejection means that the change may or may not have happened.
 */
export interface NamespaceStore {
  find(name: string): Promise<Namespace | undefined>
  /** with its owner; `skeleton`: taken by another one = false */
  register(namespace: Omit<Namespace, 'members'>, skeleton: string, owner: PrincipalKey): Promise<boolean>
  /** the proof of one there is, whatever its state is or becomes meanwhile; false = there is none */
  prove(proved: Pick<Namespace, 'name' | 'proof' | 'provedAtSeconds' | 'proveAgainAtSeconds'>): Promise<boolean>
  /** the state alone; false = there is none, or it is in it already */
  setState(name: string, state: Namespace['state']): Promise<boolean>
  /** `undefined` as role: no member any more. An owner who is the last one stays, and `by` is an owner of it while it is active, at this moment: else false */
  setMember(
    name: string,
    member: { readonly principal: PrincipalKey; readonly role: MemberRole | undefined },
    by: PrincipalKey,
    atSeconds: number,
  ): Promise<boolean>
  list(): Promise<readonly Namespace[]>
}
/** Challenges are spent once, whoever spends them at the same time. */
export interface ChallengeStore {
  /** forgets expired ones, and all but the newest `most` of this principal */
  open(challenge: Challenge, expiresAtSeconds: number, most: number): Promise<void>
  spend(nonce: string, nowSeconds: number): Promise<Challenge | undefined>
}
/** Key records that a domain publishes, one text each; bounded in number and size. Rejects with a Fault where they cannot be asked for. */
export interface DomainKeys {
  read(domain: string, method: 'dns' | 'https'): Promise<readonly string[]>
}

export type NamespaceParts = {
  readonly store: NamespaceStore
  readonly challenges: ChallengeStore
  readonly domainKeys: DomainKeys
  /** publicUrl: what a signature is for */
  readonly origin: () => string
  readonly nowSeconds: () => number
  /** 192 random bits as base64url */
  readonly newNonce: () => string
}

const CHALLENGE_SECONDS = 600
const OPEN_CHALLENGES = 10
/** A proof counts this long; a domain may be lost meanwhile. */
const PROOF_SECONDS = 30 * 86_400
/** Clocks of publishers may differ by this. */
const SKEW_SECONDS = 60
const FORBIDDEN: Stop = {
  stop: 'namespace-forbidden',
  detail: 'you do not publish in this namespace, or there is none',
  fix: 'claim it, or ask its owner to make you a publisher',
}

/** What somebody signs to prove a domain: for this gateway, this domain, this once. */
export const challengeText = (origin: string, domain: string, nonce: string, timestamp: string): string =>
  ['mcp-registry-auth/v2', origin, domain, nonce, timestamp].join('\0')

/** `com.example` belongs to `example.com`. */
export const domainOf = (namespace: string): string => namespace.toLowerCase().split('.').reverse().join('.')

export class Namespaces {
  readonly #parts: NamespaceParts
  constructor(parts: NamespaceParts) {
    this.#parts = parts
  }

  /** Who may publish, and an operator for the rest. */
  find(name: string): Promise<Namespace | undefined> {
    return this.#parts.store.find(name)
  }
  list(): Promise<readonly Namespace[]> {
    return this.#parts.store.list()
  }

  /** Opens a challenge for a claim or for a proof given again. Says nothing of who has the namespace. */
  async claim(name: string, principal: PrincipalKey): Promise<(Challenge & { readonly origin: string; readonly domain: string }) | Stop> {
    const wrong = whyNotProvable(name)
    if (wrong) return wrong
    const { challenges, nowSeconds, newNonce, origin } = this.#parts
    const now = nowSeconds()
    const challenge = { nonce: newNonce(), namespace: name, principal, issuedAtSeconds: now }
    await challenges.open(challenge, now + CHALLENGE_SECONDS, OPEN_CHALLENGES)
    return { ...challenge, origin: origin(), domain: domainOf(name) }
  }

  /** Takes a proof. A new namespace is its claimant's; one that has an owner stays the owner's, and is frozen when somebody else proves it too. */
  async verify(principal: PrincipalKey, proof: ClaimProof): Promise<Namespace | Stop> {
    const proved = await this.#proved(principal, proof)
    if (typeof proved !== 'string') return proved
    const { store, nowSeconds } = this.#parts
    const now = nowSeconds()
    const fresh = {
      name: proved,
      state: 'active',
      proof: proof.method,
      provedAtSeconds: now,
      proveAgainAtSeconds: now + PROOF_SECONDS,
    } as const
    const known = await store.find(proved)
    if (known) {
      if (!known.members.some(member => member.principal === principal && member.role === 'owner')) {
        await store.setState(proved, 'frozen')
        return { stop: 'namespace-taken', detail: 'it has another owner; since you proved it too it is frozen', fix: 'ask an operator' }
      }
      // What an operator or a second proof froze, and be it in this moment, is not thawed by proving it again.
      await store.prove(fresh)
      return (await store.find(proved)) ?? TAKEN
    }
    const like = lookalikeOf(
      proved,
      (await store.list()).map(({ name }) => name),
    )
    if (like !== undefined)
      return { stop: 'lookalike-held', detail: `it looks like \`${like}\``, fix: 'an operator who knows you can register it' }
    return (await store.register(fresh, skeletonOf(proved), principal)) ? ((await store.find(proved)) ?? TAKEN) : TAKEN
  }

  /** By an operator's word: for namespaces without a domain of their own, and look-alikes that are none. */
  async register(name: string, owner: PrincipalKey): Promise<Namespace | undefined> {
    if (!isNamespace(name)) return undefined
    const { store, nowSeconds } = this.#parts
    const like = lookalikeOf(
      name,
      (await store.list()).map(known => known.name),
    )
    const skeleton = like === undefined ? skeletonOf(name) : `${skeletonOf(name)} ${name.toLowerCase()}`
    const isKept = await store.register({ name, state: 'active', proof: 'operator', provedAtSeconds: nowSeconds() }, skeleton, owner)
    return isKept ? store.find(name) : undefined
  }

  async setState(name: string, state: Namespace['state']): Promise<Namespace | undefined> {
    const { store } = this.#parts
    return (await store.setState(name, state)) ? store.find(name) : undefined
  }

  /** By an owner. */
  async setMember(
    name: string,
    member: { readonly principal: PrincipalKey; readonly role: MemberRole | undefined },
    by: PrincipalKey,
  ): Promise<Namespace | Stop> {
    const known = await this.#parts.store.find(name)
    if (!known?.members.some(({ principal, role }) => principal === by && role === 'owner')) return FORBIDDEN
    if (known.state === 'frozen') return FROZEN
    const isDone = await this.#parts.store.setMember(name, member, by, this.#parts.nowSeconds())
    if (!isDone) return { stop: 'params-invalid', detail: 'it would be left without an owner, or there is no such member' }
    return (await this.#parts.store.find(name)) ?? FORBIDDEN
  }

  /** Why a principal may not publish in a namespace now; undefined = it may. */
  async whyNotPublisher(name: string, principal: PrincipalKey): Promise<Stop | undefined> {
    const known = await this.#parts.store.find(name)
    if (!known?.members.some(member => member.principal === principal)) return FORBIDDEN
    if (known.state === 'frozen') return FROZEN
    if (known.proveAgainAtSeconds !== undefined && known.proveAgainAtSeconds <= this.#parts.nowSeconds())
      return { stop: 'namespace-unproved', detail: 'its proof is older than 30 days', fix: 'gatehouse namespace verify' }
    return undefined
  }

  async #proved(principal: PrincipalKey, { nonce, timestamp, signature, method }: ClaimProof): Promise<string | Stop> {
    const { challenges, domainKeys, origin, nowSeconds } = this.#parts
    const now = nowSeconds()
    const challenge = await challenges.spend(nonce, now)
    // attacker-controlled: somebody else's challenge is none
    if (challenge?.principal !== principal) return unproved('the challenge is unknown, spent or expired')
    const signedAt = Date.parse(timestamp) / 1000
    if (!RFC3339.test(timestamp) || !(signedAt >= challenge.issuedAtSeconds - SKEW_SECONDS) || !(signedAt <= now + SKEW_SECONDS))
      return unproved('it was not signed between the challenge and now')
    const domain = domainOf(challenge.namespace)
    let records: readonly string[]
    try {
      records = await domainKeys.read(domain, method)
    } catch {
      return unproved(`\`${domain}\` publishes nothing that can be read by ${method}`)
    }
    const text = Buffer.from(challengeText(origin(), domain, nonce, timestamp))
    return records.some(record => verifyProof(record, text, signature))
      ? challenge.namespace
      : unproved(`no key that \`${domain}\` publishes made this signature`)
  }
}

export type ClaimProof = {
  readonly nonce: string
  readonly timestamp: string
  readonly signature: string
  readonly method: 'dns' | 'https'
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/
const TAKEN: Stop = { stop: 'namespace-taken', detail: 'it, or one that looks like it, has an owner', fix: 'ask an operator' }
const FROZEN: Stop = { stop: 'namespace-frozen', detail: 'nothing is published in it for now', fix: 'ask an operator' }
const unproved = (detail: string): Stop => ({ stop: 'proof-invalid', detail, fix: 'gatehouse namespace claim' })

/** Code hosts give names below one domain to everybody, and give them again: a name there says nothing without the host's own proof and its numeric id. */
const SHARED = /^(?:io\.github|io\.gitlab|com\.github|com\.gitlab|org\.bitbucket|io\.bitbucket)(?:\.|$)/i

function whyNotProvable(name: string): Stop | undefined {
  if (!isNamespace(name)) return { stop: 'params-invalid', detail: 'expected a namespace such as `com.example`' }
  if (SHARED.test(name))
    return {
      stop: 'proof-invalid',
      detail: 'a domain does not prove whose account of a code host it is',
      fix: 'an operator can register it',
    }
  // A label of a domain (RFC 1123), and at least two: nobody owns `com`. A first one that is a number would make it an address, which changes hands.
  const labels = name.split('.')
  const isDomain =
    labels.length >= 2 && /^[a-z]/i.test(name) && labels.every(label => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label))
  return isDomain
    ? undefined
    : { stop: 'params-invalid', detail: 'expected a domain in reverse, such as `com.example`', fix: 'an operator can register it' }
}
