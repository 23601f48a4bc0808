// Capabilities of a reviewed server on their way to hosts: switches and identifiers, no prose. They are not pinned, so nothing may be said with them.

/** Names, media types, versions, URIs of schemes: what capabilities are made of. A blank would begin a sentence. */
const WORD = /^[A-Za-z0-9_.:/+*;=$-]{0,128}$/
/** Nesting, and members of one value. */
const MAX_DEPTH = 6
const MAX_MEMBERS = 256

/** The capabilities without any text that is no identifier. attacker-controlled. */
export const plainCapabilities = (capabilities: object): object => membersOf(capabilities, 0)

/** Undefined where nothing is left. */
function plain(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return WORD.test(value) ? value : undefined
  if (typeof value !== 'object' || value === null) return value
  if (depth >= MAX_DEPTH) return undefined
  if (!Array.isArray(value)) return membersOf(value, depth)
  const items = value.slice(0, MAX_MEMBERS) as unknown[]
  return items.map(item => plain(item, depth + 1)).filter(item => item !== undefined)
}

function membersOf(value: object, depth: number): object {
  const kept: [string, unknown][] = []
  for (const [key, inner] of Object.entries(value).slice(0, MAX_MEMBERS)) {
    const left = WORD.test(key) && key !== '__proto__' ? plain(inner, depth + 1) : undefined
    if (left !== undefined) kept.push([key, left])
  }
  return Object.fromEntries(kept)
}
