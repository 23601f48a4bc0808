// Where in the bytes stands what is to be taken out: detectors tell places in the text as a reader takes it, with escapes decoded and hidden characters dropped.

import { Folder } from './fold.ts'
import type { Walk } from './walk.ts'

/** [start, end) of the document's bytes, within one string or key. */
export type Span = { readonly code: string; readonly start: number; readonly end: number; readonly isKey: boolean }

/** Spans of one document: more are a document that is withheld. */
export const MAX_SPANS = 10_000

const NO_BYTES = new Uint8Array(0)
const NO_SPANS: readonly Span[] = []
type Place = { readonly code: string; start: number; end: number; isOpen: boolean }

export class Spans {
  #json: Uint8Array = NO_BYTES
  #codes: ReadonlySet<string> | undefined
  #spans: Span[] | undefined
  /** of the current text, as it was read */
  #places: Place[] = []
  /** a private key began and did not end: its lines may be texts of their own */
  #isKeyOpen = false
  #folder: Folder | undefined

  begin(json: Uint8Array, codes: ReadonlySet<string> | undefined): void {
    this.#json = json
    this.#codes = codes
    this.#spans = undefined
    this.#places = []
    this.#isKeyOpen = false
  }
  end(): readonly Span[] {
    this.#json = NO_BYTES
    return this.#spans ?? NO_SPANS
  }

  /** [start, end) of the current text, which is read up to `limit`. */
  add(code: string, start: number, end: number, limit: number): void {
    if (this.#codes?.has(code) === true && this.#places.length <= MAX_SPANS)
      this.#places.push({ code, start, end: Math.min(end, limit), isOpen: end > limit })
  }

  textEnds(walk: Walk): void {
    if (this.#isKeyOpen) this.#goesOn(walk)
    if (this.#places.length === 0) return
    const places = merged(this.#places)
    this.#places = []
    if (!walk.isPlain) this.#toSource(walk, places)
    const spans = (this.#spans ??= [])
    for (const { code, start, end, isOpen } of places) {
      if (spans.length > MAX_SPANS) return
      spans.push({ code, start, end, isKey: walk.isKey })
      // A key without its last line goes to the end of its text, and perhaps beyond.
      if (isOpen) this.#isKeyOpen = true
    }
  }

  /** Lines of a key that are texts of their own go as a whole. */
  #goesOn(walk: Walk): void {
    const { textStart: start, textEnd: end } = walk
    if (walk.isKey) return
    const isLast = Buffer.from(this.#json.buffer, this.#json.byteOffset + start, end - start).includes('-----END')
    this.#isKeyOpen = !isLast && isLine(this.#json, start, end)
    if (!isLast && !this.#isKeyOpen) return
    this.#places = []
    ;(this.#spans ??= []).push({ code: 'private-key', start, end, isKey: false })
  }

  /** From places in the folded text to places in the bytes: the string is folded once more, character by character. */
  #toSource(walk: Walk, places: readonly Place[]): void {
    const folder = (this.#folder ??= new Folder())
    folder.begin(this.#json, walk.textStart, walk.textEnd)
    let next = 0
    let place = places[0]
    let start = -1
    while (place && folder.at < walk.textEnd) {
      const at = folder.at
      const index = folder.length
      folder.step(at + 1)
      if (folder.length === index) continue
      if (index === place.start) start = at
      if (index !== place.end - 1) continue
      place.start = start
      place.end = folder.at
      place = places[++next]
    }
  }
}

/** In order, without overlaps. */
function merged(places: Place[]): Place[] {
  if (places.length === 1) return places
  const out: Place[] = []
  for (const place of places.sort((a, b) => a.start - b.start || b.end - a.end)) {
    const last = out.at(-1)
    if (last && place.start < last.end) {
      last.end = Math.max(last.end, place.end)
      last.isOpen ||= place.isOpen
    } else out.push(place)
  }
  return out
}

/** Nothing but base64 and white space, written out or escaped. */
function isLine(json: Uint8Array, start: number, end: number): boolean {
  let escaped = false
  for (let at = start; at < end; at++) {
    const byte = json[at] ?? 0
    if (escaped) {
      escaped = false
      if (byte !== 0x6e && byte !== 0x72 && byte !== 0x2f && byte !== 0x74) return false
    } else if (byte === 0x5c) escaped = true
    else if (!(
      (byte >= 0x30 && byte <= 0x39) ||
      ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a) ||
      byte === 0x2b ||
      byte === 0x2f ||
      byte === 0x3d ||
      byte === 0x20
    ))
      return false
  }
  return true
}
