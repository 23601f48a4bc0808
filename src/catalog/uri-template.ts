// Whether a URI could come from a URI template (RFC 6570): its literal parts in their order, anything where expressions stand.

/** Longest URI and template that are compared. */
const MAX_LENGTH = 8192

/** attacker-controlled on both sides: one pass per literal, no backtracking. */
export function matchesTemplate(template: string, uri: string): boolean {
  if (template.length > MAX_LENGTH || uri.length > MAX_LENGTH) return false
  const literals = template.split(/\{[^{}]*\}/)
  const [first = '', ...rest] = literals
  const last = rest.pop()
  if (last === undefined) return template === uri
  if (!uri.startsWith(first)) return false
  let at = first.length
  for (const literal of rest) {
    const found = uri.indexOf(literal, at)
    if (found < 0) return false
    at = found + literal.length
  }
  return uri.length - last.length >= at && uri.endsWith(last)
}
