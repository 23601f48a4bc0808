// Which entries of an endpoint are held, in their servers' own names, and what that leaves of a list.

import { LIST_KINDS, type Entry, type ListKind } from '../catalog/entry.ts'
import type { LiveList } from '../catalog/lists.ts'
import type { CollisionFinding, Collisions } from '../collision/finding.ts'
import type { Resolutions } from '../collision/resolution.ts'
import { digestOf } from '../kernel/digest.ts'
import { isAggregated, type Place } from './compared-servers.ts'
import type { Known } from './known-lists.ts'

/** Why an entry is not shown. `against`: what it collides with; absent where a decision alone takes it away. */
export type Held = { readonly code: string; readonly sentence: string; readonly against?: CollisionFinding['against'] }
/** By alias, then by kind and own name. */
export type HeldEntries = ReadonlyMap<string, Readonly<Record<ListKind, ReadonlyMap<string, Held>>>>

type Judged = { readonly resolutions: Resolutions; readonly applied: Collisions; readonly known: ReadonlyMap<string, Known> }

export function heldIn(endpoint: Place, judged: Judged): HeldEntries {
  return new Map([...judged.known].map(([alias, known]) => [alias, heldOf(endpoint, judged, alias, known)]))
}

function heldOf(endpoint: Place, { resolutions, applied }: Judged, alias: string, { of }: Known): Record<ListKind, Map<string, Held>> {
  const isBeside = isAggregated(endpoint)
  const held: Record<ListKind, Map<string, Held>> = { tools: new Map(), prompts: new Map(), resources: new Map(), templates: new Map() }
  const found = applied.held.get(alias)
  if (found?.whole) for (const kind of LIST_KINDS) for (const name of of[kind].keys()) held[kind].set(name, heldBy(found.whole))
  for (const [key, finding] of found?.entries ?? []) {
    const at = splitKey(key)
    const own = at && isBeside ? resolutions.own(alias, at.kind, at.name) : at?.name
    if (at && own !== undefined) held[at.kind].set(own, heldBy(finding))
  }
  for (const { server, kind, name, resolve, as } of resolutions.all) {
    if (server !== alias) continue
    // Whether it is listed now or not: a resource that a template makes is in no list.
    if (resolve === 'hide') held[kind].set(name, HIDDEN)
    if (as !== undefined && isBeside) held[kind].set(as, TAKEN)
  }
  return held
}

const heldBy = ({ code, sentence, against }: CollisionFinding): Held => ({ code, sentence, against })
const HIDDEN: Held = { code: 'hidden', sentence: 'the configuration hides it' }
const TAKEN: Held = { code: 'alias-taken', sentence: 'the configuration gives its name to another entry of its server' }

/** Turns `heldKey` around. */
function splitKey(key: string): { readonly kind: ListKind; readonly name: string } | undefined {
  const at = key.indexOf(' ')
  const kind = LIST_KINDS.find(each => each === key.slice(0, at))
  return kind && { kind, name: key.slice(at + 1) }
}

/** Differs whenever something else of this server is held. */
export function digestOfHeld(held: HeldEntries, alias: string): string {
  const of = held.get(alias)
  const isNothing = !of || LIST_KINDS.every(kind => of[kind].size === 0)
  return isNothing ? '' : digestOf(JSON.stringify(LIST_KINDS.map(kind => [...of[kind].keys()].sort())))
}

const narrowed = new WeakMap<HeldEntries, WeakMap<LiveList, LiveList>>()

/** The list without what is held here or was not compared; the very same where that is all of it. Kept as long as the judgement. */
export function narrow(
  { held, known }: { readonly held: HeldEntries; readonly known: ReadonlyMap<string, Known> },
  list: LiveList,
): LiveList {
  const kept = narrowed.get(held) ?? new WeakMap<LiveList, LiveList>()
  narrowed.set(held, kept)
  const before = kept.get(list)
  if (before) return before
  const { alias, kind } = list
  const holding = held.get(alias)?.[kind]
  const names = known.get(alias)?.of[kind]
  const isShown = (name: string): boolean => names?.has(name) === true && holding?.has(name) !== true
  const entries = list.entries.filter(({ name }) => isShown(name))
  const may = (entry: Entry | undefined): Entry | undefined => (entry && isShown(entry.name) ? entry : undefined)
  const left: LiveList =
    entries.length === list.entries.length
      ? list
      : {
          ...list,
          entries,
          digest: digestOf(
            JSON.stringify([list.digest, 'apart', list.entries.filter(({ name }) => !isShown(name)).map(({ name }) => name)]),
          ),
          find: name => may(list.find(name)),
          findExposed: exposed => may(list.findExposed(exposed)),
        }
  kept.set(list, left)
  return left
}
