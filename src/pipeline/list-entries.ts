// What is read out of lists and their entries for hosts: declared headers, wrapped outputs, `_meta` of results.

import { isWrappedOutput } from '../bridge/translate-tools.ts'
import type { Entry } from '../catalog/entry.ts'
import type { LiveList } from '../catalog/lists.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import { isJsonFault, member, rawOf, readJson } from '../mcp/json.ts'
import { META, type Era } from '../mcp/revisions.ts'
import { removeMembers, setMember } from '../mcp/splice.ts'
import type { DeclaredHeaders } from './catalogue.ts'

/** x-mcp-header declarations of a tool, see Catalogue.toolHeaders. */
export function headersIn(list: LiveList | Stop, tool: string): DeclaredHeaders {
  if (isStop(list)) return list
  const entry = list.find(tool)
  if (entry) return { headers: entry.headers }
  return list.refusalOf(tool) === undefined ? undefined : 'excluded'
}

/** `_meta` of a list result: a modern host learns who answers (R21), a legacy one never sees the 2026 keys. */
export const metaFor =
  (serverInfo: object) =>
  (era: Era, own: Buffer | undefined): Buffer | undefined => {
    const doc = own && readJson(own, { indexDepth: 1 })
    const hasInfo = doc !== undefined && !isJsonFault(doc) && member(doc.root, META.serverInfo) !== undefined
    if (era === 'modern') return hasInfo ? own : setMember(own ?? Buffer.from('{}'), META.serverInfo, JSON.stringify(serverInfo))
    const kept = own && hasInfo ? removeMembers(own, new Set([META.serverInfo])) : own
    return kept?.equals(EMPTY) ? undefined : kept
  }
const EMPTY = Buffer.from('{}')

const wrapped = new WeakMap<Entry, boolean>()
/** Whether legacy hosts see this tool's output wrapped. */
export function wraps(entry: Entry): boolean {
  let known = wrapped.get(entry)
  if (known === undefined) {
    const doc = readJson(entry.raw, { indexDepth: 1 })
    const schema = isJsonFault(doc) ? undefined : member(doc.root, 'outputSchema')
    wrapped.set(entry, (known = schema !== undefined && !isJsonFault(doc) && isWrappedOutput(rawOf(doc, schema))))
  }
  return known
}
