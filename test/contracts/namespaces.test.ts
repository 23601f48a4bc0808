// What stores of namespaces and challenges promise, in memory and in SQLite. `reopen` = what a restart finds.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { createNamespaceStore } from '../../src/adapters/sqlite/namespace-store.ts'
import { createChallengeStore, createSpentProofs } from '../../src/adapters/sqlite/proof-stores.ts'
import { openStateDb } from '../../src/adapters/sqlite/state-db.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import type { ChallengeStore, NamespaceStore, NamespaceWatch, SpentProofs } from '../../src/registry/namespace.ts'
import { memoryChallenges, memoryNamespaces, memorySpentProofs } from '../support/memory-namespaces.ts'

type Stores = {
  readonly namespaces: NamespaceStore & NamespaceWatch
  readonly spent: SpentProofs
  readonly challenges: ChallengeStore
  reopen(): Promise<void>
  dispose(): Promise<void>
}
const [ALICE, BOB] = ['https://idp.example alice', 'https://idp.example bob'] as [PrincipalKey, PrincipalKey]
const KEY = { kind: 'key', key: 'ab' } as const
const ACCOUNT = { kind: 'account', authority: 'https://ci.example', owner: '123', also: { repository_id: '7' } } as const
const fresh = (name: string) =>
  ({ name, state: 'active', proof: 'dns', bound: KEY, provedAtSeconds: 100, proveAgainAtSeconds: 200 }) as const

function contract(title: string, open: () => Promise<Stores>): void {
  describe(title, () => {
    let stores: Stores
    beforeEach(async () => {
      stores = await open()
      return () => stores.dispose()
    })
    it('keeps a namespace with its owner over a restart, in its own case', async () => {
      expect(await stores.namespaces.register(fresh('com.Example'), 'com-example', ALICE)).toBe(true)
      await stores.reopen()
      expect(await stores.namespaces.find('COM.example')).toEqual({
        ...fresh('com.Example'),
        members: [{ principal: ALICE, role: 'owner' }],
      })
      expect(await stores.namespaces.find('com.other')).toBeUndefined()
    })
    it('gives a name, and a skeleton, to one of all who ask at once', async () => {
      const asked = [fresh('com.example'), fresh('COM.EXAMPLE'), fresh('com.exarnple')]
      const done = await Promise.all(asked.map(namespace => stores.namespaces.register(namespace, 'com-example', BOB)))
      expect(done.filter(Boolean)).toHaveLength(1)
      expect(await stores.namespaces.register(fresh('com.example'), 'com-example 2', BOB)).toBe(false)
      expect(await stores.namespaces.list()).toHaveLength(1)
    })
    it('changes proof and state each alone, and never the name: a proof under way thaws nothing', async () => {
      await stores.namespaces.register(fresh('com.Example'), 'com-example', ALICE)
      const proved = { name: 'com.example', proof: 'operator', provedAtSeconds: 300 } as const
      expect(await stores.namespaces.setState('COM.example', 'frozen')).toBe(true)
      expect(await stores.namespaces.setState('com.example', 'frozen')).toBe(false)
      expect(await stores.namespaces.setState('com.other', 'frozen')).toBe(false)
      expect(await stores.namespaces.prove(proved, KEY)).toBe(true)
      expect(await stores.namespaces.prove({ ...proved, name: 'com.other' }, KEY)).toBe(false)
      expect(await stores.namespaces.find('com.example')).toEqual({
        ...proved,
        state: 'frozen',
        name: 'com.Example',
        members: [{ principal: ALICE, role: 'owner' }],
      })
    })
    it('takes members in and out, and always leaves an owner', async () => {
      const { namespaces } = stores
      await namespaces.register(fresh('com.example'), 'com-example', ALICE)
      const set = (principal: PrincipalKey, role: 'owner' | 'publisher' | undefined) =>
        namespaces.setMember('com.EXAMPLE', { principal, role }, { principal: ALICE, atSeconds: 100 })
      expect(await set(BOB, undefined)).toBe(false)
      expect(await set(ALICE, undefined)).toBe(false)
      expect(await set(ALICE, 'publisher')).toBe(false)
      expect(await set(BOB, 'publisher')).toBe(true)
      expect((await namespaces.find('com.example'))?.members).toEqual([
        { principal: ALICE, role: 'owner' },
        { principal: BOB, role: 'publisher' },
      ])
      expect(await set(BOB, 'owner')).toBe(true)
      expect(await set(ALICE, undefined)).toBe(true)
      expect(await set(BOB, undefined)).toBe(false)
      expect((await namespaces.list())[0]?.members).toEqual([{ principal: BOB, role: 'owner' }])
    })
    it('takes in nobody by who is no owner at that moment, nor while it is frozen: two requests at once', async () => {
      const { namespaces } = stores
      await namespaces.register(fresh('com.example'), 'com-example', ALICE)
      const set = (by: PrincipalKey, principal: PrincipalKey, role: 'owner' | 'publisher' | undefined) =>
        namespaces.setMember('com.example', { principal, role }, { principal: by, atSeconds: 100 })
      await set(ALICE, BOB, 'owner')
      const EVE = 'https://idp.example eve' as PrincipalKey
      expect(await Promise.all([set(ALICE, BOB, undefined), set(BOB, EVE, 'owner'), set(BOB, EVE, 'publisher')])).toEqual([
        true,
        false,
        false,
      ])
      expect(await set(BOB, ALICE, undefined)).toBe(false)
      await namespaces.setState('com.example', 'frozen')
      expect(await set(ALICE, BOB, 'publisher')).toBe(false)
      expect((await namespaces.find('com.example'))?.members).toEqual([{ principal: ALICE, role: 'owner' }])
    })
    it('keeps what a proof rests on, and replaces it only where it is still what was read: of two proofs at once one is', async () => {
      const { namespaces } = stores
      await namespaces.register({ ...fresh('io.github.acme'), proof: 'oidc', bound: ACCOUNT }, 'x', ALICE)
      await stores.reopen()
      expect((await stores.namespaces.find('io.github.acme'))?.bound).toEqual(ACCOUNT)
      const again = (owner: string) => ({ ...fresh('io.github.acme'), proof: 'oidc' as const, bound: { ...ACCOUNT, owner } })
      const done = await Promise.all(['5', '6'].map(owner => stores.namespaces.prove(again(owner), ACCOUNT)))
      expect(done.filter(Boolean)).toHaveLength(1)
      expect(await stores.namespaces.prove(again('7'), undefined)).toBe(false)
    })
    it('never ends a quiet time sooner, and begins one with a change of members alone', async () => {
      const { namespaces } = stores
      await namespaces.register(fresh('com.example'), 'x', ALICE)
      const quiet = async () => (await stores.namespaces.find('com.example'))?.quiet
      expect(await quiet()).toBeUndefined()
      await namespaces.prove(fresh('com.example'), KEY, { untilSeconds: 500, why: 'key' })
      await namespaces.prove(fresh('com.example'), KEY, { untilSeconds: 400, why: 'owner' })
      await namespaces.prove(fresh('com.example'), KEY)
      expect(await quiet()).toEqual({ untilSeconds: 500, why: 'key' })
      const by = { principal: BOB, atSeconds: 100, quiet: { untilSeconds: 900, why: 'owner' } } as const
      expect(await namespaces.setMember('com.example', { principal: BOB, role: 'owner' }, by)).toBe(false)
      expect(await quiet()).toEqual({ untilSeconds: 500, why: 'key' })
      expect(await namespaces.setMember('com.example', { principal: BOB, role: 'owner' }, { ...by, principal: ALICE })).toBe(true)
      await stores.reopen()
      expect(await quiet()).toEqual({ untilSeconds: 900, why: 'owner' })
    })
    it('says which proofs end soon and were not looked at, the longest unseen first, and only domains with a key', async () => {
      const { namespaces } = stores
      await namespaces.register({ ...fresh('com.a'), proveAgainAtSeconds: 300 }, 'a', ALICE)
      await namespaces.register({ ...fresh('com.b'), proof: 'https', proveAgainAtSeconds: 200 }, 'b', ALICE)
      await namespaces.register({ ...fresh('com.far'), proveAgainAtSeconds: 900 }, 'far', ALICE)
      await namespaces.register({ ...fresh('io.github.acme'), proof: 'oidc', bound: ACCOUNT }, 'acme', ALICE)
      await namespaces.register(
        { name: 'com.old', state: 'active', proof: 'dns', provedAtSeconds: 1, proveAgainAtSeconds: 200 },
        'old',
        ALICE,
      )
      const due = async (looked: number, most = 9) => (await namespaces.due(300, looked, most)).map(({ name }) => name)
      expect(await due(100)).toEqual(['com.b', 'com.a'])
      expect(await due(100, 1)).toEqual(['com.b'])
      expect(await namespaces.looked('com.b', KEY, { atSeconds: 150, found: 'absent' })).toBe(true)
      expect(await due(100)).toEqual(['com.a'])
      expect(await due(150)).toEqual(['com.a', 'com.b'])
    })
    it('prolongs a proof by a look only where it still rests on the same key', async () => {
      const { namespaces } = stores
      await namespaces.register(fresh('com.example'), 'x', ALICE)
      const look = { atSeconds: 150, found: 'same', proveAgainAtSeconds: 900 } as const
      expect(await namespaces.looked('com.example', { kind: 'key', key: 'other' }, look)).toBe(false)
      expect((await namespaces.find('com.example'))?.look).toBeUndefined()
      expect(await namespaces.looked('COM.example', KEY, look)).toBe(true)
      await stores.reopen()
      expect(await stores.namespaces.find('com.example')).toMatchObject({
        look: { atSeconds: 150, found: 'same' },
        proveAgainAtSeconds: 900,
        provedAtSeconds: 100,
      })
      await stores.namespaces.prove(fresh('com.example'), KEY)
      expect((await stores.namespaces.find('com.example'))?.look).toBeUndefined()
    })
    it('gives a namespace to another owner alone, whatever it rested on and whoever was a member, and is silent then', async () => {
      const { namespaces } = stores
      await namespaces.register(fresh('com.Example'), 'x', ALICE)
      const EVE = 'https://idp.example eve' as PrincipalKey
      await namespaces.setMember('com.example', { principal: EVE, role: 'publisher' }, { principal: ALICE, atSeconds: 100 })
      await namespaces.setState('com.example', 'frozen')
      const to = { principal: BOB, atSeconds: 300, quiet: { untilSeconds: 900, why: 'owner' } } as const
      expect(await namespaces.reassign('com.other', to)).toBe(false)
      expect(await namespaces.reassign('COM.example', to)).toBe(true)
      await stores.reopen()
      expect(await stores.namespaces.find('com.example')).toEqual({
        name: 'com.Example',
        state: 'active',
        proof: 'operator',
        provedAtSeconds: 300,
        quiet: to.quiet,
        members: [{ principal: BOB, role: 'owner' }],
      })
    })
    it('notes who signs, and another one once, with its quiet time', async () => {
      const { namespaces } = stores
      await namespaces.register(fresh('com.example'), 'x', ALICE)
      expect(await namespaces.sign('com.example', undefined, 'one')).toBe(true)
      const quiet = { untilSeconds: 500, why: 'signer' } as const
      const done = await Promise.all([1, 2].map(() => namespaces.sign('com.example', 'one', 'two', quiet)))
      expect(done.filter(Boolean)).toHaveLength(1)
      await stores.reopen()
      expect(await stores.namespaces.find('com.example')).toMatchObject({ signer: 'two', quiet })
    })
    it('spends a proof once, also over a restart, until it is over', async () => {
      const id = 'a'.repeat(64)
      const spent = await Promise.all([1, 2].map(() => stores.spent.spend(id, 200, 100)))
      expect(spent.filter(Boolean)).toHaveLength(1)
      await stores.reopen()
      expect(await stores.spent.spend(id, 200, 200)).toBe(false)
      expect(await stores.spent.spend(id, 400, 201)).toBe(true)
    })
    it('spends a challenge once, before it expires, and keeps a few for each', async () => {
      const challenge = (nonce: string, principal = ALICE, issuedAtSeconds = 100) => ({
        nonce,
        namespace: 'com.example',
        principal,
        issuedAtSeconds,
      })
      for (const nonce of ['a', 'b', 'c']) await stores.challenges.open(challenge(nonce), 200, 2)
      await stores.challenges.open(challenge('d', BOB), 200, 2)
      await stores.reopen()
      expect(await stores.challenges.spend('a', 150)).toBeUndefined()
      const spent = await Promise.all([stores.challenges.spend('b', 150), stores.challenges.spend('b', 150)])
      expect(spent.filter(Boolean)).toEqual([challenge('b')])
      expect(await stores.challenges.spend('c', 200)).toBeUndefined()
      expect(await stores.challenges.spend('d', 199)).toEqual(challenge('d', BOB))
    })
  })
}

const nothing = (): Promise<void> => Promise.resolve()
contract('in memory', () =>
  Promise.resolve({
    namespaces: memoryNamespaces(),
    challenges: memoryChallenges(),
    spent: memorySpentProofs(),
    reopen: nothing,
    dispose: nothing,
  }),
)
contract('in SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-namespaces-'))
  let db = await openStateDb(join(folder, 'state.db'))
  const stores = () => ({ namespaces: createNamespaceStore(db), challenges: createChallengeStore(db), spent: createSpentProofs(db) })
  let now = stores()
  return {
    get namespaces() {
      return now.namespaces
    },
    get spent() {
      return now.spent
    },
    get challenges() {
      return now.challenges
    },
    async reopen() {
      await db.close()
      db = await openStateDb(join(folder, 'state.db'))
      now = stores()
    },
    async dispose() {
      await db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
})

describe('a store that fails', () => {
  it.each([{ before: true }, { after: true }])('says so: %o', async failing => {
    await expect(memoryNamespaces(failing).register(fresh('com.example'), 'x', ALICE)).rejects.toThrow('the store failed')
    await expect(memoryChallenges(failing).spend('a', 1)).rejects.toThrow('the store failed')
  })
})
