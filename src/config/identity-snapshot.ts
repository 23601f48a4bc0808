// `identity` of a checked document to what the gateway runs on: whose tokens count, where people sign in, and the authorization server of our own.

import { isExposed } from './exposure.ts'
import type { ValueSource } from './fields.ts'
import { authorizationServerKeyFile, EVALUATION_CLIENT, evaluationIssuer, evaluationKeyFile } from './schema.ts'
import type { AuthorizationServerSettings, IssuerSettings, LoginSettings, Snapshot } from './schema.ts'
import type { ConfigDocument } from './table.ts'

type ValueOf = (source: ValueSource) => string

/** INVARIANT: the document has no fault left. */
export function identityOf(
  doc: ConfigDocument,
  publicUrl: string,
  valueOf: ValueOf,
): Pick<Snapshot, 'issuers' | 'login' | 'authorizationServer'> {
  const { evaluation, authorizationServer } = doc.identity
  const issuers = doc.identity.issuers.map(issuer => issuerOf(issuer, valueOf))
  if (evaluation) issuers.push(evaluationSettings(evaluation.port, doc.dataDir))
  const login = loginOf(doc, valueOf)
  if (!login) return { issuers }
  if (!authorizationServer) return { issuers, login }
  // Hosts try issuers in order: ours knows their registrations and our endpoints, which few identity providers do.
  return {
    issuers: [ownSettings(publicUrl, doc.dataDir, login.issuer), ...issuers],
    login,
    authorizationServer: serverOf(doc, authorizationServer, valueOf),
  }
}

type IssuerDocument = ConfigDocument['identity']['issuers'][number]
/** A token that nobody can take back should not live long. */
const UNCHECKED_SECONDS = 900
const CHECKED_SECONDS = 3600

function issuerOf(issuer: IssuerDocument, valueOf: ValueOf): IssuerSettings {
  const { kind, subjects, introspection } = issuer
  return {
    ...(kind === undefined ? {} : { kind: kind === 'workloads' ? 'workload' : 'person' }),
    ...(subjects === undefined ? {} : { subjects }),
    ...(introspection ? { introspection: introspectionOf(introspection, valueOf) } : {}),
    dpop: issuer.dpop,
    issuer: issuer.issuer,
    ...(issuer.jwksUri === undefined ? {} : { jwksUri: issuer.jwksUri }),
    ...(issuer.jwksFile === undefined ? {} : { jwksFile: issuer.jwksFile }),
    algorithms: issuer.algorithms,
    types: issuer.types,
    subjectClaim: issuer.subjectClaim,
    groupsClaim: issuer.groupsClaim,
    grant: issuer.grant.map(({ to, everyone, scopes }) => ({
      everyone,
      groups: to?.groups ?? [],
      scopes: to?.scopes ?? [],
      clients: to?.clients ?? [],
      subjects: to?.subjects ?? [],
      give: scopes,
    })),
    maxTokenSeconds: issuer.maxTokenLife ?? (introspection ? CHECKED_SECONDS : UNCHECKED_SECONDS),
    clockSkewSeconds: issuer.clockSkew,
    ...(issuer.logoutAudience === undefined ? {} : { logoutAudience: issuer.logoutAudience }),
  }
}

function introspectionOf(
  { url, clientId, clientSecret, method, opaque }: NonNullable<IssuerDocument['introspection']>,
  valueOf: ValueOf,
): NonNullable<IssuerSettings['introspection']> {
  return { ...(url === undefined ? {} : { url }), clientId, clientSecret: valueOf(clientSecret), method, isOpaque: opaque }
}

/** The evaluation provider is one more issuer, with the defaults. */
function evaluationSettings(port: number, dataDir: string): IssuerSettings {
  return {
    issuer: evaluationIssuer(port),
    jwksFile: evaluationKeyFile(dataDir),
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    types: ['at+jwt'],
    subjectClaim: 'sub',
    groupsClaim: 'groups',
    grant: [], // its tokens name the scopes of their endpoint
    dpop: 'refused',
    maxTokenSeconds: UNCHECKED_SECONDS,
    clockSkewSeconds: 30,
  }
}

/** The evaluation provider knows this gateway without being told. */
function loginOf({ identity }: ConfigDocument, valueOf: ValueOf): LoginSettings | undefined {
  const { login, evaluation, authorizationServer } = identity
  if (login) {
    const { clientSecret, pkce, ...rest } = login
    return {
      ...rest,
      ...(pkce === 'assumed' && { isPkceAssumed: true }),
      ...(clientSecret === undefined ? {} : { clientSecret: valueOf(clientSecret) }),
    }
  }
  if (!evaluation || !authorizationServer) return undefined
  const issuer = evaluationIssuer(evaluation.port)
  return { issuer, clientId: EVALUATION_CLIENT, scopes: ['openid'], subjectClaim: 'sub', groupsClaim: 'groups' }
}

function serverOf(
  doc: ConfigDocument,
  { registration, tokenLife, refreshLife, clients }: NonNullable<ConfigDocument['identity']['authorizationServer']>,
  valueOf: ValueOf,
): AuthorizationServerSettings {
  return {
    registration: registration ?? (isExposed(doc) ? 'documents' : 'open'),
    tokenSeconds: tokenLife,
    refreshSeconds: refreshLife,
    clients: clients.map(({ secret, ...client }) => ({ ...client, ...(secret === undefined ? {} : { secret: valueOf(secret) }) })),
  }
}

/** Our own tokens: they name people of the identity provider, so principals are the same as in its own tokens. */
const ownSettings = (publicUrl: string, dataDir: string, provider: string): IssuerSettings => ({
  issuer: publicUrl,
  jwksFile: authorizationServerKeyFile(dataDir),
  algorithms: ['ES256'],
  types: ['at+jwt'],
  subjectClaim: 'sub',
  groupsClaim: 'groups',
  grant: [], // its tokens name the scopes of their endpoint
  dpop: 'refused',
  maxTokenSeconds: 900,
  clockSkewSeconds: 5,
  identityProviders: [provider],
})
