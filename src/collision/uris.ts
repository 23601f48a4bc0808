// URIs and URI templates against those that were there before. We put the alias in front of each, so what they share is told and nobody is accused; letters
// that only look like those of another server's URI are no accident.

import { latinOf } from '../kernel/look-alikes.ts'
import { differenceOf } from './keys.ts'
import { isKin, type Ranked } from './rank.ts'
import { entryParty, type Match } from './report.ts'

const PER_KEY = 4
/** What is compared of a URI or template. */
const MAX_URI = 8192
/** Templates looked at for one URI or template: what is not found among them is only not told. */
const MAX_LOOKED_AT = 32
const ASCII = /^[\x20-\x7e]*$/

type Template = Ranked & { readonly before: string; readonly after: string }

export class UriIndex {
  readonly #uris = new Map<string, Ranked[]>()
  readonly #looks = new Map<string, Ranked[]>()
  /** templates and URIs by what stands before the first expression, and by each shorter piece of it that ends a segment */
  readonly #begins = new Map<string, Template[]>()
  readonly #within = new Map<string, Template[]>()

  find(entry: Ranked): readonly Match[] {
    const uri = entry.primitive.name
    const same = first(this.#uris.get(uri), entry)
    if (same) return [{ code: 'same-uri', against: entryParty(same) }]
    const alike = first(this.#looks.get(lookOf(uri)), entry)
    const matches: Match[] =
      alike && isDressed(uri, alike.primitive.name) ? [{ code: differenceOf(uri, alike.primitive.name), against: entryParty(alike) }] : []
    const over = this.#overlap(partsOf(entry))
    return over ? [...matches, { code: 'uri-overlap', against: entryParty(over) }] : matches
  }

  add(entry: Ranked): void {
    const uri = entry.primitive.name
    file(this.#uris, uri, entry)
    file(this.#looks, lookOf(uri), entry)
    const parts = partsOf(entry)
    if (parts.isTemplate) file(this.#begins, parts.before, parts)
    for (const piece of piecesOf(parts.before)) file(this.#within, piece, parts)
  }

  /** An earlier template that could stand for this, or an earlier URI or template that this could stand for. */
  #overlap(parts: Template & { readonly isTemplate: boolean }): Ranked | undefined {
    let looked = 0
    const lists = [...piecesOf(parts.before)].map(piece => this.#begins.get(piece))
    if (parts.isTemplate) lists.push(this.#within.get(parts.before))
    for (const list of lists) {
      for (const other of list ?? []) {
        if (++looked > MAX_LOOKED_AT) return undefined
        if (!isKin(other.server, parts.server) && meet(parts, other)) return other
      }
    }
    return undefined
  }
}

const lookOf = (uri: string): string => latinOf(uri.slice(0, MAX_URI)).toLowerCase()
/** Paths may differ by case; letters beyond ASCII that look like ASCII have no use in a URI. */
const isDressed = (a: string, b: string): boolean => !ASCII.test(a) || !ASCII.test(b)

function partsOf(entry: Ranked): Template & { readonly isTemplate: boolean } {
  const uri = entry.primitive.name.slice(0, MAX_URI)
  const [open, close] = [uri.indexOf('{'), uri.lastIndexOf('}')]
  const isTemplate = entry.primitive.kind === 'templates' && open >= 0 && close > open
  return { ...entry, isTemplate, before: isTemplate ? uri.slice(0, open) : uri, after: isTemplate ? uri.slice(close + 1) : uri }
}

/** Both could be one URI: beginnings and endings agree as far as both say something. */
const meet = (a: Template, b: Template): boolean =>
  (a.before.startsWith(b.before) || b.before.startsWith(a.before)) && (a.after.endsWith(b.after) || b.after.endsWith(a.after))

/** The whole, and what ends with a `/` or `:` of it, at most 16. */
function piecesOf(before: string): ReadonlySet<string> {
  const pieces = new Set([before])
  for (let at = 0; at < before.length && pieces.size <= 16; at++) {
    if (before[at] === '/' || before[at] === ':') pieces.add(before.slice(0, at + 1))
  }
  return pieces
}

const first = (under: readonly Ranked[] | undefined, entry: Ranked): Ranked | undefined =>
  under?.find(other => !isKin(other.server, entry.server))

function file<Entry extends Ranked>(index: Map<string, Entry[]>, key: string, entry: Entry): void {
  const under = index.get(key)
  if (!under) index.set(key, [entry])
  else if (under.length < PER_KEY) under.push(entry)
}
