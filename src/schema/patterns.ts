// The patterns of one schema, each made once and all of a bounded size: counts make a few letters of a schema thousands of instructions.

import { compilePattern, isPattern } from '../kernel/pattern/pattern.ts'
import type { Fits } from './check.ts'
import { Unjudged } from './run.ts'
import { SchemaUnusable } from './unusable.ts'

/** Instructions of all patterns of one schema; one pattern has 5,000 at most, and few have 100. */
const MAX_SIZE = 40_000

export class Patterns {
  readonly #known = new Map<string, Fits>()
  #left = MAX_SIZE

  /** attacker-controlled: never the engine's own expressions. Throws SchemaUnusable. */
  of(source: string): Fits {
    const known = this.#known.get(source)
    if (known) return known
    const pattern = compilePattern(source)
    if (!isPattern(pattern)) throw new SchemaUnusable(`its \`pattern\` cannot be used: ${pattern.unusable}`)
    if ((this.#left -= pattern.size) < 0) throw new SchemaUnusable('its patterns are too large together')
    const fits: Fits = (text, run) => {
      const found = pattern.test(text, run.steps)
      if (found === undefined) throw new Unjudged('a text is longer than its pattern can be tried on')
      return found
    }
    this.#known.set(source, fits)
    return fits
  }
}
