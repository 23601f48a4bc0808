// What a traced request says of itself once it is over, out of the facts its walk added. Nothing of strangers that is no name of the catalogue (kernel/tracing.ts).

import { isStop, type Stop } from '../kernel/errors.ts'
import type { SpanFacts } from '../kernel/tracing.ts'
import { ACTIONS } from '../policy/actions.ts'
import type { Answer, Authenticated, Joined, Received } from './path.ts'
import type { Routed } from './stages/resolve-route.ts'
import type { ServerVerified } from './stages/verify-server.ts'

type Facts = Received & Partial<Authenticated & Joined & Routed & ServerVerified>

// attacker-controlled: a name a host asked for. Only what may be a tool's name (SEP-986), and only once the server was asked whether there is such a thing.
const NAME = /^[A-Za-z0-9_./-]{1,128}$/
const REVISION = /^\d{4}-\d{2}-\d{2}$/

/** What a request is about, from the moment it is known. */
export function traceSubject({ method, route, verified }: Facts): Pick<SpanFacts, 'method' | 'tool' | 'prompt' | 'upstream'> {
  const name = verified && route && NAME.test(route.name) ? route.name : undefined
  return {
    method: Object.hasOwn(ACTIONS, method) ? method : 'other',
    tool: route?.kind === 'tool' ? name : undefined,
    prompt: route?.kind === 'prompt' ? name : undefined,
    upstream: route?.entry.alias,
  }
}

export function traceFacts(x: Facts, end: Answer | Stop): SpanFacts {
  const version = x.hostFace?.version
  const code = !isStop(end) && end.kind === 'error' ? end.code : undefined
  return {
    ...traceSubject(x),
    version: version !== undefined && REVISION.test(version) ? version : undefined,
    endpoint: x.endpoint.kind,
    outcome: isStop(end) ? (x.recorded === undefined ? 'refused' : 'stopped') : end.kind === 'result' ? end.outcome : end.kind,
    error: errorOf(end, code),
    code,
    request: x.requestId,
  }
}

/** `error.type` as OpenTelemetry's conventions for MCP have it: the code of a JSON-RPC error, `tool_error` for a result that is one; our reason for a refusal. */
function errorOf(end: Answer | Stop, code: number | undefined): string | undefined {
  if (isStop(end)) return end.stop
  if (code !== undefined) return String(code)
  return end.kind === 'result' && end.outcome === 'error' ? 'tool_error' : undefined
}
