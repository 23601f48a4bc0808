// A server of one endpoint as the comparison takes it: every name as it would stand there.

import { LIST_KINDS, type ListKind } from '../catalog/entry.ts'
import { qualifyName, qualifyUri } from '../catalog/names.ts'
import type { Identity, Primitive, ShownServer } from '../collision/inventory.ts'
import type { Resolutions } from '../collision/resolution.ts'
import type { Known, KnownEntry } from './known-lists.ts'
import type { Endpoint } from './path.ts'

export type Place = Pick<Endpoint, 'kind' | 'path' | 'aliases'>
export const isAggregated = ({ kind }: Pick<Place, 'kind'>): boolean => kind !== 'server'

export type Compared = {
  readonly alias: string
  readonly known: Known | undefined
  /** a reviewer admitted what it shows; else it stands behind those where that is so */
  readonly isReviewed: boolean
  readonly identity: Identity
  /** smaller stands longer in the configuration */
  readonly rank: number
}

/** Entries between two pauses. */
const PAUSE_ENTRIES = 500

/** `decided`: with these decisions; what they hide, or whose name they give to another, is not compared. */
export async function shownServer(
  endpoint: Place,
  { alias, known, isReviewed, identity, rank }: Compared,
  decided: Resolutions | undefined,
  pause: () => Promise<void>,
): Promise<ShownServer> {
  const primitives: Primitive[] = []
  let done = 0
  for (const kind of LIST_KINDS) {
    for (const entry of known?.of[kind].values() ?? []) {
      if (++done % PAUSE_ENTRIES === 0) await pause()
      const shown = decided ? decidedEntry(decided, endpoint, { alias, kind, entry }) : asItIs(endpoint, { alias, kind, entry })
      if (shown) primitives.push(shown)
    }
  }
  return { alias, identity, standing: isReviewed ? 'admitted' : 'quarantined', since: rank, primitives }
}

type Of = { readonly alias: string; readonly kind: ListKind; readonly entry: KnownEntry }

const asItIs = (endpoint: Place, { alias, kind, entry }: Of): Primitive => ({
  ...entry,
  kind,
  exposed: isAggregated(endpoint) ? exposedAs(alias, kind, entry.name) : entry.name,
})

function decidedEntry(decided: Resolutions, endpoint: Place, { alias, kind, entry }: Of): Primitive | undefined {
  const decision = decided.of(alias, kind, entry.name)
  const isBeside = isAggregated(endpoint)
  if (decision?.resolve === 'hide' || (isBeside && decided.taker(alias, kind, entry.name))) return undefined
  const name = isBeside ? decided.said(alias, kind, entry.name) : entry.name
  const settled = decided.settled(alias, kind, entry.name)
  return { ...asItIs(endpoint, { alias, kind, entry: { ...entry, name } }), ...(settled && { settled }) }
}

const exposedAs = (alias: string, kind: ListKind, name: string): string =>
  kind === 'tools' || kind === 'prompts' ? qualifyName(alias, name) : qualifyUri(alias, name)
