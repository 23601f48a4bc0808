// Publishing on the wire of a running gateway: real signatures by real keys, roles, records, and what an attacker would send instead.

import { createPublicKey, generateKeyPairSync, hash, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDocumentStore } from '../../src/adapters/sqlite/document-store.ts'
import { openStateDb, type StateDb } from '../../src/adapters/sqlite/state-db.ts'
import { signPayload } from '../../src/adapters/sigstore/sign.ts'
import { canonicalJsonOf } from '../../src/kernel/canonical-json.ts'
import { surfaceDigest, writeReview } from '../../src/trust/review.ts'
import { writeServerStatement, type SignedSurface } from '../../src/trust/statement.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { send, type Answer } from './wire.ts'

const VERIFIER = 'https://reviewers.example/security'
const SURFACE: SignedSurface = { mode: 'subset', instructions: null, tools: {}, prompts: {}, resources: {}, resourceTemplates: {} }
const PURL = 'pkg:npm/%40example/weather@1.0.0'
const sha = (algorithm: string, text: string): string => hash(algorithm, text)

let folder: string
let gateway: TestGateway
let db: StateDb
const keys: Record<string, { readonly file: string; readonly pem: string }> = {}
function makeKey(name: string): KeyObject {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const file = join(folder, `${name}.pem`)
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  keys[name] = { file, pem: publicKey.export({ type: 'spki', format: 'pem' }) as string }
  return privateKey
}
const hintOf = (name: string): string =>
  hash('sha256', createPublicKey(keys[name]?.pem ?? '').export({ type: 'spki', format: 'der' }), 'base64')
const signer = (name: string) => ({ mode: 'key', keys: [{ publicKey: keys[name]?.pem, validFor: { start: '2020-01-01T00:00:00Z' } }] })

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-publishing-'))
  for (const name of ['publisher', 'reviewer', 'stranger']) makeKey(name)
  const policies = {
    version: 1,
    namespaces: { 'com.example': signer('publisher') },
    reviewers: [{ verifier: VERIFIER, signer: signer('reviewer') }],
  }
  writeFileSync(join(folder, 'policies.json'), JSON.stringify(policies))
  gateway = await startTestGateway({
    operators: ['root', 'second'],
    administration: { twoPerson: false, roles: { publisher: { subjects: ['pat', 'mallory'] } } },
    registry: { cooldown: '0s', trust: { policies: join(folder, 'policies.json') } },
  })
  db = await openStateDb(join(gateway.dataDir, 'state.db'))
  const owned = await act('namespaces/register', { target: 'com.example pat', why: 'ours' }, 'root')
  expect(owned.body).toMatchObject({ state: 'applied', namespace: { name: 'com.example', state: 'active' } })
})
afterAll(async () => {
  await db.close()
  await gateway.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function call(method: string, path: string, body: string | undefined, who: string | undefined): Promise<Answer> {
  const authorization = who === undefined ? undefined : `Bearer ${await gateway.token('/admin', { sub: who })}`
  return send(Number(new URL(gateway.url).port), {
    method,
    path,
    headers: { authorization, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body }),
  })
}
const act = (name: string, params: object, who: string): Promise<Answer> => call('POST', `/admin/${name}`, JSON.stringify(params), who)
const get = (path: string): Promise<Answer> => call('GET', path, undefined, undefined)

const serverJson = (version: string, more: object = {}): string =>
  JSON.stringify({
    name: 'com.example/weather',
    description: 'Weather.',
    version,
    packages: [{ registryType: 'npm', identifier: '@example/weather', version: '1.0.0', transport: { type: 'stdio' } }],
    ...more,
  })
const subjectsOf = (json: string) => [
  { name: 'server.json', digest: { sha256: hash('sha256', canonicalJsonOf(json) ?? '') } },
  { name: PURL, digest: { sha512: sha('sha512', 'tarball') } },
  { name: 'package-lock.json', digest: { sha256: sha('sha256', 'lock') } },
]
const FAR = '2100-01-01T00:00:00Z'
async function bundle(json: string, sequence: number, more: { key?: string; registry?: string; notAfter?: string } = {}): Promise<string> {
  const { name, version } = JSON.parse(json) as { name: string; version: string }
  const payload = writeServerStatement({
    subjects: subjectsOf(json),
    server: { name, version, sequence },
    registry: more.registry ?? gateway.snapshot.publicUrl,
    previous: null,
    notAfter: more.notAfter ?? FAR,
    surface: SURFACE,
    remotes: [],
    launch: { envNames: [], egress: [] },
  })
  return sign(payload, more.key ?? 'publisher')
}
async function review(json: string, key = 'reviewer', verifierId = VERIFIER, of = json): Promise<string> {
  const { name, version } = JSON.parse(of) as { name: string; version: string }
  const payload = writeReview({
    subjects: [...subjectsOf(json), { name: 'surface', digest: { sha256: surfaceDigest(SURFACE) } }],
    server: { name, version },
    verifierId,
    timeVerified: '2026-01-01T00:00:00Z',
    policy: { uri: 'https://reviewers.example/rules', digest: sha('sha256', 'rules') },
    inputs: [],
  })
  return sign(payload, key)
}
const sign = async (payload: Buffer, key: string): Promise<string> =>
  (await signPayload(payload, { kind: 'file', file: keys[key]?.file ?? '' }, {})).bundle.toString().trim()

const publish = (json: string, bundles: readonly string[], who = 'pat'): Promise<Answer> =>
  call('POST', '/v1/publish', `{"serverJson":${json},"bundles":[${bundles.join(',')}]}`, who)

describe('POST /v0.1/publish', () => {
  it('lands in quarantine, where nobody who reads finds it', async () => {
    const done = await call('POST', '/v0.1/publish', serverJson('0.1.0'), 'pat')
    expect([done.status, done.body.server.version, done.body._meta['gatehouse/trust'].standing]).toEqual([200, '0.1.0', 'quarantined'])
    expect((await get('/v0.1/servers/com.example%2Fweather/versions/0.1.0')).status).toBe(404)
    expect((await get('/v0.1/servers')).body.servers).toEqual([])
  })
  it('is recorded before it is kept, and by whom', async () => {
    const rows = gateway.events().filter(event => event['subject']?.method === 'admin/registry/submit')
    expect(rows.map(row => row['type'])).toEqual(['intent', 'outcome'])
    expect(rows[0]).toMatchObject({ principal: { subject: 'pat' }, subject: { name: 'server com.example/weather@0.1.0' } })
  })
  it.each([
    ['nobody', undefined, 401, 'token-missing'],
    ['an operator, who is no publisher', 'root', 403, 'role-missing'],
    ['a publisher of another namespace', 'mallory', 403, 'namespace-forbidden'],
  ])('is not for %s', async (_who, who, status, reason) => {
    const done = await call('POST', '/v0.1/publish', serverJson('6.6.6'), who)
    expect([done.status, done.body.reason, typeof done.body.error]).toEqual([status, reason, 'string'])
  })
  it.each([
    ['no JSON', 'nonsense', 'json-invalid'],
    ['two documents', `${serverJson('6.6.6')}{}`, 'json-invalid'],
    ['what would end the document early and bring bundles of its own', '{}},"bundles":[{}],"x":{', 'json-invalid'],
    ['a key twice, of which two readers believe two values', serverJson('6.6.6').replace('{', '{"name":"com.evil/x",'), 'json-invalid'],
    ['a list', '[]', 'params-invalid'],
    ['markup for a link', serverJson('6.6.6', { websiteUrl: 'javascript:alert(1)' }), 'server-json-invalid'],
    ['that it is admitted', serverJson('6.6.6', { _meta: { 'gatehouse/trust': { standing: 'admitted' } } }), 'server-json-invalid'],
    ['more than a server.json is', serverJson('6.6.6', { x: 'y'.repeat(70_000) }), 'server-json-invalid'],
  ])('takes no %s', async (_what, body, reason) => {
    expect((await call('POST', '/v0.1/publish', body, 'pat')).body.reason).toBe(reason)
  })
  it('reads no large body of somebody unknown', async () => {
    const done = await call('POST', '/v0.1/publish', serverJson('6.6.6', { x: 'y'.repeat(40_000) }), undefined)
    expect(done.status).toBe(401)
    expect((await call('POST', '/v0.1/publish', `"${'y'.repeat(2_200_000)}"`, 'pat')).status).toBe(413)
  })
})

describe('POST /v1/publish', () => {
  it('wants a bundle: 422 without', async () => {
    for (const bundles of [[], undefined]) {
      const body = JSON.stringify({ serverJson: JSON.parse(serverJson('1.0.0')), ...(bundles && { bundles }) })
      const done = await call('POST', '/v1/publish', body, 'pat')
      expect([done.status, done.body.reason]).toEqual([422, 'attestation-required'])
    }
  })
  it.each([
    ['by a key that is not the namespace’s', (json: string) => bundle(json, 2, { key: 'stranger' })],
    ['by a reviewer as if he were the publisher', (json: string) => bundle(json, 2, { key: 'reviewer' })],
    ['for another registry', (json: string) => bundle(json, 2, { registry: 'https://other.example' })],
    ['that is over', (json: string) => bundle(json, 2, { notAfter: '2020-01-01T00:00:00Z' })],
    ['over another server.json', () => bundle(serverJson('1.0.0', { title: 'Other' }), 2)],
    ['of another version (attack 4)', () => bundle(serverJson('9.0.0'), 2)],
    ['with another sequence number (attack 5)', (json: string) => bundle(json, 7)],
    ['that was changed', async (json: string) => (await bundle(json, 2)).replace(/"sig":"..../, '"sig":"AAAA')],
    ['of a reviewer the policy does not pair with this key', (json: string) => review(json, 'reviewer', 'https://reviewers.example/other')],
    ['of a reviewer whose name and server.json differ', (json: string) => review(json, 'reviewer', VERIFIER, serverJson('9.0.0'))],
    ['of a reviewer by the publisher’s own key', (json: string) => review(json, 'publisher')],
    ['that is none', () => Promise.resolve('{"signed":true}')],
  ])('keeps nothing with a bundle %s', async (_what, make) => {
    const json = serverJson('1.0.0')
    const done = await publish(json, [await make(json)])
    expect([done.status, done.body.reason]).toEqual([422, 'attestation-invalid'])
    expect((await publish(json, [await bundle(json, 2), await make(json)])).status).toBe(422)
    expect(
      (await call('POST', '/v1/attestations', JSON.stringify({ name: 'com.example/weather', version: '1.0.0', bundle: {} }), 'pat')).status,
    ).toBe(404)
  })
  it('compares the surface that comes along with the one that was signed, in whatever order its members stand', async () => {
    const json = serverJson('1.0.0')
    const send = async (surface: string, made: string): Promise<Answer> =>
      call('POST', '/v1/publish', `{"serverJson":${json},"bundles":[${made}],"surface":${surface}}`, 'pat')
    for (const made of [await bundle(json, 7), await review(json)]) {
      const other = await send(JSON.stringify({ ...SURFACE, tools: { evil: sha('sha256', 'x') } }), made)
      expect(other.body.error).toContain('surface-mismatch')
    }
    // in order, and refused for its sequence number only
    const same = JSON.stringify(Object.fromEntries(Object.entries(SURFACE).reverse()))
    expect((await send(same, await bundle(json, 7))).body.error).toContain('sequence number')
    expect((await send('[]', await bundle(json, 7))).body.reason).toBe('params-invalid')
    expect((await send('{"x":9007199254740993}', await bundle(json, 7))).body.reason).toBe('params-invalid')
  })
  it('signed by its publisher waits, and a reviewer’s signature admits it; nothing else does', async () => {
    const json = serverJson('1.0.0')
    const signed = await publish(json, [await bundle(json, 2)])
    expect([signed.status, signed.body._meta['gatehouse/trust']]).toMatchObject([
      200,
      { standing: 'quarantined', isSigned: true, sequence: 2 },
    ])
    const path = '/v0.1/servers/com.example%2Fweather/versions/1.0.0'
    for (const who of ['pat', 'root']) {
      const by = await call('PATCH', `${path}/status`, JSON.stringify({ status: 'active' }), who)
      expect([by.status, by.body.reason]).toEqual([422, 'attestation-required'])
    }
    expect((await get(path)).status).toBe(404)
    const attest = (made: string, who: string): Promise<Answer> =>
      call('POST', '/v1/attestations', `{"name":"com.example/weather","version":"1.0.0","bundle":${made}}`, who)
    expect((await attest(await review(serverJson('0.1.0')), 'root')).body.reason).toBe('attestation-invalid')
    expect((await attest(await review(json), 'mallory')).body.reason).toBe('namespace-forbidden')
    const admitted = await attest(await review(json), 'root')
    expect([admitted.status, admitted.body._meta['gatehouse/trust'].standing]).toEqual([200, 'admitted'])
    expect((await get(path)).body._meta['io.modelcontextprotocol.registry/official']).toMatchObject({ status: 'active', isLatest: true })
    const evidence = await get('/v1/servers/com.example%2Fweather/versions/1.0.0/attestations')
    expect(evidence.body.attestations.map((a: any) => a.kind)).toEqual(['publisher', 'review'])
    expect(evidence.body.artifacts).toEqual([{ identifier: PURL, algorithm: 'sha512', digest: sha('sha512', 'tarball') }])
    expect((await publish(json, [await bundle(json, 3)])).body.reason).toBe('version-exists')
  })
  it('does not take a version again with other bytes: 409 (N144)', async () => {
    const other = serverJson('1.0.0', { title: 'Other bytes' })
    const again = await publish(other, [await bundle(other, 3), await review(other)])
    expect([again.status, again.body.reason]).toEqual([409, 'version-exists'])
    const kept = await get('/v0.1/servers/com.example%2Fweather/versions/1.0.0')
    expect(kept.body.server.title).toBeUndefined()
  })
  it.each(['\u202ereweather', 'w\u200beather', '\u{e0077}weather'])('takes no title with what cannot be seen: %j (N144)', async title => {
    const json = serverJson('1.0.1', { title })
    expect((await publish(json, [await bundle(json, 3)])).body.reason).toBe('server-json-invalid')
  })
  it('keeps lock file, surface and definitions that were signed, and nothing with one that was not', async () => {
    const json = serverJson('1.2.3')
    const made = await bundle(json, 3)
    const definitions = '{"tools":{}}'
    const send = (parts: object, bundles = [made]): Promise<Answer> =>
      call('POST', '/v1/publish', `{"serverJson":${json},"bundles":[${bundles.join(',')}],${JSON.stringify(parts).slice(1)}`, 'pat')
    const whole = { surface: SURFACE, definitions: JSON.parse(definitions) as object, locks: { 'package-lock.json': 'lock' } }
    for (const wrong of [
      { ...whole, locks: { 'package-lock.json': 'lock with a line more\n' } },
      { ...whole, locks: { 'requirements.txt': 'lock' } },
      { ...whole, definitions: { tools: { evil: '{"name":"evil"}' } } },
    ]) {
      const refused = await send(wrong)
      expect([refused.status, refused.body.reason]).toEqual([422, 'attestation-invalid'])
      expect(refused.body.error).toContain('document-mismatch')
    }
    for (const wrong of [{ locks: [] }, { locks: { '../../x': 'lock' } }, { locks: { 'package-lock.json': {} } }, { definitions: [] }])
      expect((await send({ ...whole, ...wrong })).body.reason).toBe('params-invalid')
    expect((await send(whole)).status).toBe(200)
    const kept = await createDocumentStore(db).documents('com.example/weather', '1.2.3')
    expect(kept.map(({ kind, signed }) => [kind, signed])).toEqual([
      ['surface', surfaceDigest(SURFACE)],
      ['lock:package-lock.json', sha('sha256', 'lock')],
      ['definitions', surfaceDigest(SURFACE)],
    ])
  })
  it('of a server that nobody signed are kept with the review that admits it', async () => {
    const json = serverJson('1.2.4')
    expect((await call('POST', '/v0.1/publish', json, 'pat')).status).toBe(200)
    const attest = async (parts: object): Promise<Answer> =>
      call(
        'POST',
        '/v1/attestations',
        `{"name":"com.example/weather","version":"1.2.4","bundle":${await review(json)},${JSON.stringify(parts).slice(1)}`,
        'root',
      )
    const whole = { surface: SURFACE, definitions: {}, locks: { 'package-lock.json': 'lock' } }
    expect((await attest({ ...whole, locks: { 'package-lock.json': 'other' } })).body.error).toContain('document-mismatch')
    expect((await attest({ ...whole, surface: { ...SURFACE, mode: 'exact' } })).body.error).toContain('surface-mismatch')
    expect((await attest({ ...whole, extra: {} })).body.reason).toBe('params-invalid')
    const admitted = await attest(whole)
    expect([admitted.status, admitted.body._meta['gatehouse/trust'].standing]).toEqual([200, 'admitted'])
    expect((await createDocumentStore(db).documents('com.example/weather', '1.2.4')).map(({ kind }) => kind)).toEqual([
      'surface',
      'lock:package-lock.json',
      'definitions',
    ])
  })
  it('reads bodies as large as documents of publishers and operators alone, and none larger', async () => {
    const large = `{"serverJson":${serverJson('6.6.6')},"locks":{"package-lock.json":"${'x'.repeat(3_000_000)}"}}`
    const refused = await call('POST', '/v1/publish', large, 'nobody')
    // before it was read, not by the act
    expect([refused.status, refused.body.reason, refused.body.error]).toEqual([
      403,
      'role-missing',
      expect.stringContaining('a body of this size'),
    ])
    expect((await call('POST', '/v1/publish', large, undefined)).status).toBe(401)
    expect((await call('POST', '/v1/publish', large, 'pat')).body.reason).toBe('attestation-required')
    expect((await call('POST', '/v1/publish', `"${'y'.repeat(25 * 1024 * 1024)}"`, 'pat')).status).toBe(413)
    expect((await call('POST', '/v1/revocations', large, 'root')).status).toBe(413)
  })
  it('goes by the policy in force now: a signer taken out of the file signs no more', async () => {
    const json = serverJson('1.1.0')
    const made = await bundle(json, 5)
    const file = join(folder, 'policies.json')
    const policies = {
      version: 1,
      namespaces: { 'com.example': signer('stranger') },
      reviewers: [{ verifier: VERIFIER, signer: signer('reviewer') }],
    }
    const before = { ...policies, namespaces: { 'com.example': signer('publisher') } }
    writeFileSync(file, JSON.stringify(policies))
    expect((await publish(json, [made])).body.reason).toBe('attestation-invalid')
    writeFileSync(file, '{}')
    const broken = await publish(json, [made])
    expect([broken.status, broken.body.reason]).toEqual([503, 'verifier-unavailable'])
    writeFileSync(file, JSON.stringify(before))
    expect((await publish(json, [made, await review(json)])).body._meta['gatehouse/trust'].standing).toBe('admitted')
  })
})

describe('afterwards', () => {
  const status = (version: string, body: object, who = 'pat'): Promise<Answer> =>
    call('PATCH', `/v0.1/servers/com.example%2Fweather/versions/${version}/status`, JSON.stringify(body), who)

  it('a publisher deprecates with a word, and the word is shown', async () => {
    const done = await status('1.0.0', { status: 'deprecated', statusMessage: 'use 1.1.0' })
    expect(done.body._meta['io.modelcontextprotocol.registry/official']).toMatchObject({ status: 'deprecated', statusMessage: 'use 1.1.0' })
    expect((await status('1.0.0', { status: 'deprecated' })).status).toBe(400)
    expect((await status('1.0.0', { status: 'deprecated', name: 'com.example/other' }, 'mallory')).body.reason).toBe('namespace-forbidden')
  })
  it('the path names the server, whatever the body says', async () => {
    const done = await status('1.0.0', { status: 'active', name: 'com.other/x', version: '1.1.0' })
    expect([done.status, done.body.server.version]).toEqual([200, '1.0.0'])
  })
  it('an operator revokes, for good, and gateways that ask hear of it', async () => {
    const revoke = (body: object, who = 'root'): Promise<Answer> => call('POST', '/v1/revocations', JSON.stringify(body), who)
    const target = { kind: 'version', target: 'com.example/weather@1.0.0', reason: 'malware', action: 'block' }
    expect((await revoke(target, 'pat')).body.reason).toBe('role-missing')
    for (const wrong of [
      { kind: 'all' },
      { reason: 'mood' },
      { action: 'allow' },
      { notBefore: '2026-01-01T00:00:00Z' },
      { kind: 'key' },
      { kind: 'bundle' },
    ])
      expect((await revoke({ ...target, ...wrong })).body.reason).toBe('params-invalid')
    expect((await revoke(target)).body.revocation).toMatchObject({ sequence: 1, target: 'com.example/weather@1.0.0' })
    expect((await revoke({ ...target, kind: 'key', target: hintOf('stranger'), notBefore: '2026-01-01T00:00:00Z' })).status).toBe(200)
    expect((await get('/v0.1/servers/com.example%2Fweather/versions/1.0.0')).status).toBe(404)
    expect((await status('1.0.0', { status: 'active' }, 'root')).status).toBe(400)
    const json = serverJson('1.0.0')
    const again = `{"name":"com.example/weather","version":"1.0.0","bundle":${await review(json)}}`
    expect((await call('POST', '/v1/attestations', again, 'root')).body._meta['gatehouse/trust'].standing).toBe('revoked')
    const told = await get('/v1/revocations')
    expect(told.body).toMatchObject({
      revocations: [
        { sequence: 1, kind: 'version', target: 'com.example/weather@1.0.0', reason: 'malware', action: 'block' },
        { sequence: 2, kind: 'key', target: hintOf('stranger'), notBefore: '2026-01-01T00:00:00.000Z' },
      ],
      metadata: { count: 2, last: 2 },
    })
    expect(told.text).not.toContain('root')
    expect((await get('/v1/revocations?since=2')).body).toEqual({ revocations: [], metadata: { count: 0, last: 2 } })
    expect((await get('/v1/revocations?since=x')).status).toBe(400)
  })
  it('a revoked key signs nothing any more, whatever the policies still say (attack 7)', async () => {
    const json = serverJson('1.2.0')
    const revoke = { kind: 'key', target: hintOf('reviewer'), reason: 'key-compromise', action: 'block' }
    expect((await call('POST', '/v1/revocations', JSON.stringify(revoke), 'root')).status).toBe(200)
    const done = await publish(json, [await bundle(json, 6), await review(json)])
    expect([done.status, done.body.reason]).toEqual([422, 'attestation-invalid'])
    expect(done.body.error).toContain('signer-revoked')
    const unsigned = await call('POST', '/v0.1/publish', json, 'pat')
    expect(unsigned.body._meta['gatehouse/trust'].standing).toBe('quarantined')
  })
  it('all versions go at once', async () => {
    const done = await call('PATCH', '/v0.1/servers/com.example%2Fweather/status', JSON.stringify({ status: 'deleted' }), 'pat')
    expect([done.body.updatedCount, done.body.servers.length]).toEqual([5, 5])
    expect((await get('/v0.1/servers')).body.servers).toEqual([])
  })
  it('a frozen namespace publishes nothing, and an operator thaws it', async () => {
    expect((await act('namespaces/freeze', { namespace: 'com.example', why: 'incident' }, 'root')).body.namespace.state).toBe('frozen')
    expect((await call('POST', '/v0.1/publish', serverJson('2.0.0'), 'pat')).body.reason).toBe('namespace-frozen')
    expect((await act('namespaces/freeze', { namespace: 'com.example', why: 'incident' }, 'root')).body.error.reason).toBe('params-invalid')
    expect((await act('namespaces/thaw', { target: 'com.example', why: 'over' }, 'root')).body).toMatchObject({
      state: 'applied',
      namespace: { state: 'active' },
    })
    expect((await call('POST', '/v0.1/publish', serverJson('2.0.0'), 'pat')).status).toBe(200)
  })
  it('an owner lets others publish, and takes it back', async () => {
    const member = (role: string, who = 'pat'): Promise<Answer> =>
      act('namespaces/members', { namespace: 'com.example', principal: 'mallory', role }, who)
    expect((await member('owner', 'mallory')).body.error.reason).toBe('namespace-forbidden')
    expect((await member('admin')).body.error.reason).toBe('params-invalid')
    expect((await member('publisher')).body.namespace.members).toHaveLength(2)
    expect((await call('POST', '/v0.1/publish', serverJson('2.1.0'), 'mallory')).status).toBe(200)
    expect((await member('none')).body.namespace.members).toHaveLength(1)
    expect((await call('POST', '/v0.1/publish', serverJson('2.2.0'), 'mallory')).body.reason).toBe('namespace-forbidden')
  })
  it('a claim is answered with what to sign, for this gateway, and proved by nothing less', async () => {
    const claimed = await act('namespaces/claim', { namespace: 'invalid.nothing-here' }, 'mallory')
    expect(claimed.body.challenge).toMatchObject({ origin: gateway.snapshot.publicUrl, domain: 'nothing-here.invalid' })
    const proof = { nonce: claimed.body.challenge.nonce, timestamp: '2020-01-01T00:00:00Z', signature: 'ab'.repeat(64) }
    expect((await act('namespaces/verify', { ...proof, method: 'mail' }, 'mallory')).body.error.reason).toBe('params-invalid')
    expect((await act('namespaces/verify', { ...proof, method: 'dns' }, 'mallory')).body.error.reason).toBe('proof-invalid')
    expect((await call('GET', '/admin/namespaces/list', undefined, 'root')).body.namespaces).toHaveLength(1)
  })
  it('a publisher is not told who publishes in the namespaces of others', async () => {
    const listed = async (who: string) => (await call('GET', '/admin/namespaces/list', undefined, who)).body.namespaces
    expect(await listed('pat')).toMatchObject([{ name: 'com.example' }])
    expect(await listed('mallory')).toEqual([])
  })
  it('a look-alike is cleared by an operator', async () => {
    const cleared = await act('registry/clear', { target: 'com.example/weather', why: 'x' }, 'root')
    expect(cleared.body.error.reason).toBe('params-invalid')
  })
  it.each([
    ['PUT', '/v0.1/servers/com.example%2Fweather/versions/2.0.0'],
    ['DELETE', '/v0.1/servers/com.example%2Fweather/versions/2.0.0'],
    ['POST', '/v0.1/servers'],
    ['GET', '/v1/publish'],
    ['POST', '/sets/dev/v1/publish'],
  ])('nothing is written or read by %s %s', async (method, path) => {
    const done = await call(method, path, method === 'GET' || method === 'DELETE' ? undefined : '{}', 'pat')
    expect([404, 405, 501]).toContain(done.status)
  })
})

describe('our own paths', () => {
  const v1 = (method: string, path: string, body: object | undefined, who: string): Promise<Answer> =>
    call(method, `/v1/${path}`, body && JSON.stringify(body), who)

  it('of namespaces are the acts of administration, with the roles and the record those have', async () => {
    expect((await v1('POST', 'namespaces', { namespace: 'com.aliases', owner: 'pat', why: 'x' }, 'pat')).body.reason).toBe('role-missing')
    const made = await v1('POST', 'namespaces', { namespace: 'com.aliases', owner: 'pat', why: 'theirs' }, 'root')
    expect(made.body).toMatchObject({ state: 'applied', namespace: { name: 'com.aliases' } })
    const member = { principal: 'mallory', role: 'publisher', namespace: 'com.example' }
    // the path's own, whatever the body says
    expect((await v1('PUT', 'namespaces/com.aliases/members', member, 'pat')).body.namespace).toMatchObject({ name: 'com.aliases' })
    expect((await v1('PUT', 'namespaces/com.aliases/members', member, 'mallory')).body.reason).toBe('namespace-forbidden')
    const challenged = await v1('POST', 'namespaces/invalid.nothing-there/challenges', {}, 'mallory')
    expect(challenged.body.challenge).toMatchObject({ domain: 'nothing-there.invalid' })
    const proof = { nonce: challenged.body.challenge.nonce, timestamp: '2020-01-01T00:00:00Z', signature: 'ab'.repeat(64), method: 'dns' }
    expect((await v1('POST', 'namespaces/invalid.nothing-there/verify', proof, 'mallory')).body.reason).toBe('proof-invalid')
    expect((await v1('GET', 'namespaces/COM.aliases', undefined, 'pat')).body.namespace).toMatchObject({
      name: 'com.aliases',
      state: 'active',
    })
    expect((await v1('POST', 'namespaces/com.aliases/freeze', { why: 'x' }, 'pat')).body.reason).toBe('role-missing')
    expect((await v1('POST', 'namespaces/com.aliases/freeze', { why: 'x' }, 'root')).body.namespace.state).toBe('frozen')
    expect((await v1('POST', 'namespaces/com.aliases/thaw', { why: 'x' }, 'root')).body.namespace.state).toBe('active')
    const rows = gateway.events().filter(event => event['subject']?.method === 'admin/namespaces/freeze')
    expect(rows.at(-1)).toMatchObject({ principal: { subject: 'root' } })
  })
  it('tell nobody of namespaces of others, and strangers of none', async () => {
    expect((await v1('GET', 'namespaces', undefined, 'root')).body.namespaces.length).toBeGreaterThan(1)
    expect((await v1('GET', 'namespaces/com.example', undefined, 'mallory')).status).toBe(404)
    expect((await v1('GET', 'namespaces/com.absent', undefined, 'root')).status).toBe(404)
    expect((await v1('GET', 'namespaces/%zz', undefined, 'root')).status).toBe(404)
    expect((await get('/v1/namespaces')).status).toBe(401)
    expect((await get('/v1/namespaces/com.example')).status).toBe(401)
    expect((await v1('GET', 'namespaces', undefined, 'nobody')).status).toBe(403)
  })
  it('show what waits for a reviewer to reviewers alone, though everybody may read the rest', async () => {
    const json = serverJson('7.0.0')
    expect((await publish(json, [await bundle(json, 9)])).status).toBe(200)
    for (const path of ['reviews', 'reviews/servers/com.example%2Fweather/versions/7.0.0']) {
      expect((await get(`/v1/${path}`)).status).toBe(401)
      expect((await v1('GET', path, undefined, 'pat')).body.reason).toBe('role-missing')
      expect((await get(`/sets/dev/v1/${path}`)).status).toBe(404)
    }
    const listed = await v1('GET', 'reviews?limit=100', undefined, 'root')
    expect(listed.body.servers.map(({ server }: any) => server.version)).toContain('7.0.0')
    const one = 'reviews/servers/com.example%2Fweather/versions/7.0.0'
    expect((await v1('GET', one, undefined, 'root')).body.server.version).toBe('7.0.0')
    expect((await v1('GET', `${one}/surface`, undefined, 'root')).body.surface).toEqual(SURFACE)
    const { documents } = (await v1('GET', `${one}/documents`, undefined, 'root')).body
    const file = await v1('GET', `${one}/documents/${documents[0].sha256}`, undefined, 'root')
    expect([file.headers['content-type'], sha('sha256', file.text)]).toEqual(['application/octet-stream', documents[0].sha256])
    expect((await get('/v1/servers/com.example%2Fweather/versions/7.0.0')).status).toBe(404)
    expect((await get(`/v1/resolve?name=com.example/weather&version=7.0.0`)).status).toBe(404)
  })
})
