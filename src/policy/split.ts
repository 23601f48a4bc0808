// A file of policies cut into single ones, each with its place: so that one that does not parse hides none of the others, and every fault has a line of its own.

/** `at`: where its first word stands, in UTF-16 units. `text`: up to and with its semicolon. */
export type PolicyText = { readonly text: string; readonly at: number }

/** Cedar has `//` comments and double-quoted strings with backslashes; a semicolon outside of both ends a policy. What follows the last one is a policy too, and will not parse. */
export function splitPolicies(text: string): readonly PolicyText[] {
  const found: PolicyText[] = []
  let start = -1
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? ''
    if (char === '/' && text[at + 1] === '/') {
      const end = text.indexOf('\n', at)
      at = end < 0 ? text.length : end
    } else if (char === '"') {
      if (start < 0) start = at
      at = endOfString(text, at)
    } else if (!/\s/.test(char)) {
      if (start < 0) start = at
      if (char !== ';') continue
      found.push({ text: text.slice(start, at + 1), at: start })
      start = -1
    }
  }
  if (start >= 0) found.push({ text: text.slice(start), at: start })
  return found
}

function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at
  }
  return text.length
}

export type Position = { readonly line: number; readonly column: number }

/** Lines and columns of a text, both from 1; columns count characters as people see them in most editors (UTF-16 units). */
export function positionsOf(text: string): (at: number) => Position {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return at => {
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((starts[middle] ?? 0) <= at) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: at - (starts[low] ?? 0) + 1 }
  }
}
