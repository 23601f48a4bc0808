// The key of legacy HTTP sessions; everything else is keyed by the caller alone (bridge/caller-key.ts).

import { callerKey } from '../../bridge/caller-key.ts'
import type { Caller } from '../../bridge/upstream.ts'

/** Legacy HTTP sessions: one per host session besides, since servers keep state in them (protocol.md section 2 no. 5). */
export const sessionKey = (caller: Caller): string => `${callerKey(caller)}\n\n${caller.affinity}`
