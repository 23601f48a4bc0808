// The port through which whoever keeps a copy of the registry's standings hears of every change.

import type { Standing } from './standing.ts'

/** A version that changed, as it stands now. `mark`: of the change; marks only rise. `digest`: SHA-256 of the canonical server.json, hexadecimal. */
export type ChangedStanding = {
  readonly mark: number
  readonly name: string
  readonly version: string
  readonly sequence: number
  readonly digest: string
  readonly standing: Standing
  /** what it became by this change; since then it may have become something else */
  readonly became: Standing
}

/** Changes behind a mark, oldest first, at most `limit`; from 0 on, every version is among them. Rejects when they cannot be read. */
export interface StandingFeed {
  since(mark: number, limit: number): Promise<readonly ChangedStanding[]>
}
