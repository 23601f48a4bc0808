// What a gateway makes of a repository of trust: what a new version is verified by, and what is said before anything expires.

import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openTrust, type TrustPlane } from '../../src/compose/trust.ts'
import { createSafeFetch } from '../../src/adapters/safe-fetch.ts'
import { beginEvaluation } from '../../src/adapters/tuf/begin.ts'
import { publishTrust } from '../../src/adapters/tuf/publish.ts'
import { TrustFolder } from '../../src/adapters/tuf/trust-folder.ts'
import type { Snapshot } from '../../src/config/schema.ts'
import { isDenial } from '../../src/trust/denial.ts'
import { floors, revocations, World } from '../adapters/tuf/world.ts'

const NOW = Date.UTC(2026, 10, 21, 12, 0, 0)
const HOUR = 3_600_000
const DAY = 24 * HOUR
let world: World
let told: string[]
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW })
  world = new World(NOW)
  told = []
})
afterEach(() => {
  vi.useRealTimers()
  world.remove()
})
const setClock = (ms: number): void => {
  vi.setSystemTime(ms)
  world.nowMs = ms
}

function open({
  isExposed = false,
  place = { folder: world.repository },
  root = join(world.repository, 'pinned.json'),
  isPublisher = false,
}: { isExposed?: boolean; isPublisher?: boolean; place?: { folder: string } | { url: string }; root?: string } = {}): Promise<TrustPlane> {
  world.write('pinned.json', world.pinned)
  const snapshot = { dataDir: world.folder, registry: { isExposed } } as unknown as Snapshot
  const log = (message: string): void => void told.push(message)
  return openTrust({
    snapshot,
    repository: { place, root, isPublisher },
    fetch: createSafeFetch(),
    logger: { warn: log, info: log },
    now: Date.now,
  })
}
const answer = (plane: TrustPlane) => {
  const found = plane.forNew('com.acme/weather', '1.0.0')
  return isDenial(found) ? found.rule : found
}

describe('a gateway that follows a repository of trust', () => {
  it('verifies new versions by its policies, root and floors', async () => {
    world.put('namespaces/floors.json', floors(7))
    world.publish()
    const plane = await open()
    expect(answer(plane)).toMatchObject({ floor: 7, root: { json: expect.stringContaining('trustedroot') as string } })
    expect(plane.warning()).toBeUndefined()
    expect([plane.freshSeconds(), plane.renewalSeconds()]).toEqual([3600, (180 * DAY) / 1000])
    expect(told).toEqual([])
  })

  it('admits nothing new once it is no longer fresh, and nothing that was revoked', async () => {
    world.publish()
    const plane = await open()
    setClock(NOW + HOUR)
    expect(answer(plane)).toBe('trust-expired')
    world.put('revocations/revocations.json', revocations('1.0.0'))
    world.publish()
    await plane.look()
    expect(answer(plane)).toBe('version-revoked')
  })

  it('starts without the repository, admits nothing, and says once that it is not followed, and when it is again', async () => {
    const plane = await open()
    await plane.look()
    expect(answer(plane)).toBe('trust-unseen')
    expect(plane.warning()).toContain('not believed')
    expect(plane.freshSeconds()).toBeLessThan(0)
    world.publish()
    await plane.look()
    expect(plane.warning()).toBeUndefined()
    expect(told).toEqual(['the trust repository is not as it should be', 'the trust repository is as it should be again'])
  })

  it('warns of what is not believed, and before anything expires', async () => {
    world.publish({ namespaces: [world.keys.sec1] })
    const plane = await open()
    expect(plane.warning()).toBe('not believed: namespaces/policies.json, namespaces/floors.json')
    world.publish()
    await plane.look()
    setClock(NOW + 50 * 60_000)
    expect(plane.warning()).toBe('timestamp until 2026-11-21T13:00:00.000Z')
    setClock(NOW + 3 * DAY)
    world.publish()
    await plane.look()
    expect(plane.warning()).toBeUndefined()
    renameSync(world.repository, join(world.folder, 'away'))
    setClock(NOW + 160 * DAY)
    await plane.look()
    expect(plane.warning()).toContain('not believed')
    expect(plane.renewalSeconds()).toBe((23 * DAY) / 1000)
  })

  it('signs timestamps of its own repository, and says when it no longer can', async () => {
    const folder = join(world.folder, 'own')
    const repository = new TrustFolder(folder)
    beginEvaluation(repository, new Map(), NOW)
    publishTrust(repository, new Map(), NOW)
    const own = { place: { folder }, root: join(folder, 'metadata/1.root.json') }
    const [plane, reader] = [await open({ ...own, isPublisher: true }), await open(own)]
    setClock(NOW + 2 * HOUR)
    await reader.look()
    expect(reader.warning()).toContain('expired')
    await plane.look()
    expect([plane.warning(), plane.freshSeconds()]).toEqual([undefined, 3600])
    rmSync(join(folder, 'online'), { recursive: true })
    await plane.look()
    expect(plane.warning()).toContain('no key of the role `timestamp`')
    expect(answer(plane)).toMatchObject({ floor: 0 })
  })

  it('refuses to start with a repository that one key signs where other machines reach it, seen or not', async () => {
    world.threshold = 1
    world.rootVersion = 0
    world.pinned = world.publishRoot()
    await expect(open({ isExposed: true })).rejects.toMatchObject({ code: 'trust-evaluation' })
    world.publish()
    await expect(open({ isExposed: true })).rejects.toMatchObject({ code: 'trust-evaluation' })
    expect(answer(await open())).toMatchObject({ floor: 0 })
    expect(told.join()).toContain('EVALUATION')
  })

  it('fetches as everything outbound is fetched: no plain http, no address inside', async () => {
    world.publish()
    const plane = await open({ place: { url: 'http://127.0.0.1:9/' } })
    expect(plane.warning()).toContain('only https is fetched')
  })

  it('does not start with a pinned root that is missing', async () => {
    await expect(open({ root: join(world.folder, 'absent.json') })).rejects.toMatchObject({ code: 'trust-root-unreadable' })
  })
})
