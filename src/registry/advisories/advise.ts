// What an operator does with advisories: recording and withdrawing them, with what that means for versions that are here.

import { isStop, type Stop } from '../../kernel/errors.ts'
import type { Actor } from '../actor.ts'
import type { Alone } from '../attest.ts'
import { revoke, type RevokeParts } from '../revoke.ts'
import type { AdvisoryBook, Concerned, Recorded } from './book.ts'
import type { AdvisoryDocument } from './store.ts'

type AdvisingParts = {
  readonly book: Pick<AdvisoryBook, 'record' | 'withdraw' | 'find' | 'page'>
  /** one after the other with what is published and attested */
  readonly alone: Alone
  readonly revoking: RevokeParts
}
export type Kept = Omit<AdvisoryDocument, 'affected'>
/** `concerned`: versions here; `stopped`: those of them that were revoked by it. */
export type Advice = { readonly advisory: Kept; readonly concerned: readonly Concerned[]; readonly stopped: readonly Concerned[] }

const PAGE = 100

export class Advising {
  readonly #parts: AdvisingParts
  constructor(parts: AdvisingParts) {
    this.#parts = parts
  }

  /**
   * Not while a version is being admitted: it would be compared with what was known before. Versions that malware concerns are revoked; if that fails half way,
   * the same document sent again does the rest.
   */
  advise(document: string, by: Actor): Promise<Advice | Stop> {
    const { book, alone } = this.#parts
    return alone(async () => this.#settle(await book.record(document, by.key), by))
  }

  withdraw(id: string, by: Actor): Promise<Advice | Stop> {
    const { book, alone } = this.#parts
    return alone(async () => this.#settle(await book.withdraw(id, by.key), by))
  }

  /** By id, from behind `after`; the last id where more follow. */
  async list(after: string): Promise<{ readonly advisories: readonly Kept[]; readonly next?: string }> {
    const advisories = await this.#parts.book.page(after, PAGE)
    const last = advisories.at(-1)
    const hasMore = last !== undefined && (await this.#parts.book.page(last.id, 1)).length > 0
    return { advisories, ...(hasMore && { next: last.id }) }
  }
  find(id: string): Promise<Kept | undefined> {
    return this.#parts.book.find(id)
  }

  async #settle(recorded: Recorded | Stop, by: Actor): Promise<Advice | Stop> {
    if (isStop(recorded)) return recorded
    const { document, concerned } = recorded
    const stopped = document.isMalware && !document.isWithdrawn ? concerned.filter(({ standing }) => standing !== 'revoked') : []
    for (const { name, version } of stopped) {
      const revocation = { kind: 'version', target: `${name}@${version}`, reason: 'malware', action: 'block' } as const
      const done = await revoke(this.#parts.revoking, revocation, by, `malware: ${document.id}`)
      if (isStop(done)) return done
    }
    return { advisory: document, concerned, stopped }
  }
}
