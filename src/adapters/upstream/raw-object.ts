// Raw JSON objects as bytes, without parsing.

/** True for `{}` with any whitespace inside. */
export function isEmptyObject(bytes: Buffer): boolean {
  if (bytes.length === 2) return true
  let at = 1
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at++
  return bytes[at] === 0x7d
}
