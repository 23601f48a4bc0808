// The vault over a store in memory: whose grant is found, what a refresh asks and keeps, what is left after a revocation, and changes of the key.

import { randomBytes, randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { createSealer, type Sealer } from '../../src/kernel/seal.ts'
import type { Grant, GrantTerms, Secret } from '../../src/vault/grant.ts'
import { Vault, type Refreshed } from '../../src/vault/vault.ts'
import { alice, bob } from '../contracts/grant-store.ts'
import { MemoryGrantStore } from '../support/memory-grant-store.ts'

const key = (fill: number): Buffer => Buffer.alloc(32, fill)
const sealerOf = (current: number, previous?: number): Sealer =>
  createSealer({ current: key(current), previous: previous === undefined ? undefined : key(previous) }, randomBytes)

const terms: GrantTerms = {
  principal: alice,
  upstream: 'files',
  issuer: 'https://as.example',
  resource: 'https://files.example/mcp',
  scopes: ['read', 'write'],
  kind: 'oauth',
  expiresAtSeconds: 1000,
}
const secret: Secret = { accessToken: 'access-1', refreshToken: 'refresh-1', tokenType: 'Bearer' }
const renewed = (n: number): Refreshed => ({
  secret: { accessToken: `access-${n}`, refreshToken: `refresh-${n}`, tokenType: 'Bearer' },
  expiresAtSeconds: 1000 * n,
})

let store: MemoryGrantStore
let vault: Vault
let clock: number
let unreadable: Grant[]
beforeEach(() => {
  store = new MemoryGrantStore()
  clock = 0
  unreadable = []
  vault = vaultWith(sealerOf(1))
})
function vaultWith(sealer: Sealer): Vault {
  return new Vault({
    store,
    sealer,
    newId: randomUUID,
    now: () => 5_000,
    monotonic: () => clock,
    unreadable: grant => unreadable.push(grant),
    cache: { entries: 3, maxAgeMs: 100 },
  })
}
const secretOf = async (grant: Grant | undefined) => grant && (await vault.open(grant))?.secret

describe('the vault', () => {
  it('gives a principal the secret that was kept for this upstream', async () => {
    const grant = await vault.put(terms, secret)
    expect(grant).toMatchObject({ ...terms, revision: 1, createdAtSeconds: 5 })
    expect(await vault.find(alice, 'files')).toEqual(grant)
    expect(await vault.open(grant)).toEqual({ grant, secret })
    expect(await vault.list(alice)).toEqual([grant])
  })

  it('knows nothing of another principal, upstream, issuer or resource (N027, N046)', async () => {
    await vault.put(terms, secret)
    expect(await vault.find(bob, 'files')).toBeUndefined()
    expect(await vault.find(alice, 'mail')).toBeUndefined()
    expect(await vault.find(alice, 'files', { issuer: 'https://as.example/' })).toBeUndefined()
    expect(await vault.find(alice, 'files', { resource: 'https://files.example' })).toBeUndefined()
    expect(await vault.find(alice, 'files', { issuer: terms.issuer, resource: terms.resource })).toBeDefined()
  })

  it('reads the store once for what it was asked lately, absence included, and anew when that is old', async () => {
    await Promise.all([vault.find(alice, 'files'), vault.find(alice, 'files')])
    await vault.find(alice, 'files')
    expect(store.reads).toBe(1)
    clock = 100
    await vault.find(alice, 'files')
    expect(store.reads).toBe(2)
  })

  it('remembers no more than its bound', async () => {
    for (let i = 0; i < 10; i += 1) await vault.find(alice, `up-${i}`)
    for (let i = 7; i < 10; i += 1) await vault.find(alice, `up-${i}`)
    expect(store.reads).toBe(10)
    await vault.find(alice, 'up-0')
    expect(store.reads).toBe(11)
  })

  it('remembers no failure of the store', async () => {
    const grant = await vault.put(terms, secret)
    const find = store.find.bind(store)
    store.find = () => Promise.reject(new Error('disk'))
    await expect(vault.find(alice, 'files')).rejects.toThrow('disk')
    store.find = find
    expect(await vault.find(alice, 'files')).toEqual(grant)
  })

  it('keeps nothing when the store fails before it persists, and finds the grant when it failed after', async () => {
    store.failNext('before')
    await expect(vault.put(terms, secret)).rejects.toMatchObject({ code: 'state-unavailable' })
    expect(await vault.find(alice, 'files')).toBeUndefined()
    store.failNext('after')
    await expect(vault.put(terms, secret)).rejects.toMatchObject({ code: 'state-unavailable' })
    expect(await secretOf(await vault.find(alice, 'files'))).toEqual(secret)
  })

  it('refuses secrets and terms that are absurdly large', async () => {
    await expect(vault.put(terms, { secret: 'x'.repeat(70_000) })).rejects.toMatchObject({ code: 'vault-grant-invalid' })
    await expect(vault.put({ ...terms, account: 'x'.repeat(20_000) }, secret)).rejects.toMatchObject({ code: 'vault-grant-invalid' })
    expect(store.rows.size).toBe(0)
    const large: Secret = { secret: '\u0000'.repeat(10_000) } // six characters each as JSON
    expect(await secretOf(await vault.put(terms, large))).toEqual(large)
  })
})

describe('a revoked grant', () => {
  it('is gone from cache and store, and does not open for who still holds it', async () => {
    const grant = await vault.put(terms, secret)
    await vault.open(grant)
    expect(await vault.revoke(bob, grant.id)).toBe(false)
    expect(await secretOf(grant)).toEqual(secret)
    expect(await vault.revoke(alice, grant.id)).toBe(true)
    expect(await vault.open(grant)).toBeUndefined()
    expect(await vault.find(alice, 'files')).toBeUndefined()
    expect(store.rows.size).toBe(0)
    expect(await vault.revoke(alice, grant.id)).toBe(false)
  })

  it('does not come back through a read that began before the revocation', async () => {
    const grant = await vault.put(terms, secret)
    const { promise: gate, resolve: release } = Promise.withResolvers<undefined>()
    const find = store.find.bind(store)
    store.find = async (principal, upstream) => {
      const row = await find(principal, upstream)
      await gate
      return row
    }
    const slow = vault.find(alice, 'files')
    await vault.revoke(alice, grant.id)
    release(undefined)
    await slow
    expect(await vault.find(alice, 'files')).toBeUndefined()
  })

  it('does not come back through a refresh that was under way', async () => {
    const grant = await vault.put(terms, secret)
    const refreshed = vault.refresh(grant, async () => {
      await vault.revoke(alice, grant.id)
      return renewed(2)
    })
    expect(await refreshed).toBeUndefined()
    expect(store.rows.size).toBe(0)
  })

  it('does not open once another grant took its place', async () => {
    const old = await vault.put(terms, secret)
    const next = await vault.put({ ...terms, issuer: 'https://other.example' }, { ...secret, accessToken: 'other' })
    expect(await vault.open(old)).toBeUndefined()
    expect(await vault.refresh(old, () => Promise.reject(new Error('asked')))).toBeUndefined()
    expect(await secretOf(next)).toMatchObject({ accessToken: 'other' })
  })
})

describe('a refresh', () => {
  it('asks once for a hundred callers, and not again for who comes late with the old grant', async () => {
    const old = await vault.put(terms, secret)
    let asked = 0
    const ask = async ({ secret: shown }: { secret: Secret }) => {
      asked += 1
      expect(shown).toEqual(secret)
      for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate)
      return renewed(2)
    }
    const grants = await Promise.all(Array.from({ length: 100 }, () => vault.refresh(old, ask)))
    const late = await vault.refresh(old, ask)
    expect(asked).toBe(1)
    expect(new Set([...grants, late].map(grant => JSON.stringify(grant))).size).toBe(1)
    expect(late).toMatchObject({ id: old.id, revision: 2, expiresAtSeconds: 2000, scopes: ['read', 'write'] })
    expect(await vault.open(old)).toEqual({ grant: late, secret: renewed(2).secret })
  })

  it('asks again for the newer grant', async () => {
    const first = await vault.put(terms, secret)
    const second = await vault.refresh(first, async () => renewed(2))
    expect(await vault.refresh(second!, async () => renewed(3))).toMatchObject({ revision: 3 })
  })

  it('leaves the grant as it is when the issuer cannot be asked, and falls back to nobody else’s', async () => {
    await vault.put({ ...terms, principal: bob }, { ...secret, accessToken: 'of bob' })
    const grant = await vault.put(terms, secret)
    await expect(vault.refresh(grant, () => Promise.reject(new Error('connection refused')))).rejects.toThrow('connection refused')
    expect(await secretOf(await vault.find(alice, 'files'))).toEqual(secret)
    expect(await vault.refresh(grant, async () => renewed(2))).toMatchObject({ principal: alice, revision: 2 })
  })

  it('ends the grant when the issuer refuses it, and nobody else’s', async () => {
    await vault.put({ ...terms, principal: bob }, { ...secret, accessToken: 'of bob' })
    const grant = await vault.put(terms, secret)
    expect(await vault.refresh(grant, async () => 'refused')).toBeUndefined()
    expect(await vault.find(alice, 'files')).toBeUndefined()
    expect(await secretOf(await vault.find(bob, 'files'))).toMatchObject({ accessToken: 'of bob' })
  })

  it('may narrow the scopes, and ends the grant when they would grow', async () => {
    const grant = await vault.put(terms, secret)
    const narrow = await vault.refresh(grant, async () => ({ ...renewed(2), scopes: ['read'] }))
    expect(narrow?.scopes).toEqual(['read'])
    expect(await vault.refresh(narrow!, async () => ({ ...renewed(3), scopes: ['read', 'write'] }))).toBeUndefined()
    expect(await vault.find(alice, 'files')).toBeUndefined()
  })

  it('gives out nothing that is not on disk, and does not lose the new refresh token when the disk was full', async () => {
    const grant = await vault.put(terms, secret)
    store.failNext('before')
    await expect(vault.refresh(grant, async () => renewed(2))).rejects.toMatchObject({ code: 'state-unavailable' })
    expect(await secretOf(grant)).toEqual(secret)
    const again = await vault.refresh(grant, () => Promise.reject(new Error('the old refresh token was used twice')))
    expect(await secretOf(again)).toEqual(renewed(2).secret)
  })

  it('finds what was kept after all when the store failed too late', async () => {
    const grant = await vault.put(terms, secret)
    store.failNext('after')
    await expect(vault.refresh(grant, async () => renewed(2))).rejects.toMatchObject({ code: 'state-unavailable' })
    const again = await vault.refresh(grant, () => Promise.reject(new Error('the old refresh token was used twice')))
    expect(again).toMatchObject({ revision: 2 })
    expect(await secretOf(again)).toEqual(renewed(2).secret)
  })
})

describe('a new vault key', () => {
  it('seals everything anew while grants are used, refreshed and revoked, and then the old key is needed no more', async () => {
    const grants: Grant[] = []
    for (let i = 0; i < 25; i += 1) grants.push(await vault.put({ ...terms, upstream: `up-${i}` }, { secret: `secret ${i}` }))
    vault.rekey(sealerOf(2, 1))
    expect(await secretOf(grants[3])).toEqual({ secret: 'secret 3' })
    const [count] = await Promise.all([
      vault.reseal(4),
      vault.refresh(grants[20]!, async () => ({ secret: { secret: 'refreshed' } })),
      vault.revoke(alice, grants[21]!.id),
    ])
    expect(count.unreadable).toBe(0)
    await vault.reseal()
    expect(new Set([...store.rows.values()].map(row => row.keyId))).toEqual(new Set([sealerOf(2).keyId]))
    vault.rekey(sealerOf(2))
    const left = await vault.list(alice)
    const secrets = await Promise.all(left.map(async grant => [grant.upstream, await secretOf(grant)]))
    const expected = grants.map(({ upstream }, i) => [upstream, { secret: i === 20 ? 'refreshed' : `secret ${i}` }])
    expect(Object.fromEntries(secrets)).toEqual(Object.fromEntries(expected.filter(([upstream]) => upstream !== 'up-21')))
    expect(unreadable).toEqual([])
  })

  it('goes on from where it was stopped', async () => {
    for (let i = 0; i < 10; i += 1) await vault.put({ ...terms, upstream: `up-${i}` }, { secret: `secret ${i}` })
    vault.rekey(sealerOf(2, 1))
    store.failNext('before')
    await expect(vault.reseal(1)).rejects.toMatchObject({ code: 'state-unavailable' })
    vault = vaultWith(sealerOf(2, 1)) // the next start
    expect(await Promise.all((await vault.list(alice)).map(secretOf))).toHaveLength(10)
    expect(await vault.reseal(3)).toEqual({ resealed: 10, unreadable: 0 })
    expect(await vault.reseal(3)).toEqual({ resealed: 0, unreadable: 0 })
  })

  it('leaves what no key opens as it is, and says so', async () => {
    await vault.put(terms, secret)
    vault.rekey(sealerOf(3, 2))
    expect(await vault.reseal(1)).toEqual({ resealed: 0, unreadable: 1 })
    expect(unreadable).toHaveLength(1)
    expect(await secretOf(await vault.find(alice, 'files'))).toBeUndefined()
    vault.rekey(sealerOf(2, 1)) // the right key file is back
    expect(await secretOf(await vault.find(alice, 'files'))).toEqual(secret)
  })
})
