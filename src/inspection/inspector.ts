// The inspection of one document as it goes on: it can stop after a number of bytes and go on later, so that a large document holds nobody up.

import { inertAscii } from '../kernel/json-string.ts'
import { HIDDEN_CODES } from './characters.ts'
import { RULE_OF, TIERS, type DocumentKind, type Finding, type Tier } from './finding.ts'
import { Folder } from './fold.ts'
import { isCredentialName, isOddName, isReservedName, takesConversation } from './names.ts'
import { TextScan } from './scan.ts'
import { Spans, type Span } from './spans.ts'
import { DEFAULT_TIERS, type TierTable } from './tiers.ts'
import { ENDED, isSecretLike, PAUSED, Walk } from './walk.ts'

export type Inspection = {
  /** in document order, at most 8 of one code */
  readonly findings: readonly Finding[]
  /** how often each code was found, at most once per string */
  readonly counts: ReadonlyMap<string, number>
  /** the worst */
  readonly tier: Tier | undefined
  /** where what is to be taken out stands in the bytes, in order; at most MAX_SPANS and one more */
  readonly spans: readonly Span[]
  /** somebody else sent the gateway's own key */
  readonly isForged: boolean
  /** where the value of the member `own.place` begins, or -1 */
  readonly placeAt: number
}

export type InspectOptions = {
  /** what was chosen for such documents; default: the table of finding.ts */
  readonly tiers?: TierTable
  /** one complete value within the bytes; default: all of them */
  readonly start?: number
  readonly end?: number
  /** codes whose places are told, so that they can be taken out */
  readonly redact?: ReadonlySet<string>
  /** The gateway's own key, which nobody else may send in a `_meta` or in `place`, the member of the value where the gateway itself writes it */
  readonly own?: { readonly key: string; readonly place: string }
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

const NO_BYTES = new Uint8Array(0)
const NO_FINDINGS: readonly Finding[] = []
const NO_COUNTS: ReadonlyMap<string, number> = new Map()

export class Inspector {
  readonly #folder = new Folder()
  readonly #walk = new Walk()
  readonly #scan = new TextScan()
  #json: Uint8Array = NO_BYTES
  #kind: DocumentKind = 'content'
  #options: InspectOptions = {}
  #tiers: TierTable = DEFAULT_TIERS.content
  #bytes = 0
  /** texts that begin here or later are not inspected */
  #limit = 0
  #findings: Finding[] | undefined
  #counts: Map<string, number> | undefined
  #tier: Tier | undefined
  /** the text under inspection: bytes, bounds, and codes found in it; what is done with it next */
  #text: Uint8Array = NO_BYTES
  #from = 0
  #to = 0
  #doing: 'walk' | 'fold' | 'scan' = 'walk'
  readonly #spans = new Spans()
  #placeAt = -1
  #isForged = false
  readonly #here = new Set<string>()

  /** The next document. Whatever was left of another one is forgotten. */
  begin(json: Uint8Array, kind: DocumentKind, options: InspectOptions): void {
    const { tiers = DEFAULT_TIERS[kind], start = 0, end = json.length } = options
    this.#json = this.#text = json
    this.#kind = kind
    this.#options = options
    this.#tiers = tiers
    this.#bytes = end - start
    this.#findings = this.#counts = this.#tier = undefined
    this.#doing = 'walk'
    this.#placeAt = -1
    this.#isForged = false
    this.#spans.begin(json, options.redact)
    if (this.#here.size > 0) this.#here.clear()
    this.#scan.document(this.#found)
    this.#limit = Math.min(end, start + MAX_BYTES)
    // The gateway's own key is looked for to the end: behind what is inspected it would be believed all the same.
    this.#walk.begin(json, start, options.own ? end : this.#limit)
  }

  /** Reads about so many bytes; true once nothing is left. */
  step(bytes: number): boolean {
    let left = bytes
    while (left > 0) {
      if (this.#doing === 'walk') {
        const before = this.#walk.at
        const came = this.#walk.next(before + left)
        left -= this.#walk.at - before
        if (came === ENDED) return true
        if (came === PAUSED) return false
        this.#begins()
      } else if (this.#doing === 'fold') {
        const before = this.#folder.at
        const isDone = this.#folder.step(before + left)
        left -= this.#folder.at - before
        if (isDone) this.#folded()
      } else {
        const before = this.#scan.at
        const isDone = this.#scan.step(before + left)
        left -= this.#scan.at - before
        if (isDone) this.#ends()
      }
    }
    return false
  }

  /** What was found, once nothing is left. */
  end(): Inspection {
    this.#here.clear()
    this.#text = this.#json
    this.#from = this.#to = 0
    if (this.#walk.deepest > MAX_DEPTH) this.#found('too-deep', 0)
    if (this.#bytes > MAX_BYTES) this.#found('not-inspected', 0)
    const inspection: Inspection = {
      findings: this.#findings ?? NO_FINDINGS,
      counts: this.#counts ?? NO_COUNTS,
      tier: this.#tier,
      spans: this.#spans.end(),
      isForged: this.#isForged,
      placeAt: this.#placeAt,
    }
    this.#walk.end()
    this.#json = this.#text = NO_BYTES
    this.#options = {}
    this.#findings = this.#counts = undefined
    return inspection
  }

  readonly #found = (code: string, at: number, secret?: string, end?: number): void => {
    if (end !== undefined) this.#spans.add(code, at, end, this.#to)
    if (this.#here.has(code)) return
    this.#here.add(code)
    const tier = this.#tiers.get(code)
    const rule = RULE_OF.get(code)
    if (!rule || tier === undefined) return
    if (this.#tier === undefined || TIERS.indexOf(tier) < TIERS.indexOf(this.#tier)) this.#tier = tier
    const counts = (this.#counts ??= new Map<string, number>())
    const count = (counts.get(code) ?? 0) + 1
    counts.set(code, count)
    const findings = (this.#findings ??= [])
    if (count > KEPT_PER_CODE) return
    const pointer = this.#walk.pointer(secret !== undefined && this.#walk.isKey)
    findings.push({ code, severity: rule.severity, tier, pointer, sample: secret ?? this.#sample(at) })
  }

  /** A text that the walk came to. */
  #begins(): void {
    const walk = this.#walk
    if (walk.isKey && this.#options.own) this.#key(this.#options.own)
    if (walk.textStart === walk.textEnd || walk.textStart >= this.#limit) return
    if (this.#here.size > 0) this.#here.clear()
    if (walk.isPlain) {
      this.#text = this.#json
      this.#from = walk.textStart
      this.#to = walk.textEnd
      this.#scans()
    } else {
      this.#folder.begin(this.#json, walk.textStart, walk.textEnd)
      this.#doing = 'fold'
    }
  }
  #folded(): void {
    const folder = this.#folder
    this.#text = folder.bytes
    this.#from = 0
    this.#to = folder.length
    for (let i = 0; i < HIDDEN_CODES.length; i++) {
      const at = folder.seen[i] ?? -1
      if (at >= 0) this.#found(HIDDEN_CODES[i] ?? '', at)
    }
    this.#scans()
  }
  #scans(): void {
    const walk = this.#walk
    const isExempt = !walk.isKey && (walk.isUnder(0, 'blob') || walk.isUnder(0, 'data') || this.#startsWith('data:image/'))
    this.#scan.begin(this.#text, this.#from, this.#to, isExempt)
    this.#doing = 'scan'
  }
  #ends(): void {
    this.#doing = 'walk'
    const walk = this.#walk
    if (this.#kind === 'definition' || this.#kind === 'request') this.#described(walk.textStart, walk.textEnd, walk.isKey)
    this.#spans.textEnds(walk)
  }

  #key({ key, place }: { readonly key: string; readonly place: string }): void {
    const walk = this.#walk
    if (walk.depth === 1 && walk.isCalled(place)) this.#placeAt = walk.textEnd + 1
    else if (walk.depth > 1 && walk.isCalled(key)) this.#isForged ||= walk.isWithin('_meta') || (walk.depth === 2 && walk.isWithin(place))
  }

  /** What only definitions and questions have: names, schemas, texts that somebody reads. */
  #described(start: number, end: number, isKey: boolean): void {
    this.#asked(isKey)
    if (isKey) {
      if (!this.#walk.isUnder(1, 'properties')) return
      if (takesConversation(this.#text, this.#from, this.#to)) this.#found('takes-the-conversation', this.#from)
      if (isReservedName(this.#text, this.#from, this.#to)) this.#found('reserved-name', this.#from)
      return
    }
    if (end - start > MAX_TEXT && !this.#walk.isUnder(0, 'blob') && !this.#startsWith('data:image/')) this.#found('too-long', this.#from)
    if (this.#walk.isUnder(0, '$ref') && (this.#startsWith('http:') || this.#startsWith('https:')))
      this.#found('remote-reference', this.#from)
    if (this.#startsWith('data:text/html')) this.#found('active-url', this.#from)
    const isName = this.#walk.isUnder(0, 'name') && this.#walk.isListed(['tools', 'prompts'])
    if (isName && (this.#text !== this.#json || isOddName(this.#text, this.#from, this.#to))) this.#found('odd-name', this.#from)
  }
  /** A field of a form, by its name or title. */
  #asked(isKey: boolean): void {
    const walk = this.#walk
    const isField = isKey
      ? walk.isUnder(1, 'properties') && walk.isUnder(2, 'requestedSchema')
      : walk.isUnder(0, 'title') && walk.isUnder(2, 'properties') && walk.isUnder(3, 'requestedSchema')
    if (isField && isCredentialName(this.#text, this.#from, this.#to)) this.#found('asks-for-credentials', this.#from)
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
}
