// What every implementation of the stores of sign-ins, browser sessions, consents and OAuth records promises.

import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Consent, ConsentStore } from '../../src/identity/consent.ts'
import type { OauthRecord, OauthRecordStore, RegisteredClientStore } from '../../src/identity/oauth-records.ts'
import { principalOf, type BrowserSessionStore, type SignIn, type SignInStore } from '../../src/identity/sign-in.ts'

export type IdentityStores = {
  readonly signIns: SignInStore
  readonly browserSessions: BrowserSessionStore
  readonly consents: ConsentStore
  readonly records: OauthRecordStore
  readonly clients: RegisteredClientStore
}

const NOW = 1_700_000_000
const ISSUER = 'https://idp.example'

/** `fresh`: stores with nothing in them; `maxClients` of them keep only so many registered clients. */
export function identityStoresContract(name: string, fresh: (maxClients: number) => Promise<IdentityStores>): void {
  describe(name, () => {
    let stores: IdentityStores
    beforeEach(async () => {
      stores = await fresh(3)
    })
    const signIn = (change: Partial<SignIn> = {}): SignIn => ({
      id: randomUUID(),
      issuer: ISSUER,
      subject: 'alice',
      name: 'Alice',
      groups: ['staff', 'ops'],
      startedAtSeconds: NOW,
      checkedAtSeconds: NOW,
      endsAtSeconds: NOW + 100,
      ...change,
    })
    const record = (of: SignIn, change: Partial<OauthRecord> = {}): OauthRecord => ({
      kind: 'RefreshToken',
      digest: randomUUID(),
      family: 'family-1',
      signInId: of.id,
      client: 'client-1',
      sealed: Buffer.from('sealed'),
      endsAtSeconds: NOW + 100,
      ...change,
    })
    const consent = (change: Partial<Consent> = {}): Consent => ({
      client: 'client-1',
      clientName: 'An editor',
      redirect: 'http://localhost/cb',
      resource: 'https://gw.example/mcp',
      scopes: ['files:read'],
      redirects: 'digest',
      grantedAtSeconds: NOW,
      ...change,
    })
    const has = async (each: OauthRecord): Promise<boolean> => (await stores.records.find(each.kind, each.digest, NOW)) !== undefined

    it('finds a sign-in with its refresh token, and no longer once it has ended', async () => {
      const one = signIn({ idpSession: 's1' })
      const without = signIn({ subject: 'carol', groups: [] })
      await stores.signIns.add(one, 'the refresh token')
      await stores.signIns.add(without, undefined)
      expect(await stores.signIns.find(one.id, NOW + 99)).toEqual({ signIn: one, refreshToken: 'the refresh token' })
      expect(await stores.signIns.find(without.id, NOW)).toEqual({ signIn: without, refreshToken: undefined })
      expect(await stores.signIns.find(one.id, NOW + 100)).toBeUndefined()
      expect(await stores.signIns.find('another', NOW)).toBeUndefined()
    })

    it('renews groups, name and refresh token, and brings nothing back that was ended meanwhile', async () => {
      const one = signIn()
      await stores.signIns.add(one, 'first')
      const renewed = { ...one, groups: ['staff'], name: 'Alice B', checkedAtSeconds: NOW + 50 }
      await stores.signIns.renew(renewed, 'second')
      expect(await stores.signIns.find(one.id, NOW)).toEqual({ signIn: renewed, refreshToken: 'second' })
      await stores.signIns.end({ id: one.id })
      await stores.signIns.renew(renewed, 'third')
      expect(await stores.signIns.find(one.id, NOW)).toBeUndefined()
    })

    it('what the provider says last of a person’s groups holds for all sign-ins of that person, and says when it is news', async () => {
      const [old, bob] = [signIn(), signIn({ subject: 'bob' })]
      expect([await stores.signIns.add(old, 'r'), await stores.signIns.add(bob, undefined)]).toEqual([false, false])
      expect(await stores.signIns.add(signIn({ groups: ['ops', 'staff'] }), undefined)).toBe(false)
      const latest = signIn({ groups: ['guests'] })
      expect(await stores.signIns.add(latest, undefined)).toBe(true)
      const groupsOf = async (id: string) => (await stores.signIns.find(id, NOW))?.signIn.groups
      expect([await groupsOf(old.id), await groupsOf(bob.id)]).toEqual([['guests'], ['staff', 'ops']])
      await stores.signIns.renew({ ...latest, groups: ['ops'] }, undefined)
      expect([await groupsOf(old.id), await groupsOf(latest.id), await groupsOf(bob.id)]).toEqual([['ops'], ['ops'], ['staff', 'ops']])
      expect((await stores.signIns.find(old.id, NOW))?.refreshToken).toBe('r')
    })

    it('ends a sign-in with its browser sessions, codes and tokens, says which families ended, and touches no other', async () => {
      const [mine, other] = [signIn(), signIn({ subject: 'bob' })]
      await stores.signIns.add(mine, undefined)
      await stores.signIns.add(other, undefined)
      const records = [record(mine), record(mine, { kind: 'Grant' }), record(mine, { family: 'family-2' })]
      const theirs = record(other, { family: 'family-3' })
      for (const each of [...records, theirs]) await stores.records.put(each)
      await stores.browserSessions.open('mine', { signInId: mine.id, endsAtSeconds: NOW + 50 })
      await stores.browserSessions.open('theirs', { signInId: other.id, endsAtSeconds: NOW + 50 })
      expect([...(await stores.signIns.end({ id: mine.id }))].sort()).toEqual(['family-1', 'family-2'])
      expect(await Promise.all(records.map(has))).toEqual([false, false, false])
      expect(await stores.browserSessions.find('mine', NOW)).toBeUndefined()
      expect(await has(theirs)).toBe(true)
      expect(await stores.browserSessions.find('theirs', NOW)).toEqual({ signInId: other.id, endsAtSeconds: NOW + 50 })
      expect(await stores.signIns.end({ id: mine.id })).toEqual([])
    })

    it('ends all sign-ins of a person, or those of one session at the provider', async () => {
      const [one, two, three] = [
        signIn({ idpSession: 's1' }),
        signIn({ idpSession: 's2' }),
        signIn({ issuer: 'https://other.example', idpSession: 's1' }),
      ]
      for (const each of [one, two, three]) await stores.signIns.add(each, undefined)
      await stores.signIns.end({ issuer: ISSUER, idpSession: 's1' })
      const left = async () => Promise.all([one, two, three].map(async ({ id }) => (await stores.signIns.find(id, NOW)) !== undefined))
      expect(await left()).toEqual([false, true, true])
      await stores.signIns.end({ issuer: ISSUER, subject: 'alice' })
      expect(await left()).toEqual([false, false, true])
    })

    it('finds the sign-in that a family rests on, while both count', async () => {
      const [mine, other] = [signIn(), signIn({ subject: 'bob', endsAtSeconds: NOW + 20 })]
      for (const each of [mine, other]) await stores.signIns.add(each, undefined)
      for (const each of [record(mine), record(mine, { kind: 'Grant' }), record(other, { family: 'family-2' })])
        await stores.records.put(each)
      expect(await stores.signIns.ofFamily('family-1', NOW + 99)).toBe(mine.id)
      expect(await stores.signIns.ofFamily('family-1', NOW + 100)).toBeUndefined()
      expect(await stores.signIns.ofFamily('family-2', NOW + 19)).toBe(other.id)
      expect(await stores.signIns.ofFamily('family-2', NOW + 20)).toBeUndefined()
      for (const unknown of ['family-3', '']) expect(await stores.signIns.ofFamily(unknown, NOW)).toBeUndefined()
      await stores.records.endFamily('family-1')
      expect(await stores.signIns.ofFamily('family-1', NOW)).toBeUndefined()
    })

    it('finds a browser session by its digest until it is closed or over', async () => {
      await stores.browserSessions.open('d1', { signInId: 's', endsAtSeconds: NOW + 10 })
      expect(await stores.browserSessions.find('d1', NOW + 9)).toEqual({ signInId: 's', endsAtSeconds: NOW + 10 })
      expect(await stores.browserSessions.find('d1', NOW + 10)).toBeUndefined()
      await stores.browserSessions.close('d1')
      expect(await stores.browserSessions.find('d1', NOW)).toBeUndefined()
    })

    it('lets a code or token be consumed once, however many try at the same moment', async () => {
      const one = record(signIn())
      await stores.records.put(one)
      const tries = await Promise.all(Array.from({ length: 8 }, () => stores.records.consume(one.kind, one.digest, NOW + 1)))
      expect(tries.filter(Boolean)).toHaveLength(1)
      expect(await stores.records.find(one.kind, one.digest, NOW)).toEqual({ record: one, consumedAtSeconds: NOW + 1 })
      expect(await stores.records.consume(one.kind, 'no such', NOW)).toBe(false)
      const over = record(signIn(), { endsAtSeconds: NOW })
      await stores.records.put(over)
      expect(await stores.records.consume(over.kind, over.digest, NOW)).toBe(false)
      expect(await stores.records.find(over.kind, over.digest, NOW)).toBeUndefined()
    })

    it('ends a family whole and removes a record alone', async () => {
      const by = signIn()
      const [code, token, other] = [record(by, { kind: 'AuthorizationCode' }), record(by), record(by, { family: 'family-2' })]
      for (const each of [code, token, other]) await stores.records.put(each)
      await stores.records.remove(other.kind, other.digest)
      await stores.records.endFamily('family-1')
      expect(await Promise.all([code, token, other].map(has))).toEqual([false, false, false])
    })

    it('keeps one consent for each person, client and endpoint', async () => {
      const alice = principalOf(signIn())
      const bob = principalOf(signIn({ subject: 'bob' }))
      await stores.consents.put(alice, consent())
      await stores.consents.put(alice, consent({ scopes: [], redirects: 'another' }))
      await stores.consents.put(alice, consent({ resource: 'https://gw.example/servers/files/mcp' }))
      expect(await stores.consents.find(alice, 'client-1', 'https://gw.example/mcp')).toEqual(consent({ scopes: [], redirects: 'another' }))
      expect(await stores.consents.list(alice)).toHaveLength(2)
      expect(await stores.consents.list(bob)).toEqual([])
      expect(await stores.consents.find(bob, 'client-1', 'https://gw.example/mcp')).toBeUndefined()
    })

    it('revokes a client for one person: its consents and tokens, no other client’s and nobody else’s', async () => {
      const [mine, theirs] = [signIn(), signIn({ subject: 'bob' })]
      const [alice, bob] = [principalOf(mine), principalOf(theirs)]
      await stores.signIns.add(mine, undefined)
      await stores.signIns.add(theirs, undefined)
      const records = [record(mine), record(mine, { client: 'client-2', family: 'f2' }), record(theirs, { family: 'f3' })]
      for (const each of records) await stores.records.put(each)
      for (const who of [alice, bob]) await stores.consents.put(who, consent())
      await stores.consents.put(alice, consent({ client: 'client-2' }))
      expect(await stores.consents.revoke(alice, 'client-1')).toEqual(['family-1'])
      expect(await Promise.all(records.map(has))).toEqual([false, true, true])
      expect((await stores.consents.list(alice)).map(({ client }) => client)).toEqual(['client-2'])
      expect(await stores.consents.list(bob)).toHaveLength(1)
      expect(await stores.consents.revoke(alice, 'client-1')).toEqual([])
    })

    it('keeps so many registered clients and no more: those nobody consented to go first, the oldest of them first (N050)', async () => {
      const put = (id: string, at: number) => stores.clients.put({ id, metadata: `{"id":"${id}"}` }, at)
      await put('used', 1)
      await stores.consents.put(principalOf(signIn()), consent({ client: 'used' }))
      await put('a', 2)
      await put('b', 3)
      await put('c', 4)
      expect(await stores.clients.find('a')).toBeUndefined()
      for (const id of ['used', 'b', 'c']) expect(await stores.clients.find(id)).toEqual({ id, metadata: `{"id":"${id}"}` })
    })

    it('sweeps what is over and nothing else', async () => {
      const [over, good, unused] = [
        signIn({ endsAtSeconds: NOW }),
        signIn({ startedAtSeconds: NOW - 3600 }),
        signIn({ startedAtSeconds: NOW - 3600 }),
      ]
      await stores.signIns.add(unused, 'of no use to anybody')
      await stores.signIns.add(over, undefined)
      await stores.signIns.add(good, undefined)
      const records = [record(good, { endsAtSeconds: NOW }), record(good)]
      for (const each of records) await stores.records.put(each)
      await stores.records.sweep(NOW)
      expect(await stores.signIns.find(over.id, NOW - 1)).toBeUndefined()
      expect(await stores.signIns.find(good.id, NOW)).toBeDefined()
      expect(await stores.signIns.find(unused.id, NOW)).toBeUndefined()
      expect(await stores.records.find('RefreshToken', records[0]!.digest, NOW - 1)).toBeUndefined()
      expect(await has(records[1]!)).toBe(true)
    })
  })
}
