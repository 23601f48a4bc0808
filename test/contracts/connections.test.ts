// The contracts of links, consents and client registrations (migrations/0004_connections.sql) against each of their implementations.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createClientRegistrations,
  createConnectionConsents,
  createPendingConnections,
} from '../../src/adapters/sqlite/connection-stores.ts'
import { openStateDb, type StateDb } from '../../src/adapters/sqlite/state-db.ts'
import { createSealer } from '../../src/kernel/seal.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import { memoryStores } from '../support/memory-vault.ts'
import { connectionsContract, type ConnectionStores } from './connections.ts'

connectionsContract('in memory', async () => ({ ...memoryStores(), nowSeconds: 0, reopen: async () => {}, dispose: async () => {} }))

async function inSqlite(): Promise<ConnectionStores & { readonly folder: string; readonly db: StateDb }> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-connections-'))
  const sealer = createSealer({ current: randomBytes(32) }, randomBytes)
  let db = await openStateDb(join(folder, 'state.db'))
  let nowSeconds = 0
  const stores = () => ({
    pending: createPendingConnections(db, sealer, () => nowSeconds),
    consents: createConnectionConsents(db),
    registrations: createClientRegistrations(db, sealer),
  })
  let now = stores()
  return {
    folder,
    get db() {
      return db
    },
    get pending() {
      return now.pending
    },
    get consents() {
      return now.consents
    },
    get registrations() {
      return now.registrations
    },
    get nowSeconds() {
      return nowSeconds
    },
    set nowSeconds(seconds) {
      nowSeconds = seconds
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
}
connectionsContract('in SQLite', inSqlite)

describe('in SQLite, somebody who can write the file', () => {
  const ALICE = 'https://idp.example alice' as PrincipalKey
  const terms = { principal: ALICE, alias: 'up', account: 'up digest', client: 'host', scopes: [], expiresAtSeconds: 100 }
  let stores: Awaited<ReturnType<typeof inSqlite>>
  beforeEach(async () => {
    stores = await inSqlite()
    await stores.pending.open('link', terms, 8)
    await stores.pending.start('link', 'state', { ...terms, session: 'session', flow: 'a verifier worth stealing' })
    await stores.registrations.put('https://as.example', 'https://gateway.example/cb', { clientId: 'c', authentication: 'client_secret_basic', secret: 'a secret worth stealing' }) // prettier-ignore
  })
  afterEach(() => stores.dispose())

  it('finds neither verifiers nor client secrets in it', async () => {
    await stores.db.close()
    const bytes = readdirSync(stores.folder).map(name => readFileSync(join(stores.folder, name), 'latin1'))
    expect(bytes.join('')).toContain('https://as.example')
    expect(bytes.join('')).not.toContain('worth stealing')
    await stores.reopen()
  })
  it.each([
    ['another person’s', "principal = 'https://idp.example mallory'"],
    ['another browser’s', "session = 'of mallory'"],
    ['another state’s', "state = 'of mallory'"],
  ])('makes an authorization under way %s: it does not open', async (_whose, change) => {
    await stores.db.write([{ sql: `UPDATE pending_connections SET ${change}` }])
    expect(await stores.pending.spend(change.startsWith('state') ? 'of mallory' : 'state', 0)).toBeUndefined()
  })
  it.each([
    ['issuer, to be sent the secret (N046)', "issuer = 'https://evil.example'", 'https://evil.example', 'https://gateway.example/cb'],
    ['redirect', "redirect_uri = 'https://evil.example/cb'", 'https://as.example', 'https://evil.example/cb'],
    ['client', "client_id = 'mallory'", 'https://as.example', 'https://gateway.example/cb'],
  ])('puts a registration under another %s: it does not open', async (_what, change, issuer, redirect) => {
    await stores.db.write([{ sql: `UPDATE upstream_clients SET ${change}` }])
    expect(await stores.registrations.find(issuer, redirect)).toBeUndefined()
  })
})
