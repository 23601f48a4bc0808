// What a token may be asked for at each endpoint, in words, and what of it is a person's to give.

import { resourcePlans, type EndpointPlan } from '../config/endpoints.ts'
import type { Snapshot, ConfiguredUpstream } from '../config/schema.ts'
import type { OfferedScope } from '../http/control-plane/pages/consent-page.ts'
import { scopeNames, USE, type Coverage } from '../identity/scopes.ts'
import type { Principal } from '../kernel/principal.ts'
import type { UpstreamEntry } from '../pipeline/entry.ts'

type OfferParts = {
  readonly snapshot: Snapshot
  /** whether an upstream exists for a principal: some allow rule applies, and nothing is blocked */
  readonly isVisible: (principal: Principal, alias: string) => boolean
  /** what is behind an alias now */
  readonly entries: ReadonlyMap<string, Pick<UpstreamEntry, 'version' | 'scopes'>>
}

/** Names shown of what a word covers. */
const MAX_NAMES = 6

/**
 * Scopes of an endpoint (resource identifier): all there are, or those of upstreams that exist for the principal. A scope never makes anything visible, so
 * no more is offered. Undefined = no endpoint of this gateway.
 */
export function offeredScopes(parts: OfferParts, resource: string, principal: Principal | undefined): readonly OfferedScope[] | undefined {
  const plan = planOf(parts.snapshot, resource)
  if (!plan) return undefined
  const visible = plan.aliases.filter(alias => principal === undefined || parts.isVisible(principal, alias))
  return visible.flatMap(alias => {
    const { version, scopes } = parts.entries.get(alias) ?? {}
    const scopesHere = scopesOf(alias, parts.snapshot.upstreams.get(alias))
    if (version === undefined || !scopes) return scopesHere
    const { sinceMs } = scopes
    return scopesHere.map(({ name, title }) => ({ name, title: `${title} (${version.split(' ', 1)[0] ?? ''})`, sinceMs }))
  })
}

function scopesOf(alias: string, settings: ConfiguredUpstream | undefined): OfferedScope[] {
  const title = settings?.title ?? alias
  const words = settings?.scopes ?? new Map<string, Coverage>()
  return scopeNames(alias, words).map(name => {
    const word = name.slice(alias.length + 1)
    const covered = words.get(word)
    if (covered) return { name, title: `${title}: ${word} (${summary(covered)})` }
    return { name, title: word === USE && words.size > 0 ? `${title}: whatever no other permission covers` : `${title}: use it` }
  })
}

function summary({ tools, prompts, resources }: Coverage): string {
  const names = [...tools, ...prompts, ...resources]
  const shown = names.slice(0, MAX_NAMES).join(', ')
  return names.length > MAX_NAMES ? `${shown} and ${names.length - MAX_NAMES} more` : shown
}

/** The endpoint in words, for pages. */
export function endpointTitle(snapshot: Snapshot, resource: string): string {
  const plan = planOf(snapshot, resource)
  const [alias = ''] = plan?.aliases ?? []
  switch (plan?.kind) {
    case 'all':
      return 'All MCP servers that are yours to use'
    case 'server':
      return `The MCP server “${snapshot.upstreams.get(alias)?.title ?? alias}”`
    case 'set':
      return `The set “${plan.path.split('/')[2] ?? ''}”: ${plan.aliases.join(', ')}`
    case 'admin':
      return 'The administration of this gateway'
    default:
      return 'An endpoint that is gone'
  }
}

const planOf = (snapshot: Snapshot, resource: string): EndpointPlan | undefined =>
  resourcePlans(snapshot).find(({ path }) => snapshot.publicUrl + path === resource)
