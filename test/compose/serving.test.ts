// Versions in force over time: freshness and grace, restarts with and without what `trust/` holds, revocations, judges that cannot judge, files that change.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { InForceFiles } from '../../src/adapters/in-force-file.ts'
import { createSafeFetch } from '../../src/adapters/safe-fetch.ts'
import { RootedVerification } from '../../src/adapters/sigstore/rooted-verification.ts'
import { FloorFile } from '../../src/adapters/tuf/floor-file.ts'
import { ServedTrust } from '../../src/compose/served-trust.ts'
import { Serving } from '../../src/compose/serving.ts'
import { openTrust, type TrustPlane } from '../../src/compose/trust.ts'
import type { ConfiguredUpstream, Snapshot } from '../../src/config/schema.ts'
import { Fault, type Stop } from '../../src/kernel/errors.ts'
import type { Withdrawal } from '../../src/trust/blocked.ts'
import type { ContentStore, Launchable } from '../../src/trust/content.ts'
import { deny, type Denial } from '../../src/trust/denial.ts'
import type { Floors } from '../../src/trust/floors.ts'
import { KEYS_ONLY } from '../../src/trust/trusted-root.ts'
import { World } from '../adapters/tuf/world.ts'
import { cpuTimer } from '../support/cpu.ts'
import { LOCK, MemorySource, NAME, serverJson, sha256, Signers, SURFACE } from '../support/served.ts'

const NOW = Date.UTC(2026, 10, 26, 21, 0, 0)
const HOUR = 3_600_000
const DAY = 24 * HOUR

class Content implements ContentStore {
  kept = 0
  checked = 0
  refuses: Denial | undefined
  keepsNot: Denial | undefined
  keep(): Promise<Launchable | Denial> {
    this.kept += 1
    if (this.keepsNot) return Promise.resolve(this.keepsNot)
    return Promise.resolve({ command: '/bin/server', args: [], cwd: '/srv', folder: '/srv', treeDigest: 'f'.repeat(64) })
  }
  check(): Promise<Denial | undefined> {
    this.checked += 1
    return Promise.resolve(this.refuses)
  }
}

let world: World
let signers: Signers
let source: MemorySource
let withdrawn: Withdrawal[]
let records: Record<string, unknown>[]
let changes: (readonly [alias: string, stop: string | undefined])[]
let content: Content
let failing: 'floors' | 'record' | undefined
const rooted = new RootedVerification(60_000)
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW })
  world = new World(NOW)
  signers = new Signers(() => 'https://gateway.example')
  source = new MemorySource()
  withdrawn = []
  records = []
  changes = []
  content = new Content()
  failing = undefined
  world.put('trusted_root.json', KEYS_ONLY.json)
  world.put('namespaces/policies.json', signers.policies())
  world.publish()
  for (const [version, sequence] of [
    ['1.0.0', 1],
    ['2.0.0', 2],
  ] as const)
    source.put(
      version,
      serverJson(version),
      await signers.publish(serverJson(version), sequence),
      await signers.review(serverJson(version)),
    )
})
afterEach(() => {
  vi.useRealTimers()
  world.remove()
  signers.remove()
})
const setClock = (ms: number): void => {
  vi.setSystemTime(ms)
  world.nowMs = ms
}

const pins = (...pinned: readonly (readonly [alias: string, version: string])[]): Pick<Snapshot, 'upstreams'> => ({
  upstreams: new Map(
    pinned.map(([alias, version]) => {
      const transport = { kind: 'server', name: NAME, version, args: [], env: {}, headers: {} } as const
      return [alias, { alias, transport, launch: { specification: {}, digest: '0'.repeat(64) } } as unknown as ConfiguredUpstream]
    }),
  ),
})
type Running = { readonly serving: Serving; readonly trust: TrustPlane }

/** A gateway that starts, with what `trust/` holds. */
async function start(version = '1.0.0', graceMs = DAY, followsNothing = false): Promise<Running> {
  world.write('pinned.json', world.pinned)
  const dataDir = world.folder
  const file = new FloorFile(join(dataDir, 'trust'))
  const floors: Floors = {
    of: name => file.of(name),
    raise(table) {
      if (failing === 'floors') throw new Fault('floors-unwritable', 'the disk is full')
      file.raise(table)
    },
  }
  const log = (): void => {}
  const trust = await openTrust({
    snapshot: { dataDir, registry: { isExposed: false } } as unknown as Snapshot,
    repository: {
      place: { folder: world.repository },
      root: join(world.repository, 'pinned.json'),
      isPublisher: false,
      everyMs: 30_000,
      graceMs,
    },
    fetch: createSafeFetch(),
    floors,
    logger: { warn: log, info: log },
    now: Date.now,
  })
  const serving = new Serving({
    trust: new ServedTrust({
      followed: followsNothing ? undefined : trust,
      files: () => undefined,
      rooted,
      source,
      withdrawn: () => Promise.resolve(withdrawn),
      floors,
      advisories: { advisoriesAgainst: () => Promise.resolve([]) },
      vulnerable: () => 'refuse',
      registry: () => 'https://gateway.example',
      now: Date.now,
    }),
    content,
    floors,
    inForce: new InForceFiles(dataDir),
    record: detail => {
      if (failing === 'record') return Promise.reject(new Fault('audit-unavailable', 'the log cannot be written'))
      records.push(detail)
      return Promise.resolve()
    },
    report: log,
    changed: (alias, stop) => void changes.push([alias, stop && ruleOf(stop)]),
    decided: log,
    logger: { warn: log, info: log },
    now: Date.now,
  })
  trust.onChange(() => void serving.look())
  if (version !== '') await serving.configure(pins(['weather', version])).wait()
  return { serving, trust }
}
const ruleOf = (stop: Stop | undefined): string | undefined => (stop?.data?.['trust'] as { rule: string } | undefined)?.rule ?? stop?.detail
const standing = ({ serving }: Running, alias = 'weather'): string => ruleOf(serving.standing(alias)) ?? 'served'
const keyOf = ({ serving }: Running): string => serving.inUse('weather')?.key ?? ''

describe('while the repository of trust cannot be reached', () => {
  it('what is in force goes on for the grace, and ends with it', async () => {
    const running = await start()
    expect(standing(running)).toBe('served')
    setClock(NOW + HOUR)
    expect(standing(running)).toBe('served')
    expect(await running.serving.check('weather', keyOf(running))).toBeUndefined()
    setClock(NOW + HOUR + DAY)
    expect(standing(running)).toBe('trust-expired')
    running.serving.tick()
    expect(changes.at(-1)).toEqual(['weather', 'trust-expired'])
    await vi.waitFor(() => expect(records.at(-1)).toMatchObject({ is: 'ended', reason: 'trust-stale', rule: 'trust-expired' }))
  })
  it('without a grace it ends when what is known expires', async () => {
    const running = await start('1.0.0', 0)
    setClock(NOW + HOUR - 1)
    expect(standing(running)).toBe('served')
    setClock(NOW + HOUR)
    expect(standing(running)).toBe('trust-expired')
  })
  it('comes back into force when it can be reached again', async () => {
    const running = await start('1.0.0', 0)
    setClock(NOW + 2 * HOUR)
    running.serving.tick()
    expect(standing(running)).toBe('trust-expired')
    world.publish()
    await running.trust.look()
    await running.serving.look()
    expect(standing(running)).toBe('served')
  })
  it('a gateway that starts within the grace serves what was in force, and nothing else', async () => {
    await start()
    setClock(NOW + 2 * HOUR)
    expect(standing(await start())).toBe('served')
    expect(standing(await start('2.0.0'))).toBe('trust-grace')
    expect(standing(await start('1.0.0', HOUR))).toBe('trust-expired')
  })
  it('attack: within the grace another review, surface or bundle of the same version is new, and waits', async () => {
    await start()
    setClock(NOW + 2 * HOUR)
    const other = { ...SURFACE, tools: { ...SURFACE.tools, exfil: sha256('exfil') } }
    source.documents.push(Buffer.from(JSON.stringify(other)))
    const json = serverJson('1.0.0')
    source.put('1.0.0', json, await signers.publish(json, 1), await signers.review(json, { surface: other }))
    expect(standing(await start())).toBe('trust-grace')
  })
  it('attack: what was in force is forgotten: without it nothing is served that is not fresh', async () => {
    await start()
    setClock(NOW + 2 * HOUR)
    rmSync(join(world.folder, 'trust', 'in-force'), { recursive: true })
    expect(standing(await start())).toBe('trust-grace')
  })
  it('attack: the clock is set back before a start, so that what expired is fresh again', async () => {
    await start()
    setClock(NOW - HOUR)
    expect(standing(await start())).toBe('clock-back')
  })
})

describe('an older version', () => {
  it('attack: replayed after a newer one was in force, also by a restart and a database of before', async () => {
    expect(standing(await start('2.0.0'))).toBe('served')
    const before = new Map(source.versions)
    source.versions.delete('2.0.0')
    expect(standing(await start('1.0.0'))).toBe('below-floor')
    for (const [version, found] of before) source.versions.set(version, found)
    expect(standing(await start('2.0.0'))).toBe('served')
  })
  it('under a second alias ends when the newer one comes into force: one gateway serves one version of a server', async () => {
    const running = await start()
    await running.serving.configure(pins(['weather', '1.0.0'], ['newer', '2.0.0'])).wait()
    await vi.waitFor(() => expect([standing(running), standing(running, 'newer')]).toEqual(['below-floor', 'served']))
  })
  it('is another server to everything that was allowed before; the same version with another review is the same one', async () => {
    const running = await start()
    const since = (): number => running.serving.inUse('weather')?.sinceMs ?? 0
    expect(since()).toBe(NOW)
    setClock(NOW + 60_000)
    const other = { ...SURFACE, tools: {} }
    source.documents.push(Buffer.from(JSON.stringify(other)))
    const json = serverJson('1.0.0')
    source.put('1.0.0', json, await signers.publish(json, 1), await signers.review(json, { surface: other }))
    await running.serving.look()
    expect([running.serving.inUse('weather')?.served.surface, since()]).toEqual([other, NOW])
    await running.serving.configure(pins(['weather', '2.0.0'])).wait()
    expect(since()).toBe(NOW + 60_000)
  })
  it('is not used where the floor cannot be raised: then it would come back', async () => {
    failing = 'floors'
    const running = await start()
    expect(running.serving.inUse('weather')).toBeUndefined()
    expect(running.serving.standing('weather')?.stop).toBe('server-unverified')
  })
  it('where no repository is followed the floor counts all the same', async () => {
    const files = await start('', DAY, true)
    await files.serving.configure(pins(['weather', '1.0.0'])).wait()
    expect(standing(files)).toBe('policy-absent')
  })
})

describe('what is not on record', () => {
  it('is not used', async () => {
    failing = 'record'
    const running = await start()
    expect(running.serving.inUse('weather')).toBeUndefined()
    failing = undefined
    await running.serving.look()
    expect(standing(running)).toBe('served')
    expect(records.map(r => r['is'])).toEqual(['in-force'])
  })
})

describe('revoked while it is in force', () => {
  it.each<[string, () => void, string]>([
    ['by the repository of trust', () => world.put('revocations/revocations.json', revoked), 'version-revoked'],
    ['the reviewer’s key, by the policies', () => world.put('namespaces/policies.json', withoutReviewer()), 'verifier-unknown'],
  ])('%s: at the next look', async (_what, change, rule) => {
    const running = await start()
    change()
    world.publish()
    await running.trust.look()
    await vi.waitFor(() => expect(standing(running)).toBe(rule))
    await vi.waitFor(() => expect(changes.at(-1)).toEqual(['weather', rule]))
  })
  it('by its own registry: at once, and what is started next is refused before anything was told', async () => {
    const running = await start()
    withdrawn = [{ kind: 'artifact', target: sha256(LOCK) }]
    expect(ruleOf(await running.serving.check('weather', keyOf(running)))).toBe('artifact-revoked')
    expect(standing(running)).toBe('artifact-revoked')
  })
  it('the registry’s row alone, if it says so', async () => {
    const running = await start()
    source.versions.set('1.0.0', { ...source.versions.get('1.0.0')!, isRevoked: true })
    await running.serving.look()
    expect(standing(running)).toBe('version-revoked')
  })
})

describe('what cannot be fetched', () => {
  it('is tried again after a growing while, and at once when somebody reads the configuration again', async () => {
    content.keepsNot = deny('artifact-mismatch', 'the bytes are others')
    const running = await start()
    const tries = async (seconds: number): Promise<number> => {
      const before = content.kept
      for (let t = 30; t <= seconds; t += 30) {
        setClock(Date.now() + 30_000)
        world.publish()
        await running.trust.look()
        await running.serving.look()
      }
      expect(standing(running)).toBe('artifact-mismatch')
      return content.kept - before
    }
    expect(content.kept).toBe(1)
    expect(await tries(30)).toBe(1)
    expect(await tries(600)).toBe(3)
    content.keepsNot = undefined
    await running.serving.configure(pins(['weather', '1.0.0'])).wait()
    await running.serving.look()
    expect(standing(running)).toBe('served')
  })
})

describe('at every connect', () => {
  it('everything is judged again, once for all who ask at the same time', async () => {
    const running = await start()
    let asked = 0
    const find = source.find
    source.find = (...args) => {
      asked += 1
      return find(...args)
    }
    const answers = await Promise.all(Array.from({ length: 50 }, () => running.serving.check('weather', keyOf(running))))
    expect(new Set(answers)).toEqual(new Set([undefined]))
    expect(asked).toBeLessThanOrEqual(2)
    expect(content.kept).toBe(1)
  })
  it('a registry that cannot be asked starts nothing; what runs goes on, and ends when it cannot be asked twice', async () => {
    const running = await start()
    source.failure = new Fault('state-unavailable', 'the database is gone')
    expect(ruleOf(await running.serving.check('weather', keyOf(running)))).toBe('registry-unavailable')
    expect(standing(running)).toBe('served')
    setClock(NOW + 30_000)
    await running.serving.look()
    expect(standing(running)).toBe('registry-unavailable')
    source.failure = undefined
    await running.serving.look()
    expect(standing(running)).toBe('served')
  })
  it('files that are others than those installed start nothing, and end what runs on them', async () => {
    const running = await start()
    content.refuses = deny('artifact-mismatch', 'the tree is another')
    expect(ruleOf(await running.serving.check('weather', keyOf(running)))).toBe('artifact-mismatch')
    expect(changes.at(-1)).toEqual(['weather', 'artifact-mismatch'])
  })
  it('what was pinned before is not started any more', async () => {
    const running = await start()
    const old = keyOf(running)
    await running.serving.configure(pins(['weather', '2.0.0'])).wait()
    expect(standing(running)).toBe('served')
    expect(await running.serving.check('weather', old)).toMatchObject({ stop: 'server-unverified' })
    expect(await running.serving.check('weather', keyOf(running))).toBeUndefined()
    expect(changes).toEqual([
      ['weather', undefined],
      ['weather', undefined],
    ])
  })
  it('a pin that is refused takes the version before away: what is configured decides what runs', async () => {
    const running = await start()
    await running.serving.configure(pins(['weather', '3.0.0'])).wait()
    expect([standing(running), changes.at(-1)]).toEqual(['version-absent', ['weather', 'version-absent']])
  })
  it('a configuration that is read again while a version is being judged changes nothing about that', async () => {
    const running = await start('')
    const first = running.serving.configure(pins(['weather', '1.0.0']))
    const again = running.serving.configure(pins(['weather', '1.0.0']))
    await Promise.all([first.wait(), again.wait()])
    expect(standing(running)).toBe('served')
  })
  it('attack: documents are damaged in memory or on disk so that asking them fails: nothing of it passes, and the gateway goes on', async () => {
    const running = await start()
    vi.spyOn(running.trust, 'forServed').mockImplementation(() => {
      throw new Fault('trust-evaluation', 'the policies cannot be evaluated')
    })
    expect(standing(running)).toBe('registry-unavailable')
    running.serving.tick()
    expect(changes.at(-1)).toEqual(['weather', 'registry-unavailable'])
  })
  it('an alias that is gone from the configuration stands until its upstream is gone, and is then unknown', async () => {
    const running = await start()
    const { wait, settled } = running.serving.configure(pins())
    await wait()
    expect(running.serving.inUse('weather')).toBeDefined()
    settled()
    expect([running.serving.inUse('weather'), running.serving.standing('weather')]).toEqual([undefined, undefined])
  })
})

it('a decision on the way of a request takes less than 50 microseconds', async () => {
  const running = await start()
  for (let i = 0; i < 2000; i++) running.serving.standing('weather')
  const spent = cpuTimer()
  for (let i = 0; i < 10_000; i++) running.serving.standing('weather')
  expect(spent() / 10).toBeLessThan(50)
})

const revoked = JSON.stringify({ version: 1, signers: [], versions: [{ server: NAME, version: '1.0.0' }] })
const withoutReviewer = (): string => signers.policies({ reviewers: [] })
