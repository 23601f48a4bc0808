// The two-person rule: a change that one person proposes and another approves, once, before it expires.

import type { Stop } from '../kernel/errors.ts'
import type { PrincipalKey } from '../kernel/principal.ts'

/** What is to be changed, in words that also stand in the audit log: `unblock` with `server files`, `rotate-key` with `sealing`. */
export type Change = { readonly action: string; readonly target: string }

/** `approved` without an end: the gateway went down while it was being applied. */
type ProposalState = 'pending' | 'approved' | 'applied' | 'failed' | 'rejected'

export type Proposal = Change & {
  readonly id: string
  readonly why: string
  readonly proposer: PrincipalKey
  readonly state: ProposalState
  readonly createdSeconds: number
  readonly expiresSeconds: number
  readonly decidedBy?: PrincipalKey
  readonly decidedSeconds?: number
}

type Decision = { readonly state: 'approved' | 'rejected'; readonly by: PrincipalKey; readonly atSeconds: number }

/**
 * Where proposals are kept. Durability: what resolved survives a crash. Atomicity and concurrency: `decide` is a compare-and-swap; of any number of
 * callers at once, exactly one gets true. Errors: a rejection means that the change may or may not have happened. Proposals never change otherwise.
 */
export interface ProposalStore {
  add(proposal: Proposal): Promise<void>
  find(id: string): Promise<Proposal | undefined>
  /** newest first */
  list(limit: number): Promise<readonly Proposal[]>
  /** how many are pending and not expired */
  pending(nowSeconds: number): Promise<number>
  /** from `pending`, before it expires, to the decision; false when it is neither any more */
  decide(id: string, decision: Decision): Promise<boolean>
  /** from `approved` to its end */
  settle(id: string, state: 'applied' | 'failed'): Promise<void>
}

export type ProposalParts = {
  readonly store: ProposalStore
  /** seconds since the epoch */
  readonly nowSeconds: () => number
  readonly lifeSeconds: () => number
  readonly newId: () => string
  /** a proposer who was blocked since must not have his way */
  readonly isBlocked: (key: PrincipalKey) => boolean
}

/** Proposals that may wait at one time, and that a list shows. */
const MAX_PENDING = 200
const MAX_LISTED = 500
const GONE: Stop = { stop: 'proposal-unknown', detail: 'there is no pending proposal of this id', fix: 'list the proposals' }

export class Proposals {
  readonly #parts: ProposalParts
  constructor(parts: ProposalParts) {
    this.#parts = parts
  }

  async propose(change: Change, why: string, proposer: PrincipalKey): Promise<Proposal | Stop> {
    const { store, nowSeconds, lifeSeconds, newId } = this.#parts
    const createdSeconds = nowSeconds()
    if ((await store.pending(createdSeconds)) >= MAX_PENDING)
      return { stop: 'proposal-limit', detail: `at most ${MAX_PENDING} proposals wait at one time`, fix: 'decide some of them' }
    const proposal: Proposal = {
      id: newId(),
      action: change.action,
      target: change.target,
      why,
      proposer,
      state: 'pending',
      createdSeconds,
      expiresSeconds: createdSeconds + lifeSeconds(),
    }
    await store.add(proposal)
    return proposal
  }

  list(): Promise<readonly Proposal[]> {
    return this.#parts.store.list(MAX_LISTED)
  }

  /** The proposal as one may decide it: pending, alive, and not one's own. */
  async #decidable(id: string, by: PrincipalKey): Promise<Proposal | Stop> {
    const found = await this.#parts.store.find(id)
    if (found?.state !== 'pending' || found.expiresSeconds <= this.#parts.nowSeconds()) return GONE
    if (found.proposer === by)
      return { stop: 'approver-is-proposer', detail: 'a proposal is decided by somebody else', fix: 'ask another approver or operator' }
    return found
  }

  /**
   * Approves and applies it: `apply` runs at most once for each proposal, whoever approves at the same time. A throw of `apply` leaves it `failed`
   * and is thrown on.
   */
  async approve<T>(id: string, by: PrincipalKey, apply: (change: Proposal) => Promise<T>): Promise<T | Stop> {
    const { store, nowSeconds, isBlocked } = this.#parts
    const found = await this.#decidable(id, by)
    if ('stop' in found) return found
    if (isBlocked(found.proposer)) return { stop: 'proposal-unknown', detail: 'its proposer is blocked', fix: 'propose it anew' }
    if (!(await store.decide(id, { state: 'approved', by, atSeconds: nowSeconds() }))) return GONE
    let done: T
    try {
      done = await apply(found)
    } catch (cause) {
      await store.settle(id, 'failed')
      throw cause
    }
    // A crash here leaves `approved`: it is shown as such, and never applied again by itself.
    await store.settle(id, 'applied')
    return done
  }

  /** Also for the proposer, who thereby takes it back. */
  async reject(id: string, by: PrincipalKey): Promise<Proposal | Stop> {
    const found = await this.#parts.store.find(id)
    if (found?.state !== 'pending') return GONE
    const isDecided = await this.#parts.store.decide(id, { state: 'rejected', by, atSeconds: this.#parts.nowSeconds() })
    return isDecided ? { ...found, state: 'rejected', decidedBy: by } : GONE
  }
}
