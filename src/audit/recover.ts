// What a restart may conclude from the log's bytes: where a torn tail begins, and which intents never got an outcome. Pure; adapters/audit reads.

import { ShortLived } from '../kernel/short-lived.ts'
import type { EventEncoder } from './encode.ts'
import type { ContactEvent, IntentEvent } from './record.ts'

/** An event as it was parsed, in the layout of any version. */
type Parsed = Readonly<Record<string, unknown>>

/** What joins the two events of a contact, beside requests. */
export const contactKey = (contact: string): string => `contact ${contact}`

/**
 * The intents and contacts that have no end yet, each as its own line. Paired by `request`, or by `contact`. Fed with every row in order: by whoever appends
 * it, who knows what it begins and ends, or read back from the log. Memory: one line per exchange or contact under way.
 */
export class OpenIntents {
  readonly #lines = new ShortLived<string>()

  begin(key: string, line: string): void {
    this.#lines.set(key, line)
  }

  end(key: string): void {
    this.#lines.delete(key)
  }

  /** `line` is one event as the log keeps it, without its newline. Throws SyntaxError when it is no JSON. */
  read(line: string): void {
    this.note(line, JSON.parse(line) as Parsed)
  }

  /** The same for a line that was parsed already. */
  note(line: string, { type, request, contact }: Parsed): void {
    if (typeof request === 'string') {
      if (type === 'intent') this.begin(request, line)
      else if (type === 'outcome') this.end(request)
    } else if (typeof contact === 'string') {
      if (type === 'upstream-contact') this.begin(contactKey(contact), line)
      else if (type === 'upstream-contact-end') this.end(contactKey(contact))
    }
  }

  /** oldest first */
  lines(): string[] {
    return this.#lines.values()
  }

  get size(): number {
    return this.#lines.size
  }
}

/** What one line says, when it is one whole event of this schema or a later one (fields are only added). */
export function eventIn(line: string): Parsed | undefined {
  try {
    const event = JSON.parse(line) as Parsed | null
    if (typeof event !== 'object' || event === null || typeof event['v'] !== 'number' || event['v'] < 1) return undefined
    return ['type', 'id', 'time'].every(name => typeof event[name] === 'string') ? event : undefined
  } catch {
    // Not JSON: not an event.
    return undefined
  }
}

/**
 * Judges a segment line by line. After the last line: `goodBytes` is where the whole events end, and what follows is `torn` or `damaged`.
 * Torn: a crash cut the last write short; no acknowledged row is in it, because a row is acknowledged only after its whole group, newlines included,
 * was synced. Torn is only bytes without any newline, or lines that hold NUL (blocks allocated and never written: no event contains a NUL byte),
 * with no whole event after them. Everything else was done to the file by something other than a crash.
 */
export class SegmentScan {
  readonly #open: OpenIntents
  goodBytes = 0
  rows = 0
  isTorn = false
  isDamaged = false

  constructor(open: OpenIntents) {
    this.#open = open
  }

  /** one line without its newline, and its length in bytes without it */
  line(text: string, bytes: number): void {
    const event = this.isTorn || this.isDamaged ? undefined : eventIn(text)
    if (event) {
      this.goodBytes += bytes + 1
      this.rows += 1
      this.#open.note(text, event)
    } else if (text.includes('\0')) this.isTorn = true
    else this.isDamaged = true
  }

  /** bytes after the last newline */
  end(bytes: number): void {
    if (bytes > 0) this.isTorn = true
  }
}

/**
 * The outcome `unknown` of an intent or contact that a crash left open: the upstream may or may not have acted on it, and it is never run again.
 * `ms` is the time from then to now by the wall clock, at least 0.
 */
export function closeOpen(line: string, encoder: EventEncoder, nowMs: number): { readonly event: string; readonly ends: string } {
  const open = JSON.parse(line) as IntentEvent | ContactEvent
  const ms = Math.max(0, nowMs - Date.parse(open.time)) || 0 // a time that is none prints as no number
  if (open.type === 'upstream-contact')
    return { event: encoder.contactEnd(encoder.contactText(open), { outcome: 'unknown', ms }), ends: contactKey(open.contact) }
  return { event: encoder.outcome(encoder.exchange(open), { outcome: 'unknown', stage: 'recover', ms }), ends: open.request }
}

/** Whether an open line is a contact of the gateway itself. */
export const isContact = (line: string): boolean => (JSON.parse(line) as { readonly type?: unknown }).type === 'upstream-contact'

/** `events-000001.jsonl`: newest has the highest number. */
export const segmentName = (number: number): string => `events-${String(number).padStart(6, '0')}.jsonl`
/** Intents that were open when segment `number` was begun: without it a long call's intent would be forgotten with the older segments. */
export const openIntentsName = (number: number): string => `open-${String(number).padStart(6, '0')}.jsonl`

/** The number in a segment's name, or undefined for any other file name. */
export function segmentNumber(fileName: string): number | undefined {
  const digits = /^events-(\d{6,9})\.jsonl$/.exec(fileName)?.[1]
  const number = Number(digits)
  return digits !== undefined && number > 0 && segmentName(number) === fileName ? number : undefined
}
