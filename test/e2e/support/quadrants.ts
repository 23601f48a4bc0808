// The table the e2e suites are driven by: a host's revision, an upstream's era and transport, and the endpoint between them.

import { connect, eraOfRevision, REVISIONS, type Host, type HostOptions, type Revision } from './hosts.ts'
import { eraOf, KINDS, type Kind, type UpstreamView, type World } from './world.ts'

export type Quadrant = {
  readonly revision: Revision
  readonly kind: Kind
  /** on the upstream's own endpoint, or on the one that aggregates all with qualified names */
  readonly place: 'alone' | 'together'
  readonly hostEra: 'legacy' | 'modern'
  readonly upstreamEra: 'legacy' | 'modern'
  readonly path: string
  /** names as this place shows them */
  tool(name: string): string
  uri(uri: string): string
  connect(world: World, options?: HostOptions): Promise<Host>
  upstream(world: World): UpstreamView
}

export function quadrant(revision: Revision, kind: Kind, place: 'alone' | 'together' = 'alone', alias: string = kind): Quadrant {
  const path = place === 'alone' ? `/servers/${alias}/mcp` : '/mcp'
  return {
    revision,
    kind,
    place,
    hostEra: eraOfRevision(revision),
    upstreamEra: eraOf(kind),
    path,
    tool: name => (place === 'alone' ? name : `${alias}__${name}`),
    uri: uri => (place === 'alone' ? uri : uri.startsWith('ui://') ? `ui://${alias}/${uri.slice(5)}` : `${alias}+${uri}`),
    connect: (world, options) => connect(world, path, revision, options),
    upstream: world => world.upstream(alias),
  }
}

/** Both eras' hosts on all four kinds of upstream, on both kinds of endpoint. */
export const QUADRANTS: readonly Quadrant[] = REVISIONS.flatMap(revision =>
  KINDS.flatMap(kind => [quadrant(revision, kind), quadrant(revision, kind, 'together')]),
)
export const ALONE: readonly Quadrant[] = QUADRANTS.filter(q => q.place === 'alone')
export const TITLE = 'host $revision, upstream $kind, $place'
