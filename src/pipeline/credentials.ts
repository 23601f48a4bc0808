// The vault, the authorization servers and the links of people, joined: which credential serves a call, and when a person has to act.

import type { CallerCredential } from '../bridge/upstream.ts'
import { digestOf } from '../kernel/digest.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import type { Principal, PrincipalKey } from '../kernel/principal.ts'
import type { ConnectionConsents } from '../vault/connections.ts'
import { isConnectable } from '../vault/credential-rule.ts'
import { isSourceFailure, type CredentialSource, type Issued, type SubjectToken } from '../vault/credential-source.ts'
import type { Grant } from '../vault/grant.ts'
import type { Vault } from '../vault/vault.ts'
import type { ConnectLinks } from './connect-links.ts'
import { CredentialRenewal, NOT_CONNECTED, unavailable, type RenewalDeps } from './credential-renewal.ts'
import type { ConnectLink, CredentialAsker, Credentials } from './deps.ts'
import type { EntryCredential, UpstreamEntry } from './entry.ts'
import { keyOf, LiveCredentials, type Live } from './live-credentials.ts'
import { OwnCredential } from './own-credential.ts'

export type CredentialsDeps = RenewalDeps & {
  readonly vault: Pick<Vault, 'find'>
  readonly source: CredentialSource
  readonly consents: ConnectionConsents
  readonly links: ConnectLinks
  /** what proves to an authorization server who asks, for exchanges; a stop says why nothing does. Must not reject */
  readonly subject: (who: CredentialAsker, entry: UpstreamEntry) => SubjectToken | undefined | Promise<SubjectToken | Stop>
}

/** Renewed when it would end within this time: a call and its retries should find it valid. */
const EARLY_SECONDS = 30
/** Life of what an issuer gave without saying how long it lives, and the longest of what is minted without a grant. */
const UNSAID_SECONDS = 300
const LONGEST_MINTED_SECONDS = 3600
/** when something ended that nobody may go on with */
const ENDED = 0

const noConsent = (client: string): Stop => ({
  stop: 'connection-required',
  detail: `you have not let ${client === '' ? 'this application' : `\`${client.slice(0, 200)}\``} use your account yet`,
})

export class OwnCredentials implements Credentials {
  readonly #deps: CredentialsDeps
  readonly #live = new LiveCredentials()
  readonly #renewal: CredentialRenewal
  readonly #loading = new Map<string, Promise<Live | Stop>>()
  /** counts sign-ins that ended */
  #endings = 0

  constructor(deps: CredentialsDeps) {
    this.#deps = deps
    this.#renewal = new CredentialRenewal(deps, this.#live)
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
      for (;;) {
        const joined = this.#loading.get(key)
        const live = await (joined ?? this.#start(key, who, entry, own))
        if (isStop(live)) return live
        // Minted from another sign-in of theirs, which ended meanwhile: this one proves for itself.
        if (joined && !live.grant && live.expiresAtSeconds === ENDED) continue
        return usable(live, who.principal)
      }
    } catch (cause) {
      this.#deps.fault('a credential could not be read', cause)
      return { stop: 'credential-unavailable', detail: 'the vault cannot be read' }
    }
  }

  #start(key: string, who: CredentialAsker, entry: UpstreamEntry, own: EntryCredential): Promise<Live | Stop> {
    const loading = this.#load(who, entry, own).finally(() => this.#loading.delete(key))
    this.#loading.set(key, loading)
    return loading
  }

  async #load(who: CredentialAsker, entry: UpstreamEntry, own: EntryCredential): Promise<Live | Stop> {
    const key = keyOf(who.principal.key, own.account)
    const known = this.#live.get(key)
    if (known?.own.rule === own.rule && known.grant) return (await this.#renewal.renew(known, false)) ?? known
    const live = isConnectable(own.rule) ? await this.#stored(key, who.principal, entry, own) : await this.#minted(key, who, entry, own)
    if (!isStop(live)) this.#live.keep(live)
    return live
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
    const stop = this.#renewal.stopOf(grant)
    if (stop) return stop
    const live: Live = {
      key,
      own,
      alias: entry.alias,
      grant,
      refreshToken: 'refreshToken' in secret ? secret.refreshToken : undefined,
      credential: new OwnCredential(grant.id, rule, secret, refusal => this.#renewal.refused(live, refusal)),
      expiresAtSeconds: grant.expiresAtSeconds ?? Infinity,
      clients: new Set(await consents.list(principal.key, account)),
      family: undefined,
    }
    if (this.#seconds() < live.expiresAtSeconds - EARLY_SECONDS) return live
    return (await this.#renewal.renew(live, false)) ?? live
  }

  /** Kinds without a grant: asked for anew whenever the last one has ended; kept in memory alone. */
  async #minted(key: string, who: CredentialAsker, entry: UpstreamEntry, own: EntryCredential): Promise<Live | Stop> {
    const target = this.#deps.target(entry.alias)
    if (!target) return { stop: 'upstream-unavailable', detail: `\`${entry.alias}\` is not configured` }
    const { rule } = own
    if (rule.kind === 'client-credentials' && who.principal.subject !== who.principal.client)
      return { stop: 'credential-unavailable', detail: `\`${entry.alias}\` serves workloads only: its credential is not a person’s` }
    const subject = rule.kind === 'client-credentials' ? undefined : await this.#deps.subject(who, entry)
    if (subject && isStop(subject)) return subject
    const endings = this.#endings
    const issued = await this.#deps.source.obtain(target, subject)
    if (isSourceFailure(issued)) return unavailable(issued)
    const known = this.#live.get(key)
    // A sign-in that ended while it was under way may be the one it was minted from: whoever comes next proves anew.
    const expiresAtSeconds = endings === this.#endings ? this.#mintedUntil(issued) : ENDED
    if (known && !known.grant && known.own.rule === rule) {
      known.credential.replace(issued.secret)
      known.expiresAtSeconds = expiresAtSeconds
      known.family = who.principal.family
      return known
    }
    const live: Live = {
      key,
      own,
      alias: entry.alias,
      grant: undefined,
      refreshToken: undefined,
      credential: new OwnCredential(mintedId(key), rule, issued.secret, refusal => this.#renewal.refused(live, refusal)),
      expiresAtSeconds,
      clients: undefined,
      family: who.principal.family,
    }
    return live
  }

  #mintedUntil(issued: Issued): number {
    const now = this.#seconds()
    return Math.min(issued.expiresAtSeconds ?? now + UNSAID_SECONDS, now + LONGEST_MINTED_SECONDS)
  }

  connect({ principal }: CredentialAsker, entry: UpstreamEntry): Promise<ConnectLink | Stop> {
    const own = entry.credential
    if (!own || !isConnectable(own.rule))
      return Promise.resolve({ stop: 'credential-unavailable', detail: 'this credential is not a person’s to connect' })
    const { alias } = entry
    const scopes = this.#renewal.wanted(keyOf(principal.key, own.account))
    return this.#deps.links.open({ principal: principal.key, alias, account: own.account, client: principal.client ?? '', scopes })
  }

  onChange(principal: PrincipalKey, entry: UpstreamEntry, listener: () => void): () => void {
    return this.#live.onChange(principal, entry, listener)
  }

  /** A grant came or went, or an application got consent: what is known is read again. `ended`: the credential that no longer serves. */
  changed(
    { principal, alias, account }: { readonly principal: PrincipalKey; readonly alias: string; readonly account: string },
    ended?: string,
  ): void {
    const key = keyOf(principal, account)
    this.#live.drop(key)
    if (ended !== undefined) this.#deps.release(alias, ended)
    this.#live.tell(key)
  }

  /** A sign-in is over: what was minted from it is not used any more, and who goes on has to prove anew who they are. */
  endedFamily(family: string): void {
    this.#endings++
    this.#live.expireWhere(live => live.family === family)
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
