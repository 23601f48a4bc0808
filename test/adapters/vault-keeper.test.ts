// The vault with its key and its database: new keys from every source, and keys that would lose what is kept.

import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openStateDb, type StateDb } from '../../src/adapters/sqlite/state-db.ts'
import { VaultKeeper } from '../../src/adapters/vault-keeper.ts'
import type { KeySource } from '../../src/config/schema.ts'
import type { Grant, GrantTerms } from '../../src/vault/grant.ts'
import { alice } from '../contracts/grant-store.ts'

let dir: string
let state: StateDb
let environment: Record<string, string>
let reports: unknown[]
let unreadable: Grant[]
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'keeper-'))
  environment = {}
  await start()
})
afterEach(async () => {
  await state.close()
  rmSync(dir, { recursive: true, force: true })
})
async function start(): Promise<void> {
  state = await openStateDb(join(dir, 'state.db'))
  reports = []
  unreadable = []
}
const keeper = (source?: KeySource): VaultKeeper =>
  new VaultKeeper(
    {
      dataDir: dir,
      state,
      environment,
      now: () => 0,
      monotonic: () => 0,
      unreadable: grant => unreadable.push(grant),
      resealed: result => reports.push(result),
    },
    source,
  )
const terms: GrantTerms = { principal: alice, upstream: 'files', issuer: 'i', resource: 'r', scopes: [], kind: 'secret' }
const line = (): string => `v1 ${randomBytes(32).toString('base64url')}`
const keyFile = () => join(dir, 'keys', 'vault.key')
const secretIn = async (kept: VaultKeeper) => {
  const vault = await kept.get()
  const grant = await vault.find(alice, 'files')
  return grant && (await vault.open(grant))?.secret
}

describe('the vault of a process', () => {
  it('makes no key before it is needed', async () => {
    const kept = keeper()
    expect(await kept.reload(undefined)).toBeUndefined()
    expect(existsSync(keyFile())).toBe(false)
  })

  it('is one for all who need it, with a key of its own that only its owner reads', async () => {
    const kept = keeper()
    const [one, other] = await Promise.all([kept.get(), kept.get()])
    expect(one).toBe(other)
    await one.put(terms, { secret: 's' })
    expect(statSync(keyFile()).mode & 0o777).toBe(0o600)
    await state.close()
    await start()
    expect(await secretIn(keeper())).toEqual({ secret: 's' })
  })

  it('rotates again and again, losing nothing, and needs no generation but the last', async () => {
    const kept = keeper()
    const vault = await kept.get()
    await vault.put(terms, { secret: 's' })
    const first = readFileSync(keyFile(), 'utf8')
    expect(await kept.rotate()).toEqual({ resealed: 1, unreadable: 0 })
    await Promise.all([kept.rotate(), kept.rotate(), vault.put({ ...terms, upstream: 'mail' }, { secret: 'm' })])
    expect(readFileSync(keyFile(), 'utf8')).not.toContain(first.trim())
    expect(await secretIn(kept)).toEqual({ secret: 's' })
    const [current] = readFileSync(keyFile(), 'utf8').split('\n')
    await state.close()
    await start()
    writeFileSync(keyFile(), `${current}\n`)
    expect(await secretIn(keeper())).toEqual({ secret: 's' })
    expect(await (await keeper().get()).list(alice)).toHaveLength(2)
  })

  it('goes on sealing anew at the next start, when a rotation was cut off', async () => {
    const kept = keeper()
    await (await kept.get()).put(terms, { secret: 's' })
    await state.close()
    await start()
    const [old] = readFileSync(keyFile(), 'utf8').split('\n') // as a crash right after the new file leaves it
    writeFileSync(keyFile(), `${line()}\n${old}\n`)
    const next = keeper()
    expect(await secretIn(next)).toEqual({ secret: 's' })
    await expect.poll(() => reports).toEqual([{ resealed: 1, unreadable: 0 }])
  })
})

describe('a vault key from elsewhere', () => {
  const file = () => join(dir, 'given.key')
  const script = (body: string): KeySource => {
    writeFileSync(join(dir, 'give'), `#!/bin/sh\n${body}\n`)
    chmodSync(join(dir, 'give'), 0o700)
    return { from: 'command', command: [join(dir, 'give'), 'a b', '$HOME'] }
  }

  it.each([
    ['a file', (text: string): KeySource => (writeFileSync(file(), `${text}\n`), { from: 'file', file: file() })],
    ['a variable', (text: string): KeySource => ((environment['VAULT_KEY'] = text), { from: 'env', name: 'VAULT_KEY' })],
    [
      'a command',
      (text: string): KeySource => script(`[ "$1" = 'a b' ] && [ "$2" = '$HOME' ] && printf '${text.replaceAll('\n', '\\n')}\\n'`),
    ],
  ])('comes from %s, is followed by a reload, and makes no file', async (_what, give) => {
    const [first, second] = [line(), line()]
    const kept = keeper(give(first))
    await (await kept.get()).put(terms, { secret: 's' })
    expect(await kept.reload(give(`${second}\n${first}`))).toBeUndefined()
    await expect.poll(() => reports).toContainEqual({ resealed: 1, unreadable: 0 })
    await state.close()
    await start()
    expect(await secretIn(keeper(give(second)))).toEqual({ secret: 's' })
    expect(existsSync(keyFile())).toBe(false)
    await expect(keeper(give(second)).rotate()).rejects.toMatchObject({ code: 'key-rotation-elsewhere' })
  })

  it('that would lose what is kept is refused by a reload, and the running one stays', async () => {
    environment['K'] = line()
    const kept = keeper({ from: 'env', name: 'K' })
    await (await kept.get()).put(terms, { secret: 's' })
    for (const wrong of [line(), `${line()}\n${line()}`, 'nonsense', '']) {
      environment['K'] = wrong
      expect(await kept.reload({ from: 'env', name: 'K' })).toMatch(/key/)
      expect(await secretIn(kept)).toEqual({ secret: 's' })
    }
    expect(unreadable).toEqual([])
  })

  it.each([
    ['nothing', ''],
    ['another format', 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='],
    ['a key that is too short', `v1 ${randomBytes(31).toString('base64url')}`],
    ['three lines', `${line()}\n${line()}\n${line()}`],
    ['one key twice', 'v1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\nv1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['an endless text', 'v1 '.padEnd(100_000, 'A')],
  ])('that is %s opens no vault, and is not repeated in the error', async (_what, text) => {
    environment['K'] = text
    const error: unknown = await keeper({ from: 'env', name: 'K' })
      .get()
      .catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code: 'key-source-failed' })
    if (text.length > 8) expect(String((error as Error).stack)).not.toContain(text.slice(3, 40))
  })

  it.each([
    ['fails', 'echo secret-in-output; echo secret-in-error >&2; exit 3'],
    ['prints without end', 'yes secret-in-output'],
    ['is not there', ''],
  ])('whose command %s opens no vault, and its output is in no error', async (_what, body) => {
    const source: KeySource = body === '' ? { from: 'command', command: [join(dir, 'nowhere')] } : script(body)
    const error: unknown = await keeper(source)
      .get()
      .catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code: 'key-source-failed' })
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/secret-in/)
  })

  it('whose file vanished opens no vault, and no new key is made', async () => {
    await expect(keeper({ from: 'file', file: file() }).get()).rejects.toMatchObject({
      code: 'key-source-failed',
      message: expect.stringMatching(/ENOENT/),
    })
    expect(existsSync(keyFile())).toBe(false)
  })
})
