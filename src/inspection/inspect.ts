// One document, every string and key of it, to bounded findings. Pure: judged bytes in, values out.

import { inertAscii } from '../kernel/json-string.ts'
import { HIDDEN_CODES } from './characters.ts'
import { RULE_OF, TIERS, type DocumentKind, type Finding, type Tier } from './finding.ts'
import { DEFAULT_TIERS, type TierTable } from './tiers.ts'
import { Folder } from './fold.ts'
import { isCredentialName, isOddName, isReservedName, takesConversation } from './names.ts'
import { textScan } from './scan.ts'
import { Walk } from './walk.ts'

export type Inspection = {
  /** in document order, at most 8 of one code */
  readonly findings: readonly Finding[]
  /** how often each code was found, at most once per string */
  readonly counts: ReadonlyMap<string, number>
  /** the worst */
  readonly tier: Tier | undefined
}

/** Findings of one code that are kept: so that many small ones cannot hide a bad one of another code. */
const KEPT_PER_CODE = 8
/** Bytes of one document that are inspected; more is a finding by itself. */
const MAX_BYTES = 8 * 1024 * 1024
/** Longest text that people read, in bytes; honest descriptions end at 13,086 characters. */
const MAX_TEXT = 32_768
/** Honest schemas end at 21. */
const MAX_DEPTH = 64
const AROUND = 24
const MAX_SAMPLE = 96

const folder = new Folder()
const walk = new Walk()

class Inspector {
  readonly findings: Finding[] = []
  readonly counts = new Map<string, number>()
  tier: Tier | undefined
  readonly #json: Uint8Array
  readonly #kind: DocumentKind
  readonly #tiers: TierTable
  /** the text under inspection: bytes, bounds, and codes found in it */
  #text: Uint8Array
  #from = 0
  #to = 0
  #isKey = false
  readonly #here = new Set<string>()

  constructor(json: Uint8Array, kind: DocumentKind, tiers: TierTable) {
    this.#json = this.#text = json
    this.#kind = kind
    this.#tiers = tiers
  }

  readonly found = (code: string, at: number, secret?: string): void => {
    if (this.#here.has(code)) return
    this.#here.add(code)
    const rule = RULE_OF.get(code)
    const tier = this.#tiers.get(code)
    if (!rule || tier === undefined) return
    if (this.tier === undefined || TIERS.indexOf(tier) < TIERS.indexOf(this.tier)) this.tier = tier
    const count = (this.counts.get(code) ?? 0) + 1
    this.counts.set(code, count)
    if (count > KEPT_PER_CODE) return
    const pointer = walk.pointer(secret !== undefined && this.#isKey)
    this.findings.push({ code, severity: rule.severity, tier, pointer, sample: secret ?? this.#sample(at) })
  }

  readonly text = (start: number, end: number, isPlain: boolean, isKey: boolean): void => {
    if (start === end) return
    if (this.#here.size > 0) this.#here.clear()
    this.#isKey = isKey
    if (isPlain) {
      this.#text = this.#json
      this.#from = start
      this.#to = end
    } else {
      folder.fold(this.#json, start, end)
      this.#text = folder.bytes
      this.#from = 0
      this.#to = folder.length
      for (let i = 0; i < HIDDEN_CODES.length; i++) {
        const at = folder.seen[i] ?? -1
        if (at >= 0) this.found(HIDDEN_CODES[i] ?? '', at)
      }
    }
    const isExempt = !isKey && (walk.isUnder(0, 'blob') || walk.isUnder(0, 'data') || this.#startsWith('data:image/'))
    textScan.scan(this.#text, this.#from, this.#to, isExempt)
    if (this.#kind === 'definition' || this.#kind === 'request') this.#described(start, end, isKey)
  }

  /** What only definitions and questions have: names, schemas, texts that somebody reads. */
  #described(start: number, end: number, isKey: boolean): void {
    this.#asked(isKey)
    if (isKey) {
      if (!walk.isUnder(1, 'properties')) return
      if (takesConversation(this.#text, this.#from, this.#to)) this.found('takes-the-conversation', this.#from)
      if (isReservedName(this.#text, this.#from, this.#to)) this.found('reserved-name', this.#from)
      return
    }
    if (end - start > MAX_TEXT && !walk.isUnder(0, 'blob') && !this.#startsWith('data:image/')) this.found('too-long', this.#from)
    if (walk.isUnder(0, '$ref') && (this.#startsWith('http:') || this.#startsWith('https:'))) this.found('remote-reference', this.#from)
    if (this.#startsWith('data:text/html')) this.found('active-url', this.#from)
    const isName = walk.isUnder(0, 'name') && walk.isListed(['tools', 'prompts'])
    if (isName && (this.#text !== this.#json || isOddName(this.#text, this.#from, this.#to))) this.found('odd-name', this.#from)
  }
  /** A field of a form, by its name or title. */
  #asked(isKey: boolean): void {
    const isField = isKey
      ? walk.isUnder(1, 'properties') && walk.isUnder(2, 'requestedSchema')
      : walk.isUnder(0, 'title') && walk.isUnder(2, 'properties') && walk.isUnder(3, 'requestedSchema')
    if (isField && isCredentialName(this.#text, this.#from, this.#to)) this.found('asks-for-credentials', this.#from)
  }
  #startsWith(text: string): boolean {
    if (this.#to - this.#from < text.length) return false
    for (let i = 0; i < text.length; i++) if (((this.#text[this.#from + i] ?? 0) | 0x20) !== (text.charCodeAt(i) | 0x20)) return false
    return true
  }

  /** The surroundings of a hit. What might be a secret (long words, digits) is blotted out, and so are words cut at the edges: findings are written down. */
  #sample(at: number): string {
    const from = Math.max(this.#from, at - AROUND)
    const to = Math.min(this.#to, from + MAX_SAMPLE)
    const words = Buffer.from(this.#text.subarray(from, to))
      .toString('latin1')
      .replaceAll('\u0080', '\u00b7')
      .split(/[ \t\r\n]/)
    const isCut = (i: number): boolean => (i === 0 && from > this.#from) || (i === words.length - 1 && to < this.#to)
    return inertAscii(words.map((word, i) => (isCut(i) || isSecretLike(word) ? '***' : word)).join(' '), MAX_SAMPLE)
  }

  whole(bytes: number): void {
    this.#here.clear()
    this.#text = this.#json
    this.#from = this.#to = 0
    if (walk.deepest > MAX_DEPTH) this.found('too-deep', 0)
    if (bytes > MAX_BYTES) this.found('not-inspected', 0)
  }
}

/** Long, or with digits as keys, codes and numbers have them. */
function isSecretLike(word: string): boolean {
  let digits = 0
  for (let i = 0; i < word.length; i++) if (word.charCodeAt(i) >= 0x30 && word.charCodeAt(i) <= 0x39) digits++
  return digits > 3 || (word.length > 20 && digits > 0) || word.length > 48
}

export type InspectOptions = {
  /** what was chosen for such documents; default: the table of finding.ts */
  readonly tiers?: TierTable
  /** one complete value within the bytes; default: all of them */
  readonly start?: number
  readonly end?: number
}

/** Inspects a value of bytes that passed the strict reader (mcp/json.ts). Time is linear in the bytes; what is kept is bounded. Never throws. */
export function inspect(json: Uint8Array, kind: DocumentKind, options: InspectOptions = {}): Inspection {
  const { tiers = DEFAULT_TIERS[kind], start = 0, end = json.length } = options
  const inspector = new Inspector(json, kind, tiers)
  textScan.document(inspector.found)
  walk.run(json, start, Math.min(end, start + MAX_BYTES), inspector.text)
  inspector.whole(end - start)
  walk.end()
  return inspector
}
