// RFC 8785 from bytes to bytes, without making the values in between: what is canonical already is copied, and members change places. The lists of servers are
// long, and every definition in them is digested before anybody gets one.

/** As deep as canonical-json.ts writes. */
const MAX_DEPTH = 256
/** Members put in order one by one; more are sorted. */
const FEW = 32
/** Bytes that are copied one by one sooner than by a call. */
const SHORT = 64
/** Texts up to this size; a definition is no larger. */
const MAX_BYTES = 1024 * 1024

const [QUOTE, COMMA, COLON, BACKSLASH, SLASH] = [0x22, 0x2c, 0x3a, 0x5c, 0x2f]
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]
const [SPACE, TAB, LINE_FEED, RETURN, PLUS, MINUS, DOT, ZERO, NINE] = [0x20, 0x09, 0x0a, 0x0d, 0x2b, 0x2d, 0x2e, 0x30, 0x39]
const [LETTER_E, CAPITAL_E] = [0x65, 0x45]
/** From here on the order of UTF-8 is not that of UTF-16. */
const UNORDERED = 0xee
/** Integers of so many digits are held exactly, and written as ECMAScript writes them. */
const EXACT_DIGITS = 15
/** Characters of a number with a fraction. */
const MAX_NUMBER = 64
/** `"`, `\\`, `/`, and what stands for b, f, n, r, t. */
const ESCAPED = Buffer.from('"\\/bfnrt')
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const WORDS = [Buffer.from('true'), Buffer.from('false'), Buffer.from('null')]

/** Thrown inside alone: this text is left to the careful way. */
const UNPLAIN = new Error('this text is not plain')

/**
 * `prefix` and behind it the canonical form of a judged JSON text (mcp/json.ts), in bytes that are good until the next call; undefined for a text that is not
 * plain: escapes by number, escapes in keys, long integers, keys beyond U+DFFF, a key twice, more than a mebibyte or 256 levels, and what is no JSON.
 * INVARIANT: where it answers, the answer is that of canonicalJsonOf.
 */
export function plainCanonical(text: Uint8Array, prefix: Uint8Array): Uint8Array | undefined {
  if (text.length > MAX_BYTES) return undefined
  try {
    return scan.write(text, prefix)
  } catch (error) {
    if (error === UNPLAIN) return undefined
    throw error
  }
}

/** One for all: nothing waits while it works, and it makes no garbage. */
class PlainScan {
  /** the text and a zero behind it, which ends every loop; grows to the largest so far */
  #in = new Uint8Array(65_536)
  #length = 0
  #at = 0
  /** what is written, and from its middle on room to put members in order */
  #out = new Uint8Array(2 * 65_536)
  #to = 0
  /** members of the objects that are open, three numbers each in `#out`: where it begins, where its key ends, where it ends */
  #members = new Int32Array(3 * 1024)
  #top = 0
  readonly #few = new Int32Array(FEW)

  write(text: Uint8Array, prefix: Uint8Array): Uint8Array {
    // What is written is never longer than what is read, but for numbers: those that grow are refused.
    const most = prefix.length + text.length + 1
    if (this.#in.length < most) {
      this.#in = new Uint8Array(2 * most)
      this.#out = new Uint8Array(4 * most)
    }
    this.#in.set(text)
    this.#in[text.length] = 0
    this.#length = text.length
    this.#at = 0
    this.#out.set(prefix)
    this.#to = prefix.length
    this.#top = 0
    this.#value(this.#next(), 0)
    this.#next()
    if (this.#at !== this.#length) throw UNPLAIN
    return this.#out.subarray(0, this.#to)
  }

  /** Skips white space; the next byte, 0 at the end. */
  #next(): number {
    for (;;) {
      const byte = this.#in[this.#at] ?? 0
      if (byte > SPACE) return byte
      if (byte !== SPACE && byte !== LINE_FEED && byte !== RETURN && byte !== TAB) return byte
      this.#at += 1
    }
  }

  #put(byte: number): void {
    this.#out[this.#to] = byte
    this.#to += 1
  }

  #value(byte: number, depth: number): void {
    if (byte === QUOTE) this.#string(false)
    else if (byte === OPEN_OBJECT) this.#object(depth + 1)
    else if (byte === OPEN_ARRAY) this.#array(depth + 1)
    else if (byte === MINUS || (byte >= ZERO && byte <= NINE)) this.#number()
    else this.#word()
  }

  #word(): void {
    for (const word of WORDS) {
      if (word.some((byte, i) => this.#in[this.#at + i] !== byte)) continue
      for (const byte of word) this.#put(byte)
      this.#at += word.length
      return
    }
    throw UNPLAIN
  }

  #string(isKey: boolean): void {
    const from = this.#in
    const out = this.#out
    let at = this.#at + 1
    let to = this.#to
    out[to++] = QUOTE
    for (;;) {
      let byte = from[at++] ?? 0
      while (byte >= SPACE && byte < UNORDERED && byte !== QUOTE && byte !== BACKSLASH) {
        out[to++] = byte
        byte = from[at++] ?? 0
      }
      if (byte === QUOTE) break
      // The end of the text is a control character here, and no text has one within a string.
      if (byte < SPACE || isKey) throw UNPLAIN
      if (byte === BACKSLASH) {
        byte = from[at++] ?? 0
        // All of these but that of the slash are canonical; by number every character can be escaped, and few may be.
        if (!ESCAPED.includes(byte)) throw UNPLAIN
        if (byte !== SLASH) out[to++] = BACKSLASH
      }
      out[to++] = byte
    }
    out[to++] = QUOTE
    this.#at = at
    this.#to = to
  }

  #number(): void {
    const from = this.#in
    const start = this.#at
    const first = from[start] === MINUS ? start + 1 : start
    let at = first
    while (isDigit(from[at] ?? 0)) at += 1
    const digits = at - first
    const isInteger = !isFraction(from[at] ?? 0)
    // No digit, more than a double holds for sure, zero with a sign or with digits behind it.
    if (digits === 0 || digits > EXACT_DIGITS || (from[first] === ZERO && (digits > 1 || (isInteger && first > start)))) throw UNPLAIN
    if (!isInteger) {
      this.#fraction(at)
      return
    }
    for (let i = start; i < at; i += 1) this.#put(from[i] ?? 0)
    this.#at = at
  }

  /** From `#at` on, with a fraction or an exponent at `behind`. */
  #fraction(behind: number): void {
    let at = behind
    while (isDigit(this.#in[at] ?? 0) || isFraction(this.#in[at] ?? 0)) at += 1
    const token = String.fromCharCode(...this.#in.subarray(this.#at, Math.min(at, this.#at + MAX_NUMBER)))
    const number = Number(token)
    const written = String(number === 0 ? 0 : number)
    if (at - this.#at > MAX_NUMBER || !NUMBER.test(token) || !Number.isFinite(number) || written.length > token.length) throw UNPLAIN
    for (let i = 0; i < written.length; i += 1) this.#put(written.charCodeAt(i))
    this.#at = at
  }

  #array(depth: number): void {
    if (depth > MAX_DEPTH) throw UNPLAIN
    this.#at += 1
    this.#put(OPEN_ARRAY)
    let byte = this.#next()
    while (byte !== CLOSE_ARRAY) {
      this.#value(byte, depth)
      byte = this.#next()
      if (byte === CLOSE_ARRAY) break
      if (byte !== COMMA) throw UNPLAIN
      this.#put(COMMA)
      this.#at += 1
      byte = this.#next()
      if (byte === CLOSE_ARRAY) throw UNPLAIN
    }
    this.#at += 1
    this.#put(CLOSE_ARRAY)
  }

  #object(depth: number): void {
    if (depth > MAX_DEPTH) throw UNPLAIN
    this.#at += 1
    this.#put(OPEN_OBJECT)
    const base = this.#top
    let isSorted = true
    let byte = this.#next()
    while (byte !== CLOSE_OBJECT) {
      if (byte !== QUOTE) throw UNPLAIN
      const begin = this.#to
      this.#string(true)
      const keyEnd = this.#to
      if (this.#next() !== COLON) throw UNPLAIN
      this.#at += 1
      this.#put(COLON)
      this.#value(this.#next(), depth)
      this.#push(begin, keyEnd, this.#to)
      isSorted &&= this.#top - base === 3 || this.#compare(this.#top - 6, this.#top - 3, 0) < 0
      byte = this.#next()
      if (byte === CLOSE_OBJECT) break
      if (byte !== COMMA) throw UNPLAIN
      this.#put(COMMA)
      this.#at += 1
      byte = this.#next()
      if (byte === CLOSE_OBJECT) throw UNPLAIN
    }
    if (!isSorted) this.#sort(base)
    this.#top = base
    this.#at += 1
    this.#put(CLOSE_OBJECT)
  }

  #push(begin: number, keyEnd: number, end: number): void {
    if (this.#top + 3 > this.#members.length) {
      const more = new Int32Array(2 * this.#members.length)
      more.set(this.#members)
      this.#members = more
    }
    this.#members[this.#top] = begin
    this.#members[this.#top + 1] = keyEnd
    this.#members[this.#top + 2] = end
    this.#top += 3
  }

  /** Two members by their keys, in the order of UTF-16 code units, which for these is that of their bytes; `shift`: they lie so much further on. */
  #compare(a: number, b: number, shift: number): number {
    const [members, out] = [this.#members, this.#out]
    let i = (members[a] ?? 0) + 1 + shift
    let j = (members[b] ?? 0) + 1 + shift
    const endA = (members[a + 1] ?? 0) - 1 + shift
    const endB = (members[b + 1] ?? 0) - 1 + shift
    for (; i < endA && j < endB; i += 1, j += 1) {
      const difference = (out[i] ?? 0) - (out[j] ?? 0)
      if (difference !== 0) return difference
    }
    return endA - i - (endB - j)
  }

  /** Brings the members from `base` on into order, with what they hold. */
  #sort(base: number): void {
    const count = (this.#top - base) / 3
    const order = count > FEW ? this.#sorted(base) : this.#sortedFew(base, count)
    const [members, out] = [this.#members, this.#out]
    const from = members[base] ?? 0
    const spare = out.length / 2
    out.copyWithin(spare, from, this.#to)
    let to = from
    for (let i = 0; i < count; i += 1) {
      const member = order[i] ?? 0
      if (i > 0) {
        if (this.#compare(order[i - 1] ?? 0, member, spare - from) === 0) throw UNPLAIN
        out[to++] = COMMA
      }
      const begin = (members[member] ?? 0) - from + spare
      const end = (members[member + 2] ?? 0) - from + spare
      if (end - begin < SHORT) for (let at = begin; at < end; at += 1) out[to++] = out[at] ?? 0
      else {
        out.copyWithin(to, begin, end)
        to += end - begin
      }
    }
  }

  #sortedFew(base: number, count: number): Int32Array {
    const order = this.#few
    for (let i = 0; i < count; i += 1) {
      const member = base + 3 * i
      let j = i
      for (; j > 0 && this.#compare(order[j - 1] ?? 0, member, 0) > 0; j -= 1) order[j] = order[j - 1] ?? 0
      order[j] = member
    }
    return order
  }

  #sorted(base: number): readonly number[] {
    const order: number[] = []
    for (let member = base; member < this.#top; member += 3) order.push(member)
    return order.sort((a, b) => this.#compare(a, b, 0))
  }
}

const isDigit = (byte: number): boolean => byte >= ZERO && byte <= NINE
/** What stands in a number behind its first digits. */
const isFraction = (byte: number): boolean => byte === DOT || byte === LETTER_E || byte === CAPITAL_E || byte === PLUS || byte === MINUS

const scan = new PlainScan()
