// Finds events in the lines of the log by its index, newest first, in turns: a search that takes long gives the thread back and is gone on with.

import { askedOf, matches } from '../../audit/query.ts'
import { QUERY_LIMITS, type Found, type FoundPage, type Query } from '../../audit/reading.ts'
import { termsAsked } from '../../audit/terms.ts'
import { leafHash } from '../../audit/tree.ts'
import type { GrowingTree } from './growing-tree.ts'
import type { IndexFile, Wanted } from './index-file.ts'
import { scanLines, type Place } from './segment-lines.ts'
import { TILE } from './tree-file.ts'

/** The log as it is searched. */
export type Searched = {
  readonly dir: string
  readonly tree: GrowingTree
  readonly index: IndexFile | undefined
  /** lines before this seq are gone */
  readonly prunedTo: number
  /** where the first line that is left stands; absent while none is gone */
  readonly leftFrom?: Place
}

/** A page that holds this much ends, in UTF-16 units. */
const MAX_PAGE = 1 << 20

/** Texts that a JSON string holds as they are, in every layout that events ever had. */
const PLAIN = /^[ !#-[\]-~]*$/

/**
 * One page. `isOver` is asked between tiles and ends the search early: the page then holds what was found until there, perhaps nothing, and `next` says where to
 * go on.
 */
export function searchLog(log: Searched, query: Query, isOver: () => boolean): FoundPage {
  const { tree, index } = log
  const limit = query.limit ?? QUERY_LIMITS.defaultLimit
  const { size } = tree
  const end = Math.min(query.before ?? size, size)
  const lowest = Math.floor(log.prunedTo / TILE)
  const indexed = Math.min(index?.tiles ?? 0, tree.tiles)
  const { from, to } = query
  const wanted: Wanted = { ...termsAsked(query), ...(from !== undefined && { from }), ...(to !== undefined && { to }) }
  const look = lookIn(log, query)
  const events: Found[] = []
  let units = 0
  for (let tile = Math.floor((end - 1) / TILE); tile >= lowest; tile -= 1) {
    if (tile < indexed) {
      const found = index?.newest(tile, wanted)
      if (found === undefined || found < lowest) break
      tile = found
    }
    const { found, isCut } = look(tile, end, { events: limit - events.length, units: MAX_PAGE - units, isFirst: events.length === 0 })
    events.push(...found)
    units = found.reduce((sum, { event }) => sum + event.length, units)
    if (events.length >= limit || isCut || isOver()) {
      const next = events.length >= limit || isCut ? (events.at(-1)?.seq ?? 0) : tile * TILE
      return { events, size, ...(next > log.prunedTo && { next }) }
    }
  }
  return { events, size }
}

/** Calls back with each line of a tile that is left, and its seq; `false` ends it. */
export function eachLineOf(
  { dir, tree, prunedTo, leftFrom }: Searched,
  tile: number,
  online: (line: Buffer, seq: number) => boolean,
): void {
  const { from, to } = tree.linesOf(tile)
  const isCut = leftFrom !== undefined && tile * TILE < prunedTo
  let seq = isCut ? prunedTo : tile * TILE
  scanLines(dir, { from: isCut ? leftFrom : from, to }, line => online(line, seq++))
}

/** What still fits onto a page. The first of its events does, however large. */
type Room = { readonly events: number; readonly units: number; readonly isFirst: boolean }

/**
 * The newest events of one tile that match and fit, newest first, before seq `end`; `isCut` where older ones did not. A tile has 256 lines, each of which may be as
 * large as a page: no more of them are held than are answered.
 */
function lookIn(log: Searched, query: Query): (tile: number, end: number, room: Room) => { found: Found[]; isCut: boolean } {
  // Most lines are told apart by their bytes; the few that hold the texts are parsed.
  const needles = askedOf(query).flatMap(([, value]) => (PLAIN.test(value) ? [Buffer.from(`"${value}"`)] : []))
  return (tile, end, room) => {
    const found: Found[] = []
    let units = 0
    let isCut = false
    eachLineOf(log, tile, (line, seq) => {
      if (seq >= end) return false
      if (!needles.every(needle => line.includes(needle))) return true
      const event = line.toString('utf8')
      if (!matches(query, parsed(event))) return true
      found.push(foundAt(log.tree, { seq, line, event }))
      units += event.length
      while (found.length > room.events || (units > room.units && found.length > (room.isFirst ? 1 : 0))) {
        units -= found.shift()?.event.length ?? 0
        isCut = true
      }
      return true
    })
    return { found: found.reverse(), isCut }
  }
}

/** What stands in a line, with its leaf; `isChanged` where the line is not the one that the tree was made of. */
export function foundAt(
  tree: GrowingTree,
  { seq, line, event }: { readonly seq: number; readonly line: Buffer; readonly event: string },
): Found {
  const leaf = leafHash(line)
  const isChanged = !leaf.equals(tree.leafAt(seq))
  return { seq, leaf: leaf.toString('base64'), event, ...(isChanged && { isChanged }) }
}

function parsed(line: string): Readonly<Record<string, unknown>> {
  try {
    const value = JSON.parse(line) as unknown
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
  } catch {
    return {} // no event: only whoever asks for everything is shown it
  }
}
