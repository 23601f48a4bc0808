// A running gateway whose policies come from a repository of trust: what whoever holds the registry, a mirror or the online keys can get published.

import { createPublicKey, generateKeyPairSync, hash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { signPayload } from '../../src/adapters/sigstore/sign.ts'
import { canonicalJsonOf } from '../../src/kernel/canonical-json.ts'
import { writeServerStatement } from '../../src/trust/statement.ts'
import { floors, revocations, World } from '../adapters/tuf/world.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { send, type Answer } from './wire.ts'

const PURL = 'pkg:npm/%40acme/weather@1.0.0'
let world: World
let folder: string
let gateway: TestGateway | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-trust-'))
  world = new World(Date.now())
  world.put('namespaces/policies.json', policyOf('publisher'))
})
afterEach(async () => {
  await gateway?.stop()
  gateway = undefined
  world.remove()
  rmSync(folder, { recursive: true, force: true })
})

/** A policy that lets one new key sign for com.acme. */
function policyOf(name: string): string {
  const { privateKey } = generateKeyPairSync('ed25519')
  writeFileSync(join(folder, `${name}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' })
  const keys = [{ publicKey, validFor: { start: '2020-01-01T00:00:00Z' } }]
  return JSON.stringify({ version: 1, namespaces: { 'com.acme': { mode: 'key', keys } } })
}

async function start(): Promise<TestGateway> {
  writeFileSync(join(folder, '1.root.json'), world.pinned)
  gateway = await startTestGateway({
    operators: ['root'],
    administration: { twoPerson: false, roles: { publisher: { subjects: ['pat'] } } },
    registry: { repository: { folder: world.repository, root: join(folder, '1.root.json') } },
  })
  expect(await post('/admin/namespaces/register', JSON.stringify({ target: 'com.acme pat', why: 'ours' }), 'root')).toMatchObject({
    status: 200,
  })
  return gateway
}
async function post(path: string, body: string, who: string): Promise<Answer> {
  if (!gateway) throw new Error('it runs')
  const headers = { authorization: `Bearer ${await gateway.token('/admin', { sub: who })}`, 'content-type': 'application/json' }
  return send(Number(new URL(gateway.url).port), { method: 'POST', path, headers, body })
}
async function publish(version: string, sequence: number, key = 'publisher'): Promise<Answer> {
  const json = JSON.stringify({
    name: 'com.acme/weather',
    description: 'Weather.',
    version,
    packages: [{ registryType: 'npm', identifier: '@acme/weather', version: '1.0.0', transport: { type: 'stdio' } }],
  })
  const payload = writeServerStatement({
    subjects: [
      { name: 'server.json', digest: { sha256: hash('sha256', canonicalJsonOf(json) ?? '') } },
      { name: PURL, digest: { sha512: hash('sha512', 'tarball') } },
      { name: 'package-lock.json', digest: { sha256: hash('sha256', 'lock') } },
    ],
    server: { name: 'com.acme/weather', version, sequence },
    registry: gateway?.snapshot.publicUrl ?? '',
    previous: null,
    notAfter: '2100-01-01T00:00:00Z',
    surface: { mode: 'subset', instructions: null, tools: {}, prompts: {}, resources: {}, resourceTemplates: {} },
    remotes: [],
    launch: { envNames: [], egress: [] },
  })
  const { bundle } = await signPayload(payload, { kind: 'file', file: join(folder, `${key}.pem`) }, {})
  return post('/v1/publish', `{"serverJson":${json},"bundles":[${bundle.toString().trim()}]}`, 'pat')
}
const get = (path: string): Promise<Answer> => send(Number(new URL(gateway?.url ?? '').port), { method: 'GET', path })

describe('a gateway that follows a repository of trust', () => {
  it('takes what its policies let sign, and no version that was revoked', async () => {
    world.put('namespaces/floors.json', floors(1))
    world.put('revocations/revocations.json', revocations('1.0.2'))
    world.publish()
    await start()
    expect(await publish('1.0.0', 1)).toMatchObject({ status: 200 })
    expect((await publish('1.0.2', 2)).body).toMatchObject({ trust: { reason: 'version-revoked', rule: 'version-revoked' } })
    expect(await get('/readyz')).toMatchObject({ status: 200 })
  })

  it('takes nothing below the floor that keyholders signed, though the database was emptied (N140)', async () => {
    world.put('namespaces/floors.json', floors(7))
    world.publish()
    await start()
    expect((await publish('1.0.0', 1)).body).toMatchObject({
      reason: 'attestation-invalid',
      trust: { reason: 'rolled-back', rule: 'below-floor' },
    })
  })

  it('takes nothing by a policy that the online keys signed', async () => {
    world.publish()
    world.put('namespaces/policies.json', policyOf('mallory'))
    world.publish({ namespaces: [world.keys.index, world.keys.revocations, world.keys.snapshot, world.keys.timestamp] })
    await start()
    expect((await publish('1.0.0', 1, 'mallory')).status).toBeGreaterThanOrEqual(400)
    expect((await publish('1.0.0', 1)).status).toBeGreaterThanOrEqual(400)
    const ready = await get('/readyz')
    expect(JSON.stringify(ready.body)).toContain('not believed: namespaces/policies.json')
  })

  it('takes nothing while all it is served has expired, and says since when', async () => {
    world.nowMs = Date.now() - 2 * 3_600_000
    world.publish()
    await start()
    expect(await publish('1.0.0', 1)).toMatchObject({ status: 503, body: { reason: 'verifier-unavailable' } })
    expect(JSON.stringify((await get('/readyz')).body)).toContain('"trust repository"')
    expect((await get('/metrics')).text).toMatch(/gatehouse_trust_fresh_seconds -\d/)
  })

  it('is told of another repository by a restart alone', async () => {
    world.publish()
    await start()
    expect(await gateway?.reload({ registry: {} })).toContain('registry.repository')
  })
})
