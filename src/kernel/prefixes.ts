// Which of many configured prefixes a name starts with: one binary search, however many there are.

type Node<T> = { readonly text: string; readonly value: T; readonly shorter: Node<T> | undefined }

/**
 * Prefixes with a value each. A longer one's value is joined with that of the longest other prefix it starts with, so the longest match knows of all.
 * Everything is literal: attacker-controlled names are never read as patterns.
 */
export class Prefixes<T> {
  readonly size: number
  /** sorted by code unit */
  readonly #sorted: readonly Node<T>[]

  constructor(prefixes: ReadonlyMap<string, T>, join: (own: T, shorter: T) => T) {
    const sorted: Node<T>[] = []
    for (const [text, own] of [...prefixes].sort(([a], [b]) => (a < b ? -1 : 1))) {
      let shorter = sorted.at(-1)
      while (shorter && !text.startsWith(shorter.text)) shorter = shorter.shorter
      sorted.push({ text, value: shorter ? join(own, shorter.value) : own, shorter })
    }
    this.#sorted = sorted
    this.size = sorted.length
  }

  /** The value of the longest prefix of `name`: the greatest entry <= name, or one of the entries that entry starts with. */
  longest(name: string): T | undefined {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#sorted[middle]?.text ?? '') <= name) low = middle + 1
      else high = middle
    }
    let candidate = this.#sorted[low - 1]
    while (candidate && !name.startsWith(candidate.text)) candidate = candidate.shorter
    return candidate?.value
  }
}

/**
 * A prefix means a place in a tree, and some names climb out of it: `file:///public/../secret` starts with `file:///public/`. Whether an upstream
 * resolves dot segments, encoded ones, backslashes or control characters is unknown here: for all of them a prefix says nothing.
 */
export const hasTraversal = (name: string): boolean => TRAVERSAL.test(name)
const TRAVERSAL = /[\\\u0000-\u001f\u007f]|%(?:5c|25|[01][0-9a-f]|7f)|(?:[/:]|%2f)(?:\.|%2e){1,2}(?:[/?#;]|%2f|$)/i
