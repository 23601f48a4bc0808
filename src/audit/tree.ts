// The Merkle tree over the events (RFC 6962 section 2.1, RFC 9162 section 2.1): hashes, roots, and the proofs that an event is in a tree and that a tree goes
// on from an earlier one. Sizes and indexes are safe integers, so no bit operators, which stop at 32 bits.

import { hash } from 'node:crypto'

export const HASH_BYTES = 32
/** Most hashes of a proof: what a tree of 2^53 leaves needs, and the limit of C2SP tlog-witness. */
export const MAX_PROOF_HASHES = 63
/** Longest line whose hash needs no memory of its own. */
const SCRATCH_BYTES = 64 * 1024
const MAX_PEAKS = 53
/** Lines shorter than this, which nearly all are, have a view kept for their length. */
const VIEWS = 4096

/** SHA-256 of nothing: the root of a tree without leaves. */
export const EMPTY_ROOT: Uint8Array = Buffer.from(hash('sha256', '', 'hex'), 'hex')

/**
 * Hash of the complete subtree that starts at leaf `index * 2^level` and holds 2^level leaves; level 0 is a leaf's own hash. Asked only for subtrees that lie
 * within the tree whole. May throw: the proof is not made then.
 */
export type NodeAt = (level: number, index: number) => Uint8Array

// `hash` to a string of one character a byte ('binary', the same as 'latin1') costs half of what it costs to a Buffer (docs/benchmarks.md); these two are what everything goes through.
const leafScratch = Buffer.alloc(1 + SCRATCH_BYTES) // the first byte stays 0x00
const nodeScratch = Buffer.alloc(1 + 2 * HASH_BYTES)
nodeScratch[0] = 0x01

/** The scratch up to so many bytes of a line, once for each length: a view is made no faster than a hash. */
const leafViews: Buffer[] = []

/** Of the bytes from `from` to before `to`. */
function leafDigest(bytes: Buffer, from: number, to: number): string {
  const length = to - from
  if (length > SCRATCH_BYTES) return hash('sha256', Buffer.concat([Buffer.of(0x00), bytes.subarray(from, to)]), 'binary')
  bytes.copy(leafScratch, 1, from, to)
  const view = length < VIEWS ? (leafViews[length] ??= leafScratch.subarray(0, 1 + length)) : leafScratch.subarray(0, 1 + length)
  return hash('sha256', view, 'binary')
}
const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

/** SHA-256(0x00 || line): the leaf of an event, its line without the line break. 32 bytes. */
export const leafHash = (line: Uint8Array): Buffer => Buffer.from(leafDigest(bufferOf(line), 0, line.length), 'latin1')

/** The same for the bytes from `from` to before `to`, written into `target` from `at` on. */
export function leafHashInto(bytes: Buffer, [from, to]: readonly [number, number], target: Buffer, at: number): void {
  target.write(leafDigest(bytes, from, to), at, 'latin1')
}

/** SHA-256(0x01 || left || right), 32 bytes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  nodeScratch.set(left, 1)
  nodeScratch.set(right, 1 + HASH_BYTES)
  return Buffer.from(hash('sha256', nodeScratch, 'binary'), 'latin1')
}

/** The same of two hashes that stand side by side, from `from` on, written into `target` from `at` on: for many of them, without a view of each. */
export function nodeHashInto(pairs: Buffer, from: number, target: Buffer, at: number): void {
  pairs.copy(nodeScratch, 1, from, from + 2 * HASH_BYTES)
  target.write(hash('sha256', nodeScratch, 'binary'), at, 'latin1')
}

/** Whether two hashes are the same; they are public, so time says nothing. */
export const isSameHash = (a: Uint8Array, b: Uint8Array): boolean => a.length === HASH_BYTES && Buffer.compare(a, b) === 0

/**
 * The right edge of a growing tree: roots of its complete subtrees, largest first (at most 53 of them). Appending costs one hash on average and makes no
 * garbage but the digests themselves.
 */
export class Frontier {
  #size = 0
  #peaks = 0
  /** Behind a first byte, the peaks one after the other, the newest leaf for a moment the last: two neighbours are hashed where they stand. */
  readonly #bytes = Buffer.alloc(1 + (MAX_PEAKS + 1) * HASH_BYTES)
  /** for each peak: the byte before it, it, and the one behind it */
  readonly #pairs: Buffer[] = []

  /** Leaves in the tree. */
  get size(): number {
    return this.#size
  }

  /** A leaf's hash, 32 bytes. Throws RangeError for other lengths. */
  append(leaf: Uint8Array): void {
    if (leaf.length !== HASH_BYTES) throw new RangeError(`expected a hash of ${HASH_BYTES} bytes, got ${leaf.length}`)
    this.#bytes.set(leaf, placeOf(this.#peaks))
    this.#grow()
  }

  /** The same for the 32 bytes at `at`. */
  appendFrom(leaves: Buffer, at: number): void {
    leaves.copy(this.#bytes, placeOf(this.#peaks), at, at + HASH_BYTES)
    this.#grow()
  }

  /** The same for a line, hashed first. */
  appendLine(line: Uint8Array): void {
    this.#bytes.write(leafDigest(bufferOf(line), 0, line.length), placeOf(this.#peaks), 'latin1')
    this.#grow()
  }

  /** The new leaf stands behind the peaks: as long as there is a subtree of the same size to its left, the two become one. */
  #grow(): void {
    for (let n = this.#size; n % 2 === 1; n = (n - 1) / 2) {
      this.#peaks -= 1
      const pair = (this.#pairs[this.#peaks] ??= this.#bytes.subarray(placeOf(this.#peaks) - 1, placeOf(this.#peaks + 2)))
      const before = pair.readUInt8(0)
      pair[0] = 0x01
      const digest = hash('sha256', pair, 'binary')
      pair[0] = before
      pair.write(digest, 1, 'latin1')
    }
    this.#peaks += 1
    this.#size += 1
  }

  /** Root of the tree as it is now. */
  root(): Buffer {
    if (this.#peaks === 0) return Buffer.from(EMPTY_ROOT)
    let root = this.#at(this.#peaks - 1)
    for (let i = this.#peaks - 2; i >= 0; i -= 1) root = nodeHash(this.#at(i), root)
    return Buffer.from(root)
  }

  /** The subtrees' roots one after the other; with the size, `restore` makes the same frontier of them. */
  snapshot(): Buffer {
    return Buffer.from(this.#bytes.subarray(placeOf(0), placeOf(this.#peaks)))
  }

  /** Undefined where the bytes are not as many as a tree of that size has. */
  static restore(size: number, snapshot: Uint8Array): Frontier | undefined {
    if (!Number.isSafeInteger(size) || size < 0) return undefined
    let peaks = 0
    for (let n = size; n > 0; n = Math.floor(n / 2)) peaks += n % 2
    if (snapshot.length !== peaks * HASH_BYTES) return undefined
    const frontier = new Frontier()
    frontier.#bytes.set(snapshot, placeOf(0))
    frontier.#peaks = peaks
    frontier.#size = size
    return frontier
  }

  readonly #at = (peak: number): Buffer => this.#bytes.subarray(placeOf(peak), placeOf(peak + 1))
}

const placeOf = (peak: number): number => 1 + peak * HASH_BYTES

/** Root of the tree of these leaf hashes. */
export function rootOf(leaves: Iterable<Uint8Array>): Buffer {
  const frontier = new Frontier()
  for (const leaf of leaves) frontier.append(leaf)
  return frontier.root()
}

/** Root of the tree of the first `size` leaves. */
export const rootAt = (size: number, nodeAt: NodeAt): Buffer =>
  size === 0 ? Buffer.from(EMPTY_ROOT) : Buffer.from(rangeRoot(0, size, nodeAt))

/** The frontier of the tree of the first `size` leaves. */
export function frontierAt(size: number, nodeAt: NodeAt): Frontier {
  const peaks: Uint8Array[] = []
  let from = 0
  for (let level = MAX_PEAKS; level >= 0; level -= 1) {
    const count = 2 ** level
    if (from + count > size) continue
    peaks.push(nodeAt(level, from / count))
    from += count
  }
  const frontier = Frontier.restore(size, Buffer.concat(peaks))
  if (frontier === undefined) throw new RangeError(`expected hashes of ${HASH_BYTES} bytes`)
  return frontier
}

/** Largest power of two below `n`, for n of 2 and more: where RFC 6962 splits a tree. */
function splitOf(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/** Root over the leaves from `from` to before `to`; `from` is a multiple of the smallest power of two that holds them, as all ranges of proofs are. */
function rangeRoot(from: number, to: number, nodeAt: NodeAt): Uint8Array {
  const count = to - from
  const level = Math.log2(count)
  if (Number.isInteger(level) && 2 ** level === count) return nodeAt(level, from / count)
  const k = splitOf(count)
  return nodeHash(rangeRoot(from, from + k, nodeAt), rangeRoot(from + k, to, nodeAt))
}

/**
 * RFC 9162 section 2.1.3.1: the hashes that lead from the leaf `seq` to the root of the first `size` leaves, the leaf's sibling first. Throws RangeError where
 * there is no such leaf.
 */
export function inclusionProof(seq: number, size: number, nodeAt: NodeAt): Uint8Array[] {
  if (!isIndex(seq) || !isIndex(size) || seq >= size) throw new RangeError(`expected a leaf below ${size}, got ${seq}`)
  const path: Uint8Array[] = []
  let from = 0
  let to = size
  while (to - from > 1) {
    const middle = from + splitOf(to - from)
    if (seq < middle) {
      path.push(rangeRoot(middle, to, nodeAt))
      to = middle
    } else {
      path.push(rangeRoot(from, middle, nodeAt))
      from = middle
    }
  }
  return path.reverse()
}

/**
 * RFC 9162 section 2.1.4.1: the hashes that show that the tree of `to` leaves begins with the tree of `from` leaves. Empty where the two are the same, and from
 * nothing. Throws RangeError where `to` is smaller.
 */
export function consistencyProof(from: number, to: number, nodeAt: NodeAt): Uint8Array[] {
  if (!isIndex(from) || !isIndex(to) || from > to) throw new RangeError(`expected a tree of at most ${to} leaves, got ${from}`)
  if (from === 0 || from === to) return []
  const path: Uint8Array[] = []
  let [start, end] = [0, to]
  let isWhole = true // the part of the old tree in here began at 0, so its root is known to whoever has the old root
  while (from !== end) {
    const middle = start + splitOf(end - start)
    if (from <= middle) {
      path.push(rangeRoot(middle, end, nodeAt))
      end = middle
    } else {
      path.push(rangeRoot(start, middle, nodeAt))
      start = middle
      isWhole = false
    }
  }
  if (!isWhole) path.push(rangeRoot(start, end, nodeAt))
  return path.reverse()
}

/** A tree as somebody signed it. */
export type Tree = { readonly size: number; readonly root: Uint8Array }

/** RFC 9162 section 2.1.3.2: whether the leaf is the one at `seq` of this tree. attacker-controlled: everything but, perhaps, the tree. */
export function verifyInclusion(seq: number, leaf: Uint8Array, proof: readonly Uint8Array[], { size, root }: Tree): boolean {
  if (!isIndex(seq) || !isIndex(size) || seq >= size || leaf.length !== HASH_BYTES || !areHashes(proof)) return false
  let r = leaf
  const arrived = climb(seq, size - 1, proof, (p, isLeft) => {
    r = isLeft ? nodeHash(p, r) : nodeHash(r, p)
  })
  return arrived && isSameHash(r, root)
}

/** RFC 9162 section 2.1.4.2: whether the second tree begins with the first, leaf for leaf. From no leaves everything goes on, with no proof. */
export function verifyConsistency(first: Tree, second: Tree, proof: readonly Uint8Array[]): boolean {
  if (!isIndex(first.size) || !isIndex(second.size) || first.size > second.size || !areHashes([first.root, second.root])) return false
  if (first.size === 0)
    return proof.length === 0 && isSameHash(first.root, EMPTY_ROOT) && (second.size > 0 || isSameHash(second.root, EMPTY_ROOT))
  if (first.size === second.size) return proof.length === 0 && isSameHash(first.root, second.root)
  const [start, ...rest] = isPowerOfTwo(first.size) ? [first.root, ...proof] : proof
  if (start === undefined || !areHashes(proof)) return false
  let fn = first.size - 1
  let sn = second.size - 1
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)]
  let fr = start
  let sr = start
  const arrived = climb(fn, sn, rest, (c, isLeft) => {
    if (isLeft) fr = nodeHash(c, fr)
    sr = isLeft ? nodeHash(c, sr) : nodeHash(sr, c)
  })
  return arrived && isSameHash(fr, first.root) && isSameHash(sr, second.root)
}

/**
 * The way up that both have: from the node `fn` of a level whose last is `sn`, one hash of the proof at each step, which stands to the left or to the right.
 * Whether the proof ends at the root.
 */
function climb(fn: number, sn: number, proof: readonly Uint8Array[], step: (hashOf: Uint8Array, isLeft: boolean) => void): boolean {
  for (const hashOf of proof) {
    if (sn === 0) return false
    const isLeft = fn % 2 === 1 || fn === sn
    step(hashOf, isLeft)
    if (isLeft) while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    ;[fn, sn] = [half(fn), half(sn)]
  }
  return sn === 0
}

const half = (n: number): number => Math.floor(n / 2)
const isIndex = (n: number): boolean => Number.isSafeInteger(n) && n >= 0
const isPowerOfTwo = (n: number): boolean => 2 ** Math.round(Math.log2(n)) === n
const areHashes = (hashes: readonly Uint8Array[]): boolean =>
  hashes.length <= MAX_PROOF_HASHES && hashes.every(hashOf => hashOf.length === HASH_BYTES)
