// What is kept of other registries: how far each was read, and the versions seen there. Implemented on state.db (adapters/sqlite/mirror-store.ts).

import type { Said } from './page.ts'

/** A version as another registry first showed it. It is no version of this registry until a reviewer vouches for it. */
export type MirroredVersion = {
  readonly name: string
  readonly version: string
  /** URL of the mirror it was first seen at */
  readonly source: string
  readonly serverJson: string
  /** SHA-256 over its canonical form, hexadecimal */
  readonly digest: string
  readonly status: Said['status']
  readonly message?: string
  /** it was deleted there once; that is for good */
  readonly isWithdrawn: boolean
  /** digest that the same version had there, or at another mirror, later */
  readonly alteredTo?: string
  /** of a name here, or of another mirrored one, that it could be mistaken for when it came */
  readonly looksLike?: string
  readonly seenMs: number
}
/** How far a mirror was read. Times are milliseconds since the epoch. */
export type MirrorState = {
  readonly url: string
  /** what changed there before was read to its end */
  readonly sinceMs?: number
  /** of the page that told it, as long as nothing else was asked since */
  readonly etag?: string
  /** the reading under way, also after a restart */
  readonly pass?: MirrorPass
  readonly ended?: MirrorEnd
  readonly dueMs: number
}
export type MirrorPass = {
  readonly startedMs: number
  readonly cursor?: string
  readonly etag?: string
  /** latest change that was told of */
  readonly newestMs: number
  readonly tally: MirrorTally
}
/** Entries by what became of them, and the first few that were refused or held, in words. */
export type MirrorTally = {
  readonly pages: number
  readonly added: number
  readonly same: number
  readonly changed: number
  readonly outside: number
  readonly held: number
  readonly refused: number
  readonly named: readonly { readonly name: string; readonly why: string }[]
}
export type MirrorEnd = { readonly atMs: number; readonly tally: MirrorTally; readonly failure?: string }

/** `status`: as it is said now; `alteredTo`: other bytes than the kept ones */
export type MirrorChange = Pick<MirroredVersion, 'name' | 'version' | 'status' | 'message' | 'alteredTo'>

/**
 * Mirrored versions and the state of mirrors. Names are compared without case. Durability: what resolved survives a crash. Atomicity: a page's versions, their
 * changes and the state after it are kept together or not at all. A kept version never changes its bytes and never goes away; what was withdrawn stays so.
 * Concurrency: one reader of mirrors at a time. Errors: a rejection means that the change may or may not have happened.
 */
export interface MirrorStore {
  state(url: string): Promise<MirrorState | undefined>
  /** state alone */
  save(state: MirrorState): Promise<void>
  keep(page: {
    readonly added: readonly MirroredVersion[]
    readonly changed: readonly MirrorChange[]
    readonly state: MirrorState
  }): Promise<void>
  /** those of these that are kept */
  known(versions: readonly { readonly name: string; readonly version: string }[]): Promise<readonly MirroredVersion[]>
  find(name: string, version: string): Promise<MirroredVersion | undefined>
  /** by name and version from behind `after`, of names that hold `search` (lower case) */
  page(query: MirrorQuery): Promise<readonly MirroredVersion[]>
  /** all there are, of all mirrors */
  count(): Promise<number>
  /** of these servers those of which versions were published here, or came otherwise than from a mirror */
  local(names: readonly string[]): Promise<readonly string[]>
}
export type MirrorQuery = {
  readonly after?: { readonly name: string; readonly version: string }
  readonly search?: string
  readonly limit: number
}
