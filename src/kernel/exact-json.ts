// The one text of a JSON value where readers with other numbers than doubles see the same in it: what people approved is compared by it.

import { canonicalJsonOf } from './canonical-json.ts'

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/**
 * Canonical text (RFC 8785) of a JSON text that was judged already. Undefined where there is none, and for every number that a double prints as another
 * one: `9007199254740993.0`, `0.10000000000000000555`, `1e-400`, `-0`. Throws SyntaxError for what is not JSON.
 */
export function exactJson(text: string): string | undefined {
  const inexact: string[] = []
  ;(JSON.parse as ParseWithSource)(text, (_key, item, { source }) => {
    if (typeof item === 'number' && source !== undefined && decimalOf(source) !== decimalOf(String(item))) inexact.push(source)
    return undefined
  })
  return inexact.length === 0 ? canonicalJsonOf(text) : undefined
}

/** ECMA-262's JSON.parse, which hands revivers the text of a primitive; TypeScript does not know that yet. */
type ParseWithSource = (text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown) => unknown

/** Sign, digits and exponent, the same for every way of writing a number. */
function decimalOf(source: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = NUMBER.exec(source) ?? []
  const digits = (whole + fraction).replace(/^0+/, '')
  const short = digits.replace(/0+$/, '')
  return short === '' ? `${sign}0` : `${sign}${short}e${Number(exponent) - fraction.length + digits.length - short.length}`
}
