// What the audit page looks for: in its address, so that a search can be sent to somebody; and named searches, which this browser keeps for this person.

import type { Query } from '../../src/audit/reading.ts'

/** Members of a search that the page has fields for, by their names in the address. */
const FIELDS = [
  'principal',
  'client',
  'server',
  'name',
  'reason',
  'type',
  'outcome',
  'method',
  'call',
  'request',
  'trace',
  'approval',
  'what',
  'id',
  'from',
  'to',
] as const satisfies readonly (keyof Query)[]
export type Field = (typeof FIELDS)[number]

const MAX_TEXT = 4096

/** attacker-controlled: whoever sends a link chooses what is in it. Known names alone, as text, bounded. */
export function queryOf(search: string): Query {
  const given = new URLSearchParams(search)
  const query: Record<string, string | number> = {}
  for (const field of FIELDS) {
    const value = given.get(field)?.slice(0, MAX_TEXT) ?? ''
    if (value !== '') query[field] = value
  }
  const before = given.get('before') ?? ''
  if (/^\d{1,15}$/.test(before)) query['before'] = Number(before)
  return query
}

/** A search as the gateway takes it: texts alone. */
export const textsOf = (query: Query): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(query).map(([name, value]) => [name, String(value)]))

/** `?server=files&reason=drifted`, or nothing; always of one text for one search. */
export function searchOf(query: Query): string {
  const given = new URLSearchParams()
  for (const field of FIELDS) if (query[field] !== undefined) given.set(field, query[field])
  if (query.before !== undefined) given.set('before', String(query.before))
  const text = given.toString()
  return text === '' ? '' : `?${text}`
}

export type Saved = { readonly name: string; readonly search: string }
const MAX_SAVED = 30
export const MAX_NAME = 60

/** Named searches of one person in this browser. Storage that is full, forbidden or holds something else is as if it were empty. */
export function savedOf(person: string): Saved[] {
  try {
    const kept = JSON.parse(localStorage.getItem(keyOf(person)) ?? '[]') as unknown
    if (!Array.isArray(kept)) return []
    return kept.slice(0, MAX_SAVED).flatMap((each: unknown) => {
      const { name, search } = (typeof each === 'object' && each !== null ? each : {}) as Partial<Record<string, unknown>>
      return typeof name === 'string' && typeof search === 'string' && name !== ''
        ? [{ name: name.slice(0, MAX_NAME), search: searchOf(queryOf(search)) }]
        : []
    })
  } catch {
    return []
  }
}

/** False where the browser keeps nothing. A name that is there already means the new search. */
export function save(person: string, one: Saved): boolean {
  return keep(person, [one, ...savedOf(person).filter(({ name }) => name !== one.name)].slice(0, MAX_SAVED))
}
export const forget = (person: string, gone: string): boolean =>
  keep(
    person,
    savedOf(person).filter(({ name }) => name !== gone),
  )

function keep(person: string, all: readonly Saved[]): boolean {
  try {
    localStorage.setItem(keyOf(person), JSON.stringify(all))
    return true
  } catch {
    return false
  }
}
const keyOf = (person: string): string => `gatehouse-audit-filters ${person}`
