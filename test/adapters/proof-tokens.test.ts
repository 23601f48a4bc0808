// Tokens that prove namespaces: what a real one of a CI system proves, and every way another token, or another name, is passed off as one (attack 2).

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { beforeEach, describe, expect, it } from 'vitest'
import { createProofTokens, type ProofSettings } from '../../src/adapters/proof-tokens.ts'
import { createSafeFetch } from '../../src/adapters/safe-fetch.ts'
import { encode, FakeFetch, NOW, TestKey } from '../identity/issuer.ts'

const CI = 'https://token.ci.example'
const OTHER = 'https://other.example'
const REGISTRY = 'https://gw.example.com'
const rule = (issuer: string, more: Partial<ProofSettings> = {}): ProofSettings => ({
  issuer,
  algorithms: ['RS256', 'ES256'],
  audience: REGISTRY,
  namespace: 'io.github.{repository_owner}',
  ownerId: 'repository_owner_id',
  bind: [],
  require: new Map(),
  maxTokenSeconds: 3600,
  clockSkewSeconds: 30,
  ...more,
})
const CLAIMS = {
  iss: CI,
  aud: REGISTRY,
  sub: 'repo:acme/weather:ref:refs/heads/main',
  repository_owner: 'acme',
  repository_owner_id: '123',
  repository_id: '77',
  ref: 'refs/heads/main',
  iat: NOW - 10,
  nbf: NOW - 310,
  exp: NOW + 290,
}

let keys: Record<'ci' | 'other', TestKey>
let fetch: FakeFetch
let rules: ProofSettings[]
let read: (token: string, at?: number) => Promise<any>
beforeEach(async () => {
  keys = { ci: await TestKey.make('k1'), other: await TestKey.make('k1') }
  fetch = new FakeFetch()
  for (const [issuer, key] of [
    [CI, keys.ci],
    [OTHER, keys.other],
  ] as const) {
    fetch.documents.set(`${issuer}/.well-known/openid-configuration`, { issuer, jwks_uri: `${issuer}/keys` })
    fetch.documents.set(`${issuer}/keys`, { keys: [key.jwk] })
  }
  rules = [rule(CI), rule(OTHER, { namespace: 'com.corp.{team}', ownerId: 'team_id' })]
  const tokens = createProofTokens({ rules: () => rules, fetch })
  read = (token, at = NOW) => tokens.read(token, at)
})
const token = (claims: object = {}, header: object = {}, key = keys.ci): string =>
  key.sign({ ...CLAIMS, ...claims }, { typ: 'JWT', ...header })
const refused = { stop: 'proof-invalid' }

describe('a token of a CI job', () => {
  it('proves the name that its owner has, and binds the number behind it', async () => {
    expect(await read(token())).toEqual({
      name: 'io.github.acme',
      issuer: CI,
      subject: CLAIMS.sub,
      bound: { kind: 'account', authority: CI, owner: '123', also: {} },
      id: expect.stringMatching(/^[0-9a-f]{64}$/),
      expiresAtSeconds: CLAIMS.exp + 30,
    })
  })
  it('binds further numbers where the configuration says so, and needs them', async () => {
    rules = [rule(CI, { bind: ['repository_id'] })]
    expect((await read(token())).bound.also).toEqual({ repository_id: '77' })
    expect(await read(token({ repository_id: undefined }))).toMatchObject(refused)
  })
  it('reads numbers that are written as numbers, exactly', async () => {
    expect((await read(token({ repository_owner_id: 123 }))).bound.owner).toBe('123')
    for (const repository_owner_id of [1.5, -1, 1e30, null, true, ['123'], { id: 1 }, '', ' 123', '1 2', '１２３'])
      expect(await read(token({ repository_owner_id })), JSON.stringify(repository_owner_id)).toMatchObject(refused)
  })
  it('proves nothing where a claim is not what the configuration asks for', async () => {
    rules = [rule(CI, { require: new Map([['ref', 'refs/heads/main']]) })]
    expect(await read(token())).toMatchObject({ name: 'io.github.acme' })
    expect(await read(token({ ref: 'refs/heads/main2' }))).toMatchObject(refused)
    expect(await read(token({ ref: undefined }))).toMatchObject(refused)
    expect(await read(token({ ref: ['refs/heads/main'] }))).toMatchObject(refused)
  })
})

describe('claim injection: the owner', () => {
  it.each([
    'acme/../evil',
    'acme/evil',
    'a.b',
    '.acme',
    'acme.',
    '-acme',
    'acme-',
    'ac_me',
    'acme evil',
    'acme\n',
    'acme\0',
    '',
    'ａｃｍｅ',
    'аcme', // a Cyrillic letter
    'acme​',
    '%61cme',
    'a'.repeat(64),
    '{repository_owner_id}',
    '$&',
  ])('%j makes no name', async repository_owner => {
    expect(await read(token({ repository_owner }))).toMatchObject(refused)
  })
  it('in capitals is the same name as without, and the same account by its number', async () => {
    const [lower, upper] = [await read(token()), await read(token({ repository_owner: 'ACME' }))]
    expect(upper.name.toLowerCase()).toBe(lower.name)
    expect(upper.bound).toEqual(lower.bound)
  })
  it.each([undefined, null, 7.5, true, ['acme'], { login: 'acme' }])('%j makes no name', async repository_owner => {
    expect(await read(token({ repository_owner }))).toMatchObject(refused)
  })
})

describe('proves nothing:', () => {
  it.each([
    ['a token for another registry', { aud: 'https://registry.example' }],
    ['a token for this and another registry', { aud: [REGISTRY, 'https://registry.example'] }],
    ['a token for an endpoint of this gateway', { aud: `${REGISTRY}/admin` }],
    ['a token for a registry that is spelled otherwise', { aud: `${REGISTRY}/` }],
    ['a token for nobody', { aud: undefined }],
    ['a token of an issuer that is not configured', { iss: 'https://evil.example' }],
    ['a token of an issuer that looks like one', { iss: `${CI}/` }],
    ['a token without issuer', { iss: undefined }],
    ['a token that is over', { exp: NOW - 31 }],
    ['a token of the future', { iat: NOW + 31, nbf: NOW + 31 }],
    ['a token without an end', { exp: undefined }],
    ['a token that lives for days', { exp: NOW + 7200 }],
    ['a token without a beginning', { iat: undefined }],
    ['a token bound to a key', { cnf: { jkt: 'x' } }],
    ['a token without a subject', { sub: undefined }],
    ['a token with a line in its subject', { sub: 'a\nb' }],
  ])('%s', async (_what, claims) => {
    expect(await read(token(claims))).toMatchObject(refused)
  })
  it.each([
    ['an access token', { typ: 'at+jwt' }],
    ['a logout token', { typ: 'logout+jwt' }],
    ['a token with its own key', { jwk: {} }],
    ['a token that names where its key is', { jku: `${OTHER}/keys` }],
    ['a token with critical headers', { crit: ['x'] }],
    ['a token without kid', { kid: undefined }],
    ['a token with a kid nobody publishes', { kid: 'k9' }],
  ])('%s', async (_what, header) => {
    expect(await read(token({}, header))).toMatchObject(refused)
  })
  it('a token signed by nobody, with any spelling of none', async () => {
    for (const alg of ['none', 'None', 'nOnE', 'NONE']) {
      const parts = `${encode({ alg, typ: 'JWT', kid: 'k1' })}.${encode(CLAIMS)}`
      for (const text of [`${parts}.`, parts, `${parts}.AA`]) expect(await read(text)).toMatchObject(refused)
    }
  })
  it('a token signed with the public key as a secret (algorithm confusion), even where the configuration were wrong', async () => {
    rules = [rule(CI, { algorithms: ['HS256', 'none', 'ES256'] })]
    expect(await read(token({}, { alg: 'HS256' }))).toMatchObject(refused)
    expect(await read(token({}, { alg: 'none' }))).toMatchObject(refused)
  })
  it('a token of one issuer signed by another one that uses the same kid (kid confusion)', async () => {
    expect(await read(token({}, {}, keys.other))).toMatchObject(refused)
    expect(await read(keys.ci.sign({ ...CLAIMS, iss: OTHER, team: 'red', team_id: '1' }, { typ: 'JWT' }))).toMatchObject(refused)
    expect(await read(keys.other.sign({ ...CLAIMS, iss: OTHER, team: 'red', team_id: '1' }, { typ: 'JWT' }))).toMatchObject({
      name: 'com.corp.red',
    })
  })
  it('a token with a member twice, in a second spelling, or of another length', async () => {
    const header = JSON.stringify({ alg: 'ES256', kid: 'k1', typ: 'JWT' })
    const twice = JSON.stringify(CLAIMS).replace('{', '{"repository_owner":"evil",')
    expect(await read(keys.ci.signText(header, twice))).toMatchObject(refused)
    for (const text of [`${token()} `, `${token()}=`, token().slice(1), '', 'x', 'a'.repeat(20_000)])
      expect(await read(text)).toMatchObject(refused)
  })
})

it('has one id however its signature is written: r and n - s verify as well', async () => {
  const [N] = [0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n]
  const first = token()
  const [header = '', payload = '', signature = ''] = first.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  const flipped = N - BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const twin = Buffer.concat([bytes.subarray(0, 32), Buffer.from(flipped.toString(16).padStart(64, '0'), 'hex')])
  const second = `${header}.${payload}.${twin.toString('base64url')}`
  expect(second).not.toBe(first)
  expect((await read(second)).id).toBe((await read(first)).id)
})

describe('the ID token of a sign-in that the gateway asked for itself', () => {
  const asked = (login: { issuer: string; clientId: string } | undefined, aud: string) =>
    createProofTokens({ rules: () => rules, fetch, login: () => login }).read(token({ aud }), NOW, true)
  it('is for the gateway as a client, by the rules of where people sign in, and for nobody else', async () => {
    expect(await asked({ issuer: CI, clientId: 'gatehouse' }, 'gatehouse')).toMatchObject({ name: 'io.github.acme' })
    expect(await asked({ issuer: CI, clientId: 'gatehouse' }, REGISTRY)).toMatchObject(refused)
    expect(await asked({ issuer: OTHER, clientId: 'gatehouse' }, 'gatehouse')).toMatchObject(refused)
    expect(await asked(undefined, '')).toMatchObject(refused)
  })
  it('is no proof where somebody brings it', async () => {
    expect(await read(token({ aud: 'gatehouse' }))).toMatchObject(refused)
  })
})

describe('keys that cannot be had', () => {
  it('prove nothing, and are asked for once however many tokens come', async () => {
    fetch.down = true
    const answers = await Promise.all(Array.from({ length: 50 }, () => read(token())))
    expect(new Set(answers.map(({ stop }) => stop))).toEqual(new Set(['issuer-unavailable']))
    expect(answers[0].retryAfterSeconds).toBeGreaterThan(0)
    await read(token())
    expect(fetch.urls.length).toBeLessThanOrEqual(2) // the two places of metadata, once each
  })
  it('from a server that does not answer end with their time (a JWKS that hangs)', async () => {
    const server: Server = createServer(() => {}) // never a byte
    await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const issuer = `http://127.0.0.1:${port}`
    const slow = createProofTokens({
      rules: () => [rule(issuer)],
      fetch: createSafeFetch({ namedHosts: [`127.0.0.1:${port}`], timeoutMs: 100 }),
    })
    expect(await slow.read(keys.ci.sign({ ...CLAIMS, iss: issuer }, { typ: 'JWT' }), NOW)).toMatchObject({ stop: 'issuer-unavailable' })
    server.closeAllConnections()
    server.close()
  })
  it('count no more when the configuration names the issuer no longer', async () => {
    expect(await read(token())).toMatchObject({ name: 'io.github.acme' })
    rules = [rule(OTHER)]
    expect(await read(token())).toMatchObject(refused)
  })
})
