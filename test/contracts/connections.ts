// What stores of connections under way promise, whatever they are made of. `reopen` = what a restart finds.

import { beforeEach, describe, expect, it } from 'vitest'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import type { ConnectionConsents, PendingConnection, PendingConnections, StartedConnection } from '../../src/vault/connections.ts'
import type { ClientRegistrations } from '../../src/vault/credential-source.ts'

export type ConnectionStores = {
  readonly pending: PendingConnections
  readonly consents: ConnectionConsents
  readonly registrations: ClientRegistrations
  /** what the clock of the stores shows, seconds since the epoch */
  nowSeconds: number
  reopen(): Promise<void>
  dispose(): Promise<void>
}

const START = 1_000
const ALICE = 'https://idp.example alice' as PrincipalKey
const BOB = 'https://idp.example bob' as PrincipalKey
const link = (more: Partial<PendingConnection> = {}): PendingConnection => ({
  principal: ALICE,
  alias: 'up',
  account: 'up digest',
  client: 'host',
  scopes: ['read', "it's; DROP TABLE pending_connections"],
  expiresAtSeconds: START + 100,
  ...more,
})
const started = (more: Partial<StartedConnection> = {}): StartedConnection => ({
  ...link(),
  session: 'session digest',
  flow: 'verifier and issuer',
  expiresAtSeconds: START + 60,
  ...more,
})

export function connectionsContract(name: string, open: () => Promise<ConnectionStores>): void {
  describe(name, () => {
    let stores: ConnectionStores
    beforeEach(async () => {
      stores = await open()
      stores.nowSeconds = START
      return () => stores.dispose()
    })

    describe('links', () => {
      it('are found as they were kept, over a restart too, until they end', async () => {
        await stores.pending.open('a', link(), 8)
        await stores.pending.open('b', link({ principal: BOB, client: '', scopes: [] }), 8)
        await stores.reopen()
        expect(await stores.pending.find('a', START + 99)).toEqual(link())
        expect(await stores.pending.find('b', START)).toEqual(link({ principal: BOB, client: '', scopes: [] }))
        expect(await stores.pending.find('a', START + 100)).toBeUndefined()
        expect(await stores.pending.find('c', START)).toBeUndefined()
      })
      it('of one principal are bounded: the newest stay, in whatever second they were made, and nobody else’s go for them', async () => {
        await stores.pending.open('bobs', link({ principal: BOB }), 2)
        // Digests in an order that is not theirs in time.
        for (const digest of ['m', 'a', 'z']) await stores.pending.open(digest, link(), 2)
        expect(await stores.pending.find('z', START)).toEqual(link())
        stores.nowSeconds++
        await stores.pending.open('b', link(), 2)
        stores.nowSeconds++
        await stores.pending.open('y', link(), 2)
        const left = await Promise.all(
          ['m', 'a', 'z', 'b', 'y', 'bobs'].map(async digest => (await stores.pending.find(digest, START)) !== undefined),
        )
        expect(left).toEqual([false, false, false, true, true, true])
      })
      it('go with their account, for that principal alone, and so does what was started by them', async () => {
        await stores.pending.open('a', link(), 8)
        await stores.pending.start('a', 'state', started())
        await stores.pending.open('other', link({ account: 'other digest' }), 8)
        await stores.pending.open('bobs', link({ principal: BOB }), 8)
        await stores.pending.close(ALICE, 'up digest')
        await stores.reopen()
        expect(await stores.pending.find('a', START)).toBeUndefined()
        expect(await stores.pending.spend('state', START)).toBeUndefined()
        expect(await stores.pending.find('other', START)).toBeDefined()
        expect(await stores.pending.find('bobs', START)).toBeDefined()
      })
    })

    describe('an authorization under way (N041)', () => {
      beforeEach(() => stores.pending.open('a', link(), 8))

      it('comes back once, over a restart too, with what it was started with', async () => {
        await stores.pending.start('a', 'state', started())
        await stores.reopen()
        expect(await stores.pending.spend('state', START + 59)).toEqual(started())
        expect(await stores.pending.spend('state', START + 59)).toBeUndefined()
      })
      it('goes to one of all who bring its state at the same time', async () => {
        await stores.pending.start('a', 'state', started())
        const spent = await Promise.all(Array.from({ length: 8 }, () => stores.pending.spend('state', START)))
        expect(spent.filter(Boolean)).toEqual([started()])
      })
      it('ends by itself, and is not there before consent', async () => {
        expect(await stores.pending.spend('state', START)).toBeUndefined()
        await stores.pending.start('a', 'state', started())
        expect(await stores.pending.spend('state', START + 60)).toBeUndefined()
        // asked for too late, it does not come back with another clock
        expect(await stores.pending.spend('state', START)).toBeUndefined()
      })
      it('replaces the one that was started by the same link before', async () => {
        await stores.pending.start('a', 'first', started())
        await stores.pending.start('a', 'second', started({ session: 'another' }))
        expect(await stores.pending.spend('first', START)).toBeUndefined()
        expect(await stores.pending.spend('second', START)).toEqual(started({ session: 'another' }))
      })
      it('is not started by a link that is not there', async () => {
        await expect(stores.pending.start('nowhere', 'state', started())).rejects.toThrow()
        expect(await stores.pending.spend('state', START)).toBeUndefined()
      })
      it('outlives its link: somebody who began late is not stopped by what others begin meanwhile', async () => {
        stores.nowSeconds = START + 99
        await stores.pending.start('a', 'state', started({ expiresAtSeconds: START + 159 }))
        stores.nowSeconds = START + 120
        await stores.pending.open('bobs', link({ principal: BOB, expiresAtSeconds: START + 300 }), 8)
        expect(await stores.pending.spend('state', START + 120)).toEqual(started({ expiresAtSeconds: START + 159 }))
      })
    })

    describe('consents', () => {
      it('are those of one person, account and application, over a restart too', async () => {
        await stores.consents.give(ALICE, 'up digest', 'host', START)
        await stores.consents.give(ALICE, 'up digest', "o'host", START)
        await stores.consents.give(ALICE, 'up digest', 'host', START + 1)
        await stores.consents.give(ALICE, 'other digest', 'third', START)
        await stores.consents.give(BOB, 'up digest', 'bobs', START)
        await stores.reopen()
        expect([...(await stores.consents.list(ALICE, 'up digest'))].sort()).toEqual(['host', "o'host"])
        expect(await stores.consents.list(BOB, 'up digest')).toEqual(['bobs'])
        expect(await stores.consents.list(BOB, 'other digest')).toEqual([])
      })
      it('are taken back for all applications of one account at once', async () => {
        await stores.consents.give(ALICE, 'up digest', 'host', START)
        await stores.consents.give(ALICE, 'up digest', '', START)
        await stores.consents.give(ALICE, 'other digest', 'host', START)
        await stores.consents.give(BOB, 'up digest', 'host', START)
        await stores.consents.forget(ALICE, 'up digest')
        await stores.reopen()
        expect(await stores.consents.list(ALICE, 'up digest')).toEqual([])
        expect(await stores.consents.list(ALICE, 'other digest')).toEqual(['host'])
        expect(await stores.consents.list(BOB, 'up digest')).toEqual(['host'])
      })
    })

    describe('client registrations (N046)', () => {
      const REDIRECT = 'https://gateway.example/oauth/callback'
      const CLIENT = { clientId: 'c1', authentication: 'client_secret_basic', secret: 'the secret of c1', expiresAtSeconds: 5_000 }

      it('belong to one issuer and one redirect, spelt exactly so, and outlive a restart', async () => {
        await stores.registrations.put('https://as.example', REDIRECT, CLIENT)
        await stores.reopen()
        expect(await stores.registrations.find('https://as.example', REDIRECT)).toEqual(CLIENT)
        for (const [issuer, redirect] of [
          ['https://as.example/', REDIRECT],
          ['https://AS.example', REDIRECT],
          ['https://as.example', `${REDIRECT}/`],
          ['https://evil.example', REDIRECT],
        ] as const)
          expect(await stores.registrations.find(issuer, redirect)).toBeUndefined()
      })
      it('have no more than they were given, and the last one counts', async () => {
        await stores.registrations.put('https://as.example', REDIRECT, CLIENT)
        await stores.registrations.put('https://as.example', REDIRECT, { clientId: 'c2', authentication: 'none' })
        expect(await stores.registrations.find('https://as.example', REDIRECT)).toEqual({ clientId: 'c2', authentication: 'none' })
      })
      it('are forgotten one by one', async () => {
        await stores.registrations.put('https://as.example', REDIRECT, CLIENT)
        await stores.registrations.put('https://other.example', REDIRECT, CLIENT)
        await stores.registrations.remove('https://as.example', REDIRECT)
        await stores.registrations.remove('https://nowhere.example', REDIRECT)
        await stores.reopen()
        expect(await stores.registrations.find('https://as.example', REDIRECT)).toBeUndefined()
        expect(await stores.registrations.find('https://other.example', REDIRECT)).toEqual(CLIENT)
      })
    })
  })
}
