// A subject claim must not change while something is kept under the names it gave: whoever is called the same by the new claim would have it.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sqliteBlocks } from '../../src/adapters/sqlite/block-store.ts'
import { createConnectionConsents, createPendingConnections } from '../../src/adapters/sqlite/connection-stores.ts'
import { createConsentStore } from '../../src/adapters/sqlite/consent-store.ts'
import { createGrantStore } from '../../src/adapters/sqlite/grant-store.ts'
import { createOauthRecordStore, readEndedFamilies } from '../../src/adapters/sqlite/oauth-record-store.ts'
import { createBrowserSessionStore, createSignInStore } from '../../src/adapters/sqlite/sign-in-store.ts'
import { openStateDb, type StateDb } from '../../src/adapters/sqlite/state-db.ts'
import { sqliteSubjectClaims } from '../../src/adapters/sqlite/subject-claim-store.ts'
import { openSubjectClaims } from '../../src/compose/subject-claims.ts'
import type { Snapshot } from '../../src/config/schema.ts'
import { keyOf, type Principal } from '../../src/kernel/principal.ts'
import { createSealer } from '../../src/kernel/seal.ts'
import type { StoredGrant } from '../../src/vault/grant.ts'
import { snapshot } from '../config/configs.ts'

const [IDP, OTHER] = ['https://idp.example', 'https://idp.example.com']
const NOW = 1_800_000_000
const now = (): number => NOW
const open = (next: Snapshot) => openSubjectClaims(next, state, () => NOW * 1000)
const issuers = (...claims: string[]): Promise<Snapshot> =>
  snapshot(
    `version: 1\nidentity: { issuers: [${claims.map((claim, i) => `{ issuer: '${i === 0 ? IDP : OTHER}', subjectClaim: ${claim} }`).join(', ')}] }\n`,
  )
const login = (claim: string): Promise<Snapshot> =>
  snapshot(`version: 1\nidentity: { login: { issuer: '${IDP}', clientId: g, subjectClaim: ${claim} }, authorizationServer: {} }\n`)
const grantOf = (issuer: string, id = 'g'): StoredGrant => ({
  grant: {
    ...{ id, principal: keyOf(issuer, 'alice'), upstream: 'a x', issuer: 'https://as.example', resource: 'https://r.example', scopes: [] },
    ...{ kind: 'oauth', revision: 1, createdAtSeconds: NOW },
  },
  keyId: 'k',
  sealed: 's',
})
const block = (target: string) => ({ kind: 'principal' as const, target, why: 'w', by: 'b', atSeconds: NOW })

let folder: string
let state: StateDb
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'subject-claims-'))
  state = await openStateDb(join(folder, 'state.db'))
})
afterEach(async () => {
  await state.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('a changed subject claim', () => {
  it('is refused at a start and at a reload while an account is connected, with what mends it; set back it is taken', async () => {
    const claims = await open(await issuers('sub'))
    await createGrantStore(state).put(grantOf(IDP))
    const refused = expect.stringMatching(/was `sub` and is `oid` now.*1 connected account; set it to `sub` again/)
    expect(await claims.check(await issuers('oid'))).toEqual(refused)
    expect(await claims.keep(await issuers('oid'))).toEqual(refused)
    await expect(open(await issuers('oid'))).rejects.toMatchObject({ code: 'subject-claim-changed', message: refused })
    await expect(open(await issuers('sub'))).resolves.toBeDefined()
  })
  it('is refused while somebody is blocked: the block would be nobody’s', async () => {
    await open(await issuers('sub'))
    await sqliteBlocks(state).put(block(`${IDP} mallory`))
    await expect(open(await issuers('oid'))).rejects.toThrow(/1 blocked principal;/)
    await sqliteBlocks(state).remove(block(`${IDP} mallory`))
    await expect(open(await issuers('oid'))).resolves.toBeDefined()
  })
  it('concerns one issuer: what is kept of another, whose name begins alike, does not stand against it', async () => {
    await open(await issuers('sub', 'sub'))
    await createGrantStore(state).put(grantOf(OTHER))
    await sqliteBlocks(state).put({ ...block(`${OTHER} eve`) })
    await expect(open(await issuers('oid', 'sub'))).resolves.toBeDefined()
    await expect(open(await issuers('oid', 'oid'))).rejects.toThrow(OTHER)
  })
  it('is remembered of an issuer that was taken out meanwhile', async () => {
    await open(await issuers('sub'))
    await createGrantStore(state).put(grantOf(IDP))
    await open(await snapshot(`version: 1\nidentity: { issuers: [{ issuer: '${OTHER}' }] }\n`))
    await expect(open(await issuers('oid'))).rejects.toMatchObject({ code: 'subject-claim-changed' })
  })
  it('is refused of a provider that people sign in at, too', async () => {
    await open(await login('sub'))
    await createGrantStore(state).put(grantOf(IDP))
    await expect(open(await login('tid+oid'))).rejects.toThrow(/was `sub` and is `tid\+oid`/)
  })
  it('an account that is connected between the check and the change is not overrun', async () => {
    const claims = await open(await issuers('sub'))
    expect(await claims.check(await issuers('oid'))).toBeUndefined()
    await createGrantStore(state).put(grantOf(IDP))
    expect(await sqliteSubjectClaims(state, now).take({ issuer: IDP, claim: 'oid' })).toBe(false)
    expect(await claims.keep(await issuers('oid'))).toEqual(expect.stringContaining('1 connected account'))
  })
})

it('where nothing stands against it, consents, sign-ins and links of the old names go with the change, and tokens end; of other issuers they stay', async () => {
  await open(await issuers('sub', 'sub'))
  const sealer = createSealer({ current: Buffer.alloc(32, 1) }, n => Buffer.alloc(n, 2))
  const [signIns, consents, records] = [
    createSignInStore(state, sealer, now),
    createConsentStore(state, now),
    createOauthRecordStore(state, now),
  ]
  const [asked, pending] = [createConnectionConsents(state), createPendingConnections(state, sealer, now)]
  for (const [n, issuer] of [IDP, OTHER].entries()) {
    const principal = { key: keyOf(issuer, 'alice'), issuer, subject: 'alice' } as Principal
    const signIn = {
      id: `s${n}`,
      issuer,
      subject: 'alice',
      groups: [],
      name: 'Alice',
      startedAtSeconds: NOW,
      checkedAtSeconds: NOW,
      endsAtSeconds: NOW + 999,
    }
    await signIns.add(signIn, undefined)
    await createBrowserSessionStore(state).open(`b${n}`, { signInId: `s${n}`, endsAtSeconds: NOW + 999 })
    await records.put({
      kind: 'RefreshToken',
      digest: `r${n}`,
      family: `f${n}`,
      signInId: `s${n}`,
      client: 'c',
      sealed: Buffer.from('x'),
      endsAtSeconds: NOW + 999,
    })
    await consents.put(principal, {
      client: 'c',
      clientName: 'C',
      redirect: 'r',
      resource: 'x',
      scopes: [],
      redirects: 'd',
      grantedAtSeconds: NOW,
    })
    await asked.give(principal.key, 'a x', 'c', NOW)
    const link = { principal: principal.key, alias: 'a', account: 'a x', client: 'c', scopes: [], expiresAtSeconds: NOW + 999 }
    await pending.open(`l${n}`, link, 9)
  }
  await open(await issuers('oid', 'sub'))
  const left = async (n: number, issuer: string): Promise<readonly boolean[]> => {
    const principal = { key: keyOf(issuer, 'alice'), issuer, subject: 'alice' } as Principal
    return [
      (await signIns.find(`s${n}`, NOW)) !== undefined,
      (await createBrowserSessionStore(state).find(`b${n}`, NOW)) !== undefined,
      (await records.find('RefreshToken', `r${n}`, NOW)) !== undefined,
      (await consents.list(principal)).length > 0,
      (await asked.list(principal.key, 'a x')).length > 0,
      (await pending.find(`l${n}`, NOW)) !== undefined,
    ]
  }
  expect(await left(0, IDP)).toEqual([false, false, false, false, false, false])
  expect(await left(1, OTHER)).toEqual([true, true, true, true, true, true])
  expect([...(await readEndedFamilies(state, NOW)).keys()]).toEqual(['f0'])
})
