// Text in MCP header values: plain where a header can carry it, else the `=?base64?...?=` sentinel (MCP 2026-07-28 streamable-http, R10, R24, SEP-2243).

const OPEN = '=?base64?'
const CLOSE = '?='
/** What a header value may carry as it is: visible ASCII and inner spaces. */
const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/
const PRINTABLE = /^[\x20-\x7e]*$/
/** Canonical base64 (RFC 4648 section 4): whole quartets, padding where due. Linear: no alternation overlaps. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Header value -> text; values without the exact markers stand for themselves. Undefined: the sentinel holds no canonical base64 of valid UTF-8, or
 * there is none and a byte is not printable ASCII, which readers take for different letters (RFC 9110 section 5.5, N065).
 */
export function decodeHeaderValue(value: string): string | undefined {
  if (!value.startsWith(OPEN) || !value.endsWith(CLOSE)) return PRINTABLE.test(value) ? value : undefined
  if (value.length < OPEN.length + CLOSE.length) return undefined // `=?base64?=`: the markers overlap, readers differ
  const encoded = value.slice(OPEN.length, -CLOSE.length)
  if (!BASE64.test(encoded)) return undefined
  const bytes = Buffer.from(encoded, 'base64')
  // bits under the padding must be zero, else two header values would mean the same text
  if (bytes.toString('base64') !== encoded) return undefined
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined // not UTF-8: the caller refuses the header
  }
}

/** Text -> header value: unchanged unless it is empty, not printable ASCII, starts or ends with a space, or looks like the sentinel. */
export function encodeHeaderValue(text: string): string {
  if (PLAIN.test(text) && !(text.startsWith(OPEN) && text.endsWith(CLOSE))) return text
  return `${OPEN}${Buffer.from(text, 'utf8').toString('base64')}${CLOSE}`
}
