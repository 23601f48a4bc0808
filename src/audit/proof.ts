// C2SP tlog-proof: everything that shows that one event is in a log, in a file that can be checked without the log, without a network and with tools of others.

import { openCheckpoint, readCheckpoint, readCount, type LogIdentity, type OpenCheckpoint } from './checkpoint.ts'
import { base64, MAX_NOTE_BYTES, readNote, type NoteKey } from './note.ts'
import { HASH_BYTES, leafHash, MAX_PROOF_HASHES, verifyInclusion } from './tree.ts'

const HEADER = 'c2sp.org/tlog-proof@v1'
/** Largest proof that is read, in bytes. */
const MAX_PROOF_BYTES = MAX_NOTE_BYTES + 8 * 1024

/** A proof as it stands in the file, with nothing verified. */
export type Proof = {
  /** number of the event in its log, from 0 */
  readonly seq: number
  /** from the leaf's sibling up */
  readonly hashes: readonly Uint8Array[]
  /** the signed checkpoint, as it was signed */
  readonly checkpoint: string
}

/** The file's text. */
export const proofText = ({ seq, hashes, checkpoint }: Proof): string =>
  `${HEADER}\nindex ${seq}\n${hashes.map(hash => `${Buffer.from(hash).toString('base64')}\n`).join('')}\n${checkpoint}`

/** The proof in a file; a text says why there is none. A line of extra data, which nothing vouches for, is read over. */
export function readProof(text: string): Proof | string {
  if (text.length > MAX_PROOF_BYTES) return `is larger than ${MAX_PROOF_BYTES} bytes`
  const blank = text.indexOf('\n\n')
  if (blank < 0) return 'has no blank line before its checkpoint'
  const [header, ...lines] = text.slice(0, blank).split('\n')
  if (header !== HEADER) return `expected \`${HEADER}\` in the first line`
  if (lines[0]?.startsWith('extra ') === true && base64(lines.shift()?.slice('extra '.length) ?? '') === undefined)
    return 'expected base64 after `extra`'
  const index = lines.shift() ?? ''
  const seq = index.startsWith('index ') ? readCount(index.slice('index '.length)) : undefined
  if (seq === undefined) return 'expected `index` and a number in decimal digits'
  if (lines.length > MAX_PROOF_HASHES) return `has more than ${MAX_PROOF_HASHES} hashes`
  const hashes = readHashes(lines)
  return hashes === undefined
    ? `expected hashes of ${HASH_BYTES} bytes in base64, one a line`
    : { seq, hashes, checkpoint: text.slice(blank + 2) }
}

/** One hash a line; undefined where one is none. */
export function readHashes(lines: readonly string[]): Buffer[] | undefined {
  const hashes = lines.map(base64)
  return hashes.every(hash => hash?.length === HASH_BYTES) ? (hashes as Buffer[]) : undefined
}

/** Whether the proof in a file leads from this line, without its line break, to the tree of its checkpoint; whose signature that has is not looked at. */
export function leadsToCheckpoint(text: string, line: Uint8Array): boolean {
  const proof = readProof(text)
  const note = typeof proof === 'string' ? proof : readNote(proof.checkpoint)
  if (typeof proof === 'string' || typeof note === 'string') return false
  const tree = readCheckpoint(note.text)
  return typeof tree !== 'string' && verifyInclusion(proof.seq, leafHash(line), proof.hashes, tree)
}

/**
 * What is proven of an event: that its line, without the line break, is the one at `seq` of the tree that the log signed. A text says why it is not. Witnesses
 * are those of `witnesses` that signed the same tree.
 */
export function verifyProof(
  text: string,
  line: Uint8Array,
  log: LogIdentity,
  witnesses: readonly NoteKey[] = [],
): { readonly seq: number; readonly checkpoint: OpenCheckpoint } | string {
  const proof = readProof(text)
  if (typeof proof === 'string') return proof
  const checkpoint = openCheckpoint(proof.checkpoint, log, witnesses)
  if (typeof checkpoint === 'string') return `its checkpoint ${checkpoint}`
  if (!verifyInclusion(proof.seq, leafHash(line), proof.hashes, checkpoint))
    return `the event is not number ${proof.seq} of the log, or it was changed`
  return { seq: proof.seq, checkpoint }
}
