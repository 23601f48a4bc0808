// What `identity` must satisfy: who vouches for callers, how their keys come here, and what their assertions are worth.

import { USE } from '../identity/scopes.ts'
import { isLoopback, urlOf } from './addresses.ts'
import type { Reading } from './reading.ts'
import { isExposed, publicUrlOf } from './exposure.ts'
import { COMMAND_LINE_CLIENT, evaluationIssuer } from './schema.ts'
import type { ConfigDocument } from './table.ts'

/** Every issuer that principals can be of: whose tokens are accepted, where people sign in, and the evaluation provider's own last. */
export function issuersOf({ identity }: ConfigDocument): readonly string[] {
  const { issuers, login, evaluation } = identity
  const named = issuers.map(i => i.issuer)
  const own = evaluation ? [evaluationIssuer(evaluation.port)] : []
  return [...named, ...(login && ![...named, ...own].includes(login.issuer) ? [login.issuer] : []), ...own]
}

/** Whether people can get tokens from this gateway itself. */
export const hasOwnServer = ({ identity }: ConfigDocument): boolean =>
  identity.authorizationServer !== undefined && (identity.login ?? identity.evaluation) !== undefined

/** Somebody can sign in, nobody on the way can put in keys of their own, and what is given exists. */
export function checkIdentity(doc: ConfigDocument, reading: Reading): void {
  const { issuers, evaluation } = doc.identity
  checkLogin(doc, reading)
  checkOwnServer(doc, reading)
  if (issuers.length === 0 && !evaluation && !hasOwnServer(doc) && !isExposed(doc) && !reading.isFaulty('identity')) {
    reading.fault('missing', 'identity', 'nobody could sign in', 'add `issuers`, or `evaluation` to try things out')
  }
  issuers.forEach((issuer, index) => {
    const at = `identity.issuers[${index}]`
    if (issuersOf(doc).indexOf(issuer.issuer) !== index)
      reading.fault('conflict', `${at}.issuer`, 'this issuer stands here twice', 'keep one of them')
    if (issuer.jwksUri !== undefined && issuer.jwksFile !== undefined)
      reading.fault('conflict', at, '`jwksUri` and `jwksFile` exclude each other', 'keep one of them')
    checkAsking(issuer, at, reading)
    checkSubjects(issuer, at, reading)
    issuer.grant.forEach((grant, i) => checkGrant(grant, `${at}.grant[${i}]`, doc, reading))
    for (const key of ['issuer', 'jwksUri'] as const) {
      const url = issuer[key] === undefined ? undefined : urlOf(issuer[key])
      if (url?.protocol === 'http:' && !isLoopback(url.hostname))
        reading.fault('value', `${at}.${key}`, 'expected https: whoever is on the way could put in keys of their own')
    }
  })
  const opaque = issuers.flatMap(({ introspection }, index) => (introspection?.opaque ? [index] : []))
  if (opaque.length > 1)
    reading.fault(
      'conflict',
      `identity.issuers[${opaque[1]}].introspection`,
      'two issuers have opaque tokens: one’s tokens would be shown to the other',
      'set `opaque: false` for all but one',
    )
  if (!evaluation) return
  if (evaluation.users.length === 0 && !reading.isFaulty('identity.evaluation.users'))
    reading.fault('missing', 'identity.evaluation.users', 'expected at least one user')
  const names = evaluation.users.map(user => user.name)
  names.forEach((name, i) => {
    if (names.indexOf(name) !== i)
      reading.fault('conflict', `identity.evaluation.users[${i}].name`, 'this user stands here twice', 'keep one of them')
  })
  if (evaluation.port === doc.listen.port)
    reading.fault('conflict', 'identity.evaluation.port', `is the gateway’s own port ${doc.listen.port}`, 'choose another')
  reading.warn(
    'evaluation',
    'identity.evaluation',
    'the evaluation identity provider signs anybody on this machine in as any of its users',
    'use `identity.issuers` for anything but trying things out',
  )
}

type Issuer = ConfigDocument['identity']['issuers'][number]

function checkAsking({ introspection }: Issuer, at: string, reading: Reading): void {
  if (!introspection) return
  const url = introspection.url === undefined ? undefined : urlOf(introspection.url)
  if (url?.protocol === 'http:' && !isLoopback(url.hostname))
    reading.fault('value', `${at}.introspection.url`, 'expected https: tokens and the gateway’s own secret are sent there')
  if (introspection.clientSecret.from === 'literal')
    reading.warn(
      'literal-secret',
      `${at}.introspection.clientSecret`,
      'a secret is written out here',
      'use `{fromEnv: NAME}` or `{fromFile: path}`',
    )
}

/** Claims that are not the same for ever: addresses and names are given to somebody else one day (OpenID Connect Core section 5.7). */
const CHANGING = ['email', 'mail', 'name', 'nickname', 'preferred_username', 'unique_name', 'upn', 'user_name', 'username']

function checkSubjectClaim({ subjectClaim }: { readonly subjectClaim: string }, at: string, reading: Reading): void {
  const changing = subjectClaim.split('+').find(name => CHANGING.includes(name))
  if (changing === undefined) return
  reading.fault(
    'value',
    `${at}.subjectClaim`,
    `\`${changing}\` can change hands, and whoever has it next would be the same principal`,
    'use `sub`, or `tid+oid` for Entra ID',
  )
}

function checkSubjects({ kind, subjects, subjectClaim }: Issuer, at: string, reading: Reading): void {
  checkSubjectClaim({ subjectClaim }, at, reading)
  if (kind === 'workloads' && (subjects ?? []).length === 0 && !reading.isFaulty(`${at}.subjects`))
    reading.fault(
      'missing',
      `${at}.subjects`,
      'expected the subjects that count: such issuers vouch for programs of anybody',
      'such as `repo:my-org/my-repo:*`',
    )
}

/** People are sent there with what they type: nobody on the way may read it, and they are the same people as in the provider's own tokens. */
function checkLogin(doc: ConfigDocument, reading: Reading): void {
  const { login, issuers } = doc.identity
  if (!login) return
  const url = urlOf(login.issuer)
  if (url?.protocol === 'http:' && !isLoopback(url.hostname))
    reading.fault('value', 'identity.login.issuer', 'expected https: people type their passwords there')
  if (!login.scopes.includes('openid'))
    reading.fault('value', 'identity.login.scopes', 'expected `openid` among them: without it nobody is named')
  checkSubjectClaim(login, 'identity.login', reading)
  const same = issuers.findIndex(({ issuer }) => issuer === login.issuer)
  if (same >= 0 && issuers[same]?.subjectClaim !== login.subjectClaim)
    reading.fault(
      'conflict',
      'identity.login.subjectClaim',
      `differs from \`identity.issuers[${same}].subjectClaim\`: the same person would be two`,
      'write the same claim in both',
    )
}

function checkOwnServer(doc: ConfigDocument, reading: Reading): void {
  const { authorizationServer: server, issuers } = doc.identity
  if (!server) return
  const at = 'identity.authorizationServer'
  if (!hasOwnServer(doc) && !reading.isFaulty('identity.login'))
    reading.fault('missing', at, 'has no users of its own, and nobody could sign in at it', 'add `identity.login`: your identity provider')
  if (issuers.some(({ issuer }) => issuer === publicUrlOf(doc)))
    reading.fault('conflict', at, 'its issuer is `publicUrl`, which stands in `identity.issuers` too', 'take it out there')
  server.clients.forEach(({ id, redirectUris }, index) => {
    if (server.clients.findIndex(other => other.id === id) !== index || id === COMMAND_LINE_CLIENT)
      reading.fault('conflict', `${at}.clients[${index}].id`, 'this client id is taken', 'choose another')
    if (redirectUris.length === 0 && !reading.isFaulty(`${at}.clients[${index}].redirectUris`))
      reading.fault('missing', `${at}.clients[${index}].redirectUris`, 'expected at least one')
  })
  if (server.registration === 'open' && isExposed(doc))
    reading.warn(
      'open-registration',
      `${at}.registration`,
      'anybody who reaches this gateway can register an application under any name',
      'leave it out: applications then identify themselves by the URL of a document, or stand in `clients`',
    )
}

type Grant = ConfigDocument['identity']['issuers'][number]['grant'][number]

/** Whom it is given to is said in exactly one way, and what is given exists: a misspelt scope would be a door nobody can open. */
function checkGrant(grant: Grant, at: string, doc: ConfigDocument, reading: Reading): void {
  const { to, everyone, scopes } = grant
  const named = to ? to.groups.length + to.scopes.length + to.clients.length + to.subjects.length : 0
  if (reading.isFaulty(at)) return
  if (everyone ? to !== undefined : named === 0)
    reading.fault('value', at, 'expected `to` with somebody in it, or `everyone: true`', 'say whom the scopes are given to')
  if (scopes.length === 0) reading.fault('value', `${at}.scopes`, 'expected at least one scope')
  const aliases = reading.keysOf('upstreams')
  scopes.forEach((scope, index) => {
    const [alias = '', word] = scope.split(':')
    const words = [USE, ...(doc.upstreams.get(alias)?.scopes.keys() ?? [])]
    if (word !== undefined && !aliases.includes(alias))
      reading.fault('value', `${at}.scopes[${index}]`, `no upstream \`${alias.slice(0, 24)}\``)
    else if (word !== undefined && word !== '*' && doc.upstreams.has(alias) && !words.includes(word))
      reading.fault('value', `${at}.scopes[${index}]`, `\`${alias}\` has no scope \`${word}\``, `known: ${words.slice(0, 20).join(', ')}`)
  })
}
