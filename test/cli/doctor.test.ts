import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { examine } from '../../src/cli/doctor.ts'
import type { Answer, Check, World } from '../../src/cli/doctor/check.ts'
import { loadText } from '../../src/config/load.ts'
import { NOW } from './io.ts'
import { gatehouse } from './io.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-doctor-'))
  mkdirSync(join(folder, '.gatehouse'), { mode: 0o700 })
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

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
    measureSync: () => Promise.resolve([1, 2, 3]),
    probe: () => Promise.resolve({ ok: true, detail: 'it answers' }),
    ...change,
  }
}
const look = async (text: string, world: World = healthy()): Promise<readonly Check[]> => {
  const loaded = await loadText(Buffer.from(text), join(folder, 'gatehouse.yaml'), { env: {} })
  return examine(loaded, world, { file: 'gatehouse.yaml', progress: () => undefined })
}
const bad = (checks: readonly Check[]): string[] =>
  checks.filter(c => c.status !== 'ok').map(c => `${c.status} ${c.name}: ${c.what}; ${c.mend}`)
const UPSTREAM = 'upstreams: { a: { stdio: { command: node }, allow: [{ subjects: [u], tools: [t] }] } }\n'

describe('doctor', () => {
  it('finds nothing to mend where all is well', async () => {
    const checks = await look(WITH_ISSUER + UPSTREAM)
    expect(bad(checks)).toEqual([expect.stringContaining('the only source of upstreams')])
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
    expect(bad(await look(WITH_ISSUER + UPSTREAM, world))).toHaveLength(1)
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
