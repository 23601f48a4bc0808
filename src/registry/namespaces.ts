// Who owns a namespace: claimed by a proof, kept by whoever proved it first, frozen when somebody else can, and silent for a while when what it rests on changes.

import { isStop, type Stop } from '../kernel/errors.ts'
import { keyOf, type Principal, type PrincipalKey } from '../kernel/principal.ts'
import { compareBindings } from './binding.ts'
import { DomainProofs, whyNotProvable } from './domain-proofs.ts'
import type { ClaimProof, DomainProof, DomainProofParts, OfficialProof, OpenedChallenge } from './domain-proofs.ts'
import { skeletonOf } from '../kernel/look-alikes.ts'
import { isNamespace, lookalikeOf } from './names.ts'
import { boundDigest, type Grant } from './registry-token.ts'
import type { MemberRole, Namespace, NamespaceStore, NamespaceWatch, ProofTokens, Quiet } from './namespace.ts'
import { cooling, FORBIDDEN, FROZEN, frozenBy, looksLike, OTHER_DETAIL, TAKEN, UNBOUND, UNCLAIMED, UNPROVED } from './namespace-stops.ts'
import { TokenProofs, type LoginClaim, type Shown, type TokenClaim } from './token-proofs.ts'

export type NamespaceParts = DomainProofParts & {
  readonly store: NamespaceStore & Pick<NamespaceWatch, 'sign'>
  readonly tokens: ProofTokens
  /** digests of the policies that say who signs, by namespace in lower case; empty where there are none, or they cannot be read now. Never rejects. */
  readonly signers: () => Promise<ReadonlyMap<string, string>>
  /** how long nothing is published after key, owner or signer changed */
  readonly cooldownSeconds: () => number
}

/** A proof counts this long; a domain may be lost meanwhile. */
export const PROOF_SECONDS = 30 * 86_400
/** Of changes at the same time. */
const MAX_TRIES = 3

export class Namespaces {
  readonly #parts: NamespaceParts
  readonly #domains: DomainProofs
  readonly #byToken: TokenProofs
  constructor(parts: NamespaceParts) {
    this.#parts = parts
    this.#domains = new DomainProofs(parts)
    this.#byToken = new TokenProofs({ ...parts, spendChallenge: (nonce, principal) => this.#domains.spend(nonce, principal) })
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
    if (proof.method === 'login') return this.#byToken.signedIn(proof)
    return proof.method === 'oidc' ? this.#byToken.claimed(principal, proof) : this.#domains.answered(principal, proof)
  }

  /** A token of somebody who has no other account here. */
  shownByToken(token: string): ReturnType<TokenProofs['brought']> {
    return this.#byToken.brought(token)
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
      if (compared === 'other-owner') return this.#freeze(known.name, 'account')
      if (compared === 'other-key') return this.#freeze(known.name, 'key')
      if (compared === 'other-detail') return OTHER_DETAIL
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
      if (!known.members.some(member => member.principal === principal && member.role === 'owner')) return this.#freeze(known.name, 'owner')
      const compared = compareBindings(known.bound, shown.bound)
      if (compared === 'other-owner') return this.#freeze(known.name, 'account')
      if (compared === 'other-detail') return OTHER_DETAIL
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
    if (like !== undefined) return looksLike(like)
    return { isKept: await store.register({ ...this.#kept(shown), state: 'active' }, skeletonOf(shown.name), owner) }
  }

  async #freeze(name: string, by: Parameters<typeof frozenBy>[0]): Promise<Stop> {
    await this.#parts.store.setState(name, 'frozen')
    return frozenBy(by)
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
    const quiet = laterOf(known.quiet, await this.noteSigner(known))
    if (quiet && quiet.untilSeconds > now) return cooling(quiet, now)
    if (known.proveAgainAtSeconds !== undefined && known.proveAgainAtSeconds <= now) return UNPROVED
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

/** A change that needs less silence than one before ends it no sooner. */
const laterOf = (a: Quiet | undefined, b: Quiet | undefined): Quiet | undefined =>
  (a?.untilSeconds ?? 0) >= (b?.untilSeconds ?? 0) ? a : b
