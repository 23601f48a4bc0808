// Signing and verifying as publishers and operators do: by key file, by a program that holds the key, keyless; and every refusal with its reason and its exit code.

import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { identityToken, startSigstore } from '../support/sigstore.ts'
import { ISSUER, keyed, keyless, keyPair, PURL, SAN, serverJson, sha512, SURFACE, VERIFIER_ID } from '../trust/samples.ts'
import { gatehouse } from './io.ts'

let cwd: string
const put = (name: string, bytes: Buffer | string, mode = 0o600): void => writeFileSync(join(cwd, name), bytes, { mode })
const run = (...argv: string[]) => gatehouse(argv, { cwd })
const COVER = ['--artifact', 'weather.tgz', '--lock', 'package-lock.json', '--surface', 'surface.json']
const sign = (...more: string[]) => run('sign', ...COVER, '--sequence', '7', ...more)
const verify = (...more: string[]) =>
  run('verify', 'server.json.sigstore.json', '--policy', 'policy.json', '--server', 'server.json', ...COVER, ...more)
const policyOf = (signer: object, change: object = {}): void =>
  put('policy.json', JSON.stringify({ version: 1, namespaces: { 'io.github.acme': signer }, ...change }))

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'gatehouse-sign-'))
  const { publicKey, privateKey } = keyPair()
  put('key.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }))
  put('key.pub', publicKey)
  put('server.json', serverJson())
  put('weather.tgz', 'the tarball')
  put('package-lock.json', 'the lock file')
  put('surface.json', JSON.stringify(SURFACE))
  policyOf(keyed(publicKey))
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

describe('gatehouse sign and verify', () => {
  it('sign with a key file, and verify offline against the policy and what lies here', async () => {
    const signed = await sign('--key', 'key.pem')
    expect(signed).toMatchObject({ code: 0, err: '' })
    expect(signed.out).toMatch(/^signed io\.github\.acme\/weather 1\.2\.0 \(sequence 7\) by key /)
    expect(signed.out).toContain(PURL)
    const verified = await verify()
    expect(verified).toMatchObject({ code: 0, err: '' })
    expect(verified.out).toMatch(/^verified: io\.github\.acme\/weather 1\.2\.0, sequence 7\n {2}signer: key /)
    expect(verified.out).toContain('no trusted time')
    expect(JSON.parse((await verify('--json')).out)).toMatchObject({ verified: true, server: { sequence: 7 }, signer: { kind: 'key' } })
  })

  it('say so when something was not compared', async () => {
    await sign('--key', 'key.pem')
    const without = COVER.slice(0, 4)
    const { code, out } = await run('verify', 'server.json.sigstore.json', '--policy', 'policy.json', '--server', 'server.json', ...without)
    expect(code).toBe(0)
    expect(out).toContain('not compared: the surface')
  })

  it('print machine-readable answers, and the digest that the next version names', async () => {
    const first = JSON.parse((await sign('--key', 'key.pem', '--json')).out) as { statement: string; subjects: object[] }
    expect(first.subjects).toContainEqual({ name: PURL, digest: { sha512: sha512('the tarball') } })
    const next = await sign('--key', 'key.pem', '--previous', first.statement, '--statement')
    expect(JSON.parse(next.out)).toMatchObject({ predicate: { previous: first.statement, notAfter: '2027-11-21T12:00:00Z' } })
  })

  it.each([
    ['N140: the artifact was swapped', () => put('weather.tgz', 'another tarball'), [], 'artifact-mismatch'],
    ['a dependency was swapped', () => put('package-lock.json', 'another'), [], 'lock-mismatch'],
    ['server.json was edited', () => put('server.json', serverJson({ title: 'x' })), [], 'server-json-mismatch'],
    ['N140: it is another version', () => put('server.json', serverJson({ version: '1.2.1' })), [], 'server-mismatch'],
    ['a tool changed', () => put('surface.json', JSON.stringify({ ...SURFACE, tools: {} })), [], 'surface-mismatch'],
    ['N140: it is older than what was admitted', () => {}, ['--floor', '8'], 'below-floor'],
    ['it was signed for another registry', () => {}, ['--registry', 'elsewhere'], 'registry-mismatch'],
    ['N140: the key is another', () => policyOf(keyed(keyPair().publicKey)), [], 'key-unknown'],
    ['the namespace signs keyless', () => policyOf(keyless()), [], 'signer-mode'],
    [
      'N140: the key was revoked',
      () =>
        policyOf(keyed(readFileSync(join(cwd, 'key.pub'), 'utf8')), { revocations: [{ notBefore: '2026-11-01T00:00:00Z', hint: hint() }] }),
      [],
      'signer-revoked',
    ],
    ['nobody may sign for the namespace', () => put('policy.json', '{"version":1,"namespaces":{}}'), [], 'policy-absent'],
    ['the bundle is cut', () => put('server.json.sigstore.json', '{"mediaType"'), [], 'bundle-json'],
    ['the bundle is endless', () => put('server.json.sigstore.json', Buffer.alloc(300_000, ' ')), [], 'bundle-size'],
    [
      'N141: the version is a range',
      () => put('server.json', serverJson({ packages: [{ registryType: 'npm', identifier: 'weather', version: '^1' }] })),
      [],
      'version-unpinned',
    ],
  ] as const)('refuse with exit code 1, the rule and what would fix it: %s', async (_what, change, more, rule) => {
    expect((await sign('--key', 'key.pem')).code).toBe(0)
    change()
    const refused = await verify(...more)
    expect(refused).toMatchObject({ code: 1, out: '' })
    expect(refused.err).toContain(`(${rule})`)
    expect(refused.err).toMatch(/\n {2}fix: \S/)
    expect(JSON.parse((await verify(...more, '--json')).out)).toMatchObject({ verified: false, rule })
  })
  const hint = (): string => {
    const bundle = JSON.parse(readFileSync(join(cwd, 'server.json.sigstore.json'), 'utf8')) as {
      verificationMaterial: { publicKey: { hint: string } }
    }
    return bundle.verificationMaterial.publicKey.hint
  }

  it('refuse what has ended', async () => {
    await sign('--key', 'key.pem', '--valid-days', '1')
    const { code, err } = await gatehouse(
      ['verify', 'server.json.sigstore.json', '--policy', 'policy.json', '--server', 'server.json', ...COVER],
      {
        cwd,
        now: () => Date.UTC(2026, 10, 23),
      },
    )
    expect(code).toBe(1)
    expect(err).toContain('not-after')
  })

  it('sign by a program that holds the key, whose signature is verified before anything is written', async () => {
    const openssl = (key: string) => `openssl dgst -sha256 -sign ${key}`
    expect(await sign('--key-command', openssl('key.pem'), '--public-key', 'key.pub')).toMatchObject({ code: 0 })
    expect((await verify()).code).toBe(0)
    put('other.pem', keyPair().privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const other = await sign('--force', '--key-command', openssl('other.pem'), '--public-key', 'key.pub')
    expect(other).toMatchObject({ code: 1, out: '' })
    expect(other.err).toContain('another key')
    put('base64.sh', '#!/bin/sh\nopenssl dgst -sha256 -sign key.pem | openssl base64 -A\n', 0o700)
    expect(await sign('--force', '--key-command', './base64.sh', '--public-key', 'key.pub')).toMatchObject({ code: 0 })
    expect((await verify()).code).toBe(0)
  })

  it.each([
    ['fails', '#!/bin/sh\necho secret-pin >&2\nexit 3\n', 'failed with code 3'],
    ['says more than a signature', '#!/bin/sh\nhead -c 5000 /dev/zero\n', 'more than a signature'],
    ['kills itself', '#!/bin/sh\nkill -9 $$\n', 'was ended'],
    ['does not read', '#!/bin/sh\nexec echo no\n', 'another key'],
  ])('say what was wrong with a program that %s, and not what it said', async (_what, script, expected) => {
    put('signer.sh', script, 0o700)
    const { code, err } = await sign('--key-command', './signer.sh', '--public-key', 'key.pub')
    expect(code).toBe(1)
    expect(err).toContain(expected)
    expect(err).not.toContain('secret-pin')
    expect(existsSync(join(cwd, 'server.json.sigstore.json'))).toBe(false)
  })

  it('sign keyless, and verify against the trusted root of that instance', async () => {
    const sigstore = await startSigstore()
    try {
      put(
        'token',
        identityToken({ iss: ISSUER, sub: SAN, repository_id: '890', repository_owner_id: '182', runner_environment: 'github-hosted' }),
      )
      put('root.json', sigstore.root)
      policyOf(keyless())
      const { url } = sigstore
      expect(await sign('--fulcio', url, '--rekor', url, '--tsa', `${url}/`, '--identity-token-file', 'token')).toMatchObject({
        code: 0,
        err: '',
      })
      const verified = await verify('--trusted-root', 'root.json')
      expect(verified).toMatchObject({ code: 0, err: '' })
      expect(verified.out).toContain(`signer: ${SAN}`)
      expect(verified.out).toMatch(/signed: 20\d\d-/)
      expect((await verify()).err).toContain('signature-') // nothing is trusted without a root
      const down = await sign('--force', '--fulcio', `${url}/absent`, '--rekor', url, '--identity-token-file', 'token')
      expect(down).toMatchObject({ code: 1 })
      expect(down.err).toMatch(/signing failed: [A-Z_]+\n$/)
    } finally {
      await sigstore.close()
    }
  })

  it('admit as a reviewer, and verify it: the pair of verifier and key, and everything that was looked at', async () => {
    put('rules.md', 'read all of it')
    await sign('--key', 'key.pem')
    const admit = (...more: string[]) =>
      run('sign', 'review', ...COVER, '--verifier', VERIFIER_ID, '--rules', 'rules.md', '--key', 'key.pem', ...more)
    const signed = await admit('--input', 'server.json.sigstore.json')
    expect(signed).toMatchObject({ code: 0, err: '' })
    expect(signed.out).toMatch(/^admitted io\.github\.acme\/weather 1\.2\.0 as https:\/\/acme\.example\/reviewers\/rita, signed by key /)
    expect(await admit()).toMatchObject({ code: 4 })
    expect(JSON.parse((await admit('--force', '--json')).out)).toMatchObject({ verifier: VERIFIER_ID })
    const check = (...more: string[]) =>
      run('verify', 'server.json.review.sigstore.json', '--policy', 'policy.json', '--server', 'server.json', '--review', ...more)
    policyOf(keyless(), { reviewers: [{ verifier: VERIFIER_ID, signer: keyed(readFileSync(join(cwd, 'key.pub'), 'utf8')) }] })
    const verified = await check(...COVER)
    expect(verified).toMatchObject({ code: 0, err: '' })
    expect(verified.out).toContain('as a reviewer admitted it')
    put('weather.tgz', 'another')
    expect((await check(...COVER)).err).toContain('artifact-mismatch')
    expect(await check()).toMatchObject({ code: 2 })
    policyOf(keyless())
    expect((await check(...COVER)).err).toContain('verifier-unknown')
  })

  it('sign the number of a version whose publisher signed none, and a downgrade with its reason', async () => {
    put('rules.md', 'read all of it')
    const admit = async (...more: string[]) => {
      const given = [...COVER, '--verifier', VERIFIER_ID, '--rules', 'rules.md', '--key', 'key.pem', '--force', ...more]
      const { code, err } = await run('sign', 'review', ...given)
      if (code !== 0) return err
      const { dsseEnvelope } = JSON.parse(readFileSync(join(cwd, 'server.json.review.sigstore.json'), 'utf8')) as {
        dsseEnvelope: { payload: string }
      }
      return (JSON.parse(Buffer.from(dsseEnvelope.payload, 'base64').toString()) as { predicate: object }).predicate
    }
    expect(await admit('--sequence', '3')).toMatchObject({ 'urn:gatehouse:sequence': 3 })
    expect(await admit('--downgrade-to', '9', '--why', '1.3.0 loses data')).toMatchObject({
      'urn:gatehouse:downgrade': { sequence: 9, why: '1.3.0 loses data' },
    })
    expect(await admit('--downgrade-to', '9')).toContain('--downgrade-to and --why together')
    expect(await admit('--why', 'x')).toContain('--downgrade-to and --why together')
    expect(await admit('--sequence', '0')).toContain('as a number from 1')
  })

  it.each([
    ['no verifier', [...COVER, '--rules', 'rules.md'], 2, '--verifier'],
    ['no surface', [...COVER.slice(0, 4), '--rules', 'rules.md', '--verifier', VERIFIER_ID], 2, '--surface'],
    ['a verifier that is no URL', [...COVER, '--rules', 'rules.md', '--verifier', 'rita'], 1, 'verifier.id'],
    ['rules that are not there', [...COVER, '--rules', 'absent.md', '--verifier', VERIFIER_ID], 2, 'there is no file'],
  ])('admit nothing with %s', async (_what, argv, expectedCode, expected) => {
    put('rules.md', 'read all of it')
    const { code, err } = await run('sign', 'review', ...argv, '--key', 'key.pem')
    expect({ code, err }).toMatchObject({ code: expectedCode, err: expect.stringContaining(expected) as string })
  })

  it('never replace a bundle unasked', async () => {
    await sign('--key', 'key.pem')
    const before = readFileSync(join(cwd, 'server.json.sigstore.json'))
    expect(await sign('--key', 'key.pem')).toMatchObject({ code: 4 })
    expect(readFileSync(join(cwd, 'server.json.sigstore.json'))).toEqual(before)
    expect(await sign('--key', 'key.pem', '--force')).toMatchObject({ code: 0 })
    expect(await sign('--key', 'key.pem', '--out', 'elsewhere.json')).toMatchObject({ code: 0 })
  })

  it.each([
    ['a key others can read', () => chmodSync(join(cwd, 'key.pem'), 0o644), 'others may use it'],
    [
      'a key of another kind',
      () => put('key.pem', execFileSync('openssl', ['ecparam', '-name', 'secp256k1', '-genkey', '-noout'])),
      'P-256',
    ],
    ['a public key', () => put('key.pem', readFileSync(join(cwd, 'key.pub'))), 'expected a private key'],
    [
      'a folder',
      () => {
        rmSync(join(cwd, 'key.pem'))
        mkdirSync(join(cwd, 'key.pem'))
      },
      'regular file',
    ],
    ['a key that is not there', () => rmSync(join(cwd, 'key.pem')), 'ENOENT'],
    ['a surface that is none', () => put('surface.json', '{}'), 'surface: expected'],
  ])('do not sign with %s', async (_what, change, expected) => {
    change()
    const { code, err } = await sign('--key', 'key.pem')
    expect(code).toBe(1)
    expect(err).toContain(expected)
  })

  it.each([
    ['no signer', [], '--key'],
    ['two signers', ['--key', 'key.pem', '--fulcio', 'https://fulcio.example'], 'exactly one'],
    ['keyless without a log', ['--fulcio', 'https://fulcio.example'], '--rekor'],
    ['a log over http', ['--key', 'key.pem', '--rekor', 'http://rekor.example'], 'https'],
    ['credentials in a URL', ['--key', 'key.pem', '--tsa', 'https://a:b@tsa.example'], 'https'],
    ['a command without its public key', ['--key-command', 'true'], '--public-key'],
    ['a digest that is none', ['--key', 'key.pem', '--previous', 'x'], '--previous'],
    ['too many days', ['--key', 'key.pem', '--valid-days', '99999'], '--valid-days'],
    ['an artifact that is not there', ['--key', 'key.pem', '--public-key', 'absent', '--key-command', 'true'], 'exactly one'],
  ])('say what is wrong with the command line: %s', async (_what, more, expected) => {
    const { code, err } = await sign(...more)
    expect(code).toBe(2)
    expect(err).toContain(expected)
  })

  it('ask for everything that has to be signed', async () => {
    expect((await run('sign', '--key', 'key.pem')).err).toContain('--surface')
    expect((await run('sign', '--key', 'key.pem', '--surface', 'surface.json')).err).toContain(`--artifact is needed for ${PURL}`)
    expect((await run('sign', ...COVER.slice(0, 2), ...COVER.slice(4), '--key', 'key.pem')).err).toContain('--lock')
    expect((await run('sign', ...COVER, '--key', 'key.pem')).err).toContain('--sequence')
    expect((await run('sign', 'absent.json', ...COVER)).err).toContain('there is no file')
    expect((await run('verify', 'x')).code).toBe(2)
    expect((await verify()).err).toContain('there is no file')
    await sign('--key', 'key.pem')
    expect((await verify('--floor', '0')).code).toBe(2)
  })

  it('tell several artifacts apart by their package URLs', async () => {
    const packages = ['a', 'b'].map(identifier => ({ registryType: 'npm', identifier, version: '1.0.0' }))
    put('server.json', serverJson({ packages }))
    const both = ['--artifact', 'pkg:npm/a@1.0.0=weather.tgz', '--artifact', 'pkg:npm/b@1.0.0=package-lock.json', ...COVER.slice(2)]
    expect(await run('sign', ...both, '--sequence', '1', '--key', 'key.pem')).toMatchObject({ code: 0 })
    expect((await sign('--key', 'key.pem')).err).toContain('PURL=FILE')
    put('server.json', serverJson({ packages: [] }))
    expect((await sign('--key', 'key.pem')).err).toContain('no package')
    put('server.json', serverJson({ packages: [{ registryType: 'npm', identifier: 'a', version: 'latest' }] }))
    expect(await sign('--key', 'key.pem')).toMatchObject({ code: 1, err: expect.stringContaining('version-unpinned') as string })
  })
})

const SOFTHSM = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so'].find(existsSync)
const hasHsm = SOFTHSM !== undefined && existsSync('/usr/bin/pkcs11-tool') && existsSync('/usr/bin/softhsm2-util')

describe.skipIf(!hasHsm)('a key in a hardware module, by PKCS #11 (SoftHSM2; skipped where it or pkcs11-tool is not installed)', () => {
  it.each<[string, boolean]>([
    ['P-256, generated in it', true],
    ['P-384, imported', false],
  ])('signs what verifies: %s', async (_what, isGenerated) => {
    mkdirSync(join(cwd, 'tokens'))
    put('softhsm2.conf', `directories.tokendir = ${join(cwd, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`)
    const env = {
      ...process.env,
      SOFTHSM2_CONF: join(cwd, 'softhsm2.conf'),
      PKCS11_MODULE: SOFTHSM,
      PKCS11_TOKEN: 'publisher',
      PKCS11_KEY_ID: '01',
      PKCS11_PIN: '1234',
    }
    const call = (program: string, ...argv: string[]): Buffer => execFileSync(program, argv, { env, cwd, stdio: 'pipe' })
    const tool = (...argv: string[]): Buffer =>
      call(
        'pkcs11-tool',
        '--module',
        SOFTHSM ?? '',
        '--token-label',
        'publisher',
        '--login',
        '--pin',
        'env:PKCS11_PIN',
        '--id',
        '01',
        ...argv,
      )
    call('softhsm2-util', '--init-token', '--free', '--label', 'publisher', '--pin', '1234', '--so-pin', '1234')
    if (isGenerated) {
      tool('--keypairgen', '--key-type', 'EC:prime256v1')
      const spki = tool('--read-object', '--type', 'pubkey').toString('base64')
      put('hsm.pub', `-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`)
    } else {
      const pair = keyPair('P-384')
      put('import.pem', pair.privateKey.export({ type: 'pkcs8', format: 'pem' }))
      call('softhsm2-util', '--import', 'import.pem', '--token', 'publisher', '--label', 'release', '--id', '01', '--pin', '1234')
      put('hsm.pub', pair.publicKey)
    }
    policyOf(keyed(readFileSync(join(cwd, 'hsm.pub'), 'utf8')))
    const command = join(import.meta.dirname, '../../examples/signing/pkcs11-sign.sh')
    const signed = await gatehouse(['sign', ...COVER, '--sequence', '7', '--key-command', command, '--public-key', 'hsm.pub'], { cwd, env })
    expect(signed).toMatchObject({ code: 0, err: '' })
    expect(await verify()).toMatchObject({ code: 0, err: '' })
  })
})
