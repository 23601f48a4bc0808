// What every GrantStore must do (src/vault/grant.ts), run against memory and SQLite.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keyOf } from '../../src/kernel/principal.ts'
import type { Grant, GrantStore, StoredGrant } from '../../src/vault/grant.ts'

export type GrantStoreHarness = {
  /** opens what earlier stores of this harness left */
  open(): Promise<GrantStore>
  dispose(): Promise<void>
}

export const alice = keyOf('https://idp.example', 'alice')
export const bob = keyOf('https://idp.example', 'bob')

const stored = (over: Partial<Grant> = {}, keyId = 'aaaaaaaa', sealed = 'sealed'): StoredGrant => ({
  grant: {
    id: 'g1',
    principal: alice,
    upstream: 'files',
    issuer: 'https://as.example',
    resource: 'https://files.example/mcp',
    scopes: ['read', 'write'],
    kind: 'oauth',
    revision: 1,
    createdAtSeconds: 1_800_000_000,
    ...over,
  },
  keyId,
  sealed,
})

export function grantStoreContract(name: string, makeHarness: () => Promise<GrantStoreHarness>): void {
  describe(`${name} as a GrantStore`, () => {
    let harness: GrantStoreHarness
    let store: GrantStore
    beforeEach(async () => {
      harness = await makeHarness()
      store = await harness.open()
    })
    afterEach(() => harness.dispose())

    it('keeps every member of a grant, beyond its own life', async () => {
      const whole = stored({ expiresAtSeconds: 1_800_003_600, account: 'älice@example “quoted” \u0000', scopes: ['a b"c', 'ü'] })
      const least = stored({ id: 'g2', upstream: 'mail', scopes: [] })
      await store.put(whole)
      await store.put(least)
      const again = await harness.open()
      expect(await again.find(alice, 'files')).toEqual(whole)
      expect(await again.find(alice, 'mail')).toEqual(least)
    })

    it('finds for exactly this principal and upstream', async () => {
      await store.put(stored())
      for (const [principal, upstream] of [
        [bob, 'files'],
        [alice, 'mail'],
        [alice, 'FILES'],
        [alice, 'file%'],
        [keyOf('https://idp.example', 'alice '), 'files'],
        [keyOf('https://IDP.example', 'alice'), 'files'],
      ] as const)
        expect(await store.find(principal, upstream)).toBeUndefined()
    })

    it('has one grant for each principal and upstream: the latest', async () => {
      await store.put(stored())
      await store.put(stored({ id: 'g2', principal: bob }))
      await store.put(stored({ id: 'g3', issuer: 'https://other.example' }))
      expect(await store.list(alice)).toEqual([stored({ id: 'g3', issuer: 'https://other.example' })])
      expect(await store.list(bob)).toEqual([stored({ id: 'g2', principal: bob })])
    })

    it('lists oldest first', async () => {
      for (const [id, createdAtSeconds] of [
        ['z', 3],
        ['a', 2],
        ['b', 2],
        ['y', 1],
      ] as const)
        await store.put(stored({ id, upstream: `up-${id}`, createdAtSeconds }))
      expect((await store.list(alice)).map(({ grant }) => grant.id)).toEqual(['y', 'a', 'b', 'z'])
    })

    it('replaces only the revision that was named', async () => {
      await store.put(stored())
      const second = stored({ revision: 2, scopes: ['read'], expiresAtSeconds: 5 }, 'bbbbbbbb', 'sealed anew')
      expect(await store.replace(second, 1)).toBe(true)
      expect(await store.replace(stored({ revision: 2 }, 'cccccccc', 'late'), 1)).toBe(false)
      expect(await store.replace(stored({ id: 'nobody', revision: 2 }), 1)).toBe(false)
      expect(await store.find(alice, 'files')).toEqual(second)
    })

    it('lets one of many concurrent replacements win', async () => {
      await store.put(stored())
      const won = await Promise.all(
        Array.from({ length: 20 }, (_, i) => store.replace(stored({ revision: 2 }, 'aaaaaaaa', `sealed ${i}`), 1)),
      )
      expect(won.filter(Boolean)).toHaveLength(1)
      expect((await store.find(alice, 'files'))?.sealed).toBe(`sealed ${won.indexOf(true)}`)
    })

    it('removes for its own principal only, once', async () => {
      await store.put(stored())
      expect(await store.remove(bob, 'g1')).toBe(false)
      expect(await store.find(alice, 'files')).toBeDefined()
      expect(await store.remove(alice, 'g1')).toBe(true)
      expect(await store.remove(alice, 'g1')).toBe(false)
      expect(await (await harness.open()).list(alice)).toEqual([])
    })

    it('pages through what another key sealed', async () => {
      for (let i = 0; i < 10; i += 1) await store.put(stored({ id: `g${i}`, upstream: `up-${i}` }, i % 2 === 0 ? 'aaaaaaaa' : 'bbbbbbbb'))
      const ids = async (after: string, limit: number) =>
        (await store.sealedOtherwise('bbbbbbbb', after, limit)).map(({ grant }) => grant.id)
      expect(await ids('', 3)).toEqual(['g0', 'g2', 'g4'])
      expect(await ids('g4', 3)).toEqual(['g6', 'g8'])
      expect(await ids('g8', 3)).toEqual([])
    })
  })
}
