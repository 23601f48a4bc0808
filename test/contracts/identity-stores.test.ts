import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createConsentStore } from '../../src/adapters/sqlite/consent-store.ts'
import { createOauthRecordStore, createRegisteredClientStore, readEndedFamilies } from '../../src/adapters/sqlite/oauth-record-store.ts'
import { createBrowserSessionStore, createSignInStore } from '../../src/adapters/sqlite/sign-in-store.ts'
import { openStateDb, type StateDb } from '../../src/adapters/sqlite/state-db.ts'
import { createSealer } from '../../src/kernel/seal.ts'
import { memoryStores } from '../support/memory-identity-stores.ts'
import { identityStoresContract, type IdentityStores } from './identity-stores.ts'

identityStoresContract('in memory', async maxClients => memoryStores(maxClients))

const NOW = 1_700_000_000
const dir = mkdtempSync(join(tmpdir(), 'identity-stores-'))
const opened: Promise<StateDb>[] = []
afterAll(async () => {
  for (const db of opened) await (await db).close()
  rmSync(dir, { recursive: true, force: true })
})
const sealer = createSealer({ current: randomBytes(32) }, randomBytes)
const storesOf = (db: StateDb, maxClients?: number): IdentityStores => ({
  signIns: createSignInStore(db, sealer, () => NOW),
  browserSessions: createBrowserSessionStore(db),
  consents: createConsentStore(db, () => NOW),
  records: createOauthRecordStore(db, () => NOW),
  clients: createRegisteredClientStore(db, maxClients),
})
const fileOf = (name: string): string => join(dir, `${name}.db`)
const open = (name: string): Promise<StateDb> => {
  const db = openStateDb(fileOf(name))
  opened.push(db)
  return db
}
let shared: Promise<StateDb> | undefined
const TABLES = ['sign_ins', 'browser_sessions', 'oauth_records', 'ended_families', 'oauth_clients', 'consents']

identityStoresContract('in SQLite', async maxClients => {
  const db = await (shared ??= open('contract'))
  await db.write(TABLES.map(table => ({ sql: `DELETE FROM ${table}` })))
  return storesOf(db, maxClients)
})

describe('in SQLite', () => {
  const signIn = { id: 'id-1', issuer: 'https://idp.example', subject: 'alice', name: 'Alice', groups: [], startedAtSeconds: NOW, checkedAtSeconds: NOW, endsAtSeconds: NOW + 100 } // prettier-ignore

  it('a refresh token of the provider stands nowhere in the file, and does not open in another person’s row', async () => {
    const db = await open('sealed')
    const { signIns } = storesOf(db)
    await signIns.add(signIn, 'a-token-worth-stealing')
    await signIns.add({ ...signIn, id: 'id-2', subject: 'mallory' }, 'nothing')
    await db.write([
      { sql: "UPDATE sign_ins SET refresh_token = (SELECT refresh_token FROM sign_ins WHERE id = 'id-1') WHERE id = 'id-2'" },
    ])
    expect(await signIns.find('id-2', NOW)).toBeUndefined()
    await db.close()
    for (const suffix of ['', '-wal']) {
      const bytes = await Promise.resolve(fileOf('sealed') + suffix).then(readFileSync).catch(() => Buffer.alloc(0)) // prettier-ignore
      expect(bytes.includes('a-token-worth-stealing')).toBe(false)
    }
  })

  it('families that ended are known after a restart, as long as a token of theirs could live', async () => {
    const db = await open('ended')
    const { records, signIns } = storesOf(db)
    await signIns.add(signIn, undefined)
    await records.put({ kind: 'Grant', digest: 'd', family: 'f', signInId: signIn.id, client: 'c', sealed: Buffer.from('x'), endsAtSeconds: NOW + 100 }) // prettier-ignore
    await records.endFamily('f')
    await db.close()
    const again = await open('ended')
    expect([...(await readEndedFamilies(again, NOW)).keys()]).toEqual(['f'])
    expect(await readEndedFamilies(again, NOW + 16 * 60)).toEqual(new Map())
  })
})
