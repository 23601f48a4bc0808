// A gateway that publishes a repository of trust: its registry's index and revocations in it, timestamps in time, and what happens when any of it fails.

import Database from 'better-sqlite3'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createRevocationLog, createStandingStore, createVersionStore } from '../../src/adapters/sqlite/registry-store.ts'
import { createStandingFeed } from '../../src/adapters/sqlite/standing-feed.ts'
import { openStateDb, type StateDb } from '../../src/adapters/sqlite/state-db.ts'
import { FloorFile } from '../../src/adapters/tuf/floor-file.ts'
import { createSafeFetch } from '../../src/adapters/safe-fetch.ts'
import { openTrust, type TrustPlane } from '../../src/compose/trust.ts'
import type { RegistrySource } from '../../src/compose/registry-documents.ts'
import type { Snapshot } from '../../src/config/schema.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import type { Revocation } from '../../src/registry/store.ts'
import { isDenial } from '../../src/trust/denial.ts'
import { floors, policies } from '../adapters/tuf/world.ts'
import { publication } from '../contracts/registry.ts'
import { OperatedRepository } from '../support/trust-repository.ts'

const NOW = Date.UTC(2026, 10, 21, 12, 0, 0)
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const BY = 'https://idp.example root' as PrincipalKey
const digestOf = (character: string): string => character.repeat(64)
let folder: string
let repository: OperatedRepository
let db: StateDb
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW })
  folder = mkdtempSync(join(tmpdir(), 'publishing-'))
  repository = new OperatedRepository(join(folder, 'trust'), { policies: policies('alice@acme.com'), floors: floors(1) }, NOW)
  db = await openStateDb(join(folder, 'state.db'))
})
afterEach(async () => {
  vi.useRealTimers()
  await db.close()
  rmSync(folder, { recursive: true, force: true })
})

const source = (): RegistrySource => ({ standings: createStandingFeed(db), revocations: createRevocationLog(db) })
let opened = 0
function open(registry?: RegistrySource): Promise<TrustPlane> {
  const dataDir = join(folder, `data${opened++}`)
  return openTrust({
    floors: new FloorFile(join(dataDir, 'trust')),
    snapshot: { dataDir, registry: { isExposed: true } } as unknown as Snapshot,
    repository: {
      place: { folder: repository.folder.path },
      root: repository.root,
      isPublisher: registry !== undefined,
      everyMs: 30_000,
      graceMs: DAY,
    },
    fetch: createSafeFetch(),
    logger: { warn: () => {}, info: () => {} },
    now: Date.now,
    random: () => 0,
    ...(registry && { registry }),
  })
}
const publish = async (version: string, sequence: number, standing: 'quarantined' | 'admitted' = 'admitted'): Promise<unknown> =>
  createVersionStore(db).publish(publication('com.acme/weather', version, { digest: digestOf(String(sequence)), standing, sequence }))
const change = (version: string, to: 'admitted' | 'deprecated' | 'revoked'): Promise<number> =>
  createStandingStore(db).change({ name: 'com.acme/weather', version, to, by: BY, atSeconds: 1 }, ['quarantined', 'admitted', 'deprecated'])
const revoke = (kind: Revocation['kind'], target: string): Promise<unknown> =>
  createRevocationLog(db).append({ kind, target, reason: 'malware', action: 'block', by: BY, atSeconds: 1 })
const asked = (plane: TrustPlane, version: string, sequence: number, digest = digestOf(String(sequence))): string => {
  const found = plane.forServed({ name: 'com.acme/weather', version, digest, sequence, isInForce: true })
  return isDenial(found) ? found.rule : 'may be used'
}

describe('the index of a registry', () => {
  it('attack: a publisher withdraws any number of versions that nobody admitted: none of them is signed, and what follows is published', async () => {
    await publish('1.0.0', 1)
    for (let n = 2; n <= 9; n++) {
      await publish(`1.0.${n}`, n, 'quarantined')
      await change(`1.0.${n}`, 'revoked')
    }
    await open(source())
    const { index } = Object.fromEntries(repository.folder.published().roles)
    const named = Object.keys(index?.signed.targets ?? {}).map(path => repository.folder.documentOf(index, path)?.toString('utf8') ?? '')
    expect(named.join('').match(/"version":"1\./g)).toEqual(['"version":"1.'])
  })

  it('has what was ever admitted, as a follower reads it, and nothing that waits or never was', async () => {
    await publish('1.0.0', 1)
    await publish('1.1.0', 2, 'quarantined')
    await publish('1.2.0', 3, 'quarantined')
    await change('1.2.0', 'revoked')
    const [publisher, follower] = [await open(source()), await open()]
    for (const plane of [publisher, follower]) {
      expect(['1.0.0', '1.1.0', '1.2.0'].map((version, i) => asked(plane, version, i + 1))).toEqual([
        'may be used',
        'index-absent',
        'index-absent',
      ])
      expect(asked(plane, '1.0.0', 1, digestOf('f'))).toBe('index-mismatch')
    }
    await change('1.0.0', 'revoked')
    await change('1.1.0', 'admitted')
    for (const plane of [publisher, follower]) {
      await plane.look()
      expect(['1.0.0', '1.1.0'].map((version, i) => asked(plane, version, i + 1))).toEqual(['version-revoked', 'may be used'])
    }
    expect(publisher.warning()).toBeUndefined()
  })

  it('attack: a part of it is damaged in the folder, so that no revocation is published any more', async () => {
    await publish('1.0.0', 1)
    const publisher = await open(source())
    const parts = join(repository.folder.path, 'targets', 'index')
    for (const file of readdirSync(parts)) writeFileSync(join(parts, file), 'x')
    await publish('1.1.0', 2)
    await revoke('version', 'com.acme/weather@1.0.0')
    await publisher.look()
    const revocations = repository.folder.published().roles.get('revocations')
    expect(repository.folder.documentOf(revocations, 'revocations/revocations.json')?.toString('utf8')).toContain('"1.0.0"')
    await publisher.look()
    expect(publisher.warning()).toMatch(/the registry is not published/)
  })

  it('is not signed anew while nothing changed, neither at a look nor at a start', async () => {
    await publish('1.0.0', 1)
    const publisher = await open(source())
    const version = () => repository.folder.published().roles.get('index')?.signed.version
    const before = version()
    await publisher.look()
    await open(source())
    expect(version()).toBe(before)
  })

  it('takes nothing back when an older database was restored, and says so', async () => {
    await publish('1.0.0', 1)
    const old = join(folder, 'old.db')
    const copy = new Database(join(folder, 'state.db'))
    await copy.backup(old)
    copy.close()
    await publish('1.1.0', 2)
    await change('1.0.0', 'revoked')
    await open(source())
    await db.close()
    for (const name of ['state.db', 'state.db-wal', 'state.db-shm']) rmSync(join(folder, name), { force: true })
    renameSync(old, join(folder, 'state.db'))
    chmodSync(join(folder, 'state.db'), 0o600)
    db = await openStateDb(join(folder, 'state.db'))
    const restored = await open(source())
    expect(restored.warning()).toMatch(/registry says otherwise of com\.acme\/weather@1\.0\.0, com\.acme\/weather@1\.1\.0: was it restored/)
    const follower = await open()
    expect([asked(follower, '1.0.0', 1), asked(follower, '1.1.0', 2)]).toEqual(['version-revoked', 'may be used'])
    // The numbers go on where the old database ended: what it calls 2 now is not what was signed as 2.
    await createVersionStore(db).publish(publication('com.acme/weather', '1.1.1', { digest: digestOf('e') }))
    await restored.look()
    await follower.look()
    expect(asked(follower, '1.1.1', 2, digestOf('e'))).toBe('index-absent')
  })
})

describe('the revocations of a registry', () => {
  it('reach followers within a minute, beside what was revoked by hand', async () => {
    const [publisher, follower] = [await open(source()), await open()]
    const heard = vi.fn()
    follower.onChange(heard)
    await revoke('version', 'com.acme/weather@1.0.0')
    await revoke('namespace', 'com.evil')
    publisher.registryChanged()
    let seconds = 0
    for (; heard.mock.calls.length === 0 && seconds < 120; seconds++) {
      vi.setSystemTime(Date.now() + 1000)
      await publisher.tick()
      await follower.tick()
    }
    expect(seconds).toBeLessThan(60)
    expect(asked(follower, '1.0.0', 1)).toBe('version-revoked')
    expect(follower.forServed({ name: 'com.evil/a', version: '1', digest: digestOf('a'), sequence: 1, isInForce: true })).toMatchObject({
      rule: 'version-revoked',
    })
  })

  it('forbid signers too, and touch nothing that keyholders signed', async () => {
    const before = repository.folder.published().roles.get('namespaces')?.signed.version
    await open(source())
    await revoke('key', `${'A'.repeat(43)}=`)
    await revoke('identity', 'https://id.example alice@acme.com')
    await revoke('key', 'no hint')
    const publisher = await open(source())
    expect(publisher.warning()).toContain('no gateway would understand what was revoked here: key no hint')
    const follower = await open()
    const found = follower.forServed({ name: 'com.acme/weather', version: '1', digest: digestOf('a'), sequence: 1, isInForce: true })
    expect(isDenial(found) ? found : found.policies.revocations).toEqual([
      { notBeforeMs: 0, hint: `${'A'.repeat(43)}=` },
      { notBeforeMs: 0, issuer: 'https://id.example', san: 'alice@acme.com' },
    ])
    expect(repository.folder.published().roles.get('namespaces')?.signed.version).toBe(before)
  })
})

describe('a publisher', () => {
  it('keeps everything it signs from expiring, through ten days in which nothing happens', async () => {
    const [publisher, follower] = [await open(source()), await open()]
    let least = Infinity
    for (let look = 1; look <= 262; look++) {
      vi.setSystemTime(NOW + look * 55 * MINUTE)
      least = Math.min(least, publisher.freshSeconds())
      await publisher.tick()
      if (look % 20 !== 0) continue
      await follower.look()
      expect(follower.warning()).toBeUndefined()
    }
    expect(least).toBe(300)
  })

  it('signs at once when the machine slept for longer than anything it signs lives', async () => {
    const [publisher, follower] = [await open(source()), await open()]
    vi.setSystemTime(NOW + 20 * DAY)
    await follower.look()
    expect(follower.warning()).toContain('not believed')
    await publisher.tick()
    await follower.look()
    expect([publisher.warning(), follower.warning(), follower.freshSeconds()]).toEqual([undefined, undefined, 3600])
  })

  it('signs timestamps while its database is away, and afterwards what it missed', async () => {
    const { standings, revocations } = source()
    let isAway = true
    const failing: RegistrySource = {
      revocations,
      standings: { since: (mark, limit) => (isAway ? Promise.reject(new Error('away')) : standings.since(mark, limit)) },
    }
    await publish('1.0.0', 1)
    const publisher = await open(failing)
    vi.setSystemTime(NOW + 2 * HOUR)
    await publisher.look()
    expect(publisher.warning()).toContain('the registry is not published')
    expect(publisher.freshSeconds()).toBe(3600)
    isAway = false
    await publisher.look()
    expect([publisher.warning(), asked(publisher, '1.0.0', 2)]).toEqual([undefined, 'index-mismatch'])
  })

  it('says what its disk refuses, and publishes what it missed when the disk is well again', async () => {
    const publisher = await open(source())
    const blocked = join(repository.folder.path, 'metadata/timestamp.json.new')
    mkdirSync(blocked)
    await publish('1.0.0', 1)
    await revoke('version', 'com.acme/weather@1.0.0')
    vi.setSystemTime(NOW + 30_000)
    await publisher.look()
    expect(publisher.warning()).toMatch(/cannot write `.*timestamp\.json`/)
    expect(JSON.parse(readFileSync(join(repository.folder.path, 'metadata/timestamp.json'), 'utf8'))).toBeTruthy()
    expect((await open()).warning()).toBeUndefined() // what was there before is whole
    rmSync(blocked, { recursive: true })
    await publisher.look()
    expect(publisher.warning()).toBeUndefined()
    expect(asked(await open(), '1.0.0', 1)).toBe('version-revoked')
  })
})
