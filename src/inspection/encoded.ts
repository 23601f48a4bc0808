// Text that is written so that people do not read it: base64, hex, percent. Only what decodes to readable text counts; pictures and digests do not.

/** Bytes of a long run that are decoded, from its beginning and from its end. */
const LOOKED_AT = 240

const BASE64 = new Int8Array(256).fill(-1)
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
for (let i = 0; i < ALPHABET.length; i++) BASE64[ALPHABET.charCodeAt(i)] = i
BASE64[0x2d] = 62
BASE64[0x5f] = 63
const HEX = new Int8Array(256).fill(-1)
for (let i = 0; i < 16; i++) {
  HEX[i.toString(16).charCodeAt(0)] = i
  HEX[i.toString(16).toUpperCase().charCodeAt(0)] = i
}
export const hexValue = (byte: number): number => HEX[byte] ?? -1

/** Mostly printable, with blanks as sentences have them. */
export class Readable {
  #count = 0
  #printable = 0
  #blanks = 0
  add(byte: number): void {
    this.#count++
    if ((byte >= 0x20 && byte < 0x7f) || byte === 0x09 || byte === 0x0a || byte === 0x0d) this.#printable++
    if (byte === 0x20) this.#blanks++
  }
  clear(): void {
    this.#count = this.#printable = this.#blanks = 0
  }
  get count(): number {
    return this.#count
  }
  get is(): boolean {
    return this.#blanks > 0 && this.#printable > this.#count * 0.92
  }
}
const readable = new Readable()

/** A run of 40 and more letters, digits, `+`, `/`, `-`, `_` at [start, end) that is text in base64 or hex. */
export function isEncodedRun(bytes: Uint8Array, start: number, end: number): boolean {
  const head = Math.min(end, start + LOOKED_AT)
  if (decodes(bytes, start, head)) return true
  return end - start > LOOKED_AT * 2 && decodes(bytes, end - LOOKED_AT - ((end - start) % 4), end)
}
function decodes(bytes: Uint8Array, start: number, end: number): boolean {
  return isHexText(bytes, start, end) || isBase64Text(bytes, start, end)
}
function isHexText(bytes: Uint8Array, start: number, end: number): boolean {
  readable.clear()
  for (let i = start; i + 1 < end; i += 2) {
    const high = hexValue(bytes[i] ?? 0)
    const low = hexValue(bytes[i + 1] ?? 0)
    if (high < 0 || low < 0) return false
    readable.add((high << 4) | low)
  }
  return readable.is
}
function isBase64Text(bytes: Uint8Array, start: number, end: number): boolean {
  readable.clear()
  for (let i = start; i + 3 < end; i += 4) {
    const [a, b, c, d] = [value(bytes, i), value(bytes, i + 1), value(bytes, i + 2), value(bytes, i + 3)]
    if (a < 0 || b < 0 || c < 0 || d < 0) return false
    const word = (a << 18) | (b << 12) | (c << 6) | d
    readable.add((word >> 16) & 0xff)
    readable.add((word >> 8) & 0xff)
    readable.add(word & 0xff)
  }
  return readable.is
}
const value = (bytes: Uint8Array, at: number): number => BASE64[bytes[at] ?? 0] ?? -1
