// What a principal may use of each upstream, found once per verified token and upstream; a reload starts afresh, and so does a block.

import { BLOCKED, Blocks } from '../identity/blocks.ts'
import { digestOf } from '../kernel/digest.ts'
import type { Stop } from '../kernel/errors.ts'
import type { Principal } from '../kernel/principal.ts'
import { entitlementOf, type Entitlement } from '../policy/allow-list.ts'
import type { UpstreamEntry } from './entry.ts'
import type { Asker, Judge } from './judge.ts'

export type Entitlements = {
  /** the rules less what is blocked; cached by the principal object a token's verdict holds and by the entry's own rules: both go away by themselves */
  readonly of: (asker: Asker, entry: UpstreamEntry) => Entitlement
  /** why something is refused that the rules would permit: told only to whom they permit it */
  readonly blockOf: (asker: Asker, entry: UpstreamEntry, tool?: string) => Stop | undefined
}

/** `blocks` answers the same object until something is blocked or freed. With rules in force they say what is permitted, allow rules among them. */
export function createEntitlements(
  blocks: () => Blocks = () => Blocks.NONE,
  judge: Pick<Judge, 'rules' | 'entitlement'> = NO_RULES,
): Entitlements {
  let known = new WeakMap<Principal, WeakMap<UpstreamEntry, Entitlement>>()
  let under = blocks()
  return {
    of(asker, entry) {
      const { rules } = judge
      if (rules) return less(blocks(), entry.alias, judge.entitlement(rules, asker, entry))
      const { principal } = asker
      if (under !== blocks()) {
        under = blocks()
        known = new WeakMap()
      }
      let perEntry = known.get(principal)
      if (!perEntry) known.set(principal, (perEntry = new WeakMap()))
      let found = perEntry.get(entry)
      if (!found) perEntry.set(entry, (found = less(under, entry.alias, entitlementOf(entry.rules, principal))))
      return found
    },
    blockOf(asker, entry, tool) {
      const { alias } = entry
      const now = blocks()
      if (now.all.length === 0) return undefined
      if (!now.hasServer(alias) && (tool === undefined || !now.toolsOf(alias)?.has(tool))) return undefined
      const { rules } = judge
      const permitted = rules ? judge.entitlement(rules, asker, entry) : entitlementOf(entry.rules, asker.principal)
      if (permitted.isEmpty) return undefined
      if (now.hasServer(alias)) return BLOCKED.server
      return tool !== undefined && permitted.permits('tool', tool) !== undefined ? BLOCKED.tool : undefined
    },
  }
}

/** A blocked server has no rules: it does not exist. A blocked tool is permitted by none; the digest differs, so no list is shared with the time before. */
function less(blocks: Blocks, alias: string, entitlement: Entitlement): Entitlement {
  if (blocks.hasServer(alias)) return NOTHING
  const tools = blocks.toolsOf(alias)
  if (tools === undefined || entitlement.isEmpty) return entitlement
  return {
    permits: (kind, name) => (kind === 'tool' && tools.has(name) ? undefined : entitlement.permits(kind, name)),
    isBlocked: (kind, name) => kind === 'tool' && tools.has(name),
    // Worked out only where they are asked for.
    get mayFollowTasks() {
      return entitlement.mayFollowTasks ?? true
    },
    get serverRequests() {
      return entitlement.serverRequests
    },
    get digest() {
      return digestOf(JSON.stringify([entitlement.digest, [...tools].sort()]))
    },
    isEmpty: false,
  }
}
const NO_RULES = { rules: undefined, entitlement: () => NOTHING }
const NOTHING: Entitlement = { permits: () => undefined, serverRequests: new Set(), digest: 'blocked', isEmpty: true }
