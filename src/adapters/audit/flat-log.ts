// The audit log as append-only JSON Lines: group commit of one write and one fdatasync, off the event loop. docs/adr/0002-flat-audit-log.md.

import { join } from 'node:path'
import type { AuditLog } from '../../audit/log.ts'
import { openIntentsName, segmentName, type OpenIntents } from '../../audit/recover.ts'
import { Fault } from '../../kernel/errors.ts'
import type { Disk } from './disk.ts'
import type { Place } from './segment-lines.ts'

/** Bounds of one log. */
export type FlatLogLimits = {
  /** rows appended and not yet durable; default 20,000 */
  readonly backlogRows: number
  /** the same in UTF-16 units, each of one to three bytes; default 32 Mi */
  readonly backlogUnits: number
  /** one row; default 1 Mi */
  readonly rowUnits: number
  /** a segment that reached this is followed by a new one; default 16 MiB, which is also what a start reads */
  readonly segmentBytes: number
}
export const FLAT_LOG_LIMITS: FlatLogLimits = { backlogRows: 20_000, backlogUnits: 32 << 20, rowUnits: 1 << 20, segmentBytes: 16 << 20 }

/** Where a log stands when it is handed its open file. */
export type Position = { readonly dir: string; readonly segment: number; readonly fd: number; readonly bytes: number }

/**
 * What a follower found of a log that was signed before. `uncovered`: events that no checkpoint covers, from the seq `from` to before `to`; a clean stop leaves none.
 * `floor`: `trust/audit.json`, which says how far the log had come, is gone.
 */
export type FoundAtStart = { readonly uncovered?: { readonly from: number; readonly to: number }; readonly floor?: 'missing' }

/** Whoever follows what is durable, and may stop the log. */
export interface Follower {
  /**
   * judges what is there up to `place`, before anything is changed; what it rejects with refuses the start. `carried`: lines of events without an end that older
   * segments hold, as a file beside them says
   */
  begin(place: Place, carried: readonly string[]): Promise<FoundAtStart>
  /** everything up to `place` is durable; for every group, must not throw */
  publish(place: Place): void
  /** why no event may be appended; undefined: it may. Asked for every event */
  readonly refusal: Fault | undefined
  /** takes what was published last, then ends; the writer's lock is held until then */
  close(): Promise<void>
}

/** What a log is made of. `onGroup` is told of each durable group and how many seconds its write and sync took; it must not throw. */
export type FlatLogParts = {
  readonly disk: Disk
  readonly limits: FlatLogLimits
  /** the open intents of everything already in the log */
  readonly open: OpenIntents
  readonly onGroup?: (rows: number, bytes: number, seconds: number) => void
  readonly follower?: Follower
  /** gives the writer's lock back */
  readonly release: () => void
}

// A group collects while the one before it is written. When it may go, it waits for as long as each turn of the event loop still adds rows, at most
// this many turns and rows: one sync then serves more calls, and an idle loop waits for nothing. No timer is involved.
const MAX_TURNS = 4
const FULL_GROUP_ROWS = 64
const BUFFER_BYTES = 1 << 18
const KEPT_BUFFER_BYTES = 1 << 20
const BRACE = 0x7b
const NOT_A_ROW = 'expected an event as one line of JSON'

/** Rows that become durable together: one promise for all of them. */
class Group {
  readonly durable: Promise<void>
  readonly resolve: () => void
  readonly reject: (fault: Fault) => void
  buffer: Buffer
  bytes = 0
  rows = 0
  units = 0

  constructor(buffer: Buffer) {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    this.durable = promise as Promise<unknown> as Promise<void>
    this.resolve = resolve as () => void
    this.reject = reject
    this.buffer = buffer
    // Each append hands the promise to a caller who must look at it; the group itself is nobody's to look at.
    promise.catch(() => {})
  }

  add(event: string): void {
    // UTF-8 needs at most three bytes for a UTF-16 unit.
    const needed = this.bytes + event.length * 3 + 1
    if (needed > this.buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2))
      this.buffer.copy(larger, 0, 0, this.bytes)
      this.buffer = larger
    }
    this.bytes += this.buffer.write(event, this.bytes, 'utf8')
    this.buffer[this.bytes] = 0x0a
    this.bytes += 1
    this.rows += 1
    this.units += event.length
  }
}

/** Opened by open-flat-log.ts, which checks the tail and holds the lock. One write or sync is under way at any time, so order on disk is call order. */
export class FlatLog implements AuditLog {
  readonly #parts: FlatLogParts
  readonly #dir: string
  #segment: number
  #fd: number
  /** bytes of the current segment that are known to be durable */
  #durableBytes: number
  #collecting: Group | undefined
  #writing: Group | undefined
  #rotation: Promise<void> | undefined
  #fault: Fault | undefined
  #closed: Promise<void> | undefined
  #spare: Buffer[] = [Buffer.allocUnsafeSlow(BUFFER_BYTES), Buffer.allocUnsafeSlow(BUFFER_BYTES)]
  #isArmed = false
  #seenRows = 0
  #turns = 0

  constructor(parts: FlatLogParts, position: Position) {
    this.#parts = parts
    this.#dir = position.dir
    this.#segment = position.segment
    this.#fd = position.fd
    this.#durableBytes = position.bytes
  }

  get backlog(): number {
    return (this.#collecting?.rows ?? 0) + (this.#writing?.rows ?? 0)
  }

  get isHealthy(): boolean {
    return this.#fault === undefined && this.#closed === undefined && this.#parts.follower?.refusal === undefined
  }

  /** See AuditLog. The promise is the group's: all rows that share a sync share it. */
  append(event: string, begins?: string, ends?: string): Promise<void> {
    const fault = this.#fault ?? this.#parts.follower?.refusal
    if (fault !== undefined) return Promise.reject(fault)
    const refusal = this.#refusal(event)
    if (refusal !== undefined) return Promise.reject(unavailable(refusal))
    if (begins !== undefined) this.#parts.open.begin(begins, event)
    if (ends !== undefined) this.#parts.open.end(ends)
    const group = (this.#collecting ??= new Group(this.#spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES)))
    group.add(event)
    if (this.#writing === undefined && this.#rotation === undefined) this.#arm()
    return group.durable
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  #refusal(event: string): string | undefined {
    const { backlogRows, backlogUnits, rowUnits } = this.#parts.limits
    if (this.#closed !== undefined) return 'the audit log is closed'
    if (this.backlog >= backlogRows) return `the audit log is behind by ${this.backlog} rows, at most ${backlogRows} are kept`
    const units = (this.#collecting?.units ?? 0) + (this.#writing?.units ?? 0) + event.length
    if (units > backlogUnits) return `the audit log is behind by ${units} characters, at most ${backlogUnits} are kept`
    if (event.length > rowUnits) return `expected an event of at most ${rowUnits} characters, got ${event.length}`
    // INVARIANT: one event is one line. A newline inside would let an event forge its neighbour.
    if (event.charCodeAt(0) !== BRACE || event.includes('\n')) return NOT_A_ROW
    return undefined
  }

  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    this.#seenRows = 0
    this.#turns = 0
    setImmediate(this.#turn)
  }

  readonly #turn = (): void => {
    const group = this.#collecting
    if (group !== undefined && group.rows !== this.#seenRows && group.rows < FULL_GROUP_ROWS && this.#turns < MAX_TURNS) {
      this.#seenRows = group.rows
      this.#turns += 1
      setImmediate(this.#turn)
      return
    }
    this.#isArmed = false
    if (group !== undefined) this.#flush(group)
  }

  #flush(group: Group): void {
    this.#collecting = undefined
    this.#writing = group
    // The open intents at this very row boundary go with the next segment: later rows will stand in it.
    const isLast = this.#durableBytes + group.bytes >= this.#parts.limits.segmentBytes
    this.#write({ group, started: performance.now(), ...(isLast && { carried: this.#parts.open.lines() }) }, 0)
  }

  // If we crash before the sync returned, any prefix of the group may be on disk; none of its rows has been acknowledged.
  #write(run: Run, from: number): void {
    const { group } = run
    this.#parts.disk.write(this.#fd, group.buffer, { from, to: group.bytes }, (error, written) => {
      if (error !== null) this.#poison('write', error)
      else if (written <= 0) this.#poison('write', new Error('nothing was written'))
      else if (from + written < group.bytes) this.#write(run, from + written)
      else
        this.#parts.disk.sync(this.#fd, syncError => {
          if (syncError !== null) this.#poison('sync', syncError)
          else this.#settle(run)
        })
    })
  }

  #settle({ group, started, carried }: Run): void {
    this.#durableBytes += group.bytes
    this.#writing = undefined
    this.#parts.follower?.publish({ segment: this.#segment, offset: this.#durableBytes })
    group.resolve()
    this.#parts.onGroup?.(group.rows, group.bytes, (performance.now() - started) / 1000)
    if (group.buffer.length <= KEPT_BUFFER_BYTES) this.#spare.push(group.buffer)
    if (carried !== undefined) this.#rotation = this.#rotate(carried)
    else if (this.#collecting !== undefined) this.#arm()
  }

  // Everything in the old segment is durable. A crash here leaves either no new segment, or one whose open intents are already durable.
  async #rotate(carried: readonly string[]): Promise<void> {
    const { disk } = this.#parts
    try {
      const next = this.#segment + 1
      await disk.publish(join(this.#dir, openIntentsName(next)), carried.map(line => `${line}\n`).join(''))
      const fd = await disk.create(join(this.#dir, segmentName(next)))
      const old = this.#fd
      this.#fd = fd
      this.#segment = next
      this.#durableBytes = 0
      await disk.close(old)
    } catch (error) {
      this.#poison('rotate', error)
    }
    this.#rotation = undefined
    if (this.#collecting !== undefined) this.#arm()
  }

  // A sync that failed once must not be tried again: the kernel may have dropped the pages and call the next one a success. Only a new open, which
  // reads the tail, may go on.
  #poison(step: string, cause: unknown): void {
    this.#fault ??= unavailable(`the audit log could not be written (${step})`, cause)
    for (const group of [this.#writing, this.#collecting]) group?.reject(this.#fault)
    this.#writing = undefined
    this.#collecting = undefined
  }

  async #close(): Promise<void> {
    const { disk, follower, release } = this.#parts
    // What is pending settles first, whichever way; a rotation in between only delays it.
    for (;;) {
      const pending = this.#rotation ?? (this.#collecting ?? this.#writing)?.durable
      if (pending === undefined) break
      await pending.catch(() => {})
    }
    try {
      // Rows whose sync failed were never acknowledged and may be in memory only; without them the next start reads what the disk really holds.
      if (this.#fault !== undefined) await disk.truncate(this.#fd, this.#durableBytes)
    } catch {
      // The disk is already broken; the next open judges the tail.
    }
    try {
      await disk.close(this.#fd)
      await follower?.close()
    } catch (cause) {
      throw unavailable('the audit log could not be closed', cause)
    } finally {
      release()
    }
  }
}

type Run = { readonly group: Group; readonly started: number; readonly carried?: readonly string[] }

const unavailable = (message: string, cause?: unknown): Fault => new Fault('audit-unavailable', message, { cause })
