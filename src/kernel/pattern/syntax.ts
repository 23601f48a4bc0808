// Regular expressions as ECMA-262 writes them (what JSON Schema's `pattern` means), read into a tree. Nothing here is ever given to the engine's own.

import { classAt, escapeAt } from './escapes.ts'
import { PatternFault, type Reader } from './reader.ts'
import { complement, LINE_ENDS, type CharacterSet } from './sets.ts'

/** Groups within groups: bounds the recursion here and of everything made from the tree. */
const MAX_NESTING = 50
/** Highest count of `{n,m}`. */
const MAX_COUNT = 10_000

export type PatternNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'set'; readonly set: CharacterSet }
  | { readonly kind: 'cat'; readonly parts: readonly PatternNode[] }
  | { readonly kind: 'alt'; readonly parts: readonly PatternNode[] }
  | { readonly kind: 'repeat'; readonly body: PatternNode; readonly min: number; readonly max: number }
  | { readonly kind: 'at'; readonly place: 'start' | 'end' | 'word' | 'not-word' }
  | { readonly kind: 'look'; readonly body: PatternNode; readonly isNegated: boolean; readonly isBehind: boolean }

/** Throws PatternFault. attacker-controlled. */
export function parsePattern(source: string): PatternNode {
  const reader: Reader = { source, at: 0, nesting: 0 }
  const node = alternatives(reader)
  if (reader.at < source.length) throw new PatternFault('a `)` closes nothing')
  return node
}

function alternatives(r: Reader): PatternNode {
  if (++r.nesting > MAX_NESTING) throw new PatternFault('its groups are nested too deep')
  const parts = [sequence(r)]
  while (r.source[r.at] === '|') {
    r.at++
    parts.push(sequence(r))
  }
  r.nesting--
  return parts.length === 1 && parts[0] ? parts[0] : { kind: 'alt', parts }
}

function sequence(r: Reader): PatternNode {
  const parts: PatternNode[] = []
  for (;;) {
    const next = r.source[r.at]
    if (next === undefined || next === '|' || next === ')') break
    parts.push(quantified(r, atom(r)))
  }
  return parts.length === 0 ? { kind: 'empty' } : parts.length === 1 && parts[0] ? parts[0] : { kind: 'cat', parts }
}

const of = (...ranges: CharacterSet['ranges']): PatternNode => ({ kind: 'set', set: { ranges, properties: [], isNegated: false } })

function atom(r: Reader): PatternNode {
  const code = r.source.codePointAt(r.at) ?? 0
  const letter = String.fromCodePoint(code)
  switch (letter) {
    case '^':
    case '$':
      r.at++
      return { kind: 'at', place: letter === '^' ? 'start' : 'end' }
    case '.':
      r.at++
      return of(...complement(LINE_ENDS))
    case '(':
      return group(r)
    case '[':
      return { kind: 'set', set: classAt(r) }
    case '*':
    case '+':
    case '?':
      throw new PatternFault('a quantifier has nothing to repeat')
    case '\\': {
      const next = r.source[r.at + 1]
      if (next === 'b' || next === 'B') {
        r.at += 2
        return { kind: 'at', place: next === 'b' ? 'word' : 'not-word' }
      }
      return { kind: 'set', set: escapeAt(r, false) }
    }
    default:
      r.at += letter.length
      return of([code, code])
  }
}

const LOOKS: readonly (readonly [text: string, isNegated: boolean, isBehind: boolean])[] = [
  ['(?=', false, false],
  ['(?!', true, false],
  ['(?<=', false, true],
  ['(?<!', true, true],
]
const NAMED = /\(\?<[A-Za-z_$][\w$]{0,63}>/y

function group(r: Reader): PatternNode {
  const look = LOOKS.find(([text]) => r.source.startsWith(text, r.at))
  NAMED.lastIndex = r.at
  const named = NAMED.exec(r.source)
  if (look) r.at += look[0].length
  else if (named) r.at += named[0].length
  else if (r.source.startsWith('(?:', r.at)) r.at += 3
  else if (r.source.startsWith('(?', r.at)) throw new PatternFault('a group of its kind is not supported')
  else r.at++
  const body = alternatives(r)
  if (r.source[r.at] !== ')') throw new PatternFault('a group is not closed')
  r.at++
  return look ? { kind: 'look', body, isNegated: look[1], isBehind: look[2] } : body
}

const COUNT = /\{(\d{1,6})(?:(,)(\d{1,6})?)?\}/y

/** Lazy and greedy are the same here: whether it fits does not depend on it. */
function quantified(r: Reader, body: PatternNode): PatternNode {
  const counts = countsAt(r)
  if (!counts) return body
  if (body.kind === 'at') throw new PatternFault('an anchor is repeated')
  if (r.source[r.at] === '?') r.at++
  const [min, max] = counts
  if (max < min) throw new PatternFault('the counts of a quantifier are out of order')
  if (min > MAX_COUNT || (max !== Infinity && max > MAX_COUNT)) throw new PatternFault(`a quantifier counts further than ${MAX_COUNT}`)
  return { kind: 'repeat', body, min, max }
}

function countsAt(r: Reader): readonly [number, number] | undefined {
  switch (r.source[r.at]) {
    case '*':
      r.at++
      return [0, Infinity]
    case '+':
      r.at++
      return [1, Infinity]
    case '?':
      r.at++
      return [0, 1]
    case '{': {
      COUNT.lastIndex = r.at
      const found = COUNT.exec(r.source)
      // Annex B: a brace that counts nothing stands for itself.
      if (!found) return undefined
      r.at += found[0].length
      const min = Number(found[1])
      return [min, found[2] === undefined ? min : found[3] === undefined ? Infinity : Number(found[3])]
    }
    default:
      return undefined
  }
}
