// The ports of admission: what reviewers decided, and what servers were seen to list.

import type { PrimitiveKind } from './primitive.ts'
import type { Admission } from './statement.ts'

/** A statement that is there and cannot be relied on: nothing passes until it is mended. */
export type Unreadable = { readonly unreadable: string }

/** Reviewers' decisions, by the alias of an upstream. */
export interface Admissions {
  /**
   * What is in force for an upstream, at once; undefined where nobody has reviewed it. The same object until it changes: what is compared with it may be
   * kept beside it. Never throws: what cannot be read is `unreadable`, and nothing passes.
   */
  of(alias: string): Admission | Unreadable | undefined
}

/** One list as a server gave it, for a reviewer to look at. */
export type SeenList = {
  readonly kind: PrimitiveKind
  /** JSON texts as sent, by name */
  readonly definitions: ReadonlyMap<string, Buffer>
}

/** What servers list, kept for reviewers: hostile text, never read by anything that decides. */
export interface SeenSurfaces {
  /**
   * Keeps what is new; definitions that other callers saw stay for a while. Bounded per upstream. Resolves once it can be read by a reviewer, as far
   * as the disk allows; never rejects: what cannot be kept is logged, and stays held.
   */
  keep(alias: string, seen: SeenList | { readonly instructions: string }): Promise<void>
}
