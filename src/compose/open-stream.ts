// Standing streams as the endpoint opens them: held for their principal, watched where their token's issuer is asked about it, and keeping their session alive.

import type { EndpointDeps } from '../http/mcp-endpoint.ts'
import { heldOf, openEventStream, type StreamTable } from '../http/sse-channel.ts'
import type { Authenticator } from '../identity/bearer.ts'
import type { Principal } from '../kernel/principal.ts'
import type { EventStream } from '../pipeline/path.ts'
import type { SessionStore } from './sessions.ts'

type Parts = {
  readonly streams: StreamTable
  readonly sessions: Pick<SessionStore, 'hold'>
  readonly tokens: Pick<Authenticator, 'watch'>
  /** bytes sent to somebody */
  readonly charge: (principal: Principal, bytes: number) => void
}

export const streamOpener =
  ({ streams, sessions, tokens, charge }: Parts): EndpointDeps['openStream'] =>
  (req, res, { principal, endpoint: { aliases, resource }, sessionId }) => {
    const isStillGood = tokens.watch(req.headers.authorization, resource, principal)
    const held = { ...heldOf(principal, aliases), isStillGood }
    const stream = openEventStream(req, res, { table: streams, held, mcpSession: sessionId })
    if (stream && sessionId !== undefined) stream.onClose(sessions.hold(sessionId))
    return stream && charged(stream, bytes => charge(principal, bytes))
  }

const charged = (stream: EventStream, charge: (bytes: number) => void): EventStream => ({
  send(message, eventId) {
    charge(message.length)
    return stream.send(message, eventId)
  },
  end: last => stream.end(last),
  onClose: listener => stream.onClose(listener),
})
