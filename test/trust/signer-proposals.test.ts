// Proposed signers: what a proposal is, what it leaves alone, and how long it is kept.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sqliteSignerProposals } from '../../src/adapters/sqlite/signer-proposal-store.ts'
import { openStateDb } from '../../src/adapters/sqlite/state-db.ts'
import { proposedIn, proposedSigner, signersIn, withSigner, type ProposedSigner } from '../../src/trust/signer-proposals.ts'

const KEYLESS = { mode: 'keyless', identities: [{ issuer: 'https://ci.example', san: 'https://ci.example/acme/x@main' }] }
const DOCUMENT = Buffer.from(JSON.stringify({ version: 1, namespaces: { 'Com.Acme': KEYLESS, 'com.other': KEYLESS }, reviewers: [] }))
const made = (namespace: string, policy: object): ProposedSigner => {
  const proposed = proposedSigner(namespace, JSON.stringify(policy))
  if ('stop' in proposed) throw new Error(proposed.detail)
  return proposed
}

describe('a proposed signer', () => {
  it('is one by its meaning, whatever the order of its members, for one namespace whatever its case', () => {
    const turned = `{"identities":${JSON.stringify(KEYLESS.identities)}, "mode":"keyless"}`
    expect(proposedSigner('com.ACME', turned)).toEqual(made('com.acme', KEYLESS))
    expect(made('com.acme', KEYLESS).digest).not.toBe(made('com.acm', KEYLESS).digest)
    expect(made('com.acme', KEYLESS).digest).not.toBe(made('com.acme', { ...KEYLESS, mode: 'key' }).digest)
    expect(proposedSigner('com.acme', JSON.stringify({ text: 'x'.repeat(70_000) }))).toMatchObject({ stop: 'params-invalid' })
  })
  it('takes the place of the one before in any spelling, and leaves everything else', () => {
    const next = { ...KEYLESS, identities: [{ ...KEYLESS.identities[0], san: 'https://ci.example/acme/y@main' }] }
    const whole = withSigner(DOCUMENT, made('com.acme', next))
    expect(JSON.parse((whole as Buffer).toString())).toEqual({
      version: 1,
      namespaces: { 'com.other': KEYLESS, 'com.acme': next },
      reviewers: [],
    })
    expect(withSigner(undefined, made('com.acme', next))).toBeInstanceOf(Buffer)
    expect(withSigner(DOCUMENT, made('com.acme', { mode: 'none' }))).toMatchObject({ stop: 'params-invalid' })
  })
  it.each(['com.acme', 'com.acme x', `com.acme ${'a'.repeat(63)}`, `com.acme ${'a'.repeat(64)} more`, ''])('is not named by %j', target => {
    expect(proposedIn(target)).toBeUndefined()
  })
  it('is named by namespace and digest', () => {
    expect(proposedIn(`com.acme ${'a'.repeat(64)}`)).toEqual({ namespace: 'com.acme', digest: 'a'.repeat(64) })
  })
  it('is kept over a restart, longer than it could be approved, and then forgotten', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-signer-'))
    let db = await openStateDb(join(folder, 'state.db'))
    const [first, second] = [made('com.acme', KEYLESS), made('com.other', KEYLESS)]
    await sqliteSignerProposals(db).keep(first, 1000)
    await sqliteSignerProposals(db).keep(first, 1000)
    await db.close()
    db = await openStateDb(join(folder, 'state.db'))
    const store = sqliteSignerProposals(db)
    expect(await store.find(first.digest)).toEqual(first)
    expect(await store.find(second.digest)).toBeUndefined()
    await store.keep(second, 1000 + 31 * 86_400)
    expect(await store.list()).toEqual([second, first])
    await store.keep(second, 1000 + 33 * 86_400)
    expect(await store.list()).toEqual([second])
    await db.close()
    rmSync(folder, { recursive: true, force: true })
  })
})

it('signers in force are read with what they say, and of no document there are none', () => {
  expect(signersIn(DOCUMENT)).toEqual([
    { namespace: 'Com.Acme', policy: KEYLESS, digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
    { namespace: 'com.other', policy: KEYLESS, digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
  ])
  expect(signersIn(undefined)).toEqual([])
  expect(() => signersIn(Buffer.from('{}'))).toThrow(expect.objectContaining({ code: 'policy-invalid' }))
})
