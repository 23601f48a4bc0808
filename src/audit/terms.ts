// Terms of the search index: what stands in the events of one tile, as numbers. A number may stand for two values; whoever finds a tile by it looks at its lines.

import { askedOf, eachFacet, type Facet } from './query.ts'
import type { Query } from './reading.ts'

/** Facets with about as many values as events: kept as 32-bit numbers, together. All others have a row for each value and tile. */
const IDS: ReadonlySet<Facet> = new Set<Facet>(['call', 'request', 'trace', 'approval', 'id'])

/** What one tile holds. `ids` are sorted, little-endian, four bytes each; times are the least and the greatest, '' where no event has one. */
export type TileTerms = { readonly terms: readonly number[]; readonly ids: Buffer; readonly earliest: string; readonly latest: string }

/** What a query asks of a tile. */
export type AskedTerms = { readonly terms: readonly number[]; readonly ids: readonly number[] }

/** Collects the terms of the events of one tile. A line that is no JSON has none. */
export class TermCollector {
  readonly #seen = new Map<Facet, Set<string>>()
  readonly #ids = new Set<number>()
  #earliest = ''
  #latest = ''
  readonly #found = (facet: Facet, value: string): void => {
    if (IDS.has(facet)) this.#ids.add(idOf(facet, value))
    else {
      const seen = this.#seen.get(facet)
      if (seen === undefined) this.#seen.set(facet, new Set([value]))
      else seen.add(value)
    }
  }

  note(line: string): void {
    let event: unknown
    try {
      event = JSON.parse(line)
    } catch {
      return // older than the notary and damaged: it can be read in order, and not be looked for
    }
    if (typeof event !== 'object' || event === null) return
    eachFacet(event as Readonly<Record<string, unknown>>, this.#found)
    const { time } = event as { readonly time?: unknown }
    if (typeof time !== 'string') return
    if (this.#earliest === '' || time < this.#earliest) this.#earliest = time
    if (time > this.#latest) this.#latest = time
  }

  /** What was noted, and begins anew. */
  take(): TileTerms {
    const terms = new Set<number>()
    for (const [facet, values] of this.#seen) for (const value of values) terms.add(termOf(facet, value))
    const sorted = Uint32Array.from(this.#ids).sort()
    const ids = Buffer.alloc(sorted.length * 4)
    sorted.forEach((id, at) => ids.writeUInt32LE(id, at * 4))
    const taken = { terms: [...terms], ids, earliest: this.#earliest, latest: this.#latest }
    this.#seen.clear()
    this.#ids.clear()
    this.#earliest = ''
    this.#latest = ''
    return taken
  }
}

export function termsAsked(query: Query): AskedTerms {
  const terms: number[] = []
  const ids: number[] = []
  for (const [facet, value] of askedOf(query)) {
    if (IDS.has(facet)) ids.push(idOf(facet, value))
    else terms.push(termOf(facet, value))
  }
  return { terms, ids }
}

/** Whether sorted ids, as TileTerms has them, hold one. */
export function holdsId(ids: Buffer, id: number): boolean {
  let low = 0
  let high = ids.length / 4 - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const found = ids.readUInt32LE(middle * 4)
    if (found === id) return true
    if (found < id) low = middle + 1
    else high = middle - 1
  }
  return false
}

// FNV-1a. attacker-controlled values may be made to collide: then a search looks into tiles for nothing, and finds nothing false.
function fnv(text: string, basis: number): number {
  let hash = basis
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

const BASES = new Map<Facet, number>()
function basisOf(facet: Facet): number {
  let basis = BASES.get(facet)
  if (basis === undefined) BASES.set(facet, (basis = fnv(facet, 0x811c9dc5)))
  return basis
}

const idOf = (facet: Facet, value: string): number => fnv(value, basisOf(facet))
/** 53 bits: what a number holds exactly. */
const termOf = (facet: Facet, value: string): number => (fnv(value, ~basisOf(facet)) & 0x1fffff) * 2 ** 32 + fnv(value, basisOf(facet))
