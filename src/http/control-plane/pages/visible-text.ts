// Text of strangers made safe to look at: what would be invisible, change direction or imitate other letters is shown for what it is.

import { latinOf } from '../../../kernel/look-alikes.ts'

/** Characters that draw nothing, change the direction of text or break lines: nobody means one in a name (Unicode categories Cc, Cf, Zl, Zp, Co, Cs, and fillers that draw nothing). */
const INVISIBLE =
  /(?![\n\t])(?:[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\u115f\u1160\u3164\uffa0]|\u17b4|\u17b5|\u034f|[\ufe00-\ufe0f]|[\u{e0100}-\u{e01ef}])/gu

/** Each invisible or direction-changing character as its code, e.g. `[U+202E]`. */
export const visible = (text: string): string =>
  text.replace(INVISIBLE, character => `[U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`)

const SCRIPTS = ['Latin', 'Cyrillic', 'Greek', 'Armenian', 'Cherokee', 'Hebrew', 'Arabic', 'Han', 'Hiragana', 'Katakana', 'Hangul'] as const
const SCRIPT_PATTERNS = SCRIPTS.map(name => [name, new RegExp(`\\p{Script=${name}}`, 'u')] as const)
/** Scripts that people do write together. */
const TOGETHER = ['Han', 'Hiragana', 'Katakana', 'Hangul', 'Latin']

/** Signs and digits that stand for letters, beside the letters of other alphabets that the kernel knows. */
const STANDS_FOR: Readonly<Record<string, string>> = { '0': 'o', '1': 'l', '|': 'l', '3': 'e', '5': 's', $: 's', '@': 'a' }

/** What a hasty reader takes a text for: width, case, accents, spacing and look-alike letters taken away. Equal skeletons look alike. */
export const skeleton = (text: string): string =>
  Array.from(latinOf(text).toLowerCase().normalize('NFKD'))
    .filter(character => !/[\p{M}\p{Z}\p{P}\p{Cc}\p{Cf}]/u.test(character))
    .map(character => STANDS_FOR[character] ?? character)
    .join('')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w')

/**
 * What is odd about a name that somebody chose, as sentences without a full stop; empty = nothing. `known`: names of applications that this name must not
 * be mistaken for, with what tells them apart (their host name).
 */
export function oddities(name: string, known: readonly { readonly name: string; readonly id: string }[] = []): string[] {
  const found: string[] = []
  if (name.search(INVISIBLE) >= 0) found.push('it contains invisible characters, or some that change the direction of text')
  const scripts = SCRIPT_PATTERNS.filter(([, pattern]) => pattern.test(name)).map(([script]) => script)
  if (scripts.length > 1 && !scripts.every(script => TOGETHER.includes(script)))
    found.push(`it mixes letters of several alphabets (${scripts.join(', ')}), some of which look alike`)
  else if (scripts.length === 1 && scripts[0] !== 'Latin' && /^[a-z0-9]+$/.test(skeleton(name)))
    found.push(`its ${scripts[0] ?? ''} letters look like Latin ones`)
  const like = known.find(other => other.name !== name && skeleton(other.name) === skeleton(name))
  if (like) found.push(`it looks like “${like.name}”, which is another application (${like.id})`)
  return found
}
