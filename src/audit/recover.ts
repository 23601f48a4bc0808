// What a restart may conclude from the log's bytes: where a torn tail begins, and which intents never got an outcome. Pure; adapters/audit reads.

import { ShortLived } from '../kernel/short-lived.ts'
import type { EventEncoder } from './encode.ts'
import { EVENT_START } from './encode.ts'
import type { ContactEvent, IntentEvent } from './record.ts'

const INTENT_START = `${EVENT_START}intent"`
const OUTCOME_START = `${EVENT_START}outcome"`
const CONTACT_START = `${EVENT_START}upstream-contact`
const BEFORE_REQUEST = '","request":"'
const LENGTH_OF_ID_AND_TIME = `","id":"`.length - 1 + 36 + `","time":"`.length + 24

/**
 * The intents and contacts that have no end yet, each as its own line. Paired by `request`, or by `contact`. Fed with every row in order; memory: one
 * line per exchange or contact under way. Intents and outcomes in the encoder's layout are read by position, anything else is parsed: both give the
 * same answer.
 */
export class OpenIntents {
  readonly #lines = new ShortLived<string>()

  /** `line` is one event as the log keeps it, without its newline. Throws SyntaxError when it is neither in the encoder's layout nor JSON. */
  note(line: string): void {
    const isIntent = line.startsWith(INTENT_START)
    if (isIntent || line.startsWith(OUTCOME_START)) {
      const at = (isIntent ? INTENT_START : OUTCOME_START).length + LENGTH_OF_ID_AND_TIME
      const from = at + BEFORE_REQUEST.length
      const to = line.indexOf('"', from)
      if (line.startsWith(BEFORE_REQUEST, at) && to > from) {
        const request = line.slice(from, to)
        if (!request.includes('\\')) {
          this.#set(isIntent, request, line)
          return
        }
      }
    } else if (line.startsWith(EVENT_START) && !line.startsWith(CONTACT_START)) return
    const event = JSON.parse(line) as { readonly type?: unknown; readonly request?: unknown; readonly contact?: unknown }
    const { type, request, contact } = event
    if ((type === 'intent' || type === 'outcome') && typeof request === 'string') this.#set(type === 'intent', request, line)
    else if ((type === 'upstream-contact' || type === 'upstream-contact-end') && typeof contact === 'string')
      this.#set(type === 'upstream-contact', `contact ${contact}`, line)
  }

  /** oldest first */
  lines(): string[] {
    return this.#lines.values()
  }

  get size(): number {
    return this.#lines.size
  }

  #set(isOpen: boolean, key: string, line: string): void {
    if (isOpen) this.#lines.set(key, line)
    else this.#lines.delete(key)
  }
}

/** True when the bytes of one line are one whole event of this schema or a later one (fields are only added). */
export function isEvent(line: string): boolean {
  try {
    const event = JSON.parse(line) as Readonly<Record<string, unknown>> | null
    return (
      typeof event === 'object' &&
      event !== null &&
      typeof event['v'] === 'number' &&
      event['v'] >= 1 &&
      typeof event['type'] === 'string' &&
      typeof event['id'] === 'string' &&
      typeof event['time'] === 'string'
    )
  } catch {
    // Not JSON: not an event.
    return false
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
    if (!this.isTorn && !this.isDamaged && isEvent(text)) {
      this.goodBytes += bytes + 1
      this.rows += 1
      this.#open.note(text)
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
export function closeOpen(line: string, encoder: EventEncoder, nowMs: number): string {
  const open = JSON.parse(line) as IntentEvent | ContactEvent
  const ms = Math.max(0, nowMs - Date.parse(open.time))
  if (open.type === 'upstream-contact') return encoder.contactEnd(encoder.contactText(open), { outcome: 'unknown', ms })
  return encoder.outcome(encoder.exchange(open), { outcome: 'unknown', stage: 'recover', ms })
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
