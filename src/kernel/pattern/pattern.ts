// Patterns of strangers over texts of strangers: all ways are followed at once, so the time is program times text, and steps are counted. No backtracking.

import { Machine } from './machine.ts'
import { programOf } from './program.ts'
import type { Steps } from './machine.ts'
import { PatternFault } from './reader.ts'
import { parsePattern } from './syntax.ts'

/** Longest pattern, in UTF-16 units. */
const MAX_LENGTH = 2048

export interface Pattern {
  /** what it takes in memory, in instructions */
  readonly size: number
  /** whether it is found in the text; undefined = the steps are used up */
  test(text: string, steps: Steps): boolean | undefined
}

/** `unusable` says why: lower case, nothing of the pattern in it. Backreferences are the one thing that no linear engine can do. Never throws. */
export function compilePattern(source: string): Pattern | { readonly unusable: string } {
  if (source.length > MAX_LENGTH) return { unusable: `it is longer than ${MAX_LENGTH} characters` }
  try {
    const { program, size } = programOf(parsePattern(source))
    return { size, test: (text, steps) => new Machine(program, text, steps).run(0) }
  } catch (cause) {
    if (cause instanceof PatternFault) return { unusable: cause.message }
    throw cause
  }
}
export const isPattern = (found: Pattern | { readonly unusable: string }): found is Pattern => 'test' in found
