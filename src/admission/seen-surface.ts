// What a server was seen to list, as a reviewer finds it: the newest definition of each name with its digest, and how many others there were of it.

import { canonicalJson } from '../kernel/canonical-json.ts'
import { isJsonFault, member, rawOf, readJson, textOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import type { SeenList } from './admissions.ts'
import type { PinnedSurface, SurfaceMode } from './pinned-surface.ts'
import { digestOfInstructions, digestOfPrimitive, PRIMITIVE_KINDS, type Digest, type PrimitiveKind } from './primitive.ts'

export type SeenDefinition = {
  /** JSON text as sent */
  readonly json: string
  readonly digest: Digest | 'unreadable'
  /** seconds since the epoch, when it was last listed */
  readonly seenAt: number
  /** earlier digests under this name: callers see different ones, or it changed */
  readonly others: readonly (Digest | 'unreadable')[]
}

export type SeenSurface = {
  readonly alias: string
  readonly instructions?: string
  readonly definitions: Readonly<Record<PrimitiveKind, ReadonlyMap<string, SeenDefinition>>>
  /** more was listed than is kept */
  readonly isCut: boolean
}

export const MAX_SEEN_BYTES = 16 * 1024 * 1024
const MAX_DEFINITIONS = 10_000
const MAX_TEXT_BYTES = 4 * 1024 * 1024
const MAX_OTHERS = 8
/** What nobody was shown for this long is forgotten. */
const FORGET_SECONDS = 86_400

export const emptySeen = (alias: string): SeenSurface => ({
  alias,
  definitions: { tool: new Map(), prompt: new Map(), resource: new Map(), resourceTemplate: new Map() },
  isCut: false,
})

/** With a list that was just read; the same object where it says nothing new. */
export function withList(seen: SeenSurface, { kind, definitions }: SeenList, nowSeconds: number): SeenSurface {
  const next = new Map(
    [...seen.definitions[kind]].filter(([name, { seenAt }]) => definitions.has(name) || nowSeconds - seenAt < FORGET_SECONDS),
  )
  let isNews = next.size !== seen.definitions[kind].size
  for (const [name, raw] of definitions) {
    const old = next.get(name)
    const digest = digestOfPrimitive(kind, raw) ?? 'unreadable'
    if (old?.digest === digest && nowSeconds - old.seenAt < FORGET_SECONDS / 24) continue
    isNews = true
    const others =
      old && old.digest !== digest
        ? [old.digest, ...old.others.filter(d => d !== digest && d !== old.digest)].slice(0, MAX_OTHERS)
        : (old?.others ?? [])
    // The newest last: what is cut is what came first.
    next.delete(name)
    next.set(name, { json: raw.toString(), digest, seenAt: nowSeconds, others })
  }
  return isNews ? bounded({ ...seen, definitions: { ...seen.definitions, [kind]: next } }) : seen
}

export const withInstructions = (seen: SeenSurface, text: string): SeenSurface =>
  seen.instructions === text ? seen : bounded({ ...seen, instructions: text })

function bounded(seen: SeenSurface): SeenSurface {
  let left = MAX_TEXT_BYTES - (seen.instructions?.length ?? 0)
  let isCut = false
  const keep = (kind: PrimitiveKind): ReadonlyMap<string, SeenDefinition> => {
    const kept = [...seen.definitions[kind]].slice(-MAX_DEFINITIONS).filter(([, { json }]) => (left -= json.length) >= 0)
    isCut ||= kept.length < seen.definitions[kind].size
    return new Map(kept)
  }
  const definitions = { tool: keep('tool'), prompt: keep('prompt'), resource: keep('resource'), resourceTemplate: keep('resourceTemplate') }
  return { ...seen, definitions, isCut }
}

/** What admitting all of it would admit; names that cannot be pinned are left out. */
export function surfaceSeen(seen: SeenSurface, mode: SurfaceMode): PinnedSurface {
  const pinned = (kind: PrimitiveKind): ReadonlyMap<string, Digest> =>
    new Map([...seen.definitions[kind]].flatMap(([name, { digest }]) => (digest === 'unreadable' ? [] : [[name, digest] as const])))
  return {
    mode,
    instructions: (seen.instructions === undefined ? undefined : digestOfInstructions(seen.instructions)) ?? null,
    primitives: {
      tool: pinned('tool'),
      prompt: pinned('prompt'),
      resource: pinned('resource'),
      resourceTemplate: pinned('resourceTemplate'),
    },
  }
}

/** As a file's text. Definitions stand in it as text, not as JSON: what was sent stays byte for byte. */
export function seenText({ alias, instructions, definitions, isCut }: SeenSurface): string {
  const of = (kind: PrimitiveKind): object[] =>
    [...definitions[kind]].map(([name, { json, seenAt, others }]) => ({ name, json, seenAt, others }))
  const all = Object.fromEntries(PRIMITIVE_KINDS.map(kind => [kind, of(kind)]))
  return `${canonicalJson({ version: 1, alias, isCut, ...(instructions !== undefined && { instructions }), definitions: all }) ?? ''}\n`
}

/** Reads what `seenText` wrote; undefined for anything else: it is looked at anew then. Digests are computed, never believed. */
export function readSeen(bytes: Buffer, alias: string): SeenSurface | undefined {
  const doc = readJson(bytes, { indexDepth: 5 })
  if (isJsonFault(doc) || textIn(doc, doc.root, 'alias') !== alias) return undefined
  const all = member(doc.root, 'definitions')
  const read = (kind: PrimitiveKind): ReadonlyMap<string, SeenDefinition> =>
    new Map((member(all, kind)?.items ?? []).flatMap(item => readDefinition(doc, item, kind)))
  const instructions = textIn(doc, doc.root, 'instructions')
  return {
    alias,
    ...(instructions !== undefined && { instructions }),
    definitions: { tool: read('tool'), prompt: read('prompt'), resource: read('resource'), resourceTemplate: read('resourceTemplate') },
    isCut: member(doc.root, 'isCut')?.kind === 'true',
  }
}

function readDefinition(doc: JsonDoc, item: JsonNode, kind: PrimitiveKind): readonly (readonly [string, SeenDefinition])[] {
  const [name, json] = [textIn(doc, item, 'name'), textIn(doc, item, 'json')]
  if (name === undefined || json === undefined || isJsonFault(readJson(Buffer.from(json)))) return []
  const seenAt = member(item, 'seenAt')
  const others = (member(item, 'others')?.items ?? []).flatMap(other => (other.kind === 'string' ? [textOf(doc, other) as Digest] : []))
  const at = seenAt?.kind === 'number' ? Number(rawOf(doc, seenAt).toString('latin1')) : 0
  return [[name, { json, digest: digestOfPrimitive(kind, json) ?? 'unreadable', seenAt: at, others }]]
}

function textIn(doc: JsonDoc, node: JsonNode, key: string): string | undefined {
  const found = member(node, key)
  return found?.kind === 'string' ? textOf(doc, found) : undefined
}
