// Whether a log is what was signed: its lines, one after the other, against the hashes kept of them and against checkpoints. Names the first event that is not
// the one that was signed, as closely as the hashes allow.

import type { OpenCheckpoint } from './checkpoint.ts'
import { Frontier, HASH_BYTES, isSameHash, leafHash } from './tree.ts'

/** What is wrong. Numbers of events are from 0; `to` is the first that is not meant. */
export type Finding =
  | { readonly is: 'event'; readonly seq: number; readonly why: string }
  | { readonly is: 'events'; readonly from: number; readonly to: number; readonly why: string }
  | { readonly is: 'checkpoint'; readonly size: number; readonly why: string }
  | { readonly is: 'file'; readonly where: string; readonly why: string }

/** Further ones are counted. */
const MAX_FINDINGS = 100

export class Findings {
  readonly list: Finding[] = []
  /** all of them, those not listed included */
  count = 0

  add(finding: Finding): void {
    this.count += 1
    if (this.list.length < MAX_FINDINGS) this.list.push(finding)
  }
}

export type LogVerifierParts = {
  /** the tree before the first line; empty at the beginning of a log. Whether it is true shows at the first checkpoint */
  readonly before: Frontier
  /** proven, in any order; those below the first line are of no use here */
  readonly checkpoints: readonly OpenCheckpoint[]
  readonly findings: Findings
}

/**
 * One pass, in memory that does not grow. Two trees at most: over the lines, and, from the first line that differs from the hash kept of it, over the kept
 * hashes. Where a checkpoint is signed over the second, exactly the lines that differ are not the ones that were signed, and the pass goes on from there.
 */
export class LogVerifier {
  readonly #findings: Findings
  readonly #checkpoints: readonly OpenCheckpoint[]
  readonly #matched: OpenCheckpoint[] = []
  #lines: Frontier
  /** over the kept hashes, since the first that differs */
  #kept: Frontier | undefined
  #suspects: number[] = []
  #suspectCount = 0
  #next = 0
  readonly #from: number
  #good: number
  /** checkpoints that fit neither tree, since the last that did */
  #unmatched: OpenCheckpoint[] = []

  constructor({ before, checkpoints, findings }: LogVerifierParts) {
    this.#findings = findings
    this.#lines = before
    this.#from = this.#good = before.size
    this.#checkpoints = checkpoints.filter(({ size }) => size >= before.size).sort((a, b) => a.size - b.size)
    this.#atCheckpoint()
  }

  /** How many events came, those before the first line included. */
  get size(): number {
    return this.#lines.size
  }

  /** Checkpoints that were signed over exactly these events, smallest first. */
  get matched(): readonly OpenCheckpoint[] {
    return this.#matched
  }

  /** The next line, without its line break, and the hash kept of it where there is one. Answers the line's own hash. */
  line(line: Uint8Array, kept?: Uint8Array): Uint8Array {
    const leaf = leafHash(line)
    this.leaf(leaf, kept)
    return leaf
  }

  /** The same where the line's hash was made already, or where the line is gone and its hash alone is left. */
  leaf(leaf: Uint8Array, kept: Uint8Array = leaf): void {
    if (kept !== leaf && !isSameHash(leaf, kept)) this.#suspect()
    this.#lines.append(leaf)
    this.#kept?.append(kept)
    this.#atCheckpoint()
  }

  /** The same for the 32 bytes at `at`, of a line that is held against no other hash. */
  leafFrom(leaves: Buffer, at: number): void {
    if (this.#kept) return this.leaf(leaves.subarray(at, at + HASH_BYTES))
    this.#lines.appendFrom(leaves, at)
    this.#atCheckpoint()
  }

  #suspect(): void {
    this.#kept ??= Frontier.restore(this.#lines.size, this.#lines.snapshot())
    this.#suspectCount += 1
    if (this.#suspects.length < MAX_FINDINGS) this.#suspects.push(this.#lines.size)
  }

  #atCheckpoint(): void {
    for (;;) {
      const checkpoint = this.#checkpoints[this.#next]
      if (checkpoint?.size !== this.#lines.size) return
      this.#next += 1
      this.#judge(checkpoint)
    }
  }

  #judge(checkpoint: OpenCheckpoint): void {
    const isOfLines = isSameHash(this.#lines.root(), checkpoint.root)
    const isOfKept = !isOfLines && this.#kept !== undefined && isSameHash(this.#kept.root(), checkpoint.root)
    if (!isOfLines && !isOfKept) {
      this.#unmatched.push(checkpoint)
      return
    }
    this.#tellSuspects(isOfLines ? 'the hash kept of it was changed; the event itself is the one that was signed' : CHANGED)
    if (isOfKept && this.#kept) this.#lines = this.#kept
    this.#kept = undefined
    for (const { size } of this.#unmatched)
      this.#findings.add({
        is: 'checkpoint',
        size,
        why: `it was signed over other events from ${this.#trueBefore(size)} on than the checkpoint of ${checkpoint.size}: the log has signed two histories`,
      })
    this.#unmatched = []
    this.#good = checkpoint.size
    this.#matched.push(checkpoint)
  }

  /** Up to where a smaller checkpoint says the same as the lines. */
  #trueBefore(size: number): number {
    return this.#matched.findLast(one => one.size < size)?.size ?? this.#from
  }

  #tellSuspects(why: string): void {
    for (const seq of this.#suspects) this.#findings.add({ is: 'event', seq, why })
    const [first] = this.#suspects
    if (first !== undefined && this.#suspectCount > this.#suspects.length)
      this.#findings.add({ is: 'events', from: first, to: this.#lines.size, why: `${this.#suspectCount} events: ${why}` })
    this.#suspects = []
    this.#suspectCount = 0
  }

  /** After the last line: what the checkpoints cover that is not there, and what does not fit. Call once. */
  end(): void {
    const [first] = this.#unmatched
    this.#tellSuspects(first === undefined ? NOT_KEPT : CHANGED)
    if (first !== undefined)
      this.#findings.add({
        is: 'events',
        from: this.#trueBefore(first.size),
        to: first.size,
        why: `they are not the ones that the checkpoint of ${first.size} was signed over`,
      })
    const last = this.#checkpoints.at(-1)
    if (last !== undefined && last.size > this.#lines.size)
      this.#findings.add({
        is: 'events',
        from: this.#good,
        to: last.size,
        why: `some are missing: a checkpoint was signed over ${last.size} events, and there are ${this.#lines.size}`,
      })
  }
}

const CHANGED = 'it is not the event that was signed'
const NOT_KEPT = 'it is not the event whose hash was kept, or that hash was changed'
