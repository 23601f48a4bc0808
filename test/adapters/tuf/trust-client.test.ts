import { createServer, type Server } from 'node:http'
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createSafeFetch } from '../../../src/adapters/safe-fetch.ts'
import { FloorFile } from '../../../src/adapters/tuf/floor-file.ts'
import { RepositoryFetcher } from '../../../src/adapters/tuf/repository-fetcher.ts'
import type { TrustClient } from '../../../src/adapters/tuf/trust-client.ts'
import { indexPart } from '../../../src/trust/index-document.ts'
import { whyNotFresh, type SeenTrust } from '../../../src/trust/freshness.ts'
import { floors, newKey, policies, revocations, trustedRoot, World, type Signers } from './world.ts'

/** the part of the index that names com.acme/weather */
const PART = `index/${indexPart('com.acme/weather')}.json`
const NOW = Date.UTC(2026, 10, 21, 12, 0, 0)
const HOUR = 3_600_000

let world: World
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW })
  world = new World(NOW)
})
afterEach(() => {
  vi.useRealTimers()
  world.remove()
})

/** The fake clock, for the library, the client and what is signed from now on. */
const setClock = (ms: number): void => {
  vi.setSystemTime(ms)
  world.nowMs = ms
}
const sanOf = (seen: SeenTrust): string | undefined => {
  const policy = seen.documents.policies?.namespaces.get('com.acme')
  return policy?.mode === 'keyless' ? policy.identities[0]?.san : undefined
}
const revokedIn = (seen: SeenTrust): readonly string[] => [...(seen.documents.revocations?.versions ?? [])]
const WEATHER = { server: 'com.acme/weather', version: '1.0.0' }
const verdict = (client: TrustClient, isAdmitted: boolean, graceMs = 24 * HOUR): string | undefined =>
  whyNotFresh(client.seen(), { ...WEATHER, isAdmitted }, { graceMs, nowMs: Date.now() })?.rule

describe('a repository of trust (N145)', () => {
  it('hands over what its roles signed, and what was seen is there again after a restart', async () => {
    world.put(PART, '{"version":1,"servers":{"com.acme/weather":[]}}')
    world.publish()
    const { seen, refused } = await world.client().refresh()
    expect(refused).toEqual([])
    expect(seen.documents.trustedRoot?.json).toBe(trustedRoot())
    expect(sanOf(seen)).toBe('alice@acme.com')
    expect([...(seen.documents.index?.keys() ?? [])]).toEqual(['com.acme/weather'])
    expect(seen).toMatchObject({ lastSeenMs: NOW, freshUntilMs: NOW + HOUR, isEvaluation: false })
    expect(world.client().seen()).toEqual(seen)
    expect(statSync(join(world.trust, 'tuf.json')).mode & 0o077).toBe(0)
    expect(readdirSync(world.trust)).toEqual(['index', 'tuf.json'])
  })

  it('is said to be an evaluation where one key alone signs for it', async () => {
    world.threshold = 1
    world.rootVersion = 0
    world.pinned = world.publishRoot()
    world.publish()
    expect((await world.client().refresh()).seen.isEvaluation).toBe(true)
  })

  it('takes up new revocations', async () => {
    world.publish()
    const client = world.client()
    await client.refresh()
    world.put('revocations/revocations.json', revocations('1.0.0'))
    world.publish()
    await client.refresh()
    expect(revokedIn(client.seen())).toEqual(['com.acme/weather@1.0.0'])
    expect(verdict(client, true)).toBe('version-revoked')
  })

  it('refuses an old timestamp that is replayed, also after the newest one expired and after a restart', async () => {
    const old = world.publish()
    const client = world.client()
    await client.refresh()
    world.put('revocations/revocations.json', revocations('1.0.0'))
    world.publish()
    await client.refresh()
    world.write('metadata/timestamp.json', old.timestamp)
    await expect(client.refresh()).rejects.toMatchObject({
      code: 'trust-refresh-failed',
      message: expect.stringContaining('BadVersion') as string,
    })
    setClock(NOW + 2 * HOUR)
    await expect(world.client().refresh()).rejects.toMatchObject({ code: 'trust-refresh-failed' })
    expect(revokedIn(world.client().seen())).toEqual(['com.acme/weather@1.0.0'])
  })

  it('refuses a timestamp that a stolen timestamp key dates anew below the version that was seen', async () => {
    world.publish()
    world.publish()
    const client = world.client()
    await client.refresh()
    setClock(NOW + 2 * HOUR)
    world.version = 0
    world.publish()
    await expect(client.refresh()).rejects.toMatchObject({
      code: 'trust-refresh-failed',
      message: expect.stringContaining('BadVersion') as string,
    })
  })

  it('refuses an expired timestamp, from a gateway that knows nothing too (freeze)', async () => {
    world.publish()
    setClock(NOW + HOUR)
    await expect(world.client().refresh()).rejects.toMatchObject({ message: expect.stringContaining('Expired') as string })
    expect(verdict(world.client(), true)).toBe('trust-unseen')
  })

  it('refuses an old snapshot under a new timestamp, and an old index under a new snapshot (mix and match)', async () => {
    const old = world.publish()
    world.publish()
    world.write('metadata/2.snapshot.json', old.snapshot)
    await expect(world.client().refresh()).rejects.toMatchObject({ code: 'trust-refresh-failed' })
    world.put(PART, '{"version":1,"servers":{}}')
    world.publish()
    world.write('metadata/3.index.json', old.index)
    const { refused } = await world.client({ trust: join(world.folder, 'other') }).refresh()
    expect(refused.map(({ part }) => part)).toEqual(['index'])
  })

  it('refuses a document that was changed where it is kept', async () => {
    world.publish()
    const folder = join(world.repository, 'targets/revocations')
    const [name = ''] = readdirSync(folder)
    writeFileSync(join(folder, name), readFileSync(join(folder, name), 'utf8').replace('"versions":[]', '"versions": '))
    const { seen, refused } = await world.client().refresh()
    expect(refused).toMatchObject([{ part: 'revocations/revocations.json' }])
    expect(seen.freshUntilMs).toBeUndefined()
    expect(verdict(world.client(), true)).toBe('trust-unseen')
  })

  it('refuses a namespace that an online key rewrites, and one that 1 of 2 keyholders signed; what else is new counts', async () => {
    world.publish()
    const client = world.client()
    await client.refresh()
    world.put('namespaces/policies.json', policies('mallory@evil.example'))
    world.put('revocations/revocations.json', revocations('1.0.0'))
    for (const namespaces of [[world.keys.index, world.keys.revocations], [world.keys.sec1]]) {
      world.publish({ namespaces })
      const { refused } = await client.refresh()
      expect(refused.map(({ part }) => part)).toContain('namespaces/policies.json')
      expect(sanOf(client.seen())).toBe('alice@acme.com')
      expect(revokedIn(client.seen())).toEqual(['com.acme/weather@1.0.0'])
    }
    world.publish({ namespaces: [world.keys.sec1, world.keys.sec3] })
    expect((await client.refresh()).refused).toEqual([])
    expect(sanOf(client.seen())).toBe('mallory@evil.example')
  })

  it('gives no time to whoever serves new timestamps and holds the revocations back', async () => {
    world.publish()
    const client = world.client()
    await client.refresh()
    setClock(NOW + HOUR / 2)
    world.publish()
    rmSync(join(world.repository, 'metadata/2.revocations.json'))
    expect((await client.refresh()).refused.map(({ part }) => part)).toEqual(['revocations/revocations.json'])
    expect(client.seen().freshUntilMs).toBe(NOW + HOUR)
  })

  it('takes no revocation back for whoever stole its key and all other online keys, not after a restart either; keyholders can, by other keys', async () => {
    world.put('revocations/revocations.json', revocations('1.0.0'))
    world.publish()
    await world.client().refresh()
    world.put('revocations/revocations.json', revocations('0.9.0'))
    world.publish()
    const client = world.client()
    expect((await client.refresh()).refused).toEqual([])
    for (const seen of [client.seen(), world.client().seen()])
      expect(revokedIn(seen).toSorted()).toEqual(['com.acme/weather@0.9.0', 'com.acme/weather@1.0.0'])
    expect(verdict(world.client(), true)).toBe('version-revoked')
    world.keys.revocations = newKey()
    world.publish()
    await client.refresh()
    expect(revokedIn(client.seen())).toEqual(['com.acme/weather@0.9.0'])
  })

  it('does not start with revocations that are no longer what was written', async () => {
    world.put('revocations/revocations.json', revocations('1.0.0'))
    world.publish()
    await world.client().refresh()
    for (const text of ['', '{"version":1,"keys":"","revocations":{}}']) {
      writeFileSync(join(world.trust, 'revoked.json'), text)
      expect(() => world.client()).toThrow(expect.objectContaining({ code: 'revoked-invalid' }) as Error)
    }
  })

  it.each(['timestamp', 'snapshot', 'index', 'revocations'] as const)(
    'gives whoever stole the %s key nothing of keyholders: no policy, floor or trusted root, and no older version of what was seen',
    async stolen => {
      const key = world.keys[stolen]
      world.put('namespaces/floors.json', floors(7))
      const old = world.publish()
      const client = world.client()
      world.publish()
      await client.refresh()
      const forge = async (path: string, text: string, signers: Signers): Promise<void> => {
        const before = world.documents.get(path)?.toString() ?? ''
        world.put(path, text)
        world.publish(signers)
        await client.refresh().catch(() => undefined)
        world.put(path, before)
      }
      await forge('namespaces/policies.json', policies('mallory@evil.example'), { namespaces: [key] })
      await forge('namespaces/floors.json', floors(1), { namespaces: [key] })
      await forge('trusted_root.json', trustedRoot('mallory'), { targets: [key] })
      // What it signs by right it can date back to nothing that was seen.
      world.version = 0
      world.publish()
      await expect(client.refresh()).rejects.toMatchObject({ message: expect.stringContaining('BadVersion') as string })
      world.write('metadata/timestamp.json', old.timestamp)
      await expect(client.refresh()).rejects.toMatchObject({ message: expect.stringContaining('BadVersion') as string })
      expect(sanOf(client.seen())).toBe('alice@acme.com')
      expect(client.seen().documents.trustedRoot?.json).toBe(trustedRoot())
      expect(new FloorFile(world.trust).of('com.acme/weather')).toBe(7)
    },
  )

  it('refuses a new snapshot of all stolen online keys that leaves a role out, or names an older version of one', async () => {
    world.put('revocations/revocations.json', revocations('1.0.0'))
    world.publish()
    world.publish()
    const client = world.client()
    await client.refresh()
    const snapshotOf = (change: (meta: Record<string, { version: number }>) => void): Buffer => {
      const { signed } = JSON.parse(readFileSync(join(world.repository, 'metadata/2.snapshot.json'), 'utf8')) as {
        signed: { version: number; meta: Record<string, { version: number }> }
      }
      signed.version = 3
      change(signed.meta)
      return world.signSnapshot(signed)
    }
    for (const change of [
      (meta: Record<string, { version: number }>) => void Reflect.deleteProperty(meta, 'revocations.json'),
      (meta: Record<string, { version: number }>) => void (meta['revocations.json'] = { version: 1 }),
      (meta: Record<string, { version: number }>) => void (meta['namespaces.json'] = { version: 1 }),
    ]) {
      world.write('metadata/3.snapshot.json', snapshotOf(change))
      await expect(client.refresh()).rejects.toMatchObject({ code: 'trust-refresh-failed' })
      expect(revokedIn(client.seen())).toEqual(['com.acme/weather@1.0.0'])
    }
  })

  it('follows a new online key that targets names, without a change here', async () => {
    world.publish()
    const client = world.client()
    await client.refresh()
    const stolen = world.keys.revocations
    world.keys.revocations = newKey()
    world.put('revocations/revocations.json', revocations('1.0.0'))
    world.publish()
    await client.refresh()
    expect(revokedIn(client.seen())).toEqual(['com.acme/weather@1.0.0'])
    world.put('revocations/revocations.json', revocations())
    world.publish({ revocations: [stolen] })
    expect((await client.refresh()).refused.map(({ part }) => part)).toEqual(['revocations/revocations.json'])
    expect(revokedIn(client.seen())).toEqual(['com.acme/weather@1.0.0'])
  })

  it('refuses a timestamp key that a newer root took away, from a gateway with the first root too', async () => {
    world.publish()
    const client = world.client()
    await client.refresh()
    const stolen = world.keys.timestamp
    world.keys.timestamp = newKey()
    world.publishRoot()
    world.publish({ timestamp: [stolen] })
    await expect(client.refresh()).rejects.toMatchObject({ message: expect.stringContaining('0/1 keys') as string })
    await expect(world.client({ trust: join(world.folder, 'new') }).refresh()).rejects.toMatchObject({ code: 'trust-refresh-failed' })
    // The new root was kept: hiding it again brings the old key back for nobody.
    renameSync(join(world.repository, 'metadata/2.root.json'), join(world.folder, 'hidden'))
    await expect(world.client().refresh()).rejects.toMatchObject({ message: expect.stringContaining('0/1 keys') as string })
    renameSync(join(world.folder, 'hidden'), join(world.repository, 'metadata/2.root.json'))
    world.publish()
    expect((await client.refresh()).refused).toEqual([])
  })

  it('refuses a root that 1 of 3 keyholders signed with a key of their own', async () => {
    world.publish()
    const client = world.client()
    await client.refresh()
    const { root1 } = world.keys
    const [evil1, evil2] = [newKey(), newKey()]
    Object.assign(world.keys, { root1: evil1, root2: evil2, timestamp: newKey() })
    world.publishRoot([evil1, evil2, root1])
    await expect(client.refresh()).rejects.toMatchObject({ message: expect.stringContaining('1/2 keys') as string })
  })

  it('raises floors with the namespaces role, and keeps them raised', async () => {
    world.put('namespaces/floors.json', floors(7))
    world.publish()
    await world.client().refresh()
    world.put('namespaces/floors.json', floors(3))
    world.publish()
    await world.client().refresh()
    expect(new FloorFile(world.trust).of('com.acme/Weather')).toBe(7)
  })

  it('goes on with what it saw while the repository is down: all, then what was admitted, then nothing', async () => {
    world.put('revocations/revocations.json', revocations('0.9.0'))
    world.publish()
    await world.client().refresh()
    rmSync(world.repository, { recursive: true })
    const client = world.client()
    await expect(client.refresh()).rejects.toMatchObject({ code: 'trust-refresh-failed' })
    expect([verdict(client, false), verdict(client, true)]).toEqual([undefined, undefined])
    setClock(NOW + HOUR)
    await expect(client.refresh()).rejects.toMatchObject({ code: 'trust-refresh-failed' })
    expect([verdict(client, false), verdict(client, true), verdict(client, true, 0)]).toEqual(['trust-grace', undefined, 'trust-expired'])
    setClock(NOW + 25 * HOUR)
    expect([verdict(client, false), verdict(client, true)]).toEqual(['trust-expired', 'trust-expired'])
  })

  it('denies while the clock is set back before what was seen, so that nothing expired looks fresh', async () => {
    world.publish()
    const client = world.client()
    await client.refresh()
    rmSync(world.repository, { recursive: true })
    setClock(NOW + 48 * HOUR)
    await expect(client.refresh()).rejects.toThrow()
    setClock(NOW + HOUR / 2)
    expect(verdict(world.client(), true)).toBe('clock-back')
    await expect(world.client().refresh()).rejects.toThrow()
    expect(verdict(world.client(), true)).toBe('clock-back')
  })

  it('does not start with a state that is no longer what was written, or that others may write', async () => {
    world.publish()
    await world.client().refresh()
    const file = join(world.trust, 'tuf.json')
    const text = readFileSync(file, 'utf8')
    for (const bad of ['{', '{"version":1}', text.replace('"version": 1', '"version": 2')]) {
      writeFileSync(file, bad)
      expect(() => world.client()).toThrow(expect.objectContaining({ code: 'trust-state-invalid' }) as Error)
    }
    writeFileSync(file, text)
    expect(sanOf(world.client().seen())).toBe('alice@acme.com')
    chmodSync(file, 0o606)
    expect(() => world.client()).toThrow(expect.objectContaining({ code: 'trust-state-invalid' }) as Error)
  })

  it('wants a root that is one to begin with, and says by it what kind of repository it is', () => {
    expect(world.client().seen()).toMatchObject({ freshUntilMs: undefined, isEvaluation: false, lastSeenMs: 0 })
    for (const text of ['', '{}', readFileSync(join(world.repository, 'metadata/1.root.json'), 'utf8').replace('"root"', '"targets"')]) {
      world.pinned = Buffer.from(text)
      expect(() => world.client()).toThrow(expect.objectContaining({ code: 'trust-metadata-invalid' }) as Error)
    }
  })

  it('goes on after a restart without the repository by what is signed from the pinned root on, through any number of roots', async () => {
    world.put(PART, '{"version":1,"servers":{"com.acme/weather":[]}}')
    for (const role of ['timestamp', 'root1', 'snapshot'] as const) {
      world.keys[role] = newKey()
      world.publishRoot([world.keys.root2, world.keys.root3])
    }
    world.publish({ targets: [world.keys.root2, world.keys.root3] })
    await world.client().refresh()
    rmSync(world.repository, { recursive: true })
    const client = world.client()
    expect([client.isProven, sanOf(client.seen()), verdict(client, false)]).toEqual([true, 'alice@acme.com', undefined])
    expect(client.seen().documents.index?.has('com.acme/weather')).toBe(true)
  })

  describe('whoever can write into its folder, and holds no key of keyholders', () => {
    const file = (): string => join(world.trust, 'tuf.json')
    type Kept = {
      freshUntil: string
      roots: Record<string, string>
      metadata: Record<string, string>
      documents: Record<string, string>
      index: Record<string, string>
    }
    /** The client of a gateway that starts while the repository is away. */
    async function after(change: (kept: Kept) => void): Promise<TrustClient> {
      world.put(PART, '{"version":1,"servers":{"com.acme/weather":[]}}')
      world.put('revocations/revocations.json', revocations('0.9.0'))
      world.publish()
      await world.client().refresh()
      const kept = JSON.parse(readFileSync(file(), 'utf8')) as Kept
      change(kept)
      writeFileSync(file(), JSON.stringify(kept), { mode: 0o600 })
      renameSync(world.repository, join(world.folder, 'away'))
      return world.client()
    }
    const POLICIES = 'namespaces/policies.json'

    it.each<[string, (kept: Kept) => void]>([
      ['policies of their own', kept => void (kept.documents[POLICIES] = policies('mallory@evil.com'))],
      ['no policies', kept => void Reflect.deleteProperty(kept.documents, POLICIES)],
      ['a trusted root of their own', kept => void (kept.documents['trusted_root.json'] = trustedRoot('mallory'))],
      ['no index', kept => void (kept.index = {})],
      ['revocations without one', kept => void (kept.documents['revocations/revocations.json'] = revocations())],
      ['a document of no role', kept => void (kept.documents['index/more.json'] = '{}')],
      [
        'metadata that was changed',
        kept => void (kept.metadata['namespaces'] = (kept.metadata['namespaces'] ?? '').replace(/2027/, '2099')),
      ],
      [
        'a timestamp that lives for ever',
        kept => void (kept.metadata['timestamp'] = (kept.metadata['timestamp'] ?? '').replace(/2026/, '2099')),
      ],
    ])('gets nothing believed by %s', async (_, change) => {
      const client = await after(change)
      expect([client.isProven, verdict(client, true), verdict(client, false)]).toEqual([false, 'trust-unseen', 'trust-unseen'])
      expect([client.seen().documents.policies, client.seen().documents.trustedRoot]).toEqual([undefined, undefined])
    })

    it('keeps nothing fresh beyond what was signed', async () => {
      const client = await after(kept => void (kept.freshUntil = '2099-01-01T00:00:00.000Z'))
      expect(client.seen().freshUntilMs).toBe(NOW + HOUR)
    })

    it('gets no repository of their own believed, served under the right address and with a root of theirs in the folder', async () => {
      const evil = new World(NOW)
      evil.put('namespaces/policies.json', policies('mallory@evil.com'))
      evil.rootVersion = 1
      const root = evil.publishRoot().toString()
      const client = await after(kept => Object.assign(kept, { metadata: { root }, roots: { 2: root } }))
      expect(client.isProven).toBe(false)
      evil.publish()
      renameSync(evil.repository, world.repository)
      await expect(client.refresh()).rejects.toMatchObject({ code: 'trust-refresh-failed' })
      expect(sanOf(client.seen())).toBeUndefined()
      expect(revokedIn(client.seen())).toEqual(['com.acme/weather@0.9.0'])
      rmSync(world.repository, { recursive: true })
      renameSync(join(world.folder, 'away'), world.repository)
      expect([(await client.refresh()).refused, sanOf(client.seen())]).toEqual([[], 'alice@acme.com'])
      evil.remove()
    })
  })

  it('leaves nothing behind when a refresh was ended by force', async () => {
    world.publish()
    mkdirSync(join(world.trust, 'refresh'), { recursive: true })
    writeFileSync(join(world.trust, 'refresh', 'timestamp.json'), 'torn')
    expect((await world.client().refresh()).refused).toEqual([])
    expect(readdirSync(world.trust)).toEqual(['tuf.json'])
  })

  it('stays inside its folder, whatever a name in it says', async () => {
    world.publish()
    writeFileSync(join(world.folder, 'secret'), 'secret')
    const fetcher = new RepositoryFetcher({ kind: 'folder', folder: world.repository })
    const inside = pathToFileURL(join(world.repository, 'metadata/timestamp.json')).href
    expect(await new Response(await fetcher.fetch(inside)).text()).toContain('"timestamp"')
    for (const name of ['../secret', 'metadata/..%2f..%2fsecret'])
      await expect(fetcher.fetch(`${pathToFileURL(world.repository).href}/${name}`)).rejects.toThrow()
    await expect(fetcher.fetch(pathToFileURL(join(world.folder, 'secret')).href)).rejects.toMatchObject({ code: 'fetch-refused' })
  })
})

describe('a repository over HTTP', () => {
  const fileAt = (path: string): Buffer | undefined => {
    try {
      return readFileSync(join(world.repository, path.replace('/tuf/', '')))
    } catch {
      return undefined
    }
  }
  let server: Server
  const serve = (answer: (path: string) => Buffer | undefined): Promise<number> =>
    new Promise(resolve => {
      server = createServer((request, response) => {
        const body = answer(request.url ?? '')
        response.writeHead(body ? 200 : 404).end(body)
      }).listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
    })
  afterEach(() => {
    server.closeAllConnections()
    server.close()
  })

  it('is asked for one root and one timestamp while nothing changed, and what was seen is not written again', async () => {
    world.publish()
    const asked: string[] = []
    const port = await serve(path => {
      asked.push(path)
      return fileAt(path)
    })
    const place = {
      kind: 'https',
      url: `http://127.0.0.1:${port}/tuf/`,
      fetch: createSafeFetch({ namedHosts: [`127.0.0.1:${port}`] }),
    } as const
    const client = world.client({ place })
    await client.refresh()
    const file = join(world.trust, 'tuf.json')
    const before = statSync(file, { bigint: true }).mtimeNs
    for (const seconds of [30, 60, 299]) {
      asked.length = 0
      setClock(NOW + seconds * 1000)
      expect((await client.refresh()).refused).toEqual([])
      expect(asked).toEqual(['/tuf/metadata/2.root.json', '/tuf/metadata/timestamp.json'])
    }
    expect(client.seen().lastSeenMs).toBe(NOW + 299_000)
    expect(statSync(file, { bigint: true }).mtimeNs).toBe(before)
    setClock(NOW + 300_000)
    await client.refresh()
    expect(world.client().seen().lastSeenMs).toBe(NOW + 300_000)
  })

  it('is asked for all documents again after an answer that was cut off: a snapshot that is known does not mean that they are', async () => {
    world.publish()
    let isCut = false
    const port = await serve(path => (isCut && path.endsWith('2.targets.json') ? undefined : fileAt(path)))
    const place = {
      kind: 'https',
      url: `http://127.0.0.1:${port}/tuf/`,
      fetch: createSafeFetch({ namedHosts: [`127.0.0.1:${port}`] }),
    } as const
    const client = world.client({ place })
    await client.refresh()
    world.put('revocations/revocations.json', revocations('1.0.0'))
    world.publish()
    isCut = true
    await expect(client.refresh()).rejects.toMatchObject({ code: 'trust-refresh-failed' })
    isCut = false
    await client.refresh()
    expect(revokedIn(client.seen())).toEqual(['com.acme/weather@1.0.0'])
  })

  it('holds up one refresh for its deadline at most, however slowly each of its files comes (slow server)', async () => {
    world.publish()
    let answered = 0
    const server = createServer((request, response) => {
      // 256 roots, each almost as slow as a fetch may be
      setTimeout(() => response.writeHead(200).end(fileAt('/tuf/metadata/1.root.json')), 50)
      request.resume()
      answered += 1
    }).listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const place = {
      kind: 'https',
      url: `http://127.0.0.1:${port}/tuf/`,
      fetch: createSafeFetch({ namedHosts: [`127.0.0.1:${port}`] }),
    } as const
    await expect(world.client({ place, deadlineMs: 20 }).refresh()).rejects.toMatchObject({
      code: 'trust-refresh-failed',
      message: expect.stringMatching(/no complete answer in time|took too long/) as string,
    })
    expect(answered).toBeLessThan(2)
    server.closeAllConnections()
    server.close()
  })

  it('is not read beyond what a file of it may be (endless data)', async () => {
    world.publish()
    const server = createServer((_request, response) => {
      response.writeHead(200)
      const more = (): void => {
        while (response.write(Buffer.alloc(65_536, 0x20)));
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    }).listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const place = {
      kind: 'https',
      url: `http://127.0.0.1:${port}/tuf/`,
      fetch: createSafeFetch({ namedHosts: [`127.0.0.1:${port}`] }),
    } as const
    await expect(world.client({ place }).refresh()).rejects.toMatchObject({ message: expect.stringContaining('too large') as string })
    server.closeAllConnections()
    server.close()
  })

  it('is read through safe-fetch alone', async () => {
    world.publish()
    const asked: string[] = []
    const port = await serve(path => {
      asked.push(path)
      return fileAt(path)
    })
    const url = `http://127.0.0.1:${port}/tuf/`
    const client = world.client({ place: { kind: 'https', url, fetch: createSafeFetch({ namedHosts: [`127.0.0.1:${port}`] }) } })
    expect((await client.refresh()).refused).toEqual([])
    expect(asked).toContain('/tuf/metadata/2.root.json')
    expect(sanOf(client.seen())).toBe('alice@acme.com')
    const closed = world.client({ trust: join(world.folder, 'closed'), place: { kind: 'https', url, fetch: createSafeFetch() } })
    await expect(closed.refresh()).rejects.toMatchObject({ code: 'trust-refresh-failed' })
  })
})
