// What is taken out of content: spans of its strings and keys become marks, and every other byte stays.

import type { Span } from '../inspection/spans.ts'
import type { Edit } from '../mcp/splice.ts'

/** Marks need no escape. Keys are numbered: two that became one would be no JSON. */
export const redactions = (spans: readonly Span[]): Edit[] =>
  spans.map(({ code, start, end, isKey }, i) => ({ start, end, text: isKey ? `[redacted: ${code} ${i + 1}]` : `[redacted: ${code}]` }))
