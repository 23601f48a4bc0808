// HTML as values: whatever is put into a template is escaped, and only what a template made is not.

import { visible } from './visible-text.ts'

/** Markup: the only thing a template takes over as it is. A class, so that nothing that was parsed can pass for it. */
export class Html {
  readonly text: string
  /** For constants of this source alone; everything else goes through `html`. */
  constructor(text: string) {
    this.text = text
  }
}

type Part = Html | string | number | undefined | false | readonly Part[]

/** Text of anybody for an element or a quoted attribute; invisible and direction-changing characters are shown by their codes. */
export const escape = (text: string): string => visible(text).replace(/[&<>"'`]/g, character => `&#${character.charCodeAt(0)};`)

/** A template. Strings and numbers are escaped, lists joined, `undefined` and `false` left out. */
export const html = (parts: TemplateStringsArray, ...values: readonly Part[]): Html =>
  new Html(parts.reduce((all, part, i) => all + textOf(values[i - 1]) + part))

function textOf(part: Part): string {
  if (part === undefined || part === false) return ''
  if (typeof part === 'string') return escape(part)
  if (typeof part === 'number') return String(part)
  return part instanceof Html ? part.text : part.map(textOf).join('')
}
