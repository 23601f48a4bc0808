// A person's own ID token for the exchange that an upstream's credential starts with, where their access token is this gateway's own (enterprise-managed
// authorization, R118): of the sign-in that very token rests on, of nobody else's, and only for the provider that issued it.

import type { LoginSettings } from '../config/schema.ts'
import type { SignIns, SignInStore } from '../identity/sign-in.ts'
import type { Stop } from '../kernel/errors.ts'
import { keyOf, type Principal } from '../kernel/principal.ts'
import type { UpstreamEntry } from '../pipeline/entry.ts'
import type { CredentialRule } from '../vault/credential-rule.ts'
import type { SubjectToken } from '../vault/credential-source.ts'

export type ProofParts = {
  readonly login: Pick<LoginSettings, 'issuer' | 'subjectClaim'>
  readonly store: Pick<SignInStore, 'ofFamily'>
  readonly signIns: Pick<SignIns, 'prove'>
  /** seconds since the epoch */
  readonly now: () => number
  /** written down before the token leaves; rejects where it cannot be */
  readonly record: (principal: Principal, name: string, detail: string) => Promise<void>
  readonly onTrouble: (what: string, cause: unknown) => void
}

/** Never rejects. */
export type PersonProof = (principal: Principal, entry: UpstreamEntry) => Promise<SubjectToken | Stop>

export const createPersonProof =
  (parts: ProofParts): PersonProof =>
  async (principal, entry) => {
    const rule = entry.credential?.rule
    if (!rule || exchangerOf(rule) !== parts.login.issuer) return foreign(entry.alias, rule)
    const idToken = await idTokenOf(parts, principal)
    if (typeof idToken !== 'string') return idToken
    try {
      await parts.record(principal, entry.alias, detailOf(rule))
    } catch (cause) {
      parts.onTrouble('an identity assertion could not be recorded, and was not asked for', cause)
      return { stop: 'audit-unavailable' }
    }
    // Names of joined claims stand for what `sub` does not say: such providers call people otherwise towards each client (docs/identity-providers.md).
    const isPublic = parts.login.subjectClaim === 'sub'
    return { type: 'id_token', token: idToken, issuer: parts.login.issuer, ...(isPublic && { subject: principal.subject }) }
  }

/** The person's own ID token, for what the gateway itself reads in it; it goes nowhere. Never rejects. */
export type LoginToken = (principal: Principal) => Promise<string | Stop>

export const createLoginToken =
  (parts: Pick<ProofParts, 'login' | 'store' | 'signIns' | 'now' | 'onTrouble'>): LoginToken =>
  principal =>
    idTokenOf(parts, principal)

/** Who takes a token of the person, and gives another one for it. */
const exchangerOf = ({ kind, issuer, identityProvider }: CredentialRule): string | undefined =>
  kind === 'identity-assertion' ? identityProvider?.issuer : issuer

const detailOf = ({ kind, issuer, identityProvider, resource }: CredentialRule): string =>
  kind === 'identity-assertion'
    ? `at ${identityProvider?.issuer}; for ${issuer}; resource ${resource}`
    : `at ${issuer}; resource ${resource}`

async function idTokenOf(
  { login, store, signIns, now, onTrouble }: Omit<ProofParts, 'record'>,
  principal: Principal,
): Promise<string | Stop> {
  const { issuer } = login
  try {
    const id = await store.ofFamily(principal.family ?? '', now())
    const proven = id === undefined ? 'ended' : await signIns.prove(id)
    if (proven === 'ended') return { stop: 'credential-unavailable', detail: `your sign-in at ${issuer} has ended`, fix: SIGN_IN_AGAIN }
    if (proven === 'unavailable')
      return { stop: 'credential-unavailable', detail: `${issuer} cannot confirm your sign-in now`, retryAfterSeconds: 5 }
    if (proven === 'none')
      return {
        stop: 'credential-unavailable',
        detail: `${issuer} gives no ID token when a sign-in is confirmed`,
        fix: 'let it give the gateway a refresh token (`offline_access` in `identity.login.scopes`) and an ID token with each refresh; then sign in again',
      }
    // INVARIANT: whatever the store handed out, nobody's exchange starts from somebody else's sign-in (N052).
    if (keyOf(proven.signIn.issuer, proven.signIn.subject) === principal.key) return proven.idToken
    onTrouble('a token rests on the sign-in of somebody else', undefined)
    return { stop: 'credential-unavailable', detail: 'the sign-in behind your token is not yours', fix: SIGN_IN_AGAIN }
  } catch (cause) {
    onTrouble('a sign-in could not be read', cause)
    return { stop: 'credential-unavailable', detail: 'the store of sign-ins cannot be read or written', retryAfterSeconds: 5 }
  }
}

const SIGN_IN_AGAIN = 'sign in again from your application'

/** Tokens of this gateway are good at its own endpoints: sent anywhere else they would prove nothing, and could be used there against the gateway. */
const foreign = (alias: string, rule: CredentialRule | undefined): Stop => ({
  stop: 'credential-unavailable',
  detail: `you signed in at this gateway, and who issues credentials for \`${alias}\` is not the identity provider you did it at`,
  fix:
    rule?.kind === 'token-exchange'
      ? 'use `kind: identity-assertion`, or let hosts bring tokens of an issuer that its authorization server knows'
      : 'name the provider of `identity.login` in `credential.identityProvider`',
})
