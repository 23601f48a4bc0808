// What a credential per principal must satisfy: never shared, never in two places at once, and enough said for its kind.

import { isLoopback, urlOf } from './addresses.ts'
import type { CredentialDocument } from './credential-table.ts'
import { hasOwnServer } from './identity-checks.ts'
import type { Reading } from './reading.ts'
import type { ConfigDocument } from './table.ts'
import type { UpstreamDocument } from './upstream-table.ts'

type Client = Pick<CredentialDocument, 'clientId' | 'clientSecret' | 'clientKey' | 'authentication'>

export function checkCredential(upstream: UpstreamDocument, at: string, reading: Reading, doc: ConfigDocument): void {
  const { credential } = upstream
  if (!credential) return
  const path = `${at}.credential`
  if (upstream.share === 'all')
    reading.fault(
      'conflict',
      `${at}.share`,
      '`all` is for servers without a credential: with one of each principal’s own, connections cannot be shared',
      'take `share: all` out; `lists: shared` says that lists do not depend on who asks',
    )
  checkPlace(upstream, credential, path, reading)
  checkKind(credential, path, reading)
  checkClient(credential, path, reading)
  checkExchanger(credential, path, reading, doc)
  if (credential.identityProvider) checkClient(credential.identityProvider, `${path}.identityProvider`, reading)
  for (const key of ['issuer', 'resource'] as const) checkUrl(credential[key], `${path}.${key}`, reading)
  checkUrl(credential.identityProvider?.issuer, `${path}.identityProvider.issuer`, reading)
}

function checkPlace(upstream: UpstreamDocument, credential: CredentialDocument, path: string, reading: Reading): void {
  const { stdio, server } = upstream
  // Which a `server` is says its server.json; where it takes a header, this file has to say so too.
  const started = stdio ?? (server?.package === 'remote' ? undefined : server)
  if (started) checkStarted(started, credential, path, reading)
  else checkReached(upstream, credential, path, reading)
}

type Started = NonNullable<UpstreamDocument['stdio']> | NonNullable<UpstreamDocument['server']>
function checkStarted(started: Started, credential: CredentialDocument, path: string, reading: Reading): void {
  const isPinned = 'version' in started
  if (credential.kind !== 'secret')
    reading.fault(
      'conflict',
      `${path}.kind`,
      'a process takes a static secret of its principal only',
      isPinned ? 'use `kind: secret` with `env`, or say `package: remote`' : 'use `kind: secret` with `env`',
    )
  else if (credential.env === undefined)
    reading.fault('missing', path, 'a process gets it as an environment variable', 'name the variable in `env`')
  else if (started.env.has(credential.env))
    reading.fault(
      'conflict',
      `${path}.env`,
      `this variable stands in \`${isPinned ? 'server' : 'stdio'}.env\` too: one for everybody and one of each principal`,
      'keep one',
    )
}

function checkReached(upstream: UpstreamDocument, credential: CredentialDocument, path: string, reading: Reading): void {
  const { server } = upstream
  if (server && credential.kind !== 'secret' && credential.resource === undefined)
    reading.fault('missing', path, 'what its tokens are for is not known before the server is verified', 'name the URL in `resource`')
  if (credential.env !== undefined) reading.fault('conflict', `${path}.env`, 'only stdio upstreams have an environment', 'use `header`')
  const remote = upstream.http ?? upstream.sse
  const headers = (server ?? remote)?.headers
  const header = credential.kind === 'secret' ? credential.header : 'Authorization'
  const twin = [...(headers?.keys() ?? [])].find(name => name.toLowerCase() === header.toLowerCase())
  if (twin !== undefined)
    reading.fault(
      'conflict',
      `${at(path)}.headers.${twin}`,
      'this header would carry the gateway’s own credential and the principal’s at once',
      'keep one of them',
    )
  const url = urlOf(remote?.url ?? '')
  if (url?.protocol === 'http:' && !isLoopback(url.hostname))
    reading.fault('value', path, 'a credential never travels over plain http to another machine', 'use https')

  function at(credentialPath: string): string {
    return credentialPath.replace(/credential$/, server ? 'server' : upstream.http ? 'http' : 'sse')
  }
}

/** What each kind needs, and which settings mean nothing to it. */
const NEEDS: Readonly<Record<CredentialDocument['kind'], readonly (keyof CredentialDocument)[]>> = {
  oauth: [],
  'token-exchange': ['issuer', 'clientId'],
  'identity-assertion': ['issuer', 'clientId'],
  'client-credentials': ['clientId'],
  secret: [],
}
const TAKES: Readonly<Record<CredentialDocument['kind'], readonly (keyof CredentialDocument)[]>> = {
  oauth: ['issuer', 'resource', 'scopes', 'clientId', 'clientSecret', 'clientKey', 'authentication'],
  'token-exchange': ['issuer', 'resource', 'audience', 'scopes', 'clientId', 'clientSecret', 'clientKey', 'authentication'],
  'identity-assertion': ['issuer', 'resource', 'scopes', 'clientId', 'clientSecret', 'clientKey', 'authentication', 'identityProvider'],
  'client-credentials': ['issuer', 'resource', 'scopes', 'clientId', 'clientSecret', 'clientKey', 'authentication'],
  secret: ['header', 'prefix', 'env'],
}

function checkKind(credential: CredentialDocument, path: string, reading: Reading): void {
  const { kind } = credential
  for (const key of NEEDS[kind])
    if (credential[key] === undefined && !reading.isFaulty(path)) reading.fault('missing', path, `\`${kind}\` needs \`${key}\``)
  for (const key of Object.keys(credential) as (keyof CredentialDocument)[]) {
    if (key === 'kind' || TAKES[kind].includes(key) || !reading.has(`${path}.${key}`)) continue
    reading.fault('conflict', `${path}.${key}`, `means nothing for \`${kind}\``, 'take it out')
  }
  if (kind === 'identity-assertion' && credential.identityProvider && !hasProof(credential.identityProvider))
    reading.fault(
      'missing',
      `${path}.identityProvider`,
      'an identity provider gives assertions to clients only that prove who they are',
      'add `clientId` and `clientSecret` or `clientKey`',
    )
  // R114: a registered client belongs to one authorization server; an upstream that names another one must not get its secret.
  if (kind !== 'secret' && credential.clientId !== undefined && credential.issuer === undefined)
    reading.fault('missing', path, '`clientId` is registered at one authorization server', 'name it in `issuer`')
}

/**
 * Who takes the proof of who asks. Tokens of the gateway's own server prove nothing elsewhere: there it is the person's ID token, which is for `identity.login`'s
 * client and goes to that provider alone (compose/person-proof.ts).
 */
function checkExchanger(credential: CredentialDocument, path: string, reading: Reading, doc: ConfigDocument): void {
  const { kind, identityProvider } = credential
  if (kind !== 'identity-assertion' && kind !== 'token-exchange') return
  const exchanger = kind === 'identity-assertion' ? identityProvider : credential
  if (exchanger) checkSignedIn(kind, exchanger, kind === 'identity-assertion' ? `${path}.identityProvider` : path, { reading, doc })
  else if (!doc.identity.login?.clientSecret && !reading.isFaulty(path) && !reading.isFaulty('identity.login'))
    reading.fault(
      'missing',
      path,
      '`identity-assertion` needs `identityProvider`, or `identity.login` with a `clientSecret`',
      'name who makes the assertion, and the gateway’s client there',
    )
}

function checkSignedIn(
  kind: 'identity-assertion' | 'token-exchange',
  { issuer, clientId }: Pick<CredentialDocument, 'issuer' | 'clientId'>,
  at: string,
  { reading, doc }: { readonly reading: Reading; readonly doc: ConfigDocument },
): void {
  const { login, issuers } = doc.identity
  if (!hasOwnServer(doc)) return
  const isAssertion = kind === 'identity-assertion'
  if (issuer === login?.issuer) {
    if (isAssertion && clientId !== login?.clientId)
      reading.fault(
        'conflict',
        `${at}.clientId`,
        'the ID tokens of people who sign in are for the client of `identity.login`',
        'use that client, or leave `identityProvider` out',
      )
  } else if (issuers.length === 0 && !reading.isFaulty(at))
    reading.fault(
      'conflict',
      `${at}.issuer`,
      'everybody signs in at this gateway, whose tokens mean nothing there, and their ID tokens go to the provider of `identity.login` alone',
      isAssertion ? 'leave `identityProvider` out' : 'use `kind: identity-assertion`',
    )
}

const hasProof = (client: Client): boolean =>
  client.clientId !== undefined && (client.clientSecret !== undefined || client.clientKey !== undefined)

function checkClient(client: Client, path: string, reading: Reading): void {
  const { clientId, clientSecret, clientKey, authentication } = client
  if (clientId === undefined && (clientSecret ?? clientKey ?? authentication) !== undefined)
    reading.fault('missing', path, 'a secret or key without a `clientId`')
  if (clientSecret && clientKey) reading.fault('conflict', `${path}.clientKey`, 'stands beside `clientSecret`', 'keep one')
  const wants = { client_secret_basic: clientSecret, client_secret_post: clientSecret, private_key_jwt: clientKey, none: true } as const
  if (authentication !== undefined && wants[authentication] === undefined)
    reading.fault('missing', path, `\`${authentication}\` needs \`${authentication === 'private_key_jwt' ? 'clientKey' : 'clientSecret'}\``)
  for (const [key, source] of [
    ['clientSecret', clientSecret],
    ['clientKey', clientKey],
  ] as const)
    if (source?.from === 'literal' && source.text !== '')
      reading.warn('literal-secret', `${path}.${key}`, 'a secret is written out here', 'use `{fromEnv: NAME}` or `{fromFile: path}`')
}

function checkUrl(value: string | undefined, path: string, reading: Reading): void {
  const url = value === undefined ? undefined : urlOf(value)
  if (url?.protocol === 'http:' && !isLoopback(url.hostname))
    reading.fault('value', path, 'expected https for another machine (OAuth 2.1 section 1.5)', 'use https://')
}
