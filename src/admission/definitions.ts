// What a server was seen to list as the text that goes with a surface: every definition whose digest stands in it.

import { canonicalJson } from '../kernel/canonical-json.ts'
import { isJsonFault, member, readJson, textOf } from '../mcp/json.ts'
import { SURFACE_MEMBERS } from './pinned-surface.ts'
import { digestOfPrimitive, PRIMITIVE_KINDS, type PrimitiveKind } from './primitive.ts'
import { emptySeen, type SeenDefinition, type SeenSurface } from './seen-surface.ts'

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

/** What such a text says, as if it had been seen. Digests are computed, never believed; what is none of its form is left out. */
export function readDefinitions(text: string): SeenSurface {
  const doc = readJson(Buffer.from(text), { indexDepth: 2 })
  if (isJsonFault(doc)) return emptySeen('')
  const said = member(doc.root, 'instructions')
  const of = (kind: PrimitiveKind): ReadonlyMap<string, SeenDefinition> =>
    new Map(
      (member(doc.root, SURFACE_MEMBERS[kind])?.members ?? []).flatMap(({ key, value }) => {
        const json = value.kind === 'string' ? textOf(doc, value) : '{'
        if (isJsonFault(readJson(Buffer.from(json)))) return []
        return [[key, { json, digest: digestOfPrimitive(kind, json) ?? 'unreadable', seenAt: 0, others: [] }] as const]
      }),
    )
  return {
    ...emptySeen(''),
    ...(said?.kind === 'string' && { instructions: textOf(doc, said) }),
    definitions: { tool: of('tool'), prompt: of('prompt'), resource: of('resource'), resourceTemplate: of('resourceTemplate') },
  }
}
