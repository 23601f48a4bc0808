// Tool definitions between the eras: `execution` exists only in 2025-11-25, output schemas that are no objects only in 2026-07-28 (SEP-2106).

import { member, rawOf, textOf } from '../mcp/json.ts'
import type { JsonDoc, JsonNode } from '../mcp/json.ts'
import { objectEdits, splice } from '../mcp/splice.ts'
import type { Edit } from '../mcp/splice.ts'
import { docOf, isText } from './slices.ts'

/** True when 2025 hosts must see this `outputSchema` (raw JSON) as the `result` property of an object, and structured content likewise. */
export function isWrappedOutput(outputSchema: Buffer): boolean {
  const doc = docOf(outputSchema, 1)
  return needsWrap(doc, doc.root)
}
const needsWrap = (doc: JsonDoc, schema: JsonNode | undefined): boolean =>
  schema?.kind === 'object' && !isText(doc, member(schema, 'type'), 'object')

/** One tool definition (raw JSON) of a 2025 upstream for 2026 hosts; the same memory when nothing changes. */
export function toolToModern(tool: Buffer): Buffer {
  const doc = docOf(tool, 1)
  return doc.root.members ? splice(tool, toolEditsToModern(doc.root)) : tool
}
/** Edits to a tool indexed one level deep. */
export const toolEditsToModern = (tool: JsonNode): Edit[] => objectEdits(tool, key => key === 'execution')

/** One tool definition (raw JSON) of a 2026 upstream for 2025 hosts; the same memory when nothing changes. */
export function toolToLegacy(tool: Buffer): Buffer {
  const doc = docOf(tool, 2)
  return splice(tool, toolEditsToLegacy(doc, doc.root))
}
/** Edits to a tool indexed two levels deep. */
export function toolEditsToLegacy(doc: JsonDoc, tool: JsonNode): Edit[] {
  const schema = member(tool, 'outputSchema')
  if (!schema || !needsWrap(doc, schema)) return []
  return [{ start: schema.start, end: schema.end, text: wrappedSchema(rawOf(doc, schema)) }]
}

const ROOT = '#/properties/result'
/** Keywords that hold data: a `$ref` in there is a value. */
const DATA = new Set(['const', 'enum', 'default', 'examples'])
/** Keywords that map names to subschemas: names in there are no keywords. */
const NAME_MAPS = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies'])

/** `{type: object, properties: {result: <schema>}, required: [result]}`, with references to the old root moved to the new place. */
function wrappedSchema(schema: Buffer): Buffer {
  const doc = docOf(schema, 256)
  const dialect = member(doc.root, '$schema')
  const head = `${dialect?.kind === 'string' ? `"$schema":${rawOf(doc, dialect).toString()},` : ''}"type":"object","properties":{"result":`
  const { start, end } = doc.root
  return splice(schema, [
    { start, end: start, text: `{${head}` },
    ...referenceEdits(doc),
    { start: end, end, text: '},"required":["result"]}' },
  ])
}

function referenceEdits(doc: JsonDoc): Edit[] {
  const edits: Edit[] = []
  const isRecursive = convertsRecursion(doc)
  const pending: { readonly node: JsonNode; readonly isNameMap: boolean }[] = [{ node: doc.root, isNameMap: false }]
  for (const { node, isNameMap } of pending) {
    for (const item of node.items ?? []) pending.push({ node: item, isNameMap: false })
    // a subtree with a base of its own resolves its references against that
    if (!node.members || (!isNameMap && hasOwnBase(doc, member(node, '$id')))) continue
    for (const { key, keyStart, keyEnd, value } of node.members) {
      if (isNameMap) pending.push({ node: value, isNameMap: false })
      else if (key === '$ref' || key === '$dynamicRef') edits.push(...movedReference(doc, value))
      else if (key === '$recursiveRef' && isRecursive && isText(doc, value, '#') && !member(node, '$ref')) {
        edits.push({ start: keyStart, end: keyEnd, text: '"$ref"' }, { start: value.start, end: value.end, text: `"${ROOT}"` })
      } else if (!DATA.has(key)) pending.push({ node: value, isNameMap: NAME_MAPS.has(key) })
    }
  }
  return edits
}

function movedReference(doc: JsonDoc, value: JsonNode): Edit[] {
  const text = value.kind === 'string' ? textOf(doc, value) : ''
  if (text !== '#' && !text.startsWith('#/')) return []
  return [{ start: value.start, end: value.end, text: JSON.stringify(ROOT + text.slice(1)) }]
}

/** A fragment-only `$id` is an anchor (draft-07), not a base. */
const hasOwnBase = (doc: JsonDoc, id: JsonNode | undefined): boolean =>
  id !== undefined && !(id.kind === 'string' && textOf(doc, id).startsWith('#'))

/** JSON Schema 2019-09: `$recursiveRef: "#"` means the root, unless that is a recursive anchor. */
const convertsRecursion = (doc: JsonDoc): boolean => {
  const dialect = member(doc.root, '$schema')
  const is2019 = dialect?.kind === 'string' && textOf(doc, dialect).includes('/draft/2019-09/')
  return is2019 && member(doc.root, '$recursiveAnchor')?.kind !== 'true'
}
