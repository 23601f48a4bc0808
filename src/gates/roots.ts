// Roots in a host's answer (MCP 2026-07-28 roots): folders and files of this machine, written the one way, and only those an operator lets a server know of.

import type { GateSettings } from './settings.ts'

type Limits = GateSettings['roots']
const MAX_URI = 4096
const MAX_NAME = 1024

/** Which of the roots, by place, may be told. A string says what is wrong with the answer; no path of the person's is in it. */
export function rootsToTell(roots: unknown, { within, most }: Limits): readonly number[] | string {
  if (!Array.isArray(roots) || roots.length > most) return `its roots are no list of at most ${most}`
  const told: number[] = []
  for (const [at, root] of (roots as readonly unknown[]).entries()) {
    const { uri, name } = typeof root === 'object' && root !== null ? (root as Readonly<Record<string, unknown>>) : {}
    if (typeof uri !== 'string' || !isFile(uri)) return `root ${at + 1} is no file address, or not written the one way it is read`
    if (name !== undefined && (typeof name !== 'string' || name.length > MAX_NAME)) return `root ${at + 1} has a name that is none`
    if (within.length === 0 || within.some(prefix => uri.startsWith(prefix) || `${uri}/` === prefix)) told.push(at)
  }
  return told
}

/** A local file address whose path climbs nowhere, not in percent signs either: what is compared is what a server opens. */
function isFile(uri: string): boolean {
  if (uri.length > MAX_URI || !uri.startsWith('file:///') || !URL.canParse(uri)) return false
  const { href, search, hash } = new URL(uri)
  if (search !== '' || hash !== '') return false
  const decoded = decoded3986(uri)
  return (
    decoded !== undefined && !decoded.includes('\\') && !/(?:^|\/)\.\.?(?:\/|$)/.test(decoded.slice('file://'.length)) && isSame(uri, href)
  )
}
/** As sent, or with letters beyond ASCII left as they are. */
const isSame = (uri: string, href: string): boolean => href === uri || href === encodeURI(uri)

function decoded3986(uri: string): string | undefined {
  try {
    const text = decodeURIComponent(uri)
    return /[\p{Cc}\p{Cf}]/u.test(text) || text.slice('file://'.length).includes('%2f') ? undefined : text
  } catch {
    return undefined // no UTF-8 in percent signs
  }
}
