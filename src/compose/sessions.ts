// The legacy sessions of this process: the identity room's table, holding the bridge's sessions.

import { randomBytes } from 'node:crypto'
import { ReplayBudget, SessionStreams } from '../bridge/replay.ts'
import { LegacySession, type Timers } from '../bridge/legacy-session.ts'
import type { Snapshot } from '../config/schema.ts'
import { SessionTable, type Session } from '../identity/session.ts'
import { isStop } from '../kernel/errors.ts'
import type { Sessions } from '../pipeline/deps.ts'

const TIMERS: Timers = {
  set: (callback, ms) => setTimeout(callback, ms).unref(),
  clear: timer => clearTimeout(timer),
}

export type SessionStore = Sessions & {
  readonly size: number
  /** ends what is idle; called by the one timer */
  sweep(): void
  /** a standing stream keeps its session alive */
  hold(id: string): () => void
  /** ends those whose opener may no longer use them; how many */
  endWhere(isOver: (session: Session<LegacySession>) => boolean): number
  /** standing streams end; hosts reconnect and resume elsewhere or after a restart */
  closeAll(): void
}

/** `onEnd` lets upstreams go of what was opened for the session. */
export function createSessions(snapshot: () => Snapshot, onEnd: (session: LegacySession) => void): SessionStore {
  const budget = new ReplayBudget(() => snapshot().limits.replayTotalBytes)
  const table = new SessionTable<LegacySession>({
    limits: {
      get total() {
        return snapshot().limits.sessions
      },
      get perPrincipal() {
        return snapshot().limits.sessionsPerPrincipal
      },
      get idleSeconds() {
        return snapshot().limits.sessionIdleSeconds
      },
    },
    now: () => performance.now(),
    randomBytes,
    isBusy: session => session.inFlight > 0,
    onEnd: session => {
      session.value.close('the session ended')
      onEnd(session.value)
    },
  })
  const makeStreams = (): SessionStreams => {
    const { replayEvents, replayBytes } = snapshot().limits
    return new SessionStreams(budget, { events: replayEvents, bytes: replayBytes })
  }
  return {
    get size() {
      return table.size
    },
    open(principal, endpoint, fields) {
      const { issuer, client, sessionId, issuedAtSeconds } = principal
      const make = (id: string): LegacySession => new LegacySession({ id, ...fields }, TIMERS, makeStreams)
      const session = table.open(principal.key, endpoint.resource, make, { issuer, client, sessionId, issuedAtSeconds })
      return isStop(session) ? session : session.value
    },
    find: (id, principal, endpoint) => table.find(id, principal.key, endpoint.resource)?.value,
    end: id => void table.end({ id }),
    sweep: () => table.sweep(),
    hold(id) {
      table.hold({ id })
      return () => table.release({ id })
    },
    endWhere: isOver => table.endWhere(isOver),
    closeAll: () => table.endAll(),
  }
}
