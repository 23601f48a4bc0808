// C2SP tlog-checkpoint: a tree's size and root under the name of its log, signed. The one statement about a log that can be kept elsewhere.

import { base64, isKeyName, noteOf, readNote, signatureLine, verifyNote, type Note, type NoteKey, type NoteSigner } from './note.ts'
import { HASH_BYTES, type Tree } from './tree.ts'

export type Checkpoint = Tree & {
  /** which log this is; a log's key has it as its name */
  readonly origin: string
}

/** A log as others know it: its name, and the keys it may sign with, old ones included. */
export type LogIdentity = { readonly origin: string; readonly keys: readonly NoteKey[] }
/** A witness that signed, and when, in seconds since 1970. */
type Witnessed = { readonly name: string; readonly time: number }
/** What a checkpoint says, proven, and the note it stands in, as it was given. */
export type OpenCheckpoint = Checkpoint & { readonly note: string; readonly witnesses: readonly Witnessed[] }

const SIZE = /^(?:0|[1-9]\d{0,15})$/

/** A size or an index as C2SP writes it: decimal, no leading zero. Undefined for everything else and above 2^53 - 1. */
export function readCount(text: string): number | undefined {
  const count = SIZE.test(text) ? Number(text) : undefined
  return count !== undefined && Number.isSafeInteger(count) ? count : undefined
}

/** The text that is signed: three lines. */
export const checkpointText = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`

/** What such a text says; a text says why it is none. Further lines are extensions, which nobody has to understand; ours have none. */
export function readCheckpoint(text: string): Checkpoint | string {
  const lines = text.split('\n')
  if (lines.pop() !== '' || lines.includes('')) return 'expected lines that are not empty, each with a line break'
  const [origin, size, root] = lines
  if (origin === undefined || size === undefined || root === undefined) return 'expected the lines origin, size and root hash'
  const count = readCount(size)
  if (count === undefined) return 'expected a size in decimal digits in the second line'
  const hash = base64(root)
  if (hash?.length !== HASH_BYTES) return `expected ${HASH_BYTES} bytes in base64 in the third line`
  return { origin, size: count, root: hash }
}

/** The signed checkpoint. Throws TypeError where the origin cannot name a key. */
export function signCheckpoint(checkpoint: Checkpoint, privateKey: NoteSigner['privateKey']): string {
  if (!isKeyName(checkpoint.origin)) throw new TypeError('expected an origin without spaces and plus signs')
  const text = checkpointText(checkpoint)
  return noteOf(text, [signatureLine(text, { name: checkpoint.origin, privateKey })])
}

/**
 * What a signed checkpoint says, once a key of the log signed it; a text says why it counts for nothing. Witnesses are those of `witnesses` that signed: how
 * many there must be is the caller's to say. attacker-controlled: nothing of the text is believed before a signature.
 */
export function openCheckpoint(note: string, log: LogIdentity, witnesses: readonly NoteKey[] = []): OpenCheckpoint | string {
  const parts = readNote(note)
  if (typeof parts === 'string') return parts
  const checkpoint = readCheckpoint(parts.text)
  if (typeof checkpoint === 'string') return checkpoint
  if (checkpoint.origin !== log.origin) return `is of the log \`${checkpoint.origin}\`, not of \`${log.origin}\``
  const byLog = verifyNote(parts, log.keys)
  if (typeof byLog === 'string') return byLog
  const seen = cosignaturesOf(parts, witnesses)
  return typeof seen === 'string' ? seen : { ...checkpoint, note, witnesses: seen }
}

/** Which of the witnesses signed a note, with none of them being none the worse; a text says whose signature is false. */
function cosignaturesOf(parts: Note, witnesses: readonly NoteKey[]): readonly Witnessed[] | string {
  const known = parts.lines.some(({ name, id }) => witnesses.some(key => key.name === name && key.id === id))
  if (!known) return []
  const signed = verifyNote(parts, witnesses)
  if (typeof signed === 'string') return signed
  return signed.flatMap(({ key, time }) => (time === undefined ? [] : [{ name: key.name, time }]))
}
