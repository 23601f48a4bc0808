// Whoever holds a gateway's registry (state.db, every table, triggers or not) and the online keys of the repository of trust it follows, but neither its `trust/`
// nor a key of reviewers, publishers or keyholders: a running gateway uses no unsigned, unreviewed, older or revoked version. With `trust/` too: told by the copy.

import Database from 'better-sqlite3'
import { hash } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { rootOf } from '../../src/adapters/tuf/ceremony.ts'
import { metadataBytes, namedKey, publicPem, signWith } from '../../src/adapters/tuf/metadata.ts'
import { changedIndex, replacedIndex } from '../../src/adapters/tuf/online-documents.ts'
import { publishTrust, revocationsFrom } from '../../src/adapters/tuf/publish.ts'
import { stageDocuments } from '../../src/adapters/tuf/staging.ts'
import { loadConfig } from '../../src/config/load.ts'
import { canonicalJsonOf } from '../../src/kernel/canonical-json.ts'
import { startGateway, type Gateway } from '../../src/main.ts'
import type { IndexChange } from '../../src/trust/index-merge.ts'
import { gatehouse } from '../cli/io.ts'
import { NAME, serverJson } from '../support/served.ts'
import { FLIPPING, startServed, type ServedGateway } from '../support/served-gateway.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { OperatedRepository } from '../support/trust-repository.ts'
import { newKey } from '../adapters/tuf/world.ts'
import { send, type Answer } from './wire.ts'

const HOUR = 3_600_000
let world: ServedGateway | undefined
let db: Database.Database | undefined
let folder = ''
let repository: OperatedRepository
afterEach(async () => {
  db?.close()
  db = undefined
  await world?.stop()
  world = undefined
  rmSync(folder, { recursive: true, force: true })
})

const digestOf = (json: string): string => hash('sha256', canonicalJsonOf(json) ?? '')
const indexed = (
  version: string,
  sequence: number,
  json = serverJson(version),
  standing: IndexChange['standing'] = 'admitted',
): IndexChange => ({
  name: NAME,
  version,
  sequence,
  digest: digestOf(json),
  standing,
})
/** What the online keys sign of it, whoever holds them. */
function publishIndex(...changes: readonly IndexChange[]): void {
  const role = repository.folder.published().roles.get('index')
  publishTrust(repository.folder, { index: changedIndex(repository.folder, role, changes, false).documents }, Date.now())
}
/** The same with nothing of before: the whole index anew. */
function forgeIndex(...changes: readonly IndexChange[]): void {
  const role = repository.folder.published().roles.get('index')
  const versions = new Map(changes.map(change => [change.version, change]))
  publishTrust(repository.folder, { index: replacedIndex(role, new Map([[NAME, versions]])) }, Date.now())
}
const signRevocations = (...versions: readonly string[]): void => {
  const text = JSON.stringify({ version: 1, signers: [], versions: versions.map(version => ({ server: NAME, version })) })
  publishTrust(repository.folder, { revocations: revocationsFrom(Buffer.from(text)) }, Date.now())
}

const ruleOf = ({ body }: Answer): string => body.error?.data?.trust?.rule ?? body.error?.data?.reason ?? body.result?.content?.[0]?.text
const reasonOf = ({ body }: Answer): string | undefined => body.error?.data?.reason
/** By what the call is refused, or what the server answered. */
const called = async (): Promise<string> => ruleOf(await running().call())
const running = (): ServedGateway => {
  if (!world) throw new Error('it runs')
  return world
}

/** Versions 1.0.0 and 1.1.0 were signed and reviewed, 1.1.0 is pinned and in force; the index names both. */
async function serving(): Promise<ServedGateway> {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-stolen-'))
  world = await startServed({
    registry: policies => {
      repository = new OperatedRepository(join(folder, 'trust'), { policies })
      return { repository: { folder: repository.folder.path, root: repository.root, every: '1s' } }
    },
  })
  expect((await world.publish('1.0.0', 1)).status).toBe(200)
  expect((await world.publish('1.1.0', 2)).status).toBe(200)
  publishIndex(indexed('1.0.0', 1), indexed('1.1.0', 2))
  await pin('1.1.0')
  await expect.poll(called, { timeout: 10_000 }).toBe('get_weather 1')
  return world
}
const pin = async (version: string): Promise<void> => {
  expect(await running().running.reload(running().pinned(version))).toBe(undefined)
}
/** The attacker's hands in the database: no trigger, no check, no foreign key. */
function held(): Database.Database {
  if (db) return db
  db = new Database(join(running().running.dataDir, 'state.db'))
  for (const { name } of db.prepare(`SELECT name FROM sqlite_master WHERE type = 'trigger'`).all() as { name: string }[])
    db.exec(`DROP TRIGGER "${name}"`)
  db.pragma('foreign_keys = OFF')
  db.pragma('ignore_check_constraints = ON')
  return db
}
const write = (sql: string, ...params: unknown[]): unknown =>
  held()
    .prepare(sql)
    .run(...params)
/** Rows of a version as publishing would have made them. */
function insertVersion(
  version: string,
  sequence: number,
  bundles: readonly (readonly [kind: string, bundle: string])[],
  json = serverJson(version),
): void {
  write(
    `INSERT OR REPLACE INTO registry_versions (server, version, sequence, server_json, digest, published_by, published_at) VALUES (?, ?, ?, ?, ?, 'x', 1)`,
    ...[NAME, version, sequence, json, digestOf(json)],
  )
  write(
    `INSERT OR REPLACE INTO registry_standings (server, sequence, version, order_key, search, standing, changed_by, changed_at, is_latest)
      VALUES (?, ?, ?, 'z', '', 'admitted', 'x', 1, 1)`,
    ...[NAME, sequence, version],
  )
  for (const [kind, bundle] of bundles)
    write(
      `INSERT OR REPLACE INTO registry_attestations (digest, server, version, kind, bundle, signer, verified_at) VALUES (?, ?, ?, ?, ?, 'x', 1)`,
      ...[hash('sha256', bundle), NAME, version, kind, bundle],
    )
  write(
    `INSERT OR REPLACE INTO registry_documents SELECT server, ?, kind, signed, sha256, namespace, bytes, kept_at, content FROM registry_documents WHERE server = ? AND version = '1.1.0'`,
    ...[version, NAME],
  )
}
const copyBundles = (from: string): (readonly [string, string])[] =>
  (
    held().prepare('SELECT kind, bundle FROM registry_attestations WHERE server = ? AND version = ?').all(NAME, from) as {
      kind: string
      bundle: string
    }[]
  ).map(({ kind, bundle }) => [kind, bundle] as const)

/** Until the gateway has seen what is published now. */
const seen = async (): Promise<unknown> => expect.poll(versionSeen, { timeout: 10_000 }).toBe(versionPublished())
const versionPublished = (): number | undefined => repository.folder.published().timestamp?.signed.version
function versionSeen(): number {
  const { metadata } = JSON.parse(readFileSync(join(running().running.dataDir, 'trust/tuf.json'), 'utf8')) as {
    metadata: { timestamp: string }
  }
  return (JSON.parse(metadata.timestamp) as { signed: { version: number } }).signed.version
}

/** Refused by this rule once all of the attack was seen, and nothing of the server is shown. */
async function refusedBy(rule: string, { isBelieved = true } = {}): Promise<void> {
  if (isBelieved) await seen()
  await expect.poll(called, { timeout: 15_000 }).toBe(rule)
  expect(reasonOf(await running().call())).toMatch(/^server-(unverified|revoked)$/)
  expect((await running().ask('tools/list')).body.result?.tools ?? []).toEqual([])
}

describe('whoever holds the registry’s database and the online keys', () => {
  it('gets no unsigned version used, though database and index call it admitted', { tags: ['short'] }, async () => {
    await serving()
    insertVersion('2.0.0', 3, [])
    publishIndex(indexed('2.0.0', 3))
    await pin('2.0.0')
    await refusedBy('review-absent')
  })

  it('gets no version used that they signed and reviewed by keys of their own', async () => {
    const { signers } = await serving()
    const json = serverJson('2.0.0')
    const bundles = [
      ['publisher', await signers.publish(json, 3, { surface: FLIPPING, key: 'stranger' })],
      ['review', await signers.review(json, { surface: FLIPPING, key: 'stranger' })],
    ] as const
    insertVersion('2.0.0', 3, bundles)
    publishIndex(indexed('2.0.0', 3))
    await pin('2.0.0')
    await refusedBy('verifier-unknown')
  })

  it('gets none used that its publisher signed and nobody reviewed', { tags: ['short'] }, async () => {
    const { signers } = await serving()
    insertVersion('2.0.0', 3, [['publisher', await signers.publish(serverJson('2.0.0'), 3, { surface: FLIPPING })]])
    publishIndex(indexed('2.0.0', 3))
    await pin('2.0.0')
    await refusedBy('review-absent')
  })

  it('gets none used by the review of another version (INSERT OR REPLACE into every table)', async () => {
    const { signers } = await serving()
    const [, review] = copyBundles('1.1.0').find(([kind]) => kind === 'review') ?? ['', '']
    insertVersion('2.0.0', 3, [
      ['publisher', await signers.publish(serverJson('2.0.0'), 3, { surface: FLIPPING })],
      ['review', review],
    ])
    publishIndex(indexed('2.0.0', 3))
    await pin('2.0.0')
    await refusedBy('server-mismatch')
  })

  it('gets no older version used, whatever number database and index give it (floors are in trust/ alone)', async () => {
    await serving()
    write(`UPDATE registry_versions SET sequence = 9 WHERE version = '1.0.0'`)
    write(`UPDATE registry_standings SET sequence = 9, is_latest = 1 WHERE version = '1.0.0'`)
    forgeIndex(indexed('1.0.0', 9), indexed('1.1.0', 2))
    await pin('1.0.0')
    await refusedBy('below-floor')
    // the honest index would not help it either
    forgeIndex(indexed('1.0.0', 1), indexed('1.1.0', 2))
    await refusedBy('below-floor')
  })

  it('brings no revoked version back: neither with the revocation struck from the database, nor with new revocations and index signed without it', async () => {
    const { revoke } = await serving()
    expect((await revoke('version', `${NAME}@1.1.0`)).status).toBe(200)
    signRevocations('1.1.0')
    await refusedBy('version-revoked')
    write('DELETE FROM registry_revocations')
    write(`UPDATE registry_standings SET standing = 'admitted' WHERE version = '1.1.0'`)
    write('DELETE FROM registry_standing_history')
    signRevocations()
    forgeIndex(indexed('1.0.0', 1), indexed('1.1.0', 2))
    await refusedBy('version-revoked')
  })

  it('gets no other bytes used under a version that is in force', async () => {
    await serving()
    const json = serverJson('1.1.0', { title: 'Weather, but mine' })
    write(`UPDATE registry_versions SET server_json = ?, digest = ? WHERE version = '1.1.0'`, json, digestOf(json))
    forgeIndex(indexed('1.0.0', 1), indexed('1.1.0', 2, json))
    await refusedBy('server-json-mismatch')
    forgeIndex(indexed('1.0.0', 1), indexed('1.1.0', 2))
    await refusedBy('server-json-mismatch')
  })

  it('can take away, and nothing more, by an index that leaves a version out', async () => {
    await serving()
    forgeIndex(indexed('1.0.0', 1))
    await refusedBy('index-absent')
    publishIndex(indexed('1.1.0', 2))
    await expect.poll(called, { timeout: 15_000 }).toMatch(/^get_weather/)
  })

  it('gets no policy, reviewer or floor of their own believed, nor a root', async () => {
    const { signers } = await serving()
    const stolen = (['timestamp', 'snapshot', 'index', 'revocations'] as const).map(role => {
      const { root, roles } = repository.folder.published()
      const above = role === 'timestamp' || role === 'snapshot' ? root : roles.get('targets')
      if (!above) throw new Error('it is published')
      return repository.folder.onlineKey(role, above)
    })
    const json = serverJson('2.0.0')
    insertVersion('2.0.0', 3, [
      ['publisher', await signers.publish(json, 3, { surface: FLIPPING, key: 'stranger' })],
      ['review', await signers.review(json, { surface: FLIPPING, key: 'stranger' })],
    ])
    publishIndex(indexed('2.0.0', 3))
    const stranger = signers.signer('stranger')
    const policies = JSON.stringify({ version: 1, namespaces: { 'com.example': stranger }, reviewers: [{ verifier: 'https://reviewers.example/security', signer: stranger }] }) // prettier-ignore
    stageDocuments(repository.folder, new Map([['policies', Buffer.from(policies)]]), Date.now())
    const staged = repository.folder.staged('namespaces')
    if (!staged) throw new Error('it is staged')
    for (const key of stolen) signWith(staged, key)
    repository.folder.stage('namespaces', staged)
    // Published past every check of the honest publisher.
    const { signed } = staged
    writeFileSync(join(repository.folder.path, 'metadata', `${signed.version}.namespaces.json`), metadataBytes(staged))
    repository.forgeSnapshot({ 'namespaces.json': metadataBytes(staged) })
    await pin('2.0.0')
    await refusedBy('verifier-unknown', { isBelieved: false })
    await expect.poll(ready, { timeout: 10_000 }).toContain('not believed: namespaces/policies.json')
    // A root of theirs, signed by all they have.
    const mine = [newKey(), newKey(), newKey()]
    const named = mine.map(key => namedKey(publicPem(key)))
    const [timestamp, snapshot, index, revocations] = named as [typeof named[0], typeof named[0], typeof named[0], typeof named[0]] // prettier-ignore
    const root = rootOf(
      {
        root: named,
        namespaces: named,
        online: { timestamp, snapshot, index: index ?? timestamp, revocations: revocations ?? timestamp },
        threshold: 2,
      },
      { version: 2, nowMs: Date.now() },
    )
    for (const key of [...mine, ...stolen]) signWith(root, key)
    writeFileSync(join(repository.folder.path, 'metadata/2.root.json'), metadataBytes(root))
    await expect.poll(ready, { timeout: 10_000 }).toMatch(/not believed.*root was signed by 0\/2 keys/)
    await refusedBy('verifier-unknown', { isBelieved: false })
  })

  it('gains no time by withholding: what is in force goes on for the grace, nothing new comes into force', async () => {
    const { publish } = await serving()
    expect((await publish('1.2.0', 3)).status).toBe(200)
    publishIndex(indexed('1.2.0', 3))
    await seen()
    // The newest timestamp is served on and on: it is one that a stolen key dated to end now.
    publishTrust(repository.folder, {}, Date.now() - HOUR + 3000)
    await expect.poll(async () => metrics('gatehouse_trust_fresh_seconds'), { timeout: 10_000 }).toBeLessThan(0)
    expect(await called()).toMatch(/^get_weather/)
    await pin('1.2.0')
    await refusedBy('trust-grace', { isBelieved: false })
    await pin('1.1.0')
    await expect.poll(called, { timeout: 10_000 }).toMatch(/^get_weather/)
  })
})

describe('whoever holds `trust/` as well', () => {
  let again: Gateway | undefined
  afterEach(async () => {
    await again?.stop()
    again = undefined
  })
  /** The gateway stops, `change` is done to its `trust/`, and it starts again; what the copy kept elsewhere tells in between. */
  async function restarted(change: (trust: string) => void): Promise<string> {
    const { running: old, content } = running()
    const outside = join(folder, 'outside.json')
    const floors = (option: string) => gatehouse(['trust', 'floors', old.dataDir, option, outside], { cwd: folder, now: Date.now })
    expect(await floors('--export')).toMatchObject({ code: 0 })
    await old.gateway.stop()
    change(join(old.dataDir, 'trust'))
    const { code, out } = await floors('--check')
    expect(code).toBe(1)
    const loaded = await loadConfig(join(dirname(old.dataDir), 'gatehouse.yaml'))
    if (!loaded.ok) throw new Error('it loads')
    again = await startGateway(loaded.snapshot, { version: '0.0.0-test', environment: process.env, logger: silentLogger(), content })
    return out
  }

  it('brings an older version back where its floor is gone: the documented limit, which the copy of floors kept elsewhere tells before the start', async () => {
    await serving()
    await pin('1.0.0')
    await refusedBy('below-floor')
    const told = await restarted(trust => rmSync(join(trust, 'floors.json')))
    expect(told).toContain(`the floor of ${NAME} was 2 and is gone`)
    await expect.poll(called, { timeout: 10_000 }).toMatch(/^get_weather/)
  })

  it('brings no version back below a floor that keyholders signed, whatever is gone', async () => {
    await serving()
    repository.change({ floors: JSON.stringify({ version: 1, floors: { [NAME]: 2 } }) })
    await seen()
    await pin('1.0.0')
    await refusedBy('below-floor')
    await restarted(trust => rmSync(trust, { recursive: true }))
    await refusedBy('below-floor')
  })

  it('hides a revocation until the next look at an honest repository, which the copy tells too', async () => {
    await serving()
    const older = join(folder, 'older')
    cpSync(join(running().running.dataDir, 'trust'), older, { recursive: true })
    signRevocations('1.1.0')
    await refusedBy('version-revoked')
    const told = await restarted(trust => {
      rmSync(trust, { recursive: true })
      cpSync(older, trust, { recursive: true })
    })
    expect(told).toContain('revocations metadata was version 2 and is version 1')
    expect(told).toContain('of 1 revocations none is left')
    await refusedBy('version-revoked')
  })
})

async function ready(): Promise<string> {
  const { text } = await send(Number(new URL(running().running.url).port), { method: 'GET', path: '/readyz' })
  return text
}
async function metrics(name: string): Promise<number> {
  const { text } = await send(Number(new URL(running().running.url).port), { method: 'GET', path: '/metrics' })
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
}
