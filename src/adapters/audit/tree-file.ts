// tree.db: the hashes of the events in tiles (C2SP tlog-tiles), where the lines of each tile stand, and what was signed. One writer: the notary.

import { join } from 'node:path'
import type { KeptCheckpoint } from '../../audit/reading.ts'
import { HASH_BYTES, nodeHashInto, type NodeAt } from '../../audit/tree.ts'
import { Fault } from '../../kernel/errors.ts'
import {
  openAuditDatabase,
  readAuditDatabase,
  sqliteCode,
  type AuditDatabase,
  type AuditSchema,
  type AuditStatement,
} from '../sqlite/audit-database.ts'
import { changed, type Place } from './segment-lines.ts'

/** Leaves of a tile, and tiles of a tile one level up. */
export const TILE = 256
const TILE_LEVELS = 8
/** Checkpoints kept besides the first of every hour and the last that each witness signed. */
const KEPT_CHECKPOINTS = 1000

const SCHEMA: AuditSchema = {
  applicationId: 0x47617474,
  version: 1,
  sql: `
    -- Whole tiles only. Level 0 holds leaves, level n the roots of 256 tiles of level n-1. root: of the tile itself.
    CREATE TABLE tiles (
      level INTEGER NOT NULL, tile INTEGER NOT NULL,
      hashes BLOB NOT NULL CHECK (length(hashes) = 8192), root BLOB NOT NULL CHECK (length(root) = 32),
      PRIMARY KEY (level, tile)
    ) STRICT;
    -- Where the 256 lines of a tile of level 0 stand.
    CREATE TABLE lines (
      tile INTEGER PRIMARY KEY, segment INTEGER NOT NULL, byte INTEGER NOT NULL, end_segment INTEGER NOT NULL, end_byte INTEGER NOT NULL
    ) STRICT;
    -- Segments that are written to their end. events: of all segments up to this one.
    CREATE TABLE segments (number INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, events INTEGER NOT NULL) STRICT;
    CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, root BLOB NOT NULL, time TEXT NOT NULL, note TEXT NOT NULL) STRICT;
    CREATE TABLE log (id INTEGER PRIMARY KEY CHECK (id = 1), origin TEXT NOT NULL, first_segment INTEGER NOT NULL, pruned_to INTEGER NOT NULL DEFAULT 0) STRICT;
    CREATE TABLE witnesses (name TEXT PRIMARY KEY, size INTEGER NOT NULL, time TEXT NOT NULL) STRICT;
  `,
}

/** A whole tile of leaves, ready to be kept. */
export type TileRow = { readonly tile: number; readonly hashes: Buffer; readonly root: Buffer; readonly from: Place; readonly to: Place }
/** A segment that is written to its end, and how many events the log has up to there. */
export type SegmentEnd = { readonly number: number; readonly bytes: number; readonly events: number }
export type SignedRow = { readonly size: number; readonly root: Buffer; readonly time: string; readonly note: string }
/** `note`: of the checkpoint of that size, with the signature of the witness. */
type Cosigned = { readonly name: string; readonly size: number; readonly time: string; readonly note: string }
/** What one commit adds. */
export type TreeGrowth = {
  readonly tiles: readonly TileRow[]
  readonly segments: readonly SegmentEnd[]
  readonly checkpoint?: SignedRow
}

/** Which log the file is of, with which segment it began, and before which seq its lines were removed after the retention time. */
export type LogName = { readonly origin: string; readonly firstSegment: number; readonly prunedTo: number }

type TileFound = { readonly hashes: Buffer; readonly root: Buffer }
type LinesFound = { readonly segment: number; readonly byte: number; readonly end_segment: number; readonly end_byte: number }

/** Throws Fault `audit-unavailable` where SQLite fails, `audit-changed` where a row that must be there is not. Synchronous: for threads and commands. */
export class TreeFile {
  readonly #dir: string
  readonly #database: AuditDatabase
  readonly #tile: AuditStatement<TileFound>
  readonly #root: AuditStatement<{ readonly root: Buffer }>
  readonly #lines: AuditStatement<LinesFound>
  /** the tile that was read last: proofs and checks read neighbours */
  #kept: { readonly key: string; readonly found: TileFound } | undefined

  private constructor(dir: string, database: AuditDatabase) {
    this.#dir = dir
    this.#database = database
    this.#tile = database.prepare('SELECT hashes, root FROM tiles WHERE level = ? AND tile = ?')
    this.#root = database.prepare('SELECT root FROM tiles WHERE level = ? AND tile = ?')
    this.#lines = database.prepare('SELECT segment, byte, end_segment, end_byte FROM lines WHERE tile = ?')
  }

  /** For the writer. Every commit is on disk when it returns. */
  static open(dir: string): TreeFile {
    return new TreeFile(dir, openAuditDatabase(join(dir, 'tree.db'), SCHEMA, 'FULL'))
  }

  /** For readers; undefined where there is none. */
  static read(dir: string): TreeFile | undefined {
    const database = readAuditDatabase(join(dir, 'tree.db'), SCHEMA)
    return database && new TreeFile(dir, database)
  }

  get name(): LogName | undefined {
    return this.#database.prepare<[], LogName>('SELECT origin, first_segment AS firstSegment, pruned_to AS prunedTo FROM log').get()
  }

  begin({ origin, firstSegment }: Omit<LogName, 'prunedTo'>): void {
    this.#do(() => this.#database.prepare('INSERT INTO log (id, origin, first_segment) VALUES (1, ?, ?)').run(origin, firstSegment))
  }

  /** Whole tiles of leaves. */
  get tiles(): number {
    return this.#database.prepare<[], number | null>('SELECT max(tile) + 1 FROM tiles WHERE level = 0').pluck().get() ?? 0
  }

  /** Where the lines of a whole tile stand. */
  linesOf(tile: number): { readonly from: Place; readonly to: Place } {
    const row = this.#lines.get(tile)
    if (row === undefined) throw changed(this.#dir, `tree.db does not know where the events from ${tile * TILE} on stand`)
    return { from: { segment: row.segment, offset: row.byte }, to: { segment: row.end_segment, offset: row.end_byte } }
  }

  /** The 256 leaves of a whole tile, as they stand there; of a level above 0, the roots of the tiles below. */
  leavesOf(tile: number, level = 0): Buffer {
    return this.#tileAt(level, tile).hashes
  }

  /** Where the first line stands that was not removed after the retention time; undefined while none was. */
  get leftFrom(): Place | undefined {
    const prunedTo = this.name?.prunedTo ?? 0
    const gone = prunedTo > 0 ? this.segments().findLast(({ events }) => events <= prunedTo) : undefined
    return gone && { segment: gone.number + 1, offset: 0 }
  }

  segments(): readonly SegmentEnd[] {
    return this.#database.prepare<[], SegmentEnd>('SELECT number, bytes, events FROM segments ORDER BY number').all()
  }

  get lastCheckpoint(): SignedRow | undefined {
    return this.#database.prepare<[], SignedRow>('SELECT size, root, time, note FROM checkpoints ORDER BY size DESC LIMIT 1').get()
  }

  /** Newest first; `limit` of them at most. */
  checkpoints(limit: number): KeptCheckpoint[] {
    return this.#database
      .prepare<[number], SignedRow>('SELECT size, root, time, note FROM checkpoints ORDER BY size DESC LIMIT ?')
      .all(limit)
      .map(row => ({ ...row, root: row.root.toString('base64') }))
  }

  witnesses(): readonly { readonly name: string; readonly size: number; readonly time: string }[] {
    return this.#database
      .prepare<[], { name: string; size: number; time: string }>('SELECT name, size, time FROM witnesses ORDER BY name')
      .all()
  }

  /** The note of the checkpoint of exactly this size, where it is still kept. */
  noteOf(size: number): string | undefined {
    return this.#database.prepare<[number], string>('SELECT note FROM checkpoints WHERE size = ?').pluck().get(size)
  }

  /** A witness signed the checkpoint of that size: its note has the signature from now on. */
  witnessed({ name, size, time, note }: Cosigned): void {
    this.#transaction(() => {
      const before = this.#database.prepare<[string], number>('SELECT size FROM witnesses WHERE name = ?').pluck().get(name)
      this.#database.prepare('UPDATE checkpoints SET note = ? WHERE size = ?').run(note, size)
      this.#database
        .prepare(
          'INSERT INTO witnesses (name, size, time) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET size = excluded.size, time = excluded.time WHERE size <= excluded.size',
        )
        .run(name, size, time)
      // What was kept for this witness alone goes as the others of its age went: one for each witness stays, not one for each time it was away.
      if (before !== undefined && before <= (this.#oldestKept() ?? -1)) this.#thin(before)
    })
  }

  /** All of it in one commit: after a crash there is either nothing of it or everything, so a checkpoint never stands without the tiles below it. */
  grow({ tiles, segments, checkpoint }: TreeGrowth): void {
    this.#transaction(() => {
      const keep = this.#database.prepare('INSERT INTO tiles (level, tile, hashes, root) VALUES (?, ?, ?, ?)')
      const place = this.#database.prepare('INSERT INTO lines (tile, segment, byte, end_segment, end_byte) VALUES (?, ?, ?, ?, ?)')
      for (const { tile, hashes, root, from, to } of tiles) {
        keep.run(0, tile, hashes, root)
        place.run(tile, from.segment, from.offset, to.segment, to.offset)
        this.#growUp(keep, tile)
      }
      const end = this.#database.prepare('INSERT OR REPLACE INTO segments (number, bytes, events) VALUES (?, ?, ?)')
      for (const { number, bytes, events } of segments) end.run(number, bytes, events)
      if (checkpoint !== undefined) this.#sign(checkpoint)
    })
  }

  /** The last of 256 tiles makes a tile of the level above. */
  #growUp(keep: AuditStatement, below: number): void {
    for (let level = 1, tile = below; tile % TILE === TILE - 1; level += 1) {
      tile = Math.floor(tile / TILE)
      const hashes = Buffer.alloc(TILE * HASH_BYTES)
      for (let i = 0; i < TILE; i += 1) hashes.set(this.#rootOf(level - 1, tile * TILE + i), i * HASH_BYTES)
      keep.run(level, tile, hashes, nodeIn(hashes, TILE_LEVELS, 0))
    }
  }

  #sign({ size, root, time, note }: SignedRow): void {
    this.#database.prepare('INSERT INTO checkpoints (size, root, time, note) VALUES (?, ?, ?, ?)').run(size, root, time, note)
    const old = this.#oldestKept()
    if (old !== undefined) this.#thin(old)
  }

  /** Size of the one that falls out of the newest, if there are so many. */
  #oldestKept(): number | undefined {
    return this.#database
      .prepare<[number], number>('SELECT size FROM checkpoints ORDER BY size DESC LIMIT 1 OFFSET ?')
      .pluck()
      .get(KEPT_CHECKPOINTS)
  }

  /** Forgets a checkpoint, unless it is the first of its hour, or the last that a witness signed: without it nobody else vouches for the log. */
  #thin(size: number): void {
    this.#database
      .prepare(
        `DELETE FROM checkpoints WHERE size = @size AND size NOT IN (SELECT size FROM witnesses) AND substr(time, 1, ${HOUR}) =
           (SELECT substr(time, 1, ${HOUR}) FROM checkpoints WHERE size < @size ORDER BY size DESC LIMIT 1)`,
      )
      .run({ size })
  }

  /** Lines before `seq` are to be removed; their leaves stay. */
  prune(seq: number): void {
    this.#do(() => this.#database.prepare('UPDATE log SET pruned_to = max(pruned_to, ?)').run(seq))
  }

  /** Forgets whole tiles from `tile` on, with what rests on them: they are made again from the lines. */
  forgetFrom(tile: number): void {
    this.#transaction(() => {
      this.#database.prepare('DELETE FROM lines WHERE tile >= ?').run(tile)
      this.#database.prepare('DELETE FROM segments WHERE events > ?').run(tile * TILE)
      for (let level = 0, first = tile; level <= TILE_LEVELS; level += 1, first = Math.floor(first / TILE))
        this.#database.prepare('DELETE FROM tiles WHERE level = ? AND tile >= ?').run(level, first)
    })
    this.#kept = undefined
  }

  /** Complete subtrees within the whole tiles. */
  readonly nodeAt: NodeAt = (level, index) => {
    const tileLevel = Math.floor(level / TILE_LEVELS)
    const within = level % TILE_LEVELS
    if (within === 0 && tileLevel > 0) return this.#rootOf(tileLevel - 1, index)
    const first = index * 2 ** within
    const tile = Math.floor(first / TILE)
    const at = first % TILE
    if (tileLevel === 0) return nodeIn(this.#tileAt(0, tile).hashes, within, at)
    // The tile of this level may not be whole yet: its hashes are the roots of the tiles below.
    const hashes = Buffer.alloc(2 ** within * HASH_BYTES)
    for (let i = 0; i < 2 ** within; i += 1) hashes.set(this.#rootOf(tileLevel - 1, first + i), i * HASH_BYTES)
    return nodeIn(hashes, within, 0)
  }

  close(): void {
    this.#database.close()
  }

  #rootOf(level: number, tile: number): Buffer {
    const row = this.#root.get(level, tile)
    if (row === undefined) throw changed(this.#dir, `tree.db has no tile ${tile} of level ${level}`)
    return row.root
  }

  #tileAt(level: number, tile: number): TileFound {
    const key = `${level}/${tile}`
    if (this.#kept?.key === key) return this.#kept.found
    const found = this.#tile.get(level, tile)
    if (found === undefined) throw changed(this.#dir, `tree.db has no tile ${tile} of level ${level}`)
    this.#kept = { key, found }
    return found
  }

  #transaction(work: () => void): void {
    this.#do(() => this.#database.transaction(work).immediate())
  }

  #do(work: () => void): void {
    try {
      work()
    } catch (cause) {
      if (cause instanceof Fault) throw cause
      throw new Fault('audit-unavailable', `tree.db could not be written (${sqliteCode(cause)})`, { cause })
    }
  }
}

/** Up to the hour of an RFC 3339 time. */
const HOUR = '2026-07-28T09'.length

/** The root over 2^level of the hashes, from the `index`-th on. */
export function nodeIn(hashes: Buffer, level: number, index: number): Buffer {
  let row = hashes.subarray(index * HASH_BYTES, (index + 2 ** level) * HASH_BYTES)
  while (row.length > HASH_BYTES) {
    const above = Buffer.allocUnsafe(row.length / 2)
    for (let at = 0; at < above.length; at += HASH_BYTES) nodeHashInto(row, 2 * at, above, at)
    row = above
  }
  return row
}
