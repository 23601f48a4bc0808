// Asking people, taking their word, and using it once. Every change is a compare-and-swap in the store: of any number at once, one gets its way.

import type { Stop } from '../kernel/errors.ts'
import type { PrincipalKey } from '../kernel/principal.ts'
import {
  bindingDigest,
  isEnough,
  mayDecideAs,
  type Approval,
  type Binding,
  type Decider,
  type Demand,
  type StandingGrant,
  type Vote,
} from './approval.ts'
import type { ApprovalNews } from './news.ts'
import type { StandingGrants } from './standing.ts'
import type { ApprovalStore, QueueLimits } from './store.ts'

export type ApprovalsParts = {
  readonly store: ApprovalStore
  readonly standing: StandingGrants
  readonly news: ApprovalNews
  /** seconds since the epoch */
  readonly nowSeconds: () => number
  /** unguessable */
  readonly newId: () => string
  readonly limits: () => QueueLimits
  /** whoever was blocked since gets nothing approved, and what they said counts no more */
  readonly isBlocked: (key: PrincipalKey) => boolean
  /** whether what would run can be shown whole: what people do not see they cannot approve */
  readonly isShown: (approval: Approval) => Promise<boolean>
  /** durable when it resolves */
  readonly record: (what: string, detail: Readonly<Record<string, unknown>>) => Promise<void>
}

export type Wish = {
  readonly binding: Binding
  readonly demands: readonly Demand[]
  /** people who have to say yes */
  readonly quorum: number
  /** what people are shown, as text for the store; made only where it is new */
  readonly body: () => string
}

export type DecidedBy = { readonly approval: Approval; readonly isYours: boolean; readonly grant?: StandingGrant }

/** Tries when others change the same one at the same time. */
const TRIES = 8
/** Rejected ones are the answer to the same call for so long at least. */
const MIN_REJECTED_SECONDS = 60
const MAX_ENDED = 500

const UNKNOWN: Stop = { stop: 'approval-unknown', detail: 'nothing of this id waits for you', fix: 'list the approvals' }
const UNSHOWN: Stop = {
  stop: 'approval-unshown',
  detail: 'what would run cannot be shown any more',
  fix: 'reject it, or let it end; the same call is asked for anew then',
}
const SPENT: Stop = { stop: 'approval-spent', detail: 'it was used, or is no longer what was approved', fix: 'make the call again' }

export class Approvals {
  readonly #parts: ApprovalsParts
  constructor(parts: ApprovalsParts) {
    this.#parts = parts
  }

  /** The live one of this binding, opened where there is none: pending, approved or rejected. On record before it can be decided. */
  async ask({ binding, demands, quorum, body }: Wish): Promise<Approval | Stop> {
    const { store, nowSeconds, newId, limits, record } = this.#parts
    const digest = bindingDigest(binding)
    const found = await this.#live(digest)
    if (found) return found
    const openedSeconds = nowSeconds()
    const approval: Approval = {
      id: newId(),
      binding,
      digest,
      state: 'pending',
      version: 1,
      quorum: Math.max(1, quorum),
      demands,
      votes: [],
      openedSeconds,
      expiresSeconds: openedSeconds + ttlOf(demands),
    }
    await record('approval-asked', told(approval))
    const opened = await store.open(approval, body(), limits())
    // What is on record and did not come to be is on record as that.
    if (opened !== 'opened') await record('approval-not-opened', { ...told(approval), why: opened })
    switch (opened) {
      case 'opened':
        this.#parts.news.tell({ type: 'approval', approval })
        return approval
      case 'exists':
        return (await this.#live(digest)) ?? SPENT
      case 'full':
        return {
          stop: 'approval-limit',
          detail: 'too many requests wait for people',
          fix: 'have some of them decided, or wait until they end',
        }
    }
  }

  /** Undefined: nothing is live. One that somebody approved who is blocked by now ends: it has to be asked for anew. */
  async #live(digest: string): Promise<Approval | undefined> {
    const { store, nowSeconds } = this.#parts
    const found = await store.find({ digest, nowSeconds: nowSeconds() })
    if (found?.state !== 'approved' || !this.#isVoid(found)) return found
    const { id, version, votes, expiresSeconds } = found
    const ended = await store.change(id, version, { state: 'expired', votes, expiresSeconds })
    if (ended) await this.#changed('approval-expired', ended, { why: 'an approver is blocked' })
    return undefined
  }
  #isVoid({ votes }: Pick<Approval, 'votes'>): boolean {
    return votes.some(({ by }) => this.#parts.isBlocked(by))
  }

  /** One person's yes to what they saw; what they said before counts once. */
  async approve(
    id: string,
    who: Decider,
    { digest, standingSeconds }: { readonly digest: string; readonly standingSeconds?: number },
  ): Promise<DecidedBy | Stop> {
    const { store, nowSeconds, isBlocked, isShown } = this.#parts
    for (let tries = 0; tries < TRIES; tries++) {
      const now = nowSeconds()
      const found = await store.find({ id })
      const as = found ? mayDecideAs(found, who, now) : []
      if (!found || (as.length === 0 && who.key !== found.binding.principal)) return UNKNOWN
      if (as.length === 0)
        return {
          stop: 'approver-is-proposer',
          detail: 'somebody else has to approve what you asked for, and never the client that asked',
          fix: 'ask one of its approvers; where a rule says `self`, decide it in the console',
        }
      if (found.digest !== digest)
        return { stop: 'params-invalid', detail: 'what was shown is not what waits under this id', fix: 'show it again' }
      // A double click, or somebody who had said so already.
      if (found.votes.some(({ by }) => by === who.key)) return { approval: found, isYours: false }
      if (found.state !== 'pending' || found.expiresSeconds <= now) return decided(found)
      if (isBlocked(found.binding.principal)) return { stop: 'approval-decided', detail: 'whoever asked for it is blocked' }
      if ((standingSeconds ?? 0) > (standingOf(found.demands) ?? 0))
        return { stop: 'params-invalid', detail: 'the rules permit no standing grant of this length' }
      if (!(await isShown(found))) return UNSHOWN
      const done = await this.#vote(found, { by: who.key, as, atSeconds: now, ...(standingSeconds !== undefined && { standingSeconds }) })
      if (done) return done
    }
    return decided()
  }

  /** Undefined: somebody changed it meanwhile. */
  async #vote(found: Approval, vote: Vote): Promise<DecidedBy | undefined> {
    const votes = [...found.votes.filter(({ by }) => !this.#parts.isBlocked(by)), vote]
    const isDone = isEnough(found, votes, vote.atSeconds)
    const approval = await this.#parts.store.change(found.id, found.version, {
      state: isDone ? 'approved' : 'pending',
      votes,
      expiresSeconds: isDone ? vote.atSeconds + ttlOf(found.demands) : found.expiresSeconds,
    })
    if (!approval) return undefined
    try {
      await this.#changed(isDone ? 'approval-approved' : 'approval-voted', approval, { by: vote.by, as: vote.as })
    } catch (cause) {
      // What is on no record lets nothing through: it has to be asked for anew.
      const { id, version, expiresSeconds } = approval
      await this.#parts.store.change(id, version, { state: 'expired', votes, expiresSeconds }).catch(() => undefined)
      throw cause
    }
    const grant = isDone ? await this.#parts.standing.giveWith(approval) : undefined
    return { approval, isYours: true, ...(grant && { grant }) }
  }

  /** Also for whoever asked, who thereby takes it back. `why` is told to the model. */
  async reject(id: string, who: Decider, why: string): Promise<DecidedBy | Stop> {
    const { store, nowSeconds } = this.#parts
    for (let tries = 0; tries < TRIES; tries++) {
      const now = nowSeconds()
      const found = await store.find({ id })
      if (!found || (mayDecideAs(found, who, now).length === 0 && who.key !== found.binding.principal)) return UNKNOWN
      if (found.rejected?.by === who.key) return { approval: found, isYours: false }
      // What nobody used yet can still be stopped.
      if ((found.state !== 'pending' && found.state !== 'approved') || found.expiresSeconds <= now) return decided(found)
      const approval = await store.change(found.id, found.version, {
        state: 'rejected',
        votes: found.votes,
        expiresSeconds: now + Math.max(MIN_REJECTED_SECONDS, ttlOf(found.demands)),
        rejected: { by: who.key, atSeconds: now, why },
      })
      if (!approval) continue
      await this.#changed('approval-rejected', approval, { by: who.key })
      return { approval, isYours: true }
    }
    return decided()
  }

  /** The one that people approved for exactly this, and nothing used. */
  async given(binding: Binding): Promise<Approval | undefined> {
    const found = await this.#live(bindingDigest(binding))
    return found?.state === 'approved' ? found : undefined
  }

  /**
   * Uses an approved one for a logical call, once: durable before anything leaves, so that a crash after it runs nothing twice. A Stop: somebody was faster, or it
   * holds no more.
   */
  async spend({ id, digest }: Pick<Approval, 'id' | 'digest'>, call: string): Promise<Approval | Stop> {
    const { store, nowSeconds } = this.#parts
    const now = nowSeconds()
    const found = await store.find({ id })
    if (found?.digest !== digest || found.state !== 'approved' || found.expiresSeconds <= now || this.#isVoid(found)) return SPENT
    const { votes, expiresSeconds, version } = found
    const spent = { call, rounds: 1, atSeconds: now }
    const approval = await store.change(id, version, { state: 'spent', votes, expiresSeconds, spent })
    if (!approval) return SPENT
    this.#parts.news.tell({ type: 'approval', approval })
    return approval
  }

  /** A spent one that goes on with its own logical call: whether this is the next round of it. */
  async continues({
    id,
    binding,
    call,
  }: {
    readonly id: string
    readonly binding: Binding
    readonly call: string
  }): Promise<Approval | undefined> {
    const found = await this.#parts.store.find({ id })
    return found?.state === 'spent' && found.spent?.call === call && found.digest === bindingDigest(binding) ? found : undefined
  }

  /** The next round leaves, once: an answer that is brought again goes nowhere. */
  async spendRound(approval: Approval, call: string): Promise<Approval | Stop> {
    const { spent, votes, expiresSeconds, id, version } = approval
    if (approval.state !== 'spent' || spent?.call !== call) return SPENT
    const next = { ...spent, rounds: spent.rounds + 1 }
    return (await this.#parts.store.change(id, version, { state: 'spent', votes, expiresSeconds, spent: next })) ?? SPENT
  }

  /** Called by one timer: what nobody decided or used in time ends, and whoever watches hears of it. */
  async tick(): Promise<void> {
    const { store, nowSeconds, news } = this.#parts
    const { ended, escalated } = await store.sweep(nowSeconds(), MAX_ENDED)
    for (const approval of ended) await this.#changed('approval-expired', approval, {})
    for (const approval of escalated) news.tell({ type: 'approval', approval })
  }

  async #changed(what: string, approval: Approval, detail: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#parts.record(what, { ...told(approval), ...detail })
    this.#parts.news.tell({ type: 'approval', approval })
  }
}

const ttlOf = (demands: readonly Demand[]): number => Math.min(...demands.map(({ ttlSeconds }) => ttlSeconds))

/** Longest standing grant all rules permit; undefined = some rule permits none. */
export function standingOf(demands: readonly Demand[]): number | undefined {
  const longest = demands.map(({ standingSeconds }) => standingSeconds ?? 0)
  const least = longest.length === 0 ? 0 : Math.min(...longest)
  return least > 0 ? least : undefined
}

const decided = (approval?: Approval): Stop => ({
  stop: 'approval-decided',
  detail: approval ? `it is ${approval.state === 'pending' ? 'expired' : approval.state}` : 'others are deciding it',
  fix: 'list the approvals',
})

/** For the record: digests and names, never an argument. */
const told = ({ id, digest, binding, demands, quorum }: Approval): Readonly<Record<string, unknown>> => ({
  approval: id,
  digest,
  of: binding.principal,
  client: binding.client,
  server: binding.server,
  method: binding.method,
  name: binding.name.slice(0, 512),
  request: binding.request,
  rules: demands.map(({ rule }) => rule),
  quorum,
})
