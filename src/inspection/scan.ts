// One pass over the bytes of one text: words drive the chains of phrases.ts, a few signs drive short looks ahead. Every look ahead is bounded: time is linear.

import { BEGIN, Chains, JAVASCRIPT, PLACE } from './chains.ts'
import { isEncodedRun, hexValue } from './encoded.ts'
import type { Found } from './finding.ts'
import { Numbers } from './numbers.ts'
import { EXAMPLE, ibanEnd, isJwt, isPrivateKey, jwtEnd, NO_END, privateKeyEnd, tokenAt } from './secrets.ts'
import { passwordIn, isElsewhere, isMail, isSecretPlace, isWritten, MARKUP_NAMES, pseudoTagAt } from './signs.ts'

/** Letters and digits of words in lower case; else 0 nothing, 1 looked at, 2 joins runs of tokens, 3 blank. */
const CLASS = new Uint8Array(256)
for (let b = 0x61; b <= 0x7a; b++) CLASS[b] = CLASS[b - 32] = b
for (let b = 0x30; b <= 0x39; b++) CLASS[b] = b
for (const sign of '<[]#%\\@:.)=') CLASS[sign.charCodeAt(0)] = 1
for (const sign of '_-+/') CLASS[sign.charCodeAt(0)] = 2
for (let b = 0; b < 0x20; b++) CLASS[b] = 1
CLASS[0x7f] = 1
CLASS[0x20] = CLASS[0x09] = CLASS[0x0a] = CLASS[0x0d] = 3
const SIGN = 1
const JOINS = 2
const BLANK = 3
const APOSTROPHE = 0x27
const SLASH = 0x2f
const PLUS = 0x2b

/** Shortest token, shortest encoded text, in characters without a blank. */
const RUN = 20
/** No word of phrases.ts is as long: what follows is not hashed. */
const LONG_WORD = 32
const BLOB = 40
/** White space that pushes text out of sight. */
const WALL = 60
const LINES = 15
/** Longest address of a picture that is looked at. */
const ADDRESS = 2048

const isBlank = (byte: number | undefined): boolean => CLASS[byte ?? 0] === BLANK
const EMPTY = new Uint8Array(0)

export class TextScan {
  #bytes: Uint8Array = EMPTY
  #end = 0
  /** how far it is, and the word and run that are open there */
  #at = 0
  #hash = 0
  #length = 0
  #bits = 0
  #from = -1
  #run = -1
  #hasSlash = false
  /** where the next private key ends */
  #keyEnd = -1
  #found: Found = () => undefined
  readonly #chains = new Chains()
  readonly #numbers = new Numbers()
  #isExempt = false
  /** escaped bytes in a row, and where the next one would stand */
  #escapes = 0
  #escapesEnd = -9
  /** an open `![`, and whether its address has begun */
  #image = -1
  #isAddress = false

  document(found: Found): void {
    this.#found = found
    this.#chains.document(found)
    this.#numbers.document(found)
  }

  /** The text at [start, end); `step` does the work. `isExempt`: a typed binary field, or an address that carries its picture: not read as encoded text. */
  begin(bytes: Uint8Array, start: number, end: number, isExempt: boolean): void {
    this.#bytes = bytes
    this.#end = end
    this.#at = start
    this.#hash = this.#length = this.#bits = 0
    this.#from = this.#run = -1
    this.#hasSlash = false
    this.#keyEnd = -1
    this.#isExempt = isExempt
    this.#escapes = 0
    this.#escapesEnd = -9
    this.#image = -1
    this.#isAddress = false
    this.#chains.text()
    this.#numbers.text()
  }
  get at(): number {
    return this.#at
  }
  /** As far as `limit`, or what is open there; true once the whole text was read. */
  step(limit: number): boolean {
    this.#pass(Math.min(limit, this.#end))
    if (this.#at <= this.#end) return false
    this.#numbers.textEnds()
    this.#chains.sentenceEnds()
    this.#bytes = EMPTY
    return true
  }

  #pass(limit: number): void {
    const bytes = this.#bytes
    const end = this.#end
    const stop = Math.min(limit + 1, end)
    let at = this.#at
    // One more than there is ends what is open.
    for (; at <= limit; at++) {
      const byte = at < end ? (bytes[at] ?? 0) : QUOTE
      const kind = CLASS[byte] ?? 0
      if (kind > BLANK) {
        at = this.#letters(at, stop)
        continue
      }
      if (this.#from >= 0) {
        if (byte === APOSTROPHE) continue
        this.#ends(at)
      }
      if (kind === JOINS) {
        if (this.#run < 0) this.#run = at
        if (byte === SLASH || byte === PLUS) this.#hasSlash = true
        continue
      }
      if (this.#run >= 0) {
        if (at - this.#run >= RUN) this.#runEnds(this.#run, at)
        this.#hasSlash = false
        this.#run = -1
      }
      if (kind === SIGN) this.#sign(byte, at)
      else if (kind === BLANK) at = this.#blanks(at)
    }
    this.#at = at
  }

  /** Letters and digits from `start`; returns the last of them. */
  #letters(start: number, stop: number): number {
    if (this.#from < 0) {
      this.#from = start
      if (this.#run < 0) this.#run = start
    }
    const bytes = this.#bytes
    const hashed = Math.min(stop, start + LONG_WORD - this.#length)
    let hash = this.#hash
    let bits = this.#bits
    let at = start
    let kind = 0
    for (; at < hashed && (kind = CLASS[bytes[at] ?? 0] ?? 0) > BLANK; at++) {
      hash = (Math.imul(hash, 31) + kind) | 0
      bits |= kind
    }
    if (at >= hashed) for (; at < stop && (kind = CLASS[bytes[at] ?? 0] ?? 0) > BLANK; at++) bits |= kind
    this.#hash = hash
    this.#bits = bits
    this.#length += at - start
    return at - 1
  }

  #ends(at: number): void {
    // Letters have 0x40 in them, digits have not.
    if ((this.#bits & 0x40) === 0) this.#numberEnds(this.#from, at)
    else this.#wordEnds(this.#from, at, this.#hash, this.#length)
    this.#from = -1
    this.#hash = this.#length = this.#bits = 0
  }

  #wordEnds(from: number, end: number, hash: number, length: number): void {
    const bytes = this.#bytes
    if (length === 2) this.#numbers.pair(bytes, from)
    else if (length === 4 || length > 14) {
      const iban = ibanEnd(bytes, from, this.#end)
      if (iban >= 0) this.#found('bank-account', from, 'IBAN', iban)
    }
    const kind = this.#chains.word(hash, length, from)
    if (kind !== 0) this.#special(kind, from, end)
  }
  #special(kind: number, from: number, end: number): void {
    const bytes = this.#bytes
    if (kind === PLACE) {
      if (!isSecretPlace(bytes, from, end, this.#end)) return
      this.#found('secret-path', from)
      this.#chains.mark('@path', from)
    } else if (kind === BEGIN) {
      if (isPrivateKey(bytes, from, end, this.#end)) this.#found('private-key', from - 5, 'private key', this.#keyEndFrom(from))
    } else if (kind === JAVASCRIPT && bytes[end] === 0x3a && end + 1 < this.#end && !isBlank(bytes[end + 1]))
      this.#found('active-url', from)
  }

  /** Looked for once for all keys that begin before it: otherwise many beginnings would cost the square of their number. */
  #keyEndFrom(from: number): number {
    if (this.#keyEnd !== NO_END && this.#keyEnd < from) this.#keyEnd = privateKeyEnd(this.#bytes, from, this.#end)
    return this.#keyEnd
  }

  #numberEnds(from: number, end: number): void {
    const length = end - from
    this.#chains.pass()
    if (length > 7 && length < 16 && this.#bytes[from - 1] === 0x2b) this.#chains.mark('@phone', from)
    if (length === 2) this.#numbers.pair(this.#bytes, from)
    else this.#numbers.number(this.#bytes, from, end)
  }

  /** Token characters without a blank; tokens begin it, or stand behind `/` and `+`. */
  #runEnds(start: number, end: number): void {
    const bytes = this.#bytes
    let last = start
    for (let at = start; at < end;) {
      last = at
      const token = tokenAt(bytes, at, end)
      if (token) this.#found(token.kind === EXAMPLE ? 'secret-example' : 'secret-token', at, token.kind, token.end)
      if (!this.#hasSlash) break
      while (at < end && bytes[at] !== SLASH && bytes[at] !== PLUS) at++
      at++
    }
    if (isJwt(bytes, last, end, this.#end)) this.#found('secret-token', last, 'JSON Web Token', jwtEnd(bytes, last, this.#end))
    if (end - start >= BLOB && !this.#isExempt && isEncodedRun(bytes, start, end)) this.#found('encoded-text', start)
  }

  /** Returns the last blank of the run. */
  #blanks(start: number): number {
    let at = start
    let lines = 0
    let width = 0
    let widest = 0
    for (; at < this.#end && isBlank(this.#bytes[at]); at++) {
      const byte = this.#bytes[at]
      if (byte === 0x0a) lines++
      if (byte === 0x0a || byte === 0x0d) width = 0
      else widest = Math.max(widest, ++width)
    }
    if (at < this.#end && (widest >= WALL || lines >= LINES)) this.#found('white-space-hiding', at)
    return at - 1
  }

  #sign(byte: number, at: number): void {
    const next = at + 1 < this.#end ? this.#bytes[at + 1] : 0x20
    if (byte === 0x2e) {
      if (isBlank(next) || next === QUOTE) this.#chains.sentenceEnds()
    } else if (byte === 0x3a) this.#colon(at, next)
    else if (byte === 0x3c || byte === 0x5b || byte === 0x23) this.#markup(byte, at)
    else if (byte === 0x40) {
      if (isMail(this.#bytes, at, this.#end)) this.#chains.mark('@email', at)
    } else if (byte === 0x5d || byte === 0x3d || byte === 0x29) {
      if (this.#image >= 0) this.#beacon(byte, at)
    } else if (byte === 0x25) this.#escaped(at, 3, 16)
    else if (byte === 0x5c) this.#written(at)
    else this.#found(byte === 0x1b ? 'terminal-sequence' : 'control-character', at)
  }

  #colon(at: number, next: number | undefined): void {
    const bytes = this.#bytes
    if (next === 0x2f && bytes[at + 2] === 0x2f) {
      if (isElsewhere(bytes, at, this.#end)) this.#chains.mark('@url', at)
      const password = passwordIn(bytes, at + 3, this.#end)
      if (password) this.#found('password-in-address', password.from, 'password in an address', password.end)
    } else if (isBlank(next)) this.#chains.mark('@colon', at)
  }

  #markup(byte: number, at: number): void {
    if (byte === 0x5b && this.#bytes[at - 1] === 0x21) {
      this.#image = at
      this.#isAddress = false
    }
    const name = pseudoTagAt(this.#bytes, at, this.#end)
    if (name === undefined) return
    if (byte === 0x5b && name !== 'inst') this.#found('role-claim', at)
    else if (MARKUP_NAMES.has(name)) this.#found('hidden-markup', at)
  }

  /** An escape that is written out: `\x1b[`, `\u001b[`, and bytes as `\xNN`. */
  #written(at: number): void {
    const bytes = this.#bytes
    if (isWritten(bytes, at, 'x1b[', this.#end) || isWritten(bytes, at, 'u001b[', this.#end)) this.#found('terminal-sequence', at)
    else if (isWritten(bytes, at, 'x', this.#end)) this.#escaped(at, 4, 12)
  }
  /** `%NN` or `\xNN`, `width` characters long; `many` in a row are text in disguise. */
  #escaped(at: number, width: number, many: number): void {
    const bytes = this.#bytes
    if (hexValue(bytes[at + width - 2] ?? 0) < 0 || hexValue(bytes[at + width - 1] ?? 0) < 0) return
    this.#escapes = at === this.#escapesEnd ? this.#escapes + 1 : 1
    this.#escapesEnd = at + width
    if (this.#escapes === many) this.#found('encoded-text', at)
  }

  /** `![…](https://…=`: shown, it tells its server what stands in the address. */
  #beacon(byte: number, at: number): void {
    const bytes = this.#bytes
    if (byte === 0x5d) {
      this.#isAddress = bytes[at + 1] === 0x28 && bytes[at + 2] === 0x68
      return
    }
    if (byte === 0x3d && this.#isAddress && at - this.#image < ADDRESS) this.#found('beacon', this.#image)
    if (byte === 0x29 || this.#isAddress) this.#image = -1
  }
}
const QUOTE = 0x22
