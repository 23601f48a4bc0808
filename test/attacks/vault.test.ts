// The vault attacked where it lies: a database somebody stole, or wrote to.

import BetterSqlite from 'better-sqlite3'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createGrantStore } from '../../src/adapters/sqlite/grant-store.ts'
import { openStateDb, type StateDb } from '../../src/adapters/sqlite/state-db.ts'
import { createSealer } from '../../src/kernel/seal.ts'
import type { Grant, GrantTerms } from '../../src/vault/grant.ts'
import { Vault } from '../../src/vault/vault.ts'
import { alice, bob } from '../contracts/grant-store.ts'

const TOKENS = ['access-token-of-alice-9f2c', 'refresh-token-of-alice-77aa', 'access-token-of-bob-31d0', 'refresh-token-of-bob-c4c4']
const ofAlice = { accessToken: TOKENS[0]!, refreshToken: TOKENS[1]!, tokenType: 'Bearer' }
const ofBob = { accessToken: TOKENS[2]!, refreshToken: TOKENS[3]!, tokenType: 'Bearer' }
const terms: GrantTerms = {
  principal: alice,
  upstream: 'files',
  issuer: 'https://as.example',
  resource: 'https://files.example/mcp',
  scopes: ['read'],
  kind: 'oauth',
  account: 'alice@files.example',
  expiresAtSeconds: 2_000_000_000,
}

let dir: string
let file: string
let db: StateDb
let vault: Vault
let unreadable: Grant[]
const key = randomBytes(32)
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'vault-'))
  file = join(dir, 'state.db')
  db = await openStateDb(file, { quietMs: 20 })
  unreadable = []
  vault = vaultWith(key)
})
afterEach(async () => {
  await db.close()
  rmSync(dir, { recursive: true, force: true })
})
const vaultWith = (current: Buffer): Vault =>
  new Vault({
    store: createGrantStore(db),
    sealer: createSealer({ current }, randomBytes),
    newId: randomUUID,
    now: Date.now,
    monotonic: () => 0,
    unreadable: grant => unreadable.push(grant),
  })
/** Somebody with the file, not with the key. */
function tamper(sql: string): void {
  const database = new BetterSqlite(file)
  database.exec(sql)
  database.close()
}
/** What a gateway gives `principal` for `upstream` after it started on that file. */
async function secretFor(principal: typeof alice, upstream = 'files') {
  const fresh = vaultWith(key)
  const grant = await fresh.find(principal, upstream)
  return grant && (await fresh.open(grant))?.secret
}
const onDisk = (): Buffer => Buffer.concat(readdirSync(dir).map(name => readFileSync(join(dir, name))))

describe('a stolen state database without its key', () => {
  it('holds no byte of any token, in the file or in its write-ahead log, in any common spelling', async () => {
    const grant = await vault.put(terms, ofAlice)
    await vault.put({ ...terms, principal: bob }, ofBob)
    await vault.refresh(grant, async () => ({ secret: { ...ofAlice, accessToken: `${TOKENS[0]!}-second` } }))
    const look = () => {
      const bytes = onDisk()
      expect(bytes.includes('https://as.example')).toBe(true) // it is the right file
      for (const token of TOKENS)
        for (const spelling of [
          token,
          token.slice(8),
          Buffer.from(token).toString('base64').slice(4, -4),
          Buffer.from(token).toString('hex'),
        ])
          expect(bytes.includes(spelling)).toBe(false)
    }
    look()
    await db.close()
    look()
  })

  it('gives nothing to who brings another key', async () => {
    const grant = await vault.put(terms, ofAlice)
    expect(await vaultWith(randomBytes(32)).open(grant)).toBeUndefined()
  })
})

describe('a state database that somebody writes to', () => {
  beforeEach(async () => {
    await vault.put(terms, ofAlice)
    await vault.put({ ...terms, principal: bob }, ofBob)
    await vault.put({ ...terms, upstream: 'mail' }, { ...ofAlice, accessToken: 'for mail' })
  })

  const where = (principal: string, upstream = 'files') => `principal = '${principal}' AND upstream = '${upstream}'`
  const sealedOf = (principal: string, upstream?: string) => `(SELECT sealed FROM vault_grants WHERE ${where(principal, upstream)})`

  it.each([
    ['the sealed secret of another principal', `sealed = ${sealedOf(bob)}`],
    ['the sealed secret of another upstream', `sealed = ${sealedOf(alice, 'mail')}`],
    ['another issuer, to be sent the refresh token (N046)', "issuer = 'https://evil.example'"],
    ['another resource', "resource = 'https://evil.example/mcp'"],
    ['wider scopes', `scopes = '["read","admin"]'`],
    ['scopes that are no JSON', `scopes = 'admin'`],
    ['another kind', "kind = 'secret'"],
    ['another account to show', "account = 'bob@files.example'"],
    ['a later end', 'expires_at = 3000000000'],
    ['no end', 'expires_at = NULL'],
    ['an earlier beginning', 'created_at = 1'],
    ['another id', "id = 'chosen'"],
    ['another revision', 'revision = 2'],
    ['a sealed text cut short', 'sealed = substr(sealed, 1, length(sealed) - 1)'],
    ['a sealed text with its key id changed', `sealed = 'AQAAAAAE' || substr(sealed, 9)`],
    ['an empty sealed text', `sealed = ''`],
  ])('gets no secret by writing %s', async (_what, change) => {
    tamper(`UPDATE vault_grants SET ${change} WHERE ${where(alice)}`)
    expect(await secretFor(alice)).toBeUndefined()
    expect(unreadable).toHaveLength(1)
    expect(await secretFor(bob)).toEqual(ofBob)
  })

  it('gets no secret by giving the whole row of one principal to another', async () => {
    tamper(`DELETE FROM vault_grants WHERE ${where(bob)}; UPDATE vault_grants SET principal = '${bob}' WHERE ${where(alice)}`)
    expect(await secretFor(bob)).toBeUndefined()
  })

  it('gets no secret by swapping two whole rows’ places', async () => {
    tamper(`UPDATE vault_grants SET upstream = 'x' WHERE ${where(alice)};
      UPDATE vault_grants SET upstream = 'files' WHERE ${where(alice, 'mail')};
      UPDATE vault_grants SET upstream = 'mail' WHERE ${where(alice, 'x')}`)
    expect(await secretFor(alice)).toBeUndefined()
    expect(await secretFor(alice, 'mail')).toBeUndefined()
  })
})

describe('a revoked grant', () => {
  it('is on no disk soon after, sealed or not', async () => {
    const grant = await vault.put(terms, ofAlice)
    const rows = await db.all<{ sealed: string }>('SELECT sealed FROM vault_grants')
    const sealed = rows[0]!.sealed
    expect(onDisk().includes(sealed)).toBe(true)
    await vault.revoke(alice, grant.id)
    await expect.poll(() => onDisk().includes(sealed)).toBe(false)
    expect(onDisk().includes(sealed.slice(0, 60))).toBe(false)
  })
})
