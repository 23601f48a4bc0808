// Where references of a schema lead: into the schema itself, or nowhere. Nothing is fetched.

import { member, textOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import { SchemaUnusable } from './unusable.ts'

/** The schemas of one document that references can name. */
export type Places = {
  /** the document a subschema belongs to: the nearest one with an `$id` */
  readonly homes: ReadonlyMap<JsonNode, JsonNode>
  readonly anchors: ReadonlyMap<JsonNode, ReadonlyMap<string, JsonNode>>
}

/** Bounds of one schema, as the catalog has them for lists (catalog/schema-caps.ts). */
const MAX_SUBSCHEMAS = 4096

/** Values of these are data, whatever they look like. */
const DATA: ReadonlySet<string> = new Set(['enum', 'const', 'default', 'examples', 'required', 'type'])

/** One pass over everything that could be a schema. */
export function placesOf(doc: JsonDoc): Places {
  const homes = new Map<JsonNode, JsonNode>()
  const anchors = new Map<JsonNode, Map<string, JsonNode>>([[doc.root, new Map()]])
  const queue: { readonly node: JsonNode; readonly home: JsonNode; readonly isMap: boolean }[] = [
    { node: doc.root, home: doc.root, isMap: false },
  ]
  for (const { node, home: outer, isMap } of queue) {
    if (queue.length > MAX_SUBSCHEMAS * 4) throw new SchemaUnusable('it has too many subschemas')
    const id = isMap ? undefined : stringOf(doc, member(node, '$id'))
    const home = id !== undefined && !id.startsWith('#') ? node : outer
    if (!anchors.has(home)) anchors.set(home, new Map())
    homes.set(node, home)
    for (const name of isMap ? [] : anchorsOf(doc, node, id)) anchors.get(home)?.set(name, node)
    for (const { key, value } of node.members ?? []) {
      if (!isMap && DATA.has(key)) continue
      if (value.kind === 'object') queue.push({ node: value, home, isMap: !isMap && MAPS.has(key) })
      else for (const item of value.items ?? []) if (item.kind === 'object') queue.push({ node: item, home, isMap: false })
    }
  }
  return { homes, anchors }
}

function anchorsOf(doc: JsonDoc, node: JsonNode, id: string | undefined): readonly string[] {
  const named = ['$anchor', '$dynamicAnchor'].map(keyword => stringOf(doc, member(node, keyword)))
  return [id?.startsWith('#') ? id.slice(1) : undefined, ...named].filter(name => name !== undefined)
}
/** Their members' names are no keywords. */
const MAPS: ReadonlySet<string> = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies'])

const stringOf = (doc: JsonDoc, node: JsonNode | undefined): string | undefined => (node?.kind === 'string' ? textOf(doc, node) : undefined)

/** `#`, `#/pointer`, `#anchor`, or the same behind the schema's own `$id`. Throws SchemaUnusable where it leads nowhere. */
export function resolveReference(doc: JsonDoc, places: Places, from: { readonly node: JsonNode; readonly target: string }): JsonNode {
  const home = places.homes.get(from.node) ?? doc.root
  const id = stringOf(doc, member(home, '$id'))
  const isOwn = id !== undefined && id !== '' && from.target.startsWith(id) && /^#?$/.test(from.target.slice(id.length, id.length + 1))
  const target = isOwn ? from.target.slice(id.length) || '#' : from.target
  if (!target.startsWith('#')) throw new SchemaUnusable('a reference points outside of it')
  if (target === '#') return home
  if (!target.startsWith('#/')) {
    const found = places.anchors.get(home)?.get(target.slice(1))
    if (!found) throw new SchemaUnusable('a reference leads nowhere')
    return found
  }
  let at: JsonNode | undefined = home
  for (const part of target.slice(2).split('/')) {
    const key = unescapedStep(part)
    at = at?.kind === 'array' ? (/^(?:0|[1-9]\d{0,5})$/.test(key) ? at.items?.[Number(key)] : undefined) : member(at, key)
  }
  if (!at) throw new SchemaUnusable('a reference leads nowhere')
  return at
}

function unescapedStep(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    throw new SchemaUnusable('a reference is not written correctly')
  }
}
