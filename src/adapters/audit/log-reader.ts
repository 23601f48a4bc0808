// What is asked of a log beside searching it: events in order, the story of a call, how the log stands, proofs. Synchronous: for threads and commands.

import { QUERY_LIMITS, type Found, type FoundPage, type LogState, type Query } from '../../audit/reading.ts'
import { eachApproval } from '../../audit/query.ts'
import { proofText } from '../../audit/proof.ts'
import { inclusionProof } from '../../audit/tree.ts'
import { Fault } from '../../kernel/errors.ts'
import type { Answer, Ask } from './asking-reader.ts'
import { eachLineOf, foundAt, searchLog, type Searched } from './log-search.ts'
import { changed } from './segment-lines.ts'
import { TILE, type TreeFile } from './tree-file.ts'

export type ReadLog = Searched & {
  /** absent where nothing was ever signed */
  readonly file: TreeFile | undefined
  readonly origin: string
  readonly vkeys: readonly string[]
  /** how long the oldest event without a checkpoint has been there, milliseconds */
  readonly lagMs: number
}

const MAX_STORY = 1000
/** UTF-16 units of the events of a story, together. */
const MAX_STORY_UNITS = 4 << 20
const MAX_READ_BYTES = 1 << 20
const never = (): boolean => false

/** See AuditReader.read. Throws Fault `audit-changed` at a line that is not the one that was written. */
function readLog(log: ReadLog, from: number, max: number): Found[] {
  const { dir, tree, prunedTo } = log
  const covered = log.file?.lastCheckpoint?.size ?? 0
  const first = Math.max(from, prunedTo)
  const found: Found[] = []
  let bytes = 0
  for (let tile = Math.floor(first / TILE); tile * TILE < covered && found.length < max && bytes < MAX_READ_BYTES; tile += 1) {
    eachLineOf(log, tile, (line, seq) => {
      if (seq < first) return true
      if (seq >= covered || found.length >= max || (bytes > 0 && bytes + line.length > MAX_READ_BYTES)) {
        bytes = Math.max(bytes, seq >= covered ? bytes : MAX_READ_BYTES)
        return false
      }
      const event = foundAt(tree, { seq, line, event: line.toString('utf8') })
      if (event.isChanged) throw changed(dir, `event ${seq} is not the one that was written`)
      found.push(event)
      bytes += line.length
      return true
    })
  }
  return found
}

/** See AuditReader.story: the events of the call, and those of the approvals they name. */
function storyOf(log: ReadLog, call: string): Found[] {
  const found = new Map<number, Found>()
  const approvals = new Set<string>()
  let units = 0
  /** false once there is no more room */
  const take = (query: Query): boolean => {
    for (const event of everything(log, query)) {
      if (found.has(event.seq)) continue
      units += event.event.length
      if (found.size > 0 && (found.size === MAX_STORY || units > MAX_STORY_UNITS)) return false
      found.set(event.seq, event)
    }
    return true
  }
  if (take({ call })) {
    for (const { event } of found.values()) eachApproval(JSON.parse(event) as Readonly<Record<string, unknown>>, id => approvals.add(id))
    for (const approval of approvals) if (!take({ approval })) break
  }
  return [...found.values()].sort((a, b) => a.seq - b.seq)
}

/** Newest first. */
function* everything(log: ReadLog, query: Query): Generator<Found> {
  for (let before: number | undefined; ;) {
    const page: FoundPage = searchLog(log, { ...query, limit: QUERY_LIMITS.maxLimit, ...(before !== undefined && { before }) }, never)
    yield* page.events
    if (page.next === undefined) return
    before = page.next
  }
}

function stateOf(log: ReadLog): LogState {
  const [checkpoint] = log.file?.checkpoints(1) ?? []
  const oldest = log.prunedTo < log.tree.size ? oldestOf(log) : undefined
  return {
    origin: log.origin,
    vkeys: log.vkeys,
    size: log.tree.size,
    ...(checkpoint && { checkpoint }),
    witnesses: log.file?.witnesses() ?? [],
    lagMs: log.lagMs,
    prunedTo: log.prunedTo,
    ...(oldest !== undefined && { oldest }),
  }
}

function oldestOf(log: ReadLog): string | undefined {
  let oldest: string | undefined
  eachLineOf(log, Math.floor(log.prunedTo / TILE), line => {
    const { time } = JSON.parse(line.toString('utf8')) as { readonly time?: unknown }
    if (typeof time === 'string') oldest = time
    return false
  })
  return oldest
}

/** See AuditReader.proof. */
function proofOf(log: ReadLog, seq: number): string {
  const checkpoint = log.file?.lastCheckpoint
  if (checkpoint === undefined || !Number.isSafeInteger(seq) || seq < 0 || seq >= checkpoint.size)
    throw new Fault('audit-uncovered', `no checkpoint covers event ${seq} yet; the last one covers ${checkpoint?.size ?? 0} events`)
  return proofText({ seq, hashes: inclusionProof(seq, checkpoint.size, log.tree.nodeAt), checkpoint: checkpoint.note })
}

/** Longest that one turn of a search keeps its thread, milliseconds; the next turn goes on. */
const TURN_MS = 30

/** Answers one question; a search as far as it comes in one turn. `now`: monotonic, milliseconds. */
export function answerAsk(log: ReadLog, ask: Ask, now: () => number): Answer {
  switch (ask.what) {
    case 'search': {
      const until = now() + TURN_MS
      return searchLog(log, ask.query, () => now() > until)
    }
    case 'read':
      return readLog(log, ask.from, Math.min(ask.max, QUERY_LIMITS.maxRead))
    case 'story':
      return storyOf(log, ask.call)
    case 'state':
      return stateOf(log)
    case 'proof':
      return proofOf(log, ask.seq)
  }
}
