// Finds secrets in bytes: any 16-byte piece of a long one, the whole of a short one, also percent-encoded, JSON-escaped or in base64 at any alignment.
//
// Indexed are 8-byte blocks of the secrets at offsets 0-3 of every 8, looked up at every 4th byte of what is searched: of any 16 bytes in common, the text
// shows at least two such blocks 4 bytes apart, and one of them lies at an indexed offset.

const BLOCK = 8
const STRIDE = 4
/** Bytes in common that count as a part of a secret. */
const WINDOW = 16
/** From this length on a secret is taken for random, and a part of it for recognisable; a shorter one is found as a whole. */
const PARTED_FROM = 32
/** Shorter ones say nothing: they would be found in ordinary words. */
const SHORTEST = 8
/** A piece with fewer different bytes than this (`aaaa…`) is nobody's secret. */
const MIN_DISTINCT = 6
const FILTER_BITS = 1 << 20

type Form = { readonly secret: number; readonly name: string; readonly bytes: Buffer; readonly need: number }
/** `secret`: its number as `add` gave it; `form`: how it was written */
export type Found = { readonly secret: number; readonly form: string }

export class SecretIndex {
  readonly #forms: Form[] = []
  /** found by plain search: too short for blocks */
  readonly #short: Form[] = []
  readonly #blocks = new Map<number, number[]>()
  readonly #filter = new Uint32Array(FILTER_BITS / 32)
  #count = 0

  /** Its number; undefined for what is too short or too plain to be recognised. */
  add(secret: string): number | undefined {
    const bytes = Buffer.from(secret)
    if (bytes.length < SHORTEST || new Set(bytes).size < MIN_DISTINCT) return undefined
    const number = this.#count++
    const isParted = bytes.length >= PARTED_FROM
    for (const [name, form] of formsOf(secret, bytes))
      this.#index({ secret: number, name, bytes: form, need: isParted ? WINDOW : form.length })
    return number
  }

  #index(form: Form): void {
    const { bytes, need } = form
    if (bytes.length < WINDOW) {
      this.#short.push(form)
      return
    }
    const at = this.#forms.push(form) - 1
    // Of what is found as a whole only, the first blocks are enough.
    const last = need === bytes.length ? WINDOW - BLOCK : bytes.length - BLOCK
    for (let offset = 0; offset <= last; offset++) {
      if (offset % BLOCK >= STRIDE) continue
      const key = blockKey(bytes.readInt32LE(offset), bytes.readInt32LE(offset + 4))
      const entry = at * 65_536 + offset
      const known = this.#blocks.get(key)
      if (known) known.push(entry)
      else this.#blocks.set(key, [entry])
      const bit = key & (FILTER_BITS - 1)
      this.#filter[bit >>> 5]! |= 1 << (bit & 31)
    }
  }

  /** Every secret of which something stands in `text`, once per form. */
  search(text: Buffer): Found[] {
    const found = new Map<string, Found>()
    for (const { secret, name, bytes } of this.#short) if (text.includes(bytes)) found.set(`${secret} ${name}`, { secret, form: name })
    if (this.#blocks.size === 0) return [...found.values()]
    const view = new DataView(text.buffer, text.byteOffset, text.length)
    for (let at = 0; at + BLOCK <= text.length; at += STRIDE) {
      const key = blockKey(view.getInt32(at, true), view.getInt32(at + 4, true))
      const bit = key & (FILTER_BITS - 1)
      if ((this.#filter[bit >>> 5]! & (1 << (bit & 31))) === 0) continue
      for (const entry of this.#blocks.get(key) ?? []) {
        const form = this.#forms[Math.floor(entry / 65_536)]!
        if (isCommon(text, at, form, entry % 65_536)) found.set(`${form.secret} ${form.name}`, { secret: form.secret, form: form.name })
      }
    }
    return [...found.values()]
  }
}

const blockKey = (low: number, high: number): number => {
  const mixed = Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca77)
  return (mixed ^ (mixed >>> 15)) >>> 0
}

/** Whether as much as is needed stands around both places. */
function isCommon(text: Buffer, at: number, { bytes, need }: Form, offset: number): boolean {
  let before = 0
  while (before < at && before < offset && text[at - before - 1] === bytes[offset - before - 1]) before++
  let after = 0
  while (at + after < text.length && offset + after < bytes.length && text[at + after] === bytes[offset + after]) after++
  if (before + after < need) return false
  return new Set(bytes.subarray(offset - before, offset + after)).size >= MIN_DISTINCT
}

function formsOf(secret: string, bytes: Buffer): Map<string, Buffer> {
  const forms = new Map([['as it is', bytes]])
  const add = (name: string, text: string): void => {
    if (text !== secret) forms.set(name, Buffer.from(text))
  }
  add('percent-encoded', encodeURIComponent(secret.toWellFormed()))
  add('JSON-escaped', JSON.stringify(secret).slice(1, -1))
  for (const shift of [0, 1, 2]) {
    // The characters that depend on these bytes alone, whatever stands around them.
    const [from, to] = [Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6)]
    const base64 = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(from, to)
    add(`base64 at ${shift}`, base64)
    const url = base64.replaceAll('+', '-').replaceAll('/', '_')
    if (url !== base64) add(`base64url at ${shift}`, url)
  }
  return forms
}
