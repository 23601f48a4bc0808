// Who asks, as this process finds out: issuers' keys, introspection and proofs of possession, and how issuers are reached.

import { createIntrospection, type Introspection } from '../adapters/introspection.ts'
import { createSafeFetch, type SafeFetch } from '../adapters/safe-fetch.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import { createTokenKeys, loopbackHosts, type KeySettings, type TokenKeys } from '../adapters/tokens.ts'
import type { Snapshot } from '../config/schema.ts'
import { createAuthenticator, type Authenticator, type AuthenticatorDeps } from '../identity/bearer.ts'
import { ProofChecker } from '../identity/dpop.ts'

type Parts = Required<Pick<AuthenticatorDeps, 'judge'>> & { readonly logger: Pick<Logger, 'info'> }

type Tokens = Pick<Authenticator, 'authenticate' | 'watch'> & {
  /** towards issuers and identity providers, by the configuration in force */
  readonly outbound: SafeFetch
  readonly keys: TokenKeys
  readonly introspection: Introspection
  /** what a reload changed starts with no verdicts; keys and spent proofs of what stayed are kept */
  configure(snapshot: Snapshot): void
}

export function createTokens(snapshot: Snapshot, { logger, judge }: Parts): Tokens {
  let reach = fetchFor(snapshot)
  const outbound: SafeFetch = { get: (url, accept) => reach.get(url, accept), request: (url, asked) => reach.request(url, asked) }
  const keys = createTokenKeys({
    issuers: keySources(snapshot),
    fetch: outbound,
    onChange: status => logger.info('issuer keys', { ...status }),
  })
  const introspection = createIntrospection(snapshot.issuers, {
    fetch: outbound,
    onChange: status => logger.info('issuer introspection', { ...status }),
  })
  const proofs = new ProofChecker()
  const authenticatorOf = ({ issuers }: Snapshot): Authenticator =>
    createAuthenticator({ issuers, verifier: keys, introspect: introspection.introspect, proofs, judge })
  let authenticator = authenticatorOf(snapshot)
  return {
    outbound,
    keys,
    introspection,
    authenticate: (authorization, resource, nowSeconds, possession) =>
      authenticator.authenticate(authorization, resource, nowSeconds, possession),
    watch: (authorization, resource, principal) => authenticator.watch(authorization, resource, principal),
    configure(next) {
      reach = fetchFor(next)
      keys.configure(keySources(next))
      introspection.configure(next.issuers)
      authenticator = authenticatorOf(next)
    },
  }
}

/** Whose keys are kept: of every issuer whose tokens count, and of the provider people sign in at, whose logout tokens alone do. */
function keySources({ issuers, login }: Snapshot): readonly KeySettings[] {
  return login && !issuers.some(({ issuer }) => issuer === login.issuer) ? [...issuers, { issuer: login.issuer }] : issuers
}

/** Fetches reach public addresses, what `outbound.allow` opens, and on loopback the issuers and mirrors the configuration names. */
const fetchFor = ({ issuers, login, registry, outbound }: Snapshot): SafeFetch => {
  const named = loopbackHosts([
    ...issuers,
    ...(login ? [login] : []),
    ...registry.proofs,
    ...registry.mirrors.map(({ url }) => ({ issuer: url })),
    ...(registry.from ? [{ issuer: registry.from.url }] : []),
    ...(registry.github ? [{ issuer: registry.github.api }] : []),
  ])
  return createSafeFetch({ namedHosts: [...named, ...outbound.hosts], networks: outbound.networks })
}
