// A credential of each principal's own: what does not fit together is refused when the configuration is read, each fault with its place.

import { describe, expect, it } from 'vitest'
import { faults, MINIMAL, snapshot, warnings } from './configs.ts'

const HTTP = 'http: { url: https://x.example/mcp }'
const config = (credential: string, upstream = HTTP): string =>
  `${MINIMAL}upstreams: { a: { ${upstream}, credential: { ${credential} }, allow: [{ subjects: ['*'], tools: [t] }] } }\n`
const CLIENT = "issuer: 'https://as.example', clientId: c"
/** Everybody signs in at the gateway. */
const signingIn = (text: string): string =>
  text.replace(
    /^identity: .*$/m,
    "identity: { login: { issuer: 'https://idp.example', clientId: g, clientSecret: { fromEnv: S } }, authorizationServer: {} }",
  )
const KEY = 'clientKey: { fromEnv: K }'

describe('a credential per principal', () => {
  it.each([
    'kind: oauth',
    `kind: oauth, ${CLIENT}, clientSecret: { fromEnv: S }, authentication: client_secret_post, scopes: [read]`,
    `kind: token-exchange, ${CLIENT}, clientSecret: { fromEnv: S }, audience: x`,
    `kind: client-credentials, ${CLIENT}, clientSecret: { fromEnv: S }`,
    'kind: secret, header: X-Api-Key',
  ])('loads: %s', async credential => {
    const { upstreams } = await snapshot(config(credential), { env: { S: 'shh', K: 'key' } })
    expect(upstreams.get('a')?.credential).toMatchObject({ kind: /kind: ([a-z-]+)/.exec(credential)?.[1] })
  })
  it('takes the provider that people sign in at for assertions, with the gateway’s client there', async () => {
    const { upstreams } = await snapshot(signingIn(config(`kind: identity-assertion, ${CLIENT}`)), { env: { S: 'shh' } })
    const identityProvider = { issuer: 'https://idp.example', client: { id: 'g', secret: 'shh' } }
    expect(upstreams.get('a')?.credential).toMatchObject({ identityProvider })
  })
  it('loads for a process, as one variable of its environment', async () => {
    const { upstreams } = await snapshot(config('kind: secret, env: TOKEN', 'stdio: { command: node }'))
    expect(upstreams.get('a')?.credential).toMatchObject({ kind: 'secret' })
  })

  it.each([
    ['one connection for everybody', 'kind: oauth', `${HTTP}, share: all`, 'upstreams.a.share conflict'],
    ['OAuth for a process', 'kind: oauth', 'stdio: { command: node }', 'upstreams.a.credential.kind conflict'],
    ['a process without a variable', 'kind: secret', 'stdio: { command: node }', 'upstreams.a.credential missing'],
    [
      'a variable that everybody has',
      'kind: secret, env: T',
      'stdio: { command: node, env: { T: x } }',
      'upstreams.a.credential.env conflict',
    ],
    ['a variable without a process', 'kind: secret, env: T', HTTP, 'upstreams.a.credential.env conflict'],
    [
      'two credentials in one header',
      'kind: oauth',
      'http: { url: https://x.example/mcp, headers: { authorization: { fromEnv: S } } }',
      'upstreams.a.http.headers.authorization conflict',
    ],
    [
      'the same on the old transport',
      'kind: secret, header: X-Key',
      'sse: { url: https://x.example/sse, headers: { x-key: { fromEnv: S } } }',
      'upstreams.a.sse.headers.x-key conflict',
    ],
    ['plain http to another machine', 'kind: oauth', 'http: { url: http://10.0.0.1/mcp }', 'upstreams.a.credential value'],
    ['an exchange that names no server', 'kind: token-exchange', HTTP, 'upstreams.a.credential missing'],
    ['an assertion without an identity provider', `kind: identity-assertion, ${CLIENT}`, HTTP, 'upstreams.a.credential missing'],
    [
      'an identity provider that cannot know the gateway',
      `kind: identity-assertion, ${CLIENT}, identityProvider: { issuer: 'https://idp.example' }`,
      HTTP,
      'upstreams.a.credential.identityProvider missing',
    ],
    ['a header for OAuth', 'kind: oauth, header: X-Key', HTTP, 'upstreams.a.credential.header conflict'],
    ['scopes for a static secret', 'kind: secret, scopes: [read]', HTTP, 'upstreams.a.credential.scopes conflict'],
    ['R114: a client registered nowhere in particular', 'kind: oauth, clientId: c', HTTP, 'upstreams.a.credential missing'],
    ['a secret of no client', 'kind: oauth, clientSecret: { fromEnv: S }', HTTP, 'upstreams.a.credential missing'],
    [
      'a secret and a key',
      `kind: oauth, ${CLIENT}, clientSecret: { fromEnv: S }, ${KEY}`,
      HTTP,
      'upstreams.a.credential.clientKey conflict',
    ],
    ['a method without its key', `kind: oauth, ${CLIENT}, authentication: private_key_jwt`, HTTP, 'upstreams.a.credential missing'],
    ['a method without its secret', `kind: oauth, ${CLIENT}, authentication: client_secret_basic`, HTTP, 'upstreams.a.credential missing'],
    ['an issuer in the clear', "kind: oauth, issuer: 'http://as.example'", HTTP, 'upstreams.a.credential.issuer value'],
  ])('attack: %s does not load', async (_, credential, upstream, fault) => {
    const found = await faults(config(credential, upstream), { env: { S: 'shh', K: 'key' } })
    expect(found.map(line => line.replace(/^\d+:\d+ /, ''))).toContain(fault)
  })
  it.each([
    ['tokens of this gateway for a server that does not know them', 'kind: token-exchange', 'issuer conflict'],
    [
      'an ID token for another provider than the one people sign in at',
      "kind: identity-assertion, identityProvider: { issuer: 'https://other.example', clientId: c, clientSecret: { fromEnv: S } }",
      'identityProvider.issuer conflict',
    ],
    [
      'an ID token of one client, exchanged by another',
      "kind: identity-assertion, identityProvider: { issuer: 'https://idp.example', clientId: c, clientSecret: { fromEnv: S } }",
      'identityProvider.clientId conflict',
    ],
  ])('attack: %s does not load where everybody signs in at the gateway', async (_, credential, fault) => {
    const found = await faults(signingIn(config(`${credential}, ${CLIENT}`)), { env: { S: 'shh' } })
    expect(found.map(line => line.replace(/^\d+:\d+ /, ''))).toContain(`upstreams.a.credential.${fault}`)
  })
  it('attack: an assertion does not load where people sign in with a client that cannot prove itself', async () => {
    const text = signingIn(config(`kind: identity-assertion, ${CLIENT}`)).replace(', clientSecret: { fromEnv: S }', '')
    expect((await faults(text)).join()).toContain('upstreams.a.credential missing')
  })
  it('warns of a secret that is written out', async () => {
    expect(await warnings(config(`kind: oauth, ${CLIENT}, clientSecret: shh`))).toContain(
      'upstreams.a.credential.clientSecret literal-secret',
    )
  })
})

describe('who may sign people in', () => {
  const identity = (text: string, more = ''): string => `version: 1\nidentity: { ${text} }\n${more}`
  const LOGIN = "login: { issuer: 'https://idp.example', clientId: g"
  const SERVER = 'authorizationServer: {'
  it('loads with a login and a server of its own', async () => {
    expect(await faults(identity(`${LOGIN} }, ${SERVER}}`))).toEqual([])
  })
  it.each([
    ['a login in the clear', identity("login: { issuer: 'http://idp.example', clientId: g }"), 'identity.login.issuer value'],
    ['a login that names nobody', identity(`${LOGIN}, scopes: [profile] }`), 'identity.login.scopes value'],
    [
      'one person as two',
      identity(`${LOGIN}, subjectClaim: oid }, issuers: [{ issuer: 'https://idp.example' }]`),
      'identity.login.subjectClaim conflict',
    ],
    ['a name that changes hands', identity(`${LOGIN}, subjectClaim: upn }`), 'identity.login.subjectClaim value'],
    [
      'a server at which nobody could sign in',
      identity(`${SERVER}}, issuers: [{ issuer: 'https://idp.example' }]`),
      'identity.authorizationServer missing',
    ],
    [
      'a server whose issuer is somebody else too',
      identity(`${LOGIN} }, ${SERVER}}, issuers: [{ issuer: 'http://127.0.0.1:8400' }]`),
      'identity.authorizationServer conflict',
    ],
    [
      'two clients of one id',
      identity(
        `${LOGIN} }, ${SERVER} clients: [{ id: c, name: C, redirectUris: ['https://c.example/cb'] }, { id: c, name: C, redirectUris: ['https://d.example/cb'] }] }`,
      ),
      'identity.authorizationServer.clients[1].id conflict',
    ],
    [
      'a client that can be sent nowhere',
      identity(`${LOGIN} }, ${SERVER} clients: [{ id: c, name: C, redirectUris: [] }] }`),
      'identity.authorizationServer.clients[0].redirectUris missing',
    ],
    [
      'a name as a subject',
      identity("issuers: [{ issuer: 'https://idp.example', subjectClaim: email }]"),
      'identity.issuers[0].subjectClaim value',
    ],
    [
      'programs of anybody',
      identity("issuers: [{ issuer: 'https://idp.example', kind: workloads }]"),
      'identity.issuers[0].subjects missing',
    ],
    ['one user twice', identity('evaluation: { users: [{ name: a }, { name: a }] }'), 'identity.evaluation.users[1].name conflict'],
    [
      'scopes for nobody',
      identity("issuers: [{ issuer: 'https://idp.example', grant: [{ scopes: ['*'] }] }]"),
      'identity.issuers[0].grant[0] value',
    ],
    [
      'a scope of no upstream',
      identity("issuers: [{ issuer: 'https://idp.example', grant: [{ everyone: true, scopes: ['x:use'] }] }]"),
      'identity.issuers[0].grant[0].scopes[0] value',
    ],
  ])('attack: %s does not load', async (_, text, fault) => {
    expect((await faults(text)).map(line => line.replace(/^\d+:\d+ /, ''))).toContain(fault)
  })
})
