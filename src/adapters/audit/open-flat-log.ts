// Opens the flat log: directory, lock, tail check, and the outcomes that a crash left unwritten, all before the first call is served.

import { mkdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { EventEncoder } from '../../audit/encode.ts'
import { closeOpen, eventIn, isContact, OpenIntents, openIntentsName, SegmentScan, segmentName } from '../../audit/recover.ts'
import { Fault } from '../../kernel/errors.ts'
import { syncDirectory } from '../sync-directory.ts'
import { REAL_DISK, type Disk } from './disk.ts'
import { FLAT_LOG_LIMITS, FlatLog, type FlatLogLimits, type FlatLogParts, type FoundAtStart } from './flat-log.ts'
import { eachLine, segmentsIn } from './lines.ts'
import { takeWriterLock } from './writer-lock.ts'

export type FlatLogOptions = {
  /** absolute path, normally `<dataDir>/audit`; made with mode 0700 when missing */
  readonly dir: string
  readonly encoder: EventEncoder
  /** wall clock, milliseconds */
  readonly now: () => number
  readonly limits?: Partial<FlatLogLimits>
  readonly onGroup?: FlatLogParts['onGroup']
  readonly follower?: FlatLogParts['follower']
  readonly disk?: Disk
}

/** What the start found. */
export type Recovery = FoundAtStart & {
  /** bytes of a torn last write that were cut; 0 = the log was whole */
  readonly cutBytes: number
  /** intents closed with the outcome `unknown` */
  readonly closedIntents: number
  /** contacts of the gateway itself closed in the same way */
  readonly closedContacts: number
}

/** Whether there is something to be told. */
export const isRecovered = ({ cutBytes, closedIntents, closedContacts, uncovered, floor }: Recovery): boolean =>
  cutBytes + closedIntents + closedContacts > 0 || uncovered !== undefined || floor !== undefined

/**
 * Opens or begins the log in `dir`. Resolves once the tail has been checked, a torn one cut, what is to be told recorded, and every intent without an outcome closed
 * and durable. Throws Fault `audit-locked` (another writer), `audit-damaged` (the file was changed before its tail: an administrator must look) or
 * `audit-unavailable` (cannot be read or written), or what the follower refuses the start with. A refused start has changed nothing.
 */
export async function openFlatLog(options: FlatLogOptions): Promise<{ readonly log: FlatLog; readonly recovery: Recovery }> {
  const { dir, disk = REAL_DISK } = options
  const limits = { ...FLAT_LOG_LIMITS, ...options.limits }
  try {
    await makeDirectory(dir)
    const release = takeWriterLock(dir)
    let log: FlatLog | undefined
    let fd: number | undefined
    try {
      const open = new OpenIntents()
      const tail = await readTail(dir, open)
      const { segment, bytes, cutBytes } = tail
      const path = join(dir, segmentName(segment))
      if (tail.isNew) fd = await disk.create(path)
      const orphans = open.lines()
      const carried = orphans.filter(line => tail.carried.has(line))
      // Before the first row of this start, and before the cut: what is appended to a log that was changed would look as if it had been believed, and what is
      // cut off one is evidence that is gone.
      const found = await options.follower?.begin({ segment, offset: bytes }, carried)
      const closedContacts = orphans.filter(isContact).length
      const recovery = { cutBytes, closedIntents: orphans.length - closedContacts, closedContacts, ...found }
      const rows = recoveryRows(options, { ...recovery, orphans, segment })
      const { onGroup, follower } = options
      fd ??= await openEnd(disk, path, tail)
      log = new FlatLog(
        { disk, limits, open, release, ...(onGroup && { onGroup }), ...(follower && { follower }) },
        { dir, segment, fd, bytes },
      )
      await appendAll(log, rows)
      return { log, recovery }
    } catch (error) {
      if (log === undefined && fd !== undefined) await disk.close(fd).catch(() => {})
      await (log ?? options.follower)?.close()
      release()
      throw error
    }
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    throw new Fault('audit-unavailable', `the audit log in \`${dir}\` cannot be opened`, { cause })
  }
}

const RECOVERY_ROWS = 1000

/** `carried`: lines that the file of open intents named. */
type Tail = {
  readonly segment: number
  readonly bytes: number
  readonly cutBytes: number
  readonly carried: ReadonlySet<string>
  readonly isNew: boolean
}

async function readTail(dir: string, open: OpenIntents): Promise<Tail> {
  const segments = await segmentsIn(dir)
  const segment = segments.at(-1)
  if (segment === undefined) return { segment: 1, bytes: 0, cutBytes: 0, carried: new Set(), isNew: true }
  const first = segments[0] ?? segment
  // Old segments may be moved away from the front; a hole means that one in the middle is gone.
  if (segments.length !== segment - first + 1)
    throw damaged(dir, `segments between \`${segmentName(first)}\` and \`${segmentName(segment)}\` are missing`)
  if (segment > 1) await readOpenIntents(dir, segment, open)
  const carried = new Set(open.lines())
  const path = join(dir, segmentName(segment))
  const scan = new SegmentScan(open)
  scan.end(await eachLine(path, (line, bytes) => scan.line(line, bytes)))
  if (scan.isDamaged) throw damaged(dir, `\`${segmentName(segment)}\` is not an event log from byte ${scan.goodBytes} on`)
  return { segment, bytes: scan.goodBytes, cutBytes: (await stat(path)).size - scan.goodBytes, carried, isNew: false }
}

async function openEnd(disk: Disk, path: string, { bytes, cutBytes }: Tail): Promise<number> {
  const fd = await disk.open(path)
  try {
    // If we crash after the cut, only the notice of it is missing; what was cut had never been acknowledged.
    if (cutBytes > 0) await disk.truncate(fd, bytes)
    return fd
  } catch (error) {
    await disk.close(fd).catch(() => {})
    throw error
  }
}

async function readOpenIntents(dir: string, segment: number, open: OpenIntents): Promise<void> {
  const name = openIntentsName(segment)
  try {
    // Written whole and durable before its segment exists: it is never torn.
    const rest = await eachLine(join(dir, name), line => open.read(line))
    if (rest > 0) throw new SyntaxError('the last line has no end')
  } catch (cause) {
    throw damaged(dir, `\`${name}\`, the open intents before \`${segmentName(segment)}\`, is missing or unreadable`, cause)
  }
}

type Row = { readonly event: string; readonly ends?: string }

/** What is told of the start, then the ends of what a crash left open. */
function recoveryRows(
  { dir, encoder, now }: FlatLogOptions,
  found: Recovery & { readonly orphans: readonly string[]; readonly segment: number },
): Row[] {
  const { orphans, segment, ...recovery } = found
  const told = isRecovered(recovery) ? [{ event: encoder.lifecycle('log-recovered', { segment: segmentName(segment), ...recovery }) }] : []
  return [...told, ...orphans.map(line => closed(() => closeOpen(line, encoder, now()), dir, segment))]
}

function closed(close: () => Row, dir: string, segment: number): Row {
  try {
    const row = close()
    if (eventIn(row.event) !== undefined) return row
  } catch {
    // falls through: nothing ends what never was an event
  }
  throw damaged(dir, `\`${segmentName(segment)}\` holds an event without an end that is none of the gateway's`)
}

/** A backlog's worth at a time: a crash can leave more open than the backlog holds. */
async function appendAll(log: FlatLog, rows: readonly Row[]): Promise<void> {
  let last: Promise<void> | undefined
  for (const { event, ends } of rows) {
    last = log.append(event, undefined, ends)
    if (log.backlog >= RECOVERY_ROWS) await last
  }
  await last
}

const damaged = (dir: string, what: string, cause?: unknown): Fault =>
  new Fault(
    'audit-damaged',
    `the audit log in \`${dir}\` was changed outside the gateway: ${what}; keep a copy, find out who did it, and put the right files back or begin a new log (\`gatehouse audit begin\`)`,
    { cause },
  )

// A new directory is durable once its parent, and every new parent's parent, has been synced.
async function makeDirectory(dir: string): Promise<void> {
  const made = await mkdir(dir, { recursive: true, mode: 0o700 })
  if (made === undefined) return
  for (let at = dir; ; at = dirname(at)) {
    await syncDirectory(dirname(at))
    if (at === made) return
  }
}
