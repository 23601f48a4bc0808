// Rotating the vault's key, backup and restore, as an operator does them: no grant is lost, and none is exposed.

import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sqliteApprovals } from '../../src/adapters/sqlite/approval-store.ts'
import { openStateDb } from '../../src/adapters/sqlite/state-db.ts'
import { readFloor } from '../../src/adapters/audit/floor.ts'
import { takeWriterLock } from '../../src/adapters/audit/writer-lock.ts'
import { FloorFile } from '../../src/adapters/tuf/floor-file.ts'
import { VaultKeeper } from '../../src/adapters/vault-keeper.ts'
import { MINIMAL } from '../config/configs.ts'
import { approval } from '../contracts/approvals.ts'
import { alice } from '../contracts/grant-store.ts'
import { signedLog } from '../support/gateway-log.ts'
import { gatehouse } from './io.ts'
import type { Vault } from '../../src/vault/vault.ts'

let cwd: string
let data: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'gatehouse-state-'))
  data = join(cwd, 'data')
  writeFileSync(join(cwd, 'gatehouse.yaml'), `${MINIMAL}dataDir: data\n`, { mode: 0o600 })
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

/** Uses the vault as a gateway would. */
async function withVault<T>(work: (vault: Vault) => Promise<T>): Promise<T> {
  const state = await openStateDb(join(data, 'state.db'))
  try {
    const deps = { dataDir: data, state, environment: {}, now: () => 0, monotonic: () => 0, unreadable: () => {}, resealed: () => {} }
    return await work(await new VaultKeeper(deps, undefined).get())
  } finally {
    await state.close()
  }
}
const secretOf = (i: number) => ({
  accessToken: `access-token-number-${i}`,
  refreshToken: `refresh-token-number-${i}`,
  tokenType: 'Bearer',
})
const seed = (count: number) =>
  withVault(vault =>
    Promise.all(
      Array.from({ length: count }, (_, i) =>
        vault.put(
          { principal: alice, upstream: `up-${i}`, issuer: 'https://as.example', resource: 'r', scopes: [], kind: 'oauth' },
          secretOf(i),
        ),
      ),
    ),
  )
/** How many of the seeded grants open with exactly their own secret. */
const readable = (count: number) =>
  withVault(async vault => {
    const opened = await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const grant = await vault.find(alice, `up-${i}`)
        return grant && (await vault.open(grant))?.secret
      }),
    )
    return opened.filter((secret, i) => JSON.stringify(secret) === JSON.stringify(secretOf(i))).length
  })
const bytesIn = (dir: string): Buffer =>
  Buffer.concat(
    readdirSync(dir, { withFileTypes: true, recursive: true }).flatMap(entry =>
      entry.isFile() ? [readFileSync(join(entry.parentPath, entry.name))] : [],
    ),
  )
const keyFile = () => join(data, 'keys', 'vault.key')
const run = (...argv: string[]) => gatehouse(argv, { cwd })
const events = () => {
  const dir = join(data, 'audit')
  return readdirSync(dir)
    .filter(name => name.startsWith('events-'))
    .flatMap(name => readFileSync(join(dir, name), 'utf8').trim().split('\n'))
    .map(line => (JSON.parse(line) as { what?: string }).what)
    .filter(what => what !== 'start' && what !== 'audit-log-begun')
}

describe('gatehouse key rotate-offline vault', () => {
  it('seals every grant anew, records it, and exposes none', async () => {
    await seed(20)
    const old = readFileSync(keyFile(), 'utf8').trim()
    const { code, out } = await run('key', 'rotate-offline', 'vault', '--json')
    expect([code, JSON.parse(out)]).toEqual([0, { key: 'vault', resealed: 20, unreadable: 0 }])
    expect(await readable(20)).toBe(20)
    expect(events()).toEqual(['key-rotate', 'key-rotated'])
    expect(bytesIn(data).includes('token-number')).toBe(false)
    const [current = '', previous] = readFileSync(keyFile(), 'utf8').split('\n')
    expect(previous).toBe(old)
    writeFileSync(keyFile(), `${current}\n`) // the old generation is needed by nothing
    expect(await readable(20)).toBe(20)
  })

  it('killed in the middle loses no grant, and a second run finishes', async () => {
    const count = 2000
    await seed(count)
    const before = readFileSync(keyFile(), 'utf8')
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../src/cli.ts'), 'key', 'rotate-offline', 'vault'], {
      cwd,
      stdio: 'ignore',
    })
    const gone = once(child, 'exit')
    // the new generation is on disk: from here on rows are sealed anew, a hundred at a time
    while (child.exitCode === null && readFileSync(keyFile(), 'utf8') === before) await new Promise(setImmediate)
    child.kill('SIGKILL')
    await gone
    expect(readFileSync(keyFile(), 'utf8')).not.toBe(before)
    expect(await readable(count)).toBe(count)
    expect((await run('key', 'rotate-offline', 'vault')).code).toBe(0)
    expect(await readable(count)).toBe(count)
    expect(bytesIn(data).includes('token-number')).toBe(false)
  })

  it('makes the next key of the audit log, and none after it before the gateway has started', async () => {
    await signedLog(data)
    const [before] = readFloor(data).last!.vkeys
    expect((await run('key', 'rotate-offline', 'audit')).code).toBe(0)
    expect(await run('key', 'rotate-offline', 'audit')).toMatchObject({
      code: 1,
      err: expect.stringContaining('does not sign yet') as string,
    })
    await signedLog(data)
    await signedLog(data)
    expect(readFloor(data).last!.vkeys).toEqual([before, expect.any(String)])
    expect(events().filter(what => what === 'audit-key')).toHaveLength(1)
    expect((await run('key', 'rotate-offline', 'audit')).code).toBe(0)
  })

  it('leaves nothing in the audit log that no checkpoint covers: a start then takes nothing that nobody here signed', async () => {
    await signedLog(data)
    expect((await run('key', 'rotate-offline', 'sealing')).code).toBe(0)
    expect(events().slice(-2)).toEqual(['key-rotate', 'key-rotated'])
    expect(readFloor(data).last!.size).toBe(4) // how it began, `start`, and these
    await signedLog(data)
    expect(events()).not.toContain('log-recovered')
  })

  it('changes nothing while a gateway runs, and says what to do instead', async () => {
    await seed(1)
    const before = readFileSync(keyFile())
    expect((await run('key', 'rotate-offline', 'sealing')).code).toBe(0) // makes the audit folder
    const release = takeWriterLock(join(data, 'audit'))
    const { code, err } = await run('key', 'rotate-offline', 'vault')
    release()
    expect([code, readFileSync(keyFile()).equals(before)]).toEqual([4, true])
    expect(err).toContain('`gatehouse key rotate vault`')
  })

  it.each([[['key', 'rotate-offline']], [['key', 'rotate-offline', 'tls']]])('%j is a wrong command line', async argv => {
    expect((await run(...argv)).code).toBe(2)
  })
})

describe('backup and restore', () => {
  // A gateway ran here: its log is signed, and so is what is backed up.
  beforeEach(() => signedLog(data))
  const backup = () => join(cwd, 'backup')
  const ruin = () => {
    for (const name of readdirSync(data)) if (name.startsWith('state.db')) rmSync(join(data, name))
  }

  it('bring every grant back, with the key that stayed where it was, and nothing of a token is in the backup', async () => {
    await seed(5)
    expect(await run('backup', 'backup')).toMatchObject({ code: 0 })
    expect(readdirSync(backup()).sort()).toEqual(['manifest.json', 'manifest.sig', 'state.db'])
    for (const name of readdirSync(backup())) expect(statSync(join(backup(), name)).mode & 0o777).toBe(0o600)
    expect(bytesIn(backup()).includes('token-number')).toBe(false)
    ruin()
    expect(await run('restore', 'backup')).toMatchObject({ code: 0 })
    expect(await readable(5)).toBe(5)
    expect(statSync(join(data, 'state.db')).mode & 0o777).toBe(0o600)
    expect(events()).toEqual(['restore', 'restored'])
  })

  it('bring no floor back: an older version stays out, whatever database is restored', async () => {
    await seed(1)
    const trust = join(data, 'trust')
    new FloorFile(trust).raise(new Map([['com.acme/weather', 3]]))
    await run('backup', 'backup', '--with-keys')
    new FloorFile(trust).raise(new Map([['com.acme/weather', 7]]))
    ruin()
    expect(await run('restore', 'backup', '--with-keys', '--force')).toMatchObject({ code: 0 })
    expect(new FloorFile(trust).of('com.acme/weather')).toBe(7)
  })

  it('bring no approval back: one that was used since the backup lets nothing through once more', async () => {
    await seed(1)
    const withApprovals = async <T>(work: (store: ReturnType<typeof sqliteApprovals>) => Promise<T>): Promise<T> => {
      const state = await openStateDb(join(data, 'state.db'))
      return work(sqliteApprovals(state)).finally(() => state.close())
    }
    const kept = approval()
    await withApprovals(store => store.open(kept, '', { total: 1, perPrincipal: 1, perServer: 1 }))
    expect((await run('backup', 'copy')).code).toBe(0)
    expect((await run('restore', 'copy', '--force')).code).toBe(0)
    expect(await withApprovals(store => store.find({ id: kept.id }))).toBeUndefined()
    expect(await readable(1)).toBe(1)
  })

  it('bring a grant back over a rotation of the key, and the next rotation loses none', async () => {
    await seed(5)
    await run('backup', 'backup')
    await run('key', 'rotate-offline', 'vault')
    ruin()
    expect(await run('restore', 'backup')).toMatchObject({ code: 0 })
    expect(await readable(5)).toBe(5)
    await run('key', 'rotate-offline', 'vault')
    await run('key', 'rotate-offline', 'vault')
    expect(await readable(5)).toBe(5)
  })

  it('say so, and change nothing, when the key is gone, until the backup’s own is asked for', async () => {
    await seed(5)
    await run('backup', 'backup', '--with-keys')
    expect(statSync(join(backup(), 'keys', 'vault.key')).mode & 0o777).toBe(0o600)
    rmSync(data, { recursive: true })
    const refused = await run('restore', 'backup')
    expect(refused).toMatchObject({ code: 4, err: expect.stringContaining('vault.key') })
    expect(existsSync(join(data, 'state.db'))).toBe(false)
    expect(await run('restore', 'backup', '--with-keys', '--keep-connections')).toMatchObject({ code: 0 })
    expect(statSync(keyFile()).mode & 0o777).toBe(0o600)
    expect(await readable(5)).toBe(5)
  })

  it('attack: an old backup is put back to revive a connection that was revoked; without --force nothing changes, with it the revoked one stays so', async () => {
    await seed(5)
    await run('backup', 'backup')
    await withVault(async vault => {
      const grant = await vault.find(alice, 'up-0')
      await vault.revoke(alice, grant!.id)
    })
    expect(await run('restore', 'backup')).toMatchObject({ code: 4, err: expect.stringContaining('--force') })
    expect(await readable(5)).toBe(4)
    const { code, out } = await run('restore', 'backup', '--force')
    expect([code, out]).toEqual([0, expect.stringContaining('connections: 4 are as they were, 1 stay ended, 0 are held back')])
    expect(await readable(5)).toBe(4)
    expect(readdirSync(data).filter(name => name.includes('before-restore'))).toHaveLength(1)
  })

  it('never touch trust/', async () => {
    await seed(1)
    await run('backup', 'backup', '--with-keys')
    expect(readdirSync(backup(), { recursive: true }).join()).not.toContain('trust')
  })

  it.each([
    ['a database that was changed after it was made', () => writeFileSync(join(backup(), 'state.db'), 'x', { flag: 'a' })],
    ['no manifest', () => rmSync(join(backup(), 'manifest.json'))],
    [
      'a name that leads out of the folder',
      () => {
        const file = join(backup(), 'manifest.json')
        const manifest = JSON.parse(readFileSync(file, 'utf8')) as { files: Record<string, unknown> }
        manifest.files['keys/../../trust/era-pins.json'] = { sha256: '', bytes: 0 }
        writeFileSync(file, JSON.stringify(manifest))
      },
    ],
  ])('refuse a backup with %s', async (_what, spoil) => {
    await seed(1)
    await run('backup', 'backup')
    spoil()
    ruin()
    expect((await run('restore', 'backup')).code).toBe(1)
    expect(existsSync(join(data, 'state.db'))).toBe(false)
  })

  it('write into no folder that holds something, and copy one moment while somebody writes', async () => {
    await seed(50)
    writeFileSync(join(cwd, 'x'), '')
    expect((await run('backup', '.')).code).toBe(4)
    await withVault(async vault => {
      let isDone = false
      const writing = (async () => {
        for (let i = 0; !isDone; i += 1)
          await vault.put({ principal: alice, upstream: randomUUID(), issuer: 'i', resource: 'r', scopes: [], kind: 'oauth' }, secretOf(i))
      })()
      const { code } = await run('backup', 'backup')
      isDone = true
      await writing
      expect(code).toBe(0)
    })
    ruin()
    expect((await run('restore', 'backup')).code).toBe(0)
    expect(await readable(50)).toBe(50)
  })
})
