// What a proof of a namespace rests on: the key that the domain publishes, or the account that the issuer names by a number. Names change hands; these do not.

/**
 * `key`: SHA-256 of the published key. `account`: the issuer (`authority`) and its number of whose the name is (`owner`); `also`: further numbers, such as the
 * repository's, that have to stay the same.
 */
export type Binding =
  | { readonly kind: 'key'; readonly key: string }
  | {
      readonly kind: 'account'
      readonly authority: string
      readonly owner: string
      readonly also: Readonly<Record<string, string>>
    }

export type Comparison =
  | 'same'
  /** nothing was bound before */
  | 'first'
  | 'other-key'
  /** a key where an account was, or an account of another issuer */
  | 'other-kind'
  /** the name belongs to another account of the same issuer: it was renamed, or deleted and taken anew */
  | 'other-owner'
  /** the same owner's, but another repository or whatever else was bound */
  | 'other-detail'

/** How what is shown now compares with what was bound. */
export function compareBindings(bound: Binding | undefined, shown: Binding): Comparison {
  if (!bound) return 'first'
  if (bound.kind === 'key' || shown.kind === 'key') {
    if (bound.kind !== shown.kind) return 'other-kind'
    return bound.kind === 'key' && shown.kind === 'key' && bound.key === shown.key ? 'same' : 'other-key'
  }
  if (bound.authority !== shown.authority) return 'other-kind'
  if (bound.owner !== shown.owner) return 'other-owner'
  // What is bound only since is bound from now on. What was bound has to be shown: whoever shows less, as an access token does, would unbind it.
  return Object.entries(bound.also).every(([name, id]) => shown.also[name] === id) ? 'same' : 'other-detail'
}
