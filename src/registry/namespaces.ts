// Who owns a namespace: claimed by a proof, kept by whoever proved it first, frozen when somebody else can, and silent for a while when what it rests on changes.

import { isStop, type Stop } from '../kernel/errors.ts'
import { keyOf, type Principal, type PrincipalKey } from '../kernel/principal.ts'
import { compareBindings, type Binding } from './binding.ts'
import { DomainProofs, whyNotProvable } from './domain-proofs.ts'
import type { ClaimProof, DomainProof, DomainProofParts, OfficialProof, OpenedChallenge } from './domain-proofs.ts'
import { isNamespace, lookalikeOf, skeletonOf } from './names.ts'
import { boundDigest, type Grant } from './registry-token.ts'
import type { MemberRole, Namespace, NamespaceStore, NamespaceWatch, ProofKind, ProofTokens, Quiet, TokenProof } from './namespace.ts'

export type NamespaceParts = DomainProofParts & {
  readonly store: NamespaceStore & Pick<NamespaceWatch, 'sign'>
  readonly tokens: ProofTokens
  /** digests of the policies that say who signs, by namespace in lower case; empty where there are none, or they cannot be read now. Never rejects. */
  readonly signers: () => Promise<ReadonlyMap<string, string>>
  /** how long nothing is published after key, owner or signer changed */
  readonly cooldownSeconds: () => number
}

/** A token that proves a name. `namespace`: the one that is meant; `nonce`: of a challenge, where the token answers one. */
export type TokenClaim = { readonly method: 'oidc'; readonly token: string; readonly namespace?: string; readonly nonce?: string }
/** The ID token of the claimant's own sign-in, which the gateway got by itself. */
export type LoginClaim = { readonly method: 'login'; readonly token: string; readonly namespace?: string }
/** What a proof showed, before anybody asked whose the name is. */
export type Shown = { readonly name: string; readonly proof: Exclude<ProofKind, 'operator'>; readonly bound: Binding }

/** A proof counts this long; a domain may be lost meanwhile. */
export const PROOF_SECONDS = 30 * 86_400
/** Of changes at the same time. */
const MAX_TRIES = 3

export class Namespaces {
  readonly #parts: NamespaceParts
  readonly #domains: DomainProofs
  constructor(parts: NamespaceParts) {
    this.#parts = parts
    this.#domains = new DomainProofs(parts)
  }

  /** Who may publish, and an operator for the rest. */
  find(name: string): Promise<Namespace | undefined> {
    return this.#parts.store.find(name)
  }
  list(): Promise<readonly Namespace[]> {
    return this.#parts.store.list()
  }

  /** Opens a challenge for a claim or for a proof given again: by a domain, or for a token that carries its nonce. Says nothing of who has the namespace. */
  async claim(name: string, principal: PrincipalKey, method: 'domain' | 'oidc' = 'domain'): Promise<OpenedChallenge | Stop> {
    const wrong = method === 'domain' || !isNamespace(name) ? whyNotProvable(name) : undefined
    return wrong ?? this.#domains.open(name, principal)
  }

  /** Takes a proof. A new namespace is its claimant's; one that has an owner stays the owner's, and is frozen when somebody else proves it too. */
  async verify(principal: PrincipalKey, proof: ClaimProof | TokenClaim | LoginClaim): Promise<Namespace | Stop> {
    const shown = await this.#shownOf(principal, proof)
    return isStop(shown) ? shown : this.#take(principal, shown)
  }

  #shownOf(principal: PrincipalKey, proof: ClaimProof | TokenClaim | LoginClaim): Promise<Shown | Stop> {
    if (proof.method === 'login') return this.#shownByLogin(proof)
    return proof.method === 'oidc' ? this.#shownBy(principal, proof) : this.#domains.answered(principal, proof)
  }

  /** Nothing is spent and no nonce asked for: nobody else ever had this token. */
  async #shownByLogin({ token, namespace }: LoginClaim): Promise<Shown | Stop> {
    const read = await this.#parts.tokens.read(token, this.#parts.nowSeconds(), true)
    if (isStop(read)) return read
    return whyOtherName(read, namespace) ?? { name: read.name, proof: 'oidc', bound: read.bound }
  }

  async #shownBy(principal: PrincipalKey, { token, namespace, nonce }: TokenClaim): Promise<Shown | Stop> {
    const { tokens, nowSeconds } = this.#parts
    const read = await tokens.read(token, nowSeconds())
    if (isStop(read)) return read
    const other = whyOtherName(read, namespace)
    if (other) return other
    // A token that answers a challenge answers one of this principal's, here; one that answers somebody else's was made for another purpose.
    if (nonce !== read.nonce) return unproved('the token does not answer this challenge')
    if (nonce !== undefined) {
      const challenge = await this.#domains.spend(nonce, principal)
      if (isStop(challenge)) return challenge
      if (challenge.namespace.toLowerCase() !== read.name.toLowerCase()) return unproved('the challenge is for another namespace')
    }
    return (await this.#spend(read)) ?? { name: read.name, proof: 'oidc', bound: read.bound }
  }
  async #spend({ id, expiresAtSeconds }: TokenProof): Promise<Stop | undefined> {
    const { spent, nowSeconds } = this.#parts
    return (await spent.spend(id, expiresAtSeconds, nowSeconds())) ? undefined : unproved('the token was used before')
  }

  /** A token of somebody who has no other account here. */
  async shownByToken(token: string): Promise<(Pick<Principal, 'issuer' | 'subject'> & { readonly shown: Shown }) | Stop> {
    const read = await this.#parts.tokens.read(token, this.#parts.nowSeconds())
    if (isStop(read)) return read
    if (read.nonce !== undefined) return unproved('the token answers a challenge, and there is none')
    const { issuer, subject, name, bound } = read
    return (await this.#spend(read)) ?? { issuer, subject, shown: { name, proof: 'oidc', bound } }
  }
  shownByDomain(proof: OfficialProof): Promise<(DomainProof & { readonly domain: string }) | Stop> {
    return this.#domains.official(proof)
  }

  /**
   * Something is shown by somebody who is nobody here, to publish by. What it rests on has to be what its owner proved it by; the same prolongs that proof, and another
   * key or account freezes the namespace. `mayBegin`: one that nobody has is his.
   */
  async showAgain(who: Pick<Principal, 'issuer' | 'subject'>, shown: Shown, mayBegin: boolean): Promise<Namespace | Stop> {
    const { store } = this.#parts
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const known = await store.find(shown.name)
      if (!known) {
        if (!mayBegin) return UNCLAIMED
        const begun = await this.#begin(keyOf(who.issuer, who.subject), shown)
        if (isStop(begun)) return begun
        continue // judged as everybody who comes after
      }
      if (known.state === 'frozen') return FROZEN
      const compared = compareBindings(known.bound, shown.bound)
      if (compared === 'other-owner') return this.#freeze(known.name, OTHER_ACCOUNT)
      if (compared === 'other-key')
        return this.#freeze(known.name, 'it was proved by another key; since somebody else proved it too it is frozen')
      if (compared === 'other-detail') return unproved(OTHER_DETAIL)
      if (compared !== 'same') return UNBOUND
      if (!(await store.prove(this.#kept(shown), known.bound))) continue
      const now = await store.find(shown.name)
      return now ? ((await this.#whyNotNow(now)) ?? now) : UNCLAIMED
    }
    return TAKEN
  }

  async #take(principal: PrincipalKey, shown: Shown): Promise<Namespace | Stop> {
    const { store } = this.#parts
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const known = await store.find(shown.name)
      if (!known) {
        const refused = await this.#begin(principal, shown)
        if (isStop(refused)) return refused
        if (refused.isKept) return (await store.find(shown.name)) ?? TAKEN
        continue // somebody was quicker: whoever lost is judged as the second
      }
      if (!known.members.some(member => member.principal === principal && member.role === 'owner'))
        return this.#freeze(known.name, 'it has another owner; since you proved it too it is frozen')
      const compared = compareBindings(known.bound, shown.bound)
      if (compared === 'other-owner') return this.#freeze(known.name, OTHER_ACCOUNT)
      if (compared === 'other-detail') return unproved(OTHER_DETAIL)
      const quiet = compared === 'other-key' || compared === 'other-kind' ? this.#quiet('key') : undefined
      // What an operator or a second proof froze, and be it in this moment, is not thawed by proving it again.
      if (await store.prove(this.#kept(shown), known.bound, quiet)) return (await store.find(shown.name)) ?? TAKEN
    }
    return TAKEN
  }

  /** A namespace nobody has. */
  async #begin(owner: PrincipalKey, shown: Shown): Promise<{ readonly isKept: boolean } | Stop> {
    const { store } = this.#parts
    const like = lookalikeOf(
      shown.name,
      (await store.list()).map(({ name }) => name),
    )
    if (like !== undefined)
      return { stop: 'lookalike-held', detail: `it looks like \`${like}\``, fix: 'an operator who knows you can register it' }
    return { isKept: await store.register({ ...this.#kept(shown), state: 'active' }, skeletonOf(shown.name), owner) }
  }

  async #freeze(name: string, detail: string): Promise<Stop> {
    await this.#parts.store.setState(name, 'frozen')
    return { stop: 'namespace-taken', detail, fix: 'ask an operator' }
  }

  #kept(shown: Shown) {
    const now = this.#parts.nowSeconds()
    return { ...shown, provedAtSeconds: now, proveAgainAtSeconds: now + PROOF_SECONDS }
  }
  #quiet(why: Quiet['why']): Quiet {
    return { untilSeconds: this.#parts.nowSeconds() + this.#parts.cooldownSeconds(), why }
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

  /** By an operator's decision: it has this owner and nobody else, whatever it was proved by; a proof of the owner binds it anew. */
  async reassign(name: string, owner: PrincipalKey): Promise<Namespace | undefined> {
    const { store, nowSeconds } = this.#parts
    const isDone = await store.reassign(name, { principal: owner, atSeconds: nowSeconds(), quiet: this.#quiet('owner') })
    return isDone ? store.find(name) : undefined
  }

  async setState(name: string, state: Namespace['state']): Promise<Namespace | undefined> {
    const { store } = this.#parts
    return (await store.setState(name, state)) ? store.find(name) : undefined
  }

  /** By an owner. Other owners publish nothing for a while, nor does anybody else. */
  async setMember(
    name: string,
    member: { readonly principal: PrincipalKey; readonly role: MemberRole | undefined },
    by: PrincipalKey,
  ): Promise<Namespace | Stop> {
    const { store, nowSeconds } = this.#parts
    const known = await store.find(name)
    if (!known?.members.some(({ principal, role }) => principal === by && role === 'owner')) return FORBIDDEN
    if (known.state === 'frozen') return FROZEN
    const before = known.members.find(({ principal }) => principal === member.principal)?.role
    const isOwners = before !== member.role && (before === 'owner' || member.role === 'owner')
    const isDone = await store.setMember(name, member, {
      principal: by,
      atSeconds: nowSeconds(),
      ...(isOwners && { quiet: this.#quiet('owner') }),
    })
    if (!isDone) return { stop: 'params-invalid', detail: 'it would be left without an owner, or there is no such member' }
    return (await store.find(name)) ?? FORBIDDEN
  }

  /** Why a principal may not publish in a namespace now; undefined = it may. With a `grant` (of a registry token) that says it, and not who is a member. */
  async whyNotPublisher(name: string, principal: PrincipalKey, grant?: Grant): Promise<Stop | undefined> {
    const known = await this.#parts.store.find(name)
    if (!known) return FORBIDDEN
    const isMeant = grant
      ? known.bound !== undefined && grant.get(known.name.toLowerCase()) === boundDigest(known.bound)
      : known.members.some(member => member.principal === principal)
    return isMeant ? this.#whyNotNow(known) : FORBIDDEN
  }

  async #whyNotNow(known: Namespace): Promise<Stop | undefined> {
    const now = this.#parts.nowSeconds()
    if (known.state === 'frozen') return FROZEN
    const quiet = (await this.noteSigner(known)) ?? known.quiet
    if (quiet && quiet.untilSeconds > now)
      return {
        stop: 'namespace-cooling',
        detail: COOLING[quiet.why],
        fix: 'wait; an operator who did not expect it can freeze the namespace',
        retryAfterSeconds: quiet.untilSeconds - now,
      }
    if (known.proveAgainAtSeconds !== undefined && known.proveAgainAtSeconds <= now)
      return { stop: 'namespace-unproved', detail: 'its proof is older than 30 days', fix: 'gatehouse namespace verify' }
    return undefined
  }

  /** Writes down who signs for it now. Another signer than before: it has to be quiet from this moment on. One that is gone is no other one. */
  async noteSigner(known: Namespace, signers?: ReadonlyMap<string, string>): Promise<Quiet | undefined> {
    const signer = (signers ?? (await this.#parts.signers())).get(known.name.toLowerCase())
    if (signer === undefined || signer === known.signer) return undefined
    const quiet = known.signer === undefined ? undefined : this.#quiet('signer')
    await this.#parts.store.sign(known.name, known.signer, signer, quiet)
    return quiet
  }
}

const whyOtherName = ({ name }: TokenProof, meant: string | undefined): Stop | undefined =>
  meant === undefined || meant.toLowerCase() === name.toLowerCase()
    ? undefined
    : unproved(`the token proves \`${name}\`, not \`${meant.slice(0, 150)}\``)

const COOLING: Readonly<Record<Quiet['why'], string>> = {
  key: 'another key or account proved it, and nothing is published for a while',
  owner: 'its owners changed, and nothing is published for a while',
  signer: 'who signs for it changed, and nothing is published for a while',
}
const OTHER_ACCOUNT = 'the name belongs to another account than the one that proved it first: it was renamed, or taken anew; it is frozen'
const OTHER_DETAIL = 'it is another repository, or whatever else was bound, than at the first proof'
const UNCLAIMED: Stop = {
  stop: 'namespace-forbidden',
  detail: 'nobody has this namespace yet',
  fix: 'somebody with the role publisher proves it first: `gatehouse namespace verify`',
}
const UNBOUND: Stop = {
  stop: 'namespace-forbidden',
  detail: 'its owner has not proved it in this way',
  fix: 'its owner proves it by this key or account: `gatehouse namespace verify`',
}
const FORBIDDEN: Stop = {
  stop: 'namespace-forbidden',
  detail: 'you do not publish in this namespace, or there is none',
  fix: 'claim it, or ask its owner to make you a publisher',
}
const TAKEN: Stop = { stop: 'namespace-taken', detail: 'it, or one that looks like it, has an owner', fix: 'ask an operator' }
const FROZEN: Stop = { stop: 'namespace-frozen', detail: 'nothing is published in it for now', fix: 'ask an operator' }
const unproved = (detail: string): Stop => ({ stop: 'proof-invalid', detail, fix: 'gatehouse namespace verify --oidc' })
