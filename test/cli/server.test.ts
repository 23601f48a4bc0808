// `gatehouse server …` from a terminal: what it says, refuses and leaves on disk. The flow with a running gateway is in test/e2e/admission.test.ts.

import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { documentReaders } from '../../src/adapters/registry-documents.ts'
import { documentsOf } from '../../src/registry/documents.ts'
import { surfaceDigest } from '../../src/trust/review.ts'
import { readSurface } from '../../src/trust/statement.ts'
import { identityToken, startSigstore } from '../support/sigstore.ts'
import { nodeServer } from '../support/upstreams/stdio.ts'
import { gatehouse } from './io.ts'

let cwd = ''
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'gatehouse-server-'))
  configure()
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

function configure(more: object = {}, upstreams: object = {}): void {
  const weather = {
    stdio: { command: process.execPath, args: nodeServer('flipping').args },
    allow: [{ subjects: ['*'], tools: ['get_weather'] }],
    ...more,
  }
  const document = {
    version: 1,
    dataDir: 'data',
    identity: { evaluation: { users: [{ name: 'alice' }] } },
    upstreams: { weather, ...upstreams },
  }
  writeFileSync(join(cwd, 'gatehouse.yaml'), stringify(document))
}
const run = (...words: string[]) => gatehouse(['server', ...words], { cwd })
const reviewed = async (): Promise<string> => /--surface ([0-9a-f]{64})/.exec((await run('review', 'weather')).out)![1]!
const launched = async (): Promise<string> => JSON.parse((await run('diff', 'weather', '--json')).out).launch.digest
const approve = async (surface: string, ...more: string[]) =>
  run('approve', 'weather', '--surface', surface, '--launch', await launched(), ...more)

describe('gatehouse server', () => {
  it('review, approve, diff, list: from nothing to admitted', async () => {
    expect(await run('list')).toMatchObject({ code: 0, out: 'weather  nobody has reviewed it\n' })
    expect(await run('diff', 'weather')).toMatchObject({ code: 1, out: expect.stringContaining('nothing else was seen of it') })
    const launch = {
      standing: 'new',
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      changes: expect.arrayContaining([{ pointer: '/transport', after: '"stdio"' }]),
    }
    expect(JSON.parse((await run('diff', 'weather', '--json')).out)).toEqual({ alias: 'weather', seen: false, launch })
    const digest = await reviewed()
    expect(await run('diff', 'weather')).toMatchObject({ code: 1, out: expect.stringContaining('5 to review') })
    const approved = await approve(digest.slice(0, 12), '--why', 'read it', '--json')
    expect([approved.code, JSON.parse(approved.out)]).toEqual([
      0,
      { alias: 'weather', verdict: 'passed', surface: digest, launch: await launched(), file: join(cwd, 'admissions', 'weather.json') },
    ])
    expect(approved.err).toContain('the statement is not signed')
    expect(await run('diff', 'weather')).toMatchObject({
      code: 0,
      out: 'weather: admitted by alice at 2026-11-21T12:00:00.000Z: read it (unsigned)\nit starts as it was admitted\n4 as admitted, 0 to review, 0 not seen now\n',
    })
    expect(JSON.parse((await run('list', '--json')).out)).toEqual({
      servers: [
        {
          alias: 'weather',
          admission: 'required',
          standing: expect.stringContaining('admitted by alice'),
          surface: digest,
          held: 0,
          class: 'same',
          launch: 'same',
        },
      ],
    })
  })

  it('attack: what was seen changed since it was looked at: nothing is admitted by the old digest', async () => {
    const digest = await reviewed()
    const file = join(cwd, 'data', 'seen', 'weather.json')
    writeFileSync(file, readFileSync(file, 'utf8').replace('Tells the weather', 'Tells the whether'))
    expect(await approve(digest)).toMatchObject({ code: 4, err: expect.stringContaining('not what was named') })
    expect(await approve(digest.slice(0, 3))).toMatchObject({ code: 4 })
    expect(existsSync(join(cwd, 'admissions', 'weather.json'))).toBe(false)
  })

  it('attack: the configuration changed since it was looked at: nothing is admitted by the old digests (N141)', async () => {
    const digest = await reviewed()
    const launch = await launched()
    configure({ stdio: { command: process.execPath, args: [...nodeServer('flipping').args, '--evil'] } })
    expect(await run('approve', 'weather', '--surface', digest, '--launch', launch)).toMatchObject({
      code: 4,
      err: expect.stringContaining('not what was named'),
    })
    expect(await run('approve', 'weather', '--surface', digest)).toMatchObject({
      code: 4,
      err: expect.stringContaining('nothing was admitted'),
    })
    expect(existsSync(join(cwd, 'admissions', 'weather.json'))).toBe(false)
    expect((await approve(digest)).code).toBe(0)
    configure()
    expect(await run('diff', 'weather')).toMatchObject({
      code: 1,
      out: expect.stringContaining(
        'how it starts was changed since it was admitted, so nothing is started\n    /args/2\n      - "--evil"\n',
      ),
    })
  })

  it('surface: the file that is signed, and its digest is the one a reviewer approves', async () => {
    expect(await run('surface', 'weather')).toMatchObject({ code: 4, err: expect.stringContaining('nothing was seen') })
    const digest = await reviewed()
    const { code, out, err } = await run('surface', 'weather')
    expect([code, err]).toEqual([0, `surface ${digest}\n`])
    const signed = readSurface(Buffer.from(out))
    expect(surfaceDigest(signed)).toBe(digest)
    expect(Object.keys(signed.tools)).toEqual(['get_weather'])
    expect(readSurface(Buffer.from((await run('surface', 'weather', '--mode', 'exact')).out)).mode).toBe('exact')
    expect((await run('surface', 'weather', '--mode', 'any')).code).toBe(2)
    const definitions = await run('surface', 'weather', '--definitions')
    const found = await documentsOf(
      { definitions: definitions.out },
      [{ surface: { digest, text: JSON.stringify(signed) }, locks: new Map() }],
      documentReaders,
    )
    expect(found).toMatchObject([{ kind: 'surface' }, { kind: 'definitions', signed: digest }])
    expect((await run('surface')).code).toBe(2)
  })

  it('approve --key signs what the configuration’s reviewers have to sign', async () => {
    for (const name of ['ann', 'mallory']) {
      const { privateKey, publicKey } = generateKeyPairSync('ed25519')
      writeFileSync(join(cwd, `${name}.key`), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
      writeFileSync(join(cwd, `${name}.pem`), publicKey.export({ type: 'spki', format: 'pem' }))
    }
    const file = join(cwd, 'gatehouse.yaml')
    writeFileSync(file, `${readFileSync(file, 'utf8')}reviewers: { ann: { publicKey: ann.pem } }\n`)
    const digest = await reviewed()
    const decide = (...more: string[]) => approve(digest, '--reviewer', 'ann', ...more)
    expect(await decide()).toMatchObject({ code: 2, err: expect.stringContaining('expected --key, --key-command or --fulcio') })
    expect(await decide('--key', 'mallory.key')).toMatchObject({ code: 2, err: expect.stringContaining('signed by another key') })
    expect(existsSync(join(cwd, 'admissions'))).toBe(false)
    expect(await decide('--key', 'ann.key')).toMatchObject({ code: 0, err: '' })
    expect((await run('list')).out).toContain('admitted by ann at 2026-11-21T12:00:00.000Z (signed)')
    const statement = join(cwd, 'admissions', 'weather.json')
    writeFileSync(statement, readFileSync(statement, 'utf8').replace('2026-11-21', '2026-11-22'))
    expect((await run('diff', 'weather')).out).toContain('its admission is not what was signed')
    // A refusal needs no key.
    expect((await run('quarantine', 'weather', '--why', 'no', '--reviewer', 'ann')).code).toBe(0)
    expect((await run('list')).out).toContain('its admission is not signed')
  })

  it('approve --fulcio signs as an identity, and only as the one that `reviewers` names', async () => {
    const sigstore = await startSigstore()
    try {
      writeFileSync(join(cwd, 'root.json'), sigstore.root)
      const file = join(cwd, 'gatehouse.yaml')
      const ann = "{ issuer: 'https://id.example', san: 'ann@acme.example', root: root.json }"
      writeFileSync(file, `${readFileSync(file, 'utf8')}reviewers: { ann: ${ann} }\n`)
      const as = (sub: string): void => writeFileSync(join(cwd, 'token'), identityToken({ iss: 'https://id.example', sub }))
      const digest = await reviewed()
      const keyless = ['--fulcio', sigstore.url, '--identity-token-file', 'token']
      as('mallory@acme.example')
      expect(await approve(digest, ...keyless)).toMatchObject({ code: 2, err: expect.stringContaining('--rekor') })
      expect(await approve(digest, ...keyless, '--rekor', sigstore.url)).toMatchObject({
        code: 2,
        err: expect.stringContaining('this would not count: it is signed by somebody else than its reviewer: signer-san'),
      })
      expect(existsSync(join(cwd, 'admissions'))).toBe(false)
      as('ann@acme.example')
      expect(await approve(digest, ...keyless, '--rekor', sigstore.url)).toMatchObject({ code: 0, err: '' })
      expect((await run('list')).out).toContain('admitted by ann at 2026-11-21T12:00:00.000Z (signed)')
      expect(readFileSync(join(cwd, 'admissions', 'weather.sigstore.json'), 'utf8')).toContain('"certificate"')
    } finally {
      await sigstore.close()
    }
  })

  it('quarantine keeps the surface, and approve takes it back', async () => {
    const digest = await reviewed()
    expect(await run('quarantine', 'weather', '--why', 'no')).toMatchObject({ code: 0, out: expect.stringContaining('in quarantine') })
    expect((await run('list')).out).toContain('refused by alice')
    expect((await approve(digest)).code).toBe(0)
    expect((await run('quarantine', 'weather', '--why', 'again')).code).toBe(0)
    expect(readFileSync(join(cwd, 'admissions', 'weather.json'), 'utf8')).toContain(digest)
  })

  it.each([
    ['no alias', ['diff'], 2, 'expected the alias of a server: weather'],
    ['an alias that is not there', ['diff', 'wether'], 2, 'did you mean `weather`?'],
    ['another mode', ['approve', 'weather', '--mode', 'any'], 2, 'expected --mode subset or exact'],
    ['nothing seen yet', ['approve', 'weather'], 4, 'nothing was seen of `weather` yet'],
    ['a reviewer without end', ['quarantine', 'weather', '--why', 'x', '--reviewer', 'x'.repeat(200)], 2, 'expected a reviewer'],
    ['a reason without end', ['quarantine', 'weather', '--why', 'x'.repeat(2000)], 2, 'expected --why of at most'],
  ] as const)('%s', async (_, words, code, err) => {
    expect(await run(...words)).toMatchObject({ code, err: expect.stringContaining(err) })
  })

  it('a configuration that does not load', async () => {
    writeFileSync(join(cwd, 'gatehouse.yaml'), 'version: 2\n')
    for (const words of [['list'], ['diff', 'weather']]) expect((await run(...words)).code).toBe(3)
  })

  it('a server that does not answer, and one that takes everybody’s own credential, are not looked at', async () => {
    configure({ stdio: { command: join(cwd, 'nothing-here') } })
    expect((await run('review', 'weather')).code).toBe(5)
    configure({ stdio: undefined, http: { url: 'https://files.example/mcp' }, credential: { kind: 'oauth' } })
    expect(await run('review', 'weather')).toMatchObject({ code: 4, err: expect.stringContaining('everybody’s own credential') })
  })

  it('what cannot be kept is said, and what nobody can read whole is not admitted', async () => {
    await reviewed()
    const file = join(cwd, 'data', 'seen', 'weather.json')
    writeFileSync(file, readFileSync(file, 'utf8').replace('"isCut":false', '"isCut":true'))
    expect((await run('diff', 'weather')).out).toContain('more was listed than is kept')
    expect(await run('approve', 'weather')).toMatchObject({ code: 4, err: expect.stringContaining('cannot be admitted whole') })
    expect(await run('surface', 'weather')).toMatchObject({ code: 4, err: expect.stringContaining('not whole') })
    chmodSync(file, 0o644)
    expect(await run('review', 'weather')).toMatchObject({ code: 1, err: expect.stringContaining('could not be kept') })
  })

  it('a statement that cannot be relied on, and definitions of any size', async () => {
    const digest = await reviewed()
    await approve(digest)
    writeFileSync(join(cwd, 'admissions', 'weather.json'), '{}')
    expect((await run('list')).out).toContain('its admission expected `_type`')
    truncateSync(join(cwd, 'admissions', 'weather.definitions.json'), 64 * 1024 * 1024)
    expect(await run('list')).toMatchObject({ code: 1, err: expect.stringContaining('is no regular file of at most') })
  })

  it('says that an approval decides nothing while the configuration admits by itself', async () => {
    configure({ admission: 'configured' })
    expect((await run('list')).out).toBe('weather  admitted by the configuration alone\n')
    const digest = await reviewed()
    expect((await approve(digest)).err).toContain('or this decides nothing')
    configure({}, {})
    writeFileSync(join(cwd, 'gatehouse.yaml'), 'version: 1\nidentity: { evaluation: { users: [{ name: alice }] } }\n')
    expect((await run('list')).out).toBe('no server is configured\n')
  })
})
