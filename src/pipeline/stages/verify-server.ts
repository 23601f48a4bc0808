// The server is admitted and what is asked for is what was admitted, or nothing goes upstream. Behind policy and scopes, so that nobody hears of drift who may not use it.

import { isStop, type Stop } from '../../kernel/errors.ts'
import { askToConnect, type AskDeps } from '../ask-to-connect.ts'
import type { Verified } from '../catalogue.ts'
import type { GatewayDeps } from '../deps.ts'
import type { Authenticated, Classified, Joined, Permitted, Received, Stage } from '../path.ts'
import type { Scoped } from './check-scopes.ts'
import type { Routed } from './resolve-route.ts'

/** `by`: digest of the admitted surface, or `configuration` where the configuration alone says that the server may be used. */
export type ServerVerified = { readonly verified: Verified }
type Need = Received & Classified & Authenticated & Joined & Routed & Permitted & Scoped

export const verifyServerStage = (deps: AskDeps & Pick<GatewayDeps, 'catalogue'>): Stage<Need, ServerVerified> => ({
  name: 'verify-server',
  run: x => {
    const { entry, kind, name } = x.route
    const verdict = deps.catalogue.verify(x, entry, { kind, name })
    if (!(verdict instanceof Promise)) return isStop(verdict) ? settle(x, verdict, deps) : { verified: verdict }
    return verdict.then(found => (isStop(found) ? settle(x, found, deps) : { verified: found }))
  },
})

/** Without a connected account there is no list to compare with, and nothing goes upstream either: the host is asked to connect first. */
function settle(x: Need, stop: Stop, deps: AskDeps): Stop | Promise<Stop> {
  if (stop.stop === 'connection-required') return askToConnect(x, x.route.entry, stop, deps)
  return stop.stop === 'unknown' ? { ...stop, ...x.route.absent } : stop
}
