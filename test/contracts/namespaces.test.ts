// What stores of namespaces and challenges promise, in memory and in SQLite. `reopen` = what a restart finds.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { createChallengeStore, createNamespaceStore } from '../../src/adapters/sqlite/namespace-store.ts'
import { openStateDb } from '../../src/adapters/sqlite/state-db.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import type { ChallengeStore, NamespaceStore } from '../../src/registry/namespaces.ts'
import { memoryChallenges, memoryNamespaces } from '../support/memory-namespaces.ts'

type Stores = {
  readonly namespaces: NamespaceStore
  readonly challenges: ChallengeStore
  reopen(): Promise<void>
  dispose(): Promise<void>
}
const [ALICE, BOB] = ['https://idp.example alice', 'https://idp.example bob'] as [PrincipalKey, PrincipalKey]
const fresh = (name: string) => ({ name, state: 'active', proof: 'dns', provedAtSeconds: 100, proveAgainAtSeconds: 200 }) as const

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
      expect(await stores.namespaces.prove(proved)).toBe(true)
      expect(await stores.namespaces.prove({ ...proved, name: 'com.other' })).toBe(false)
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
        namespaces.setMember('com.EXAMPLE', { principal, role }, ALICE, 100)
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
        namespaces.setMember('com.example', { principal, role }, by, 100)
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
  Promise.resolve({ namespaces: memoryNamespaces(), challenges: memoryChallenges(), reopen: nothing, dispose: nothing }),
)
contract('in SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-namespaces-'))
  let db = await openStateDb(join(folder, 'state.db'))
  let now = { namespaces: createNamespaceStore(db), challenges: createChallengeStore(db) }
  return {
    get namespaces() {
      return now.namespaces
    },
    get challenges() {
      return now.challenges
    },
    async reopen() {
      await db.close()
      db = await openStateDb(join(folder, 'state.db'))
      now = { namespaces: createNamespaceStore(db), challenges: createChallengeStore(db) }
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
