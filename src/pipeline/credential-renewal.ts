// What becomes of a credential that ends or that its server refuses: renewed, asked for with more rights, or given up (R109, R116).

import type { CredentialRefusal } from '../bridge/upstream.ts'
import { Fault, type Stop } from '../kernel/errors.ts'
import { isSourceFailure, type CredentialSource, type Issued, type SourceFailure, type SourceTarget } from '../vault/credential-source.ts'
import type { Grant } from '../vault/grant.ts'
import type { Opened, Refreshed, Vault } from '../vault/vault.ts'
import { MAX_LIVE, type Live, type LiveCredentials } from './live-credentials.ts'
import { StepUp } from './step-up.ts'

export type RenewalDeps = {
  readonly vault: Pick<Vault, 'open' | 'refresh'>
  readonly source: Pick<CredentialSource, 'refresh'>
  /** where this upstream is and how it is asked; undefined = gone from the configuration */
  readonly target: (alias: string) => SourceTarget | undefined
  /** everything that was opened with this credential ends */
  readonly release: (alias: string, credentialId: string) => void
  /** wall clock, milliseconds */
  readonly now: () => number
  readonly fault: (what: string, cause: unknown) => void
}

/** A credential that was refused and cannot be renewed is not tried again for this long. */
const REFUSED_MS = 60_000

export const NOT_CONNECTED: Stop = { stop: 'connection-required' }
const REFUSED_BY_SERVER: Stop = { stop: 'connection-required', detail: 'the server no longer accepts the connected account' }

export class CredentialRenewal {
  readonly #deps: RenewalDeps
  readonly #live: LiveCredentials
  readonly #running = new WeakMap<Live, Promise<Stop | undefined>>()
  readonly #refusedUntil = new Map<string, number>()
  readonly #stepUp = new StepUp()

  constructor(deps: RenewalDeps, live: LiveCredentials) {
    this.#deps = deps
    this.#live = live
  }

  /** Why a grant may not be used for the time being. */
  stopOf(grant: Grant): Stop | undefined {
    return (this.#refusedUntil.get(grant.id) ?? 0) > this.#deps.now() ? REFUSED_BY_SERVER : undefined
  }

  /** What its server wanted besides, to be asked for when the person connects again. */
  wanted(key: string): readonly string[] {
    return this.#stepUp.wanted(key)
  }

  /** Never rejects: a connection waits for the answer. */
  async refused(live: Live, refusal: CredentialRefusal): Promise<Stop | undefined> {
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
    const stop = isAgain || live.refreshToken === undefined ? REFUSED_BY_SERVER : await this.renew(live, true)
    if (stop?.stop === 'connection-required') this.#giveUp(live, grant)
    return stop
  }

  #giveUp(live: Live, grant: Grant): void {
    this.#live.forget(live)
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
  async renew(live: Live, isNeeded: boolean): Promise<Stop | undefined> {
    let running = this.#running.get(live)
    if (!running) this.#running.set(live, (running = this.#renewNow(live).finally(() => this.#running.delete(live))))
    const stop = await running
    return stop?.stop === 'credential-unavailable' && !isNeeded && this.#seconds() < live.expiresAtSeconds ? undefined : stop
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
        take(live, opened)
        return undefined
      }
    } catch (cause) {
      if (failure) return unavailable(failure)
      // another caller of this process asked; its own answer says why
      if (cause instanceof Fault && cause.code === 'refresh-unavailable')
        return unavailable({ failed: 'unavailable', detail: cause.message })
      throw cause
    }
    this.#live.forget(live)
    this.#deps.release(live.alias, live.credential.id)
    this.#live.tell(live.key)
    return NOT_CONNECTED
  }

  #seconds(): number {
    return Math.floor(this.#deps.now() / 1000)
  }
}

function take(live: Live, { grant, secret }: Opened): void {
  live.grant = grant
  live.refreshToken = 'refreshToken' in secret ? secret.refreshToken : undefined
  live.expiresAtSeconds = grant.expiresAtSeconds ?? Infinity
  live.credential.replace(secret)
}

const refreshedFrom = ({ scopes, expiresAtSeconds, secret }: Issued): Refreshed => ({
  scopes,
  secret,
  ...(expiresAtSeconds !== undefined && { expiresAtSeconds }),
})

export const unavailable = ({ failed, detail }: SourceFailure): Stop => ({
  stop: 'credential-unavailable',
  detail,
  ...(failed === 'unavailable' && { retryAfterSeconds: 5 }),
})
