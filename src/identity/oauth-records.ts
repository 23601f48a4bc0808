// What the authorization server has to remember: grants, codes and refresh tokens, by digests, and the clients that registered themselves.

/** One grant, code or refresh token. Nothing here is a secret, and nothing here can be turned into one. */
export type OauthRecord = {
  readonly kind: string
  /** digest of the value; the value itself is known to its holder alone */
  readonly digest: string
  /** everything that came of one authorization shares it */
  readonly family: string
  readonly signInId: string
  readonly client: string
  /** sealed under a key that only the value gives */
  readonly sealed: Buffer
  readonly endsAtSeconds: number
}

/**
 * Every write is durable when it resolves and atomic; calls may run at once. Faults of the store reject. What ended is never returned. The methods that end
 * something also write down its family as ended, in the same transaction.
 */
export interface OauthRecordStore {
  put(record: OauthRecord): Promise<void>
  find(
    kind: string,
    digest: string,
    nowSeconds: number,
  ): Promise<{ readonly record: OauthRecord; readonly consumedAtSeconds?: number } | undefined>
  /** false when it was consumed before, or is not there: of two that try at once, one gets true */
  consume(kind: string, digest: string, nowSeconds: number): Promise<boolean>
  remove(kind: string, digest: string): Promise<void>
  endFamily(family: string): Promise<void>
  /** forgets what expired; rows of strangers never wait for it (a cap bounds those) */
  sweep(nowSeconds: number): Promise<void>
}

/** A client that registered itself: metadata as it was accepted, JSON. */
type RegisteredClient = { readonly id: string; readonly metadata: string }

/** Bounded: past `max` clients the one that was registered first among those nobody ever consented to goes. Else as OauthRecordStore. */
export interface RegisteredClientStore {
  put(client: RegisteredClient, nowSeconds: number): Promise<void>
  find(id: string): Promise<RegisteredClient | undefined>
}
