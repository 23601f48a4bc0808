// What an upstream's HTTP status means for the call it answers. Upstream headers never reach a host; 401, 403 and 5xx are no era evidence (R34, R109).

import type { IncomingHttpHeaders } from 'node:http'
import type { StopAnswer } from './exchange.ts'
import type { ReplyFailure } from './http-reply.ts'
import { UNPINNED, UNVERIFIED } from './pinned-connector.ts'

/** `application/json` of `Application/JSON; charset=utf-8`. */
export function mediaTypeOf(headers: IncomingHttpHeaders): string {
  const value: string | readonly string[] | undefined = headers['content-type']
  if (typeof value !== 'string') return ''
  const end = value.indexOf(';')
  return (end < 0 ? value : value.slice(0, end)).trim().toLowerCase()
}

/** Whole seconds of a Retry-After header, at most an hour; dates are not read. */
function retryAfterOf(headers: IncomingHttpHeaders): number | undefined {
  const value: unknown = headers['retry-after']
  return typeof value === 'string' && /^[0-9]{1,6}$/.test(value) ? Math.min(Number(value), 3600) : undefined
}

/** What a status says where the body says nothing usable. */
export function stopOf(status: number, headers: IncomingHttpHeaders): StopAnswer {
  const retry = retryAfterOf(headers)
  const after = retry !== undefined && { retryAfterSeconds: retry }
  if (status >= 300 && status < 400)
    return {
      kind: 'stop',
      stop: 'upstream-unavailable',
      detail: `answered with a redirect (${status}), which is never followed: configure its final url`,
    }
  if (status === 401 || status === 403)
    return { kind: 'stop', stop: 'upstream-unavailable', detail: `refused the gateway's own credential (${status})` }
  if (status === 429) return { kind: 'stop', stop: 'upstream-overloaded', detail: 'limits its callers (429)', ...after }
  if (status >= 500) return { kind: 'stop', stop: 'upstream-unavailable', detail: `answered with status ${status}`, ...after }
  return { kind: 'stop', stop: 'upstream-invalid', detail: `answered with status ${status} and no usable message` }
}

export function stopOfFailure(failure: ReplyFailure): StopAnswer {
  const code = failure.code === '' ? '' : ` (${failure.code})`
  switch (failure.kind) {
    case 'unreached':
      if (failure.code === UNPINNED) return { kind: 'stop', stop: 'upstream-unavailable', detail: UNPINNED_DETAIL }
      if (failure.code === UNVERIFIED) return { kind: 'stop', stop: 'server-unverified', detail: UNVERIFIED_DETAIL }
      return { kind: 'stop', stop: 'upstream-unavailable', detail: `could not be reached${code}` }
    case 'lost':
      return { kind: 'stop', stop: 'upstream-lost', detail: `the connection ended before the answer${code}` }
    case 'too-large':
      return { kind: 'stop', stop: 'upstream-invalid', detail: 'a message is larger than `limits.messageSize`' }
    case 'encoded':
      return { kind: 'stop', stop: 'upstream-invalid', detail: 'the answer is compressed, which was not asked for' }
  }
}

const UNPINNED_DETAIL = 'its TLS key is none of those that are pinned (`spkiSha256`): nothing was sent to it'
const UNVERIFIED_DETAIL = 'it may not be used now: nothing was sent to it'
