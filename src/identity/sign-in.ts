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
  /** the sign-in that a family of the authorization server's records rests on, if any of them still counts */
  ofFamily(family: string, nowSeconds: number): Promise<string | undefined>
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
export type Renewal = { readonly identity: Identity; readonly refreshToken?: string; readonly idToken?: IdToken } | 'ended' | 'unavailable'

/** What the provider signed about somebody, for its client that this gateway is. A secret: it goes back to that provider and nowhere else. */
type IdToken = { readonly token: string; readonly expiresAtSeconds: number }

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
  /**
   * The person's ID token as the provider gives it now: asked for when it is needed, in memory for `recheckSeconds` at most, and gone with the sign-in. It is
   * never kept in the store. `none`: the provider gives none when it is asked again (no refresh token, or no ID token with one).
   */
  prove(id: string): Promise<Proven | 'ended' | 'unavailable' | 'none'>
  /** forgets ID tokens that are old */
  sweep(): void
  end(which: SignInFilter): Promise<void>
}

type Proven = { readonly signIn: SignIn; readonly idToken: string }
type Asked = { readonly signIn: SignIn; readonly idToken?: IdToken } | 'ended' | 'unavailable'
type Held = { readonly proven: Proven | 'none'; readonly untilSeconds: number }

/** People whose ID token is held ready; who is forgotten costs another question. */
const MAX_HELD = 1000
/** An ID token that ends sooner is not held: the exchange it is for may take as long. */
const LEAST_SECONDS = 30

/** A refresh token of the provider serves once at providers that rotate; hence one question at a time for each sign-in. */
export function createSignIns(deps: SignInDeps): SignIns {
  const { store, recheckSeconds = 60 } = deps
  const running = new Map<string, Promise<Asked>>()
  const held = new Map<string, Held>()

  async function end(which: SignInFilter): Promise<void> {
    const families = await store.end(which)
    held.clear()
    await deps.onEnd(families)
  }

  /** `isProof`: an ID token is wanted, so the provider is asked however lately it was. */
  function start(id: string, isProof: boolean): Promise<Asked> {
    const asked = ask(id, isProof).finally(() => running.delete(id))
    running.set(id, asked)
    return asked
  }

  async function ask(id: string, isProof: boolean): Promise<Asked> {
    const found = await store.find(id, deps.now())
    if (!found) return 'ended'
    const { signIn, refreshToken } = found
    if (!isProof && deps.now() - signIn.checkedAtSeconds < recheckSeconds) return { signIn }
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
    const { idToken } = said
    if (!isProof) return { signIn: renewed, ...(idToken && { idToken }) }
    // It may have been ended meanwhile: then nothing is proved by it any more.
    if (!(await store.find(id, deps.now()))) return 'ended'
    hold(renewed, idToken)
    return { signIn: renewed, ...(idToken && { idToken }) }
  }

  function hold(signIn: SignIn, idToken: IdToken | undefined): void {
    const proven = idToken ? { signIn, idToken: idToken.token } : ('none' as const)
    const longest = deps.now() + recheckSeconds
    held.delete(signIn.id)
    held.set(signIn.id, { proven, untilSeconds: idToken ? Math.min(longest, idToken.expiresAtSeconds - LEAST_SECONDS) : longest })
    for (const oldest of held.keys()) {
      if (held.size <= MAX_HELD) break
      held.delete(oldest)
    }
  }

  return {
    async open(signIn, refreshToken) {
      if (await store.add(signIn, refreshToken)) await deps.onRegrouped(principalOf(signIn))
    },
    async current(id) {
      const asked = await (running.get(id) ?? start(id, false))
      return typeof asked === 'string' ? asked : asked.signIn
    },
    async prove(id) {
      for (;;) {
        const known = held.get(id)
        if (known && deps.now() < known.untilSeconds) return known.proven
        const flying = running.get(id)
        const asked = await (flying ?? start(id, true))
        if (typeof asked === 'string') return asked
        if (asked.idToken) return { signIn: asked.signIn, idToken: asked.idToken.token }
        // A question that was under way may have been about something else.
        if (!flying) return 'none'
      }
    },
    end,
    sweep() {
      for (const [id, { untilSeconds }] of held) if (untilSeconds <= deps.now()) held.delete(id)
    },
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
  authentication: { kind: 'browser-session' },
  groups: signIn.groups,
  scopes: [],
  wildcards: [],
  expiresAtSeconds: signIn.endsAtSeconds,
})
