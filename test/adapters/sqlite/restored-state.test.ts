// A copy of state.db that is brought up to what was ended since: by the present database, by the log alone, and by neither.

import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createNamespaceStore } from '../../../src/adapters/sqlite/namespace-store.ts'
import { createSpentProofs } from '../../../src/adapters/sqlite/proof-stores.ts'
import { createRevocationLog, createStandingStore, createVersionStore } from '../../../src/adapters/sqlite/registry-store.ts'
import { restoreState, type Restored, type Restoring } from '../../../src/adapters/sqlite/restored-state.ts'
import { openStateDb, type StateDb } from '../../../src/adapters/sqlite/state-db.ts'
import { EndedActs, type Ended } from '../../../src/audit/ended-acts.ts'
import type { PrincipalKey } from '../../../src/kernel/principal.ts'
import { publication } from '../../contracts/registry.ts'

const NOW = 1_800_000_000
const OWNER = 'https://idp.example pat' as PrincipalKey
const OP = 'https://idp.example op' as PrincipalKey
const ACT = { by: 'https://idp.example op', atSeconds: NOW - 100 }
const NOTHING: Ended = new EndedActs().end()

let folder: string
let backup: string
let present: string
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-restored-'))
  backup = join(folder, 'backup.db')
  present = join(folder, 'present.db')
  await on(backup, async db => {
    await createNamespaceStore(db).register(
      { name: 'com.acme', state: 'active', proof: 'operator', provedAtSeconds: 1 } as never,
      'com.acme',
      OWNER,
    )
    for (const version of ['1.0.0', '1.1.0', '1.2.0'])
      await createVersionStore(db).publish({
        ...publication('com.acme/weather', version),
        standing: 'admitted',
        atSeconds: NOW - 1000,
      })
    await createRevocationLog(db).append({
      kind: 'artifact',
      target: 'a'.repeat(64),
      reason: 'policy',
      action: 'block',
      by: OP,
      atSeconds: 1,
    })
  })
  copyFileSync(backup, present)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function on<T>(file: string, work: (db: StateDb) => Promise<T>): Promise<T> {
  const db = await openStateDb(file)
  return work(db).finally(() => db.close())
}
const restored = (more: Partial<Restoring> = {}): Restored =>
  restoreState({
    ...{ file: backup, present: undefined, ended: NOTHING, isLogWhole: true, keepConnections: false },
    ...{ nowSeconds: NOW, decayMs: 60_000, proofSeconds: 900, ...more },
  })
const standings = () =>
  on(backup, async db =>
    Object.fromEntries(
      (await db.all<{ version: string; standing: string }>('SELECT * FROM registry_standings')).map(each => [each.version, each.standing]),
    ),
  )
const revoke = (db: StateDb, target: string) =>
  createRevocationLog(db).append({ kind: 'version', target, reason: 'malware', action: 'block', by: OP, atSeconds: NOW - 10 })

describe('with the present database', () => {
  it('takes over what was revoked, deprecated, withdrawn and frozen, members as they are now, and numbers that were given', async () => {
    await on(present, async db => {
      await revoke(db, 'com.acme/weather@1.0.0')
      const change = { name: 'com.acme/weather', by: OP, byOperator: true, atSeconds: NOW - 10 }
      await createStandingStore(db).change({ ...change, version: '1.0.0', to: 'revoked' }, ['admitted'])
      await createStandingStore(db).change({ ...change, version: '1.1.0', to: 'deprecated' }, ['admitted'])
      await createNamespaceStore(db).reassign('com.acme', { principal: 'https://idp.example new' as PrincipalKey, atSeconds: NOW - 10 })
      await createNamespaceStore(db).setState('com.acme', 'frozen')
    })
    expect(restored({ present })).toMatchObject({ isSuccessor: true, revoked: ['com.acme/weather@1.0.0'], frozen: ['com.acme'] })
    expect(await standings()).toEqual({ '1.0.0': 'revoked', '1.1.0': 'deprecated', '1.2.0': 'admitted' })
    await on(backup, async db => {
      expect(await createNamespaceStore(db).find('com.acme')).toMatchObject({
        state: 'frozen',
        members: [{ principal: 'https://idp.example new', role: 'owner' }],
      })
      expect((await createRevocationLog(db).since(0, 10)).map(({ sequence }) => sequence)).toEqual([1, 2])
      expect((await revoke(db, 'com.acme/weather@1.2.0')).sequence).toBe(3)
    })
  })

  it('attack: a proof that was spent since is shown again', async () => {
    const id = 'b'.repeat(64)
    await on(present, async db => expect(await createSpentProofs(db).spend(id, NOW + 100, NOW - 10)).toBe(true))
    restored({ present })
    await on(backup, async db => {
      expect(await createSpentProofs(db).spend(id, NOW + 100, NOW)).toBe(false)
      expect(await createSpentProofs(db).spend('c'.repeat(64), NOW + 100, NOW)).toBe(true)
    })
  })
})

describe('with the log alone', () => {
  it('revokes and deletes what it names, what came later than that stays, and a namespace in which something changed is frozen', async () => {
    const ended: Ended = {
      ...NOTHING,
      revocations: [
        { kind: 'version', target: 'com.acme/weather@1.0.0', ...ACT },
        { kind: 'nonsense', target: 'x', ...ACT },
      ],
      statuses: [
        { name: 'com.acme/weather', version: '*', status: 'deleted', by: ACT.by, atSeconds: NOW - 2000 },
        { name: 'com.acme/weather', version: '1.1.0', status: 'deprecated', ...ACT },
      ],
      namespaces: ['COM.acme'],
    }
    expect(restored({ ended })).toMatchObject({ isSuccessor: false, revoked: ['com.acme/weather@1.0.0'], frozen: ['com.acme'] })
    expect(await standings()).toEqual({ '1.0.0': 'revoked', '1.1.0': 'deprecated', '1.2.0': 'admitted' })
    // followers know numbers that nobody here does
    await on(backup, async db => expect((await revoke(db, 'com.acme/weather@1.2.0')).sequence).toBeGreaterThan(1_000_000))
  })

  it('marks whoever read within the decay, and nobody else', async () => {
    const read = { principal: OWNER, client: 'c', server: 'mail', method: 'tools/call', name: 'n', labels: ['untrusted'] }
    const reads = [
      { ...read, atMs: (NOW - 30) * 1000 },
      { ...read, client: 'old', atMs: (NOW - 3000) * 1000 },
    ]
    expect(restored({ ended: { ...NOTHING, reads } }).marked).toBe(1)
    const rows = await on(backup, db =>
      db.all<{ client: string; untrusted_until: number; private_until: number }>('SELECT * FROM flow_marks'),
    )
    expect(rows).toMatchObject([{ client: 'c', untrusted_until: (NOW + 90) * 1000, private_until: 0 }])
  })

  it('attack: a proof from before, which nobody knows to be spent, is shown again: none counts until all of them are over', async () => {
    restored()
    await on(backup, async db => {
      expect(await createSpentProofs(db).spend('b'.repeat(64), NOW + 900, NOW)).toBe(false)
      expect(await createSpentProofs(db).spend('b'.repeat(64), NOW + 901, NOW)).toBe(true)
      expect(await createSpentProofs(db).spend('c'.repeat(64), NOW + 1000, NOW + 901)).toBe(true)
    })
  })
})

it('with neither every namespace is frozen', () => {
  expect(restored({ isLogWhole: false }).frozen).toEqual(['com.acme'])
})

it('is whole or not at all: a copy that breaks in the middle is as it was', async () => {
  const statuses = [{ name: 'com.acme/weather', version: '1.0.0', status: 'deleted' as const, ...ACT }]
  const broken = { principal: OWNER, client: 'c', server: 'mail', method: {} as never, name: 'n', labels: ['untrusted'], atMs: NOW * 1000 }
  expect(() => restored({ ended: { ...NOTHING, statuses, reads: [broken] } })).toThrow('could not be brought up')
  expect(await standings()).toEqual({ '1.0.0': 'admitted', '1.1.0': 'admitted', '1.2.0': 'admitted' })
})
