// What the bridge itself has to say to a host: JSON-RPC errors that name what went wrong and what would fix it, never a token.

import type { Era } from '../mcp/revisions.ts'
import { CODE } from '../mcp/revisions.ts'
import { Fault } from '../kernel/errors.ts'

/** Stable reasons in `error.data.reason` of errors that the bridge makes; those of the gateway pass through untouched. */
type FailureReason =
  | 'answer-lost'
  | 'answer-unusable'
  | 'bridge-ending'
  | 'gateway-unreachable'
  | 'gateway-untrusted'
  | 'message-invalid'
  | 'session-ended'
  | 'token-refused'
  | 'token-unavailable'
  | 'too-many-requests'

/** `message` and `fix` are lower case, without a full stop, and hold nothing secret. */
export type Failure = { readonly reason: FailureReason; readonly message: string; readonly fix?: string; readonly code?: number }

/** Thrown while nothing of a request can have had an effect (`isSafe`: it may be sent again), or after it may have had one. */
export class FailureFault extends Fault {
  readonly failure: Failure
  readonly isSafe: boolean
  constructor(failure: Failure, isSafe: boolean, options?: { cause?: unknown }) {
    super(failure.reason, failure.message, options)
    this.failure = failure
    this.isSafe = isSafe
  }
}

/** What to tell about anything thrown on the way. */
export function failureOf(error: unknown): Failure {
  if (error instanceof FailureFault) return error.failure
  if (error instanceof Fault) return { reason: 'token-unavailable', message: error.message }
  return LOST
}

export const LOST: Failure = {
  reason: 'answer-lost',
  message: 'the connection to the gateway broke before the answer; the request may have been carried out',
  fix: 'look whether it was before you send it again',
}

/** `id` is the exact text of the request's id; without one the error answers nothing in particular. The fix stands in the message too: few hosts show `data`. */
export function errorLine(id: string | undefined, { reason, message, fix, code }: Failure): Buffer {
  const text = `gatehouse stdio: ${message}${fix === undefined ? '' : `: ${fix}`}`
  const error = JSON.stringify({ code: code ?? CODE.internal, message: text, data: { reason, ...(fix !== undefined && { fix }) } })
  return Buffer.from(id === undefined ? `{"jsonrpc":"2.0","error":${error}}` : `{"jsonrpc":"2.0","id":${id},"error":${error}}`)
}

/** A status that came without a JSON-RPC message. `location` of a redirect is not repeated: it is anybody's text. */
export function statusFailure(status: number, url: string, era: Era): Failure {
  if (status >= 300 && status < 400)
    return {
      reason: 'answer-unusable',
      message: `${url} answered with a redirect (${status}), which is never followed`,
      fix: 'name the final address with --url',
    }
  return {
    reason: 'answer-unusable',
    message: `${url} answered a ${era} request with status ${status} and no MCP message`,
    fix: 'check that this is an MCP endpoint of Gatehouse',
  }
}
