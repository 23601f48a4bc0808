// Who and what may still be used: blocks, revocations and changed groups, each kept in the store and followed by the end of what it concerns.

import type { Logger } from '../adapters/telemetry/logs.ts'
import { BLOCKED, BlockBook, type Block, type Blocks, type BlockStore, type BlockTarget } from '../identity/blocks.ts'
import { GroupChanges } from '../identity/group-changes.ts'
import { Revocations, REVOKED, sessionKey, unnamedKey, type RevocationStore } from '../identity/revocations.ts'
import type { Stop } from '../kernel/errors.ts'
import type { Principal } from '../kernel/principal.ts'
import type { Ended } from '../pipeline/administration.ts'
import { overOf, type Over } from './endings.ts'

export type StandingParts = {
  readonly blocks: BlockStore
  readonly revocations: RevocationStore
  readonly end: (over: Over, stop: Stop) => Ended
  /** processes and connections of a blocked server stop */
  readonly resetUpstream: (alias: string) => void
  readonly logger: Pick<Logger, 'warn' | 'fault'>
  /** wall clock, milliseconds */
  readonly now: () => number
}

export class Standing {
  readonly #parts: StandingParts
  readonly #book: BlockBook<Ended>
  readonly #revocations: Revocations
  readonly #groups: GroupChanges

  constructor(parts: StandingParts) {
    this.#parts = parts
    this.#book = new BlockBook(parts.blocks, block => this.#stop(block))
    this.#revocations = new Revocations(parts.revocations)
    this.#groups = new GroupChanges(principal => this.#regrouped(principal))
  }

  /** What the last run left. Rejects where the store cannot be read: the gateway then does not start. */
  async load(): Promise<void> {
    await Promise.all([this.#book.load(), this.#revocations.load(this.#seconds())])
  }

  get blocks(): Blocks {
    return this.#book.now
  }
  /** asked at each request */
  stopOf(principal: Principal): Stop | undefined {
    return this.#book.now.stopOf(principal) ?? this.#revocations.stopOf(principal)
  }
  /** asked once for each verified token */
  judge(principal: Principal, resource: string): Stop | undefined {
    return this.#groups.judge(principal, resource)
  }

  /** In force, and what it concerns has ended, before the store is asked. Rejects when it may not survive a restart; `full` = nothing happened. */
  block(block: Block): Promise<Ended | 'full'> {
    return this.#book.block(block)
  }
  unblock(target: BlockTarget): Promise<boolean> {
    return this.#book.unblock(target)
  }

  /** Ends what tokens of a principal or of one sign-in have opened; those tokens no longer count, later ones do. Rejects as `block` does. */
  async signOut(over: SignOut): Promise<Ended> {
    const nowSeconds = this.#seconds()
    const untilSeconds = over.untilSeconds ?? nowSeconds
    const durable = Promise.all(keysOf(over).map(key => this.#revocations.revoke(key, untilSeconds, nowSeconds)))
    const ended = this.#parts.end({ ...over, untilSeconds }, REVOKED)
    await durable
    return ended
  }

  #stop(block: BlockTarget): Ended {
    const ended = this.#parts.end(overOf(block), BLOCKED[block.kind])
    if (block.kind === 'server') this.#parts.resetUpstream(block.target)
    return ended
  }

  /** The identity provider names other groups than before: what tokens of older seconds have opened ends. Rejects as `block` does. */
  async regroup(principal: Principal, atSeconds = this.#seconds()): Promise<void> {
    this.#parts.logger.warn('somebody is in other groups now; what older tokens opened has ended', { principal: principal.key })
    await this.signOut({ kind: 'principal', key: principal.key, untilSeconds: atSeconds - 1 })
  }

  #regrouped(principal: Principal): void {
    // In memory at once; without the store the older tokens count again after a restart, until they expire.
    this.regroup(principal, principal.issuedAtSeconds ?? 0).catch((cause: unknown) =>
      this.#parts.logger.fault('a revocation could not be kept', cause),
    )
  }

  readonly #seconds = (): number => Math.floor(this.#parts.now() / 1000)
}

type SignOut = Over & { readonly kind: 'principal' | 'sign-in' }
/** Under which keys its tokens are refused. */
function keysOf(over: SignOut): readonly string[] {
  if (over.kind === 'principal') return [over.key]
  return [sessionKey(over.issuer, over.sessionId), ...(over.key === undefined ? [] : [unnamedKey(over.key)])]
}
