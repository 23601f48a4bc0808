// When a file of events is followed by another, and what it is called then. By events' own times and places, so that a restart changes nothing.

import { readCef } from './cef.ts'
import { fieldsOf, objectIn, timeIn, type Fields } from './forms.ts'

/** What a line of a file says of itself; undefined where it is no line of ours. */
export type Line = { readonly seq: number; readonly origin: string; readonly leaf: string | undefined; readonly timeMs: number | undefined }

/** attacker-controlled: whoever can write to the file can write any line. */
export function readLine(text: string): Line | undefined {
  if (text.startsWith('CEF:')) return readCef(text)
  try {
    const fields = fieldsOf(text)
    const place: Fields = 'seq' in fields ? fields : objectIn(objectIn(fields, 'unmapped'), 'log')
    const { seq, origin, leaf } = place
    if (!Number.isSafeInteger(seq) || typeof origin !== 'string') return undefined
    const timeMs = timeOf('event' in fields ? objectIn(fields, 'event') : fields)
    return { seq: seq as number, origin, leaf: typeof leaf === 'string' ? leaf : undefined, timeMs }
  } catch {
    return undefined
  }
}

/** Milliseconds since the epoch: `time` as RFC 3339, or as OCSF has it, a number. */
export function timeOf(fields: Fields): number | undefined {
  const text = timeIn(fields)
  if (text !== undefined) return Date.parse(text)
  return Number.isSafeInteger(fields['time']) ? (fields['time'] as number) : undefined
}

type Whether = { readonly bytes: number; readonly adding: number; readonly first: Line | undefined; readonly nextMs: number | undefined }
type Bounds = { readonly rotateBytes: number; readonly rotateSeconds: number }

/** Whether the next line begins another file. A file with nothing in it takes any line. */
export function isFull({ bytes, adding, first, nextMs }: Whether, { rotateBytes, rotateSeconds }: Bounds): boolean {
  if (bytes === 0) return false
  if (bytes + adding > rotateBytes) return true
  return first?.timeMs !== undefined && nextMs !== undefined && nextMs - first.timeMs >= rotateSeconds * 1000
}

const DIGITS = 12
/** `<name>.<seq of its first event>`: within one log names sort as events do. `taken`: there is one of that name already. */
export const rotatedName = (name: string, firstSeq: number, taken: number): string =>
  `${name}.${String(firstSeq).padStart(DIGITS, '0')}${taken === 0 ? '' : `.${taken}`}`

/** Of the names in a folder, those of rotated files, by their first events. */
export function rotatedNames(name: string, inFolder: readonly string[]): readonly string[] {
  const isOne = (text: string): boolean => text.startsWith(`${name}.`) && /^\d{12}(?:\.\d{1,3})?$/.test(text.slice(name.length + 1))
  return inFolder.filter(isOne).sort()
}
