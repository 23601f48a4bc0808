// Who shares what of an upstream: connections, faces, lists and streams of changes. Never by what an upstream says of itself (R67).

import type { Caller } from './upstream.ts'

/** One per principal, set of capabilities shown, and credential: nobody rides on a connection that somebody else's credential opened (N027). */
export const callerKey = ({ principal, capabilities, credential }: Caller): string =>
  credential === undefined ? `${principal}\n${capabilities}` : `${principal}\n${capabilities}\n${credential.id}`
