// Where approvals and standing grants are kept.

import type { PrincipalKey } from '../kernel/principal.ts'
import type { Approval, ApprovalState, StandingGrant } from './approval.ts'

/** Approvals that may wait at one time. `perServer`: of one principal at one server, so that no server takes all the places of those who use it. */
export type QueueLimits = { readonly total: number; readonly perPrincipal: number; readonly perServer: number }

/** Absent members ask for nothing. Newest first. `before`: id of the last one that is known. */
export type ApprovalFilter = {
  readonly state?: ApprovalState
  readonly principal?: PrincipalKey
  /** of this server; or of this method and name there */
  readonly about?:
    { readonly server: string; readonly method: string; readonly name: string } | { readonly server: string; readonly name?: undefined }
  readonly before?: string
  readonly limit: number
}

/** What a change says: everything else stays as it is. */
type ApprovalChange = Pick<Approval, 'state' | 'votes' | 'expiresSeconds' | 'rejected' | 'spent'>

/**
 * Durability: what resolved survives a crash. Atomicity and concurrency: `open` and `change` are compare-and-swap; of any number of callers at once exactly one
 * gets its way, and a store has at most one live approval (pending, approved or rejected, not expired) of a digest. Errors: a rejection means that the change
 * may or may not be there: read before trying again.
 */
export interface ApprovalStore {
  /** `exists`: a live one of this digest is there; `full`: as many wait as may, in all, of this principal, or of it at this server; its rejected ones count as long as they are the answer. `body` is kept beside it, and never listed */
  open(approval: Approval, body: string, limits: QueueLimits): Promise<'opened' | 'exists' | 'full'>
  /** by id whatever its state; by digest the live one */
  find(by: { readonly id: string } | { readonly digest: string; readonly nowSeconds: number }): Promise<Approval | undefined>
  body(id: string): Promise<string | undefined>
  list(filter: ApprovalFilter): Promise<readonly Approval[]>
  /** from this version to the next; undefined = it is another version, or gone. What its own requester rejected keeps no body */
  change(id: string, version: number, change: ApprovalChange): Promise<Approval | undefined>
  /**
   * Pending and approved ones whose time is over end: at most `limit`, each told once. `escalated`: those that further people may decide from now on, told once.
   * Bodies and rows that nobody may need any more are dropped
   */
  sweep(nowSeconds: number, limit: number): Promise<{ readonly ended: readonly Approval[]; readonly escalated: readonly Approval[] }>
}

/** The same promises. A grant that was revoked or ended is found by nobody. */
export interface GrantStore {
  /** in place of one with the same digest; false = this principal has as many as may be */
  give(grant: StandingGrant, perPrincipal: number): Promise<boolean>
  find(digest: string, nowSeconds: number): Promise<StandingGrant | undefined>
  /** counts one use while it holds; false = it holds no more */
  use(id: string, nowSeconds: number): Promise<boolean>
  /** of one principal, or of all; newest first */
  list(principal: PrincipalKey | undefined, nowSeconds: number, limit: number): Promise<readonly StandingGrant[]>
  /** of this principal, or of anybody; the grant that ended */
  revoke(id: string, principal: PrincipalKey | undefined): Promise<StandingGrant | undefined>
}
