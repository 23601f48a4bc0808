// From a judged response to the answer the pipeline gets.

import { member, textOf } from '../../mcp/json.ts'
import type { ResponseMessage } from '../../mcp/message.ts'
import type { UpstreamAnswer } from '../../bridge/upstream.ts'

/** Longest part of an upstream's error message kept as text; the whole object stays in `error` (N106). */
const MESSAGE_MAX = 1024

export function answerOf(response: ResponseMessage): UpstreamAnswer {
  const { doc, result, error } = response
  if (result) return { kind: 'result', result: { doc, node: result } }
  const code = member(error, 'code')
  const message = member(error, 'message')
  if (!error || !code || !message) return { kind: 'stop', stop: 'upstream-invalid', detail: 'the answer is neither a result nor an error' }
  return {
    kind: 'error',
    code: Number(doc.bytes.toString('latin1', code.start, code.end)),
    message: textOf(doc, message).slice(0, MESSAGE_MAX),
    error: { doc, node: error },
  }
}

/** The error code of an error response, 0 for a result. */
export function codeOf(response: ResponseMessage): number {
  const code = member(response.error, 'code')
  return code ? Number(response.doc.bytes.toString('latin1', code.start, code.end)) : 0
}
