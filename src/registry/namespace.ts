// What is known of a namespace, and the ports it is kept, proved and looked at by.

import type { Stop } from '../kernel/errors.ts'
import type { PrincipalKey } from '../kernel/principal.ts'
import type { Binding } from './binding.ts'

/** What proved it: a key in DNS or over https, a token of a configured issuer, a GitHub access token, nothing (evaluation), or this gateway's operator. */
export type ProofKind = 'dns' | 'https' | 'oidc' | 'github' | 'none' | 'operator'
export type MemberRole = 'owner' | 'publisher'
/** Until when nothing is published, since the key that proves it, its owners, or who signs for it changed. */
export type Quiet = { readonly untilSeconds: number; readonly why: 'key' | 'owner' | 'signer' }
/** What the gateway found at the domain when it looked by itself. */
export type Look = { readonly atSeconds: number; readonly found: 'same' | 'other-key' | 'absent' | 'unreadable' }

/** Times are seconds since the epoch. */
export type Namespace = {
  readonly name: string
  readonly state: 'active' | 'frozen'
  readonly proof: ProofKind
  /** the key or account behind the proof; absent for an operator's word, and for proofs of before there were any */
  readonly bound?: Binding
  readonly provedAtSeconds: number
  /** nothing is published after it; absent for an operator's word */
  readonly proveAgainAtSeconds?: number
  readonly quiet?: Quiet
  readonly look?: Look
  /** digest of the policy that says who signs for it, as last seen */
  readonly signer?: string
  readonly members: readonly { readonly principal: PrincipalKey; readonly role: MemberRole }[]
}
export type Challenge = {
  readonly nonce: string
  readonly namespace: string
  readonly principal: PrincipalKey
  readonly issuedAtSeconds: number
}

/** A proof as it is kept. */
export type KeptProof = Pick<Namespace, 'name' | 'proof' | 'bound' | 'provedAtSeconds' | 'proveAgainAtSeconds'>

/**
 * Namespaces and their members, compared without case. Durability: what resolved survives a crash. Concurrency: of any number of registrations of one name, or
 * of names with one skeleton, exactly one succeeds. Errors: a rejection means that the change may or may not have happened.
 */
export interface NamespaceStore {
  find(name: string): Promise<Namespace | undefined>
  /** with its owner; `skeleton`: taken by another one = false */
  register(namespace: KeptProof & Pick<Namespace, 'state'>, skeleton: string, owner: PrincipalKey): Promise<boolean>
  /**
   * The proof of one there is, whatever its state is or becomes meanwhile; false = there is none, or it does not rest on `before` any more. A look that was
   * before it is forgotten. `quiet` never ends an earlier one sooner.
   */
  prove(proved: KeptProof, before: Binding | undefined, quiet?: Quiet): Promise<boolean>
  /** the state alone; false = there is none, or it is in it already */
  setState(name: string, state: Namespace['state']): Promise<boolean>
  /** `undefined` as role: no member any more. An owner who is the last one stays, and `by` is an owner of it while it is active, at this moment: else false */
  setMember(name: string, member: { readonly principal: PrincipalKey; readonly role: MemberRole | undefined }, by: By): Promise<boolean>
  /** the one owner and only member, by an operator's word; active, and bound to nothing; false = there is no such namespace */
  reassign(name: string, to: By): Promise<boolean>
  list(): Promise<readonly Namespace[]>
}
/** Who changes members, when, and how quiet it has to be afterwards. */
type By = { readonly principal: PrincipalKey; readonly atSeconds: number; readonly quiet?: Quiet }

/** What changes without anybody asking: what a look found, who signs. Durability, errors: as NamespaceStore. */
export interface NamespaceWatch {
  /** proved by a domain, with a key that is known, whose proof ends until then and that nobody looked at since; the soonest first, at most `most` */
  due(endsUntilSeconds: number, lookedUntilSeconds: number, most: number): Promise<readonly Namespace[]>
  /** `proveAgainAtSeconds`: prolongs a proof that still rests on `bound`; false = it does not any more, and nothing changed */
  looked(name: string, bound: Binding, look: Look & { readonly proveAgainAtSeconds?: number; readonly quiet?: Quiet }): Promise<boolean>
  /** another signer than `before`, at the same moment quiet; false = somebody else was first */
  sign(name: string, before: string | undefined, signer: string, quiet?: Quiet): Promise<boolean>
}

/** Challenges are spent once, whoever spends them at the same time. */
export interface ChallengeStore {
  /** forgets expired ones, and all but the newest `most` of this principal */
  open(challenge: Challenge, expiresAtSeconds: number, most: number): Promise<void>
  spend(nonce: string, nowSeconds: number): Promise<Challenge | undefined>
}
/** Tokens and signatures that were used. Of any number of callers with one id exactly one gets true; survives a crash. */
export interface SpentProofs {
  /** `id`: 64 hexadecimal digits. Forgets expired ones. */
  spend(id: string, expiresAtSeconds: number, nowSeconds: number): Promise<boolean>
}
/** Key records that a domain publishes, one text each; bounded in number and size. Rejects with a Fault where they cannot be asked for. */
export interface DomainKeys {
  /** an empty list: it can be asked, and publishes none */
  read(domain: string, method: 'dns' | 'https'): Promise<readonly string[]>
}
/** What a token of a configured issuer proves: a name, and the account behind it, whose numbers stay when the name changes hands. */
export type TokenProof = {
  readonly issuer: string
  readonly subject: string
  readonly name: string
  readonly bound: Binding
  readonly nonce?: string
  /** SHA-256 of the token, hexadecimal */
  readonly id: string
  readonly expiresAtSeconds: number
}
export interface ProofTokens {
  /**
   * Judges issuer, signature, audience, time and claims. A Stop says why it proves nothing; never rejects. `isLogin`: of a sign-in at this gateway, which got it by
   * itself: then it is for the gateway as a client.
   */
  read(token: string, nowSeconds: number, isLogin?: boolean): Promise<TokenProof | Stop>
}
