// The place of a request in a distributed trace (W3C Trace Context): the caller's trace goes on upstream, a malformed one is replaced.

import { randomFillSync } from 'node:crypto'

/** `requestId` names this message in logs and audit events; `traceparent` is for the upstream hop, with a span id of our own. */
export type TraceIds = { readonly requestId: string; readonly traceId: string; readonly traceparent: string }

const POOL_BYTES = 8192
// attacker-controlled: lower case only, fixed places, nothing around it (W3C Trace Context section 3.2.2). Later versions may add fields after a dash.
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.{0,256})?$/
const ZERO_TRACE = '0'.repeat(32)
const ZERO_SPAN = '0'.repeat(16)

/** A valid traceparent's trace id and sampled flag, or undefined. */
export function parseTraceparent(value: string): { readonly traceId: string; readonly isSampled: boolean } | undefined {
  if (value.length > 400) return undefined
  const match = TRACEPARENT.exec(value)
  if (match === null) return undefined
  const [, version, traceId = ZERO_TRACE, spanId, flags = '00', rest] = match
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (traceId === ZERO_TRACE || spanId === ZERO_SPAN) return undefined
  return { traceId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/**
 * Makes the ids of one request: from the host's `traceparent` where it is valid, else a fresh, unsampled trace. A new span id each time. Random bytes
 * are drawn in blocks: no system call per request. The span is not unique to an attacker-chosen trace id; nothing is keyed by it.
 */
export function createTraceSource(
  newRequestId: () => string,
  fillRandom: (bytes: Buffer) => unknown = randomFillSync,
): (traceparent: string | undefined) => TraceIds {
  const pool = Buffer.allocUnsafeSlow(POOL_BYTES)
  let at = POOL_BYTES
  function hex(bytes: number): string {
    if (at + bytes > POOL_BYTES) {
      fillRandom(pool)
      at = 0
    }
    at += bytes
    return pool.toString('hex', at - bytes, at)
  }
  // An id of zeros is invalid and would be read as none.
  function idOf(bytes: number): string {
    for (;;) {
      const id = hex(bytes)
      if (!/^0+$/.test(id)) return id
    }
  }
  return traceparent => {
    const parent = traceparent === undefined ? undefined : parseTraceparent(traceparent)
    const traceId = parent?.traceId ?? idOf(16)
    return { requestId: newRequestId(), traceId, traceparent: `00-${traceId}-${idOf(8)}-${parent?.isSampled ? '01' : '00'}` }
  }
}
