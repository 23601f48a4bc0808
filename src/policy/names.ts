// Which rule names a tool, prompt, resource or method first: one look-up for exact names and `*`, a binary search for prefixes.

/** No rule. Larger than any rule's index, so the smaller index wins. */
export const NONE = 0x3fffffff

/** A prefix of the configuration, `rule` = the first rule that names it or any shorter prefix of it. */
type Prefix = { readonly text: string; readonly rule: number; readonly shorter: Prefix | undefined }

/**
 * The names of one kind in every rule that applies. `*` alone matches every name; with `prefixes`, a trailing `*` matches what starts with the rest.
 * Everything else is literal: attacker-controlled names are never read as patterns.
 */
export class Names {
  readonly #exact = new Map<string, number>()
  readonly #star: number
  /** sorted by code unit */
  readonly #prefixes: readonly Prefix[]

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
    this.#prefixes = chained(prefixes)
  }

  /** Index of the first rule that names it, or NONE. */
  firstRule(name: string): number {
    const found = Math.min(this.#exact.get(name) ?? NONE, this.#star)
    if (found === 0 || this.#prefixes.length === 0 || hasTraversal(name)) return found
    return Math.min(found, this.#longestPrefix(name)?.rule ?? NONE)
  }

  /** The longest prefix of `name` is the greatest entry <= name or one of the entries that entry starts with. */
  #longestPrefix(name: string): Prefix | undefined {
    let low = 0
    let high = this.#prefixes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#prefixes[middle]?.text ?? '') <= name) low = middle + 1
      else high = middle
    }
    let candidate = this.#prefixes[low - 1]
    while (candidate && !name.startsWith(candidate.text)) candidate = candidate.shorter
    return candidate
  }
}

/**
 * A prefix permits a place in a tree, so a name that climbs out of it must not profit: `file:///public/../secret` starts with `file:///public/`.
 * Whether an upstream resolves dot segments, encoded ones, backslashes or control characters is unknown here; all of them leave the prefixes unused.
 * Exact names and `*` are not concerned.
 */
function hasTraversal(name: string): boolean {
  return TRAVERSAL.test(name)
}
const TRAVERSAL = /[\\\u0000-\u001f\u007f]|%(?:5c|25|[01][0-9a-f]|7f)|(?:[/:]|%2f)(?:\.|%2e){1,2}(?:[/?#;]|%2f|$)/i

function first(index: Map<string, number>, name: string, rule: number): void {
  if (!index.has(name)) index.set(name, rule)
}

/** Sorts the prefixes and links each to the longest other one it starts with. */
function chained(prefixes: ReadonlyMap<string, number>): readonly Prefix[] {
  const sorted: Prefix[] = []
  for (const [text, rule] of [...prefixes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    let shorter = sorted.at(-1)
    while (shorter && !text.startsWith(shorter.text)) shorter = shorter.shorter
    sorted.push({ text, rule: Math.min(rule, shorter?.rule ?? NONE), shorter })
  }
  return sorted
}
