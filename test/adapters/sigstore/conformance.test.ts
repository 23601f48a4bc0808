// sigstore-conformance's bundles and npm's own attestations, from ../shared/vectors: published good ones verify offline, published bad ones never.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hash } from 'node:crypto'
import { createRequire } from 'node:module'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBundleVerifier } from '../../../src/adapters/sigstore/verify-bundle.ts'
import { startVerifier, type ThreadedVerifier } from '../../../src/adapters/sigstore/verifier.ts'
import { isDenial } from '../../../src/trust/denial.ts'
import { preflight } from '../../../src/trust/preflight.ts'
import { readTrustPolicies, type SignerPolicy } from '../../../src/trust/signer-policy.ts'
import { readTrustedRoot, type TrustedRootFile } from '../../../src/trust/trusted-root.ts'
import { Verification, type SignatureJob } from '../../../src/trust/verification.ts'
import { NOW, ruleOf } from '../../trust/samples.ts'

const vectors = join(import.meta.dirname, '../../../../shared/vectors/sigstore')
const archive = join(vectors, 'bundle-verify.tar.gz')

/** Sigstore's public instance and npm's keys as @sigstore/tuf ships them: no network, and files of the same kind an operator pins. */
function seed(target: string): Buffer {
  const seeds = JSON.parse(readFileSync(createRequire(import.meta.url).resolve('@sigstore/tuf/seeds.json'), 'utf8')) as Record<
    string,
    { readonly targets: Readonly<Record<string, string>> }
  >
  const encoded = seeds['https://tuf-repo-cdn.sigstore.dev']?.targets[encodeURIComponent(target)] ?? ''
  return Buffer.from(encoded, 'base64')
}
const publicRoot = (): TrustedRootFile => readTrustedRoot(seed('trusted_root.json'))

describe.skipIf(!existsSync(archive))('sigstore-conformance, bundle-verify (skipped where ../shared/vectors is absent)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-conformance-'))
  if (existsSync(archive)) execFileSync('tar', ['-xzf', archive, '-C', folder])
  const cases = join(folder, 'bundle-verify')
  const names = existsSync(cases)
    ? readdirSync(cases, { withFileTypes: true }).flatMap(entry => (entry.isDirectory() ? [entry.name] : []))
    : []
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const BEACON =
    'https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main'

  /** Undefined when it is believed: signed, logged and timestamped, by the identity or key of the suite. */
  function whyNot(name: string): string | undefined {
    const file = (part: string): Buffer | undefined => {
      const path = join(cases, name, part)
      return existsSync(path) ? readFileSync(path) : undefined
    }
    const bundle = file('bundle.sigstore.json') ?? Buffer.alloc(0)
    const claims = preflight(bundle, { allowEarlier: true })
    if (isDenial(claims)) return claims.rule
    let root: TrustedRootFile
    try {
      const own = file('trusted_root.json')
      root = own ? readTrustedRoot(own) : publicRoot()
    } catch (error) {
      return String(error)
    }
    const pem = file('key.pub')?.toString()
    const keys: SignatureJob['keys'] =
      pem !== undefined && claims.signedBy.kind === 'key'
        ? [{ hint: claims.signedBy.hint, spki: Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64') }]
        : []
    if (pem !== undefined && keys.length === 0) return 'expected a signature by a key'
    const answer = createBundleVerifier(root.json)({ bundle, keys, file: file('artifact') ?? readFileSync(join(cases, 'a.txt')) })
    if (isDenial(answer)) return answer.rule
    if (answer.signer.kind === 'key') return undefined
    const issuer = file('issuer')?.toString().trim() ?? 'https://token.actions.githubusercontent.com'
    return answer.signer.issuer === issuer && answer.signer.san === (file('identity')?.toString().trim() ?? BEACON) ? undefined : 'signer'
  }

  it('is all there: 70 bundles', () => expect(names).toHaveLength(70))
  it.each(names)('%s', name => {
    const why = whyNot(name)
    if (name.endsWith('_fail')) expect(why).toBeDefined()
    else expect(why).toBeUndefined()
  })
})

describe.skipIf(!existsSync(join(vectors, 'npm-provenance')))(
  'npm’s attestations of sigstore@0.4.0 (skipped where ../shared/vectors is absent)',
  () => {
    type Attestation = { readonly predicateType: string; readonly bundle: object }
    const PACKAGE = {
      purl: 'pkg:npm/sigstore@0.4.0',
      // dist.integrity of the registry
      sha512: Buffer.from('KCwMX6k20mQyFkNYG2XT3lwK9u1P36wS9YURFd85zCXPrwrSLZCEh7/vMBFNYcJXRiBtGDS+T4/RZZF493zABA==', 'base64').toString(
        'hex',
      ),
    }
    const read = (name: string): readonly Buffer[] => {
      const file = JSON.parse(readFileSync(join(vectors, 'npm-provenance', `${name}-attestations.json`), 'utf8')) as {
        attestations: Attestation[]
      }
      return file.attestations.map(({ bundle }) => Buffer.from(JSON.stringify(bundle)))
    }
    let verifier: ThreadedVerifier
    let provenance: SignerPolicy
    let publish: SignerPolicy
    beforeAll(async () => {
      verifier = await startVerifier(publicRoot(), { deadlineMs: 60_000 })
      const { keys } = JSON.parse(seed('registry.npmjs.org/keys.json').toString()) as {
        keys: { keyUsage: string; publicKey: { rawBytes: string; validFor: { start: string; end?: string } } }[]
      }
      const identity = {
        issuer: 'https://token.actions.githubusercontent.com',
        san: 'https://github.com/sigstore/sigstore-js/.github/workflows/publish.yml@refs/tags/v0.4.0',
      }
      const npm = keys
        .filter(key => key.keyUsage === 'npm:attestations')
        .map(({ publicKey: { rawBytes, validFor } }) => ({
          publicKey: `-----BEGIN PUBLIC KEY-----\n${rawBytes}\n-----END PUBLIC KEY-----\n`,
          validFor,
        }))
      const file = {
        version: 1,
        namespaces: { 'npm.provenance': { mode: 'keyless', identities: [identity] }, 'npm.publish': { mode: 'key', keys: npm } },
      }
      const { namespaces } = readTrustPolicies(Buffer.from(JSON.stringify(file)))
      provenance = namespaces.get('npm.provenance')!
      publish = namespaces.get('npm.publish')!
    })
    afterAll(() => verifier.close())

    const judged = async (bundle: Buffer | undefined, policy: SignerPolicy, change: Partial<typeof PACKAGE> = {}) =>
      new Verification(verifier).npm(bundle ?? Buffer.alloc(0), {
        policy,
        policies: { revocations: [] },
        package: { ...PACKAGE, ...change },
        nowMs: NOW,
      })
    const bothOf = async (name: string) => {
      const [first, second] = read(name)
      return Promise.all([judged(first, provenance), judged(second, publish)])
    }

    it('verify offline: provenance by the release workflow, publication by npm’s key', async () => {
      const [built, published] = await bothOf('valid')
      expect(built).toMatchObject({
        statement: { kind: 'provenance' },
        signer: { kind: 'certificate' },
        time: { latestMs: Date.UTC(2023, 0, 11, 17, 31, 52) },
      })
      expect(published).toMatchObject({ statement: { kind: 'publish' }, signer: { kind: 'key' }, time: {} })
    })

    it.each([
      'invalid',
      'malformed-subject',
      'mismatched-keyid',
      'mismatched-subject-digest',
      'mismatched-subject-name',
      'no-keyid',
      'unsupported',
    ])('are refused where they were forged: %s', async name => {
      const answers = await bothOf(name)
      expect(answers.filter(answer => isDenial(answer))).not.toEqual([])
    })

    it('are no attestations of another package, other bytes, another workflow or a version of ours', async () => {
      const [first, second] = read('valid')
      expect(ruleOf(await judged(first, provenance, { purl: 'pkg:npm/sigstore@0.4.1' }))).toBe('artifact-mismatch')
      expect(ruleOf(await judged(second, publish, { sha512: hash('sha512', 'other bytes') }))).toBe('artifact-mismatch')
      expect(ruleOf(await judged(second, provenance))).toBe('signer-mode')
      expect(ruleOf(await judged(first, publish))).toBe('signer-mode')
      const asked = {
        name: 'npm.provenance/sigstore',
        policies: { namespaces: new Map([['npm.provenance', provenance]]), reviewers: [], revocations: [] },
        nowMs: NOW,
      }
      expect(ruleOf(await new Verification(verifier).server(first, asked))).toBe('bundle-version')
    })
  },
)
