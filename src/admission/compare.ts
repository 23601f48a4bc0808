// What a server lists now against what was admitted: per definition the same, changed, new or missing.

import type { PinnedSurface } from './pinned-surface.ts'
import type { Digest, PrimitiveKind } from './primitive.ts'

/** `unreadable`: listed, and so odd that it has no digest or is left out of lists. It is never the same as anything. */
type Seen = Digest | 'unreadable'

/** `live`: absent where the definition was unreadable. Instructions have no name. */
export type Difference = {
  readonly standing: 'changed' | 'new'
  readonly kind: PrimitiveKind | 'instructions'
  readonly name: string
  readonly pinned?: Digest
  readonly live?: Digest
}

export type Comparison = {
  /** names that may be used */
  readonly same: ReadonlySet<string>
  /** by name: held until somebody reviewed them */
  readonly held: ReadonlyMap<string, Difference>
  /** admitted and not listed now */
  readonly missing: readonly string[]
}

/**
 * Compares one list. A name may stand several times: it is the same only if every one of its definitions is, so that a decoy beside a changed
 * definition, or before it, hides nothing (N125).
 */
export function compare(
  kind: PrimitiveKind,
  live: Iterable<readonly [name: string, seen: Seen]>,
  pinned: PinnedSurface | undefined,
): Comparison {
  const admitted = pinned?.primitives[kind] ?? new Map<string, Digest>()
  const same = new Set<string>()
  const held = new Map<string, Difference>()
  for (const [name, seen] of live) {
    const expected = admitted.get(name)
    if (expected !== undefined && expected === seen) {
      if (!held.has(name)) same.add(name)
      continue
    }
    same.delete(name)
    if (held.has(name)) continue
    held.set(name, {
      standing: expected === undefined ? 'new' : 'changed',
      kind,
      name,
      ...(expected !== undefined && { pinned: expected }),
      ...(seen !== 'unreadable' && { live: seen }),
    })
  }
  const missing = [...admitted.keys()].filter(name => !same.has(name) && !held.has(name))
  return { same, held, missing }
}

/** Whether instructions may be shown: none at all always may. */
export const areInstructionsAdmitted = (live: Digest | 'unreadable' | undefined, pinned: PinnedSurface | undefined): boolean =>
  live === undefined || pinned?.instructions === live
