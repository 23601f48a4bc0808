// Whether the token has every scope the operation needs, decided before the first byte of an answer, all that is missing named at once (MCP authorization, R108).

import { isStop, type Stop } from '../../kernel/errors.ts'
import { member } from '../../mcp/json.ts'
import type { GatewayDeps, ListenFilter } from '../deps.ts'
import { readFilter } from '../listen-filter.ts'
import type { Authenticated, Classified, Joined, Permitted, Received, Stage } from '../path.ts'
import { scopeStop } from '../scope-stop.ts'
import type { Routed } from './resolve-route.ts'

export type Scoped = { readonly isScoped: true }
const HELD: Scoped = { isScoped: true }

// Behind evaluate-policy: what is not permitted does not exist, whatever the token says (N025).
export const checkScopesStage: Stage<Received & Authenticated & Routed & Permitted, Scoped> = {
  name: 'check-scopes',
  run: ({ route, principal, endpoint }) => {
    const missing = route.entry.scopes.missing(principal, route.kind, route.name)
    return missing ? scopeStop(missing, principal, endpoint) : HELD
  },
}

export type Filtered = { readonly filter: ListenFilter }

/** subscriptions/listen names many things at once: the scopes of all resources and tasks in it that exist for the principal. */
export const checkFilterScopesStage = (
  deps: Pick<GatewayDeps, 'feeds'>,
): Stage<Received & Classified & Authenticated & Joined, Filtered> => ({
  name: 'check-scopes',
  run: (x): Filtered | Stop => {
    const filter = x.doc && readFilter(x.doc, member(x.params, 'notifications'))
    if (!filter) return { stop: 'params-invalid', detail: 'expected an object in `params.notifications`' }
    if (isStop(filter)) return filter
    const missing = deps.feeds.missingScopes(x, filter)
    return missing.length > 0 ? scopeStop(missing, x.principal, x.endpoint) : { filter }
  },
})
