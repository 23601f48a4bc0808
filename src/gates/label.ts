// Who asks, in front of what is asked: hosts show a question under the name of the gateway, and a server's own words may not say it comes from another (N117).

import { latinOf } from '../kernel/look-alikes.ts'

/** What stands in `_meta` of a question, for hosts that show it apart from the text: the alias of the server that asks. */
export const ASKING_KEY = 'io.gatehouse/server'

/** INVARIANT: an alias is lower-case ASCII, so nothing of a server's choosing stands before its message. */
export const labelled = (alias: string, message: string): string => `[${alias} asks through Gatehouse] ${message}`

const OURS = 'asksthroughgatehouse'
/** A message that holds our label, in letters that look like it. */
export const claimsToBeUs = (message: string): boolean =>
  latinOf(message)
    .toLowerCase()
    .replaceAll(/[^a-z]/g, '')
    .includes(OURS)
