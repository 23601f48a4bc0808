// The tree over the lines of the log as it grows: whole tiles on disk, younger ones and the last leaves in memory. Reads lines; writes nothing by itself.

import { join } from 'node:path'
import { statSync } from 'node:fs'
import { segmentName } from '../../audit/recover.ts'
import { HASH_BYTES, leafHash, nodeHash, rootAt, type NodeAt } from '../../audit/tree.ts'
import { changed, scanLines, type Place } from './segment-lines.ts'
import { nodeIn, TILE, type SegmentEnd, type TileRow, type TreeFile } from './tree-file.ts'

/** Hears of every line as it is taken into the tree, and of every whole tile. */
export interface LineWatch {
  line(line: Buffer): void
  tile(tile: number): void
}

export class GrowingTree {
  readonly #dir: string
  readonly #file: TreeFile | undefined
  readonly #watch: LineWatch | undefined
  /** whole tiles in the file */
  #kept: number
  /** whole tiles that the file does not have yet */
  #young: TileRow[] = []
  #ends: SegmentEnd[] = []
  #leaves = Buffer.alloc(TILE * HASH_BYTES)
  #count = 0
  #tailFrom: Place
  #place: Place

  /** Goes on behind the whole tiles of `file`; without one, or where it has none, at the beginning of segment `firstSegment`. */
  constructor(dir: string, file: TreeFile | undefined, firstSegment: number, watch?: LineWatch) {
    this.#dir = dir
    this.#file = file
    this.#watch = watch
    this.#kept = file?.tiles ?? 0
    this.#place = file && this.#kept > 0 ? file.linesOf(this.#kept - 1).to : { segment: firstSegment, offset: 0 }
    this.#tailFrom = this.#place
  }

  /** Leaves. */
  get size(): number {
    return this.tiles * TILE + this.#count
  }

  /** Whole tiles, those the file does not have yet included. */
  get tiles(): number {
    return this.#kept + this.#young.length
  }

  /** Behind the last line that was taken. */
  get place(): Place {
    return this.#place
  }

  /** Whole tiles and ends of segments that are to be kept; `keep` says they were. */
  get young(): { readonly tiles: readonly TileRow[]; readonly segments: readonly SegmentEnd[] } {
    return { tiles: this.#young, segments: this.#ends }
  }

  keep(): void {
    this.#kept += this.#young.length
    this.#young = []
    this.#ends = []
  }

  /** Takes lines up to `to`, at most `maxLines` of them; false when there are more. Throws the Faults of scanLines. */
  follow(to: Place, maxLines = Infinity): boolean {
    let left = maxLines
    scanLines(this.#dir, { from: this.#place, to, onend: end => this.#end(end) }, (line, place) => {
      if ((left -= 1) < 0) return false
      this.#take(line, place)
      return true
    })
    return left >= 0
  }

  // The place moves with what was taken, not when the scan is over: it may throw in the middle, and no line is a leaf twice.
  #end({ segment, offset }: Place): void {
    this.#ends.push({ number: segment, bytes: offset, events: this.size })
    this.#place = { segment: segment + 1, offset: 0 }
  }

  #take(line: Buffer, { segment, offset }: Place): void {
    this.#watch?.line(line)
    leafHash(line).copy(this.#leaves, this.#count * HASH_BYTES)
    this.#count += 1
    const to = (this.#place = { segment, offset: offset + line.length + 1 })
    if (this.#count < TILE) return
    const tile = this.tiles
    this.#young.push({ tile, hashes: this.#leaves, root: nodeIn(this.#leaves, 8, 0), from: this.#tailFrom, to })
    this.#watch?.tile(tile)
    this.#leaves = Buffer.alloc(TILE * HASH_BYTES)
    this.#count = 0
    this.#tailFrom = to
  }

  /** Where the lines of a tile stand; of the last, unfinished one, as far as they were taken. */
  linesOf(tile: number): { readonly from: Place; readonly to: Place } {
    if (tile >= this.tiles) return { from: this.#tailFrom, to: this.#place }
    const young = this.#young[tile - this.#kept]
    if (young !== undefined) return young
    if (this.#file === undefined) throw new RangeError(`no tile ${tile}`)
    return this.#file.linesOf(tile)
  }

  leafAt(seq: number): Uint8Array {
    return this.nodeAt(0, seq)
  }

  /** Seq of this leaf, the newest where there are several; undefined where there is none. Looks at every one, newest first. */
  find(leaf: Buffer): number | undefined {
    const last = this.#leaves.subarray(0, this.#count * HASH_BYTES)
    for (let tile = this.tiles; tile >= 0; tile -= 1) {
      const hashes = tile === this.tiles ? last : (this.#young[tile - this.#kept]?.hashes ?? this.#file?.leavesOf(tile))
      for (let at = hashes?.lastIndexOf(leaf) ?? -1; at >= 0; at = at === 0 ? -1 : (hashes?.lastIndexOf(leaf, at - 1) ?? -1))
        if (at % HASH_BYTES === 0) return tile * TILE + at / HASH_BYTES
    }
    return undefined
  }

  /** Complete subtrees of the tree as it is. Throws RangeError beyond it. */
  readonly nodeAt: NodeAt = (level, index) => {
    const span = 2 ** level
    const end = (index + 1) * span
    if (this.#file && end <= this.#kept * TILE) return this.#file.nodeAt(level, index)
    if (end > this.size) throw new RangeError(`the tree has ${this.size} leaves, asked for those before ${end}`)
    if (span > TILE) return nodeHash(this.nodeAt(level - 1, 2 * index), this.nodeAt(level - 1, 2 * index + 1))
    const first = index * span
    const hashes = this.#young[Math.floor(first / TILE) - this.#kept]?.hashes ?? this.#leaves
    return nodeIn(hashes, level, first % TILE)
  }

  /** Root of the first `size` leaves. */
  rootAt(size = this.size): Buffer {
    return Buffer.from(rootAt(size, this.nodeAt))
  }

  /**
   * Compares lines with the leaves in the file, from the tile on in which segment `segment` begins, these with the roots above them, and the lengths of all segments
   * before with what they were. The first difference is a Fault `audit-changed` that names it.
   */
  check(segment: number): void {
    const file = this.#file
    if (file === undefined) return
    const prunedTo = file.name?.prunedTo ?? 0
    let first = 0
    for (const end of file.segments()) {
      if (end.number < segment) first = Math.floor(end.events / TILE)
      if (end.events > prunedTo) this.#checkLength(end)
    }
    for (let tile = Math.max(first, Math.ceil(prunedTo / TILE)); tile < this.#kept; tile += 1) {
      const leaves = file.leavesOf(tile)
      let seq = tile * TILE
      scanLines(this.#dir, file.linesOf(tile), line => {
        const at = (seq % TILE) * HASH_BYTES
        if (leafHash(line).compare(leaves, at, at + HASH_BYTES) !== 0)
          throw changed(this.#dir, `event ${seq} is not the one that was written`)
        seq += 1
        return true
      })
      if (seq !== (tile + 1) * TILE) throw changed(this.#dir, `events are missing before event ${(tile + 1) * TILE}`)
    }
    this.#checkRoots(file, first)
  }

  /** Tiles from `first` on, and those above them, have the root that is kept above; the topmost of these are what every signed root is made of. */
  #checkRoots(file: TreeFile, first: number): void {
    for (let [level, from, count] = [0, first, this.#kept]; from < count; level += 1) {
      const [above, whole] = [Math.floor(from / TILE), Math.floor(count / TILE)]
      for (let tile = from; tile < count; tile += 1) {
        const root = nodeIn(file.leavesOf(tile, level), 8, 0)
        const parent = Math.floor(tile / TILE)
        const kept = parent < whole ? nodeIn(file.leavesOf(parent, level + 1), 0, tile % TILE) : file.nodeAt((level + 1) * 8, tile)
        if (!root.equals(kept)) throw changed(this.#dir, `tile ${tile} of level ${level} of \`tree.db\` does not have its root`)
      }
      ;[from, count] = [above, whole]
    }
  }

  #checkLength({ number, bytes }: SegmentEnd): void {
    const found = statSync(join(this.#dir, segmentName(number)), { throwIfNoEntry: false })?.size
    if (found === undefined) throw changed(this.#dir, `\`${segmentName(number)}\` is missing`)
    if (found !== bytes) throw changed(this.#dir, `\`${segmentName(number)}\` has ${found} bytes, expected ${bytes}`)
  }
}
