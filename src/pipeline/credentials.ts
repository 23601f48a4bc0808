// The vault, the authorization servers and the links of people, joined: which credential serves a call, when it is renewed, when a person has to act.

import type { CallerCredential, CredentialRefusal } from '../bridge/upstream.ts'
import { digestOf } from '../kernel/digest.ts'
import { Fault, isStop, type Stop } from '../kernel/errors.ts'
import type { Principal, PrincipalKey } from '../kernel/principal.ts'
import type { ConnectionConsents } from '../vault/connections.ts'
import { isConnectable } from '../vault/credential-rule.ts'
import {
  isSourceFailure,
  type CredentialSource,
  type Issued,
  type SourceFailure,
  type SourceTarget,
  type SubjectToken,
} from '../vault/credential-source.ts'
import type { Grant } from '../vault/grant.ts'
import type { Opened, Refreshed, Vault } from '../vault/vault.ts'
import type { ConnectLinks } from './connect-links.ts'
import type { ConnectLink, CredentialAsker, Credentials } from './deps.ts'
import type { EntryCredential, UpstreamEntry } from './entry.ts'
import { OwnCredential } from './own-credential.ts'
import { StepUp } from './step-up.ts'

export type CredentialsDeps = {
  readonly vault: Pick<Vault, 'find' | 'open' | 'refresh'>
  readonly source: CredentialSource
  readonly consents: ConnectionConsents
  readonly links: ConnectLinks
  /** where this upstream is and how it is asked; undefined = gone from the configuration */
  readonly target: (alias: string) => SourceTarget | undefined
  /** what proves to an authorization server who asks, for exchanges */
  readonly subject: (who: CredentialAsker, entry: UpstreamEntry) => SubjectToken | undefined | Promise<SubjectToken | undefined>
  /** everything that was opened with this credential ends */
  readonly release: (alias: string, credentialId: string) => void
  /** wall clock, milliseconds */
  readonly now: () => number
  readonly fault: (what: string, cause: unknown) => void
}

/** Credentials held ready; the vault has all. */
const MAX_LIVE = 10_000
/** Renewed when it would end within this time: a call and its retries should find it valid. */
const EARLY_SECONDS = 30
/** Life of what an issuer gave without saying how long it lives, and the longest of what is minted without a grant. */
const UNSAID_SECONDS = 300
const LONGEST_MINTED_SECONDS = 3600
/** A credential that was refused and cannot be renewed is not tried again for this long. */
const REFUSED_MS = 60_000

type Live = {
  readonly key: string
  readonly own: EntryCredential
  readonly alias: string
  readonly credential: OwnCredential
  /** absent for what is minted without a grant */
  grant: Grant | undefined
  refreshToken: string | undefined
  /** seconds since the epoch; Infinity = it does not say */
  expiresAtSeconds: number
  /** applications that may use it; undefined = no consent is kept for this kind */
  readonly clients: Set<string> | undefined
  renewing: Promise<Stop | undefined> | undefined
}

const keyOf = (principal: PrincipalKey, account: string): string => `${principal}\n${account}`

const NOT_CONNECTED: Stop = { stop: 'connection-required' }
const REFUSED_BY_SERVER: Stop = { stop: 'connection-required', detail: 'the server no longer accepts the connected account' }
const noConsent = (client: string): Stop => ({
  stop: 'connection-required',
  detail: `you have not let ${client === '' ? 'this application' : `\`${client.slice(0, 200)}\``} use your account yet`,
})

export class OwnCredentials implements Credentials {
  readonly #deps: CredentialsDeps
  readonly #live = new Map<string, Live>()
  readonly #loading = new Map<string, Promise<Live | Stop>>()
  readonly #refusedUntil = new Map<string, number>()
  readonly #listeners = new Map<string, Set<() => void>>()
  readonly #stepUp = new StepUp()

  constructor(deps: CredentialsDeps) {
    this.#deps = deps
  }

  of(who: CredentialAsker, entry: UpstreamEntry): CallerCredential | Stop | undefined | Promise<CallerCredential | Stop> {
    const own = entry.credential
    if (!own) return undefined
    const live = this.#live.get(keyOf(who.principal.key, own.account))
    // The very rule it was made by: a reload that changed how it is sent, or whence it comes, starts afresh.
    if (live?.own.rule === own.rule && this.#seconds() < live.expiresAtSeconds - EARLY_SECONDS) return usable(live, who.principal)
    return this.#find(who, entry, own)
  }

  async #find(who: CredentialAsker, entry: UpstreamEntry, own: EntryCredential): Promise<CallerCredential | Stop> {
    const key = keyOf(who.principal.key, own.account)
    try {
      let loading = this.#loading.get(key)
      if (!loading) {
        loading = this.#load(who, entry, own).finally(() => this.#loading.delete(key))
        this.#loading.set(key, loading)
      }
      const live = await loading
      return isStop(live) ? live : usable(live, who.principal)
    } catch (cause) {
      this.#deps.fault('a credential could not be read', cause)
      return { stop: 'credential-unavailable', detail: 'the vault cannot be read' }
    }
  }

  async #load(who: CredentialAsker, entry: UpstreamEntry, own: EntryCredential): Promise<Live | Stop> {
    const key = keyOf(who.principal.key, own.account)
    const known = this.#live.get(key)
    if (known?.own.rule === own.rule) {
      const stop = known.grant ? await this.#renew(known, false) : undefined
      if (known.grant) return stop ?? known
    }
    const live = isConnectable(own.rule) ? await this.#stored(key, who.principal, entry, own) : await this.#minted(key, who, entry, own)
    if (!isStop(live)) this.#keep(live)
    return live
  }

  #keep(live: Live): void {
    this.#live.delete(live.key)
    this.#live.set(live.key, live)
    for (const oldest of this.#live.keys()) {
      if (this.#live.size <= MAX_LIVE) break
      this.#live.delete(oldest)
    }
  }

  async #stored(key: string, principal: Principal, entry: UpstreamEntry, own: EntryCredential): Promise<Live | Stop> {
    const { vault, consents } = this.#deps
    const { rule, account } = own
    const found = await vault.find(
      principal.key,
      account,
      rule.kind === 'oauth' && rule.issuer !== undefined ? { issuer: rule.issuer } : {},
    )
    const opened = found && (await vault.open(found))
    if (!opened || !belongs(opened.grant, principal.key, own)) return NOT_CONNECTED
    const { grant, secret } = opened
    if ((this.#refusedUntil.get(grant.id) ?? 0) > this.#deps.now()) return REFUSED_BY_SERVER
    const live: Live = {
      key,
      own,
      alias: entry.alias,
      grant,
      refreshToken: 'refreshToken' in secret ? secret.refreshToken : undefined,
      credential: new OwnCredential(grant.id, rule, secret, refusal => this.#refused(live, refusal)),
      expiresAtSeconds: grant.expiresAtSeconds ?? Infinity,
      clients: new Set(await consents.list(principal.key, account)),
      renewing: undefined,
    }
    if (this.#seconds() < live.expiresAtSeconds - EARLY_SECONDS) return live
    return (await this.#renew(live, false)) ?? live
  }

  /** Kinds without a grant: asked for anew whenever the last one has ended; kept in memory alone. */
  async #minted(key: string, who: CredentialAsker, entry: UpstreamEntry, own: EntryCredential): Promise<Live | Stop> {
    const target = this.#deps.target(entry.alias)
    if (!target) return { stop: 'upstream-unavailable', detail: `\`${entry.alias}\` is not configured` }
    const { rule } = own
    if (rule.kind === 'client-credentials' && who.principal.subject !== who.principal.client)
      return { stop: 'credential-unavailable', detail: `\`${entry.alias}\` serves workloads only: its credential is not a person’s` }
    const subject = await this.#deps.subject(who, entry)
    const issued = await this.#deps.source.obtain(target, subject)
    if (isSourceFailure(issued)) return unavailable(issued)
    const known = this.#live.get(key)
    const expiresAtSeconds = this.#mintedUntil(issued)
    if (known && !known.grant && known.own.rule === rule) {
      known.credential.replace(issued.secret)
      known.expiresAtSeconds = expiresAtSeconds
      return known
    }
    const live: Live = {
      key,
      own,
      alias: entry.alias,
      grant: undefined,
      refreshToken: undefined,
      credential: new OwnCredential(mintedId(key), rule, issued.secret, refusal => this.#refused(live, refusal)),
      expiresAtSeconds,
      clients: undefined,
      renewing: undefined,
    }
    return live
  }

  #mintedUntil(issued: Issued): number {
    const now = this.#seconds()
    return Math.min(issued.expiresAtSeconds ?? now + UNSAID_SECONDS, now + LONGEST_MINTED_SECONDS)
  }

  /** Never rejects: a connection waits for the answer. */
  async #refused(live: Live, refusal: CredentialRefusal): Promise<Stop | undefined> {
    try {
      // Somebody renewed it while the refused request was under way.
      if (refusal.status === 401 && refusal.sent !== live.credential.headers()) return undefined
      return refusal.status === 403 ? this.#forbidden(live, refusal) : await this.#unauthorized(live, refusal)
    } catch (cause) {
      this.#deps.fault('a refused credential could not be renewed', cause)
      return { stop: 'credential-unavailable', detail: 'the vault cannot be read or written' }
    }
  }

  async #unauthorized(live: Live, { isAgain }: CredentialRefusal): Promise<Stop | undefined> {
    const { grant } = live
    if (!grant) {
      // The next call asks for another one.
      live.expiresAtSeconds = 0
      return { stop: 'credential-unavailable', detail: 'the server refused a credential that was just issued', retryAfterSeconds: 1 }
    }
    const stop = isAgain || live.refreshToken === undefined ? REFUSED_BY_SERVER : await this.#renew(live, true)
    if (stop?.stop === 'connection-required') this.#giveUp(live, grant)
    return stop
  }

  #giveUp(live: Live, grant: Grant): void {
    if (this.#live.get(live.key) === live) this.#live.delete(live.key)
    if (this.#refusedUntil.size >= MAX_LIVE) this.#refusedUntil.clear()
    this.#refusedUntil.set(grant.id, this.#deps.now() + REFUSED_MS)
    this.#deps.release(live.alias, live.credential.id)
  }

  /** R116. Anything else than a lack of scopes is the account's own limit. */
  #forbidden(live: Live, { challenge }: CredentialRefusal): Stop {
    const refused: Stop = { stop: 'credential-refused', detail: `\`${live.alias}\` answered 403` }
    if (challenge.error !== 'insufficient_scope' || !challenge.scopes) return refused
    const names = challenge.scopes.map(scope => `\`${scope}\``).join(' ')
    if (!live.grant || live.own.rule.kind !== 'oauth')
      return { ...refused, detail: `it wants the scopes ${names}`, fix: 'add them to `credential.scopes`' }
    const wanted = this.#stepUp.want(live.key, live.grant, challenge.scopes)
    if (!wanted) return { ...refused, detail: `it wants the scopes ${names}, and asking for them has not helped` }
    return { stop: 'connection-required', detail: `it wants more rights: ${names}` }
  }

  /** One renewal for all who ask at the same time. `isNeeded`: what there is was refused; otherwise it serves until its end. */
  #renew(live: Live, isNeeded: boolean): Promise<Stop | undefined> {
    live.renewing ??= this.#renewNow(live).finally(() => (live.renewing = undefined))
    return live.renewing.then(stop => {
      if (stop?.stop === 'credential-unavailable' && !isNeeded && this.#seconds() < live.expiresAtSeconds) return undefined
      return stop
    })
  }

  async #renewNow(live: Live): Promise<Stop | undefined> {
    const { vault, source } = this.#deps
    const { grant, refreshToken } = live
    const target = this.#deps.target(live.alias)
    if (!grant || refreshToken === undefined || !target) return this.#seconds() < live.expiresAtSeconds ? undefined : NOT_CONNECTED
    let failure: SourceFailure | undefined
    try {
      const fresh = await vault.refresh(grant, async ({ grant: newest, secret }) => {
        const issued = await source.refresh(target, newest, 'refreshToken' in secret ? (secret.refreshToken ?? refreshToken) : refreshToken)
        if (!isSourceFailure(issued)) return refreshedFrom(issued)
        // RFC 6749 section 5.2: it is over; keeping it would only be a danger.
        if (issued.failed === 'refused') return 'refused'
        failure = issued
        throw new Fault('refresh-unavailable', issued.detail)
      })
      const opened = fresh && (await vault.open(fresh))
      if (opened) {
        this.#take(live, opened)
        return
      }
    } catch (cause) {
      if (failure) return unavailable(failure)
      // another caller of this process asked; its own answer says why
      if (cause instanceof Fault && cause.code === 'refresh-unavailable')
        return unavailable({ failed: 'unavailable', detail: cause.message })
      throw cause
    }
    this.#drop(live)
    return NOT_CONNECTED
  }

  #take(live: Live, { grant, secret }: Opened): undefined {
    live.grant = grant
    live.refreshToken = 'refreshToken' in secret ? secret.refreshToken : undefined
    live.expiresAtSeconds = grant.expiresAtSeconds ?? Infinity
    live.credential.replace(secret)
  }

  connect({ principal }: CredentialAsker, entry: UpstreamEntry): Promise<ConnectLink | Stop> {
    const own = entry.credential
    if (!own || !isConnectable(own.rule))
      return Promise.resolve({ stop: 'credential-unavailable', detail: 'this credential is not a person’s to connect' })
    const { alias } = entry
    const scopes = this.#stepUp.wanted(keyOf(principal.key, own.account))
    return this.#deps.links.open({ principal: principal.key, alias, account: own.account, client: principal.client ?? '', scopes })
  }

  onChange(principal: PrincipalKey, entry: UpstreamEntry, listener: () => void): () => void {
    const key = keyOf(principal, entry.credential?.account ?? '')
    const listeners = this.#listeners.get(key) ?? new Set()
    this.#listeners.set(key, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#listeners.delete(key)
    }
  }

  /** A grant came or went, or an application got consent: what is known is read again. `ended`: the credential that no longer serves. */
  changed(
    { principal, alias, account }: { readonly principal: PrincipalKey; readonly alias: string; readonly account: string },
    ended?: string,
  ): void {
    const key = keyOf(principal, account)
    this.#live.delete(key)
    if (ended !== undefined) this.#deps.release(alias, ended)
    for (const listener of [...(this.#listeners.get(key) ?? [])]) listener()
  }

  #drop(live: Live): void {
    if (this.#live.get(live.key) === live) this.#live.delete(live.key)
    this.#deps.release(live.alias, live.credential.id)
    for (const listener of [...(this.#listeners.get(live.key) ?? [])]) listener()
  }

  #seconds(): number {
    return Math.floor(this.#deps.now() / 1000)
  }
}

const usable = (live: Live, { client = '' }: Principal): CallerCredential | Stop =>
  live.clients?.has(client) === false ? noConsent(client) : live.credential

/** INVARIANT: a grant serves only whom and what it was made for, whatever the store hands out. */
const belongs = (grant: Grant, principal: PrincipalKey, { rule, account }: EntryCredential): boolean =>
  grant.principal === principal && grant.upstream === account && grant.kind === rule.kind

/** Names the holder, not the token: the same one after each exchange, so that connections go on. */
const mintedId = (key: string): string => `minted-${digestOf(key)}`

const refreshedFrom = ({ scopes, expiresAtSeconds, secret }: Issued): Refreshed => ({
  scopes,
  secret,
  ...(expiresAtSeconds !== undefined && { expiresAtSeconds }),
})

const unavailable = ({ failed, detail }: SourceFailure): Stop => ({
  stop: 'credential-unavailable',
  detail,
  ...(failed === 'unavailable' && { retryAfterSeconds: 5 }),
})
