// Tells a 2025-11-25 session that what its person was sent to is done: `notifications/elicitation/complete` (R97), to this session and nobody else.

import type { AwaitedAccount } from '../bridge/legacy-session.ts'
import { isStop } from '../kernel/errors.ts'
import type { ConnectLink, GatewayDeps } from './deps.ts'
import type { UpstreamEntry } from './entry.ts'
import { notification } from './feed-messages.ts'
import type { Authenticated, Joined, Received } from './path.ts'

export type NoticeDeps = Pick<GatewayDeps, 'credentials' | 'recorder'>

const METHOD = 'notifications/elicitation/complete'
/** Links of one upstream that a session waits for; a host that asks for more hears of the newest. */
const MAX_IDS = 8

/**
 * From now on the session waits for this account. Costs one listener per upstream and session; it goes with the session. Whatever link is used, all of the
 * account have served. Where the session has no standing stream by then, nothing is told: hosts may always try again by themselves.
 */
export function awaitConnection(x: Received & Authenticated & Joined, entry: UpstreamEntry, link: ConnectLink, deps: NoticeDeps): void {
  const { session, principal } = x
  const account = entry.credential?.account
  if (!session || session.isClosed || account === undefined) return
  const awaited = (session.awaited ??= new Map<string, AwaitedAccount>())
  const known = awaited.get(entry.alias)
  if (known?.account === account) {
    known.ids.delete(link.id)
    known.ids.add(link.id)
    for (const oldest of known.ids) {
      if (known.ids.size <= MAX_IDS) break
      known.ids.delete(oldest)
    }
    return
  }
  known?.stop()
  const ids = new Set([link.id])
  const record = deps.recorder.later(x)
  const tell = async (): Promise<void> => {
    // It may also have gone, or be another application's.
    const found = await deps.credentials.of({ principal }, entry)
    if (found === undefined || isStop(found) || awaited.get(entry.alias)?.ids !== ids) return
    stop()
    awaited.delete(entry.alias)
    for (const id of ids) {
      const params = JSON.stringify({ elicitationId: id })
      if (session.isClosed || !session.standalone) return
      await record({ method: METHOD, params: Buffer.from(params), decision: 'allowed', rules: [] })
      session.standalone.send(notification(METHOD, params))
    }
  }
  // Without a durable record nothing is told; that the log cannot be written shows everywhere else.
  const stop = deps.credentials.onChange(principal.key, entry, () => void tell().catch(() => {}))
  awaited.set(entry.alias, { account, ids, stop })
}
