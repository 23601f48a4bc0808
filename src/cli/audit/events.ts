// Events in words: one line each for lists, and the timeline of a call. Whatever strangers wrote is made inert.

import { table, text } from '../admin/verb.ts'

/** One event as a reader of the log found it. */
export type ShownEvent = { readonly seq: number; readonly leaf: string; readonly event: Record<string, unknown>; readonly isChanged?: true }

type Json = Record<string, unknown>
const objectOf = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {})

/** What the gateway, or a folder, answered: the lines are parsed. A line that is no event is shown as nothing but its place. */
export function shownEvents(found: unknown): ShownEvent[] {
  return (Array.isArray(found) ? (found as Json[]) : []).map(({ seq, leaf, event, isChanged }) => ({
    seq: Number(seq),
    leaf: text(leaf),
    event: parsed(event),
    ...(isChanged === true && { isChanged }),
  }))
}

function parsed(line: unknown): Json {
  try {
    return objectOf(JSON.parse(typeof line === 'string' ? line : ''))
  } catch {
    return {}
  }
}

/** Oldest first, as a table. */
export function eventTable(events: readonly ShownEvent[], empty: string): string {
  const rows = events.map(({ seq, event, isChanged }) => [
    String(seq),
    text(event['time']),
    isChanged === true ? 'CHANGED' : text(event['type']),
    whoOf(event),
    whereOf(event),
    said(event),
  ])
  return table(['seq', 'time', 'type', 'who', 'server and name', 'what'], rows, empty)
}

function whoOf(event: Json): string {
  const { subject, client } = objectOf(event['principal'] ?? objectOf(event['detail'])['of'])
  return [text(subject), text(client)].filter(Boolean).join(' by ') || '-'
}

function whereOf(event: Json): string {
  const subject = objectOf(event['subject'])
  const detail = objectOf(event['detail'])
  const server = text(subject['server'] ?? event['server'] ?? detail['server'] ?? detail['upstream'])
  return [server, text(subject['name'] ?? detail['name'])].filter(Boolean).join(' ') || '-'
}

/** What happened, as a sentence's middle. */
function said(event: Json): string {
  const reason = text(event['reason'])
  const stage = text(event['stage'])
  const method = text(objectOf(event['subject'])['method'] ?? event['method'])
  const detail = typeof event['detail'] === 'string' ? `: ${text(event['detail'])}` : ''
  switch (event['type']) {
    case 'intent':
      return `${method} permitted by ${listOf(event['rules'])}${roundOf(event)}; about to leave`
    case 'outcome':
      return `${method} ended: ${text(event['outcome'])}${reason && ` (${reason} at ${stage})`}${sizeOf(event)}, ${String(event['ms'])} ms`
    case 'refusal':
      return `${method} refused: ${reason} at ${stage}${detail}`
    case 'decision':
      return `${method} ${listOf(event['rules'])}${detail}`
    case 'server-request':
      return `the server asks ${text(event['requestMethod'])}: ${text(event['decision'])}${reason && ` (${reason})`}`
    case 'aggregate':
      return `${String(event['count'])} times ${reason} from ${text(event['prefix'])}`
    case 'lifecycle':
      return `${text(event['what'])}${byOf(event)}`
    default:
      return [text(event['purpose']), method, text(event['outcome']), reason].filter(Boolean).join(' ')
  }
}

const listOf = (rules: unknown): string => (Array.isArray(rules) && rules.length > 0 ? rules.map(text).join(', ') : 'no rule')
const roundOf = ({ round }: Json): string => (typeof round === 'number' && round > 0 ? `, round ${round}` : '')
const sizeOf = ({ resultBytes }: Json): string => (typeof resultBytes === 'number' ? `, ${resultBytes} bytes` : '')
function byOf(event: Json): string {
  const detail = objectOf(event['detail'])
  const by = detail['by']
  const who = typeof by === 'string' ? by : objectOf(by)['subject']
  const words = [typeof who === 'string' ? `by ${text(who)}` : '', text(detail['approval']), text(detail['why'])]
  return words
    .filter(Boolean)
    .map(word => ` ${word}`)
    .join('')
}

/** The story of one call, with the time since its first event. */
export function timeline(events: readonly ShownEvent[]): string {
  const [first] = events
  if (first === undefined) return 'no such call\n'
  const began = Date.parse(text(first.event['time']))
  // What people decided about it says less of who called.
  const { event: named } = events.find(({ event }) => whoOf(event) !== '-') ?? first
  const head = [whoOf(named), whereOf(named)].filter(word => word !== '-').join(', ')
  const rows = events.map(({ seq, event, isChanged }) => [
    since(Date.parse(text(event['time'])) - began),
    text(event['type']),
    `${isChanged === true ? 'CHANGED SINCE IT WAS WRITTEN: ' : ''}${said(event)}`,
    String(seq),
  ])
  return `${text(first.event['time'])} ${head}\n${table(['after', 'event', 'what', 'seq'], rows, '')}`
}

function since(ms: number): string {
  if (Number.isNaN(ms)) return '?'
  return ms < 10_000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`
}
