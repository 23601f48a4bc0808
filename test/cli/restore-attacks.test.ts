// Backups as a way back: old ones, cut logs, edited manifests, folders from elsewhere. What was ended stays so, or it is said that nobody knows.

import Database from 'better-sqlite3'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { markLog } from '../../src/adapters/audit/log-mark.ts'
import { sqliteBlocks } from '../../src/adapters/sqlite/block-store.ts'
import { openStateDb, type StateDb } from '../../src/adapters/sqlite/state-db.ts'
import { VaultKeeper } from '../../src/adapters/vault-keeper.ts'
import type { EventEncoder } from '../../src/audit/encode.ts'
import { principalOf } from '../../src/kernel/principal.ts'
import { MINIMAL } from '../config/configs.ts'
import { alice } from '../contracts/grant-store.ts'
import { findingsIn, signedLog } from '../support/gateway-log.ts'
import { gatehouse } from './io.ts'
import type { Vault } from '../../src/vault/vault.ts'

let cwd: string
let data: string
beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'gatehouse-restore-'))
  data = join(cwd, 'data')
  writeFileSync(join(cwd, 'gatehouse.yaml'), `${MINIMAL}dataDir: data\n`, { mode: 0o600 })
  await withVault(async vault => {
    for (const upstream of ['notes', 'tickets'])
      await vault.put(
        { principal: alice, upstream, issuer: 'https://as.example', resource: 'r', scopes: [], kind: 'secret' },
        { secret: 'x' },
      )
  })
  await record(() => [])
  expect((await run('backup', 'backup', '--with-keys')).code).toBe(0)
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

const run = (...argv: string[]) => gatehouse(argv, { cwd, now: Date.now })
const restore = async (...more: string[]) => {
  const { code, out, err } = await run('restore', 'backup', '--force', '--json', ...more)
  if (code !== 0) throw new Error(`${code} ${err}`)
  return JSON.parse(out) as Record<string, any>
}
async function withState<T>(work: (state: StateDb) => Promise<T>): Promise<T> {
  const state = await openStateDb(join(data, 'state.db'))
  return work(state).finally(() => state.close())
}
const withVault = <T>(work: (vault: Vault) => Promise<T>): Promise<T> =>
  withState(async state => {
    const deps = { dataDir: data, state, environment: {}, now: Date.now, monotonic: () => 0, unreadable: () => {}, resealed: () => {} }
    return work(await new VaultKeeper(deps, undefined).get())
  })
const connected = (): Promise<string[]> => withVault(async vault => (await vault.list(alice)).map(({ upstream }) => upstream).sort())
const idOf = (upstream: string): Promise<string> => withVault(async vault => (await vault.find(alice, upstream))?.id ?? '')

const record = (lines: (encoder: EventEncoder) => string[]): Promise<void> => signedLog(data, lines)
const act = (encoder: EventEncoder, endpoint: string, method: string, name: string): string => {
  const request = encoder.newId()
  const exchange = encoder.exchange({
    request,
    call: request,
    trace: 't',
    principal: principalOf(alice),
    subject: { endpoint, era: 'modern', method, name },
  })
  return endpoint === '/oauth' ? encoder.decision(exchange, { rules: [], detail: undefined, ms: 0 }) : encoder.intent(exchange, [], 0)
}
/** Alice disconnects tickets on the page, and an operator blocks somebody. */
async function endSome(): Promise<void> {
  const id = await idOf('tickets')
  await withVault(vault => vault.revoke(alice, id))
  await withState(state => sqliteBlocks(state).put({ kind: 'client', target: 'evil', why: 'w', by: alice, atSeconds: 1 }))
  await record(encoder => [act(encoder, '/oauth', 'person/connection-revoked', id), act(encoder, '/admin', 'admin/block', 'client evil')])
}
const blocked = (): Promise<string[]> => withState(async state => (await sqliteBlocks(state).all()).map(({ target }) => target))
const ruin = (what: 'state.db' | 'audit'): void => {
  for (const name of readdirSync(data)) if (name.startsWith(what)) rmSync(join(data, name), { recursive: true })
}
/** As whoever can write into the folder of the backup does it: with digests that fit. */
function forge(change: (manifest: Record<string, any>) => void): void {
  const file = join(cwd, 'backup/manifest.json')
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as Record<string, any>
  const bytes = readFileSync(join(cwd, 'backup/state.db'))
  manifest['files']['state.db'] = { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length }
  change(manifest)
  writeFileSync(file, JSON.stringify(manifest))
}

describe('attack: an old backup is put back', () => {
  it('over the present database: what was revoked stays so, who was blocked too', { tags: ['short'] }, async () => {
    await endSome()
    expect(await restore()).toMatchObject({
      isLogWhole: true,
      restored: { connections: { kept: 1, ended: 1 }, isSuccessor: true },
      unknown: [],
    })
    expect([await connected(), await blocked()]).toEqual([['notes'], ['evil']])
  })

  it('after the present database was removed: the log tells', async () => {
    await endSome()
    ruin('state.db')
    expect(await restore()).toMatchObject({ isLogWhole: true, restored: { connections: { kept: 1, ended: 1 }, isSuccessor: false } })
    expect([await connected(), await blocked()]).toEqual([['notes'], ['evil']])
  })

  it('after the present database alone was removed, and its write-ahead log left: nothing of it is read into the restored one', async () => {
    const [wal, shm] = ['-wal', '-shm'].map(end => join(data, `state.db${end}`)) as [string, string]
    const present = new Database(join(data, 'state.db'))
    present.pragma('journal_mode = WAL')
    present.exec('UPDATE vault_grants SET created_at = created_at + 1')
    const stale = readFileSync(wal)
    present.close()
    expect(stale.length).toBeGreaterThan(4096)
    await endSome()
    ruin('state.db')
    writeFileSync(wal, stale)
    writeFileSync(shm, '')
    const { code, out } = await run('restore', 'backup')
    expect([code, out]).toEqual([0, expect.stringMatching(/what is left of the one before is state\.db\.before-restore-\w+-wal/)])
    expect([await connected(), await blocked()]).toEqual([['notes'], ['evil']])
    const aside = readdirSync(data).find(name => name.endsWith('-wal') && name.includes('before-restore'))
    expect(readFileSync(join(data, aside ?? ''))).toEqual(stale)
  })

  it('after the log was removed: nobody knows, so connections are held back', async () => {
    await endSome()
    ruin('state.db')
    ruin('audit')
    const told = await restore()
    expect(told).toMatchObject({ isLogWhole: false, restored: { connections: { kept: 0, heldBack: 2 } } })
    expect(told['unknown'].join()).toMatch(/known until 20.*connections are held back/)
    expect(await connected()).toEqual([])
  })

  it('the same, and its operator takes the risk: it is said and on record', async () => {
    ruin('state.db')
    ruin('audit')
    expect((await restore('--keep-connections'))['unknown'].join()).toContain('may be among those that are kept')
    expect(await connected()).toEqual(['notes', 'tickets'])
    expect(readFileSync(join(data, 'audit/events-000001.jsonl'), 'utf8')).toContain('"keepConnections":true')
    expect(readdirSync(join(data, 'trust'))).toContain('audit.json')
  })

  it('after another database was begun in its place: what is missing there proves nothing, what is blocked there counts', async () => {
    ruin('state.db')
    await withState(async state => {
      await sqliteBlocks(state).put({ kind: 'client', target: 'evil', why: 'w', by: alice, atSeconds: 1 })
      await state.write([{ sql: "INSERT INTO revocations VALUES ('x', 1, 2)" }])
    })
    const later = new Database(join(data, 'state.db'))
    later.exec('UPDATE schema_migrations SET applied_at = applied_at + 60')
    later.close()
    expect(await restore()).toMatchObject({ restored: { isSuccessor: false, connections: { kept: 2 } } })
    expect([await connected(), await blocked()]).toEqual([['notes', 'tickets'], ['evil']])
  })

  it('with tokens from before: none counts any more', async () => {
    await restore()
    const [floor] = await withState(state => state.all<{ revoked_at: number }>("SELECT * FROM revocations WHERE key = 'everybody'"))
    expect(floor?.revoked_at).toBeGreaterThan(Date.now() / 1000 - 600)
  })
})

describe('attack: a manifest is edited', () => {
  it('to say that the backup is later than what was ended: it is not what this gateway signed', async () => {
    await endSome()
    ruin('state.db')
    const log = await markLog(join(data, 'audit'))
    forge(manifest => (manifest['log'] = log))
    expect(await run('restore', 'backup', '--force')).toMatchObject({ code: 1, err: expect.stringContaining('changed after it was made') })
    expect(existsSync(join(data, 'state.db'))).toBe(false)
  })

  it('the same, and its signature taken away: nobody vouches for it, so connections are held back and what was revoked stays so', async () => {
    await endSome()
    ruin('state.db')
    const log = await markLog(join(data, 'audit'))
    forge(manifest => (manifest['log'] = log))
    rmSync(join(cwd, 'backup/manifest.sig'))
    expect(await restore('--keep-connections')).toMatchObject({ isLogWhole: false, restored: { connections: { kept: 1, ended: 1 } } })
    expect(await connected()).toEqual(['notes'])
  })

  it.each([
    ['a place that is none', { segment: -1, bytes: 0, sha256: '' }],
    ['a place as text', 'events-000001.jsonl'],
  ])('to name %s: it is no backup', async (_what, log) => {
    forge(manifest => (manifest['log'] = log))
    expect(await run('restore', 'backup', '--force')).toMatchObject({ code: 1, err: expect.stringContaining('manifest.json') })
  })
})

describe('attack: the audit log is rolled back with the backup', () => {
  const floor = () => JSON.parse(readFileSync(join(data, 'trust/audit.json'), 'utf8')) as Record<string, any>
  const segment = () => join(data, 'audit/events-000001.jsonl')

  it(
    'cut to where it was: the floor tells, a new log begins that names it, and nothing is believed to be alive',
    { tags: ['short'] },
    async () => {
      const [lines, tree] = [readFileSync(segment()), readFileSync(join(data, 'audit/tree.db'))]
      await endSome()
      const { last } = floor()
      writeFileSync(segment(), lines)
      for (const end of ['-wal', '-shm']) rmSync(join(data, `audit/tree.db${end}`), { force: true })
      writeFileSync(join(data, 'audit/tree.db'), tree)
      ruin('state.db')
      const told = await restore()
      const before = { origin: last.origin, size: last.size, root: last.root }
      expect(told).toMatchObject({
        isLogWhole: false,
        newLog: { why: 'audit-rolled-back', before },
        restored: { connections: { kept: 0 } },
      })
      expect(floor()).toEqual({ ended: [before] })
      await signedLog(data)
      const events = readFileSync(segment(), 'utf8')
      expect(floor()['last'].origin).not.toBe(last.origin)
      expect(events).toContain('"audit-log-begun"')
      expect(await findingsIn(data)).toEqual([])
      expect(JSON.parse(events.split('\n').find(line => line.includes('audit-log-begun')) ?? '{}').detail.before).toEqual(before)
      expect(readdirSync(data).filter(name => name.startsWith('audit.before-restore-'))).toHaveLength(1)
    },
  )

  it('a backup that cannot be restored ends no log', async () => {
    const { last } = floor()
    writeFileSync(segment(), readFileSync(segment(), 'utf8').replace('"start"', '"stort"'))
    const database = new Database(join(cwd, 'backup/state.db'))
    database.exec('CREATE TABLE more (x)')
    database.close()
    forge(() => {})
    rmSync(join(cwd, 'backup/manifest.sig'))
    expect(await run('restore', 'backup', '--force')).toMatchObject({ code: 1, err: expect.stringContaining('schema') })
    expect(floor()['last']).toEqual(last)
    expect(readFileSync(segment(), 'utf8')).toContain('"stort"')
    expect(readdirSync(data).filter(name => name.includes('restor'))).toEqual([])
  })

  it('and what it says is forgotten by a second restore: a log that a restore or `audit begin` put aside is read as well', async () => {
    await endSome()
    writeFileSync(segment(), readFileSync(segment(), 'utf8').replace('"start"', '"stort"'))
    expect(await restore()).toMatchObject({ newLog: { why: 'audit-changed' } })
    await signedLog(data)
    expect((await run('audit', 'begin', '--yes', '--why', 'again')).code).toBe(0)
    await signedLog(data)
    ruin('state.db')
    expect(await restore('--keep-connections')).toMatchObject({ isLogWhole: false, restored: { connections: { kept: 1, ended: 1 } } })
    expect([await connected(), await blocked()]).toEqual([['notes'], ['evil']])
  })

  it('a key that was rotated before the backup is not taken for one that was rotated since', async () => {
    expect((await run('key', 'rotate-offline', 'sealing')).code).toBe(0)
    await record(() => [])
    expect((await run('audit', 'begin', '--yes', '--why', 'moved')).code).toBe(0)
    await record(() => [])
    expect((await run('backup', 'second', '--with-keys')).code).toBe(0)
    rmSync(join(data, 'keys/sealing.key'))
    expect((await run('restore', 'second', '--force', '--with-keys')).out).not.toMatch(/left out: .*sealing/)
    expect(existsSync(join(data, 'keys/sealing.key'))).toBe(true)
  })

  it('an event in it is another: a new log begins', async () => {
    writeFileSync(segment(), readFileSync(segment(), 'utf8').replace('"start"', '"stort"'))
    expect(await restore()).toMatchObject({ isLogWhole: false, newLog: { why: 'audit-changed' } })
  })

  it('a log that is whole goes on under its name', async () => {
    const { last } = floor()
    expect((await restore())['newLog']).toBeUndefined()
    await signedLog(data)
    expect(floor()['last'].origin).toBe(last.origin)
    expect(floor()['last'].size).toBeGreaterThan(last.size)
    expect(await findingsIn(data)).toEqual([])
  })
})

describe('attack: a database is edited', () => {
  it('so that a trigger makes an administrator of whoever it likes: it is refused', async () => {
    const database = new Database(join(cwd, 'backup/state.db'))
    database.exec(`CREATE TRIGGER back AFTER DELETE ON consents BEGIN INSERT INTO blocks VALUES ('client', 'x', 'w', 'b', 1); END`)
    database.close()
    forge(() => {})
    rmSync(join(cwd, 'backup/manifest.sig'))
    expect(await run('restore', 'backup', '--force')).toMatchObject({ code: 1, err: expect.stringContaining('schema') })
    expect(await connected()).toEqual(['notes', 'tickets'])
    expect(readdirSync(data).filter(name => name.startsWith('state.db.'))).toEqual([])
  })
})

it('attack: the folder is of another gateway that has a log of its own: it is refused; on a new machine nothing of it is believed to be alive', async () => {
  const other = join(cwd, 'other')
  mkdirSync(other)
  writeFileSync(join(other, 'gatehouse.yaml'), `${MINIMAL}dataDir: data\n`, { mode: 0o600 })
  const there = () => gatehouse(['restore', '../backup', '--with-keys', '--json'], { cwd: other, now: Date.now })
  await signedLog(join(other, 'data'))
  expect(await there()).toMatchObject({ code: 1, err: expect.stringContaining('another gateway') })
  rmSync(join(other, 'data'), { recursive: true })
  const { code, out } = await there()
  expect([code, JSON.parse(out).newLog]).toMatchObject([0, { why: 'audit-missing', before: { size: expect.any(Number) } }])
  const state = await openStateDb(join(other, 'data/state.db'))
  expect(await state.all('SELECT * FROM vault_grants')).toEqual([])
  await state.close()
})

it('attack: a key that was rotated because it was stolen comes back with a backup', async () => {
  const sealing = join(data, 'keys/sealing.key')
  expect((await run('key', 'rotate-offline', 'sealing')).code).toBe(0)
  const rotated = readFileSync(sealing, 'utf8')
  expect((await run('backup', 'second', '--with-keys')).code).toBe(0)
  expect((await run('key', 'rotate-offline', 'sealing')).code).toBe(0)
  const current = readFileSync(sealing, 'utf8')
  expect(current).not.toBe(rotated)
  expect((await run('restore', 'second', '--force', '--with-keys')).code).toBe(0)
  expect(readFileSync(sealing, 'utf8')).toBe(current)
  // nor where the file was removed: the log says that it was rotated
  rmSync(sealing)
  expect((await run('restore', 'second', '--force', '--with-keys')).out).toMatch(/left out: .*keys\/sealing\.key/)
  expect(existsSync(sealing)).toBe(false)
})
