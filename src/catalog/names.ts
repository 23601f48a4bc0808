// Names on aggregated endpoints: injective, reversible, and within what hosts accept (R56, R57, docs/adr/0003-qualified-names.md).
//
//   tools, prompts   files__read_file                        plain: taken apart at the first `__` (an alias has no `_`)
//                    files--read_every_thing-mfrggzdfmztwq2lk  escaped: anything else; found through the upstream's list
//   resources        files+file:///notes.txt, files+db://{table}, ui://files/clock.html

import { createHash } from 'node:crypto'

/** What an upstream is called: `my-files`. No `_`, no `--`, no `+`, at most 24 characters; every qualified name starts with it. */
export const ALIAS = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/
export const MAX_ALIAS = 24

/** Longest qualified name: hosts allow 64 and some put `mcp__gatehouse__` in front. */
export const MAX_QUALIFIED = 48

const PLAIN = /^[A-Za-z0-9_-]+$/
const PARTS = /^([a-z][a-z0-9]*(?:-[a-z0-9]+)*)(__|--)(.+)$/s
const ESCAPED = /^(?:[A-Za-z0-9_]+-)?[a-z2-7]{16}$/
const HASH_CHARS = 16
const UI = 'ui://'

/** True when `alias__name` is how this name is exposed. */
const isPlain = (alias: string, name: string): boolean => alias.length + 2 + name.length <= MAX_QUALIFIED && PLAIN.test(name)

/** Exposed name of a tool or prompt: 1 to 48 characters of `[A-Za-z0-9_-]`. */
export const qualifyName = (alias: string, name: string): string => (isPlain(alias, name) ? `${alias}__${name}` : escapeName(alias, name))

/** `alias--readable-hash`: two names of one upstream share it only if 80 bits of SHA-256 collide, and then the list refuses the later one. */
function escapeName(alias: string, name: string): string {
  const room = MAX_QUALIFIED - alias.length - '--'.length - '-'.length - HASH_CHARS
  const readable = name
    .slice(0, 256) // attacker-controlled: bounded before any work on it
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_/, '')
    .slice(0, room)
    .replace(/_$/, '')
  return `${alias}--${readable === '' ? '' : `${readable}-`}${hashOf(name)}`
}

/** The first 80 bits of SHA-256 in base32 (RFC 4648), lower case. */
function hashOf(name: string): string {
  const bytes = createHash('sha256').update(name).digest()
  let bits = (BigInt(bytes.readUInt16BE(0)) << 64n) | bytes.readBigUInt64BE(2)
  let text = ''
  for (let i = 0; i < HASH_CHARS; i++) {
    text = 'abcdefghijklmnopqrstuvwxyz234567'.charAt(Number(bits & 31n)) + text
    bits >>= 5n
  }
  return text
}

/** `name` is missing for an escaped name: the upstream's list knows it (LiveList.find). */
export type SplitName = { readonly alias: string; readonly name?: string }

/** Takes an exposed tool or prompt name apart; undefined when qualifyName makes no such name. attacker-controlled. */
export function splitName(exposed: string): SplitName | undefined {
  if (exposed.length > MAX_QUALIFIED) return undefined
  const [, alias, separator, rest] = PARTS.exec(exposed) ?? []
  if (alias === undefined || rest === undefined || alias.length > MAX_ALIAS) return undefined
  if (separator === '__') return PLAIN.test(rest) ? { alias, name: rest } : undefined
  return ESCAPED.test(rest) ? { alias } : undefined
}

/**
 * Exposed URI or URI template of a resource. `alias+` in front is a valid scheme (RFC 3986 section 3.1) and a literal of a template
 * (RFC 6570 section 2.1). Hosts know apps by `ui://` (R92), so there the alias becomes the authority instead.
 */
export const qualifyUri = (alias: string, uri: string): string =>
  uri.startsWith(UI) ? `${UI}${alias}/${uri.slice(UI.length)}` : `${alias}+${uri}`

/** Takes an exposed URI or template apart; undefined when qualifyUri makes no such URI. attacker-controlled. */
export function splitUri(exposed: string): { readonly alias: string; readonly uri: string } | undefined {
  const isUi = exposed.startsWith(UI)
  const start = isUi ? UI.length : 0
  const end = exposed.indexOf(isUi ? '/' : '+', start)
  if (end < 0 || end - start > MAX_ALIAS) return undefined
  const alias = exposed.slice(start, end)
  const rest = exposed.slice(end + 1)
  if (!ALIAS.test(alias)) return undefined
  if (isUi) return { alias, uri: UI + rest }
  return rest.startsWith(UI) ? undefined : { alias, uri: rest }
}
