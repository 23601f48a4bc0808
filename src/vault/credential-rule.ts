// What the configuration says of an upstream's credential per principal: which kind it is, where it comes from and how it is sent.

/** How the gateway proves who it is at a token endpoint (RFC 6749 section 2.3, RFC 7523 section 2.2). */
export type ClientAuthentication = 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt'

/** An OAuth client that an authorization server knows already. */
export type RegisteredClient = {
  readonly id: string
  readonly secret?: string
  /** private key: PKCS #8 in PEM, or a JWK */
  readonly key?: string
  /** absent = what the authorization server takes and the client can do, the strongest first */
  readonly authentication?: ClientAuthentication
}

type CredentialKind = 'oauth' | 'token-exchange' | 'identity-assertion' | 'client-credentials' | 'secret'

/** INVARIANT: there is no shared fallback: a principal without a credential of its own gets nothing from this upstream. */
export type CredentialRule = {
  readonly kind: CredentialKind
  /** the MCP server as an OAuth resource (RFC 8707); its URL unless said otherwise; empty for processes */
  readonly resource: string
  /** the authorization server that issues it; absent = the resource names it (RFC 9728), which only `oauth` and `client-credentials` may do */
  readonly issuer?: string
  /** absent = what the upstream asks for (R115 in research/protocol.md, MCP scope selection) */
  readonly scopes?: readonly string[]
  readonly client?: RegisteredClient
  /** token-exchange: `audience` of RFC 8693 beside `resource` */
  readonly audience?: string
  /** identity-assertion: who turns a person's sign-in into an assertion for `issuer` */
  readonly identityProvider?: { readonly issuer: string; readonly client: RegisteredClient }
  /** request header that carries it, and what stands in front of it there */
  readonly header: string
  readonly prefix: string
  /** `secret` of a stdio upstream: the variable in the environment of this principal's process */
  readonly env?: string
}

/** Kinds a person can mend in a browser. */
export const isConnectable = ({ kind }: CredentialRule): boolean => kind === 'oauth' || kind === 'secret'
