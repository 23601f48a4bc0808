// Signatures as an attacker would bend them: a private Sigstore signs, every part is taken away, swapped or changed, and nothing but the whole is believed.

import { sign as signBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signPayload } from '../../../src/adapters/sigstore/sign.ts'
import { ThreadedVerifier, startVerifier } from '../../../src/adapters/sigstore/verifier.ts'
import { isDenial } from '../../../src/trust/denial.ts'
import { writeReview } from '../../../src/trust/review.ts'
import { writeServerStatement } from '../../../src/trust/statement.ts'
import { KEYS_ONLY, readTrustedRoot, type TrustedRootFile } from '../../../src/trust/trusted-root.ts'
import { Verification } from '../../../src/trust/verification.ts'
import { identityToken, startSigstore, type MockSigstore } from '../../support/sigstore.ts'
import {
  ISSUER,
  keyed,
  keyless,
  keyPair,
  NOW,
  policies,
  review,
  ruleOf,
  SAN,
  statement,
  VERIFIER_ID,
  type Curve,
} from '../../trust/samples.ts'

/** Loaded machines are slow; what is late on purpose has a test of its own. */
const DEADLINE_MS = 60_000
const open: (() => unknown)[] = []
afterAll(async () => {
  for (const close of open) await close()
})

async function verification(root: TrustedRootFile): Promise<Verification> {
  const verifier = await startVerifier(root, { deadlineMs: DEADLINE_MS })
  open.push(() => verifier.close())
  return new Verification(verifier)
}
async function sigstore(clocks = {}): Promise<MockSigstore> {
  const started = await startSigstore(clocks)
  open.push(started.close)
  return started
}

const GITHUB = {
  iss: ISSUER,
  sub: SAN,
  repository: 'acme/weather',
  repository_id: '890',
  repository_owner_id: '182',
  ref: 'refs/tags/v1.2.0',
  runner_environment: 'github-hosted',
}
type Witnessed = { readonly rekor?: string; readonly tsa?: string }
async function signKeyless(at: MockSigstore, options: { claims?: object; payload?: Buffer; witnesses?: Witnessed } = {}): Promise<Buffer> {
  const { claims = {}, payload = writeServerStatement(statement()), witnesses = { rekor: at.url, tsa: at.url } } = options
  const source = { kind: 'keyless', fulcio: at.url, identityToken: identityToken({ ...GITHUB, ...claims }) } as const
  return (await signPayload(payload, source, witnesses)).bundle
}

type Bundle = {
  mediaType: string
  verificationMaterial: {
    certificate?: { rawBytes: string }
    publicKey?: object
    tlogEntries: {
      logId: { keyId: string }
      integratedTime: string
      inclusionPromise?: object
      inclusionProof?: { checkpoint: { envelope: string } }
      canonicalizedBody: string
    }[]
    timestampVerificationData?: { rfc3161Timestamps: { signedTimestamp: string }[] }
  }
  dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string; keyid?: string }[] }
}
const changed = (bundle: Buffer, change: (bundle: Bundle) => void): Buffer => {
  const copy = JSON.parse(bundle.toString()) as Bundle
  change(copy)
  return Buffer.from(JSON.stringify(copy))
}
const entryOf = (bundle: Bundle) => {
  const [entry] = bundle.verificationMaterial.tlogEntries
  if (!entry) throw new Error('no entry')
  return entry
}

describe('a keyless bundle of a private Sigstore', () => {
  let ours: MockSigstore
  let theirs: MockSigstore
  let trust: Verification
  let good: Buffer
  let foreign: Buffer
  beforeAll(async () => {
    ours = await sigstore()
    theirs = await sigstore()
    trust = await verification(readTrustedRoot(ours.root))
    good = await signKeyless(ours)
    foreign = await signKeyless(theirs)
  })
  const judged = (bundle: Buffer | undefined, policy: object = keyless()) =>
    trust.server(bundle, { name: 'io.github.acme/weather', policies: policies({ namespaces: { 'io.github.acme': policy } }), nowMs: NOW })
  const rule = async (bundle: Buffer | undefined, policy?: object) => ruleOf(await judged(bundle, policy))

  it('is believed: statement, signer, claims and the time of signing come out', async () => {
    const verified = await judged(good)
    if (isDenial(verified)) throw new Error(JSON.stringify(verified))
    expect(verified.statement).toEqual(statement())
    expect(verified.signer).toMatchObject({
      kind: 'certificate',
      issuer: ISSUER,
      san: SAN,
      claims: { ownerId: '182', repositoryId: '890' },
    })
    expect(Math.abs((verified.time?.latestMs ?? 0) - Date.now())).toBeLessThan(600_000)
  })

  it('is believed with a log alone, and with its time from the authority alone', async () => {
    expect(isDenial(await judged(await signKeyless(ours, { witnesses: { rekor: ours.url } })))).toBe(false)
    const stripped = changed(good, bundle => delete entryOf(bundle).inclusionPromise)
    expect(isDenial(await judged(stripped))).toBe(false)
  })

  it.each([
    ['wrong SAN', { san: SAN.replace('weather', 'radar'), sanPattern: undefined }, 'signer-san'],
    ['SAN that only starts like it', { san: SAN.slice(0, -2), sanPattern: undefined }, 'signer-san'],
    ['wrong issuer', { issuer: 'https://gitlab.com' }, 'signer-issuer'],
    ['owner id changed', { claims: { ownerId: '999', repositoryId: '890' } }, 'signer-claim'],
    ['repository id changed', { claims: { ownerId: '182', repositoryId: '999' } }, 'signer-claim'],
  ])('is refused by a policy with another identity: %s', async (_what, change, expected) => {
    expect(await rule(good, keyless(change))).toBe(expected)
  })

  it.each([
    ['SAN that only holds ours', { sub: `https://evil.example/?x=${SAN}` }, 'signer-san'],
    ['SAN that goes on', { sub: `${SAN}/evil` }, 'signer-san'],
    ['same login, other owner (attack 2)', { repository_owner_id: '183' }, 'signer-claim'],
    ['self-hosted runner', { runner_environment: 'self-hosted' }, 'signer-claim'],
    ['issuer that looks alike', { iss: 'https://token.actions.githubusercontent.com.evil.example' }, 'signer-issuer'],
  ])('is refused when somebody else has a certificate of the same authority: %s', async (_what, claims, expected) => {
    expect(await rule(await signKeyless(ours, { claims }))).toBe(expected)
  })

  it.each<[string, (bundle: Bundle, other: Bundle) => void, string]>([
    [
      'payload changed',
      b => (b.dsseEnvelope.payload = Buffer.from(`${Buffer.from(b.dsseEnvelope.payload, 'base64').toString()} `).toString('base64')),
      'signature-content',
    ],
    ['payload of another', (b, o) => (b.dsseEnvelope.payload = Buffer.from(JSON.stringify(o)).toString('base64')), 'signature-content'],
    ['payloadType changed', b => (b.dsseEnvelope.payloadType = 'application/json'), 'signature-content'],
    ['signature of another', (b, o) => (b.dsseEnvelope.signatures = o.dsseEnvelope.signatures), 'signature-timestamp'],
    ['log entry missing', b => (b.verificationMaterial.tlogEntries = []), 'signature-log'],
    ['log entry of another log', (b, o) => (b.verificationMaterial.tlogEntries = o.verificationMaterial.tlogEntries), 'signature-log'],
    ['log proof of another log', (b, o) => Object.assign(entryOf(b), { inclusionProof: entryOf(o).inclusionProof }), 'signature-log'],
    ['log promise and proof stripped', b => (delete entryOf(b).inclusionPromise, delete entryOf(b).inclusionProof), 'bundle-shape'],
    ['log time forged', b => (entryOf(b).integratedTime = String(Number(entryOf(b).integratedTime) + 1)), 'signature-log'],
    [
      'log body changed',
      b => (entryOf(b).canonicalizedBody = Buffer.from('{"kind":"dsse","apiVersion":"0.0.1","spec":{}}').toString('base64')),
      'signature-log',
    ],
    [
      'timestamp of another authority',
      (b, o) => (b.verificationMaterial.timestampVerificationData = o.verificationMaterial.timestampVerificationData!),
      'signature-timestamp',
    ],
    [
      'timestamp that is none',
      b => (b.verificationMaterial.timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp: 'AAAA' }] }),
      'signature-other',
    ],
    [
      'certificate of another authority',
      (b, o) => (b.verificationMaterial.certificate = o.verificationMaterial.certificate!),
      'signature-certificate',
    ],
    ['certificate that is none', b => (b.verificationMaterial.certificate = { rawBytes: 'AAAA' }), 'signature-other'],
    [
      'made by a key instead',
      b => ((b.verificationMaterial.publicKey = { hint: 'x' }), delete b.verificationMaterial.certificate),
      'signer-mode',
    ],
    ['version 0.1 (attack 10)', b => (b.mediaType = 'application/vnd.dev.sigstore.bundle+json;version=0.1'), 'bundle-version'],
    ['version 0.2', b => (b.mediaType = 'application/vnd.dev.sigstore.bundle+json;version=0.2'), 'bundle-version'],
    ['a version to come', b => (b.mediaType = 'application/vnd.dev.sigstore.bundle.v0.4+json'), 'bundle-version'],
  ])('is refused with %s', async (_what, change, expected) => {
    expect(await rule(changed(good, bundle => change(bundle, JSON.parse(foreign.toString()) as Bundle)))).toBe(expected)
  })

  it('is refused without any time: a certificate of ten minutes says nothing later', async () => {
    const bundle = changed(good, each => {
      delete entryOf(each).inclusionPromise
      delete each.verificationMaterial.timestampVerificationData
    })
    expect(await rule(bundle)).toBe('signature-timestamp')
  })

  it('is refused when it comes from another instance, or there is none (N140: unsigned)', async () => {
    expect(await rule(foreign)).toMatch(/^signature-/)
    expect(await rule(undefined)).toBe('bundle-absent')
  })

  it('is refused where its namespace signs with keys, or has no policy', async () => {
    expect(await rule(good, keyed(keyPair().publicKey))).toBe('signer-mode')
    const asked = { name: 'io.github.acme/weather', policies: policies({}), nowMs: NOW }
    expect(ruleOf(await trust.server(good, asked))).toBe('policy-absent')
  })

  it('is good for its own namespace only (attack 3)', async () => {
    const namespaces = { 'io.github.evil': keyless() }
    expect(ruleOf(await trust.server(good, { name: 'io.github.evil/weather', policies: policies({ namespaces }), nowMs: NOW }))).toBe(
      'server-mismatch',
    )
  })

  it('is refused when a reviewer signed it, and the other way round', async () => {
    expect(await rule(await signKeyless(ours, { payload: writeReview(review()) }))).toBe('predicate-type')
    const reviewers = [{ verifier: VERIFIER_ID, signer: keyless() }]
    expect(ruleOf(await trust.review(good, { policies: policies({ reviewers }), nowMs: NOW }))).toBe('predicate-type')
  })

  it.each([
    ['logged after it had expired', { ca: new Date(Date.now() - 3_600_000) }, 'signature-certificate'],
    ['logged before it was issued', { ca: new Date(Date.now() + 3_600_000) }, 'signature-certificate'],
    ['timestamped after it had expired', { tsa: new Date(Math.floor(Date.now() / 1000) * 1000 + 3_600_000) }, 'signature-certificate'],
  ])('is refused when its certificate was %s', async (_what, clocks, expected) => {
    const late = await sigstore(clocks)
    const strict = await verification(readTrustedRoot(late.root))
    const namespaces = { 'io.github.acme': keyless() }
    const answer = await strict.server(await signKeyless(late), {
      name: 'io.github.acme/weather',
      policies: policies({ namespaces }),
      nowMs: NOW,
    })
    expect(ruleOf(answer)).toBe(expected)
  })

  it('dies with the revocation of its identity, unless it is older (attack 7)', async () => {
    const at = (notBefore: string) =>
      trust.server(good, {
        name: 'io.github.acme/weather',
        policies: policies({ namespaces: { 'io.github.acme': keyless() }, revocations: [{ notBefore, issuer: ISSUER, san: SAN }] }),
        nowMs: NOW,
      })
    expect(ruleOf(await at('2020-01-01T00:00:00Z'))).toBe('signer-revoked')
    expect(isDenial(await at('2100-01-01T00:00:00Z'))).toBe(false)
  })

  it('may admit as a review, for its own pair of verifier and signer', async () => {
    const bundle = await signKeyless(ours, { payload: writeReview(review()) })
    const answer = async (verifier: string, signer: object = keyless()) =>
      ruleOf(await trust.review(bundle, { policies: policies({ reviewers: [{ verifier, signer }] }), nowMs: NOW }))
    expect(await answer(VERIFIER_ID)).toMatchObject({ statement: review() })
    expect(await answer('https://acme.example/reviewers/rob')).toBe('verifier-mismatch')
    expect(await answer(VERIFIER_ID, keyless({ issuer: 'https://gitlab.com' }))).toBe('signer-issuer')
    expect(await answer(VERIFIER_ID, keyed(keyPair().publicKey))).toBe('verifier-unknown')
    expect(ruleOf(await trust.review(undefined, { policies: policies({}), nowMs: NOW }))).toBe('bundle-absent')
    expect(ruleOf(await trust.review(Buffer.from('{'), { policies: policies({}), nowMs: NOW }))).toBe('bundle-json')
  })
})

describe('a bundle signed with a key (air gap: keys and nothing else)', () => {
  let trust: Verification
  let folder: string
  beforeAll(async () => {
    trust = await verification(KEYS_ONLY)
    folder = mkdtempSync(join(tmpdir(), 'gatehouse-keys-'))
    open.push(() => rmSync(folder, { recursive: true, force: true }))
  })
  async function signed(curve: Curve, witnesses: Witnessed = {}, payload = writeServerStatement(statement())) {
    const pair = keyPair(curve)
    const file = join(folder, `${Math.random()}.pem`)
    writeFileSync(file, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
    return { bundle: (await signPayload(payload, { kind: 'file', file }, witnesses)).bundle, ...pair }
  }
  const judged = (bundle: Buffer, policy: object, { at = trust, nowMs = NOW } = {}) =>
    at.server(bundle, { name: 'io.github.acme/weather', policies: policies({ namespaces: { 'io.github.acme': policy } }), nowMs })

  it.each<Curve>(['P-256', 'P-384', 'ed25519'])('is believed under its own key: %s', async curve => {
    const { bundle, publicKey } = await signed(curve)
    expect(await judged(bundle, keyed(publicKey))).toMatchObject({ statement: statement(), signer: { kind: 'key' } })
    expect(ruleOf(await judged(bundle, keyed(keyPair(curve).publicKey)))).toBe('key-unknown')
  })

  it('is refused under a key of another by the same hint, changed, or as a keyless one', async () => {
    const { bundle, publicKey } = await signed('P-256')
    const forged = changed(bundle, each => {
      const pair = keyPair()
      const pae = Buffer.from(`DSSEv1 ${each.dsseEnvelope.payloadType.length} ${each.dsseEnvelope.payloadType} 2 {}`)
      each.dsseEnvelope = {
        ...each.dsseEnvelope,
        payload: 'e30=',
        signatures: [{ sig: signBytes('sha256', pae, pair.privateKey).toString('base64') }],
      }
    })
    expect(ruleOf(await judged(forged, keyed(publicKey)))).toBe('signature-content')
    const other = changed(bundle, each => (each.dsseEnvelope.payload = 'e30='))
    expect(ruleOf(await judged(other, keyed(publicKey)))).toBe('signature-content')
    expect(ruleOf(await judged(bundle, keyless()))).toBe('signer-mode')
  })

  it('counts while its key does, by the clock here or by a timestamp (attack 7)', async () => {
    const day = (offset: number) => new Date(Date.now() + offset * 86_400_000).toISOString()
    const ends = { start: '2020-01-01T00:00:00Z', end: day(1) }
    const nowMs = Date.parse(day(2))
    const { bundle, publicKey } = await signed('P-256')
    expect(isDenial(await judged(bundle, keyed(publicKey, {}, ends), { nowMs: Date.now() }))).toBe(false)
    expect(ruleOf(await judged(bundle, keyed(publicKey, {}, ends), { nowMs }))).toBe('key-outside-window')
    expect(ruleOf(await judged(bundle, keyed(publicKey, { timestamps: 'required' })))).toBe('timestamp-required')
    const authority = await sigstore()
    const stamped = await signed('P-256', { tsa: authority.url })
    const at = await verification(readTrustedRoot(authority.root))
    const policy = keyed(stamped.publicKey, { timestamps: 'required' }, ends)
    expect(ruleOf(await judged(stamped.bundle, policy, { at, nowMs }))).toMatchObject({ signer: { kind: 'key' } })
    expect(ruleOf(await judged(stamped.bundle, keyed(stamped.publicKey, {}, { ...ends, end: day(-1) }), { at, nowMs }))).toBe(
      'key-outside-window',
    )
    expect(ruleOf(await judged(stamped.bundle, policy, { nowMs }))).toBe('signature-timestamp')
  })

  it('never says that a key it does not have is one of npm', async () => {
    const { bundle, publicKey } = await signed('P-256')
    const claimed = changed(bundle, each => {
      each.verificationMaterial.publicKey = { hint: `SHA256:${'A'.repeat(43)}` }
      each.dsseEnvelope.signatures = [{ sig: each.dsseEnvelope.signatures[0]?.sig ?? '' }]
    })
    expect(ruleOf(await judged(claimed, keyed(publicKey)))).toBe('key-unknown')
  })

  it('may be no statement at all, and is then none', async () => {
    const { bundle, publicKey } = await signed('ed25519', {}, Buffer.from('[]'))
    expect(ruleOf(await judged(bundle, keyed(publicKey)))).toBe('statement-shape')
  })
})

describe('the verifying thread', () => {
  const fixture = (name: string) => new URL(`./${name}.ts`, import.meta.url)
  const job = (text: string) => ({ bundle: Buffer.from(text), keys: [] })
  const start = async (options: ConstructorParameters<typeof ThreadedVerifier>[1]) => {
    const verifier = await startVerifier(KEYS_ONLY, options)
    open.push(() => verifier.close())
    return verifier
  }

  it('is replaced when a bundle stalls it (attack 12): that bundle is refused, the next is verified', async () => {
    const verifier = await start({ worker: fixture('stalling-worker'), deadlineMs: 300 })
    const [stalled, next] = await Promise.all([verifier.verify(job('stall')), verifier.verify(job('{}'))])
    expect(ruleOf(stalled)).toBe('verifier-deadline')
    expect(ruleOf(next)).toBe('bundle-shape')
  })

  it('is replaced when a bundle kills it', async () => {
    const verifier = await start({ worker: fixture('stalling-worker'), deadlineMs: DEADLINE_MS })
    const answers = await Promise.all([verifier.verify(job('exit')), verifier.verify(job('throw')), verifier.verify(job('{}'))])
    expect(answers.map(ruleOf)).toEqual(['verifier-failed', 'verifier-failed', 'bundle-shape'])
  })

  it('holds the answer that came in time though the event loop was late to look', async () => {
    const verifier = await start({ deadlineMs: 400 })
    const answer = verifier.verify(job('{}'))
    await new Promise<void>(resolve => setImmediate(resolve))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000)
    expect(ruleOf(await answer)).toBe('bundle-shape')
  })

  it('takes so many and no more, and refuses all that wait when it is closed', async () => {
    const verifier = await start({ worker: fixture('stalling-worker'), deadlineMs: DEADLINE_MS, maxWaiting: 1 })
    const answers = ['stall', '{}', '{}'].map(text => verifier.verify(job(text)))
    expect(ruleOf(await answers[2])).toBe('verifier-busy')
    await verifier.close()
    expect((await Promise.all(answers.slice(0, 2))).map(ruleOf)).toEqual(['verifier-failed', 'verifier-failed'])
    expect(ruleOf(await verifier.verify(job('{}')))).toBe('verifier-failed')
  })

  it('that does not start is a fault, and later a refusal', async () => {
    await expect(startVerifier(KEYS_ONLY, { worker: fixture('absent-worker') })).rejects.toMatchObject({ code: 'verifier-unavailable' })
    const verifier = new ThreadedVerifier(KEYS_ONLY, { worker: fixture('absent-worker') })
    expect(ruleOf(await verifier.verify(job('{}')))).toBe('verifier-failed')
    const silent = new ThreadedVerifier(KEYS_ONLY, { worker: fixture('silent-worker'), startMs: 500 })
    expect(ruleOf(await silent.verify(job('{}')))).toBe('verifier-failed')
  })

  it('is asked once for what it has judged, and again for what it could not judge', async () => {
    let asked = 0
    const verifier = await start({ worker: fixture('stalling-worker'), deadlineMs: 300 })
    const counted = {
      rootDigest: verifier.rootDigest,
      verify: (each: Parameters<typeof verifier.verify>[0]) => ((asked += 1), verifier.verify(each)),
    }
    const trust = new Verification(counted, { entries: 2 })
    const { publicKey } = keyPair()
    const world = policies({ namespaces: { 'io.github.acme': keyed(publicKey) } })
    const policy = world.namespaces.get('io.github.acme')
    const hint = policy?.mode === 'key' ? policy.keys[0]?.hint : ''
    const bundle = (keyid: string) =>
      Buffer.from(
        JSON.stringify({
          mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
          verificationMaterial: { publicKey: { hint } },
          dsseEnvelope: { payload: 'e30=', payloadType: 'x', signatures: [{ sig: 'AAAA' }] },
          keyid,
        }),
      )
    const ask = async (keyid: string) =>
      ruleOf(await trust.server(bundle(keyid), { name: 'io.github.acme/weather', policies: world, nowMs: NOW }))
    for (const keyid of ['a', 'a', 'b', 'a']) expect(await ask(keyid)).toMatch(/^signature-/)
    expect(asked).toBe(2)
    for (const keyid of ['c', 'b']) await ask(keyid)
    expect(asked).toBe(4) // `b` was the oldest of three
    for (let i = 0; i < 2; i += 1) expect(await ask('stall')).toBe('verifier-deadline')
    expect(asked).toBe(6)
  })
})
