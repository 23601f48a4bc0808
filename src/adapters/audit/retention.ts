// What was kept long enough is removed, whole segments at a time; the hashes of its events stay. In the notary's thread, behind the path.

import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openIntentsName, segmentName, segmentNumber } from '../../audit/recover.ts'
import { syncDirectoryNow } from '../sync-directory.ts'
import { timeOf } from './event-times.ts'
import { searchLog, type Searched } from './log-search.ts'
import type { ReadLog } from './log-reader.ts'
import { changed, scanLines } from './segment-lines.ts'
import { TILE, type SegmentEnd, type TreeFile } from './tree-file.ts'

/** `cutoffMs`: events of that time and later stay, milliseconds. `delivered`: events from this seq on are still to be delivered. */
export type PruneAsk = { readonly what: 'prune'; readonly cutoffMs: number; readonly delivered: number }
/** Events of `segments` segments, from seq `from` to before `to`, all of them before the time `before` (RFC 3339). The `detail` of `audit-pruned`. */
type PruneRange = { readonly from: number; readonly to: number; readonly segments: number; readonly before: string }
/** `removed`: segments. `announce`: what may go next, once an event that says so is under a checkpoint. */
export type PruneAnswer = { readonly removed: number; readonly announce?: PruneRange }

const WHAT = 'audit-pruned'
/** Segments that are looked at for one event: about a second. */
const MAX_SEGMENTS = 8
const LOOK_MS = 1000

type Said = { readonly seq: number; readonly to: number }

/**
 * Removes what a covered event says, then tells what may go next. In this order: the event, durable and signed, which is the caller's and the notary's; `pruned_to`,
 * so that nobody looks for the lines any more; the files, oldest first. A crash anywhere leaves what the next call finishes, and never a line that is gone without
 * an event that says so. Throws Fault `audit-changed`, and `audit-unavailable` where `tree.db` cannot be written.
 */
export function pruneLog(log: ReadLog, file: TreeFile, { cutoffMs, delivered }: PruneAsk): PruneAnswer {
  const until = performance.now() + LOOK_MS
  const said = newestSaid(log, () => performance.now() > until)
  const covered = file.lastCheckpoint?.size ?? 0
  // What was not found yet, or is said and not covered yet, has its turn another time.
  if (said === 'unknown' || (said !== undefined && said.seq >= covered)) return { removed: 0 }
  if (said !== undefined) {
    const removed = remove(log, file, said)
    if (removed > 0) return { removed }
  }
  const announce = next(log, file, { cutoffMs, most: Math.min(covered, delivered, file.tiles * TILE) })
  return { removed: 0, ...(announce && { announce }) }
}

/** Throws Fault `audit-changed` where lines are said to be removed and no covered event says so: `tree.db` was edited to fit what somebody took away. */
export function holdPruned(log: ReadLog): void {
  if (log.prunedTo === 0) return
  const covered = log.file?.lastCheckpoint?.size ?? 0
  const isSaid = (said: Said | 'unknown' | undefined): boolean => typeof said === 'object' && said.seq < covered && said.to >= log.prunedTo
  // The index is no evidence: what it does not find may be there.
  if (isSaid(newestSaid(log, never)) || isSaid(newestSaid({ ...log, index: undefined }, never))) return
  throw changed(log.dir, `events before ${log.prunedTo} were removed, and no signed event \`${WHAT}\` says so`)
}

const never = (): boolean => false

function newestSaid(log: Searched, isOver: () => boolean): Said | 'unknown' | undefined {
  const { events, next: more } = searchLog(log, { type: 'lifecycle', what: WHAT, limit: 1 }, isOver)
  const [found] = events
  if (found === undefined) return more === undefined ? undefined : 'unknown'
  if (found.isChanged) throw changed(log.dir, `event ${found.seq} is not the one that was written`)
  const { detail } = JSON.parse(found.event) as { readonly detail?: { readonly to?: unknown } }
  return typeof detail?.to === 'number' ? { seq: found.seq, to: detail.to } : undefined
}

function remove({ dir, prunedTo }: ReadLog, file: TreeFile, { to }: Said): number {
  const end = file.segments().findLast(({ events }) => events <= to)
  if (end === undefined) return 0
  const there = readdirSync(dir)
    .flatMap(name => segmentNumber(name) ?? [])
    .filter(number => number <= end.number)
    .sort((a, b) => a - b)
  if (end.events > prunedTo) file.prune(end.events)
  for (const number of there) {
    rmSync(join(dir, openIntentsName(number)), { force: true })
    rmSync(join(dir, segmentName(number)))
  }
  if (there.length > 0) syncDirectoryNow(dir)
  return there.length
}

/** The oldest segments of which every event is before the cutoff, and under `most`. The one that is being written has no end, so it is never among them. */
function next(
  { dir, prunedTo }: ReadLog,
  file: TreeFile,
  { cutoffMs, most }: { readonly cutoffMs: number; readonly most: number },
): PruneRange | undefined {
  let to = prunedTo
  let segments = 0
  for (const end of file.segments()) {
    if (end.events <= prunedTo) continue
    if (segments === MAX_SEGMENTS || end.events > most || !isBefore(dir, end, cutoffMs)) break
    to = end.events
    segments += 1
  }
  return segments === 0 ? undefined : { from: prunedTo, to, segments, before: new Date(cutoffMs).toISOString() }
}

/** Whether every event of a segment is of a time before. A wall clock may go back, so each of them is asked; the first tells of most that they are too young. */
function isBefore(dir: string, { number, bytes }: SegmentEnd, cutoffMs: number): boolean {
  let isOld = true
  scanLines(dir, { from: { segment: number, offset: 0 }, to: { segment: number, offset: bytes } }, line => {
    // Without a time that can be read it may not go: somebody should look at it before.
    isOld = (timeOf(line) ?? Infinity) < cutoffMs
    return isOld
  })
  return isOld
}
