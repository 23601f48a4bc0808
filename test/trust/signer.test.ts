// Who may sign: policies are read strictly, identities are compared whole, and what was revoked or has ended no longer counts.

import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { namespaceOf, readTrustPolicies, type Revocation, type SignerPolicy } from '../../src/trust/signer-policy.ts'
import { whyNotNow, whyNotSigner, type Signer } from '../../src/trust/signer.ts'
import { CLAIMS, ISSUER, keyed, keyless, keyPair, NOW, policies, ruleOf, SAN, VERIFIER_ID } from './samples.ts'

const NAMESPACE = 'io.github.acme'
const read = (policy: object, namespace = NAMESPACE): SignerPolicy => {
  const found = policies({ namespaces: { [namespace]: policy } }).namespaces.get(namespace.toLowerCase())
  if (!found) throw new Error('no policy')
  return found
}
const signer = (change: object = {}): Signer => ({ kind: 'certificate', issuer: ISSUER, san: SAN, claims: CLAIMS, ...change })

describe('a policy file', () => {
  const file = (text: string): unknown => readTrustPolicies(Buffer.from(text))

  it.each([
    ['an unknown member', '{"version":1,"namespaces":{},"allow":"all"}'],
    ['a key twice', '{"version":1,"namespaces":{"a.b":{}},"namespaces":{}}'],
    ['another version', '{"version":2,"namespaces":{}}'],
    ['no namespaces', '{"version":1}'],
    ['something else', '[]'],
    ['broken JSON', '{"version":1'],
  ])('is refused whole with %s', (_what, text) => {
    expect(() => file(text)).toThrow(expect.objectContaining({ code: 'policy-invalid' }))
  })

  it('is refused when it is too large', () => {
    expect(() => readTrustPolicies(Buffer.alloc(1024 * 1024 + 1))).toThrow(/at most/)
  })

  it('knows a namespace in one spelling only: two would be two policies', () => {
    expect(() => policies({ namespaces: { 'io.github.Acme': keyless(), 'io.github.acme': keyless() } })).toThrow(/once/)
    expect(policies({ namespaces: { 'io.github.Acme': keyless() } }).namespaces.has(namespaceOf('IO.github.ACME/weather'))).toBe(true)
  })

  it.each([
    ['no issuer', { issuer: undefined }],
    ['an issuer over http', { issuer: 'http://token.example' }],
    ['neither san nor pattern: it would take anyone', { sanPattern: undefined }],
    ['an empty san, which libraries take for none', { sanPattern: undefined, san: '' }],
    ['both san and pattern', { san: SAN }],
    ['a pattern without a host', { sanPattern: 'https://*' }],
    ['a star for the owner', { sanPattern: 'https://github.com/*/weather/.github/workflows/release.yml@refs/tags/*' }],
    ['a star in the host', { sanPattern: 'https://*.com/acme/weather/release.yml' }],
    ['five stars', { sanPattern: 'https://github.com/acme/*/*/*/*/*' }],
    ['a pattern without a star', { sanPattern: SAN }],
    ['no numeric ids in io.github (attack 2: a login that was taken over)', { claims: { runner: 'github-hosted' } }],
    ['an owner id alone in io.github', { claims: { ownerId: '182' } }],
    ['a login in place of an id', { claims: { ...CLAIMS, ownerId: 'acme' } }],
    ['a claim nobody knows', { claims: { ...CLAIMS, workflow: 'x' } }],
  ])('is refused with %s', (_what, change) => {
    expect(() => read(keyless(change))).toThrow(expect.objectContaining({ code: 'policy-invalid' }))
  })

  it('asks for numeric ids in io.github, whatever its case, and not elsewhere', () => {
    expect(() => read(keyless({ claims: {} }), 'IO.GitHub.acme')).toThrow(/ownerId/)
    expect(read(keyless({ claims: {} }), 'com.acme')).toMatchObject({ mode: 'keyless' })
  })

  it.each([
    ['no identities', { mode: 'keyless', identities: [] }],
    ['no keys', { mode: 'key', keys: [] }],
    ['keys and identities (keyless xor key)', { ...keyless(), keys: [] }],
    ['a third mode', { mode: 'any', identities: [] }],
    ['no mode', { identities: [] }],
    ['timestamps if convenient', keyed(keyPair().publicKey, { timestamps: 'maybe' })],
    ['a key without a beginning', keyed(keyPair().publicKey, {}, {})],
    ['a key that ends before it begins', keyed(keyPair().publicKey, {}, { start: '2026-02-01T00:00:00Z', end: '2026-01-01T00:00:00Z' })],
    ['a key that is none', keyed('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n')],
    ['an RSA key', keyed(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' }) as string)],
    [
      'a key on another curve',
      keyed(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ type: 'spki', format: 'pem' }) as string),
    ],
  ])('is refused with %s', (_what, policy) => {
    expect(() => read(policy)).toThrow(expect.objectContaining({ code: 'policy-invalid' }))
  })

  it('never takes a private key, and does not repeat it', () => {
    const secret = keyPair().privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    expect(() => read(keyed(secret))).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(secret.slice(40, 60)) as string }),
    )
  })

  it('pairs each verifier id with one signer', () => {
    const reviewer = { verifier: VERIFIER_ID, signer: keyed(keyPair().publicKey) }
    expect(policies({ reviewers: [reviewer] }).reviewers).toHaveLength(1)
    expect(() => policies({ reviewers: [reviewer, { ...reviewer, signer: keyed(keyPair().publicKey) }] })).toThrow(/once/)
  })

  it.each([
    ['nobody', {}],
    ['a key and an identity', { hint: `${'A'.repeat(43)}=`, issuer: ISSUER, san: SAN }],
    ['half an identity', { issuer: ISSUER }],
    ['a hint that is none', { hint: 'all' }],
  ])('is refused with a revocation of %s', (_what, revoked) => {
    expect(() => policies({ revocations: [{ notBefore: '2026-11-01T00:00:00Z', ...revoked }] })).toThrow(/revocations/)
  })

  it('has another digest for every change that could matter', () => {
    const digests = [
      keyless(),
      keyless({ claims: { ...CLAIMS, ref: 'refs/heads/main' } }),
      keyless({ sanPattern: undefined, san: SAN }),
    ].map(policy => read(policy).digest)
    expect(new Set(digests).size).toBe(3)
  })
})

describe('a keyless signer', () => {
  it('is believed under the identity the policy names', () => {
    expect(whyNotSigner(signer(), read(keyless()))).toBeUndefined()
    expect(whyNotSigner(signer(), read(keyless({ sanPattern: undefined, san: SAN })))).toBeUndefined()
  })

  it.each([
    ['of another issuer', { issuer: 'https://gitlab.com' }, 'signer-issuer'],
    ['of an issuer that starts alike', { issuer: `${ISSUER}.evil.example` }, 'signer-issuer'],
    ['whose SAN only holds ours', { san: `https://evil.example/?x=${SAN}` }, 'signer-san'],
    ['whose SAN only starts like ours', { san: `${SAN}/../../evil` }, 'signer-san'],
    ['with an owner that starts alike', { san: SAN.replace('/acme/weather/', '/acme/weather-evil/') }, 'signer-san'],
    ['from a branch', { san: SAN.replace('refs/tags/v1.2.0', 'refs/heads/main') }, 'signer-san'],
    ['from a tag with a slash in it', { san: SAN.replace('v1.2.0', 'v1/2') }, 'signer-san'],
    ['from a tag that is empty', { san: SAN.replace('v1.2.0', 'v') }, 'signer-san'],
    ['with a line break behind it', { san: `${SAN}\n` }, 'signer-san'],
    ['with a dot where none is', { san: SAN.replace('github.com', 'githubxcom') }, 'signer-san'],
    ['with no SAN', { san: '' }, 'signer-san'],
    ['of the same login under another owner id (attack 2)', { claims: { ...CLAIMS, ownerId: '183' } }, 'signer-claim'],
    ['of the same name under another repository id', { claims: { ...CLAIMS, repositoryId: '891' } }, 'signer-claim'],
    ['on a runner of their own', { claims: { ...CLAIMS, runner: 'self-hosted' } }, 'signer-claim'],
    ['without an owner id', { claims: { ...CLAIMS, ownerId: undefined } }, 'signer-claim'],
  ])('%s is refused', (_what, change, rule) => {
    expect(ruleOf(whyNotSigner(signer(change), read(keyless())))).toBe(rule)
  })

  it('may be any of several, and is told about the nearest', () => {
    const policy = {
      mode: 'keyless',
      identities: [keyless(), keyless({ issuer: 'https://gitlab.com' })].flatMap(each => (each as { identities: object[] }).identities),
    }
    expect(whyNotSigner(signer({ issuer: 'https://gitlab.com' }), read(policy))).toBeUndefined()
    expect(ruleOf(whyNotSigner(signer({ claims: {} }), read(policy)))).toBe('signer-claim')
  })

  it('is matched in linear time by patterns with many stars', () => {
    const policy = read(keyless({ sanPattern: 'https://github.com/acme/*a*a*a*b', claims: CLAIMS }))
    expect(ruleOf(whyNotSigner(signer({ san: `https://github.com/acme/${'a'.repeat(2000)}` }), policy))).toBe('signer-san')
    expect(whyNotSigner(signer({ san: 'https://github.com/acme/xaxaxaxb' }), policy)).toBeUndefined()
  })

  it('never takes the place of a key, nor a key that of an identity', () => {
    expect(ruleOf(whyNotSigner(signer(), read(keyed(keyPair().publicKey))))).toBe('signer-mode')
    expect(ruleOf(whyNotSigner({ kind: 'key', hint: 'x' }, read(keyless())))).toBe('signer-mode')
  })
})

describe('time', () => {
  const at = (day: string): number => Date.parse(`${day}T00:00:00Z`)
  const time = (day: string) => ({ earliestMs: at(day), latestMs: at(day) + 1000 })
  const window = { start: '2026-03-01T00:00:00Z', end: '2026-09-01T00:00:00Z' }
  const policy = read(keyed(keyPair().publicKey, {}, window))
  const hint = policy.mode === 'key' ? (policy.keys[0]?.hint ?? '') : ''
  const now = (
    signedBy: Signer,
    when: ReturnType<typeof time> | undefined,
    change: { policy?: SignerPolicy; revocations?: Revocation[]; nowMs?: number } = {},
  ) => ruleOf(whyNotNow(signedBy, when, { policy, revocations: [], nowMs: NOW, ...change }))

  it('of signing decides, where somebody trusted says it', () => {
    expect(now({ kind: 'key', hint }, time('2026-06-01'))).toBe('believed')
    expect(now({ kind: 'key', hint }, time('2026-02-01'))).toBe('key-outside-window')
    expect(now({ kind: 'key', hint }, time('2026-10-01'))).toBe('key-outside-window')
  })
  it('of now decides, where nobody does: a key that has ended takes its signatures along', () => {
    expect(now({ kind: 'key', hint }, undefined, { nowMs: at('2026-06-01') })).toBe('believed')
    expect(now({ kind: 'key', hint }, undefined)).toBe('key-outside-window')
    expect(now({ kind: 'key', hint: 'another' }, undefined, { nowMs: at('2026-06-01') })).toBe('key-outside-window')
  })
  it('has to be there where the policy wants it', () => {
    const strict = read(keyed(keyPair().publicKey, { timestamps: 'required' }))
    const own = strict.mode === 'key' ? (strict.keys[0]?.hint ?? '') : ''
    expect(now({ kind: 'key', hint: own }, undefined, { policy: strict })).toBe('timestamp-required')
    expect(now({ kind: 'key', hint: own }, time('2026-06-01'), { policy: strict })).toBe('believed')
  })

  const revocations = policies({
    revocations: [
      { notBefore: '2026-07-01T00:00:00Z', hint },
      { notBefore: '2026-07-01T00:00:00Z', issuer: ISSUER, san: SAN },
    ],
  }).revocations as Revocation[]
  it.each<[string, Signer, SignerPolicy]>([
    ['a key', { kind: 'key', hint }, policy],
    ['an identity', signer(), read(keyless())],
  ])('before a revocation saves what %s signed, and only a trusted one (attack 7)', (_what, signedBy, its) => {
    const change = { policy: its, revocations }
    expect(now(signedBy, time('2026-06-01'), change)).toBe('believed')
    expect(now(signedBy, time('2026-07-01'), change)).toBe('signer-revoked')
    expect(now(signedBy, undefined, { ...change, nowMs: at('2026-06-01') })).toBe('signer-revoked')
  })
  it('of a revocation counts for every release of a workflow, where it names all of them', () => {
    const sanPattern = 'https://github.com/acme/weather/.github/workflows/release.yml@refs/tags/*'
    const all = policies({ revocations: [{ notBefore: '2026-07-01T00:00:00Z', issuer: ISSUER, sanPattern }] }).revocations as Revocation[]
    const change = { policy: read(keyless()), revocations: all }
    expect(now(signer(), time('2026-08-01'), change)).toBe('signer-revoked')
    expect(now(signer({ san: SAN.replace('release.yml', 'other.yml') }), time('2026-08-01'), change)).toBe('believed')
    expect(() => policies({ revocations: [{ notBefore: '2026-07-01T00:00:00Z', issuer: ISSUER, sanPattern: '*' }] })).toThrow(/sanPattern/)
  })
  it('of a revocation concerns nobody else', () => {
    expect(now(signer({ san: `${SAN}1` }), time('2026-08-01'), { policy: read(keyless()), revocations })).toBe('believed')
    expect(now(signer({ issuer: 'https://gitlab.com' }), time('2026-08-01'), { policy: read(keyless()), revocations })).toBe('believed')
  })
})
