// Reviewers that sign as an identity: a certificate of a Sigstore instance, in its log, over exactly the statement. The instance is real HTTP (@sigstore/mock).

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AdmissionFolder, signatureFile, statementFile } from '../../../src/adapters/admission/admission-folder.ts'
import { readReviewers, type Reviewers } from '../../../src/adapters/admission/reviewers.ts'
import { signPayload } from '../../../src/adapters/sigstore/sign.ts'
import { statementOf, type Review } from '../../../src/admission/statement.ts'
import type { ReviewerSettings } from '../../../src/config/schema.ts'
import { deny } from '../../../src/trust/denial.ts'
import { identityToken, startSigstore, type MockSigstore } from '../../support/sigstore.ts'
import { keyPair } from '../../trust/samples.ts'

const ISSUER = 'https://id.example'
const SAN = 'ann@acme.example'
let folder = ''
let own: MockSigstore
let foreign: MockSigstore
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-keyless-'))
  ;[own, foreign] = [await startSigstore(), await startSigstore()]
  writeFileSync(join(folder, 'root.json'), own.root)
})
afterAll(async () => {
  await Promise.all([own.close(), foreign.close()])
  rmSync(folder, { recursive: true, force: true })
})

const REVIEW: Review = {
  alias: 'files',
  verdict: 'passed',
  surface: {
    mode: 'subset',
    instructions: null,
    primitives: { tool: new Map(), prompt: new Map(), resource: new Map(), resourceTemplate: new Map() },
  },
  launch: {},
  reviewer: 'ann',
  reviewedAt: '2026-11-20T20:00:00Z',
}
const STATEMENT = statementOf(REVIEW)
type Who = { readonly iss?: string; readonly email?: string; readonly at?: MockSigstore }
const sign = async (text: string, { iss = ISSUER, email = SAN, at = own }: Who = {}): Promise<Buffer> => {
  const token = identityToken({ iss, sub: email })
  const source = { kind: 'keyless', fulcio: at.url, identityToken: token } as const
  return (await signPayload(Buffer.from(text), source, { rekor: at.url })).bundle
}
const KEYLESS: ReviewerSettings = { kind: 'keyless', issuer: ISSUER, san: SAN, root: '' }
const settings = (change: Partial<ReviewerSettings> = {}) =>
  new Map([['ann', { ...KEYLESS, root: join(folder, 'root.json'), ...change } as ReviewerSettings]])

async function standing(text: string, bundle: Buffer | undefined, reviewers: Reviewers | undefined = readReviewers(settings())) {
  writeFileSync(statementFile(folder, 'files'), text)
  rmSync(signatureFile(folder, 'files'), { force: true })
  if (bundle) writeFileSync(signatureFile(folder, 'files'), bundle)
  const admitted = new AdmissionFolder({ record: () => Promise.resolve() })
  await admitted.look({ folder, aliases: ['files'], reviewers })
  await reviewers?.close()
  return admitted.of('files')
}

describe('a keyless admission', () => {
  it('by the identity that the configuration names counts', async () =>
    expect(await standing(STATEMENT, await sign(STATEMENT))).toMatchObject({ reviewer: 'ann', verdict: 'passed' }))

  it.each<[string, () => Promise<Buffer | undefined>, string]>([
    ['nobody signed', async () => undefined, 'is not signed'],
    ['somebody else of the same issuer signed', () => sign(STATEMENT, { email: 'mallory@acme.example' }), 'signer-san'],
    ['somebody of that name at another issuer signed', () => sign(STATEMENT, { iss: 'https://id.example.evil' }), 'signer-issuer'],
    ['a name that only begins the same signed', () => sign(STATEMENT, { email: `${SAN}.evil` }), 'signer-san'],
    ['another Sigstore instance vouches for', () => sign(STATEMENT, { at: foreign }), 'does not verify: signature-'],
    ['of another statement', () => sign(statementOf({ ...REVIEW, why: 'x' })), 'is not what was signed'],
    [
      'signed with a key, whoever’s it is',
      async () => {
        writeFileSync(join(folder, 'any.key'), keyPair().privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
        return (await signPayload(Buffer.from(STATEMENT), { kind: 'file', file: join(folder, 'any.key') }, {})).bundle
      },
      'is signed by another key, and not as its reviewer signs',
    ],
    [
      'whose log entry was taken out',
      async () => {
        const bundle = JSON.parse(String(await sign(STATEMENT)))
        bundle.verificationMaterial.tlogEntries = []
        return Buffer.from(JSON.stringify(bundle))
      },
      'does not verify: signature-',
    ],
  ])('attack: one that %s admits nothing', async (_, make, why) =>
    expect(await standing(STATEMENT, await make())).toEqual({ unreadable: expect.stringContaining(why) }),
  )

  it('attack: a date far ahead, to outlast later decisions, is held against the log', async () => {
    const ahead = statementOf({ ...REVIEW, reviewedAt: '2999-01-01T00:00:00Z' })
    expect(await standing(ahead, await sign(ahead))).toEqual({ unreadable: expect.stringContaining('a later time than the log') })
  })

  it('by a pattern: anchored, a star for part of a name', async () => {
    const repository = 'https://github.com/acme/reviews/.github/workflows/'
    const by = async (uri: string) => {
      const token = identityToken({ iss: ISSUER, sub: uri })
      return (await signPayload(Buffer.from(STATEMENT), { kind: 'keyless', fulcio: own.url, identityToken: token }, { rekor: own.url }))
        .bundle
    }
    const reviewers = () => {
      const sanPattern = `${repository}*.yml@refs/heads/main`
      return readReviewers(new Map([['ann', { kind: 'keyless', issuer: ISSUER, sanPattern, root: join(folder, 'root.json') }]]))
    }
    expect(await standing(STATEMENT, await by(`${repository}review.yml@refs/heads/main`), reviewers())).toMatchObject({ verdict: 'passed' })
    expect(await standing(STATEMENT, await by(`${repository}x/review.yml@refs/heads/main`), reviewers())).toEqual({
      unreadable: expect.stringContaining('signer-san'),
    })
  })

  it.each<[string, Partial<ReviewerSettings>]>([
    ['a root that is gone', { root: '/nowhere' }],
    ['a root that is none', { root: import.meta.filename }],
    ['no name', { san: '' }],
    ['a pattern with the star in its host', { san: undefined, sanPattern: 'https://*.example/x/y' } as never],
  ])('attack: a reviewer with %s verifies nothing', async (_, change) =>
    expect(await standing(STATEMENT, await sign(STATEMENT), readReviewers(settings(change)))).toEqual({
      unreadable: expect.stringContaining('the key or identity of its reviewer cannot be read'),
    }),
  )

  it('what could not be verified this time is looked at again, and recorded once', async () => {
    writeFileSync(statementFile(folder, 'files'), STATEMENT)
    writeFileSync(signatureFile(folder, 'files'), await sign(STATEMENT))
    const real = readReviewers(settings())!
    const ann = real.byName.get('ann')
    if (typeof ann !== 'object' || ann.kind !== 'keyless') throw new Error('not keyless')
    let isBusy = true
    const verifier: typeof ann.verifier = {
      rootDigest: ann.verifier.rootDigest,
      verify: job => (isBusy ? Promise.resolve(deny('verifier-busy', 'for now')) : ann.verifier.verify(job)),
    }
    const reviewers: Reviewers = { ...real, byName: new Map([['ann', { ...ann, verifier }]]) }
    const changes: unknown[] = []
    const admitted = new AdmissionFolder({ record: async change => void changes.push(change) })
    const look = () => admitted.look({ folder, aliases: ['files'], reviewers })
    await look()
    await look()
    expect([admitted.of('files'), changes.length]).toEqual([{ unreadable: expect.stringContaining('verifier-busy') }, 1])
    isBusy = false
    await look()
    expect([admitted.of('files'), changes.length]).toEqual([expect.objectContaining({ verdict: 'passed' }), 2])
    await real.close()
  })

  it('an id tells identities and roots apart', () => {
    const id = (change: Partial<ReviewerSettings>) => readReviewers(settings(change))!.id
    writeFileSync(join(folder, 'other.json'), foreign.root)
    const ids = [id({}), id({ san: 'ben@acme.example' }), id({ issuer: 'https://other.example' }), id({ root: join(folder, 'other.json') })]
    expect(new Set(ids).size).toBe(4)
    expect(id({})).toBe(ids[0])
    expect(readFileSync(join(folder, 'root.json')).equals(own.root)).toBe(true)
  })
})
