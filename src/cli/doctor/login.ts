// The provider that people sign in at with a browser: reachable, and able to do what signing in here needs.

import type { AuthorizationServerSettings, LoginSettings, Snapshot } from '../../config/schema.ts'
import { evaluationIssuer } from '../../config/schema.ts'
import { fail, ok, warn } from './check.ts'
import type { Check, World } from './check.ts'
import { readMetadata, type Metadata } from './metadata.ts'
import { checkSubjectClaim } from './subjects.ts'

export async function checkLogin(world: World, snapshot: Snapshot): Promise<Check[]> {
  const { login, evaluation, issuers, publicUrl, authorizationServer } = snapshot
  // The evaluation provider runs only while the gateway does.
  if (!login || (evaluation && login.issuer === evaluationIssuer(evaluation.port))) return []
  const name = `login ${login.issuer}`
  const metadata = await readMetadata(world, login.issuer)
  if ('status' in metadata) return [{ ...metadata, name }]
  const isIssuerToo = issuers.some(({ issuer }) => issuer === login.issuer)
  return [
    ...metadata.clock.map(check => ({ ...check, name })),
    ...checkNeeds(name, login, metadata),
    checkLogout(name, metadata, publicUrl),
    ...(authorizationServer
      ? [checkRefresh(name, { ...login, ...authorizationServer }, metadata), ...checkExchange(name, snapshot, metadata)]
      : []),
    ...(isIssuerToo ? [] : [checkSubjectClaim(name, login, metadata)]),
  ]
}

/** OpenID Connect Core section 3.1 with PKCE (RFC 7636): what the gateway refuses to sign people in without. */
function checkNeeds(name: string, { isPkceAssumed = false }: LoginSettings, metadata: Metadata): Check[] {
  const missing = ['authorization_endpoint', 'token_endpoint', 'jwks_uri'].filter(member => metadata.text(member) === undefined)
  const checks = missing.map(member =>
    fail(name, `its metadata names no \`${member}\``, 'see whether `identity.login.issuer` is an OpenID provider'),
  )
  const isStated = (metadata.list('code_challenge_methods_supported') ?? []).includes('S256')
  if (!isStated && !isPkceAssumed)
    checks.push(
      fail(
        name,
        'it does not say that it supports PKCE with S256, and nobody is signed in without',
        'turn PKCE on there; where its documentation says that it supports it and its metadata does not, set `identity.login.pkce: assumed`',
      ),
    )
  return checks.length > 0
    ? checks
    : [ok(name, `it answers, and ${isStated ? 'supports PKCE' : 'supports PKCE according to the configuration, not to its metadata'}`)]
}

function checkLogout(name: string, metadata: Metadata, publicUrl: string): Check {
  const url = `${publicUrl}/oauth/backchannel-logout`
  return metadata.isTrue('backchannel_logout_supported')
    ? ok(name, `it can tell this gateway of sign-outs (back-channel logout), once ${url} is registered there`)
    : ok(name, 'it does not tell of sign-outs (no back-channel logout): they are noticed when hosts refresh their tokens, or by a block')
}

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** RFC 8693: credentials of upstreams that start with the sign-in of whoever calls (ID-JAG, docs/identity-providers.md). */
function checkExchange(name: string, { login, upstreams }: Snapshot, metadata: Metadata): Check[] {
  const aliases = [...upstreams.values()].flatMap(({ alias, credential }) =>
    credential?.identityProvider?.issuer === login?.issuer ? [`\`${alias}\``] : [],
  )
  if (aliases.length === 0) return []
  const whom = `credentials for ${aliases.join(', ')}`
  if (metadata.list('grant_types_supported')?.includes(EXCHANGE) === true) return [ok(name, `it exchanges tokens, as ${whom} need`)]
  return [
    warn(
      name,
      `it does not say that it exchanges tokens (RFC 8693), as ${whom} need`,
      'turn it on there for the gateway’s client: an ID token as the subject, an identity assertion (ID-JAG) as what is asked for',
    ),
  ]
}

type Refreshing = Pick<LoginSettings, 'scopes'> & Pick<AuthorizationServerSettings, 'tokenSeconds'>

/** Without a refresh token the provider cannot be asked again: whoever left is let in until the sign-in ends. */
function checkRefresh(name: string, { scopes, tokenSeconds }: Refreshing, metadata: Metadata): Check {
  const known = metadata.list('scopes_supported')
  if (!scopes.includes('offline_access'))
    return warn(
      name,
      '`scopes` asks for no refresh token, so an account that ends is noticed only when the sign-in does, after 8 hours',
      'put `offline_access` into `identity.login.scopes`, where the provider gives refresh tokens for it',
    )
  if (known && !known.includes('offline_access'))
    return warn(
      name,
      'it does not know the scope `offline_access`; if it gives no refresh token, an account that ends is noticed after 8 hours',
      'see in its documentation how a refresh token is asked for',
    )
  return ok(name, `whoever is gone there is noticed within ${Math.ceil(tokenSeconds / 60)} minutes, when hosts refresh their tokens`)
}
