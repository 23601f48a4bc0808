// The forms an event goes out in: as it is in the log, in an envelope with its place; or as another form's own object. Nothing in a text of strangers can end one.

import { asciiJson } from '../kernel/json-string.ts'
import type { Exported } from './outlet.ts'

/** `event`: as the log has it. `ocsf`: API Activity of the Open Cybersecurity Schema Framework. `cef`: Common Event Format. */
export type Form = 'event' | 'ocsf' | 'cef'
export const FORMS: readonly Form[] = ['event', 'ocsf', 'cef']

/** `{"seq", "leaf", "checkpoint", "origin", "event"}`: one line of JSON, the event byte for byte, so that its leaf can be computed from it. */
export function enveloped({ seq, leaf, checkpoint, origin, event }: Exported): string {
  return `{"seq":${seq},"leaf":${JSON.stringify(leaf)},"checkpoint":${checkpoint},"origin":${JSON.stringify(origin)},"event":${lineOf(event)}}`
}

/** What stands in the log has no line break, or it would be two lines; spliced text must be one whole object, or it could close the envelope. Throws otherwise. */
function lineOf(event: string): string {
  const value: unknown = JSON.parse(event)
  if (typeof value !== 'object' || value === null || Array.isArray(value) || /[\r\n]/.test(event))
    throw new TypeError('not one JSON object on one line')
  return event
}

/** Printable ASCII alone: nothing reaches a terminal, a line or a parser of a relay that JSON readers do not undo. */
export const envelopedAscii = (event: Exported): string => asciiJson(enveloped(event))

/** The members of an event that forms look at. attacker-controlled: any of them may be any text. */
export type Fields = Readonly<Record<string, unknown>>
export function fieldsOf(event: string): Fields {
  const value: unknown = JSON.parse(event)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not a JSON object')
  return value as Fields
}
export const textIn = (fields: Fields, name: string): string | undefined => {
  const value = fields[name]
  return typeof value === 'string' ? value : undefined
}
export const objectIn = (fields: Fields, name: string): Fields => {
  const value = fields[name]
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
}

/** How loud an event is. */
export type Severity = 'info' | 'notice' | 'warning' | 'error'
const LOUD: ReadonlySet<string> = new Set(['break-glass-open', 'log-recovered', 'policies-refused', 'surface-drift', 'audit-pruned'])

/** What was stopped is a notice, what a person should look at a warning, what nobody knows the end of an error. */
export function severityOf(fields: Fields): Severity {
  const [type, outcome] = [textIn(fields, 'type'), textIn(fields, 'outcome')]
  if (outcome === 'unknown') return 'error'
  if (type === 'lifecycle' && LOUD.has(textIn(fields, 'what') ?? '')) return 'warning'
  if (type === 'refusal' || outcome === 'stopped' || textIn(fields, 'decision') === 'refused') return 'warning'
  return type === 'aggregate' || outcome === 'error' ? 'notice' : 'info'
}

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z$/
/** RFC 3339 in UTC, or undefined. */
export const timeIn = (fields: Fields): string | undefined => {
  const time = textIn(fields, 'time')
  return time !== undefined && TIME.test(time) && !Number.isNaN(Date.parse(time)) ? time : undefined
}
