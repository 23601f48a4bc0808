// Effective capabilities per host and entitlement, computed once and found again by what they depend on.

import { readCapabilities, upstreamCapabilities, type HostCapabilities, type RequestKind } from '../bridge/capabilities.ts'
import type { Caller, CallerCredential } from '../bridge/upstream.ts'
import type { Principal } from '../kernel/principal.ts'
import type { Era } from '../mcp/revisions.ts'
import type { Joined } from './path.ts'
import type { Entitlement } from '../policy/allow-list.ts'
import type { Callers } from './deps.ts'
import type { CallerFace } from './entry.ts'

type Effective = { readonly host: HostCapabilities; readonly kinds: ReadonlySet<RequestKind>; readonly text: string }

/** Distinct capability declarations kept; hosts repeat themselves, an attacker only costs a re-read. */
const MAX_DECLARATIONS = 1000
const NOTHING: HostCapabilities = { kinds: new Set(), modes: new Map(), extensions: new Map() }

export function createCallers(): Callers {
  const declared = new Map<string, { readonly host: HostCapabilities; readonly effective: Map<string, Effective> }>()

  function readDeclared(text: string, era: Era, version: string) {
    const key = `${version} ${text}`
    let found = declared.get(key)
    if (!found) {
      if (declared.size >= MAX_DECLARATIONS) declared.clear()
      found = { host: text === '{}' ? NOTHING : readCapabilities(text, era, version), effective: new Map() }
      declared.set(key, found)
    }
    return found
  }

  function effectiveOf(x: { readonly era: Era } & Joined, entitlement: Entitlement): Effective {
    const { host, effective } = readDeclared(x.hostFace.capabilities, x.era, x.hostFace.version)
    let known = effective.get(entitlement.digest)
    if (!known) {
      const kinds = new Set([...host.kinds].filter(k => entitlement.serverRequests.has(k)))
      known = { host, kinds, text: upstreamCapabilities(kinds, host, x.era) }
      if (effective.size >= MAX_DECLARATIONS) effective.clear()
      effective.set(entitlement.digest, known)
    }
    return known
  }
  const declaredBy = (x: { readonly era: Era } & Joined): HostCapabilities =>
    readDeclared(x.hostFace.capabilities, x.era, x.hostFace.version).host

  return {
    declared: declaredBy,
    kinds: (x, entry, entitlement) => (entry.isShared ? NOTHING.kinds : effectiveOf(x, entitlement).kinds),
    of(x, entry, entitlement, credential): CallerFace {
      if (entry.isShared) return { host: declaredBy(x), kinds: NOTHING.kinds, caller: SHARED }
      const { host, kinds, text } = effectiveOf(x, entitlement)
      return { host, kinds, caller: callerOf(x, entry.alias, text, credential) }
    },
  }
}

/** Servers an administrator marked stateless and credential-free: one connection, no capabilities, nothing of anybody. */
const SHARED: Caller = { principal: '*', capabilities: '{}', affinity: '' }

/** A session keeps its callers, so that what was opened for it can be let go when it ends. */
function callerOf(
  x: { readonly principal: Principal } & Joined,
  alias: string,
  capabilities: string,
  credential: CallerCredential | undefined,
): Caller {
  const known = x.session?.callers.get(alias)
  if (known?.capabilities === capabilities && known.credential === credential) return known
  const caller: Caller = { principal: x.principal.key, capabilities, affinity: x.session?.id ?? '', ...(credential && { credential }) }
  // One without its credential opens nothing at an upstream that takes one, so only the whole caller has something to let go.
  if (known?.credential === undefined || credential !== undefined) x.session?.callers.set(alias, caller)
  return caller
}
