// Characters that are read as something else further on: controls, invisible ones, and those that a file system, shell or normalisation turns into a separator.

/** C0, C1, format characters (bidi, zero-width, tags), unassigned and private ones; all white space but the plain space. */
const HIDDEN = /[\p{C}\u2028\u2029]|(?! )\p{Z}/u
export const hasHidden = (text: string): boolean => HIDDEN.test(text)

/** Look like a slash, backslash, dot or colon without being mapped to one by NFKC; and the yen and won signs, which are backslashes in code pages. */
const LOOK_ALIKES = /[\u00a5\u20a9\u2044\u2215\u2216\u2236\u2571\u2572\u27cb\u27cd\u29f5\u29f8\u29f9\ua789\u00b7\u2022\u22c5\u2024-\u2026]/u
const MEANINGFUL = /[/\\.:%~$*?]/

/** One pass: each character that is not ASCII is asked what it would become. */
export function hasLookAlike(text: string): boolean {
  if (isAscii(text)) return false
  if (LOOK_ALIKES.test(text)) return true
  for (const sign of text) if (sign > '\u007f' && MEANINGFUL.test(sign.normalize('NFKC'))) return true
  return false
}

const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text)
