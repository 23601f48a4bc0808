// Reads plain data strictly, member by member. What is not as expected ends the reading; the parser that began it turns that into an answer.

import { isJsonFault, readJson, valueOf } from '../mcp/json.ts'
import { canonicalJsonOf } from '../kernel/canonical-json.ts'

/** Thrown and caught inside this room only. The message names the place and what was expected there, never the value. */
export class ShapeError extends Error {}

export const wrong = (path: string, expected: string): ShapeError => new ShapeError(`${path}: expected ${expected}`)

/** The answer of `read`, or of `refuse` with what was wrong. Every other error goes on. */
export function reading<T, R>(read: () => T, refuse: (detail: string) => R): T | R {
  try {
    return read()
  } catch (error) {
    if (error instanceof ShapeError) return refuse(error.message)
    throw error
  }
}

/** Strict JSON (no duplicate keys, valid UTF-8, 32 levels) that has one canonical form, as plain data. */
export function jsonAt(bytes: Buffer, path: string): unknown {
  const doc = readJson(bytes, { maxDepth: 32, indexDepth: 0 })
  if (isJsonFault(doc)) throw wrong(path, `strict JSON (${doc.fault} at byte ${doc.at})`)
  if (canonicalJsonOf(bytes.toString('utf8')) === undefined) throw wrong(path, 'JSON with numbers and text that every reader reads alike')
  return valueOf(doc, doc.root)
}

export type Members = Readonly<Record<string, unknown>>

/** An object, whatever its members. */
export function objectAt(value: unknown, path: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(path, 'an object')
  return value as Members
}

/** An object with all `required` members, perhaps `optional` ones, and no others. */
export function recordAt<R extends string, O extends string = never>(
  value: unknown,
  path: string,
  required: readonly R[],
  optional: readonly O[] = [],
): Readonly<Record<R, unknown>> & Readonly<Partial<Record<O, unknown>>> {
  const object = objectAt(value, path)
  for (const key of required) if (!Object.hasOwn(object, key)) throw wrong(path, `a member \`${key}\``)
  const known: readonly string[] = [...required, ...optional]
  if (Object.keys(object).some(key => !known.includes(key))) throw wrong(path, `no members but ${known.join(', ')}`)
  return object as Readonly<Record<R, unknown>> & Readonly<Partial<Record<O, unknown>>>
}

export function listAt(value: unknown, path: string, most: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > most) throw wrong(path, `a list of at most ${most}`)
  return value as readonly unknown[]
}

export type TextRule = { readonly pattern: RegExp; readonly what: string }

/** Text that matches a pattern of ours as a whole; `pattern` is anchored and linear. */
export function textAt(value: unknown, path: string, { pattern, what }: TextRule): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw wrong(path, what)
  return value
}

export function integerAt(value: unknown, path: string, least: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least) throw wrong(path, `an integer from ${least}`)
  return value
}

export const SHA256: TextRule = { pattern: /^[0-9a-f]{64}$/, what: 'a SHA-256 digest in lower-case hexadecimal' }
export const SHA512: TextRule = { pattern: /^[0-9a-f]{128}$/, what: 'a SHA-512 digest in lower-case hexadecimal' }
/** Visible ASCII: names, ids and URIs that are compared as they are. */
export const VISIBLE: TextRule = { pattern: /^[!-~]{1,2048}$/, what: 'visible ASCII of at most 2048 characters' }
const INSTANT: TextRule = { pattern: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/, what: 'a time such as `2026-11-26T21:00:00Z`' }

/** Milliseconds since the epoch of an RFC 3339 time in UTC. Days that do not exist are refused. */
export function instantAt(value: unknown, path: string): number {
  const text = textAt(value, path, INSTANT)
  const ms = Date.parse(text)
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 19) !== text.slice(0, 19)) throw wrong(path, INSTANT.what)
  return ms
}
