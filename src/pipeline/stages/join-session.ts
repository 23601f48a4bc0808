// What the host is: a modern host says it in every request, a legacy one said it when its session began (R46-R48).

import type { LegacySession } from '../../bridge/legacy-session.ts'
import type { GatewayDeps } from '../deps.ts'
import type { Authenticated, Classified, Joined, Received, Stage } from '../path.ts'
import type { Stop } from '../../kernel/errors.ts'
import { LEGACY_VERSIONS, MODERN_VERSION } from '../../mcp/revisions.ts'

export const joinSessionStage = (deps: Pick<GatewayDeps, 'sessions'>): Stage<Received & Classified & Authenticated, Joined> => ({
  name: 'join-session',
  run: x => (x.era === 'modern' ? fromEnvelope(x) : fromSession(x, deps)),
})

function fromEnvelope(x: Classified): Joined {
  const { capabilities, clientInfo, logLevel } = x.envelope
  return {
    hostFace: { version: MODERN_VERSION, capabilities, ...(clientInfo && { clientInfo }), ...(logLevel !== undefined && { logLevel }) },
  }
}

function fromSession(x: Received & Authenticated, deps: Pick<GatewayDeps, 'sessions'>): Joined | Stop {
  const { sessionId, protocolVersion } = x.headers
  // R3: a batch is no message of a modern host, and of no host before it has a session.
  if (x.doc === undefined && x.method === 'session/batch' && (sessionId === undefined || protocolVersion === MODERN_VERSION))
    return { stop: 'message-invalid', detail: 'batches exist in 2025-03-26 sessions only' }
  // R18: to a modern host GET and DELETE do not exist, whatever session it names.
  if (sessionId === undefined || (x.doc === undefined && protocolVersion === MODERN_VERSION))
    return x.doc === undefined
      ? { stop: 'http-method-refused', detail: 'a session is required for this method', fix: 'POST `initialize` first' }
      : { stop: 'session-missing', detail: 'the request names no session', fix: 'POST `initialize` first, or send the 2026-07-28 envelope' }
  const session = deps.sessions.find(sessionId, x.principal, x.endpoint)
  if (!session) return { stop: 'session-unknown', fix: 'POST `initialize` again' }
  // R48: absent means known from the session; another revision than the negotiated one is refused.
  if (protocolVersion !== undefined && protocolVersion !== session.version)
    return (LEGACY_VERSIONS as readonly string[]).includes(protocolVersion)
      ? { stop: 'header-invalid', detail: 'MCP-Protocol-Version differs from the negotiated revision', fix: `send \`${session.version}\`` }
      : { stop: 'header-invalid', detail: 'MCP-Protocol-Version is not a supported revision', fix: `send \`${session.version}\`` }
  const inUse = begin(x, session)
  if (inUse) return inUse
  return {
    session,
    hostFace: {
      version: session.version,
      capabilities: session.capabilities,
      ...(session.clientInfo && { clientInfo: session.clientInfo }),
      ...(session.logLevel !== undefined && { logLevel: session.logLevel }),
    },
  }
}

/** A legacy request id is unique within its session while in flight: notifications/cancelled names requests by it. */
function begin(x: Received, session: LegacySession): Stop | undefined {
  if (x.message?.kind !== 'request') return undefined
  if (!session.begin(x.message.id, x.host.cancellation)) return { stop: 'message-invalid', detail: 'the request id is in use' }
  x.host.join?.(session)
  return undefined
}
