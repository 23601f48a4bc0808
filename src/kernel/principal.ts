// Who asks: the caller as a verified token names it.

declare const principalKey: unique symbol
/** `<issuer> <subject>`: the only identity anything is bound to. Issuers hold no space (RFC 3986), so the pair is unambiguous. */
export type PrincipalKey = string & { readonly [principalKey]: true }

/**
 * By what a caller was verified: an access token by its signature, one that its issuer was asked about (RFC 7662), one with a proof of its key (RFC 9449); a
 * command of the gateway's own user, a browser session, a proof of a namespace and the token it is exchanged for.
 */
export type Authentication = {
  readonly kind:
    'access-token' | 'introspected-token' | 'dpop-token' | 'local-command' | 'browser-session' | 'namespace-proof' | 'registry-token'
  /** whoever issued what it was verified by, where that is not the principal's own issuer */
  readonly issuer?: string
}

/** A verified caller. Everything here comes from the token, nothing from headers. */
export type Principal = {
  readonly key: PrincipalKey
  readonly issuer: string
  readonly subject: string
  /** a person, or a program with credentials of its own */
  readonly kind: 'person' | 'workload'
  /** absent in cases of tests of policies, where nobody is verified */
  readonly authentication?: Authentication
  /** OAuth client id (`client_id`, else `azp`), when the token names one */
  readonly client?: string
  readonly groups: readonly string[]
  /** exact scope words that count: the token's own, and those the configuration gives its holder */
  readonly scopes: readonly string[]
  /** `*` and `<alias>:*` that the configuration gives; never from the token */
  readonly wildcards: readonly string[]
  /** end of the token, seconds since the epoch */
  readonly expiresAtSeconds: number
  /** which token: its `jti`, or a digest of it where it has none; never the token */
  readonly tokenId?: string
  /** `iat` of the token, seconds since the epoch; what is revoked counts one that is missing as the oldest */
  readonly issuedAtSeconds?: number
  /** `sid`: the sign-in at the issuer that the token comes from, when it says so (OIDC Back-Channel Logout) */
  readonly sessionId?: string
  /**
   * The gateway's own authorization server issued the token: which authorization it comes of (identity/oauth-records.ts), '' where it does not say. Nobody
   * else issues tokens with one, and outside this gateway they mean nothing.
   */
  readonly family?: string
  /**
   * The same for what its person allowed: which scopes hold by that alone, and when they were asked (seconds since the epoch; 0 where the token does not
   * say). What other issuers ask people is theirs to know.
   */
  readonly consent?: { readonly scopes: readonly string[]; readonly atSeconds: number }
}

export const keyOf = (issuer: string, subject: string): PrincipalKey => `${issuer} ${subject}` as PrincipalKey

/** The pair that a key was made of. */
export function principalOf(key: PrincipalKey): { readonly issuer: string; readonly subject: string } {
  const space = key.indexOf(' ')
  return { issuer: key.slice(0, space), subject: key.slice(space + 1) }
}
