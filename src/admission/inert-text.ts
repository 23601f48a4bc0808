// Text of strangers on its way to a reviewer: as JSON that cannot move a cursor, turn the direction of reading, hide a character or become HTML.

/** What draws nothing, changes direction, breaks lines or belongs to nobody (Cc, Cf, Zl, Zp, Co, Cs, Cn), fillers, variation selectors, and what HTML and Markdown begin with. */
const ACTIVE =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Cn}\u115f\u1160\u3164\uffa0<>&`]|\u034f|\u17b4|\u17b5|[\ufe00-\ufe0f]|[\u{e0100}-\u{e01ef}]/gu

const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')

/** The longest piece of a value that is shown; in UTF-16 units of its escaped JSON text. */
const MAX_SHOWN = 400

/** JSON text of any plain value, inert in terminals, logs and HTML; JSON readers undo the escapes. What is longer is cut and ends in `…`. */
export function inertJson(value: unknown, maxLength = MAX_SHOWN): string {
  // Bounded before any work on it: an attacker chooses its length.
  const text = (JSON.stringify(value) as string | undefined) ?? 'null'
  return cut(text.slice(0, maxLength + 1).replace(ACTIVE, escaped), maxLength)
}

/** A name or pointer without quotes, as inert as the above. */
export const inertText = (text: string, maxLength = MAX_SHOWN): string =>
  inertJson(text.slice(0, maxLength + 1), maxLength + 2).slice(1, -1)

/** A sentence of this gateway for a terminal: as inert, but for the backticks that it sets names in, which do nothing there. */
export const inertSentence = (text: string): string => inertText(text).replaceAll('\\u0060', '`')

const cut = (text: string, maxLength: number): string => (text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`)

/** One difference as a person is shown it. Values are inert JSON text, cut where long. */
export type ShownChange = { readonly pointer: string; readonly before?: string; readonly after?: string }
