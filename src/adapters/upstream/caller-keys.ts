// Who shares what: the keys of connections, sessions and caches. Never by what an upstream says of itself (R67).

import type { Caller } from '../../bridge/upstream.ts'

/** Processes, channels, modern streams and faces: one per principal and set of capabilities shown. */
export const callerKey = (caller: Caller): string => `${caller.principal}\n${caller.capabilities}`

/** Legacy HTTP sessions: one per host session besides, since servers keep state in them (protocol.md section 2 no. 5). */
export const sessionKey = (caller: Caller): string => `${callerKey(caller)}\n${caller.affinity}`
