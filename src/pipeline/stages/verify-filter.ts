// subscriptions/listen: of the resources in a filter, those that are what was admitted go upstream, as with resources/subscribe; what is honoured says which (R80).

import { isStop } from '../../kernel/errors.ts'
import type { GatewayDeps, ListenFilter } from '../deps.ts'
import type { Authenticated, Classified, Joined, Received, Stage } from '../path.ts'
import type { Filtered } from './check-scopes.ts'

/** The filter without what is held, or cannot be compared now. */
export type FilterVerified = { readonly filter: ListenFilter; readonly isFilterVerified: true }
type Need = Received & Classified & Authenticated & Joined & Filtered
type Deps = Pick<GatewayDeps, 'catalogue' | 'upstreams' | 'entitlement'>

/** Names compared between two pauses: one filter may hold a thousand, and a server as many templates. */
const PAUSE_NAMES = 50

export const verifyFilterStage = (deps: Deps): Stage<Need, FilterVerified> => ({
  name: 'verify-server',
  run: async x => {
    const admitted: string[] = []
    let done = 0
    for (const name of x.filter.resourceSubscriptions) {
      if (++done % PAUSE_NAMES === 0) await new Promise<void>(resolve => setImmediate(resolve))
      if (await isAdmitted(deps, x, name)) admitted.push(name)
    }
    return { filter: { ...x.filter, resourceSubscriptions: admitted }, isFilterVerified: true }
  },
})

/** Nothing is asked of a server for a name that does not exist for the principal. */
async function isAdmitted({ catalogue, upstreams, entitlement }: Deps, x: Need, exposed: string): Promise<boolean> {
  const found = catalogue.ownUri(x.endpoint, exposed)
  const entry = found && upstreams().get(found.alias)
  if (!entry || entitlement(x, entry).permits('resource', found.uri) === undefined) return false
  return !isStop(await catalogue.verify(x, entry, { kind: 'resource', name: found.uri }))
}
