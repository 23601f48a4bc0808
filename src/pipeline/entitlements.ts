// What a principal may use of each upstream, found once per verified token and upstream; a reload starts afresh, and so does a block.

import { BLOCKED, Blocks } from '../identity/blocks.ts'
import { digestOf } from '../kernel/digest.ts'
import type { Stop } from '../kernel/errors.ts'
import type { Principal } from '../kernel/principal.ts'
import { entitlementOf, type AllowRule, type Entitlement } from '../policy/allow-list.ts'
import type { UpstreamEntry } from './entry.ts'

export type Entitlements = {
  /** the rules less what is blocked; cached by the principal object a token's verdict holds and by the entry's own rules: both go away by themselves */
  readonly of: (principal: Principal, entry: UpstreamEntry) => Entitlement
  /** why something is refused that the rules would permit: told only to whom they permit it */
  readonly blockOf: (principal: Principal, entry: UpstreamEntry, tool?: string) => Stop | undefined
}

/** `blocks` answers the same object until something is blocked or freed. */
export function createEntitlements(blocks: () => Blocks = () => Blocks.NONE): Entitlements {
  let known = new WeakMap<Principal, WeakMap<UpstreamEntry, Entitlement>>()
  let under = blocks()
  return {
    of(principal, entry) {
      if (under !== blocks()) {
        under = blocks()
        known = new WeakMap()
      }
      let perEntry = known.get(principal)
      if (!perEntry) known.set(principal, (perEntry = new WeakMap()))
      let found = perEntry.get(entry)
      if (!found) perEntry.set(entry, (found = less(under, entry.alias, entitlementOf(entry.rules, principal), principal)))
      return found
    },
    blockOf(principal, entry, tool) {
      const { alias, rules } = entry
      const now = blocks()
      if (now.all.length === 0) return undefined
      if (!now.hasServer(alias) && (tool === undefined || !now.toolsOf(alias)?.has(tool))) return undefined
      const permitted = entitlementOf(rules, principal)
      if (permitted.isEmpty) return undefined
      if (now.hasServer(alias)) return BLOCKED.server
      return tool !== undefined && permitted.permits('tool', tool) !== undefined ? BLOCKED.tool : undefined
    },
  }
}

const NO_RULES: readonly AllowRule[] = []

/** A blocked server has no rules: it does not exist. A blocked tool is permitted by none; the digest differs, so no list is shared with the time before. */
function less(blocks: Blocks, alias: string, entitlement: Entitlement, principal: Principal): Entitlement {
  if (blocks.hasServer(alias)) return entitlementOf(NO_RULES, principal)
  const tools = blocks.toolsOf(alias)
  if (tools === undefined || entitlement.isEmpty) return entitlement
  return {
    permits: (kind, name) => (kind === 'tool' && tools.has(name) ? undefined : entitlement.permits(kind, name)),
    serverRequests: entitlement.serverRequests,
    digest: digestOf(JSON.stringify([entitlement.digest, [...tools].sort()])),
    isEmpty: false,
  }
}
