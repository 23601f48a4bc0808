// The surface of a signed statement as admission compares it.

import { PRIMITIVE_KINDS, type Digest, type PrimitiveKind } from './primitive.ts'
import { SURFACE_MEMBERS, type PinnedSurface, type SurfaceMode } from './pinned-surface.ts'

type Digests = Readonly<Record<string, string>>
/** As statements carry it (trust/statement.ts): digests are SHA-256 in lower-case hexadecimal. */
export type SignedSurface = {
  readonly mode: SurfaceMode
  readonly instructions: string | null
  readonly tools: Digests
  readonly prompts: Digests
  readonly resources: Digests
  readonly resourceTemplates: Digests
}

/** INVARIANT: the statement was read strictly, so its digests are digests. */
export function pinnedSurface(surface: SignedSurface): PinnedSurface {
  const named = (kind: PrimitiveKind): ReadonlyMap<string, Digest> => {
    const digests: unknown = surface[SURFACE_MEMBERS[kind] as keyof SignedSurface]
    return new Map(Object.entries(digests as Record<string, Digest>))
  }
  const primitives = Object.fromEntries(PRIMITIVE_KINDS.map(kind => [kind, named(kind)])) as PinnedSurface['primitives']
  return { mode: surface.mode, instructions: surface.instructions as Digest | null, primitives }
}

export type SurfaceChange = {
  readonly standing: 'new' | 'changed' | 'gone'
  readonly kind: PrimitiveKind | 'instructions'
  readonly name: string
}

/** What another version lists otherwise, by digests. */
export function changesBetween(before: PinnedSurface, after: PinnedSurface): readonly SurfaceChange[] {
  const changes: SurfaceChange[] = []
  if (before.instructions !== after.instructions) {
    const standing = before.instructions === null ? 'new' : after.instructions === null ? 'gone' : 'changed'
    changes.push({ standing, kind: 'instructions', name: '' })
  }
  for (const kind of PRIMITIVE_KINDS) {
    const [old, now] = [before.primitives[kind], after.primitives[kind]]
    for (const [name, digest] of now)
      if (old.get(name) !== digest) changes.push({ standing: old.has(name) ? 'changed' : 'new', kind, name })
    for (const name of old.keys()) if (!now.has(name)) changes.push({ standing: 'gone', kind, name })
  }
  return changes
}
