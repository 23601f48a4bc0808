// The caller's own credential for this upstream, before anything leaves for it. Without one the call stops here: there is no shared fallback.

import type { Caller, CallerCredential } from '../../bridge/upstream.ts'
import { isStop, type Stop } from '../../kernel/errors.ts'
import { askToConnect, type AskDeps } from '../ask-to-connect.ts'
import type { Authenticated, Classified, Joined, Received, Stage } from '../path.ts'
import type { Prepared } from './prepare-arguments.ts'
import type { Routed } from './resolve-route.ts'

/** For whom the upstream is used, with the credential that all its traffic carries. */
export type Credentialed = { readonly caller: Caller }
type Need = Received & Classified & Authenticated & Joined & Routed & Partial<Prepared>

export const resolveCredentialStage = (deps: AskDeps): Stage<Need, Credentialed> => ({
  name: 'resolve-credential',
  run: x => {
    const { entry } = x.route
    const found = deps.credentials.of(x, entry)
    return found instanceof Promise ? found.then(own => settle(x, own, deps)) : settle(x, found, deps)
  },
})

function settle(x: Need, found: CallerCredential | Stop | undefined, deps: AskDeps): Credentialed | Stop | Promise<Stop> {
  const { entry, entitlement } = x.route
  if (found === undefined && x.prepared) return { caller: x.prepared.face.caller }
  if (found !== undefined && isStop(found)) return askToConnect(x, entry, found, deps)
  return { caller: deps.callers.of(x, entry, entitlement, found).caller }
}
