import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createGrantStore } from '../../src/adapters/sqlite/grant-store.ts'
import { openStateDb, type StateDb } from '../../src/adapters/sqlite/state-db.ts'
import { sqliteSubjectClaims } from '../../src/adapters/sqlite/subject-claim-store.ts'
import { examine } from '../../src/cli/doctor.ts'
import type { Answer, Check, World } from '../../src/cli/doctor/check.ts'
import { statementOf, type Review } from '../../src/admission/statement.ts'
import { loadText } from '../../src/config/load.ts'
import { keyOf } from '../../src/kernel/principal.ts'
import type { StoredGrant } from '../../src/vault/grant.ts'
import { GATEWAY, startRealIssuer } from '../connect/real-issuer.ts'
import { IDP_CLIENT, startIdp } from '../support/identity-provider.ts'
import { NOW } from './io.ts'
import { gatehouse } from './io.ts'

const GRANT: StoredGrant = {
  grant: {
    ...{
      id: 'g1',
      principal: keyOf('https://login.example.com/tenant', 'alice'),
      upstream: 'a x',
      issuer: 'https://as',
      resource: 'https://r',
    },
    ...{ scopes: [], kind: 'oauth', revision: 1, createdAtSeconds: 1 },
  },
  keyId: 'k',
  sealed: 's',
}
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-doctor-'))
  mkdirSync(join(folder, '.gatehouse'), { mode: 0o700 })
  mkdirSync(join(folder, 'admissions'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const NOTHING = { tool: new Map(), prompt: new Map(), resource: new Map(), resourceTemplate: new Map() }
const REVIEW: Review = {
  alias: 'a',
  verdict: 'passed',
  surface: { mode: 'subset', instructions: null, primitives: NOTHING },
  launch: {},
  reviewer: 'ann',
  reviewedAt: '2026-11-21T12:00:00Z',
}
const ISSUER = 'https://login.example.com/tenant'
const WITH_ISSUER = `version: 1\nidentity: { issuers: [{ issuer: '${ISSUER}' }] }\n`
const json = (value: unknown, headers: Answer['headers'] = {}): Answer => ({
  status: 200,
  headers,
  body: Buffer.from(JSON.stringify(value)),
})
const METADATA = `${ISSUER}/.well-known/openid-configuration`
const JWKS = 'https://login.example.com/keys'
const RSA = { kty: 'RSA', use: 'sig', kid: 'k' }

const healthy = (change: Partial<World> = {}, pages: Readonly<Record<string, Answer>> = {}): World => {
  const all: Readonly<Record<string, Answer>> = {
    [METADATA]: json({ issuer: ISSUER, jwks_uri: JWKS }, { date: new Date(NOW).toUTCString() }),
    [JWKS]: json({ keys: [RSA] }),
    ...pages,
  }
  return {
    now: () => NOW,
    nodeVersion: 'v24.15.0',
    platform: 'linux',
    env: { PATH: process.env['PATH'] },
    uid: process.getuid?.(),
    openFileLimit: () => Promise.resolve(1_000_000),
    tryPort: () => Promise.resolve('free'),
    get: url => (all[url] ? Promise.resolve(all[url]) : Promise.reject(new Error('nothing there'))),
    introspect: () => Promise.resolve(undefined),
    askTrust: () => Promise.reject(new Error('nobody asks')),
    measureSync: () => Promise.resolve([1, 2, 3]),
    probe: () => Promise.resolve({ ok: true, detail: 'it answers' }),
    ...change,
  }
}
/** `statement`: of the reviewer of `a`, about how it is configured here; undefined = there is none. */
type Statement = (review: Review) => string | undefined
const look = async (text: string, world: World = healthy(), statement: Statement = statementOf): Promise<readonly Check[]> => {
  const loaded = await loadText(Buffer.from(text), join(folder, 'gatehouse.yaml'), { env: {} })
  const launch = loaded.ok ? loaded.snapshot.upstreams.get('a')?.launch.specification : undefined
  const said = statement({ ...REVIEW, ...(launch && { launch }) })
  if (said !== undefined) writeFileSync(join(folder, 'admissions', 'a.json'), said)
  return examine(loaded, world, { file: 'gatehouse.yaml', progress: () => undefined })
}
const bad = (checks: readonly Check[]): string[] =>
  checks.filter(c => c.status !== 'ok').map(c => `${c.status} ${c.name}: ${c.what}; ${c.mend}`)
const UPSTREAM = 'upstreams: { a: { stdio: { command: node }, allow: [{ subjects: [u], tools: [t] }] } }\n'

describe('doctor', () => {
  it('finds nothing to mend where all is well', async () => {
    const checks = await look(WITH_ISSUER + UPSTREAM)
    expect(bad(checks)).toEqual([
      expect.stringContaining('need no signature'),
      expect.stringContaining('nothing verifies who published these servers'),
    ])
    expect(checks.map(c => c.name)).toEqual(
      expect.arrayContaining([
        'node',
        'clock',
        'configuration',
        'data directory',
        'disk',
        'port',
        'open files',
        `issuer ${ISSUER}`,
        'upstream a',
      ]),
    )
  })

  it('every trouble says how to mend it', async () => {
    const world = healthy({
      nodeVersion: 'v20.1.0',
      now: () => 0,
      tryPort: () => Promise.resolve('EACCES'),
      openFileLimit: () => Promise.resolve(256),
      get: () => Promise.reject(new Error()),
    })
    const checks = await look(`${WITH_ISSUER}upstreams: { a: { stdio: { command: no-such-program } } }`, world)
    const troubles = checks.filter(c => c.status !== 'ok')
    expect(troubles.length).toBeGreaterThanOrEqual(7)
    for (const check of troubles) expect(check.mend).toMatch(/\w{3}/)
  })

  it('explains every fault of a configuration that does not load', async () => {
    expect(bad(await look('version: 2\nidentity: { issuers: [] }\n'))).toEqual([
      'fail configuration: gatehouse.yaml:1:1 version: expected `1`, got `2`; see docs/configuration.md',
      expect.stringMatching(/^fail configuration: gatehouse.yaml:2:1 identity: nobody could sign in; add `issuers`/),
    ])
  })

  it.each([
    ['v20.20.0', true],
    ['v24.14.9', true],
    ['v24.15.0', false],
    ['v25.9.0', true],
    ['v26.0.0', false],
  ])('Node %s unsupported: %s', async (nodeVersion, isBad) => {
    expect(bad(await look(WITH_ISSUER, healthy({ nodeVersion }))).some(line => line.startsWith('fail node'))).toBe(isBad)
  })

  it('agrees with package.json about Node', () => {
    expect(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).engines.node).toBe('^24.15 || >=26')
  })

  it.each<[string, Partial<World>, Readonly<Record<string, Answer>>, string]>([
    ['a stopped clock', { now: () => 0 }, {}, 'fail clock: the clock says 1970'],
    ['few open files', { openFileLimit: () => Promise.resolve(1024) }, {}, 'warn open files: 1024 open files are allowed'],
    ['a taken port', { tryPort: () => Promise.resolve('taken') }, {}, 'fail port: 127.0.0.1:8400 is taken by another program'],
    ['a foreign address', { tryPort: () => Promise.resolve('EADDRNOTAVAIL') }, {}, 'is no address of this machine'],
    ['a slow disk', { measureSync: () => Promise.resolve([20, 20, 20]) }, {}, 'warn disk: a durable write takes 20 ms'],
    ['a very slow disk', { measureSync: () => Promise.resolve([80, 80, 80]) }, {}, 'fail disk: a durable write takes 80 ms'],
    [
      'a full disk',
      { measureSync: () => Promise.reject(Object.assign(new Error(), { code: 'ENOSPC' })) },
      {},
      'cannot be written (ENOSPC)',
    ],
    ['an issuer that does not answer', { get: () => Promise.reject(new Error()) }, {}, 'its metadata cannot be read'],
    ['an issuer with another name', {}, { [METADATA]: json({ issuer: `${ISSUER}/`, jwks_uri: JWKS }) }, 'names another issuer'],
    ['an issuer without keys', {}, { [METADATA]: json({ issuer: ISSUER }) }, 'names no `jwks_uri`'],
    ['unreadable keys', {}, { [JWKS]: { status: 404, headers: {}, body: Buffer.alloc(0) } }, 'its keys cannot be read'],
    ['keys that are none', {}, { [JWKS]: json([]) }, 'no JWK Set'],
    ['keys that do not fit', {}, { [JWKS]: json({ keys: [{ kty: 'EC', use: 'enc' }, { kty: 'oct' }] }) }, 'none of its 2 keys fits'],
    [
      'an issuer in another time',
      {},
      { [METADATA]: json({ issuer: ISSUER, jwks_uri: JWKS }, { date: new Date(NOW - 90_000).toUTCString() }) },
      '90 seconds apart',
    ],
    [
      'an upstream that does not answer',
      { probe: () => Promise.resolve({ ok: false, detail: 'timed out' }) },
      {},
      'fail upstream a: it does not answer: timed out',
    ],
  ])('sees %s', async (_, change, pages, expected) => {
    expect(bad(await look(WITH_ISSUER + UPSTREAM, healthy(change, pages))).join('\n')).toContain(expected)
  })

  describe('the client document that is published elsewhere', () => {
    const URL_OF_IT = 'https://apps.example.com/gatehouse.json'
    const OWN = `${WITH_ISSUER}oauthClient: { metadataUrl: '${URL_OF_IT}' }\n`
    const DOCUMENT = {
      client_id: URL_OF_IT,
      redirect_uris: ['http://127.0.0.1:9999/oauth/callback', 'http://127.0.0.1:8400/oauth/callback'],
      token_endpoint_auth_method: 'none',
    }
    const lookAt = async (document: object): Promise<Check[]> =>
      (await look(OWN + UPSTREAM, healthy({}, { [URL_OF_IT]: json(document) }))).filter(({ name }) => name === 'client document')

    it('is looked at, and only where there is one', async () => {
      expect(await lookAt(DOCUMENT)).toEqual([{ name: 'client document', status: 'ok', what: `${URL_OF_IT} is this gateway’s` }])
      expect((await look(WITH_ISSUER + UPSTREAM)).map(({ name }) => name)).not.toContain('client document')
    })
    it.each([
      ['another id', { client_id: 'https://apps.example.com/other.json' }, 'names another client id'],
      ['another redirect', { redirect_uris: ['https://evil.example/oauth/callback'] }, 'does not name this gateway’s redirect'],
      ['no redirects', { redirect_uris: 'http://127.0.0.1:8400/oauth/callback' }, 'does not name this gateway’s redirect'],
      ['another proof', { token_endpoint_auth_method: 'private_key_jwt' }, 'wants another proof'],
    ])('with %s it fails', async (_what, change, words) => {
      const [check] = await lookAt({ ...DOCUMENT, ...change })
      expect(check).toMatchObject({ status: 'fail', mend: 'publish there what stands at http://127.0.0.1:8400/oauth/client-metadata.json' })
      expect(check?.what).toContain(words)
    })
    it('fails where nothing stands', async () => {
      const checks = await look(OWN + UPSTREAM)
      expect(bad(checks).join()).toContain(`fail client document: ${URL_OF_IT} gives no JSON document`)
    })
  })

  describe('identity providers', () => {
    const lines = (checks: readonly Check[], name: string): string[] =>
      checks.filter(c => c.name === name).map(c => `${c.status} ${c.what}`)
    const issuers = (...more: string[]): string =>
      `version: 1\nidentity: { issuers: [${more.map(m => `{ issuer: '${ISSUER}'${m === '' ? '' : `, ${m}`} }`).join(', ')}] }\n`
    const INTROSPECTION = 'introspection: { clientId: g, clientSecret: { fromFile: secret } }'
    beforeEach(() => writeFileSync(join(folder, 'secret'), 's', { mode: 0o600 }))

    it.each([
      ['', 'ok a token it takes back counts for at most 16 minutes, whatever it says meanwhile'],
      ['maxTokenLife: 5m, clockSkew: 0s', 'ok a token it takes back counts for at most 5 minutes, whatever it says meanwhile'],
      [
        'maxTokenLife: 15m, clockSkew: 0s, logoutAudience: g',
        'ok a token it takes back counts for at most 15 minutes; back-channel logout ends a sign-in at once',
      ],
      ['maxTokenLife: 2h', 'warn a token it takes back counts for at most 121 minutes'],
      [INTROSPECTION, 'ok a token it takes back ends within 30 seconds, because it is asked about its tokens'],
    ])('says how long what it takes back may count (%s)', async (more, expected) => {
      expect(lines(await look(issuers(more)), `issuer ${ISSUER}`)).toContain(expected)
    })
    it('a life beyond 15 minutes is to be considered, with what would shorten it', async () => {
      expect(bad(await look(issuers('maxTokenLife: 1d'))).join()).toMatch(
        /counts for at most 1441 minutes; set `maxTokenLife` to 15 minutes/,
      )
    })

    it.each<[string, string, object, string | undefined]>([
      ['a claim of its own', 'subjectClaim: employee', {}, undefined],
      ['a public `sub`', '', { subject_types_supported: ['public', 'pairwise'] }, undefined],
      ['a pairwise `sub`', '', { subject_types_supported: ['pairwise'] }, 'another one for each client (pairwise)'],
      ['another claim of such a provider', 'subjectClaim: oid', { subject_types_supported: ['pairwise'] }, undefined],
    ])('judges who people are: %s', async (_what, more, metadata, fault) => {
      const world = healthy({}, { [METADATA]: json({ issuer: ISSUER, jwks_uri: JWKS, ...metadata }) })
      const said = bad(await look(issuers(more) + UPSTREAM, world)).join()
      if (fault === undefined) expect(said).not.toContain('fail')
      else expect(said).toContain(fault)
    })
    it.each([
      ['', true],
      ['subjectClaim: oid', true],
      ['subjectClaim: tid+oid', false],
    ])('Entra ID names people by `tid+oid` alone (%s refused: %s)', async (more, isRefused) => {
      const entra = 'https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0'
      const world = healthy({}, { [`${entra}/.well-known/openid-configuration`]: json({ issuer: entra, jwks_uri: JWKS }) })
      const said = bad(await look(issuers(more).replace(ISSUER, entra), world)).join()
      expect(said.includes('does not name the same person in every application of Entra ID; set `subjectClaim: tid+oid`')).toBe(isRefused)
    })

    it('asks the introspection endpoint about a token that nobody has', async () => {
      expect(lines(await look(issuers(INTROSPECTION)), `introspection ${ISSUER}`)).toEqual([
        'ok it answers, knows this gateway, and calls a made-up token inactive',
      ])
      const world = healthy({ introspect: () => Promise.resolve('the introspection endpoint answered with status 401') })
      expect(bad(await look(issuers(INTROSPECTION), world)).join()).toMatch(/status 401; until it answers none of its tokens count; check/)
    })

    const LOGIN = `version: 1\nidentity: { login: { issuer: '${ISSUER}', clientId: g }, authorizationServer: {} }\n`
    const provider = (more: object): World =>
      healthy(
        {},
        {
          [METADATA]: json({
            ...{ issuer: ISSUER, jwks_uri: JWKS, authorization_endpoint: `${ISSUER}/a`, token_endpoint: `${ISSUER}/t` },
            ...{ code_challenge_methods_supported: ['S256'], scopes_supported: ['openid', 'offline_access'] },
            ...more,
          }),
        },
      )
    it('looks at the provider people sign in at: PKCE, sign-outs, refresh', async () => {
      const checks = await look(LOGIN + UPSTREAM, provider({ backchannel_logout_supported: true }))
      expect(lines(checks, `login ${ISSUER}`)).toEqual([
        'ok it answers, and supports PKCE',
        'ok it can tell this gateway of sign-outs (back-channel logout), once http://127.0.0.1:8400/oauth/backchannel-logout is registered there',
        'ok whoever is gone there is noticed within 10 minutes, when hosts refresh their tokens',
        'ok people are who `sub` says',
      ])
      expect(lines(checks, 'issuer http://127.0.0.1:8400')).toEqual([
        'ok it is this gateway’s own: its tokens live 10 minutes, and end at once with their sign-in',
      ])
      expect(lines(await look(LOGIN + UPSTREAM, provider({})), `login ${ISSUER}`).join()).toContain('does not tell of sign-outs')
    })
    it.each<[string, object, RegExp]>([
      ['without PKCE', { code_challenge_methods_supported: ['plain'] }, /fail login .* PKCE with S256/],
      ['without a word on PKCE', { code_challenge_methods_supported: undefined }, /fail login .* PKCE with S256/],
      ['without a token endpoint', { token_endpoint: undefined }, /fail login .*names no `token_endpoint`/],
      ['that does not know `offline_access`', { scopes_supported: ['openid'] }, /warn login .*`offline_access`/],
      ['with a pairwise `sub`', { subject_types_supported: ['pairwise'] }, /fail login .*pairwise/],
      ['of another name', { issuer: 'https://evil.example' }, /fail login .*names another issuer/],
    ])('sees a provider %s', async (_what, more, expected) => {
      expect(bad(await look(LOGIN + UPSTREAM, provider(more))).join('\n')).toMatch(expected)
    })
    it('looks whether the provider exchanges the sign-ins that credentials of upstreams start with', async () => {
      const credential = `credential: { kind: identity-assertion, issuer: 'https://as.example', clientId: c }`
      const upstream = `upstreams: { notes: { http: { url: 'https://notes.example/mcp' }, ${credential}, allow: [{ subjects: ['*'], tools: [t] }] } }\n`
      const text = LOGIN.replace('clientId: g', 'clientId: g, clientSecret: s') + upstream
      expect(bad(await look(text, provider({ grant_types_supported: ['authorization_code'] }))).join('\n')).toMatch(
        /warn login .*does not say that it exchanges tokens \(RFC 8693\), as credentials for `notes` need; turn it on/,
      )
      const does = provider({ grant_types_supported: ['urn:ietf:params:oauth:grant-type:token-exchange'] })
      expect(lines(await look(text, does), `login ${ISSUER}`)).toContain('ok it exchanges tokens, as credentials for `notes` need')
    })
    it('believes the configuration that a provider supports PKCE', async () => {
      const assumed = LOGIN.replace('clientId: g', 'clientId: g, pkce: assumed')
      const checks = await look(assumed + UPSTREAM, provider({ code_challenge_methods_supported: undefined }))
      expect(lines(checks, `login ${ISSUER}`)[0]).toBe(
        'ok it answers, and supports PKCE according to the configuration, not to its metadata',
      )
    })
    it('sees a provider that does not answer, and a sign-in that nobody can confirm again', async () => {
      expect(bad(await look(LOGIN, healthy({ get: () => Promise.reject(new Error()) }))).join()).toContain(
        `fail login ${ISSUER}: its metadata cannot be read`,
      )
      const once = LOGIN.replace('clientId: g', 'clientId: g, scopes: [openid]')
      expect(bad(await look(once, provider({}))).join()).toContain('asks for no refresh token')
    })

    const state = async (use: (db: StateDb) => Promise<unknown>): Promise<void> => {
      const db = await openStateDb(join(folder, '.gatehouse', 'state.db'))
      await use(db)
      await db.close()
    }
    it('sees a subject claim that was changed under connected accounts, beside a gateway that runs; and none where nothing is kept', async () => {
      await state(db => sqliteSubjectClaims(db, () => 0).take({ issuer: ISSUER, claim: 'sub' }))
      const changed = issuers('subjectClaim: oid') + UPSTREAM
      const files = readdirSync(join(folder, '.gatehouse'))
      expect(bad(await look(changed)).join()).not.toMatch(/subjectClaim|cannot be read/)
      expect(readdirSync(join(folder, '.gatehouse'))).toEqual(files)
      const db = await openStateDb(join(folder, '.gatehouse', 'state.db'))
      await createGrantStore(db).put(GRANT)
      expect(bad(await look(changed)).join()).toMatch(
        /fail issuer .*was `sub` and is `oid` now, and names of before.*stand for 1 connected account; the gateway does not start so; set it to `sub` again/,
      )
      expect(bad(await look(issuers('') + UPSTREAM)).join()).not.toContain('subjectClaim')
      await db.close()
    })
    it('sees a state database that is none', async () => {
      writeFileSync(join(folder, '.gatehouse', 'state.db'), 'nothing', { mode: 0o600 })
      expect(bad(await look(issuers(''))).join()).toMatch(/fail state: .*state.db cannot be read/)
    })
  })

  it('knows a gateway that runs already from another program', async () => {
    const world = healthy({ tryPort: () => Promise.resolve('taken') }, { 'http://127.0.0.1:8400/healthz': json({}) })
    expect(bad(await look(WITH_ISSUER + UPSTREAM, world)).join()).not.toContain('taken')
  })

  it('reads metadata where RFC 8414 puts it, too', async () => {
    const world = healthy(
      {},
      {
        [METADATA]: { status: 404, headers: {}, body: Buffer.alloc(0) },
        'https://login.example.com/.well-known/oauth-authorization-server/tenant': json({ issuer: ISSUER, jwks_uri: JWKS }),
      },
    )
    expect(bad(await look(WITH_ISSUER + UPSTREAM, world))).toHaveLength(2)
  })

  it('attack: what an issuer says cannot drive the terminal', async () => {
    const world = healthy({}, { [METADATA]: json({ issuer: '\u001b[2J\u001b]0;x\u0007evil', jwks_uri: JWKS }) })
    expect(bad(await look(WITH_ISSUER, world)).join()).not.toMatch(/[\u0000-\u001f]/)
  })

  it('sees a data directory and keys that others may read', async () => {
    chmodSync(join(folder, '.gatehouse'), 0o755)
    mkdirSync(join(folder, '.gatehouse', 'keys'), { mode: 0o700 })
    writeFileSync(join(folder, '.gatehouse', 'keys', 'seal.key'), 'x', { mode: 0o644 })
    const lines = bad(await look(WITH_ISSUER + UPSTREAM)).join('\n')
    expect(lines).toMatch(/others on this machine may enter .*chmod 700/)
    expect(lines).toMatch(/may read in .*keys: seal.key; chmod -R go-rwx/)
  })

  it('sees a data directory of another user', async () => {
    expect(bad(await look(WITH_ISSUER, healthy({ uid: 4711 }))).join()).toContain('not to this one (4711)')
  })

  it('sees programs, folders and users that are not to be had', async () => {
    const text = `${WITH_ISSUER}upstreams: { a: { stdio: { command: ./missing, cwd: nowhere, uid: 12, launcher: [no-such-launcher] } }, b: { stdio: { command: sh, env: { PATH: /nowhere } } } }`
    const lines = bad(await look(text, healthy({ uid: 4711 }))).join('\n')
    expect(lines).toContain('missing` is not there')
    expect(lines).toContain('`no-such-launcher` is not there')
    expect(lines).toContain('nowhere is not there')
    expect(lines).toContain('which user 4711 may not switch to')
    expect(lines).toContain('fail upstream b: the program `sh` is not there')
    expect(lines).toContain('no rule allows anybody')
  })

  it.each<[string, Statement, string]>([
    ['nobody has reviewed', () => undefined, 'warn upstream a: nobody has reviewed it, so it offers nothing; `gatehouse server review a`'],
    ['a reviewer refused', review => statementOf({ ...review, verdict: 'failed' }), 'warn upstream a: a reviewer has put it in quarantine'],
    ['cannot be relied on', () => '{}', 'fail upstream a: its admission expected `_type`'],
    [
      'it was admitted with another command (N141)',
      review => statementOf({ ...review, launch: { ...review.launch, command: 'sh' } }),
      'fail upstream a: it is not started: `a`: it would be started or reached otherwise than it was admitted: `/command` changed',
    ],
  ])('says why a server offers nothing, and starts nothing: %s', async (_, statement, line) => {
    let probed = 0
    const probe = () => Promise.resolve({ ok: true, detail: String(probed++) } as const)
    expect(bad(await look(WITH_ISSUER + UPSTREAM, healthy({ probe }), statement)).join('\n')).toContain(line)
    expect(probed).toBe(0)
  })

  it('does not start a program that cannot be run', async () => {
    let probed = 0
    const probe = () => Promise.resolve({ ok: true, detail: String(probed++) } as const)
    await look(`${WITH_ISSUER}upstreams: { a: { stdio: { command: ./missing } } }`, healthy({ probe }))
    expect(probed).toBe(0)
  })

  it('refuses to call the evaluation provider well in production', async () => {
    const text = 'version: 1\nidentity: { evaluation: { users: [{ name: a }] } }\n'
    expect(bad(await look(text, healthy({ env: { NODE_ENV: 'production' } }))).join()).toContain('does not run with NODE_ENV=production')
  })

  it('looks at genuine providers: keys, introspection with the right secret and a wrong one, sign-in', async () => {
    const [issuer, idp] = [await startRealIssuer({ resources: () => [] }), await startIdp('http://127.0.0.1:1/oauth/login/callback')]
    try {
      const settings = { clientId: GATEWAY.clientId, clientSecret: { fromFile: 'secret' } }
      const config = {
        version: 1,
        listen: '127.0.0.1:1',
        identity: {
          login: { issuer: idp.issuer, clientId: IDP_CLIENT.clientId, scopes: ['openid', 'offline_access'] },
          authorizationServer: {},
          issuers: [{ issuer: issuer.issuer, introspection: settings }],
        },
      }
      writeFileSync(join(folder, 'gatehouse.yaml'), JSON.stringify(config), { mode: 0o600 })
      const report = async (secret: string): Promise<readonly Check[]> => {
        writeFileSync(join(folder, 'secret'), secret, { mode: 0o600 })
        const { out } = await gatehouse(['doctor', '--json'], { cwd: folder, now: () => Date.now() })
        return (JSON.parse(out) as { checks: Check[] }).checks.filter(({ name }) => /^(issuer|introspection|login) /.test(name))
      }
      const well = await report(GATEWAY.clientSecret)
      expect(well.filter(({ status }) => status !== 'ok')).toEqual([])
      expect(well.map(({ what }) => what).join('\n')).toMatch(
        /1 of its 1 keys fit[^]*made-up token inactive[^]*ends within 30 seconds[^]*supports PKCE[^]*can tell this gateway of sign-outs/,
      )
      expect(bad(await report('of yesterday')).join()).toMatch(/^fail introspection .*answered with status 401; until it answers/)
    } finally {
      await issuer.close()
      await idp.stop()
    }
  })

  it('looks at the real machine, in words and as JSON', async () => {
    writeFileSync(
      join(folder, 'gatehouse.yaml'),
      'version: 1\nlisten: 127.0.0.1:1\nidentity: { evaluation: { port: 2, users: [{ name: a }] } }\n',
      { mode: 0o600 },
    )
    const { out } = await gatehouse(['doctor'], { cwd: folder, now: () => Date.now() })
    expect(out).toMatch(/^ok {4}node: .*\n/)
    expect(out).toContain('a durable write takes')
    const report = JSON.parse((await gatehouse(['doctor', '--json'], { cwd: folder })).out)
    expect(report.checks.map((c: Check) => c.name)).toContain('disk')
    expect((await gatehouse(['doctor', '-c', 'none.yaml'], { cwd: folder })).code).toBe(3)
  })
})
