// What a restart may conclude from the log's bytes: where a torn tail begins, and which intents never got an outcome. Pure; adapters/audit reads.

import type { EventEncoder } from './encode.ts'
import { EVENT_START } from './encode.ts'
import type { IntentEvent } from './record.ts'

const INTENT_START = `${EVENT_START}intent"`
const OUTCOME_START = `${EVENT_START}outcome"`
const BEFORE_REQUEST = '","request":"'
const LENGTH_OF_ID_AND_TIME = `","id":"`.length - 1 + 36 + `","time":"`.length + 24

/**
 * The intents that have no outcome yet, each as its own line. Paired by `request`. Fed with every row in order; memory: one line per exchange under
 * way. The encoder's layout is read by position, anything else is parsed: both give the same answer.
 */
export class OpenIntents {
  readonly #lines = new Map<string, string>()

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
    } else if (line.startsWith(EVENT_START)) return
    const event = JSON.parse(line) as { readonly type?: unknown; readonly request?: unknown }
    if ((event.type === 'intent' || event.type === 'outcome') && typeof event.request === 'string')
      this.#set(event.type === 'intent', event.request, line)
  }

  /** oldest first */
  lines(): string[] {
    return [...this.#lines.values()]
  }

  get size(): number {
    return this.#lines.size
  }

  #set(isIntent: boolean, request: string, line: string): void {
    if (isIntent) this.#lines.set(request, line)
    else this.#lines.delete(request)
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
 * The outcome `unknown` of an intent that a crash left open: the upstream may or may not have acted on it, and it is never run again.
 * `ms` is the time from the intent to now by the wall clock, at least 0.
 */
export function closeIntent(intentLine: string, encoder: EventEncoder, nowMs: number): string {
  const intent = JSON.parse(intentLine) as IntentEvent
  const ms = nowMs - Date.parse(intent.time)
  return encoder.outcome(encoder.exchange(intent), { outcome: 'unknown', stage: 'recover', ms: ms > 0 ? ms : 0 })
}

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
