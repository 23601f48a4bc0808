// What events can be looked for by: one list, read by the search index and by the exact match alike, so that neither can find what the other misses.

import { QUERY_LIMITS, type Query } from './reading.ts'

/** Members of a query that name a value an event holds. */
export type Facet = Exclude<keyof Query, 'from' | 'to' | 'before' | 'limit'>

type Json = Readonly<Record<string, unknown>>

const objectOf = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {})

/**
 * Every (facet, value) of one event, as it was parsed. Values stand where events of each type have them: who and what of an exchange, an upstream of a contact,
 * and of a lifecycle event what its detail says (docs/events.md). Of anything that is no text, nothing.
 */
export function facetsOf(event: Json): (readonly [Facet, string])[] {
  const found: (readonly [Facet, string])[] = []
  const add = (facet: Facet, value: unknown): void => {
    if (typeof value === 'string' && value !== '') found.push([facet, value])
  }
  const [subject, detail, principal] = [objectOf(event['subject']), objectOf(event['detail']), objectOf(event['principal'])]
  const of = objectOf(detail['of'])
  for (const who of [principal, of]) {
    add('principal', who['subject'])
    add('issuer', who['issuer'])
    add('client', who['client'])
  }
  add('client', detail['client'])
  for (const server of [subject['server'], event['server'], detail['server'], detail['upstream']]) add('server', server)
  for (const method of [subject['method'], event['method'], detail['method']]) add('method', method)
  for (const name of [subject['name'], detail['name']]) add('name', name)
  add('reason', event['reason'])
  add('reason', detail['reason'])
  for (const approval of [event['approval'], detail['approval']]) add('approval', approval)
  for (const same of ['type', 'outcome', 'what', 'call', 'request', 'trace', 'id'] as const) add(same, event[same])
  return found
}

/** The facets that a query asks for; [] = everything. */
export function askedOf(query: Query): (readonly [Facet, string])[] {
  return Object.entries(query).filter((entry): entry is [Facet, string] => Object.hasOwn(FACETS, entry[0]))
}

/** Whether one event is what a query asks for. `before` and `limit` are not judged here. */
export function matches(query: Query, event: Json): boolean {
  const { time } = event
  if (query.from !== undefined && !(typeof time === 'string' && time >= query.from)) return false
  if (query.to !== undefined && !(typeof time === 'string' && time < query.to)) return false
  const asked = askedOf(query)
  if (asked.length === 0) return true
  const has = facetsOf(event)
  return asked.every(([facet, value]) => has.some(([f, v]) => f === facet && v === value))
}

const FACETS: Readonly<Record<Facet, true>> = {
  principal: true,
  issuer: true,
  client: true,
  server: true,
  reason: true,
  method: true,
  type: true,
  name: true,
  outcome: true,
  what: true,
  call: true,
  request: true,
  trace: true,
  approval: true,
  id: true,
}
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/**
 * A query from texts of strangers (options of a command, parameters of a URL). All faults at once, each naming the member and what was expected, never the
 * value. Times may be any that RFC 3339 has; they become UTC with milliseconds, as events have them.
 */
export function parseQuery(values: Readonly<Record<string, string>>): { readonly query: Query } | { readonly faults: readonly string[] } {
  const faults: string[] = []
  const query: { -readonly [K in keyof Query]: Query[K] } = {}
  for (const [key, value] of Object.entries(values)) {
    if (Object.hasOwn(FACETS, key)) {
      if (value !== '' && value.length <= QUERY_LIMITS.maxText) query[key as Facet] = value
      else faults.push(`expected \`${key}\` of 1 to ${QUERY_LIMITS.maxText} characters`)
    } else if (key === 'from' || key === 'to') {
      const time = timeOf(value)
      if (time === undefined) faults.push(`expected \`${key}\` as a time like 2026-07-28T09:30:00Z`)
      else query[key] = time
    } else if (key === 'before' || key === 'limit') {
      const [least, most] = key === 'limit' ? [1, QUERY_LIMITS.maxLimit] : [0, Number.MAX_SAFE_INTEGER]
      const number = /^(0|[1-9]\d{0,15})$/.test(value) ? Number(value) : NaN
      if (number >= least && number <= most) query[key] = number
      else faults.push(`expected \`${key}\` from ${least} to ${most}`)
    } else faults.push(`expected none but ${[...Object.keys(FACETS), 'from', 'to', 'before', 'limit'].join(', ')}`)
  }
  return faults.length > 0 ? { faults } : { query }
}

// RFC 3339 section 5.6; a date alone is the beginning of that day in UTC.
const RFC_3339 = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/
function timeOf(value: string): string | undefined {
  if (value.length > 40 || !RFC_3339.test(value)) return undefined
  const ms = Date.parse(value)
  const text = Number.isNaN(ms) ? '' : new Date(ms).toISOString()
  return TIME.test(text) ? text : undefined
}
