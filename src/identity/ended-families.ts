// Families of access tokens that ended before their time: the tokens are self-contained, so the resource server has to be told.

/** Longest life of an access token of our own (config: 15 minutes), and the clock skew forgiven on top; seconds. */
export const ENDED_SECONDS = 15 * 60 + 60

type EndedFamilies = {
  /** O(1); for the data path */
  has(family: string | undefined): boolean
  add(families: readonly string[], nowSeconds: number): void
}

/** In memory: as many as ended within the last quarter of an hour. The store keeps them over a restart (OauthRecordStore); hand them in as `known`. */
export function createEndedFamilies(known: ReadonlyMap<string, number>): EndedFamilies {
  const until = new Map(known)
  return {
    has: family => family !== undefined && until.size > 0 && until.has(family),
    add(families, now) {
      for (const family of families) until.set(family, now + ENDED_SECONDS)
      // In order of insertion, which is nearly that of their ends: what is over stands first.
      for (const [family, end] of until) {
        if (end > now) break
        until.delete(family)
      }
    },
  }
}
