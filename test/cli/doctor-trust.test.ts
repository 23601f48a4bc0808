// What doctor says of a repository of trust: each thing that would stop the gateway from believing it, with what mends it.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { beginEvaluation } from '../../src/adapters/tuf/begin.ts'
import { FloorFile } from '../../src/adapters/tuf/floor-file.ts'
import { publishTrust } from '../../src/adapters/tuf/publish.ts'
import { TrustClient } from '../../src/adapters/tuf/trust-client.ts'
import { TrustFolder } from '../../src/adapters/tuf/trust-folder.ts'
import { checkTrustRepository } from '../../src/cli/doctor/trust-repository.ts'
import { realWorld } from '../../src/cli/doctor/world.ts'
import type { Snapshot } from '../../src/config/schema.ts'
import { freePort } from '../support/free-port.ts'
import { OperatedRepository } from '../support/trust-repository.ts'
import { testIo } from './io.ts'

const NOW = Date.UTC(2026, 10, 21, 12, 0, 0)
const HOUR = 3_600_000
const DAY = 24 * HOUR
const POLICIES = JSON.stringify({
  version: 1,
  namespaces: {},
  reviewers: [
    { verifier: 'https://reviewers.example/', signer: { mode: 'keyless', identities: [{ issuer: 'https://id.example', san: 'ann' }] } },
  ],
})
let folder: string
let repository: OperatedRepository
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW })
  folder = mkdtempSync(join(tmpdir(), 'doctor-trust-'))
  repository = new OperatedRepository(join(folder, 'trust'), { policies: POLICIES }, NOW)
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(folder, { recursive: true, force: true })
})

type Options = { url?: string; at?: string; root?: string; publish?: boolean; isExposed?: boolean }
/** Each line as `status what | mend`. */
async function look({
  url,
  at = repository.folder.path,
  root = repository.root,
  publish = false,
  isExposed = false,
}: Options = {}): Promise<string[]> {
  const place = url === undefined ? { folder: at } : { url }
  const snapshot = {
    dataDir: join(folder, 'data'),
    listen: { host: '127.0.0.1', port: 1 },
    issuers: [],
    outbound: { hosts: [], networks: [] },
    registry: { isExposed, repository: { place, root, isPublisher: publish, everyMs: 30_000, graceMs: 0 } },
  } as unknown as Snapshot
  const world = realWorld(testIo({ cwd: folder, now: Date.now }), snapshot)
  return (await checkTrustRepository(world, snapshot)).map(({ status, what, mend }) => `${status} ${what} | ${mend ?? ''}`)
}
/** What the gateway with this data directory saw. */
const gateway = (): TrustClient =>
  new TrustClient({
    place: { kind: 'folder', folder: repository.folder.path },
    trustFolder: join(folder, 'data/trust'),
    pinnedRoot: readFileSync(repository.root),
    floors: new FloorFile(join(folder, 'data/trust')),
    now: Date.now,
  })

describe('doctor on a repository of trust', () => {
  it('says how long keyholders have where all is well, and leaves what the gateway keeps alone', async () => {
    expect(await look({ publish: true })).toEqual([
      `ok ${repository.folder.path} is believed, and keyholders have to sign namespaces before 2027-05-20 (180 days) | `,
    ])
    await gateway().refresh()
    const before = readFileSync(join(folder, 'data/trust/tuf.json'))
    publishTrust(repository.folder, {}, NOW + 1000)
    expect(await look()).toMatchObject([/^ok /].map(each => expect.stringMatching(each) as string))
    expect(readFileSync(join(folder, 'data/trust/tuf.json'))).toEqual(before)
  })

  it('asks nothing where none is configured', async () => {
    expect(await checkTrustRepository(realWorld(testIo({ cwd: folder }), undefined), { registry: {} } as unknown as Snapshot)).toEqual([])
  })

  it('wants a pinned root that can be read, is one, and is this repository’s', async () => {
    expect(await look({ root: join(folder, 'gone.json') })).toEqual([
      expect.stringMatching(/^fail the pinned root .* cannot be read \(ENOENT\) \| copy `metadata\/1.root.json`/),
    ])
    writeFileSync(join(folder, 'none.json'), '{}')
    expect(await look({ root: join(folder, 'none.json') })).toEqual([
      expect.stringMatching(/^fail .* \| copy `metadata\/1.root.json` of the repository to /),
    ])
    const other = new OperatedRepository(join(folder, 'other'), { policies: POLICIES }, NOW)
    expect(await look({ root: other.root })).toEqual([expect.stringMatching(/^fail .*0\/1 keys.* \| it is not signed by the keys of /)])
  })

  it('says what opens an address that may not be fetched from, and what to look at where nobody answers', async () => {
    expect(await look({ url: 'http://10.0.0.7:9000/tuf/' })).toEqual([
      expect.stringMatching(/^fail .*only https is fetched.* \| .*add `10\.0\.0\.7:9000` to `outbound\.allow`/),
    ])
    expect(await look({ url: 'https://127.0.0.1/tuf/' })).toEqual([expect.stringMatching(/add `127\.0\.0\.1:443` to `outbound\.allow`/)])
    expect(await look({ at: join(folder, 'nowhere') })).toEqual([
      expect.stringMatching(/^fail .* \| .*nowhere has no `metadata\/`: name the folder or URL/),
    ])
    const port = await freePort()
    const snapshot = { dataDir: folder, listen: { host: '127.0.0.1', port: 1 }, issuers: [], outbound: { hosts: [`127.0.0.1:${port}`], networks: [] }, registry: { repository: { place: { url: `http://127.0.0.1:${port}/tuf` }, root: repository.root } } } as unknown as Snapshot // prettier-ignore
    const [check] = await checkTrustRepository(realWorld(testIo({ cwd: folder, now: Date.now }), snapshot), snapshot)
    expect(check).toMatchObject({
      status: 'fail',
      mend: expect.stringContaining(`curl http://127.0.0.1:${port}/tuf/metadata/timestamp.json`) as string,
    })
  })

  it('says who has to sign before it is too late, and that nobody publishes', async () => {
    vi.setSystemTime(NOW + 50 * 60_000)
    expect(await look()).toEqual([
      expect.stringMatching(/^warn timestamp metadata counts until 2026-11-21T13:00:00.000Z \| its publisher does not renew it/),
    ])
    vi.setSystemTime(NOW + 2 * HOUR)
    expect(await look()).toEqual([expect.stringMatching(/^fail .*Expired.* \| have it published again/)])
    vi.setSystemTime(NOW + 160 * DAY)
    publishTrust(repository.folder, {}, Date.now())
    expect(await look()).toEqual([
      expect.stringMatching(
        /^warn namespaces metadata counts until 2027-05-20.* \| have keyholders sign it anew: `gatehouse trust rotate DIR --role namespaces`/,
      ),
    ])
  })

  it('names a repository that one key signs: to be considered here, to be mended where others reach the gateway', async () => {
    const trial = new TrustFolder(join(folder, 'trial'))
    beginEvaluation(trial, new Map([['policies', Buffer.from(POLICIES)]]), NOW)
    publishTrust(trial, {}, NOW)
    const options = { at: trial.path, root: join(trial.path, 'metadata/1.root.json') }
    expect(await look(options)).toEqual([expect.stringMatching(/^warn one key signs the whole repository/)])
    expect(await look({ ...options, isExposed: true })).toEqual([
      expect.stringMatching(
        /^fail one key signs .* does not start so \| begin one with `gatehouse trust init` and keyholders, or listen on 127\.0\.0\.1/,
      ),
    ])
  })

  it('knows a clock that was ahead, one that is behind the publisher’s, and a repository that went back', async () => {
    await gateway().refresh()
    cpSync(repository.folder.path, join(folder, 'older'), { recursive: true })
    vi.setSystemTime(NOW + HOUR / 2)
    publishTrust(repository.folder, {}, Date.now())
    await gateway().refresh()
    vi.setSystemTime(NOW + 60_000)
    expect(await look()).toEqual([
      expect.stringMatching(
        /^fail the clock says 2026-11-21T12:01:00.000Z, and this gateway asked at 2026-11-21T12:30:00.000Z before.*`clock-back`/,
      ),
    ])
    expect(await look({ at: join(folder, 'older') })).toEqual([
      expect.stringMatching(/^fail .*BadVersion.* \| older metadata than this gateway saw is served/),
    ])
    rmSync(join(folder, 'data'), { recursive: true })
    expect(await look()).toEqual([expect.stringMatching(/^warn the newest timestamp was signed 1740 s from now/)])
  })

  it('says what a damaged state means, and where it is written what to do', async () => {
    mkdirSync(join(folder, 'data/trust'), { recursive: true, mode: 0o700 })
    writeFileSync(join(folder, 'data/trust/floors.json'), '{', { mode: 0o600 })
    expect(await look()).toEqual([expect.stringMatching(/^fail .* \| docs\/runbooks\/trust\.md says what to do about `floors-invalid`/)])
  })

  it('tells a publisher of the key that it lacks, though everything is believed now', async () => {
    renameSync(join(repository.folder.path, 'online'), join(folder, 'away'))
    expect(await look({ publish: true })).toEqual([
      expect.stringMatching(/^fail no key of the role `timestamp` is in .*restore it, or run/),
    ])
    const empty = join(folder, 'empty')
    mkdirSync(empty)
    expect((await look({ publish: true, at: empty }))[0]).toMatch(/^fail nothing is published in .* yet \| have `staged\/` signed/)
  })

  it('warns of policies by which nothing is ever admitted', async () => {
    repository.change({ policies: JSON.stringify({ version: 1, namespaces: {} }) }, NOW)
    expect(await look()).toEqual([expect.stringMatching(/^warn its policies name no reviewer/)])
  })
})
