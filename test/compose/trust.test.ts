// What a gateway makes of a repository of trust: what a new version is verified by, and what is said before anything expires.

import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openTrust, type TrustPlane } from '../../src/compose/trust.ts'
import { FloorFile } from '../../src/adapters/tuf/floor-file.ts'
import { createSafeFetch } from '../../src/adapters/safe-fetch.ts'
import { beginEvaluation } from '../../src/adapters/tuf/begin.ts'
import { publishTrust } from '../../src/adapters/tuf/publish.ts'
import { TrustFolder } from '../../src/adapters/tuf/trust-folder.ts'
import type { Snapshot } from '../../src/config/schema.ts'
import { isDenial } from '../../src/trust/denial.ts'
import { indexPart, writeIndex } from '../../src/trust/index-document.ts'
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
  random = () => 0,
}: {
  isExposed?: boolean
  isPublisher?: boolean
  random?: () => number
  place?: { folder: string } | { url: string }
  root?: string
} = {}): Promise<TrustPlane> {
  world.write('pinned.json', world.pinned)
  const snapshot = { dataDir: world.folder, registry: { isExposed } } as unknown as Snapshot
  const log = (message: string): void => void told.push(message)
  return openTrust({
    snapshot,
    repository: { place, root, isPublisher, everyMs: 30_000, graceMs: DAY },
    fetch: createSafeFetch(),
    floors: new FloorFile(join(world.folder, 'trust')),
    logger: { warn: log, info: log },
    now: Date.now,
    random,
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
    expect(answer(plane)).toBe('trust-grace')
    setClock(NOW + HOUR + DAY)
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
    publishTrust(repository, {}, NOW)
    const own = { place: { folder }, root: join(folder, 'metadata/1.root.json') }
    const [plane, reader] = [await open({ ...own, isPublisher: true }), await open(own)]
    setClock(NOW + 2 * HOUR)
    await reader.look()
    expect(reader.warning()).toContain('expired')
    await plane.look()
    expect([plane.warning(), plane.freshSeconds()]).toEqual([undefined, 3600])
    rmSync(join(folder, 'online'), { recursive: true })
    setClock(NOW + 2 * HOUR + 5 * 60_000)
    await plane.look()
    expect(plane.warning()).toContain('no key of the role `timestamp`')
    expect(answer(plane)).toMatchObject({ floor: 0 })
  })

  it('asks again within half a minute, not all followers at once, and at once after the machine slept or its clock was set back', async () => {
    world.publish()
    const plane = await open()
    const early = await open({ random: () => 1 })
    const revoked = new Set<TrustPlane>()
    for (const each of [plane, early]) each.onChange(() => void revoked.add(each))
    let sequence = 0
    const hearAt = async (ms: number): Promise<readonly TrustPlane[]> => {
      setClock(ms)
      world.put('revocations/revocations.json', revocations(`2.0.${sequence++}`))
      world.publish()
      revoked.clear()
      for (const each of [plane, early]) await each.tick()
      return [...revoked]
    }
    expect(await hearAt(NOW + 23_999)).toEqual([])
    expect(await hearAt(NOW + 24_000)).toEqual([early])
    expect(await hearAt(NOW + 30_000)).toEqual([plane])
    expect(await hearAt(NOW + 5 * DAY)).toEqual([plane, early])
    expect(await hearAt(NOW + 4 * DAY)).toEqual([plane, early])
  })

  it('tells whoever judges what is in use of other documents, and of nothing else', async () => {
    world.publish()
    const plane = await open()
    const heard = vi.fn()
    const end = plane.onChange(heard)
    world.publish()
    await plane.look()
    setClock(NOW + 2 * HOUR)
    await plane.look()
    expect(heard).not.toHaveBeenCalled()
    world.put('revocations/revocations.json', revocations('1.0.0'))
    world.publish()
    await plane.look()
    expect(heard).toHaveBeenCalledTimes(1)
    end()
    world.put('revocations/revocations.json', revocations('1.0.0', '1.0.1'))
    world.publish()
    await plane.look()
    expect(heard).toHaveBeenCalledTimes(1)
  })

  it('judges what is in use: what was verified before for the grace, and never what is revoked, below a floor or not in the index', async () => {
    const A = 'a'.repeat(64)
    const served = { name: 'com.acme/weather', version: '1.0.1', digest: A, sequence: 2, isInForce: true }
    const rule = (change: Partial<typeof served> = {}) => {
      const found = plane.forServed({ ...served, ...change })
      return isDenial(found) ? found.rule : found.floor
    }
    const indexed = new Map([['1.0.1', { version: '1.0.1', sequence: 2, digest: A, standing: 'admitted' as const }]])
    world.put(`index/${indexPart('com.acme/weather')}.json`, writeIndex(new Map([['com.acme/weather', indexed]])))
    world.put('namespaces/floors.json', floors(2))
    world.put('revocations/revocations.json', revocations('1.0.0'))
    world.publish()
    const plane = await open()
    expect([rule(), rule({ isInForce: false })]).toEqual([2, 2])
    expect(rule({ version: '1.0.0', sequence: 1 })).toBe('version-revoked')
    expect(rule({ version: '0.9.0', sequence: 1 })).toBe('below-floor')
    expect(rule({ version: '1.0.2', sequence: 3 })).toBe('index-absent')
    expect(rule({ digest: 'b'.repeat(64) })).toBe('index-mismatch')
    renameSync(world.repository, join(world.folder, 'away'))
    setClock(NOW + 24 * HOUR)
    await plane.look()
    expect([rule(), rule({ isInForce: false }), rule({ version: '1.0.0', sequence: 1 })]).toEqual([2, 'trust-grace', 'version-revoked'])
    setClock(NOW + 25 * HOUR)
    expect([rule(), rule({ version: '1.0.0', sequence: 1 })]).toEqual(['trust-expired', 'version-revoked'])
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
