// Where marks are kept.

import type { PrincipalKey } from '../kernel/principal.ts'

/** That contents of one server reached a host. Times are milliseconds since the epoch; an end in the past: not marked so. */
export type Mark = {
  readonly principal: PrincipalKey
  /** `*`: whatever client this principal uses */
  readonly client: string
  /** alias; `*`: more servers than are told apart */
  readonly server: string
  /** what was read last, as Reading has it */
  readonly method: string
  readonly name: string
  readonly atMs: number
  readonly untrustedUntilMs: number
  readonly privateUntilMs: number
}
export type MarkKey = Pick<Mark, 'principal' | 'client' | 'server'>

/**
 * Durability: what resolved survives a crash. Atomicity: each call is whole or not at all; several at once take effect in the order they were made.
 * Faults of the store reject, and then the change may or may not be there.
 */
export interface MarkStore {
  /** those that end later than `nowMs` */
  alive(nowMs: number): Promise<readonly Mark[]>
  /** In place of the one with the same key; an end that is there never comes sooner by it. */
  put(mark: Mark): Promise<void>
  remove(keys: readonly MarkKey[]): Promise<void>
  /** drops those that ended at `nowMs` or before */
  forget(nowMs: number): Promise<void>
}
