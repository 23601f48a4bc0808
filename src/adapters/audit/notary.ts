// Takes the durable lines of the log into the tree and signs what it has become; refuses to sign what does not go on from what was signed. Synchronous: a thread's.

import { readdirSync } from 'node:fs'
import { signCheckpoint } from '../../audit/checkpoint.ts'
import { segmentNumber } from '../../audit/recover.ts'
import { TermCollector } from '../../audit/terms.ts'
import { consistencyProof, verifyConsistency } from '../../audit/tree.ts'
import { Fault } from '../../kernel/errors.ts'
import { originOf, publishVkeys } from './audit-key.ts'
import type { FoundAtStart } from './flat-log.ts'
import { readFloor, writeFloor, type EndedLog, type Floor } from './floor.ts'
import { GrowingTree, type LineWatch } from './growing-tree.ts'
import { IndexFile, type IndexRow } from './index-file.ts'
import { LogKeys } from './log-keys.ts'
import type { ReadLog } from './log-reader.ts'
import { eachLineOf } from './log-search.ts'
import { holdPruned, pruneLog, type PruneAnswer, type PruneAsk } from './retention.ts'
import { changed, type Place } from './segment-lines.ts'
import { asChanged, foundAtStart, holdCarried, holdTree, lastSigned, openTree, signedFloor } from './signed-before.ts'
import { TILE, type SignedRow, type TreeFile } from './tree-file.ts'
import type { SignedCheckpoint } from './witness-client.ts'

export type NotarySettings = {
  readonly dataDir: string
  /** the log's folder */
  readonly dir: string
  /** name of the log, where the configuration gives one */
  readonly origin?: string
  /** first part of the name of a log that begins and was given none */
  readonly host: string
  /** who is sent checkpoints; default nobody */
  readonly witnesses?: readonly { readonly url: string; readonly key: string }[]
  /** hosts and private networks that may be reached besides public ones (SafeFetchOptions) */
  readonly outbound?: { readonly hosts: readonly string[]; readonly networks: readonly string[] }
}

/** Tiles that wait for a commit at most, while older lines are read at a start. */
const MAX_YOUNG = 512

export class Notary {
  readonly #settings: NotarySettings
  readonly #now: () => number
  readonly #file: TreeFile
  readonly #origin: string
  readonly #ended: readonly EndedLog[]
  readonly #tree: GrowingTree
  #index: IndexFile | undefined
  #rows: IndexRow[] = []
  #signed: SignedRow | undefined
  #isFloorDue = false
  /** monotonic, when the oldest line without a checkpoint was taken */
  #waitsSince: number | undefined

  readonly keys: LogKeys
  /** whether nothing of this log had ever been signed */
  readonly isNew: boolean
  readonly found: FoundAtStart

  /**
   * Opens what belongs to the log in `dir`, takes all lines up to `to` and holds them against the last checkpoint and the floor. Throws Fault `audit-rolled-back`
   * where there is less than was signed, `audit-changed` where something else is there, and those of the files. `now`: monotonic, milliseconds. `carried`: as in Follower.
   */
  constructor(settings: NotarySettings, to: Place, now: () => number, carried: readonly string[] = []) {
    const { dataDir, dir } = settings
    this.#settings = settings
    this.#now = now
    const floor = readFloor(dataDir)
    this.#file = openTree(dir)
    try {
      const origin = this.#nameOf(floor)
      this.#origin = origin
      this.#ended = floor.ended
      this.keys = new LogKeys({ dataDir, dir, origin }, floor)
      this.#signed = lastSigned(dir, this.#file, this.keys.identity)
      this.isNew = this.#signed === undefined && floor.last === undefined
      // Tiles without a checkpoint above them were made at a start that did not get to its end: nothing says that they are right.
      const kept = Math.floor((this.#signed?.size ?? 0) / TILE)
      if (this.#file.tiles > kept) this.#file.forgetFrom(kept)
      this.#index = IndexFile.open(dir, origin, this.#file.tiles)
      this.#tree = new GrowingTree(dir, this.#file, this.#file.name?.firstSegment ?? 1, this.#watch())
      this.#tree.check(to.segment)
      while (!this.#tree.follow(to, MAX_YOUNG * TILE)) this.#commit()
      const covered = [this.#signed, signedFloor(dir, floor, this.keys.identity)].filter(signed => signed !== undefined)
      for (const signed of covered) holdTree(dir, this.#tree, signed)
      holdPruned(this.log)
      if (!this.isNew) holdCarried(dir, this.#tree, { carried, segment: to.segment, covered })
      this.found = foundAtStart(this.#tree.size, covered, floor)
      this.keys.hold(this.log, this.#signed)
      publishVkeys(dir, this.keys.vkeys)
      this.#isFloorDue = this.#signed !== undefined && this.#signed.size !== floor.last?.size
      if (this.#tree.size > (this.#signed?.size ?? 0)) this.#waitsSince = now()
    } catch (error) {
      this.#index?.close()
      this.#file.close()
      throw asChanged(dir, error)
    }
  }

  get place(): Place {
    return this.#tree.place
  }

  get size(): number {
    return this.#tree.size
  }

  get ended(): readonly EndedLog[] {
    return this.#ended
  }

  /** Whether there is anything that no checkpoint covers, or a floor to be written. */
  get isDue(): boolean {
    return this.#waitsSince !== undefined || this.#isFloorDue
  }

  get log(): ReadLog {
    const prunedTo = this.#file.name?.prunedTo ?? 0
    const { leftFrom } = this.#file
    return {
      dir: this.#settings.dir,
      tree: this.#tree,
      index: this.#index,
      prunedTo,
      ...(leftFrom && { leftFrom }),
      file: this.#file,
      origin: this.#origin,
      vkeys: this.keys.vkeys,
      lagMs: this.#waitsSince === undefined ? 0 : Math.round(this.#now() - this.#waitsSince),
    }
  }

  /** Takes lines up to `to`, at most `maxLines`; false when there are more. */
  follow(to: Place, maxLines: number): boolean {
    const isDone = this.#tree.follow(to, maxLines)
    if (this.#tree.size > (this.#signed?.size ?? 0)) this.#waitsSince ??= this.#now()
    return isDone
  }

  /**
   * Signs the tree as it is, where it grew; the size that is covered then. In this order: the tiles and the checkpoint in one commit; then the floor. A crash
   * in between leaves a floor that is lower than the checkpoint, and both say what the lines say, which were durable before. A floor that is higher than the
   * tree would refuse an honest start. Throws Fault `audit-changed` where the tree does not go on from what was signed: then nothing is signed; and
   * `audit-unavailable` where the disk does not take it: then it may be tried again.
   */
  sign(time: string): number {
    const { size } = this.#tree
    const before = this.#signed
    if (size > (before?.size ?? 0)) {
      const root = this.#tree.rootAt()
      if (before !== undefined && !verifyConsistency(before, { size, root }, consistencyProof(before.size, size, this.#tree.nodeAt)))
        throw changed(this.#settings.dir, `the tree of ${size} events does not go on from the signed one of ${before.size}`)
      const checkpoint = { size, root, time, note: signCheckpoint({ origin: this.#origin, size, root }, this.keys.key) }
      this.#commit(checkpoint)
      this.#signed = checkpoint
      this.#isFloorDue = true
      this.#waitsSince = undefined
      if (this.keys.settle(this.log, size)) publishVkeys(this.#settings.dir, this.keys.vkeys)
    }
    if (this.#isFloorDue && this.#signed !== undefined) {
      const { root, note } = this.#signed
      const last = { origin: this.#origin, size: this.#signed.size, root: root.toString('base64'), note, vkeys: this.keys.vkeys }
      writeFloor(this.#settings.dataDir, { last, ended: this.#ended })
      this.#isFloorDue = false
    }
    return this.#signed?.size ?? 0
  }

  /** What was signed last. */
  get signed(): SignedCheckpoint | undefined {
    return this.#signed && { origin: this.#origin, size: this.#signed.size, root: this.#signed.root, note: this.#signed.note }
  }

  /** Consistency proof between two sizes of this tree. Throws RangeError where there are none such. */
  prove(from: number, to: number): readonly Uint8Array[] {
    return consistencyProof(from, to, this.#tree.nodeAt)
  }

  /** A witness signed the checkpoint of this size. Throws Fault `audit-unavailable` where that cannot be kept: it is asked again at the next checkpoint. */
  witnessed(size: number, line: string, { name, time }: { readonly name: string; readonly time: number }): void {
    const kept = this.#file.noteOf(size)
    // Thinned meanwhile, or signed by it already: only the time is news.
    const note = kept === undefined || kept.includes(`\n— ${name} `) ? kept : kept + line
    this.#file.witnessed({ name, size, time: new Date(time * 1000).toISOString(), note: note ?? '' })
    if (note !== undefined && this.#signed?.size === size) this.#signed = { ...this.#signed, note }
  }

  /** Indexes a few older tiles that the index does not have; false when there are none. */
  indexSome(): boolean {
    const index = this.#index
    if (index === undefined || index.tiles >= this.#tree.tiles - this.#tree.young.tiles.length) return false
    const collector = new TermCollector()
    const rows: IndexRow[] = []
    const { log } = this
    for (let tile = index.tiles; tile < this.#tree.tiles - this.#tree.young.tiles.length && rows.length < 16; tile += 1) {
      // Of a tile whose lines were all removed there is nothing to be found.
      if ((tile + 1) * TILE > log.prunedTo)
        eachLineOf(log, tile, line => {
          collector.note(line.toString('utf8'))
          return true
        })
      rows.push({ tile, ...collector.take() })
    }
    this.#rows = []
    this.#keepIndexed(rows)
    return true
  }

  /** See pruneLog. */
  prune(ask: PruneAsk): PruneAnswer {
    return pruneLog(this.log, this.#file, ask)
  }

  close(): void {
    this.#index?.close()
    this.#file.close()
  }

  /** Which log this is. The file of tiles and the floor must be of the same one; without either a new log begins. */
  #nameOf({ last, ended }: Floor): string {
    const { dir, origin: wanted, host } = this.#settings
    const name = this.#file.name
    if (name !== undefined && last !== undefined && name.origin !== last.origin)
      throw changed(dir, `it is the log \`${name.origin}\`, and \`trust/audit.json\` is of \`${last.origin}\``)
    const kept = name?.origin ?? last?.origin
    if (kept !== undefined && wanted !== undefined && kept !== wanted)
      throw new Fault(
        'audit-origin-changed',
        `the audit log in \`${dir}\` is \`${kept}\`, and \`audit.origin\` of the configuration is \`${wanted}\`; a log keeps its name: set it back, or begin a new log (\`gatehouse audit begin\`)`,
      )
    const origin = originOf(dir, kept ?? wanted, { host, ended })
    if (name === undefined) this.#file.begin({ origin, firstSegment: firstSegmentIn(dir) })
    return origin
  }

  #commit(checkpoint?: SignedRow): void {
    this.#file.grow({ ...this.#tree.young, ...(checkpoint && { checkpoint }) })
    this.#tree.keep()
    const rows = this.#rows
    this.#rows = []
    this.#keepIndexed(rows)
  }

  /** Whatever the index cannot keep is found in the lines, and the next start makes it anew. */
  #keepIndexed(rows: readonly IndexRow[]): void {
    try {
      this.#index?.add(rows)
    } catch {
      this.#index?.close()
      this.#index = undefined
    }
  }

  #watch(): LineWatch {
    const collector = new TermCollector()
    return {
      line: line => collector.note(line.toString('utf8')),
      tile: tile => {
        const row = { tile, ...collector.take() }
        // Older tiles come first: the index has no holes.
        if (this.#index !== undefined && tile === this.#index.tiles + this.#rows.length) this.#rows.push(row)
      },
    }
  }
}

function firstSegmentIn(dir: string): number {
  return Math.min(...readdirSync(dir).flatMap(name => segmentNumber(name) ?? []), Number.MAX_SAFE_INTEGER)
}
