// An export bundle: events of a log in one file, with everything that proves them. Text, one event a line, so that it can be read and searched with what
// everybody has. Nothing in it is free: whichever byte is changed, it is found.
//
//   gatehouse-audit-bundle/v1
//   origin <name of the log>
//   from <number of the first event>
//   to <number behind the last one>
//   before <base64>            roots of the complete subtrees before the first event, in order; none at the beginning of a log
//   key <vkey>                 keys the log signs and signed with, for information: whoever verifies has them from elsewhere
//   checkpoint <bytes>         a signed note of that many bytes follows; the last checkpoint is of exactly `to` events
//   events <sha256>            hexadecimal, over everything up to here
//   <number> <leaf in base64> <event>
//   end

import { createHash } from 'node:crypto'
import { readCount } from './checkpoint.ts'
import { base64 } from './note.ts'
import { readHashes } from './proof.ts'
import { Frontier, HASH_BYTES, leafHash } from './tree.ts'
import type { Findings, LogVerifier } from './verify.ts'

const MAGIC = 'gatehouse-audit-bundle/v1'
const END = 'end'
/** Largest head that is read, in bytes: about 100,000 checkpoints. */
export const MAX_HEAD_BYTES = 64 * 1024 * 1024
const MAX_LINE_BYTES = 4096
const NEWLINE = 0x0a
const LEAF_CHARS = 44

export type BundleHead = {
  readonly origin: string
  readonly from: number
  readonly to: number
  /** the tree of the events before `from` */
  readonly before: Frontier
  readonly vkeys: readonly string[]
  /** signed notes, in the order of their sizes */
  readonly checkpoints: readonly string[]
}

/** The head, up to where the first event begins. */
export function bundleHead({ origin, from, to, before, vkeys, checkpoints }: BundleHead): Buffer {
  const peaks = before.snapshot()
  const hashes = Array.from({ length: peaks.length / 32 }, (_, i) => peaks.toString('base64', i * 32, (i + 1) * 32))
  const text = [
    `${MAGIC}\norigin ${origin}\nfrom ${from}\nto ${to}\n`,
    ...hashes.map(hash => `before ${hash}\n`),
    ...vkeys.map(vkey => `key ${vkey}\n`),
    ...checkpoints.map(note => `checkpoint ${Buffer.byteLength(note)}\n${note}`),
  ].join('')
  const bytes = Buffer.from(`${text}events `)
  return Buffer.concat([bytes, Buffer.from(`${digestOf(bytes)}\n`)])
}

/** One event's line. */
export const bundleLine = (seq: number, leaf: string, event: string): string => `${seq} ${leaf} ${event}\n`
export const BUNDLE_END = `${END}\n`

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/**
 * Reads the head at the beginning of `bytes`, which hold all of it. Answers it with where the first event begins; a text says what is wrong, and where.
 * attacker-controlled: sizes before anything is kept.
 */
export function readBundleHead(bytes: Buffer): { readonly head: BundleHead; readonly end: number } | string {
  const lines = new HeadLines(bytes)
  if (lines.next() !== MAGIC) return `line 1: expected \`${MAGIC}\``
  const origin = lines.value('origin')
  const from = readCount(lines.value('from') ?? '')
  const to = readCount(lines.value('to') ?? '')
  if (origin === undefined || from === undefined || to === undefined || to < from)
    return `line ${lines.number}: expected origin, from and to`
  const peaks = readHashes(lines.values('before'))
  const before = peaks && Frontier.restore(from, Buffer.concat(peaks))
  if (before === undefined) return `line ${lines.number}: expected the hashes of a tree of ${from} events`
  const vkeys = lines.values('key')
  const checkpoints: string[] = []
  for (let size = lines.value('checkpoint'); size !== undefined; size = lines.value('checkpoint')) {
    const note = lines.take(readCount(size) ?? -1)
    if (note === undefined) return `line ${lines.number}: expected the number of bytes of a checkpoint`
    checkpoints.push(note)
  }
  const at = lines.at
  const digest = lines.value('events')
  if (digest === undefined) return `line ${lines.number}: expected one of before, key, checkpoint and events, in this order`
  if (digest !== digestOf(bytes.subarray(0, at + 'events '.length)))
    return `something between its beginning and line ${lines.number} was changed`
  return { head: { origin, from, to, before, vkeys, checkpoints }, end: lines.at }
}

/** Where the head ends, as far as can be seen from these first bytes: behind the line that begins with `events `. Undefined = more bytes are needed. */
export function endOfHead(bytes: Buffer): number | undefined {
  const lines = new HeadLines(bytes)
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    if (line.startsWith('events ')) return lines.at
    if (line.startsWith('checkpoint ') && lines.take(readCount(line.slice('checkpoint '.length)) ?? 0) === undefined) return undefined
  }
  return undefined
}

class HeadLines {
  readonly #bytes: Buffer
  at = 0
  number = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  next(): string | undefined {
    const end = this.#bytes.indexOf(NEWLINE, this.at)
    if (end < 0 || end - this.at > MAX_LINE_BYTES) return undefined
    const line = this.#bytes.toString('utf8', this.at, end)
    this.at = end + 1
    this.number += 1
    return line
  }

  /** What stands behind `key` in the next line; undefined, and nothing is read, where the next line begins with something else. */
  value(key: string): string | undefined {
    const { at, number } = this
    const line = this.next()
    if (line?.startsWith(`${key} `) === true) return line.slice(key.length + 1)
    this.at = at
    this.number = number
    return undefined
  }

  values(key: string): string[] {
    const values: string[] = []
    for (let value = this.value(key); value !== undefined; value = this.value(key)) values.push(value)
    return values
  }

  take(bytes: number): string | undefined {
    if (bytes < 0 || this.at + bytes > this.#bytes.length) return undefined
    const text = this.#bytes.toString('utf8', this.at, this.at + bytes)
    this.at += bytes
    this.number += text.split('\n').length - 1
    return text
  }
}

/** A line within larger bytes: from `from` to its line break at `to`. */
export type LineAt = { readonly bytes: Buffer; readonly from: number; readonly to: number }

/**
 * The lines of events of a bundle, one after the other, into a verifier. What stands in front of an event has one form, which is made of the event and compared,
 * so no byte of it is free.
 */
export class BundleEvents {
  readonly #verifier: LogVerifier
  readonly #findings: Findings
  readonly #to: number
  #seq: number
  /** the number that comes next if lines were taken away or put in before */
  #other: number | undefined
  #isEnded = false

  constructor({ from, to }: Pick<BundleHead, 'from' | 'to'>, verifier: LogVerifier, findings: Findings) {
    this.#seq = from
    this.#to = to
    this.#verifier = verifier
    this.#findings = findings
  }

  /** The event in the next line, if that is as it must be. */
  eventIn({ bytes, from, to }: LineAt): Buffer {
    return bytes.subarray(Math.min(from + digitsOf(this.#seq) + 1 + LEAF_CHARS + 1, to), to)
  }

  /** A line without its line break. */
  line(line: Buffer): void {
    const at = { bytes: line, from: 0, to: line.length }
    this.hashed(at, leafHash(this.eventIn(at)), 0)
  }

  /** The same for a line that was hashed: `leaf` stands at `at`, and is of what stands behind the line's second space, which counts if the line is as it must be. */
  hashed({ bytes, from, to }: LineAt, leaves: Buffer, at: number): void {
    if (!this.#isEnded && isPrefix(bytes, { from, to, seq: this.#seq }, leaves, at)) {
      this.#other = undefined
      this.#seq += 1
      this.#verifier.leafFrom(leaves, at)
    } else this.#closer(bytes.subarray(from, to))
  }

  /** Not as it must be: how, as closely as can be said. */
  #closer(line: Buffer): void {
    if (this.#isEnded) return this.#odd('something stands behind its end')
    if (line.length === END.length && line.toString('latin1') === END) {
      this.#isEnded = true
      return
    }
    const [, number, encoded] = /^(\d{1,16}) ([A-Za-z0-9+/]{43}=) /.exec(line.toString('latin1', 0, 64)) ?? []
    const kept = base64(encoded ?? '')
    if (number === undefined || kept === undefined) {
      // A line that cannot be read still stands where an event should: it is taken for that one, if the next line goes on behind it.
      this.#findings.add({ is: 'event', seq: this.#seq, why: 'its line has not the form of one' })
      this.#other = this.#seq
      this.#seq += 1
      this.#verifier.line(line)
      return
    }
    const event = line.subarray(number.length + 1 + LEAF_CHARS + 1)
    if (number !== String(this.#seq)) this.#misnumbered(Number(number))
    else this.#other = undefined
    this.#seq += 1
    this.#verifier.line(event, kept)
  }

  #misnumbered(number: number): void {
    if (number === this.#other) {
      this.#seq = number
      this.#other = undefined
      return
    }
    this.#findings.add({
      is: 'event',
      seq: this.#seq,
      why: `its line has the number ${number}: that was changed, or events were taken away or put in before it`,
    })
    this.#other = number + 1
  }

  /** After the last line; `rest`: bytes behind the last line break. */
  end(rest: number): void {
    if (rest > 0 || !this.#isEnded) this.#odd(`its last line is not \`${END}\` with a line break: it was cut off or changed`)
    if (this.#seq !== this.#to)
      this.#findings.add({
        is: 'events',
        from: Math.min(this.#seq, this.#to),
        to: Math.max(this.#seq, this.#to),
        why: `the bundle says that it ends before event ${this.#to}, and its events end before ${this.#seq}`,
      })
  }

  #odd(why: string): void {
    this.#findings.add({ is: 'file', where: `behind event ${this.#seq - 1}`, why })
  }
}

const SPACE = 0x20
const ZERO = 0x30
const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')

const digitsOf = (n: number): number => {
  let digits = 1
  for (let power = 10; power <= n; power *= 10) digits += 1
  return digits
}

/**
 * Whether the line is longer than its beginning, and begins with the number, a space, the hash in base64, and a space: byte for byte as `bundleLine` writes them,
 * without making that text.
 */
function isPrefix(
  bytes: Buffer,
  { from, to, seq }: { readonly from: number; readonly to: number; readonly seq: number },
  leaves: Buffer,
  at: number,
): boolean {
  const digits = digitsOf(seq)
  const start = from + digits + 1
  if (to - start <= LEAF_CHARS + 1) return false
  let n = seq
  for (let place = from + digits - 1; place >= from; place -= 1) {
    if (bytes[place] !== ZERO + (n % 10)) return false
    n = Math.floor(n / 10)
  }
  return bytes[from + digits] === SPACE && isBase64(bytes, start, leaves, at) && bytes[start + LEAF_CHARS] === SPACE
}

/** Whether `text` holds, from `to` on, the base64 of the 32 bytes from `at` on, padding included (RFC 4648 section 4). */
function isBase64(text: Buffer, to: number, bytes: Buffer, at: number): boolean {
  const end = at + HASH_BYTES
  for (let i = at; i < end; i += 3) {
    const isLast = i + 2 === end
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (isLast ? 0 : (bytes[i + 2] ?? 0))
    if (text[to] !== ALPHABET[group >> 18] || text[to + 1] !== ALPHABET[(group >> 12) & 63] || text[to + 2] !== ALPHABET[(group >> 6) & 63])
      return false
    if (text[to + 3] !== (isLast ? PADDING : ALPHABET[group & 63])) return false
    to += 4
  }
  return true
}
const PADDING = 0x3d
