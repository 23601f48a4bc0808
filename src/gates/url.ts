// Addresses that a server would send people to: only origins that an operator named, written the one way that everybody reads alike, and never fetched here.

/** Longest address. */
const MAX_URL = 2048
/** Longest origin that a refusal names: names of hosts can be sentences. */
const MAX_ORIGIN = 100

/** Query and fragment members that sign somebody in, or are a secret (MCP 2026-07-28 elicitation: no pre-authenticated URLs). */
const CARRIES: ReadonlySet<string> = new Set([
  'access_token',
  'api_key',
  'apikey',
  'auth_token',
  'client_secret',
  'id_token',
  'jwt',
  'otp',
  'passwd',
  'password',
  'refresh_token',
  'secret',
  'session',
  'session_id',
  'sessionid',
  'token',
])

/** `url`: as people are to be shown it, in ASCII: names of other alphabets as punycode. */
export type CheckedUrl = { readonly url: string } | { readonly problem: string; readonly origin?: string }

/** Judges one address. `origins` as `URL.origin` writes them. Problems name the origin alone: the rest is the server's text. */
export function checkUrl(text: string, origins: ReadonlySet<string>): CheckedUrl {
  if (text.length === 0 || text.length > MAX_URL) return { problem: `the address is empty or has more than ${MAX_URL} characters` }
  // attacker-controlled: parsers drop tabs and line breaks and turn backslashes; a person sees something else than the browser
  if (/[\s\\\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/u.test(text))
    return { problem: 'the address has characters that hide or turn what it says' }
  if (!URL.canParse(text)) return { problem: 'it is no address' }
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return { problem: 'the address is of another scheme than https' }
  // before the origin: `https://bank.example@evil.example`
  if (url.username !== '' || url.password !== '' || /^[a-z]+:\/*[^/?#]*@/i.test(text)) return { problem: 'the address has a user in it' }
  const { origin } = url
  if (!origins.has(origin)) return { problem: 'people may not be sent to its origin', ...(origin.length <= MAX_ORIGIN && { origin }) }
  if ([...url.searchParams.keys(), ...new URLSearchParams(url.hash.slice(1)).keys()].some(key => CARRIES.has(key.toLowerCase())))
    return { problem: 'the address carries a secret or signs somebody in', origin }
  // Print what was read: what differs in more than the letters of the host or a missing path was written to be read in two ways.
  const rest = text.replace(/^[^:]*:\/\/[^/?#]*/, '')
  const isSame = url.href.slice(origin.length) === (rest.startsWith('/') ? rest : `/${rest}`)
  const isAscii = /^[\x21-\x7e]*$/.test(rest)
  return isSame || !isAscii ? { url: url.href } : { problem: 'the address is not written the one way it is read', origin }
}

/** An origin as `URL.origin` writes it; undefined: it is none, or of another scheme than https (http on this machine). */
export function originOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined
  const { origin, protocol, hostname } = new URL(text)
  const isLocal = hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]'
  return text === origin && (protocol === 'https:' || (protocol === 'http:' && isLocal)) ? origin : undefined
}
