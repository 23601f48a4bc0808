// Text for lines that people and programs read later: JSON strings that cannot leave their line or colour a terminal.

const PLAIN = /^[ !#-[\]-~]*$/
const NOT_ASCII = /[^ -~]/g
const escapeUnit = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`

/** JSON text in printable ASCII: everything else becomes a \u escape, which any JSON reader undoes. */
export const asciiJson = (json: string): string => json.replace(NOT_ASCII, escapeUnit)

/**
 * A JSON string of printable ASCII only: no line, terminal control or text direction can be injected through it (N107). What is longer than `maxLength`
 * UTF-16 units is cut and ends in `…`. The fast path takes exactly the strings that JSON.stringify would only put quotes around.
 */
export function jsonString(value: string, maxLength: number): string {
  const kept = value.length > maxLength ? `${value.slice(0, maxLength - 1)}…` : value
  return PLAIN.test(kept) ? `"${kept}"` : asciiJson(JSON.stringify(kept))
}

/** The inside of such a string, so that neither HTML nor Markdown acts on it either. */
export const inertAscii = (text: string, maxLength: number): string =>
  jsonString(text, maxLength)
    .slice(1, -1)
    .replace(/[<>&`]/g, c => `\\u00${c.charCodeAt(0).toString(16)}`)

/** Text from a log or a stranger for one line of a terminal: controls, marks of direction and separators of lines become `?`. */
export const inertLine = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
