// A pinned version is used for what publisher and reviewer signed, and for nothing that a registry says: every text of its database is an attacker's here.

import { hash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { signPayload } from '../../src/adapters/sigstore/sign.ts'
import { startVerifier, type ThreadedVerifier } from '../../src/adapters/sigstore/verifier.ts'
import { Blocked, type Withdrawal } from '../../src/trust/blocked.ts'
import { deny, isDenial } from '../../src/trust/denial.ts'
import { judgeVersion, type Served, type Trusted } from '../../src/trust/served-version.ts'
import { readTrustPolicies } from '../../src/trust/signer-policy.ts'
import { statementDigest, writeServerStatement, type SignedSurface } from '../../src/trust/statement.ts'
import { KEYS_ONLY } from '../../src/trust/trusted-root.ts'
import { Verification } from '../../src/trust/verification.ts'
import { LOCK, MemorySource, NAME, npmPackage, serverJson, sha256, Signers, subjectsOf, SURFACE } from '../support/served.ts'
import { identityToken, startSigstore } from '../support/sigstore.ts'

const NOW = Date.UTC(2026, 10, 26, 21, 0, 0)
const JSON_1 = serverJson('1.0.0')
const OTHER: SignedSurface = { ...SURFACE, tools: { forecast: sha256('forecast'), exfil: sha256('exfil') } }

let signers: Signers
let verifier: ThreadedVerifier
let verification: Verification
let source: MemorySource
let published: string
let reviewed: string
beforeAll(async () => {
  signers = new Signers()
  verifier = await startVerifier(KEYS_ONLY, { deadlineMs: 60_000 })
  verification = new Verification(verifier)
  published = await signers.publish(JSON_1, 7)
  reviewed = await signers.review(JSON_1)
})
afterAll(async () => {
  await verifier.close()
  signers.remove()
})
beforeEach(() => {
  source = new MemorySource()
  source.put('1.0.0', JSON_1, published, reviewed)
})

type World = Partial<Omit<Trusted, 'policies' | 'blocked'>> & {
  readonly policies?: object
  readonly blocked?: readonly Withdrawal[]
  readonly launch?: object
  readonly version?: string
}
async function judge({ policies = {}, blocked = [], launch = {}, version = '1.0.0', ...more }: World = {}) {
  const withdrawn = new Blocked(blocked)
  const read = readTrustPolicies(Buffer.from(signers.policies(policies)))
  const trusted: Trusted = {
    verification,
    blocked: withdrawn,
    floor: 0,
    registry: 'local',
    nowMs: NOW,
    ...more,
    policies: { ...read, revocations: [...read.revocations, ...withdrawn.signers] },
  }
  return judgeVersion({ name: NAME, version, launch: { args: [], env: {}, headers: {}, ...launch } }, source, trusted)
}
async function rule(world: World = {}): Promise<string> {
  const found = await judge(world)
  return isDenial(found) ? found.rule : `served ${found.version}`
}
async function served(world: World = {}): Promise<Served> {
  const found = await judge(world)
  if (isDenial(found)) throw new Error(found.detail)
  return found
}
const bundles = (...texts: string[]): void => source.put('1.0.0', JSON_1, ...texts)

describe('a version that publisher and reviewer signed', () => {
  it('is served: what was signed is what is known of it', async () => {
    expect(await served()).toMatchObject({
      name: NAME,
      version: '1.0.0',
      sequence: 7,
      countsAs: 7,
      surface: SURFACE,
      lock: { sha256: sha256(LOCK) },
      launch: { kind: 'npm', packageIndex: 0, env: {} },
      untilMs: Date.parse('2100-01-01T00:00:00Z'),
    })
  })
  it('is refused from its notAfter on, and from the end of its key’s time on', async () => {
    bundles(await signers.publish(JSON_1, 7, { notAfter: '2026-11-26T21:00:00Z' }), reviewed)
    expect(await rule()).toBe('not-after')
    expect(await rule({ nowMs: NOW - 1 })).toBe('served 1.0.0')
    bundles(published, reviewed)
    const rotated = {
      reviewers: [{ verifier: 'https://reviewers.example/security', signer: signers.signer('reviewer', { end: '2026-12-01T00:00:00Z' }) }],
    }
    expect((await served({ policies: rotated })).untilMs).toBe(Date.UTC(2026, 11, 1))
    expect(await rule({ policies: rotated, nowMs: Date.UTC(2026, 11, 1) + 1 })).toBe('key-outside-window')
  })
})

describe('attacks on the registry’s database', () => {
  it('the bundle of the publisher is taken away where the namespace has a signer policy (signature stripping)', async () => {
    bundles(reviewed)
    expect(await rule()).toBe('publisher-absent')
  })
  it('the review is taken away, and there is no bundle at all', async () => {
    bundles(published)
    expect(await rule()).toBe('review-absent')
    bundles()
    expect(await rule()).toBe('review-absent')
  })
  it('server.json is edited: an environment variable, a name, a space more in the description', async () => {
    const edit = async (more: object): Promise<string> => {
      source.put('1.0.0', serverJson('1.0.0', more), published, reviewed)
      return rule()
    }
    expect(await edit({ packages: [npmPackage({ environmentVariables: [{ name: 'NODE_OPTIONS', value: '--require /tmp/x' }] })] })).toBe(
      'server-json-mismatch',
    )
    expect(await edit({ name: 'com.example/other' })).toBe('server-mismatch')
    expect(await edit({ description: 'Weather. ' })).toBe('server-json-mismatch')
    expect(await edit({ version: '1.0.1' })).toBe('server-mismatch')
  })
  it('white space and the order of keys are no edit', async () => {
    source.put(
      '1.0.0',
      JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(JSON_1) as object).reverse()), undefined, 2),
      published,
      reviewed,
    )
    expect(await rule()).toBe('served 1.0.0')
  })
  it('another version, wholly signed, is put in the place of the pinned one', async () => {
    const newer = serverJson('1.1.0')
    source.put('1.0.0', newer, await signers.publish(newer, 8), await signers.review(newer))
    expect(await rule()).toBe('server-mismatch')
    source.put('1.0.0', JSON_1, await signers.publish(newer, 8), await signers.review(newer))
    expect(await rule()).toBe('server-mismatch')
  })
  it('every mixture of two versions is refused (N145), and both whole ones are served', async () => {
    const json2 = serverJson('2.0.0', { packages: [npmPackage({ version: '2.0.0' })] })
    const second = { json: json2, published: await signers.publish(json2, 8), reviewed: await signers.review(json2) }
    const first = { json: JSON_1, published, reviewed }
    let whole = 0
    for (const [a, b, c] of [0, 1, 2, 3, 4, 5, 6, 7].map(n => [n & 1, n & 2, n & 4])) {
      const parts = [a ? second.json : first.json, b ? second.published : first.published, c ? second.reviewed : first.reviewed] as const
      const { version } = JSON.parse(parts[0]) as { version: string }
      source.put(version, ...parts)
      if ((await rule({ version })).startsWith('served')) whole += 1
    }
    expect(whole).toBe(2)
  })
  it('a tarball that the publisher did not sign, with a review of the same server.json that names it', async () => {
    bundles(published, await signers.review(JSON_1, { subjects: [...subjectsOf(JSON_1, { tarball: 'evil' }), ...surfaceSubject(SURFACE)] }))
    expect(await rule()).toBe('artifact-mismatch')
  })
  it('the lock file is swapped, or taken away', async () => {
    source.documents[0] = Buffer.from('another lock')
    expect(await rule()).toBe('artifact-absent')
    source.documents.length = 0
    expect(await rule()).toBe('artifact-absent')
    bundles(await signers.publish(JSON_1, 7, { subjects: subjectsOf(JSON_1, { lock: 'another' }) }), reviewed)
    source.documents[0] = Buffer.from(LOCK)
    expect(await rule()).toBe('lock-mismatch')
  })
  it('the surface is swapped for one that nobody reviewed', async () => {
    bundles(published, await signers.review(JSON_1, { surface: OTHER }))
    expect(await rule()).toBe('surface-absent')
    source.documents.push(Buffer.from(JSON.stringify({ ...OTHER, tools: {} })))
    expect(await rule()).toBe('surface-absent')
    source.documents.push(Buffer.from('{"mode":"subset"'))
    expect(await rule()).toBe('surface-absent')
    source.documents.push(Buffer.from(JSON.stringify(OTHER, undefined, 1)))
    expect((await served()).surface).toEqual(OTHER)
  })
  it('signed by strangers: neither the bundle of a publisher nor a review counts', async () => {
    bundles(await signers.publish(JSON_1, 7, { key: 'stranger' }), reviewed)
    expect(await rule()).toBe('key-unknown')
    bundles(published, await signers.review(JSON_1, { key: 'stranger' }))
    expect(await rule()).toBe('verifier-unknown')
    bundles(published, await signers.review(JSON_1, { key: 'publisher' }))
    expect(await rule()).toBe('verifier-unknown')
  })
  it('the owner of one namespace signs for another', async () => {
    const evil = signers.policies({ namespaces: { 'com.example': signers.signer('publisher'), 'com.evil': signers.signer('stranger') } })
    const { namespaces } = JSON.parse(evil) as { namespaces: object }
    bundles(await signers.publish(JSON_1, 7, { key: 'stranger' }), reviewed)
    expect(await rule({ policies: { namespaces } })).toBe('key-unknown')
    bundles(await signers.publish(JSON_1, 7, { server: { name: 'com.evil/weather', version: '1.0.0', sequence: 7 } }), reviewed)
    expect(await rule({ policies: { namespaces } })).toBe('server-mismatch')
  })
  it('a keyless bundle in a namespace that signs with a key', async () => {
    const sigstore = await startSigstore()
    try {
      const statement = writeServerStatement({
        subjects: subjectsOf(JSON_1),
        server: { name: NAME, version: '1.0.0', sequence: 7 },
        registry: 'local',
        previous: null,
        notAfter: '2100-01-01T00:00:00Z',
        surface: SURFACE,
        remotes: [],
        launch: { envNames: ['WEATHER_KEY'], egress: [] },
      })
      const token = identityToken({ iss: 'https://id.example', sub: 'someone', email: 'someone@id.example', email_verified: true })
      const { bundle } = await signPayload(
        statement,
        { kind: 'keyless', fulcio: sigstore.url, identityToken: token },
        { rekor: sigstore.url, tsa: sigstore.url },
      )
      bundles(bundle.toString(), reviewed)
      expect(await rule()).toBe('signer-mode')
    } finally {
      await sigstore.close()
    }
  })
  it('signed for another registry', async () => {
    expect(await rule({ registry: 'https://elsewhere.example' })).toBe('registry-mismatch')
  })
  it('nonsense, and sixty bundles of it in front of the good ones', async () => {
    for (const text of ['', '{', '[]', 'null', '{"dsseEnvelope":{"payload":{}}}', '\u0000'.repeat(300_000)]) {
      bundles(text)
      expect(await rule()).not.toContain('served')
    }
    bundles(...Array.from({ length: 60 }, (_, n) => `{"n":${n}}`), published, reviewed)
    expect(await rule()).toBe('served 1.0.0')
  })
  it('there is no such version, or server.json is none', async () => {
    expect(await rule({ version: '9.9.9' })).toBe('version-absent')
    source.put('1.0.0', '{', published, reviewed)
    expect(await rule()).toBe('server-mismatch')
  })
  it('the signed index says otherwise', async () => {
    expect(await rule({ whyNotIndexed: ({ sequence }) => (sequence === 7 ? undefined : deny('below-floor', '')) })).toBe('served 1.0.0')
    expect(await rule({ whyNotIndexed: () => deny('server-mismatch', '') })).toBe('server-mismatch')
  })
})

describe('a version that no publisher signed', () => {
  const unsigned = { namespaces: {} }
  it('gets in by a review with a number, and by none without', async () => {
    source.documents.push(Buffer.from(JSON.stringify(SURFACE)))
    bundles(await signers.review(JSON_1))
    expect(await rule({ policies: unsigned })).toBe('sequence-absent')
    bundles(await signers.review(JSON_1, { sequence: 3 }))
    expect(await served({ policies: unsigned })).toMatchObject({ sequence: 3, countsAs: 3, surface: SURFACE })
  })
  it('attack: its server.json, lock file or review is another', async () => {
    source.documents.push(Buffer.from(JSON.stringify(SURFACE)))
    const review = await signers.review(JSON_1, { sequence: 3 })
    source.put('1.0.0', serverJson('1.0.0', { description: 'Weather!' }), review)
    expect(await rule({ policies: unsigned })).toBe('server-json-mismatch')
    source.put(
      '1.0.0',
      JSON_1,
      await signers.review(JSON_1, { sequence: 3, subjects: [...subjectsOf(serverJson('1.0.1')), ...surfaceSubject(SURFACE)] }),
    )
    expect(await rule({ policies: unsigned })).toBe('server-json-mismatch')
    source.put('1.0.0', JSON_1, review)
    source.documents[0] = Buffer.from('another lock')
    expect(await rule({ policies: unsigned })).toBe('artifact-absent')
  })
  it('takes nothing from a publisher’s bundle: nobody says who may sign', async () => {
    source.documents.push(Buffer.from(JSON.stringify(SURFACE)))
    bundles(published, await signers.review(JSON_1))
    expect(await rule({ policies: unsigned })).toBe('sequence-absent')
  })
})

describe('the floor', () => {
  it('an older version is refused, however well it is signed', async () => {
    expect(await rule({ floor: 7 })).toBe('served 1.0.0')
    expect(await rule({ floor: 8 })).toBe('below-floor')
  })
  it('a reviewer signs a downgrade with its reason, and the version counts as the higher number', async () => {
    bundles(published, reviewed, await signers.review(JSON_1, { downgrade: { sequence: 9, why: '1.1.0 loses data' } }))
    expect(await served({ floor: 9 })).toMatchObject({ sequence: 7, countsAs: 9 })
    expect(await rule({ floor: 10 })).toBe('below-floor')
  })
  it('attack: a downgrade that no reviewer signed, and a number that the publisher did not sign', async () => {
    bundles(published, await signers.review(JSON_1, { key: 'stranger', downgrade: { sequence: 9, why: 'x' } }))
    expect(await rule({ floor: 9 })).toBe('verifier-unknown')
    bundles(published, await signers.review(JSON_1, { sequence: 9 }))
    expect(await rule({ floor: 9 })).toBe('sequence-mismatch')
  })
})

describe('revocations of every kind stop it', () => {
  it.each<[string, () => Withdrawal, string]>([
    ['version', () => ({ kind: 'version', target: 'com.EXAMPLE/weather@1.0.0' }), 'version-revoked'],
    ['namespace', () => ({ kind: 'namespace', target: 'Com.Example' }), 'namespace-revoked'],
    ['artifact', () => ({ kind: 'artifact', target: hash('sha512', 'the tarball') }), 'artifact-revoked'],
    ['lock file', () => ({ kind: 'artifact', target: sha256(LOCK) }), 'artifact-revoked'],
    ['publisher’s bundle, by its file', () => ({ kind: 'bundle', target: sha256(`${published}\n`) }), 'bundle-revoked'],
    ['review, by its bytes', () => ({ kind: 'bundle', target: sha256(reviewed) }), 'bundle-revoked'],
    ['review, by its statement', () => ({ kind: 'bundle', target: payloadOf(reviewed) }), 'bundle-revoked'],
    ['key of the publisher', () => ({ kind: 'key', target: signers.hint('publisher') }), 'signer-revoked'],
    ['key of the reviewer', () => ({ kind: 'key', target: signers.hint('reviewer'), notBeforeMs: NOW + 1 }), 'signer-revoked'],
  ])('%s', async (_kind, withdrawal, expected) => {
    expect(await rule({ blocked: [withdrawal()] })).toBe(expected)
  })
  it('a revoked statement stays revoked however it is written', async () => {
    const spelled = JSON.stringify(JSON.parse(reviewed), undefined, 2)
    bundles(published, spelled, reviewed)
    expect(await rule({ blocked: [{ kind: 'bundle', target: sha256(reviewed) }] })).toBe('bundle-revoked')
  })
  it('those of others do not: another version, another artifact, a key that signed nothing here', async () => {
    const blocked: Withdrawal[] = [
      { kind: 'version', target: `${NAME}@1.0.1` },
      { kind: 'artifact', target: sha256('other') },
      { kind: 'key', target: signers.hint('stranger') },
      { kind: 'namespace', target: 'com.exampl' },
      { kind: 'identity', target: 'https://id.example someone' },
    ]
    expect(await rule({ blocked })).toBe('served 1.0.0')
  })
  it('the registry’s own word that it was withdrawn counts, because it can only take away', async () => {
    source.versions.set('1.0.0', { json: JSON_1, bundles: [published, reviewed], isRevoked: true })
    expect(await rule()).toBe('version-revoked')
  })
})

const surfaceSubject = (surface: SignedSurface) => [{ name: 'surface', digest: { sha256: sha256(JSON.stringify(sorted(surface))) } }]
const sorted = (surface: SignedSurface): object => Object.fromEntries(Object.entries(surface).sort(([a], [b]) => (a < b ? -1 : 1)))
const payloadOf = (bundle: string): string =>
  statementDigest(Buffer.from((JSON.parse(bundle) as { dsseEnvelope: { payload: string } }).dsseEnvelope.payload, 'base64'))
