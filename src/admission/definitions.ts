// What a server was seen to list as the text that goes with a surface: every definition whose digest stands in it.

import { canonicalJson } from '../kernel/canonical-json.ts'
import { SURFACE_MEMBERS } from './pinned-surface.ts'
import { PRIMITIVE_KINDS, type PrimitiveKind } from './primitive.ts'
import type { SeenSurface } from './seen-surface.ts'

/** `{instructions, tools: {name: "JSON text"}, …}`, as the registry takes it. Definitions stand in it as text: what was sent stays byte for byte. */
export function definitionsText({ instructions, definitions }: SeenSurface): string {
  const of = (kind: PrimitiveKind): object => {
    const texts = Object.create(null) as Record<string, string>
    for (const [name, { json, digest }] of definitions[kind]) if (digest !== 'unreadable') texts[name] = json
    return texts
  }
  const members = PRIMITIVE_KINDS.map(kind => [SURFACE_MEMBERS[kind], of(kind)])
  return canonicalJson({ instructions: instructions ?? null, ...(Object.fromEntries(members) as object) }) ?? ''
}
