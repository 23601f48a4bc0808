// Scopes an upstream wants on top of what was granted (R116): asked for together with the old ones, a few times, and not again where it did not help.

/** Accounts whose wishes are remembered. */
const MAX_REMEMBERED = 10_000
/** Different grants that were tried for the same missing scopes. */
const MAX_TRIES = 2

type Wish = { readonly scopes: readonly string[]; readonly grants: ReadonlySet<string> }

export class StepUp {
  readonly #wishes = new Map<string, Wish>()

  /** What to ask for next; undefined = asking would not help. `granted`: scopes of the grant that was refused. */
  want(
    key: string,
    grant: { readonly id: string; readonly scopes: readonly string[] },
    challenged: readonly string[],
  ): readonly string[] | undefined {
    const missing = challenged.filter(scope => !grant.scopes.includes(scope))
    if (missing.length === 0) return undefined
    const known = this.#wishes.get(key)
    const isSame = known !== undefined && missing.every(scope => known.scopes.includes(scope))
    const grants = new Set(isSame ? known.grants : []).add(grant.id)
    if (grants.size > MAX_TRIES) return undefined
    const scopes = [...new Set([...grant.scopes, ...challenged])]
    this.#wishes.delete(key)
    this.#wishes.set(key, { scopes, grants })
    for (const oldest of this.#wishes.keys()) {
      if (this.#wishes.size <= MAX_REMEMBERED) break
      this.#wishes.delete(oldest)
    }
    return scopes
  }

  /** Scopes to ask for when this account is connected next. */
  wanted(key: string): readonly string[] {
    return this.#wishes.get(key)?.scopes ?? []
  }
}
