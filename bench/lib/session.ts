// Opens a 2025 session: initialize, then notifications/initialized.

import type { Connection } from './connection.ts'
import { headerOf } from './http1.ts'
import { headOf, initializeBody, INITIALIZED, type Era, type Session } from './messages.ts'

export type Request = { readonly path: string; readonly host: string; readonly era: Era; readonly headers: Record<string, string> }

/** The session's id, or none where the server gives none. Throws on any refusal. */
export async function openSession(connection: Connection, request: Request): Promise<Session> {
  const body = initializeBody()
  const answer = await connection.request(headOf({ ...request, method: 'initialize', length: body.length }), body)
  if (answer.status !== 200) throw new Error(`initialize: status ${answer.status}: ${answer.body.toString('latin1', 0, 300)}`)
  const session = { id: headerOf(answer.head, 'mcp-session-id') }
  const accepted = await connection.request(
    headOf({ ...request, method: 'notifications/initialized', session, length: INITIALIZED.length }),
    INITIALIZED,
  )
  if (accepted.status >= 300) throw new Error(`initialized: status ${accepted.status}`)
  return session
}
