// Who asks: the caller as a verified token names it.

declare const principalKey: unique symbol
/** `<issuer> <subject>`: the only identity anything is bound to. Issuers hold no space (RFC 3986), so the pair is unambiguous. */
export type PrincipalKey = string & { readonly [principalKey]: true }

/** A verified caller. Everything here comes from the token, nothing from headers. */
export type Principal = {
  readonly key: PrincipalKey
  readonly issuer: string
  readonly subject: string
  /** OAuth client id (`client_id`, else `azp`), when the token names one */
  readonly client?: string
  readonly groups: readonly string[]
  readonly scopes: readonly string[]
  /** end of the token, seconds since the epoch */
  readonly expiresAtSeconds: number
}

export const keyOf = (issuer: string, subject: string): PrincipalKey => `${issuer} ${subject}` as PrincipalKey

/** The pair that a key was made of. */
export function principalOf(key: PrincipalKey): { readonly issuer: string; readonly subject: string } {
  const space = key.indexOf(' ')
  return { issuer: key.slice(0, space), subject: key.slice(space + 1) }
}
