// The gateway's own findings in a result or an error, and nobody else's: written into bytes without parsing them, taken out of bytes of those who would forge them.

import type { Inspection } from '../inspection/inspector.ts'
import { isJsonFault, readJson, type JsonNode } from '../mcp/json.ts'
import { objectEdits, splice, type Edit } from '../mcp/splice.ts'
import { FINDINGS_KEY } from './noticed.ts'

const OPEN = 0x7b
const CLOSE = 0x7d
const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/** Puts findings into `place` of the object, which is made where there is none. Undefined: what stands there is no object, and stays as it is. */
export function findingsEdit(object: Buffer, { placeAt }: Pick<Inspection, 'placeAt'>, place: string, findings: string): Edit | undefined {
  const member = `"${FINDINGS_KEY}":${findings}`
  if (placeAt < 0) return insertion(object, 0, `"${place}":{${member}}`)
  let at = placeAt
  while (isSpace(object[at]) || object[at] === 0x3a) at++
  return insertion(object, at, member)
}

/** Behind the brace at `at`. */
function insertion(object: Buffer, at: number, member: string): Edit | undefined {
  if (object[at] !== OPEN) return undefined
  let next = at + 1
  while (isSpace(object[next])) next++
  return { start: at + 1, end: at + 1, text: object[next] === CLOSE ? member : `${member},` }
}

/** Without what somebody else put under our key, at any depth; undefined where the document is too large to be taken apart. Only for those who forge. */
export function withoutForged(object: Buffer, place: string): Buffer | undefined {
  const doc = readJson(object, { maxDepth: 256, indexDepth: 256 })
  if (isJsonFault(doc)) return undefined
  const edits: Edit[] = []
  const visit = (node: JsonNode, isOurs: boolean, depth: number): void => {
    if (isOurs && node.members?.some(({ key }) => key === FINDINGS_KEY) === true)
      edits.push(...objectEdits(node, key => key === FINDINGS_KEY))
    for (const { key, value } of node.members ?? []) {
      if (!(isOurs && key === FINDINGS_KEY)) visit(value, key === '_meta' || (depth === 0 && key === place), depth + 1)
    }
    for (const item of node.items ?? []) visit(item, false, depth + 1)
  }
  visit(doc.root, false, 0)
  return edits.length === 0 ? undefined : splice(object, edits)
}
