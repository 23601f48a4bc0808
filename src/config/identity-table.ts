// The settings under `identity`: who vouches for callers, and what their assertions are worth. Part of the table in table.ts.

import { isAcceptedRedirect } from '../identity/redirects.ts'
import { urlProblem } from './addresses.ts'
import { list, optional, record } from './fields.ts'
import { asSource } from './sources.ts'
import { choice, duration, flag, integer, path, text } from './scalars.ts'

/** Signature algorithms a token may use. `none` and the shared-secret HS* are not among them (RFC 8725 section 3.1). */
export const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const

const claim = (what: string, fallback: string): ReturnType<typeof text> =>
  text({ what: 'the name of a claim', maxLength: 128, pattern: /^[\x21-\x7e]+$/, fallback, doc: what })

const SCOPE_PATTERN = /^(?:\*|[a-z][a-z0-9-]*:(?:\*|[a-z][a-z0-9_.-]*))$/
const asserted = (what: string): ReturnType<typeof list<string>> =>
  list(text({ what, maxLength: 2048, pattern: /^[^*\u0000-\u001f\u007f]+$/, doc: what }), {
    max: 1000,
    fallback: [],
    doc: `${what}, any of them`,
  })

const grant = record(
  {
    to: optional(
      record(
        {
          groups: asserted('a group'),
          scopes: asserted('a scope of the token, as the issuer spells it'),
          clients: asserted('a client id'),
          subjects: asserted('a subject'),
        },
        { doc: 'whom it is given to: whoever any of these names' },
      ),
    ),
    everyone: flag({ fallback: false, doc: 'give it to everybody this issuer vouches for, instead of `to`' }),
    scopes: list(
      text({
        what: 'a scope such as `files:read`, `files:*` or `*`',
        maxLength: 64,
        pattern: SCOPE_PATTERN,
        doc: '`<alias>:<word>`, `<alias>:*` for all of one upstream, `*` for all',
      }),
      { max: 1000, doc: 'what is given; it makes nothing visible that no allow rule names' },
    ),
  },
  { doc: 'one mapping', aliases: { scope: 'scopes', groups: 'to' } },
)

const introspection = record(
  {
    url: optional(text({ what: 'a URL', maxLength: 2048, problem: urlProblem, doc: 'where to ask; default: what its metadata says' })),
    clientId: text({ what: 'a client id', maxLength: 512, pattern: /^[\x20-\x7e]+$/, doc: 'whom the gateway is at the issuer' }),
    clientSecret: asSource({ doc: '`{fromEnv: NAME}` or `{fromFile: path}`' }),
    method: choice(['basic', 'post'], { fallback: 'basic', doc: 'how the secret is sent: as a header, or in the form' }),
    opaque: flag({ fallback: true, doc: 'tokens that are no JWT are this issuer’s; for one issuer at most' }),
  },
  {
    doc: 'ask the issuer about its tokens (RFC 7662): every 15 seconds while one is used or holds a stream open; while it cannot be asked its tokens do not count',
    aliases: { endpoint: 'url', secret: 'clientSecret' },
  },
)

const issuer = record(
  {
    issuer: text({ what: 'an issuer', maxLength: 2048, problem: issuerProblem, doc: 'its identifier, exactly as it stands in `iss`' }),
    jwksUri: optional(
      text({ what: 'a URL', maxLength: 2048, problem: urlProblem, doc: 'where its keys are; default: what its metadata says' }),
    ),
    jwksFile: optional(path({ doc: 'a file with its keys (a JWK Set), instead of fetching them' })),
    algorithms: list(choice(ALGORITHMS, { doc: 'an algorithm' }), {
      fallback: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      doc: 'signature algorithms accepted',
    }),
    types: list(text({ what: 'a token type in lower case', maxLength: 64, pattern: /^[a-z0-9!#$&^_.+/-]+$/, doc: 'a type' }), {
      fallback: ['at+jwt'],
      doc: 'values of the `typ` header accepted, in lower case (RFC 9068)',
    }),
    subjectClaim: claim(
      'the claim that says who somebody is: the same for all clients of the issuer and for ever, never an e-mail address',
      'sub',
    ),
    groupsClaim: claim('the claim that lists groups', 'groups'),
    grant: list(grant, {
      max: 1000,
      fallback: [],
      doc: 'scopes given to what this issuer asserts, besides those its tokens name',
    }),
    kind: optional(
      choice(['people', 'workloads'], {
        doc: '`workloads`: every subject is a program; default: whoever is its own client (`sub` equals `client_id`) is one',
      }),
    ),
    subjects: optional(
      list(
        text({
          what: 'a subject',
          maxLength: 512,
          problem: subjectProblem,
          doc: 'a subject; a trailing `*` means all that start with the rest',
        }),
        {
          max: 10_000,
          doc: 'only these subjects are accepted; required for `workloads`, whose issuers often vouch for programs of anybody',
        },
      ),
    ),
    introspection: optional(introspection),
    dpop: choice(['accepted', 'required', 'refused'], {
      fallback: 'accepted',
      doc: 'tokens bound to a key (RFC 9449): with their proof, always, or never',
    }),
    logoutAudience: optional(
      text({
        what: 'a client id',
        maxLength: 2048,
        doc: 'client id that its back-channel logout tokens are for; they are taken at `/oauth/backchannel-logout`; default: none is taken',
      }),
    ),
    maxTokenLife: optional(
      duration('seconds', {
        min: '1m',
        max: '1d',
        doc: 'longest life of a token, from issue to end; default: 15 minutes, or 1 hour where the issuer is asked about its tokens: until it ends, nothing but a block takes a token back',
      }),
    ),
    clockSkew: duration('seconds', { min: '0s', max: '60s', fallback: '30s', doc: 'by how much its clock may differ' }),
  },
  { doc: 'one issuer whose tokens are accepted', aliases: { url: 'issuer', jwks: 'jwksUri' } },
)

const evaluation = record(
  {
    port: integer({ min: 1, max: 65_535, fallback: 8401, doc: 'port on 127.0.0.1' }),
    users: list(
      record(
        {
          name: text({
            what: 'a user name',
            maxLength: 64,
            pattern: /^[A-Za-z0-9][A-Za-z0-9._@-]*$/,
            doc: 'name, and subject of the tokens',
          }),
          groups: list(text({ what: 'a group', maxLength: 255, doc: 'a group' }), { fallback: [], doc: 'groups' }),
        },
        { doc: 'one user' },
      ),
      { max: 100, doc: 'who may sign in, without a password' },
    ),
  },
  { doc: 'an identity provider for trying things out: no passwords, loopback only, in a process of its own' },
)

const login = record(
  {
    issuer: text({ what: 'an issuer', maxLength: 2048, problem: issuerProblem, doc: 'the identity provider, exactly as it calls itself' }),
    clientId: text({
      what: 'a client id',
      maxLength: 2048,
      pattern: /^[\x20-\x7e]+$/,
      doc: 'what this gateway is called there; its redirect is `<publicUrl>/oauth/login/callback`, and logout tokens for it are taken at `<publicUrl>/oauth/backchannel-logout`',
    }),
    clientSecret: optional(
      asSource({ doc: 'its secret there: `{fromEnv: NAME}` or `{fromFile: path}`; without one it is a public client' }),
    ),
    scopes: list(text({ what: 'a scope', maxLength: 256, pattern: /^[\x21\x23-\x5b\x5d-\x7e]+$/, doc: 'a scope' }), {
      max: 32,
      fallback: ['openid', 'profile', 'offline_access'],
      doc: 'scopes asked for; with a refresh token (`offline_access` at most providers) the account is looked at again whenever a host refreshes its own',
    }),
    subjectClaim: claim('the claim that says who somebody is; the same as in `issuers`, where the provider stands there too', 'sub'),
    groupsClaim: claim('the claim that lists groups', 'groups'),
    pkce: choice(['stated', 'assumed'], {
      fallback: 'stated',
      doc: '`assumed`: it supports PKCE with S256 although its metadata does not say so (Entra ID); else nobody is sent to a provider that does not say so',
    }),
  },
  { doc: 'where people sign in with their browser', aliases: { url: 'issuer', client: 'clientId', secret: 'clientSecret' } },
)

const client = record(
  {
    id: text({ what: 'a client id', maxLength: 255, pattern: /^[A-Za-z0-9._~-]+$/, doc: 'its client id' }),
    name: text({ what: 'a name', maxLength: 100, pattern: /^[^\u0000-\u001f\u007f]+$/, doc: 'what people are shown' }),
    redirectUris: list(text({ what: 'a redirect URI', maxLength: 512, problem: redirectProblem, doc: 'a URL' }), {
      max: 20,
      doc: 'where it may be sent back to, compared as they stand; the port of a loopback http URL may vary',
    }),
    secret: optional(asSource({ doc: 'its secret: `{fromEnv: NAME}` or `{fromFile: path}`; without one it is a public client' })),
  },
  { doc: 'one application', aliases: { clientId: 'id', redirects: 'redirectUris', clientSecret: 'secret' } },
)

const authorizationServer = record(
  {
    registration: optional(
      choice(['closed', 'documents', 'open'], {
        doc: 'which applications may come without standing in `clients`: none, those whose client id is the URL of a document (client ID metadata documents), or also those that register themselves; default: `open` where only this machine reaches the gateway, else `documents`',
      }),
    ),
    tokenLife: duration('seconds', { min: '1m', max: '15m', fallback: '10m', doc: 'life of an access token' }),
    refreshLife: duration('seconds', {
      min: '1h',
      max: '90d',
      fallback: '30d',
      doc: 'a consent lasts so long, however often the application refreshes its token',
    }),
    clients: list(client, { max: 1000, fallback: [], doc: 'applications known beforehand' }),
  },
  { doc: 'the gateway’s own authorization server for hosts; it sends people to `login`' },
)

/** `identity` of gatehouse.yaml */
export const identity = record(
  {
    issuers: list(issuer, { max: 100, fallback: [], doc: 'whose tokens are accepted' }),
    scopes: optional(
      list(text({ what: 'a scope', maxLength: 256, pattern: /^[\x21\x23-\x5b\x5d-\x7e]+$/, doc: 'a scope' }), {
        max: 32,
        doc: 'scopes hosts are told to ask for at first, as the identity provider knows them; default: `<alias>:use` at `/servers/<alias>/mcp`, nothing elsewhere, because strangers learn no names',
      }),
    ),
    login: optional(login),
    authorizationServer: optional(authorizationServer),
    evaluation: optional(evaluation),
  },
  { fallback: {}, doc: 'who may sign in' },
)

function subjectProblem(value: string): string | undefined {
  if (/[\u0000-\u001f\u007f]/.test(value)) return 'expected text without control characters'
  if (value === '*' || value.slice(0, -1).includes('*')) return '`*` stands at the end of some text: a prefix such as `repo:my-org/*`'
  return undefined
}

/** RFC 8414 section 2: https, no query, no fragment. Plain http is for this machine only, which checks.ts sees to. */
export function issuerProblem(value: string): string | undefined {
  const problem = urlProblem(value)
  if (problem !== undefined) return problem
  return value.includes('?') ? 'expected an issuer without a query' : undefined
}

function redirectProblem(value: string): string | undefined {
  return isAcceptedRedirect(value)
    ? undefined
    : 'expected an https URL, an http URL of this machine, or a private-use scheme with a dot in it, without user name, fragment or escapes'
}
