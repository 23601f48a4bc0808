// Takes secrets out of text before it becomes a log line: configured ones by value, others by their shape.

export const REDACTED = '[redacted]'
/** A configured secret shorter than this is not searched for: it would blank out ordinary words. */
const MIN_SECRET_LENGTH = 6
/** Longer text is not logged at all, only its length: cutting it could leave a half of a secret that no pattern knows. */
const MAX_TEXT = 16_384

const NAMES =
  'access_?token|refresh_?token|id_?token|token|client_?secret|secret|password|passwd|passphrase|api[-_]?key|private_?key|assertion|code_verifier|cookie|credential|authorization|mcp-session-id|session_?id'
// attacker-controlled text: every pattern is linear; the text is bounded before.
const SHAPES: readonly (readonly [RegExp, string])[] = [
  // Authorization and Proxy-Authorization credentials (RFC 9110 section 11.4), wherever they stand
  [/\b(Bearer|Basic|DPoP|Digest|Negotiate)\s+[^\s"',;]+/gi, `$1 ${REDACTED}`],
  // JWS and JWE compact (RFC 7515, RFC 7516), also cut ones
  [/\bey[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*){0,4}/g, REDACTED],
  [/\b((?:Set-)?Cookie\s*:)[^\r\n]*/gi, `$1 ${REDACTED}`],
  // userinfo of a URL
  [/(:\/\/)[^/?#\s@"]*@/g, `$1${REDACTED}@`],
  // an authorization code or state in a redirect (RFC 6749 section 4.1.2)
  [/([?&](?:code|state)=)[^&\s"'#]+/gi, `$1${REDACTED}`],
  // "name": "value" and name=value and name: value, also inside JSON that was quoted as a string
  [
    new RegExp(
      String.raw`(\\{0,4}["']?\b(?:${NAMES})\b\\{0,4}["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|\\{1,4}"[^"]*"?|'[^']*'?|[^\s&"',;}\]]+)`,
      'gi',
    ),
    `$1${REDACTED}`,
  ],
]

const SECRET_KEY = new RegExp(`^(?:.*[-_.])?(?:${NAMES})$`, 'i')

/** True when a field of this name holds a secret whatever its value looks like. */
export const isSecretName = (name: string): boolean => SECRET_KEY.test(name)

/** Builds a redactor for the configured secrets: literal values, matched as such and as URL, JSON and base64 text would show them. */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const forms = new Set<string>()
  for (const secret of secrets) {
    if (secret.length < MIN_SECRET_LENGTH) continue
    const base64 = Buffer.from(secret).toString('base64')
    for (const form of [
      secret,
      encodeURIComponent(secret.toWellFormed()),
      JSON.stringify(secret).slice(1, -1),
      base64,
      Buffer.from(secret).toString('base64url'),
    ])
      forms.add(form)
  }
  // Longest first: a secret that contains another is taken whole.
  const literals = [...forms].sort((a, b) => b.length - a.length).map(form => form.replace(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`))
  const known = literals.length > 0 ? new RegExp(literals.join('|'), 'g') : undefined
  return text => {
    if (text.length > MAX_TEXT) return `[${text.length} characters]`
    let kept = known ? text.replace(known, REDACTED) : text
    for (const [shape, replacement] of SHAPES) kept = kept.replace(shape, replacement)
    return kept
  }
}
