// Tokens of JSON text: strings, numbers, literals and white space over bytes (RFC 8259 sections 2, 3, 6, 7), without copies.

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'true' | 'false' | 'null'

export type JsonFaultCode = 'syntax' | 'depth' | 'duplicate-key' | 'encoding' | 'surrogate' | 'trailing' | 'empty' | 'nodes'

export const QUOTE = 0x22
const BACKSLASH = 0x5c

/** 1 = stands for itself inside a string: everything but controls, the quote and the backslash (RFC 8259 section 7). */
export const PLAIN = new Uint8Array(256).fill(1).fill(0, 0, 0x20)
PLAIN[QUOTE] = PLAIN[BACKSLASH] = 0
/** Escape letters: 1 = complete with one byte, 2 = `u` and four hex digits. */
const ESCAPE = new Uint8Array(256)
for (const letter of '"\\/bfnrt') ESCAPE[letter.charCodeAt(0)] = 1
ESCAPE[0x75] = 2
const HEX = new Int8Array(256).fill(-1)
for (let digit = 0; digit < 16; digit++) {
  HEX[digit.toString(16).charCodeAt(0)] = digit
  HEX[digit.toString(16).toUpperCase().charCodeAt(0)] = digit
}

const NOTHING = Buffer.alloc(0)
const NO_WORDS: Int32Array = new Int32Array(0)

/** Positions in, positions out; -1 leaves the reason in `fault` and `faultAt`. */
export class Lexer {
  fault: JsonFaultCode = 'syntax'
  faultAt = 0
  bytes: Buffer = NOTHING
  #words = NO_WORDS
  #wordsBase = -1

  begin(bytes: Buffer): void {
    this.bytes = bytes
    this.#words = NO_WORDS
    this.#wordsBase = -1
  }
  /** Hostile documents must not stay in memory after their request. */
  end(): void {
    this.begin(NOTHING)
  }
  fail(fault: JsonFaultCode, at: number): -1 {
    this.fault = fault
    this.faultAt = at
    return -1
  }
  refuse(fault: JsonFaultCode, at: number): false {
    this.fail(fault, at)
    return false
  }

  /** Any value but a container; returns where it ends, or -1. */
  scalar(at: number): number {
    switch (this.bytes[at]) {
      case QUOTE:
        return this.string(at)
      case 0x74:
        return this.#literal(at, 'true')
      case 0x66:
        return this.#literal(at, 'false')
      case 0x6e:
        return this.#literal(at, 'null')
      default:
        return this.#number(at)
    }
  }

  /** A string from its opening quote; returns the position behind its closing quote, or -1. */
  string(start: number): number {
    const bytes = this.bytes
    const length = bytes.length
    let at = start + 1
    for (;;) {
      const near = Math.min(length, at + 24)
      while (at < near && PLAIN[bytes[at] ?? 0] === 1) at++
      if (at === near) at = this.#plainRun(at)
      if (at >= length) return this.fail('syntax', length)
      if (bytes[at] === QUOTE) return at + 1
      if (bytes[at] !== BACKSLASH) return this.fail('syntax', at)
      const kind = ESCAPE[bytes[at + 1] ?? 0]
      if (kind === 1) at += 2
      else {
        if (kind !== 2) return this.fail('syntax', at)
        at = this.#unicode(at)
        if (at < 0) return -1
      }
    }
  }

  /** Skips bytes that stand for themselves, four at a time; returns the first that does not, or the end. */
  #plainRun(start: number): number {
    const bytes = this.bytes
    const length = bytes.length
    if (this.#wordsBase < 0) {
      this.#wordsBase = -bytes.byteOffset & 3
      const count = Math.max(0, (length - this.#wordsBase) >> 2)
      if (count > 0) this.#words = new Int32Array(bytes.buffer, bytes.byteOffset + this.#wordsBase, count)
    }
    let at = start
    while (at < length && ((at - this.#wordsBase) & 3) !== 0 && PLAIN[bytes[at] ?? 0] === 1) at++
    if (at < length && ((at - this.#wordsBase) & 3) === 0 && at >= this.#wordsBase) {
      const words = this.#words
      let index = (at - this.#wordsBase) >> 2
      while (index < words.length) {
        const word = words[index] ?? 0
        const quote = word ^ 0x22222222
        const slash = word ^ 0x5c5c5c5c
        // a byte below 0x20, or zero after the xor, borrows into its top bit ("Bit Twiddling Hacks", hasless and haszero)
        const found = ((word - 0x20202020) & ~word) | ((quote - 0x01010101) & ~quote) | ((slash - 0x01010101) & ~slash)
        if ((found & 0x80808080) !== 0) break
        index++
      }
      at = this.#wordsBase + index * 4
    }
    while (at < length && PLAIN[bytes[at] ?? 0] === 1) at++
    return at
  }

  /** `\uXXXX` at its backslash; a high surrogate must be followed by an escaped low one (a lone one names no character). */
  #unicode(at: number): number {
    const unit = this.#hex4(at + 2)
    if (unit < 0) return this.fail('syntax', at)
    if (unit < 0xd800 || unit > 0xdfff) return at + 6
    if (unit > 0xdbff || this.bytes[at + 6] !== BACKSLASH || this.bytes[at + 7] !== 0x75) return this.fail('surrogate', at)
    const low = this.#hex4(at + 8)
    if (low < 0) return this.fail('syntax', at + 6)
    return low >= 0xdc00 && low <= 0xdfff ? at + 12 : this.fail('surrogate', at)
  }
  #hex4(at: number): number {
    const bytes = this.bytes
    let unit = 0
    for (let i = at; i < at + 4; i++) {
      const digit = HEX[bytes[i] ?? 0] ?? -1
      if (digit < 0) return -1
      unit = unit * 16 + digit
    }
    return unit
  }

  #literal(at: number, text: string): number {
    for (let i = 0; i < text.length; i++) if (this.bytes[at + i] !== text.charCodeAt(i)) return this.fail('syntax', at)
    return at + text.length
  }

  /** RFC 8259 section 6: no leading zero, plus sign, bare dot or hex. */
  #number(start: number): number {
    const bytes = this.bytes
    let at = bytes[start] === 0x2d ? start + 1 : start
    const whole = this.#digits(at)
    if (whole === at || (bytes[at] === 0x30 && whole > at + 1)) return this.fail('syntax', start)
    at = whole
    if (bytes[at] === 0x2e) {
      const end = this.#digits(at + 1)
      if (end === at + 1) return this.fail('syntax', at)
      at = end
    }
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      const from = bytes[at + 1] === 0x2b || bytes[at + 1] === 0x2d ? at + 2 : at + 1
      const end = this.#digits(from)
      if (end === from) return this.fail('syntax', at)
      at = end
    }
    return at
  }
  #digits(start: number): number {
    const bytes = this.bytes
    let at = start
    for (; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      if (byte < 0x30 || byte > 0x39) break
    }
    return at
  }

  space(start: number): number {
    const bytes = this.bytes
    let at = start
    for (; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break
    }
    return at
  }
}

/** The kind of a value other than a container, by its first byte. */
export const kindOf = (first: number | undefined): JsonKind => {
  switch (first) {
    case QUOTE:
      return 'string'
    case 0x74:
      return 'true'
    case 0x66:
      return 'false'
    case 0x6e:
      return 'null'
    default:
      return 'number'
  }
}
