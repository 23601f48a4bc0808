// C2SP signed-note and tlog-cosignature: text signed by keys with names, with Ed25519 (type 0x01), and by witnesses with the time (type 0x04). Lines of keys that
// nobody asked about are ignored; whatever has not exactly the form is no note at all.

import { createPublicKey, hash, sign, verify, type KeyObject } from 'node:crypto'

/** Largest note that is read, in bytes: a checkpoint with more than a hundred signatures. */
export const MAX_NOTE_BYTES = 64 * 1024
/** Most signature lines of a note. The specification asks for 16 at least. */
const MAX_SIGNATURES = 128

/** 0x01: signs the text. 0x04: a witness, which signs the text and the time. */
export type NoteKeyType = 0x01 | 0x04

/** A public key as it is named in notes. */
export type NoteKey = {
  /** no spaces, no plus */
  readonly name: string
  readonly type: NoteKeyType
  /** first four bytes of SHA-256(name || 0x0A || type || public key), as 8 hexadecimal digits: which key a line is by, and no proof of anything */
  readonly id: string
  readonly publicKey: KeyObject
  /** 32 bytes, RFC 8032 */
  readonly bytes: Uint8Array
}

/** What signs: a key's name and the Ed25519 key. */
export type NoteSigner = { readonly name: string; readonly privateKey: KeyObject }

type SignatureLine = { readonly name: string; readonly id: string; readonly signature: Buffer }
/** A note in its parts, with nothing verified. */
export type Note = { readonly text: string; readonly lines: readonly SignatureLine[] }
/** Who signed, as far as keys were given; witnesses say when, in seconds since 1970. */
export type Signed = { readonly key: NoteKey; readonly time?: number }

const NAME = /^[^\p{White_Space}\p{Cc}+]+$/u
/** Whether text can name a key. */
export const isKeyName = (name: string): boolean => name.isWellFormed() && NAME.test(name)

const ED25519_BYTES = 32
const SIGNATURE_BYTES = 64
const ID_BYTES = 4
const TIME_BYTES = 8
/** DER of an Ed25519 SubjectPublicKeyInfo up to the key (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** The key with that name; of a private key, its public half. Throws TypeError for other kinds of keys and for what is no name. */
export function noteKey(name: string, type: NoteKeyType, key: KeyObject): NoteKey {
  if (!isKeyName(name)) throw new TypeError('expected a name without spaces and plus signs')
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('expected an Ed25519 key')
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  const bytes = publicKey.export({ type: 'spki', format: 'der' }).subarray(SPKI_PREFIX.length)
  return { name, type, id: idOf(name, type, bytes), publicKey, bytes }
}

const idOf = (name: string, type: NoteKeyType, bytes: Uint8Array): string =>
  hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(type), bytes]), 'hex').slice(0, 2 * ID_BYTES)

/** `<name>+<8 hexadecimal digits>+<base64 of type and key>`: how public keys of notes are handed around (golang.org/x/mod/sumdb/note, C2SP signed-note "vkeys"). */
export const vkeyOf = ({ name, type, id, bytes }: NoteKey): string =>
  `${name}+${id}+${Buffer.concat([Buffer.of(type), bytes]).toString('base64')}`

const VKEY = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/
/** Reads a vkey; a text says why it is none. Canonical: there is one text for a key. */
export function readVkey(text: string): NoteKey | string {
  const [, name, id, key] = VKEY.exec(text) ?? []
  if (name === undefined || id === undefined || key === undefined || !isKeyName(name))
    return 'expected `name+8 hexadecimal digits+base64`, as `gatehouse audit key` prints it'
  const bytes = base64(key)
  if (bytes?.length !== 1 + ED25519_BYTES) return 'expected one byte of type and 32 of an Ed25519 key, in base64'
  const type = bytes[0]
  if (type !== 0x01 && type !== 0x04) return 'expected a key of type 1 (Ed25519) or 4 (witness with Ed25519)'
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, bytes.subarray(1)]), format: 'der', type: 'spki' })
  const found = noteKey(name, type, publicKey)
  return found.id === id ? found : 'the eight digits do not belong to this name and key: it was copied wrongly'
}

/** The line that a key of type 0x01 signs a text with; the text ends in a line break. */
export const signatureLine = (text: string, { name, privateKey }: NoteSigner): string =>
  lineOf(noteKey(name, 0x01, privateKey), sign(null, Buffer.from(text), privateKey))

/** The line of a witness, which saw this text at `time` (seconds since 1970) as the newest of its log (C2SP tlog-cosignature, cosignature/v1). */
export function cosignatureLine(text: string, { name, privateKey }: NoteSigner, time: number): string {
  const stamp = Buffer.alloc(TIME_BYTES)
  stamp.writeBigUInt64BE(BigInt(time))
  return lineOf(noteKey(name, 0x04, privateKey), Buffer.concat([stamp, sign(null, cosigned(text, time), privateKey)]))
}

const cosigned = (text: string, time: number): Buffer => Buffer.from(`cosignature/v1\ntime ${time}\n${text}`)
const lineOf = ({ name, id }: Pick<NoteKey, 'name' | 'id'>, signature: Uint8Array): string =>
  `— ${name} ${Buffer.concat([Buffer.from(id, 'hex'), signature]).toString('base64')}\n`

/** Text and signature lines, each with its line break, as one note. */
export const noteOf = (text: string, lines: readonly string[]): string => `${text}\n${lines.join('')}`

/** The note's parts; a text says why it is none. attacker-controlled: the size first, then the form. */
export function readNote(note: string): Note | string {
  if (note.length > MAX_NOTE_BYTES) return `is larger than ${MAX_NOTE_BYTES} bytes`
  if (!note.isWellFormed() || CONTROLS.test(note)) return 'holds characters that no note has'
  const blank = note.lastIndexOf('\n\n')
  if (blank < 0 || !note.endsWith('\n')) return 'has no blank line before its signatures, or does not end in a line break'
  const text = note.slice(0, blank + 1)
  const lines = readSignatures(note.slice(blank + 2))
  return typeof lines === 'string' ? lines : { text, lines }
}

/** The lines of a note that name one of these keys, as text, each once: what strangers put beside them stays behind. */
export const linesBy = ({ lines }: Note, keys: readonly NoteKey[]): string[] => [
  ...new Set(
    lines.filter(line => keys.some(({ name, id }) => name === line.name && id === line.id)).map(line => lineOf(line, line.signature)),
  ),
]

/** Signature lines alone, as witnesses answer; a text says why they are none. */
export function readSignatures(text: string): SignatureLine[] | string {
  const written = text.split('\n')
  if (written.pop() !== '' || written.length === 0) return 'has no signature'
  if (written.length > MAX_SIGNATURES) return `has more than ${MAX_SIGNATURES} signatures`
  const lines: SignatureLine[] = []
  for (const line of written) {
    const [dash, name, encoded, more] = line.split(' ')
    const bytes = base64(encoded ?? '')
    if (dash !== '—' || name === undefined || !isKeyName(name) || more !== undefined || bytes === undefined || bytes.length <= ID_BYTES)
      return 'has a signature line that is none'
    lines.push({ name, id: bytes.toString('hex', 0, ID_BYTES), signature: bytes.subarray(ID_BYTES) })
  }
  return lines
}

const CONTROLS = /[\0-\x09\x0b-\x1f]/

/**
 * Who of `keys` signed the note; a text says why it counts for nothing. Lines whose name and id are of no key given are ignored, whatever they hold. One line of
 * a known key that does not verify makes the whole note worthless, and so does a note that none of them signed.
 */
export function verifyNote({ text, lines }: Note, keys: readonly NoteKey[]): readonly Signed[] | string {
  const signed: Signed[] = []
  for (const line of lines) {
    const key = keys.find(({ name, id }) => name === line.name && id === line.id)
    if (key === undefined) continue
    const found = verifySignature(text, line.signature, key)
    if (found === undefined) return `the signature of \`${key.name}\` is not by its key, or the text was changed`
    if (!signed.some(({ key: known }) => known === key)) signed.push(found)
  }
  return signed.length > 0 ? signed : 'is signed by none of the keys it has to be signed by'
}

function verifySignature(text: string, signature: Buffer, key: NoteKey): Signed | undefined {
  if (key.type === 0x01)
    return signature.length === SIGNATURE_BYTES && verify(null, Buffer.from(text), key.publicKey, signature) ? { key } : undefined
  if (signature.length !== TIME_BYTES + SIGNATURE_BYTES) return undefined
  const time = Number(signature.readBigUInt64BE())
  if (!Number.isSafeInteger(time)) return undefined
  return verify(null, cosigned(text, time), key.publicKey, signature.subarray(TIME_BYTES)) ? { key, time } : undefined
}

/** Bytes of standard base64 (RFC 4648 section 4) in its one form, with padding; undefined for everything else. */
export function base64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}
