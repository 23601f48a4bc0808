// JSON that is to be shown or put into a page: the same values, with nothing in the text that acts where it stands.

/**
 * The same JSON, with nothing in it that could be taken for markup where somebody puts it into a page, end a line of a script, move the cursor of a terminal,
 * turn the direction of reading or hide. These characters stand in strings alone, where an escape means the same.
 */
export const neutral = (json: string): string => (PLAIN.test(json) ? json : json.replace(ACTIVE, escaped))

const PLAIN = /^[^<>&\x7f-\uffff]*$/
// Line breaks and tabs stand between tokens; in a string there is none.
const ACTIVE =
  /[<>&\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Cn}\u115f\u1160\u3164\uffa0]|\u034f|\u17b4|\u17b5|[\ufe00-\ufe0f]|[\u{e0100}-\u{e01ef}]/gu
const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')
