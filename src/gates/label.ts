// Who asks, in front of what is asked: hosts show a question under the name of the gateway, and a server's own words may not say it comes from another (N117).

import { latinOf } from '../kernel/look-alikes.ts'

/** What stands in `_meta` of a question, for hosts that show it apart from the text: the alias of the server that asks. */
export const ASKING_KEY = 'io.gatehouse/server'

/** INVARIANT: an alias is lower-case ASCII, so nothing of a server's choosing stands before its message. */
export const labelled = (alias: string, message: string): string => `[${alias} asks through Gatehouse] ${message}`

const OURS = 'asksthroughgatehouse'
const END = 1 << OURS.length
/** Signs that are read as letters of ours. */
const READ_AS: Readonly<Record<string, string>> = {
  '0': 'o',
  '3': 'e',
  '4': 'a',
  '@': 'a',
  '5': 's',
  $: 's',
  '6': 'g',
  '9': 'g',
  '7': 't',
  '+': 't',
}
/** Of each character, the places in ours where it may stand: one bit each. */
const PLACES: ReadonlyMap<string, number> = new Map(
  [...new Set([...Array.from(OURS), ...Object.keys(READ_AS)])].map(each => [
    each,
    Array.from(OURS).reduce((bits, letter, at) => (letter === (READ_AS[each] ?? each) ? bits | (1 << at) : bits), 0),
  ]),
)

/** A text that holds our label, in letters or digits that look like it, whatever stands between them. One pass: `begun` has a bit for each length of it that ends here. */
export function claimsToBeUs(text: string): boolean {
  let begun = 1
  for (const each of latinOf(text).toLowerCase()) {
    const isLetter = each >= 'a' && each <= 'z'
    begun = 1 | ((begun & (PLACES.get(each) ?? 0)) << 1) | (isLetter ? 0 : begun)
    if ((begun & END) !== 0) return true
  }
  return false
}
