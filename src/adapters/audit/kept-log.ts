// A log in its folder as a whole: for checking it, for taking it elsewhere, and for the proof of one event. Reads only, beside a gateway that runs or without one.

import { closeSync, existsSync, fstatSync, openSync, readdirSync, readFileSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { KeptCheckpoint } from '../../audit/reading.ts'
import { BUNDLE_END, bundleHead, bundleLine } from '../../audit/bundle.ts'
import { leadsToCheckpoint, proofText } from '../../audit/proof.ts'
import { segmentName, segmentNumber } from '../../audit/recover.ts'
import { frontierAt, inclusionProof } from '../../audit/tree.ts'
import { Fault } from '../../kernel/errors.ts'
import { GrowingTree } from './growing-tree.ts'
import { changed, scanLines, type Place } from './segment-lines.ts'
import { TILE, TreeFile } from './tree-file.ts'
import type { KeptTree } from './verify-folder.ts'

const NEWLINE = 0x0a
const BLOCK = 64 * 1024
const WRITE_BYTES = 1 << 20

/** Which events a bundle holds: from `from` to before `to`. */
export type Exported = { readonly origin: string; readonly from: number; readonly to: number; readonly bytes: number }
export type ProvenEvent = { readonly seq: number; readonly proof: string; readonly event: string }

export class KeptLog {
  readonly #dir: string
  readonly #file: TreeFile
  readonly origin: string
  readonly #firstSegment: number

  private constructor(dir: string, file: TreeFile, name: { readonly origin: string; readonly firstSegment: number }) {
    this.#dir = dir
    this.#file = file
    this.origin = name.origin
    this.#firstSegment = name.firstSegment
  }

  /** `dir`: with segments and `tree.db`. Throws Fault `audit-unreadable` where that is not there. */
  static open(dir: string): KeptLog {
    const file = TreeFile.read(dir)
    const name = file?.name
    if (file !== undefined && name !== undefined) return new KeptLog(dir, file, name)
    file?.close()
    throw new Fault('audit-unreadable', `there is no signed audit log in \`${dir}\`: \`tree.db\` is missing or empty`)
  }

  /** As the folder tells them; whoever wants to be sure has them from elsewhere. */
  get vkeys(): readonly string[] {
    const path = join(this.#dir, 'keys')
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []
  }

  /** For verifyFolder; counts until it is closed. */
  get tree(): KeptTree {
    const file = this.#file
    return {
      firstSegment: this.#firstSegment,
      tiles: file.tiles,
      leavesOf: tile => file.leavesOf(tile),
      segments: () => file.segments(),
      checkpoints: this.#checkpoints().map(({ note }) => note),
    }
  }

  /**
   * Writes events to an open file, up to the last checkpoint, from `from` on or from the oldest there is. Each goes with the hash that was kept of it, not one made
   * now: a bundle of a log that was changed tells which event it was. Throws Fault `audit-uncovered` where nothing is signed from there on, and `audit-changed`
   * where lines are missing.
   */
  export(out: number, from?: number): Exported {
    // Read once: a gateway that runs signs further ones meanwhile, and the last note has to be of the last event.
    const checkpoints = this.#checkpoints()
    const to = checkpoints.at(-1)?.size ?? 0
    const oldest = this.#oldest()
    const first = from ?? oldest.seq
    if (first >= to) throw new Fault('audit-uncovered', `no checkpoint covers event ${first} yet; the last one covers ${to} events`)
    if (first < oldest.seq) throw new Fault('audit-uncovered', `events before ${oldest.seq} were removed after the retention time`)
    const { tree, end } = this.#grown()
    const head = bundleHead({
      origin: this.origin,
      from: first,
      to,
      before: frontierAt(first, tree.nodeAt),
      vkeys: this.vkeys,
      checkpoints: checkpoints.map(({ note }) => note),
    })
    let bytes = writeSync(out, head)
    let pending = ''
    this.#scan(tree, end, { from: first, to }, (line, seq) => {
      pending += bundleLine(seq, Buffer.from(tree.leafAt(seq)).toString('base64'), line.toString('utf8'))
      if (pending.length < WRITE_BYTES) return
      bytes += writeWhole(out, pending)
      pending = ''
    })
    bytes += writeWhole(out, pending + BUNDLE_END)
    return { origin: this.origin, from: first, to, bytes }
  }

  /**
   * One event by its number, or by its `id`. Throws Fault `audit-uncovered` where there is none that a checkpoint covers, `audit-changed` where no proof leads
   * from it to the last checkpoint.
   */
  prove(which: number | string): ProvenEvent {
    const checkpoint = this.#file.lastCheckpoint
    const { tree, end } = this.#grown()
    const oldest = this.#oldest().seq
    let found: { readonly seq: number; readonly event: string } | undefined
    const range = typeof which === 'number' ? { from: which, to: which + 1 } : { from: oldest, to: tree.size }
    if (range.from >= oldest)
      this.#scan(tree, end, range, (line, seq) => {
        if (typeof which === 'number' || (line.includes(which) && idOf(line) === which)) found ??= { seq, event: line.toString('utf8') }
      })
    if (found === undefined || checkpoint === undefined || found.seq >= checkpoint.size)
      throw new Fault('audit-uncovered', `there is no event \`${which}\` here that a checkpoint covers`)
    const hashes = inclusionProof(found.seq, checkpoint.size, tree.nodeAt)
    const proof = proofText({ seq: found.seq, hashes, checkpoint: checkpoint.note })
    if (leadsToCheckpoint(proof, Buffer.from(found.event))) return { ...found, proof }
    throw changed(this.#dir, `event ${found.seq} is not the one that was signed, or hashes that were kept are not`)
  }

  close(): void {
    this.#file.close()
  }

  /** Smallest first. */
  #checkpoints(): readonly KeptCheckpoint[] {
    return this.#file.checkpoints(Number.MAX_SAFE_INTEGER).reverse()
  }

  #segments(): number[] {
    return readdirSync(this.#dir)
      .flatMap(name => segmentNumber(name) ?? [])
      .sort((a, b) => a - b)
  }

  /** The first event that is there, and where it stands. */
  #oldest(): { readonly seq: number; readonly place: Place } {
    const segment = this.#segments()[0] ?? this.#firstSegment
    const seq = this.#file.segments().find(({ number }) => number === segment - 1)?.events ?? 0
    return { seq, place: { segment, offset: 0 } }
  }

  #grown(): { readonly tree: GrowingTree; readonly end: Place } {
    const end = endOf(this.#dir, this.#segments().at(-1) ?? this.#firstSegment)
    const tree = new GrowingTree(this.#dir, this.#file, this.#firstSegment)
    tree.follow(end)
    return { tree, end }
  }

  #scan(
    tree: GrowingTree,
    end: Place,
    { from, to }: { readonly from: number; readonly to: number },
    online: (line: Buffer, seq: number) => void,
  ): void {
    const oldest = this.#oldest()
    const tile = Math.floor(from / TILE)
    const isCut = tile * TILE < oldest.seq // the tile began in a segment that was removed
    let seq = isCut ? oldest.seq : tile * TILE
    if (from >= tree.size) return
    scanLines(this.#dir, { from: isCut ? oldest.place : tree.linesOf(tile).from, to: end }, line => {
      if (seq >= to) return false
      if (seq >= from) online(line, seq)
      seq += 1
      return true
    })
  }
}

function idOf(line: Buffer): unknown {
  try {
    return (JSON.parse(line.toString('utf8')) as { readonly id?: unknown }).id
  } catch {
    // no event: it has no id
    return undefined
  }
}

function writeWhole(file: number, text: string): number {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
  return bytes.length
}

/** Behind the last whole line: the writer may be in the middle of one. */
function endOf(dir: string, segment: number): Place {
  const file = openSync(join(dir, segmentName(segment)), 'r')
  try {
    const block = Buffer.alloc(BLOCK)
    for (let end = fstatSync(file).size; end > 0; end -= BLOCK) {
      const from = Math.max(0, end - BLOCK)
      const at = block.subarray(0, readSync(file, block, 0, end - from, from)).lastIndexOf(NEWLINE)
      if (at >= 0) return { segment, offset: from + at + 1 }
    }
    return { segment, offset: 0 }
  } finally {
    closeSync(file)
  }
}
