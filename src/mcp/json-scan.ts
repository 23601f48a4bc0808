// The structure of JSON text: one iterative pass, no recursion, fixed scratch memory; builds the index of json.ts.

import { Keys } from './json-keys.ts'
import { kindOf, Lexer, type JsonFaultCode, type JsonKind } from './json-lex.ts'

/** A value as a span [start, end) of the document's bytes. */
export type JsonNode = {
  readonly kind: JsonKind
  readonly start: number
  readonly end: number
  /** objects at a depth < indexDepth: members in document order; keys decoded */
  readonly members?: readonly JsonMember[]
  /** arrays at a depth < indexDepth: items in order; absent in arrays of more than 65,536 items */
  readonly items?: readonly JsonNode[]
}
type JsonMember = { readonly key: string; readonly keyStart: number; readonly keyEnd: number; readonly value: JsonNode }

/** `at`: byte offset. `nodes`: more than 300,000 values would have to be indexed. */
export type JsonFault = { readonly fault: JsonFaultCode; readonly at: number }

type OpenNode = { kind: JsonKind; start: number; end: number; members?: JsonMember[]; items?: JsonNode[] }

/** Hard ceiling of `maxDepth`: sizes the scratch memory. */
export const DEPTH_CEILING = 256
/** Arrays with more items than this keep no `items`: an index must not cost more than its document. */
const INDEXED_ITEMS_MAX = 65_536
/** Index nodes in one document; one more is a `nodes` fault. */
const NODES_MAX = 300_000

const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const COMMA = 0x2c

const lexer = new Lexer()
const keys = new Keys(lexer, DEPTH_CEILING + 1)

class Scanner {
  #maxDepth = 0
  #indexDepth = 0
  #nodes = 0
  /** containers open now; of each whether it is an object, and its node if indexed */
  #depth = 0
  readonly #isObject = new Uint8Array(DEPTH_CEILING + 1)
  readonly #open: (OpenNode | undefined)[] = new Array<OpenNode | undefined>(DEPTH_CEILING + 1).fill(undefined)
  #root: OpenNode | undefined

  /** One complete text; `bytes` are known to be valid UTF-8. */
  scan(bytes: Buffer, maxDepth: number, indexDepth: number): JsonNode | JsonFault {
    lexer.begin(bytes)
    this.#maxDepth = maxDepth
    this.#indexDepth = indexDepth
    this.#nodes = 0
    this.#depth = 0
    const end = this.#document()
    const root = this.#root
    this.#root = undefined
    for (let depth = 0; depth < this.#depth; depth++) this.#open[depth] = undefined
    keys.end(this.#depth)
    lexer.end()
    return end < 0 || !root ? { fault: lexer.fault, at: lexer.faultAt } : root
  }

  /** Returns the end of the text, or -1. */
  #document(): number {
    const { bytes } = lexer
    let at = lexer.space(0)
    if (at === bytes.length) return lexer.fail('empty', at)
    for (;;) {
      const first = bytes[at]
      if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
        if (!this.#push(at, first === OPEN_OBJECT)) return -1
        at = lexer.space(at + 1)
        if (bytes[at] !== first + 2) {
          if (first === OPEN_OBJECT && (at = this.#key(at)) < 0) return -1
          continue
        }
      } else {
        const start = at
        at = lexer.scalar(at)
        if (at < 0) return -1
        if (this.#depth <= this.#indexDepth && !this.#attach({ kind: kindOf(first), start, end: at })) return -1
      }
      at = this.#afterValue(at)
      if (at < 0) return -1
      if (this.#depth === 0) return at === bytes.length ? at : lexer.fail('trailing', at)
    }
  }

  /** Closes what ends here and returns where the next value starts, or the end once nothing is open, or -1. */
  #afterValue(from: number): number {
    const { bytes } = lexer
    for (let at = lexer.space(from); ; at = lexer.space(at + 1)) {
      if (this.#depth === 0) return at
      const byte = bytes[at]
      const isObject = this.#isObject[this.#depth - 1] === 1
      if (byte === (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) this.#pop(at + 1)
      else if (byte === COMMA) {
        at = lexer.space(at + 1)
        return isObject ? this.#key(at) : at
      } else return lexer.fail('syntax', at)
    }
  }

  #key(at: number): number {
    return keys.member(at, this.#depth - 1, this.#depth <= this.#indexDepth)
  }

  #push(start: number, isObject: boolean): boolean {
    const depth = this.#depth
    if (depth >= this.#maxDepth) return lexer.refuse('depth', start)
    if (depth <= this.#indexDepth) {
      const node: OpenNode = isObject ? { kind: 'object', start, end: 0 } : { kind: 'array', start, end: 0 }
      if (depth < this.#indexDepth) {
        if (isObject) node.members = []
        else node.items = []
      }
      if (!this.#attach(node)) return false
      this.#open[depth] = node
    }
    this.#isObject[depth] = isObject ? 1 : 0
    if (isObject) keys.open(depth)
    this.#depth = depth + 1
    return true
  }

  #pop(end: number): void {
    const depth = --this.#depth
    if (this.#isObject[depth] === 1) keys.close(depth)
    if (depth > this.#indexDepth) return
    const node = this.#open[depth]
    this.#open[depth] = undefined
    if (node) node.end = end
  }

  /** Hangs a value into the innermost open container. */
  #attach(value: OpenNode): boolean {
    if (this.#depth === 0) this.#root = value
    else {
      if (++this.#nodes > NODES_MAX) return lexer.refuse('nodes', value.start)
      const parent = this.#open[this.#depth - 1]
      if (parent?.members) parent.members.push({ key: keys.key, keyStart: keys.keyStart, keyEnd: keys.keyEnd, value })
      else if (parent?.items) {
        if (parent.items.length < INDEXED_ITEMS_MAX) parent.items.push(value)
        else {
          this.#nodes -= parent.items.length
          delete parent.items
        }
      }
    }
    return true
  }
}

/** One scanner serves the process: scanning never yields, so its scratch memory is never shared by two documents. */
export const scanner = new Scanner()
