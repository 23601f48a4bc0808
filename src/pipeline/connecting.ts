// Connecting an account, from the link a host was given to the grant in the vault, for one person in one browser (R96, R119).

import type { ConnectQuestion } from '../identity/consent.ts'
import type { Principal, PrincipalKey } from '../kernel/principal.ts'
import type { ConnectionConsents, PendingConnection, PendingConnections } from '../vault/connections.ts'
import { isConnectable } from '../vault/credential-rule.ts'
import {
  isSourceFailure,
  type ConnectOffer,
  type CredentialSource,
  type Issued,
  type SourceFailure,
  type SourceTarget,
} from '../vault/credential-source.ts'
import type { Grant } from '../vault/grant.ts'
import type { Vault } from '../vault/vault.ts'
import { linkDigest, stateDigest, type ConnectLinks } from './connect-links.ts'
import type { OwnCredentials } from './credentials.ts'
import type { EntryCredential, UpstreamEntry } from './entry.ts'

export type ConnectingDeps = {
  readonly vault: Pick<Vault, 'find' | 'open' | 'put' | 'revoke' | 'list'>
  readonly pending: PendingConnections
  readonly consents: ConnectionConsents
  readonly source: CredentialSource
  readonly links: ConnectLinks
  readonly credentials: OwnCredentials
  readonly upstreams: () => ReadonlyMap<string, UpstreamEntry>
  readonly target: (alias: string) => SourceTarget | undefined
  /** whether an upstream exists for this principal */
  readonly isVisible: (principal: Principal, entry: UpstreamEntry) => boolean
  /** 32 random bytes as base64url */
  readonly newSecret: () => string
  /** where authorization servers send browsers back to */
  readonly redirectUri: () => string
  readonly nowSeconds: () => number
}

/** `foreign`: another person's link; `gone`: used, expired, or its server left; a failure: why the authorization server cannot be used */
type ConnectProblem = 'foreign' | 'gone' | SourceFailure
type Connected = { readonly title: string; readonly alias: string }

type Found = {
  readonly pending: PendingConnection
  readonly entry: UpstreamEntry
  readonly own: EntryCredential
  readonly target: SourceTarget
}

/** A state lives this long after consent (R119). */
const STATE_SECONDS = 600
/** What fits a header: visible ASCII and inner spaces. */
const SECRET = /^[\x21-\x7e](?:[\x20-\x7e]{0,4094}[\x21-\x7e])?$/

export class Connecting {
  readonly #deps: ConnectingDeps
  constructor(deps: ConnectingDeps) {
    this.#deps = deps
  }

  async look(principal: Principal, link: string): Promise<ConnectQuestion | ConnectProblem> {
    const found = await this.#find(principal, link)
    return isFound(found) ? this.#question(found) : found
  }

  /** Consent was given: where the browser goes now. `done`: nothing had to be asked of an authorization server. */
  async agree(
    principal: Principal,
    link: string,
    session: string,
  ): Promise<{ readonly url: string } | { readonly done: Connected } | ConnectProblem> {
    const found = await this.#find(principal, link)
    if (!isFound(found)) return found
    const { pending, target } = found
    if (await this.#isMissingConsentAlone(found)) return { done: await this.#consented(found, undefined) }
    if (target.rule.kind !== 'oauth') return 'gone'
    const offer = await this.#deps.source.offer(target, pending.scopes)
    if (isSourceFailure(offer)) return offer
    const state = this.#deps.newSecret()
    const begun = await this.#deps.source.begin(target, offer, state)
    if (isSourceFailure(begun)) return begun
    const expiresAtSeconds = this.#deps.nowSeconds() + STATE_SECONDS
    await this.#deps.pending.start(linkDigest(link), stateDigest(state), { ...pending, session, flow: begun.flow, expiresAtSeconds })
    return { url: begun.url }
  }

  /** The answer of an authorization server. Its state is spent first, whatever comes then; it serves the person and the browser that agreed, once (N041). */
  async finish(principal: Principal, session: string, query: string): Promise<Connected | ConnectProblem> {
    const [state, ...others] = new URLSearchParams(query).getAll('state')
    if (state === undefined || others.length > 0 || state.length > 128) return 'gone'
    const started = await this.#deps.pending.spend(stateDigest(state), this.#deps.nowSeconds())
    if (!started) return 'gone'
    if (started.principal !== principal.key || started.session !== session) return 'foreign'
    const found = this.#entryOf(principal, started)
    if (!found) return 'gone'
    const issued = await this.#deps.source.finish(found.target, started.flow, query)
    return isSourceFailure(issued) ? issued : this.#consented(found, issued)
  }

  /** A secret the person entered; undefined = kept. */
  async putSecret(principal: Principal, alias: string, secret: string, client = ''): Promise<undefined | string> {
    const entry = this.#deps.upstreams().get(alias)
    const own = entry?.credential
    const target = this.#deps.target(alias)
    if (!entry || !own || !target || own.rule.kind !== 'secret' || !this.#deps.isVisible(principal, entry))
      return 'There is no such server that takes a secret of yours.'
    if (!SECRET.test(secret)) return 'Expected 1 to 4096 characters without spaces at the ends, line breaks or special characters.'
    const issuer = target.url === '' ? own.account : new URL(target.url).origin
    const terms = {
      principal: principal.key,
      upstream: own.account,
      issuer,
      resource: own.rule.resource,
      scopes: [],
      kind: 'secret' as const,
    }
    await this.#replace(principal.key, { alias, own }, () => this.#deps.vault.put(terms, { secret }), client)
    return undefined
  }

  /** Upstreams with an account, and those that want one. */
  async list(principal: Principal): Promise<{
    readonly grants: readonly { grant: Grant; entry: UpstreamEntry | undefined }[]
    readonly missing: readonly UpstreamEntry[]
  }> {
    const grants = await this.#deps.vault.list(principal.key)
    const entries = [...this.#deps.upstreams().values()].filter(
      e => e.credential && isConnectable(e.credential.rule) && this.#deps.isVisible(principal, e),
    )
    const has = new Set(grants.map(({ upstream }) => upstream))
    return {
      grants: grants.map(grant => ({ grant, entry: entries.find(e => e.credential?.account === grant.upstream) })),
      missing: entries.filter(e => !has.has(e.credential?.account ?? '')),
    }
  }

  /** False = this principal has no such grant. Ends it here first, then tells its issuer, which may not listen. */
  async revoke(principal: PrincipalKey, id: string): Promise<boolean> {
    const { vault, source, consents } = this.#deps
    const grant = (await vault.list(principal)).find(each => each.id === id)
    if (!grant) return false
    const opened = await vault.open(grant).catch(() => undefined)
    if (!(await vault.revoke(principal, id))) return false
    await consents.forget(principal, grant.upstream)
    const entry = [...this.#deps.upstreams().values()].find(e => e.credential?.account === grant.upstream)
    if (!entry) return true
    this.#deps.credentials.changed({ principal, alias: entry.alias, account: grant.upstream }, id)
    const target = this.#deps.target(entry.alias)
    if (target && opened && 'accessToken' in opened.secret) {
      const { accessToken, refreshToken } = opened.secret
      void source
        .revoke(target, grant, { accessToken, tokenType: 'Bearer', ...(refreshToken !== undefined && { refreshToken }) })
        .catch(() => {})
    }
    return true
  }

  /** An application was revoked: should it come back, it has to be allowed each account anew (R119). */
  async forgetClient(principal: PrincipalKey, client: string): Promise<void> {
    await this.#deps.consents.forgetClient(principal, client)
    for (const { alias, credential } of this.#deps.upstreams().values())
      if (credential && isConnectable(credential.rule)) this.#deps.credentials.changed({ principal, alias, account: credential.account })
  }

  async #find(principal: Principal, link: string): Promise<Found | 'foreign' | 'gone'> {
    if (!/^[\w-]{43}$/.test(link)) return 'gone'
    const pending = await this.#deps.pending.find(linkDigest(link), this.#deps.nowSeconds())
    if (!pending) return 'gone'
    // N053: a link that somebody else was given says nothing and does nothing.
    if (pending.principal !== principal.key) return 'foreign'
    return this.#entryOf(principal, pending) ?? 'gone'
  }

  #entryOf(principal: Principal, pending: PendingConnection): Found | undefined {
    const entry = this.#deps.upstreams().get(pending.alias)
    const own = entry?.credential
    const target = this.#deps.target(pending.alias)
    if (!entry || !own || !target || own.account !== pending.account || !this.#deps.isVisible(principal, entry)) return undefined
    return { pending, entry, own, target }
  }

  async #question(found: Found): Promise<ConnectQuestion | SourceFailure> {
    const { pending, own, target } = found
    const server = target.url === '' ? pending.alias : new URL(target.url).host
    const common = { title: own.title, alias: pending.alias, server, client: pending.client }
    const grant = await this.#isMissingConsentAlone(found)
    if (grant) return { ...common, kind: 'consent', scopes: grant.scopes }
    if (target.rule.kind === 'secret') return { ...common, kind: 'secret' }
    const offer: ConnectOffer | SourceFailure = await this.#deps.source.offer(target, pending.scopes)
    if (isSourceFailure(offer)) return offer
    return { ...common, kind: 'sign-in', issuer: offer.issuer, scopes: offer.scopes ?? [], redirect: this.#deps.redirectUri() }
  }

  /** The grant, where there is one that does all this link is for, and only this application has no consent. */
  async #isMissingConsentAlone({ pending, own }: Found): Promise<Grant | undefined> {
    const { principal, account, client, scopes } = pending
    const grant = await this.#deps.vault.find(principal, account)
    if (grant?.kind !== own.rule.kind || !scopes.every(scope => grant.scopes.includes(scope))) return undefined
    const clients = await this.#deps.consents.list(principal, account)
    return clients.includes(client) ? undefined : grant
  }

  async #consented({ pending, own }: Found, issued: Issued | undefined): Promise<Connected> {
    const { principal, alias, account, client } = pending
    const keep =
      issued &&
      (() => {
        const { issuer, resource, scopes, secret, expiresAtSeconds } = issued
        const terms = { principal, upstream: account, issuer, resource, scopes, kind: 'oauth' as const }
        return this.#deps.vault.put({ ...terms, ...(expiresAtSeconds !== undefined && { expiresAtSeconds }) }, secret)
      })
    await this.#replace(principal, { alias, own }, keep, client)
    return { title: own.title, alias }
  }

  /** Consent first: a crash in between leaves a consent without a grant, never a grant that nobody may use. */
  async #replace(
    principal: PrincipalKey,
    { alias, own }: { readonly alias: string; readonly own: EntryCredential },
    keep: (() => Promise<Grant>) | undefined,
    client: string,
  ): Promise<void> {
    const { account } = own
    const { vault, consents, links, credentials, pending } = this.#deps
    const old = keep && (await vault.find(principal, account))
    await consents.give(principal, account, client, this.#deps.nowSeconds())
    await keep?.()
    links.used({ principal, account })
    await pending.close(principal, account)
    credentials.changed({ principal, alias, account }, old?.id)
  }
}

const isFound = (value: Found | 'foreign' | 'gone'): value is Found => typeof value === 'object'
