// How long a reader of DER would be at work that looks for values inside of byte strings, as certificates and timestamps have them.

const OCTET_STRING = 0x04
const CONSTRUCTED = 0x20
const HIGH_TAG = 0x1f
const MAX_DEPTH = 100
const MAX_LENGTH_BYTES = 6

class Malformed extends Error {}
class Exhausted extends Error {}

/** A length in DER: where the content starts, and how long it is. */
function lengthAt(der: Buffer, at: number): readonly [start: number, length: number] {
  const first = der[at] ?? 0x80
  if (first < 0x80) return [at + 1, first]
  const bytes = first - 0x80
  if (bytes === 0 || bytes > MAX_LENGTH_BYTES || at + 1 + bytes > der.length) throw new Malformed()
  const length = der.readUIntBE(at + 1, bytes)
  if (der[at + 1] === 0 || length < 0x80) throw new Malformed() // not the shortest form
  return [at + 1 + bytes, length]
}

/**
 * Whether such a reader comes to an end within `most` values. It opens each OCTET STRING, and where that fails takes it for bytes and goes on behind it. As
 * a value in there may claim to reach beyond its string, what lies behind is then read once inside and once outside, on every level: found by fuzzing
 * @sigstore/core 4.0.1, where 1.5 KB of a certificate took longer than anybody waits, before any signature was looked at. Malformed DER ends early, and is
 * for the reader to refuse.
 */
export function isReadWithin(der: Buffer, most: number): boolean {
  let left = most

  /** One value at `at`; the position behind it. */
  function value(at: number, depth: number): number {
    if ((left -= 1) < 0) throw new Exhausted()
    const tag = der[at]
    if (tag === undefined || tag === 0 || (tag & HIGH_TAG) === HIGH_TAG || depth > MAX_DEPTH) throw new Malformed()
    const [start, length] = lengthAt(der, at + 1)
    const end = start + length
    if (end > der.length) throw new Malformed()
    if ((tag & CONSTRUCTED) !== 0) return values(start, end, depth + 1)
    if (tag !== OCTET_STRING) return end
    try {
      return values(start, end, depth + 1)
    } catch (error) {
      if (error instanceof Exhausted) throw error
      return end
    }
  }

  function values(start: number, end: number, depth: number): number {
    let at = start
    while (at < end) at = value(at, depth)
    if (at !== end) throw new Malformed()
    return end
  }

  try {
    value(0, 0)
  } catch (error) {
    return !(error instanceof Exhausted)
  }
  return true
}
