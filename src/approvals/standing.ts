// Standing grants: "this tool, for me, for eight hours". Explicit, narrow, listed, revocable; with another definition, server, account or rule it is another grant.

import type { Stop } from '../kernel/errors.ts'
import type { PrincipalKey } from '../kernel/principal.ts'
import { termsDigest, termsOf, type Approval, type Binding, type StandingGrant } from './approval.ts'
import type { ApprovalNews } from './news.ts'
import type { GrantStore } from './store.ts'

export type StandingParts = {
  readonly store: GrantStore
  readonly news: ApprovalNews
  readonly nowSeconds: () => number
  readonly newId: () => string
  /** whoever was blocked since has given nothing */
  readonly isBlocked: (key: PrincipalKey) => boolean
  /** durable when it resolves */
  readonly record: (what: string, detail: Readonly<Record<string, unknown>>) => Promise<void>
}

const PER_PRINCIPAL = 100
const MAX_LISTED = 500

export class StandingGrants {
  readonly #parts: StandingParts
  constructor(parts: StandingParts) {
    this.#parts = parts
  }

  /** What everybody who approved wanted to give besides: for as long as the one who wanted least. On record before it counts. */
  async giveWith({ id, binding, votes }: Approval): Promise<StandingGrant | undefined> {
    const { store, nowSeconds, newId, record, news } = this.#parts
    const wanted = votes.map(({ standingSeconds }) => standingSeconds ?? 0)
    const seconds = Math.min(...wanted)
    // One exact question of a server is never everything that it may ask.
    if (seconds <= 0 || binding.kind !== 'call') return undefined
    const terms = termsOf(binding)
    const givenSeconds = nowSeconds()
    const grant: StandingGrant = {
      id: newId(),
      terms,
      digest: termsDigest(terms),
      approval: id,
      votes,
      givenSeconds,
      expiresSeconds: givenSeconds + seconds,
      uses: 0,
    }
    await record('grant-given', told(grant))
    if (!(await store.give(grant, PER_PRINCIPAL))) {
      await record('grant-not-given', { ...told(grant), why: 'full' })
      return undefined
    }
    news.tell({ type: 'grant', grant, what: 'given' })
    return grant
  }

  async find(binding: Binding): Promise<StandingGrant | undefined> {
    const found = await this.#parts.store.find(termsDigest(termsOf(binding)), this.#parts.nowSeconds())
    return found && this.#isHeld(found) ? found : undefined
  }
  #isHeld({ votes }: Pick<StandingGrant, 'votes'>): boolean {
    return !votes.some(({ by }) => this.#parts.isBlocked(by))
  }

  /** Right before the call leaves: whether it still holds. */
  async use(grant: Pick<StandingGrant, 'id' | 'votes'>): Promise<Stop | undefined> {
    const isHeld = this.#isHeld(grant) && (await this.#parts.store.use(grant.id, this.#parts.nowSeconds()))
    return isHeld ? undefined : { stop: 'approval-spent', detail: 'the standing grant ended', fix: 'make the call again' }
  }

  async list(principal: PrincipalKey | undefined): Promise<readonly StandingGrant[]> {
    const found = await this.#parts.store.list(principal, this.#parts.nowSeconds(), MAX_LISTED + 1)
    return found.filter(grant => this.#isHeld(grant))
  }

  /** `principal`: of this one alone; undefined = of anybody. */
  async revoke(id: string, by: PrincipalKey, principal: PrincipalKey | undefined): Promise<StandingGrant | undefined> {
    const grant = await this.#parts.store.revoke(id, principal)
    if (!grant) return undefined
    await this.#parts.record('grant-revoked', { ...told(grant), by })
    this.#parts.news.tell({ type: 'grant', grant, what: 'revoked' })
    return grant
  }
}

const told = ({ id, terms, approval, votes, expiresSeconds }: StandingGrant): Readonly<Record<string, unknown>> => ({
  grant: id,
  approval,
  of: terms.principal,
  client: terms.client,
  server: terms.server,
  method: terms.method,
  name: terms.name.slice(0, 512),
  givenBy: votes.map(({ by }) => by),
  until: new Date(expiresSeconds * 1000).toISOString(),
})
