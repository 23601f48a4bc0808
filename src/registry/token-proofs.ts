// Proofs by a token of a configured issuer: brought by a claimant, by somebody without an account here, or got by the gateway itself from where somebody signed in.

import { isStop, type Stop } from '../kernel/errors.ts'
import type { Principal, PrincipalKey } from '../kernel/principal.ts'
import type { Binding } from './binding.ts'
import type { Challenge, ProofKind, ProofTokens, SpentProofs, TokenProof } from './namespace.ts'

/** A token that proves a name. `namespace`: the one that is meant; `nonce`: of a challenge, where the token answers one. */
export type TokenClaim = { readonly method: 'oidc'; readonly token: string; readonly namespace?: string; readonly nonce?: string }
/** The ID token of the claimant's own sign-in, which the gateway got by itself. */
export type LoginClaim = { readonly method: 'login'; readonly token: string; readonly namespace?: string }
/** What a proof showed, before anybody asked whose the name is. */
export type Shown = { readonly name: string; readonly proof: Exclude<ProofKind, 'operator'>; readonly bound: Binding }

export type TokenProofParts = {
  readonly tokens: ProofTokens
  readonly spent: SpentProofs
  readonly nowSeconds: () => number
  /** the challenge of this principal, which is spent by asking for it */
  readonly spendChallenge: (nonce: string, principal: PrincipalKey) => Promise<Challenge | Stop>
}

export class TokenProofs {
  readonly #parts: TokenProofParts
  constructor(parts: TokenProofParts) {
    this.#parts = parts
  }

  async claimed(principal: PrincipalKey, { token, namespace, nonce }: TokenClaim): Promise<Shown | Stop> {
    const read = await this.#read(token)
    if (isStop(read)) return read
    const other = whyOtherName(read, namespace)
    if (other) return other
    // A token that answers a challenge answers one of this principal's, here; one that answers somebody else's was made for another purpose.
    if (nonce !== read.nonce) return unproved('the token does not answer this challenge')
    if (nonce !== undefined) {
      const challenge = await this.#parts.spendChallenge(nonce, principal)
      if (isStop(challenge)) return challenge
      if (challenge.namespace.toLowerCase() !== read.name.toLowerCase()) return unproved('the challenge is for another namespace')
    }
    return (await this.#spend(read)) ?? shownOf(read)
  }

  /** Nothing is spent and no nonce asked for: nobody else ever had this token. */
  async signedIn({ token, namespace }: LoginClaim): Promise<Shown | Stop> {
    const read = await this.#read(token, true)
    if (isStop(read)) return read
    return whyOtherName(read, namespace) ?? shownOf(read)
  }

  /** Of somebody who has no other account here. */
  async brought(token: string): Promise<(Pick<Principal, 'issuer' | 'subject'> & { readonly shown: Shown }) | Stop> {
    const read = await this.#read(token)
    if (isStop(read)) return read
    if (read.nonce !== undefined) return unproved('the token answers a challenge, and there is none')
    return (await this.#spend(read)) ?? { issuer: read.issuer, subject: read.subject, shown: shownOf(read) }
  }

  #read(token: string, isLogin?: boolean): Promise<TokenProof | Stop> {
    return this.#parts.tokens.read(token, this.#parts.nowSeconds(), isLogin)
  }
  async #spend({ id, expiresAtSeconds }: TokenProof): Promise<Stop | undefined> {
    const { spent, nowSeconds } = this.#parts
    return (await spent.spend(id, expiresAtSeconds, nowSeconds())) ? undefined : unproved('the token was used before')
  }
}

const shownOf = ({ name, bound }: TokenProof): Shown => ({ name, proof: 'oidc', bound })
const whyOtherName = ({ name }: TokenProof, meant: string | undefined): Stop | undefined =>
  meant === undefined || meant.toLowerCase() === name.toLowerCase()
    ? undefined
    : unproved(`the token proves \`${name}\`, not \`${meant.slice(0, 150)}\``)
const unproved = (detail: string): Stop => ({ stop: 'proof-invalid', detail, fix: 'ask its issuer for another token, for this registry' })
