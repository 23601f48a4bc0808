// People as the identity provider names them, for as long as it does: sign-ins, the browser sessions that rest on them, and asking again.

import { keyOf, type Principal } from '../kernel/principal.ts'

/** A person as the identity provider names them. */
export type Identity = {
  readonly issuer: string
  /** value of the configured subject claim */
  readonly subject: string
  readonly groups: readonly string[]
  /** what pages call them; decides nothing */
  readonly name: string
  /** the provider's own session (`sid`), where it names one: back-channel logout ends it */
  readonly idpSession?: string
}

/** One sign-in. Browser sessions and token families rest on it: none outlives it. */
export type SignIn = Identity & {
  /** 128 random bits, base64url; no secret */
  readonly id: string
  readonly startedAtSeconds: number
  /** when the provider last confirmed it */
  readonly checkedAtSeconds: number
  /** it ends then, whatever the provider says */
  readonly endsAtSeconds: number
}

/** What a sign-in is found by, to end it. `unnamedOf`: also those of this subject that know no session of the provider. */
export type SignInFilter =
  | { readonly id: string }
  | { readonly issuer: string; readonly subject: string }
  | { readonly issuer: string; readonly idpSession: string; readonly unnamedOf?: string }

/**
 * Where sign-ins are kept. Every write is durable when it resolves and atomic; calls may run at once. Faults of the store reject. Expired sign-ins are
 * never returned. The provider's refresh token is kept sealed: who reads the store without its key has nothing.
 */
export interface SignInStore {
  /** True = other sign-ins of this person had other groups; they have these from now on: what the provider said last, it said of the person */
  add(signIn: SignIn, refreshToken: string | undefined): Promise<boolean>
  find(id: string, nowSeconds: number): Promise<{ readonly signIn: SignIn; readonly refreshToken: string | undefined } | undefined>
  /** replaces what the provider may change: groups (of all sign-ins of this person), name, refresh token, time of the check */
  renew(signIn: SignIn, refreshToken: string | undefined): Promise<void>
  /** takes sign-ins away with their browser sessions, codes and refresh tokens; the families of tokens that ended */
  end(which: SignInFilter): Promise<readonly string[]>
}

/** Sessions of browsers, found by the digest of what the cookie holds. Same promises as SignInStore. */
export interface BrowserSessionStore {
  open(digest: string, session: BrowserSession): Promise<void>
  find(digest: string, nowSeconds: number): Promise<BrowserSession | undefined>
  close(digest: string): Promise<void>
}

export type BrowserSession = { readonly signInId: string; readonly endsAtSeconds: number }

/** What the identity provider says of a sign-in now. `ended`: the account or the session is gone. `unavailable`: it cannot be asked. */
export type Renewal = { readonly identity: Identity; readonly refreshToken?: string } | 'ended' | 'unavailable'

/** The identity provider, as far as a running sign-in needs it. Must not reject. */
export interface IdentityProvider {
  /** without a refresh token, most providers cannot be asked: then the identity as it was */
  renew(identity: Identity, refreshToken: string | undefined): Promise<Renewal>
}

export type SignInDeps = {
  readonly store: SignInStore
  readonly provider: IdentityProvider
  /** seconds since the epoch */
  readonly now: () => number
  /** the provider is asked again when its last word is older; default 60 */
  readonly recheckSeconds?: number
  /** token families that ended with a sign-in */
  readonly onEnd: (families: readonly string[]) => Promise<void>
  /** the provider names other groups than before: what the person's tokens issued until now have opened ends, durably, before the new ones count */
  readonly onRegrouped: (principal: Principal) => Promise<void>
}

export type SignIns = {
  /** Keeps a new sign-in. Where it shows other groups than those before, what the person's tokens until now have opened ends. */
  open(signIn: SignIn, refreshToken: string | undefined): Promise<void>
  /** The sign-in as the provider sees it now, asked again where its last word is old. Callers for the same one share one question. */
  current(id: string): Promise<SignIn | 'ended' | 'unavailable'>
  end(which: SignInFilter): Promise<void>
}

/** A refresh token of the provider serves once at providers that rotate; hence one question at a time for each sign-in. */
export function createSignIns(deps: SignInDeps): SignIns {
  const { store, recheckSeconds = 60 } = deps
  const running = new Map<string, Promise<SignIn | 'ended' | 'unavailable'>>()

  async function end(which: SignInFilter): Promise<void> {
    await deps.onEnd(await store.end(which))
  }

  async function ask(id: string): Promise<SignIn | 'ended' | 'unavailable'> {
    const found = await store.find(id, deps.now())
    if (!found) return 'ended'
    const { signIn, refreshToken } = found
    if (deps.now() - signIn.checkedAtSeconds < recheckSeconds) return signIn
    const said = await deps.provider.renew(signIn, refreshToken)
    if (said === 'unavailable') return said
    if (said === 'ended' || said.identity.issuer !== signIn.issuer || said.identity.subject !== signIn.subject) {
      await end({ id })
      return 'ended'
    }
    const { groups, name } = said.identity
    const renewed = { ...signIn, groups, name, checkedAtSeconds: deps.now() }
    if (!isSameSet(groups, signIn.groups)) await deps.onRegrouped(principalOf(renewed))
    // On disk after a crash before this: the old refresh token. Where the provider rotates, the next question then ends the sign-in: fail closed.
    await store.renew(renewed, said.refreshToken ?? refreshToken)
    return renewed
  }

  return {
    async open(signIn, refreshToken) {
      if (await store.add(signIn, refreshToken)) await deps.onRegrouped(principalOf(signIn))
    },
    current(id) {
      let asked = running.get(id)
      if (!asked) running.set(id, (asked = ask(id).finally(() => running.delete(id))))
      return asked
    },
    end,
  }
}

/** Lists without repetition, in any order. */
export const isSameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every(group => b.includes(group))

/** The same principal that a token of the identity provider itself names. */
export const principalOf = (signIn: SignIn): Principal => ({
  key: keyOf(signIn.issuer, signIn.subject),
  issuer: signIn.issuer,
  subject: signIn.subject,
  kind: 'person',
  groups: signIn.groups,
  scopes: [],
  wildcards: [],
  expiresAtSeconds: signIn.endsAtSeconds,
})
