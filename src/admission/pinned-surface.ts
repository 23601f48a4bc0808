// A surface as it was admitted: one digest per definition, in the shape statements carry it.

import { createHash } from 'node:crypto'
import { canonicalJson } from '../kernel/canonical-json.ts'
import { member, textOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import { isDigest, PRIMITIVE_KINDS, type Digest, type PrimitiveKind } from './primitive.ts'

/** `subset`: what is listed must be admitted, and not all of it need be listed (lists may depend on who asks). `exact`: one stranger holds the whole server. */
export const SURFACE_MODES = ['subset', 'exact'] as const
export type SurfaceMode = (typeof SURFACE_MODES)[number]

export type PinnedSurface = {
  readonly mode: SurfaceMode
  /** null: it may say nothing about itself */
  readonly instructions: Digest | null
  readonly primitives: Readonly<Record<PrimitiveKind, ReadonlyMap<string, Digest>>>
}

/** Members of a statement's `surface`. */
export const SURFACE_MEMBERS: Readonly<Record<PrimitiveKind, string>> = {
  tool: 'tools',
  prompt: 'prompts',
  resource: 'resources',
  resourceTemplate: 'resourceTemplates',
}
const KNOWN: ReadonlySet<string> = new Set(['mode', 'instructions', ...Object.values(SURFACE_MEMBERS)])
const isMode = (text: string): text is SurfaceMode => (SURFACE_MODES as readonly string[]).includes(text)

/** The JSON value of `surface`; names sorted, so that equal surfaces are equal texts. */
export function surfaceJson({ mode, instructions, primitives }: PinnedSurface): object {
  const members = PRIMITIVE_KINDS.map(kind => [SURFACE_MEMBERS[kind], byName(primitives[kind])])
  return { mode, instructions, ...(Object.fromEntries(members) as object) }
}

/** A null prototype: `__proto__` is a name like any other. */
function byName(digests: ReadonlyMap<string, Digest>): object {
  const object = Object.create(null) as Record<string, Digest>
  for (const name of [...digests.keys()].sort()) object[name] = digests.get(name) ?? ('' as Digest)
  return object
}

/** SHA-256 over the canonical JSON of a surface, lower-case hex: what a reviewer's signature is about. */
export function digestOfSurface(surface: PinnedSurface): Digest {
  const canonical = canonicalJson(surfaceJson(surface))
  // Names come from judged JSON, so they are well-formed; were one not, nothing would ever equal this.
  return createHash('sha256')
    .update(canonical ?? '')
    .digest('hex') as Digest
}

/** Reads a `surface`; a text says what is wrong with it. Unknown members are faults: a newer writer may have meant a restriction by one. */
export function readSurface(doc: JsonDoc, node: JsonNode | undefined): PinnedSurface | string {
  if (node?.kind !== 'object') return 'expected an object in `surface`'
  const unknown = node.members?.find(m => !KNOWN.has(m.key))
  if (unknown) return `\`surface.${unknown.key.slice(0, 64)}\` is not known here`
  const mode = member(node, 'mode')
  const modeText = mode?.kind === 'string' ? textOf(doc, mode) : ''
  if (!isMode(modeText)) return `expected \`surface.mode\` to be ${SURFACE_MODES.map(m => `\`${m}\``).join(' or ')}`
  const said = member(node, 'instructions')
  const instructions = said?.kind === 'null' ? null : said?.kind === 'string' ? textOf(doc, said) : ''
  if (instructions !== null && !isDigest(instructions)) return 'expected `surface.instructions` to be a SHA-256 in hex, or null'
  const maps = {} as Record<PrimitiveKind, ReadonlyMap<string, Digest>>
  for (const kind of PRIMITIVE_KINDS) {
    const read = readDigests(doc, member(node, SURFACE_MEMBERS[kind]))
    if (read === undefined) return `expected \`surface.${SURFACE_MEMBERS[kind]}\` to map names to SHA-256 digests in hex`
    maps[kind] = read
  }
  return { mode: modeText, instructions, primitives: maps }
}

function readDigests(doc: JsonDoc, node: JsonNode | undefined): ReadonlyMap<string, Digest> | undefined {
  if (node?.kind !== 'object' || !node.members) return undefined
  const found = new Map<string, Digest>()
  for (const { key, value } of node.members) {
    const text = value.kind === 'string' ? textOf(doc, value) : ''
    if (!isDigest(text)) return undefined
    found.set(key, text)
  }
  return found
}
