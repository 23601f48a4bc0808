// All values of a JSON text, one by one, as they stand in it: nothing is left out, rounded or cut. And what differs between two of them.

import { isJsonFault, readJson, textOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import type { Change, Leaf } from './shapes.ts'
import { charactersOf, piecesOf } from './text.ts'

const KINDS = {
  string: 'string',
  number: 'number',
  true: 'boolean',
  false: 'boolean',
  null: 'null',
  array: 'array',
  object: 'object',
} as const
/** As deep as anything that was judged. */
const DEEP = { maxDepth: 256, indexDepth: 256 }
type Found = { readonly path: readonly string[]; readonly kind: Leaf['kind']; readonly text: string }

/** Undefined for what is no JSON. */
export const leavesOf = (json: string): readonly Leaf[] | undefined =>
  foundIn(json)?.map(({ path, kind, text }) => {
    const pieces = piecesOf(text)
    return { path: path.map(piecesOf), kind, text: pieces, characters: charactersOf(pieces) }
  })

/**
 * Whether that is JSON, and no more than people and programs can take in. Each value is told with its whole path: a few long keys around many values are hundreds of
 * megabytes that way. Time linear in the text.
 */
export function isShowable(json: string): boolean {
  const doc = readJson(Buffer.from(json), DEEP)
  return !isJsonFault(doc) && costOf(doc.root, 0) <= MAX_COST
}
/** Characters of all paths together, a character that is told by its code as many. */
const MAX_COST = 1_000_000
const CODE_COST = 16
const STEP_COST = 4
const PLAIN = /^[\x20-\x7e]*$/

function costOf(node: JsonNode, above: number): number {
  const children = inside(node)
  if (children.length === 0) return above
  let cost = 0
  for (const { key, value } of children) {
    cost += costOf(value, above + STEP_COST + key.length * (PLAIN.test(key) ? 1 : CODE_COST))
    if (cost > MAX_COST) break
  }
  return cost
}

/** By path: what is new, gone or another. */
export function changesBetween(before: string, after: string): readonly Change[] {
  const [old, now] = [before, after].map(json => new Map((foundIn(json) ?? []).map(leaf => [JSON.stringify(leaf.path), leaf])))
  const changes: Change[] = []
  for (const [key, leaf] of now ?? []) {
    const was = old?.get(key)
    if (was?.kind === leaf.kind && was.text === leaf.text) continue
    changes.push({ path: leaf.path.map(piecesOf), ...(was && { before: piecesOf(was.text) }), after: piecesOf(leaf.text) })
  }
  for (const [key, leaf] of old ?? [])
    if (now?.has(key) !== true) changes.push({ path: leaf.path.map(piecesOf), before: piecesOf(leaf.text) })
  return changes
}

function foundIn(json: string): readonly Found[] | undefined {
  const doc = readJson(Buffer.from(json), DEEP)
  if (isJsonFault(doc)) return undefined
  const found: Found[] = []
  walk(doc, doc.root, [], found)
  return found
}

function walk(doc: JsonDoc, node: JsonNode, path: readonly string[], found: Found[]): void {
  const children = inside(node)
  if (children.length > 0) return children.forEach(({ key, value }) => walk(doc, value, [...path, key], found))
  const text = node.kind === 'string' ? textOf(doc, node) : doc.bytes.toString('utf8', node.start, node.end)
  found.push({ path, kind: KINDS[node.kind], text: node.kind === 'array' || node.kind === 'object' ? '' : text })
}

const inside = (node: JsonNode): readonly { readonly key: string; readonly value: JsonNode }[] =>
  node.members ?? node.items?.map((value, at) => ({ key: String(at), value })) ?? []
