// Where feeds come from: the upstreams of an endpoint that exist for a principal, and what it may hear of them.

import type { Caller, CallerCredential, SubscriptionFilter, UpstreamChanges, UpstreamSubscription } from '../bridge/upstream.ts'
import type { GatewayDeps, ListenFilter } from './deps.ts'
import type { UpstreamEntry } from './entry.ts'
import { OwnSubscription } from './own-subscription.ts'
import { taskIn } from './task-names.ts'
import type { Authenticated, Classified, Joined, Received } from './path.ts'

export type FeedDeps = Pick<
  GatewayDeps,
  'upstreams' | 'entitlement' | 'callers' | 'credentials' | 'catalogue' | 'sealer' | 'marking' | 'inspectInTurns'
>
/** What a standing stream keeps of the request that opened it: no bytes of it. */
export type Listener = Pick<Received, 'endpoint'> & Pick<Classified, 'era'> & Authenticated & Joined

export const listenerOf = ({ endpoint, era, principal, hostFace, session }: Listener): Listener => ({
  endpoint,
  era,
  principal,
  // Not what the host calls itself: that is a part of its request's bytes.
  hostFace: { version: hostFace.version, capabilities: hostFace.capabilities },
  ...(session && { session }),
})

/** Upstreams of the endpoint that exist for this principal. */
export const reachable = (deps: FeedDeps, who: Listener): UpstreamEntry[] =>
  who.endpoint.aliases.flatMap(alias => {
    const entry = deps.upstreams().get(alias)
    return entry && !deps.entitlement(who, entry).isEmpty ? [entry] : []
  })

const callerFor = (deps: FeedDeps, who: Listener, entry: UpstreamEntry, credential?: CallerCredential): Caller =>
  deps.callers.of(who, entry, deps.entitlement(who, entry), credential).caller

export type Subscribing = { readonly who: Listener; readonly entry: UpstreamEntry; readonly filter: SubscriptionFilter }

/** Subscribes at the upstream, with the listener's own credential where it takes one: as soon as there is one, and anew when it changes. */
export function subscribeFor(deps: FeedDeps, asked: Subscribing, changes: UpstreamChanges): UpstreamSubscription {
  // A reviewer's decision changes what the lists show, whatever the upstream announces.
  const forget = deps.catalogue.onDecision(asked.entry.alias, () => {
    for (const kind of LISTS) changes.listChanged(kind)
  })
  const subscription = openFor(deps, asked, {
    ...changes,
    ended(reason) {
      forget()
      changes.ended(reason)
    },
  })
  return {
    update: filter => subscription.update(filter),
    close() {
      forget()
      subscription.close()
    },
  }
}
const LISTS = ['tools', 'prompts', 'resources'] as const

function openFor(deps: FeedDeps, { who, entry, filter }: Subscribing, changes: UpstreamChanges): UpstreamSubscription {
  if (!entry.credential) return entry.upstream.subscribe(callerFor(deps, who, entry), filter, changes)
  const open = (credential: CallerCredential, wanted: SubscriptionFilter): UpstreamSubscription =>
    entry.upstream.subscribe(callerFor(deps, who, entry, credential), wanted, changes)
  return new OwnSubscription({ find: () => deps.credentials.of(who, entry), open, changes }, filter, changed =>
    deps.credentials.onChange(who.principal.key, entry, changed),
  )
}

type Hearing = Pick<Listener, 'principal' | 'endpoint' | 'era'>

/** Judged at each delivery, by the rules in force then: an entitlement may have gone since the subscription was made (R82). */
export function mayHear(deps: FeedDeps, who: Hearing, alias: string, uri?: string): boolean {
  const entry = deps.upstreams().get(alias)
  const entitlement = entry && deps.entitlement(who, entry)
  if (!entitlement || entitlement.isEmpty) return false
  if (uri === undefined) return true
  if (deps.catalogue.isHeldNow(who.endpoint, alias, uri)) return false
  return entitlement.permits('resource', uri) !== undefined && !entry.scopes.missing(who.principal, 'resource', uri)
}

/** Of tasks no more is heard than could be asked for. */
export function mayFollowTasks(deps: FeedDeps, who: Hearing, alias: string): boolean {
  const entry = deps.upstreams().get(alias)
  const entitlement = entry && deps.entitlement(who, entry)
  return entitlement !== undefined && !entitlement.isEmpty && entitlement.mayFollowTasks !== false
}

/** What a server says in a notification, beyond that a list changed, passes while it is admitted. */
export function maySpeak(deps: FeedDeps, alias: string): boolean {
  const entry = deps.upstreams().get(alias)
  return entry !== undefined && deps.catalogue.standing(entry) === undefined
}

/** Sends what a server says, once whoever hears it is marked. */
export function tell(
  deps: FeedDeps,
  who: Listener,
  alias: string,
  { method, send }: { readonly method: string; readonly send: () => void },
): void {
  const entry = deps.upstreams().get(alias)
  if (entry) deps.marking.heard(who, entry, method, send)
}

/** What the token lacks to hear of these; names that do not exist for the principal count for nothing. */
export function missingScopes(deps: FeedDeps, who: Hearing, filter: ListenFilter): readonly string[] {
  const { principal, endpoint } = who
  const missing = new Set<string>()
  for (const name of filter.resourceSubscriptions) {
    const found = deps.catalogue.ownUri(endpoint, name)
    const entry = found && deps.upstreams().get(found.alias)
    if (!entry || deps.entitlement(who, entry).permits('resource', found.uri) === undefined) continue
    for (const scope of entry.scopes.missing(principal, 'resource', found.uri) ?? []) missing.add(scope)
  }
  for (const id of filter.taskIds) {
    const task = taskIn(deps.sealer, { principal, endpoint }, id, alias => deps.upstreams().get(alias))
    const entry = task && deps.upstreams().get(task.alias)
    if (!entry || !mayFollowTasks(deps, who, entry.alias)) continue
    for (const scope of entry.scopes.missing(principal, 'task', task.taskId) ?? []) missing.add(scope)
  }
  return [...missing]
}

/** Exposed URIs that belong to one upstream, in its own names. */
export const ownUris = (deps: FeedDeps, who: Listener, alias: string, exposed: Iterable<string>): string[] =>
  [...exposed].flatMap(name => {
    const found = deps.catalogue.ownUri(who.endpoint, name)
    return found?.alias === alias ? [found.uri] : []
  })
