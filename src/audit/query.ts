// What events can be looked for by: one list, read by the search index and by the exact match alike, so that neither can find what the other misses.

import { QUERY_LIMITS, type Query } from './reading.ts'

/** Members of a query that name a value an event holds. */
export type Facet = Exclude<keyof Query, 'from' | 'to' | 'before' | 'limit'>

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null

/**
 * Every (facet, value) of one event, as it was parsed. Values stand where events of each type have them: who and what of an exchange, an upstream of a contact,
 * and of a lifecycle event what its detail says (docs/events.md). Of anything that is no text, nothing.
 */
export function facetsOf(event: Json): (readonly [Facet, string])[] {
  const found: (readonly [Facet, string])[] = []
  eachFacet(event, (facet, value) => found.push([facet, value]))
  return found
}

/** The same, without a list: for every event that is indexed. */
export function eachFacet(event: Json, found: (facet: Facet, value: string) => void): void {
  const add = (facet: Facet, value: unknown): void => {
    if (typeof value === 'string' && value !== '') found(facet, value)
  }
  who(event['principal'], add)
  const { subject, detail } = event
  if (isObject(subject)) {
    add('server', subject['server'])
    add('method', subject['method'])
    add('name', subject['name'])
  }
  add('server', event['server'])
  add('method', event['method'])
  add('reason', event['reason'])
  add('approval', event['approval'])
  add('type', event['type'])
  add('outcome', event['outcome'])
  add('what', event['what'])
  add('call', event['call'])
  add('request', event['request'])
  add('trace', event['trace'])
  add('id', event['id'])
  if (!isObject(detail)) return
  who(detail['of'], add)
  add('client', detail['client'])
  add('server', detail['server'])
  add('server', detail['upstream'])
  add('method', detail['method'])
  add('name', detail['name'])
  add('reason', detail['reason'])
  add('approval', detail['approval'])
}

/** Every approval that an event names: as its own, and as what permitted it, among the rules. */
export function eachApproval(event: Json, found: (approval: string) => void): void {
  eachFacet(event, (facet, value) => {
    if (facet === 'approval') found(value)
  })
  const { rules } = event
  if (Array.isArray(rules))
    for (const rule of rules as readonly unknown[])
      if (typeof rule === 'string' && rule.startsWith(BY_APPROVAL)) found(rule.slice(BY_APPROVAL.length))
}
const BY_APPROVAL = 'approval:'

function who(value: unknown, add: (facet: Facet, value: unknown) => void): void {
  if (!isObject(value)) return
  add('principal', value['subject'])
  add('issuer', value['issuer'])
  add('client', value['client'])
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
