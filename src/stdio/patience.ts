// Sending through a restart of the gateway: what certainly had no effect is sent again for a few seconds, and nothing else ever is.

import { Fault } from '../kernel/errors.ts'
import { isJsonFault, member, readJson, textOf } from '../mcp/json.ts'
import { FailureFault } from './failures.ts'
import type { GatewayHttp, Outgoing, Reply } from './gateway-http.ts'

/** Milliseconds between attempts; together about as long as a gateway takes to come back. */
const PAUSES = [250, 500, 1000, 2000] as const

export type Delay = (ms: number, signal: AbortSignal) => Promise<void>

/** Like `http.send`, but waits for a gateway that is starting or stopping. */
export async function sendPatiently(http: GatewayHttp, outgoing: Outgoing, signal: AbortSignal, delay: Delay): Promise<Reply> {
  for (const pause of PAUSES) {
    try {
      const reply = await http.send(outgoing, signal)
      if (!isDraining(reply)) return reply
    } catch (error) {
      if (signal.aborted || !isBeforeSending(error)) throw error
    }
    await delay(pause, signal)
  }
  return http.send(outgoing, signal)
}

const isBeforeSending = (error: unknown): boolean =>
  error instanceof FailureFault ? error.isSafe : error instanceof Fault && error.code === 'evaluation-unreachable'

/** A stopping gateway says so before it looks at the request (`draining`); other 503s may come after the fact. */
const isDraining = ({ status, body }: Reply): boolean => status === 503 && reasonOf(body) === 'draining'

/** `error.data.reason` of a JSON-RPC error, or undefined. */
function reasonOf(body: Buffer): string | undefined {
  const doc = readJson(body, { maxDepth: 256 })
  if (isJsonFault(doc)) return undefined
  const reason = member(member(member(doc.root, 'error'), 'data'), 'reason')
  return reason?.kind === 'string' ? textOf(doc, reason) : undefined
}
