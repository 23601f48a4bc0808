// What a name is compared by, made once per entry; and how two names that meet under one key differ.

import { formOf, latinOf, seenOf, skeletonOf } from '../kernel/look-alikes.ts'
import type { CollisionCode } from './finding.ts'

export type Keys = {
  /** what a hasty reader takes it for, separators left out */
  readonly look: string
  /** the same without an ending that says nothing (`_v1`, `-official`) */
  readonly stem: string
  /** its words in the order of the alphabet; empty: it has one word */
  readonly words: string
}

/** Endings that say nothing of what a tool does; and numbers. */
const ENDINGS: ReadonlySet<string> = new Set(
  'new copy pro plus enhanced official original real legit secure safe trusted verified backup alt'.split(' '),
)
const NUMBER = /^v?\d{1,4}$/
const NUMBER_AT_END = /v\d{1,4}$|(?<=[^\d])\d$/
/** A shorter stem is too common to say something. */
const MIN_STEM = 4
/** Longer names are compared by their beginning. */
const MAX_NAME = 512

const SEPARATORS = /[\s\-_./:,;|~+]+/g
const HUMP = /([a-z0-9])([A-Z])/g

export const wordsOf = (name: string): readonly string[] =>
  latinOf(name.slice(0, MAX_NAME)).replace(HUMP, '$1 $2').toLowerCase().split(SEPARATORS).filter(Boolean)

export const lookOf = (name: string): string => skeletonOf(latinOf(name.slice(0, MAX_NAME)).replaceAll(SEPARATORS, ''))

export function keysOf(name: string): Keys {
  const words = wordsOf(name)
  return { look: lookOf(name), stem: stemOf(words), words: words.length < 2 ? '' : [...words].sort().join(' ') }
}

function stemOf(words: readonly string[]): string {
  let end = words.length
  while (end > 1 && (ENDINGS.has(words[end - 1] ?? '') || NUMBER.test(words[end - 1] ?? ''))) end--
  const last = words[end - 1]?.replace(NUMBER_AT_END, '') ?? ''
  const stem = [...words.slice(0, end - 1), last].join('')
  return skeletonOf(stem.length >= MIN_STEM ? stem : words.join(''))
}

/** How two different names with one look differ: the first of these that explains all of it. */
export function differenceOf(a: string, b: string): CollisionCode {
  if (seenOf(a) === seenOf(b)) return 'hidden-characters'
  const [formA, formB] = [formOf(a), formOf(b)]
  if (formA === formB) return 'letter-form'
  if (formA.toLowerCase() === formB.toLowerCase()) return 'case-variant'
  const [latinA, latinB] = [latinOf(a).toLowerCase(), latinOf(b).toLowerCase()]
  if (latinA === latinB) return 'look-alike-letters'
  return latinA.replaceAll(SEPARATORS, '') === latinB.replaceAll(SEPARATORS, '') ? 'separator-variant' : 'look-alike-letters'
}
