// RFC 8785 (JSON Canonicalization Scheme): the one text of a JSON value, so that a digest says the same whatever the order of keys and the white space.

/** Deepest nesting of arrays and objects: as deep as mcp/json.ts reads at most. */
const MAX_DEPTH = 256
/** Shorter ones are always exact. */
const LONG_DIGITS = /\d{16}/
const INTEGER = /^-?\d+$/

/**
 * Canonical text of plain data (what JSON.parse makes): keys sorted by UTF-16 code units, numbers as ECMAScript prints them, no white space. Undefined for what
 * has no canonical form: lone surrogates, numbers that are not finite, undefined, functions, class instances, sparse arrays, cycles and more than 256 levels.
 * `toJSON` is never asked.
 */
export const canonicalJson = (value: unknown): string | undefined => write(value, 0)

/**
 * Canonical text of a JSON text that was judged already (mcp/json.ts: valid, no duplicate keys). Undefined as above, and for integers that a double does not
 * hold exactly: readers with other numbers would see two values where this sees one (RFC 8785 section 3.2.2.3, RFC 7493 section 2.2). Throws SyntaxError for what is not JSON.
 */
export function canonicalJsonOf(text: string): string | undefined {
  if (!LONG_DIGITS.test(text)) return canonicalJson(JSON.parse(text))
  const inexact: string[] = []
  const value: unknown = (JSON.parse as ParseWithSource)(text, (_key, item, { source }) => {
    if (typeof item === 'number' && source !== undefined && INTEGER.test(source) && !isHeldBy(item, source)) inexact.push(source)
    return item
  })
  return inexact.length === 0 ? canonicalJson(value) : undefined
}
const isHeldBy = (number: number, source: string): boolean =>
  Number.isSafeInteger(number) || (Number.isFinite(number) && source.length < 400 && BigInt(source) === BigInt(number))

/** ECMA-262's JSON.parse, which hands revivers the text of a primitive; TypeScript does not know that yet. */
type ParseWithSource = (text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown) => unknown

function write(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? JSON.stringify(value) : undefined
    case 'number':
      return Number.isFinite(value) ? String(value === 0 ? 0 : value) : undefined
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      if (depth >= MAX_DEPTH) return undefined
      return Array.isArray(value) ? writeArray(value, depth + 1) : writeObject(value, depth + 1)
    default:
      return undefined
  }
}

function writeArray(items: readonly unknown[], depth: number): string | undefined {
  let text = '['
  for (let i = 0; i < items.length; i += 1) {
    const item = write(items[i], depth)
    if (item === undefined) return undefined
    text += i === 0 ? item : `,${item}`
  }
  return `${text}]`
}

function writeObject(object: object, depth: number): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(object)
  if (prototype !== Object.prototype && prototype !== null) return undefined
  let text = '{'
  for (const key of Object.keys(object).sort()) {
    const value = write((object as Record<string, unknown>)[key], depth)
    if (value === undefined || !key.isWellFormed()) return undefined
    text += `${text.length === 1 ? '' : ','}${JSON.stringify(key)}:${value}`
  }
  return `${text}}`
}
