// Commands and identifiers (N138): what no shell and no option parser takes for something else.

import { hasHidden } from './signs.ts'

const MAX_LENGTH = 65_536
/** Signs by which shells (sh, cmd, PowerShell) end, join, redirect, quote, expand or comment. */
const SHELL = /[;&|<>$`(){}[\]*?!~#'"\\%^]/

/** One command line, or its words as a list. The first word must be a listed program; what its own options do is not known here. */
export function commandProblem(words: readonly string[], programs: readonly string[]): string | undefined {
  for (const word of words) {
    if (word.length > MAX_LENGTH) return `is longer than ${MAX_LENGTH} characters`
    if (hasHidden(word)) return 'has a line break, control or invisible characters'
    if (SHELL.test(word)) return 'has signs that a shell reads'
  }
  const [first = ''] = words
  return programs.includes(first) ? undefined : 'starts a program that is not listed'
}
export const wordsOf = (line: string): readonly string[] => line.split(' ')

const MAX_IDENTIFIER = 256
/** Letters, digits and `._-`, never a leading sign: `--flag` is an option to whoever takes it for one. `also`: signs an administrator permits besides. */
export function identifierProblem(text: string, also: string): string | undefined {
  if (text === '' || text.length > MAX_IDENTIFIER) return `is not 1 to ${MAX_IDENTIFIER} characters long`
  if (!/^[A-Za-z0-9]/.test(text)) return 'does not start with a letter or digit'
  for (const sign of text) if (!/[A-Za-z0-9._-]/.test(sign) && !also.includes(sign)) return 'has signs that an identifier may not have'
  return undefined
}
