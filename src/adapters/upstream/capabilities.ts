// What a caller's capabilities mean to a shared channel.

import { isJsonFault, member, readJson } from '../../mcp/json.ts'

/** Methods during which a legacy server may ask the client something (MRTR's three, R71). */
export const INTERACTIVE_METHODS: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read'])

/** True when the upstream may ask this caller anything: then only one such call may run on a shared channel (protocol.md section 2 no. 4). */
export function isInteractive(capabilities: string): boolean {
  const doc = readJson(Buffer.from(capabilities), { indexDepth: 1 })
  if (isJsonFault(doc)) return false
  return ['elicitation', 'sampling', 'roots'].some(key => member(doc.root, key) !== undefined)
}
