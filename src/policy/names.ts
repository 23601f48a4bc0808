// Which rule names a tool, prompt, resource or method first: one look-up for exact names and `*`, a binary search for prefixes.

import { hasTraversal, Prefixes } from '../kernel/prefixes.ts'

/** No rule. Larger than any rule's index, so the smaller index wins. */
export const NONE = 0x3fffffff

/**
 * The names of one kind in every rule that applies. `*` alone matches every name; with `prefixes`, a trailing `*` matches what starts with the rest,
 * unless it may climb out of there. Everything else is literal: attacker-controlled names are never read as patterns.
 */
export class Names {
  readonly #exact = new Map<string, number>()
  readonly #star: number
  readonly #prefixes: Prefixes<number>

  /** @param lists the names of each rule, in the order of the rules */
  constructor(lists: readonly (readonly string[])[], mode: 'exact' | 'prefixes' = 'exact') {
    let star = NONE
    const prefixes = new Map<string, number>()
    lists.forEach((names, rule) => {
      for (const name of names) {
        if (name === '*') star = Math.min(star, rule)
        else if (mode === 'prefixes' && name.endsWith('*')) first(prefixes, name.slice(0, -1), rule)
        else first(this.#exact, name, rule)
      }
    })
    this.#star = star
    this.#prefixes = new Prefixes(prefixes, Math.min)
  }

  /** Index of the first rule that names it, or NONE. */
  firstRule(name: string): number {
    const found = Math.min(this.#exact.get(name) ?? NONE, this.#star)
    // Exact names and `*` are not concerned with traversal.
    if (found === 0 || this.#prefixes.size === 0 || hasTraversal(name)) return found
    return Math.min(found, this.#prefixes.longest(name) ?? NONE)
  }
}

function first(index: Map<string, number>, name: string, rule: number): void {
  if (!index.has(name)) index.set(name, rule)
}
