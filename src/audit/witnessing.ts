// C2SP tlog-witness: what a log sends a witness, and what the witness answers. A witness signs that a checkpoint goes on from everything it saw of that log
// before, and keeps what contradicts it.

import { openCheckpoint, readCheckpoint, readCount, type LogIdentity } from './checkpoint.ts'
import {
  cosignatureLine,
  linesBy,
  MAX_NOTE_BYTES,
  noteOf,
  readNote,
  readSignatures,
  verifyNote,
  type NoteKey,
  type NoteSigner,
} from './note.ts'
import { readHashes } from './proof.ts'
import { EMPTY_ROOT, isSameHash, MAX_PROOF_HASHES, verifyConsistency, type Tree } from './tree.ts'

/** Largest request, in bytes: a note and its proof. */
export const MAX_ADD_BYTES = MAX_NOTE_BYTES + 64 * 64

/** `POST <prefix>/add-checkpoint`. */
export type AddCheckpoint = {
  /** size of the tree that the witness is thought to have seen last */
  readonly old: number
  /** consistency proof from there */
  readonly proof: readonly Uint8Array[]
  /** the signed checkpoint */
  readonly checkpoint: string
}

export const addCheckpointText = ({ old, proof, checkpoint }: AddCheckpoint): string =>
  `old ${old}\n${proof.map(hash => `${Buffer.from(hash).toString('base64')}\n`).join('')}\n${checkpoint}`

/** The request in a body; a text says why there is none. attacker-controlled: anybody may send one. */
export function readAddCheckpoint(body: string): AddCheckpoint | string {
  if (body.length > MAX_ADD_BYTES) return `is larger than ${MAX_ADD_BYTES} bytes`
  const blank = body.indexOf('\n\n')
  if (blank < 0) return 'expected a blank line before the checkpoint'
  const [first = '', ...lines] = body.slice(0, blank).split('\n')
  const old = first.startsWith('old ') ? readCount(first.slice('old '.length)) : undefined
  if (old === undefined) return 'expected `old` and a size in decimal digits in the first line'
  const proof = lines.length > MAX_PROOF_HASHES ? undefined : readHashes(lines)
  if (proof === undefined) return `expected at most ${MAX_PROOF_HASHES} lines of hashes in base64`
  return { old, proof, checkpoint: body.slice(blank + 2) }
}

/**
 * The line of this witness in its answer, and when it signed, in seconds since 1970; a text says why there is none that counts. Lines of others are left out.
 * `text`: what the log signed.
 */
export function readCosignature(answer: string, text: string, key: NoteKey): { readonly line: string; readonly time: number } | string {
  const lines = answer.length > MAX_NOTE_BYTES ? 'is too large' : readSignatures(answer)
  if (typeof lines === 'string') return `its answer ${lines}`
  const note = { text, lines }
  const [signed, ...more] = [verifyNote(note, [key])].flat()
  const [line] = linesBy(note, [key])
  if (signed === undefined || typeof signed === 'string') return `its answer ${signed ?? 'has no signature'}`
  if (signed.time === undefined || line === undefined || more.length > 0) return 'its answer has no time'
  return { line, time: signed.time }
}

/** A checkpoint that the witness cosigned. `note`: signed by the log and the witness, and by nobody else. */
export type SeenCheckpoint = Tree & { readonly note: string }

/**
 * A checkpoint that a key of the log signed and that the witness refused. `contradiction`: it and the one seen have one size and two roots, so the log signed
 * two histories, and these two notes prove it to anybody. `unproven`: it is of a larger tree than the one seen, and came without a proof that it goes on from
 * there; whoever sent it may just have sent a false proof. A tree that was seen is neither, whatever comes with it.
 */
export type Refused = {
  readonly is: 'contradiction' | 'unproven'
  readonly origin: string
  readonly seen: SeenCheckpoint
  readonly tree: Tree
  /** signed by the log, and by nobody else: there is one for a tree, or one for each set of its keys */
  readonly got: string
}

/**
 * What the witness remembers. Durability: what `advance` wrote is on disk when it returns. Atomicity: `advance` is one comparison and one write,
 * whoever else writes. Concurrency: calls come one after the other; each is synchronous. Errors: throws when nothing can be said; then nothing is signed.
 */
export interface WitnessMemory {
  /** the newest checkpoint of the log that was cosigned; it has been cosigned last, too */
  latest(origin: string): SeenCheckpoint | undefined
  /** an earlier one of exactly that size, where it is still remembered */
  at(origin: string, size: number): SeenCheckpoint | undefined
  /** from the tree of size `from` to this checkpoint, which may be of the same tree; false when the newest is of another size by now */
  advance(origin: string, from: number, to: SeenCheckpoint): boolean
}

/** What goes back. 200: signature lines. 409: the size that the witness saw last. Else words for whoever reads them. */
export type WitnessAnswer =
  | { readonly status: 200; readonly lines: string; readonly origin: string; readonly size: number }
  | { readonly status: 409; readonly size: number; readonly refused?: Refused }
  | { readonly status: 400 | 403 | 404 | 422; readonly why: string; readonly refused?: Refused }

export type WitnessParts = {
  /** by origin */
  readonly logs: ReadonlyMap<string, LogIdentity>
  readonly signer: NoteSigner
  readonly memory: WitnessMemory
  /** wall clock, milliseconds */
  readonly now: () => number
}

/**
 * One request, whole: judged, remembered, then signed. On disk after a crash: before `advance` nothing; after it the new checkpoint, perhaps with nobody having
 * got the signature, who asks again then and gets one.
 */
export function witness(body: string, { logs, signer, memory, now }: WitnessParts): WitnessAnswer {
  const request = readAddCheckpoint(body)
  if (typeof request === 'string') return { status: 400, why: request }
  const note = readNote(request.checkpoint)
  if (typeof note === 'string') return { status: 400, why: `the checkpoint ${note}` }
  const claimed = readCheckpoint(note.text)
  if (typeof claimed === 'string') return { status: 400, why: `the checkpoint: ${claimed}` }
  const log = logs.get(claimed.origin)
  if (log === undefined) return { status: 404, why: 'this witness does not know that log' }
  const checkpoint = openCheckpoint(request.checkpoint, log)
  if (typeof checkpoint === 'string') return { status: 403, why: `the checkpoint ${checkpoint}` }
  const { origin, size, root } = checkpoint
  if (request.old > size) return { status: 400, why: 'expected an old size of at most that of the checkpoint' }
  const latest = memory.latest(origin) ?? NOTHING
  const own = linesBy(note, log.keys)
  const got = { origin, tree: { size, root }, got: noteOf(note.text, own) }
  const seen = size === latest.size ? latest : memory.at(origin, size)
  const forked = forkOf(seen, got)
  if (request.old !== latest.size) return { status: 409, size: latest.size, ...(forked && { refused: forked }) }
  if (!verifyConsistency(latest, checkpoint, request.proof)) {
    const refused = forked ?? unprovenOf(latest, got)
    const why = `nothing shows that this tree goes on from the one of ${latest.size} that was seen`
    return { status: 422, why, ...(refused && { refused }) }
  }
  const lines = cosignatureLine(note.text, signer, Math.floor(now() / 1000))
  const cosigned = noteOf(note.text, [...own, lines])
  // INVARIANT: no signature leaves before the checkpoint is remembered.
  if (!memory.advance(origin, latest.size, { size, root, note: cosigned })) return { status: 409, size: memory.latest(origin)?.size ?? 0 }
  return { status: 200, lines, origin, size }
}

type Got = Pick<Refused, 'origin' | 'tree' | 'got'>

const forkOf = (seen: SeenCheckpoint | undefined, got: Got): Refused | undefined =>
  seen === undefined || isSameHash(seen.root, got.tree.root) ? undefined : { is: 'contradiction', seen, ...got }

/** Of a tree that was seen, and of the first one, a false proof says nothing: whoever has the checkpoint can send one. */
const unprovenOf = (latest: SeenCheckpoint, got: Got): Refused | undefined =>
  got.tree.size > latest.size && latest.size > 0 ? { is: 'unproven', seen: latest, ...got } : undefined

const NOTHING: SeenCheckpoint = { size: 0, root: EMPTY_ROOT, note: '' }
