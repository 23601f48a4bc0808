// Admissions that count only with the signature of the reviewer they name: what somebody else can write into the folder admits nothing.

import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AdmissionFolder, signatureFile, statementFile } from '../../../src/adapters/admission/admission-folder.ts'
import { AdmissionFloorFile } from '../../../src/adapters/admission/floor-file.ts'
import { readReviewers } from '../../../src/adapters/admission/reviewers.ts'
import { signPayload } from '../../../src/adapters/sigstore/sign.ts'
import type { PinnedSurface } from '../../../src/admission/pinned-surface.ts'
import type { Digest } from '../../../src/admission/primitive.ts'
import { MAX_STATEMENT_BYTES, statementOf, type Review } from '../../../src/admission/statement.ts'

let folder = ''
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'gatehouse-signed-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

type Curve = 'ed25519' | 'P-256' | 'P-384'
/** A key of a reviewer: its private file, and its public one where the configuration finds it. */
function keyOf(name: string, curve: Curve = 'ed25519'): string {
  const { privateKey, publicKey } = curve === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: curve })
  const file = join(folder, `${name}.key`)
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  writeFileSync(join(folder, `${name}.pem`), publicKey.export({ type: 'spki', format: 'pem' }))
  return file
}
const SURFACE: PinnedSurface = {
  mode: 'subset',
  instructions: null,
  primitives: { tool: new Map([['read', 'a'.repeat(64) as Digest]]), prompt: new Map(), resource: new Map(), resourceTemplate: new Map() },
}
const statement = (change: Partial<Review> = {}): string =>
  statementOf({
    alias: 'files',
    verdict: 'passed',
    surface: SURFACE,
    launch: {},
    reviewer: 'ann',
    reviewedAt: '2026-11-26T20:00:00Z',
    ...change,
  })
const sign = async (text: string, key: string): Promise<Buffer> =>
  (await signPayload(Buffer.from(text), { kind: 'file', file: key }, {})).bundle
function place(text: string, bundle?: Buffer | string): void {
  writeFileSync(statementFile(folder, 'files'), text)
  if (bundle !== undefined) writeFileSync(signatureFile(folder, 'files'), bundle)
}
const reviewersOf = (...names: string[]) =>
  readReviewers(new Map(names.map(name => [name, { kind: 'key', publicKey: join(folder, `${name}.pem`), isEvaluation: false }])))
async function standing(...names: string[]) {
  const admitted = new AdmissionFolder({ record: () => Promise.resolve() })
  const reviewers = reviewersOf(...names)
  await admitted.look({ folder, aliases: ['files'], reviewers })
  return admitted.of('files')
}

describe('a signed admission', () => {
  it.each(['ed25519', 'P-256', 'P-384'] as const)('by the %s key of the reviewer it names counts', async curve => {
    const key = keyOf('ann', curve)
    place(statement(), await sign(statement(), key))
    expect(await standing('ann')).toMatchObject({ reviewer: 'ann', verdict: 'passed' })
  })

  it('of a server with ten thousand tools counts: a bundle holds the whole statement', async () => {
    const key = keyOf('ann')
    const tool = new Map(Array.from({ length: 10_000 }, (_, i) => [`a_tool_of_a_large_server_${i}`, 'a'.repeat(64) as Digest]))
    const text = statement({ surface: { ...SURFACE, primitives: { ...SURFACE.primitives, tool } } })
    place(text, await sign(text, key))
    expect(await standing('ann')).toMatchObject({ reviewer: 'ann', verdict: 'passed' })
  })

  it('needs no signature where the configuration names no reviewer', async () => {
    place(statement())
    expect(readReviewers(new Map())).toBe(undefined)
    expect(await standing()).toMatchObject({ reviewer: 'ann' })
  })

  it.each<[string, (key: string) => Promise<[string, (Buffer | string)?]>, string]>([
    ['none at all', async () => [statement()], 'is not signed'],
    [
      'of another statement of the same reviewer',
      async key => [statement(), await sign(statement({ why: 'x' }), key)],
      'is not what was signed',
    ],
    ['by another key', async () => [statement(), await sign(statement(), keyOf('mallory'))], 'is signed by another key'],
    [
      'of a reviewer that nobody names',
      async key => [statement({ reviewer: 'eve' }), await sign(statement({ reviewer: 'eve' }), key)],
      'whom `reviewers` does not name',
    ],
    [
      'in the name of a colleague',
      async key => (keyOf('ben'), [statement({ reviewer: 'ben' }), await sign(statement({ reviewer: 'ben' }), key)]),
      'is signed by another key',
    ],
    ['that is no bundle', async () => [statement(), '{}'], 'has a signature that is no bundle'],
    ['that is too large', async () => [statement(), 'x'.repeat(2 * MAX_STATEMENT_BYTES + 1)], 'has a signature that is larger than'],
    [
      'that names the key of somebody else',
      async key => {
        const [forged, own] = [String(await sign(statement(), keyOf('mallory'))), String(await sign(statement(), key))]
        const hint = (bundle: string): string => /"hint":"([^"]*)"/.exec(bundle)![1]!
        return [statement(), forged.replaceAll(hint(forged), hint(own))]
      },
      'has a signature that its reviewer’s key did not make',
    ],
    [
      'with a signature of another form',
      async key => [statement(), String(await sign(statement(), key)).replace(/"sig":"[^"]*"/, '"sig":"AAAA"')],
      'has a signature that its reviewer’s key did not make',
    ],
    [
      'under another type of payload',
      async key => [statement(), String(await sign(statement(), key)).replace('application/vnd.in-toto+json', 'text/plain')],
      'is not what was signed',
    ],
  ])('attack: a signature %s admits nothing', async (_, make, why) => {
    const [text, bundle] = await make(keyOf('ann'))
    place(text, bundle)
    expect(await standing('ann', 'ben')).toEqual({ unreadable: expect.stringContaining(why) })
  })

  it('attack: a key of the configuration that is gone or no key verifies nothing', async () => {
    const key = keyOf('ann')
    place(statement(), await sign(statement(), key))
    writeFileSync(join(folder, 'ann.pem'), readFileSync(key))
    expect(await standing('ann')).toEqual({ unreadable: expect.stringContaining('the key or identity of its reviewer cannot be read') })
    rmSync(join(folder, 'ann.pem'))
    expect(await standing('ann')).toEqual({ unreadable: expect.stringContaining('the key or identity of its reviewer cannot be read') })
  })

  describe('attack: an older decision of the same reviewer is put back, signature and all', () => {
    const [T1, T2] = ['2026-11-26T20:00:00Z', '2026-11-26T21:00:00Z']
    async function world() {
      const key = keyOf('ann')
      const reviewers = reviewersOf('ann')
      const decide = async (change: Partial<Review>) => place(statement(change), await sign(statement(change), key))
      const gateway = () => {
        const failures: unknown[] = []
        const floors = new AdmissionFloorFile(join(folder, 'data'))
        const admitted = new AdmissionFolder({ record: () => Promise.resolve(), floors, failed: (_, cause) => failures.push(cause) })
        const look = async () => (await admitted.look({ folder, aliases: ['files'], reviewers }), admitted.of('files'))
        return { look, failures }
      }
      return { decide, gateway, reviewers }
    }

    it('by a running gateway, and by one that was started anew: refused, and both times are named', async () => {
      const { decide, gateway } = await world()
      const { look } = gateway()
      await decide({ reviewedAt: T1 })
      expect(await look()).toMatchObject({ reviewedAt: T1 })
      await decide({ reviewedAt: T2, verdict: 'failed' })
      expect(await look()).toMatchObject({ verdict: 'failed' })
      await decide({ reviewedAt: T1 })
      const refused = { unreadable: expect.stringContaining(`is of ${T1}, older than the one of ${T2} that was in force`) }
      expect(await look()).toEqual(refused)
      expect(await gateway().look()).toEqual(refused)
      await decide({ reviewedAt: T2, verdict: 'failed' })
      expect(await look()).toMatchObject({ verdict: 'failed' })
    })

    it('of the same time, and after the statement was gone for a while: refused', async () => {
      const { decide, gateway } = await world()
      const { look } = gateway()
      await decide({ reviewedAt: T1 })
      await look()
      rmSync(statementFile(folder, 'files'))
      expect(await look()).toBe(undefined)
      await decide({ reviewedAt: T1, why: 'another' })
      expect(await look()).toEqual({ unreadable: expect.stringContaining('another of the same time as') })
      await decide({ reviewedAt: T1 })
      expect(await look()).toMatchObject({ reviewedAt: T1 })
    })

    it('what nobody signed raises no floor: it could keep a reviewer out', async () => {
      const { decide, gateway } = await world()
      const { look } = gateway()
      place(statement({ reviewedAt: '2999-01-01T00:00:00Z' }))
      expect(await look()).toMatchObject({ unreadable: expect.any(String) })
      await decide({ reviewedAt: T1 })
      expect(await look()).toMatchObject({ reviewedAt: T1 })
    })

    it('a floor that cannot be kept: a new admission does not count, a refusal does', async () => {
      const { decide, gateway, reviewers } = await world()
      writeFileSync(join(folder, 'data'), 'no folder')
      const failures: unknown[] = []
      const raise = () => {
        throw new Error('disk full')
      }
      const failed = (_: string, cause: unknown) => failures.push(cause)
      const admitted = new AdmissionFolder({ record: () => Promise.resolve(), floors: { of: () => undefined, raise }, failed })
      await decide({ reviewedAt: T1 })
      await admitted.look({ folder, aliases: ['files'], reviewers })
      expect([admitted.of('files'), failures]).toEqual([undefined, [expect.objectContaining({ message: 'disk full' })]])
      await decide({ reviewedAt: T2, verdict: 'failed' })
      await admitted.look({ folder, aliases: ['files'], reviewers })
      expect(admitted.of('files')).toMatchObject({ verdict: 'failed' })
      expect(() => gateway()).toThrow(expect.objectContaining({ code: 'admission-floors-invalid' }))
    })

    it.each(['{', '{}', '{"version":1,"servers":[]}', '{"version":1,"servers":{"files":{"reviewedAt":"yesterday","statement":"x"}}}'])(
      'floors that cannot be read let nothing start: %s',
      async text => {
        const { gateway } = await world()
        mkdirSync(join(folder, 'data', 'trust'), { recursive: true })
        writeFileSync(join(folder, 'data', 'trust', 'admissions.json'), text, { mode: 0o600 })
        expect(() => gateway()).toThrow(expect.objectContaining({ code: 'admission-floors-invalid' }))
      },
    )

    it('is on disk before it counts', async () => {
      const { decide, gateway } = await world()
      const { look } = gateway()
      await decide({ reviewedAt: T1 })
      await look()
      const kept = JSON.parse(readFileSync(join(folder, 'data', 'trust', 'admissions.json'), 'utf8'))
      expect(kept).toEqual({ version: 1, servers: { files: { reviewedAt: T1, statement: expect.stringMatching(/^[0-9a-f]{64}$/) } } })
    })
  })

  it('is looked at anew when its signature or the keys change', async () => {
    const key = keyOf('ann')
    const admitted = new AdmissionFolder({ record: () => Promise.resolve() })
    const look = () => admitted.look({ folder, aliases: ['files'], reviewers: reviewersOf('ann') })
    place(statement())
    await look()
    expect(admitted.of('files')).toMatchObject({ unreadable: expect.any(String) })
    place(statement(), await sign(statement(), key))
    await look()
    expect(admitted.of('files')).toMatchObject({ reviewer: 'ann' })
    keyOf('ann')
    await look()
    expect(admitted.of('files')).toMatchObject({ unreadable: expect.stringContaining('another key') })
  })
})
