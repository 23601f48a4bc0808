// What a tool's definition says of its effects (MCP ToolAnnotations): only where it is admitted does anybody rely on it.

import { isJsonFault, member, readJson } from '../mcp/json.ts'
import type { ToolHints } from '../policy/facts.ts'

const HINTS = ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'] as const

/** Of a definition as listed; what is neither true nor false was not said. */
export function readToolHints(raw: Buffer): ToolHints {
  const doc = readJson(raw, { indexDepth: 2 })
  const annotations = isJsonFault(doc) ? undefined : member(doc.root, 'annotations')
  const said = HINTS.flatMap(hint => {
    const kind = member(annotations, hint)?.kind
    return kind === 'true' || kind === 'false' ? [[hint, kind === 'true'] as const] : []
  })
  return Object.fromEntries(said)
}
