// What a principal may use of each upstream, found once per verified token and upstream; a reload starts afresh.

import type { Principal } from '../kernel/principal.ts'
import { entitlementOf, type Entitlement } from '../policy/allow-list.ts'
import type { UpstreamEntry } from './entry.ts'

/** Keyed by the principal object a token's cached verdict holds and by the entry's own rules: both go away by themselves. */
export function createEntitlements(): (principal: Principal, entry: UpstreamEntry) => Entitlement {
  const known = new WeakMap<Principal, WeakMap<UpstreamEntry, Entitlement>>()
  return (principal, entry) => {
    let perEntry = known.get(principal)
    if (!perEntry) known.set(principal, (perEntry = new WeakMap()))
    let found = perEntry.get(entry)
    if (!found) perEntry.set(entry, (found = entitlementOf(entry.rules, principal)))
    return found
  }
}
