// RFC 8785 text of data that may hold anything, for records that are never refused for what a stranger wrote: what has no canonical form is mended first.

import { canonicalJson } from './canonical-json.ts'

// What JSON.stringify would only put quotes around.
const PLAIN = /^[ !#-[\]-~]*$/
const MAX_DEPTH = 100

/**
 * A canonical JSON string: no control character stands in it, so it cannot leave its line, and everything else stands as it is (RFC 8785 section 3.2.2.2):
 * a terminal is the reader's to protect. Lone surrogates become U+FFFD. What is longer than `maxLength` UTF-16 units is cut between characters and ends in `…`.
 */
export function canonicalString(value: string, maxLength: number): string {
  const kept = value.length > maxLength ? cut(value, maxLength) : value
  return PLAIN.test(kept) ? `"${kept}"` : JSON.stringify(kept.toWellFormed())
}

function cut(value: string, maxLength: number): string {
  const last = value.charCodeAt(maxLength - 2)
  return `${value.slice(0, maxLength - (last >= 0xd800 && last < 0xdc00 ? 2 : 1))}…`
}

/**
 * Canonical text of plain data as JSON.stringify would keep it: members that are undefined are left out, items that are undefined and numbers that are not
 * finite become null. Lone surrogates become U+FFFD; of members that are the same then, the last counts. What is deeper than 100 levels becomes null.
 * `toJSON` is never asked. Never throws for data without cycles.
 */
export const canonicalText = (value: unknown): string => canonicalJson(value) ?? canonicalJson(mended(value, 0)) ?? 'null'

function mended(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.toWellFormed()
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value === 'boolean') return value
  if (typeof value !== 'object' || value === null || depth >= MAX_DEPTH) return null
  if (Array.isArray(value)) return Array.from(value, item => mended(item, depth + 1))
  const members = new Map<string, unknown>()
  for (const [key, member] of Object.entries(value)) if (member !== undefined) members.set(key.toWellFormed(), mended(member, depth + 1))
  return Object.fromEntries(members)
}
