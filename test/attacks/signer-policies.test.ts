// Who signs for a namespace, changed under /v1: proposed by one, approved by another, and in force only once keyholders signed it.

import { createPublicKey, generateKeyPairSync, hash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signPayload } from '../../src/adapters/sigstore/sign.ts'
import { canonicalJsonOf } from '../../src/kernel/canonical-json.ts'
import { writeServerStatement } from '../../src/trust/statement.ts'
import { gatehouse, type Run } from '../cli/io.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { send, type Answer } from './wire.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-signers-'))
  for (const name of ['ann', 'bob', 'cyd', 'dan', 'eve', 'old', 'new', 'other']) makeKey(name)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const put = (name: string, text: string): void => writeFileSync(join(folder, name), text, { mode: 0o600 })
function makeKey(name: string): void {
  const { privateKey } = generateKeyPairSync('ed25519')
  put(`${name}.pem`, privateKey.export({ format: 'pem', type: 'pkcs8' }) as string)
  put(`${name}.pub`, createPublicKey(privateKey).export({ format: 'pem', type: 'spki' }) as string)
}
const policyOf = (key: string) => ({
  mode: 'key',
  keys: [{ publicKey: readFileSync(join(folder, `${key}.pub`), 'utf8'), validFor: { start: '2020-01-01T00:00:00Z' } }],
})
const policiesOf = (key: string) => ({ version: 1, namespaces: { 'com.acme': policyOf(key), 'com.other': policyOf('other') } })

const call = async (gateway: TestGateway, method: string, path: string, { who, body }: { who: string; body?: object }): Promise<Answer> =>
  send(Number(new URL(gateway.url).port), {
    method,
    path,
    headers: {
      authorization: `Bearer ${await gateway.token('/admin', { sub: who })}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  })
const propose = (gateway: TestGateway, who: string, key: string, namespace = 'com.acme'): Promise<Answer> =>
  call(gateway, 'PUT', `/v1/namespaces/${namespace}/signer-policy`, { who, body: { policy: policyOf(key), why: 'a new key' } })
const approve = (gateway: TestGateway, who: string, id: string): Promise<Answer> =>
  call(gateway, 'POST', '/admin/proposals/approve', { who, body: { id } })
async function register(gateway: TestGateway, namespace: string, owner: string): Promise<void> {
  const proposed = await call(gateway, 'POST', '/admin/namespaces/register', {
    who: 'root',
    body: { target: `${namespace} ${owner}`, why: 'ours' },
  })
  expect((await approve(gateway, 'second', proposed.body.proposal.id as string)).status).toBe(200)
}
const ROLES = {
  operators: ['root', 'second'],
  administration: { twoPerson: true, roles: { publisher: { subjects: ['pat', 'bob'] }, policyAuthor: { subjects: ['polly'] } } },
}

async function publishSigned(gateway: TestGateway, version: string, sequence: number, key: string): Promise<Answer> {
  const json = JSON.stringify({
    name: 'com.acme/weather',
    description: 'Weather.',
    version,
    packages: [{ registryType: 'npm', identifier: '@acme/weather', version: '1.0.0', transport: { type: 'stdio' } }],
  })
  const payload = writeServerStatement({
    subjects: [
      { name: 'server.json', digest: { sha256: hash('sha256', canonicalJsonOf(json) ?? '') } },
      { name: 'pkg:npm/%40acme/weather@1.0.0', digest: { sha512: hash('sha512', 'tarball') } },
      { name: 'package-lock.json', digest: { sha256: hash('sha256', 'lock') } },
    ],
    server: { name: 'com.acme/weather', version, sequence },
    registry: gateway.snapshot.publicUrl,
    previous: null,
    notAfter: '2100-01-01T00:00:00Z',
    surface: { mode: 'subset', instructions: null, tools: {}, prompts: {}, resources: {}, resourceTemplates: {} },
    remotes: [],
    launch: { envNames: [], egress: [] },
  })
  const { bundle } = await signPayload(payload, { kind: 'file', file: join(folder, `${key}.pem`) }, {})
  return call(gateway, 'POST', '/v1/publish', {
    who: 'pat',
    body: { serverJson: JSON.parse(json), bundles: [JSON.parse(bundle.toString())] },
  })
}

describe('where this gateway publishes the repository of trust', () => {
  let gateway: TestGateway
  const trust = (...argv: readonly string[]): Promise<Run> => gatehouse(['trust', ...argv], { cwd: folder, now: Date.now })
  const staged = (): string => join(folder, 'trust/staged/namespaces.json')
  async function sign(role: string, ...names: readonly string[]): Promise<void> {
    for (const name of names) expect(await trust('sign', `trust/staged/${role}.json`, '--key', `${name}.pem`)).toMatchObject({ code: 0 })
  }
  const start = (): Promise<TestGateway> =>
    startTestGateway({
      ...ROLES,
      registry: {
        cooldown: '0s',
        repository: { folder: join(folder, 'trust'), root: join(folder, 'trust/metadata/1.root.json'), publish: true },
      },
    })
  beforeAll(async () => {
    put('policies.json', JSON.stringify(policiesOf('old')))
    const holders = [
      ...['ann', 'bob', 'cyd'].flatMap(name => ['--root', `${name}.pub`]),
      ...['dan', 'eve'].flatMap(name => ['--namespaces', `${name}.pub`]),
    ]
    expect(await trust('init', 'trust', ...holders, '--policies', 'policies.json')).toMatchObject({ code: 0 })
    await sign('root', 'ann', 'bob')
    await sign('targets', 'ann', 'bob')
    await sign('namespaces', 'dan', 'eve')
    expect(await trust('publish', 'trust')).toMatchObject({ code: 0 })
    gateway = await start()
    await register(gateway, 'com.acme', 'pat')
    await register(gateway, 'com.other', 'bob')
  })
  afterAll(() => gateway.stop())

  it('a proposal changes nothing, one’s own approval is none, and what is approved is staged for keyholders', async () => {
    const proposed = await propose(gateway, 'polly', 'new')
    expect([proposed.status, proposed.body.state]).toEqual([200, 'proposed'])
    const { id, target } = proposed.body.proposal
    expect(existsSync(staged())).toBe(false)
    expect((await approve(gateway, 'polly', id as string)).status).toBe(403)
    const read = await call(gateway, 'GET', '/v1/signer-policies', { who: 'second' })
    expect(read.body.proposed).toEqual([{ namespace: 'com.acme', policy: policyOf('new'), digest: (target as string).split(' ')[1] }])
    const done = await approve(gateway, 'second', id as string)
    expect([done.status, done.body.signerPolicy]).toMatchObject([200, { namespace: 'com.acme', staged: ['namespaces'], file: staged() }])
    expect(existsSync(staged())).toBe(true)
  })
  it('counts for nothing before enough of them signed it: the old key signs on, the new one does not', async () => {
    await gateway.stop()
    gateway = await start() // it publishes what is due, and that is not
    await register(gateway, 'com.acme', 'pat')
    await register(gateway, 'com.other', 'bob')
    expect((await publishSigned(gateway, '1.0.0', 1, 'new')).body.reason).toBe('attestation-invalid')
    await sign('namespaces', 'dan')
    expect(await trust('publish', 'trust')).toMatchObject({ code: 0, out: expect.stringContaining('1 of 2') })
    expect((await publishSigned(gateway, '1.0.0', 1, 'new')).body.reason).toBe('attestation-invalid')
    expect((await publishSigned(gateway, '1.0.0', 1, 'old')).status).toBe(200)
  })
  it('two that are approved one after the other are both in what is signed next, and nobody else’s signer is touched', async () => {
    const proposed = await propose(gateway, 'root', 'ann', 'com.other')
    expect((await approve(gateway, 'second', proposed.body.proposal.id as string)).status).toBe(200)
    await sign('namespaces', 'dan', 'eve')
    expect(await trust('publish', 'trust')).toMatchObject({ code: 0 })
    await gateway.stop()
    gateway = await start()
    await register(gateway, 'com.acme', 'pat')
    const { policies } = (await call(gateway, 'GET', '/v1/signer-policies', { who: 'root' })).body
    expect(policies).toMatchObject([
      { namespace: 'com.acme', policy: policyOf('new') },
      { namespace: 'com.other', policy: policyOf('ann') },
    ])
    expect((await publishSigned(gateway, '1.0.0', 1, 'old')).body.reason).toBe('attestation-invalid')
    expect((await publishSigned(gateway, '1.0.0', 1, 'new')).status).toBe(200)
  })
  it('whoever publishes proposes no signer, and sees those of own namespaces', async () => {
    expect((await propose(gateway, 'pat', 'new')).body.reason).toBe('role-missing')
    expect((await call(gateway, 'GET', '/v1/signer-policies', { who: 'mallory' })).body.reason).toBe('role-missing')
    const read = await call(gateway, 'GET', '/v1/signer-policies', { who: 'pat' })
    expect(Object.keys(read.body)).toEqual(['policies'])
    expect(read.body.policies).toMatchObject([{ namespace: 'com.acme' }])
  })
})

describe('where the policies are a file', () => {
  let gateway: TestGateway
  let before: string
  const run = async (who: string, ...words: string[]): Promise<Run> =>
    gatehouse([...words, '--url', gateway.url], {
      cwd: folder,
      env: { GATEHOUSE_ADMIN_TOKEN: await gateway.token('/admin', { sub: who }) },
      now: Date.now,
    })
  beforeAll(async () => {
    before = `${JSON.stringify({ ...policiesOf('old'), revocations: [] })}\n`
    put('file-policies.json', before)
    gateway = await startTestGateway({ ...ROLES, registry: { trust: { policies: join(folder, 'file-policies.json') } } })
    await register(gateway, 'com.acme', 'pat')
  })
  afterAll(() => gateway.stop())

  it('what is approved is handed back to be carried there, and the file stays as it is', async () => {
    put('signer.json', JSON.stringify(policyOf('new')))
    const proposed = await run('polly', 'namespace', 'signer', 'com.ACME', 'signer.json', '--why', 'rotated')
    expect(proposed).toMatchObject({ code: 0, out: expect.stringContaining('somebody else has to approve it') })
    const id = /proposed as (\S+):/.exec(proposed.out)?.[1] ?? ''
    const approved = await run('second', 'proposals', 'approve', id)
    expect(approved).toMatchObject({ code: 0, out: expect.stringContaining('nothing is changed by it') })
    const handed = JSON.parse(approved.out.slice(approved.out.indexOf('{')))
    expect(handed).toEqual({ version: 1, namespaces: { 'com.acme': policyOf('new'), 'com.other': policyOf('other') }, revocations: [] })
    expect(readFileSync(join(folder, 'file-policies.json'), 'utf8')).toBe(before)
    expect((await run('root', 'registry', 'signers')).out).toMatch(/com\.acme +in force +1 key/)
  })
  it.each([
    ['no policy', {}],
    ['a shared secret', { mode: 'secret', keys: [] }],
    [
      'an identity without its numbers, of a code host',
      { mode: 'keyless', identities: [{ issuer: 'https://token.ci.test', san: 'https://ci.test/x' }] },
    ],
    ['a key that is none', { mode: 'key', keys: [{ publicKey: 'x', validFor: { start: '2020-01-01T00:00:00Z' } }] }],
  ])('refuses %s, and proposes nothing', async (what, policy) => {
    const namespace = what.includes('code host') ? 'io.github.acme' : 'com.acme'
    if (namespace === 'io.github.acme') await register(gateway, namespace, 'pat')
    const pending = async () => (await call(gateway, 'GET', '/admin/proposals/list', { who: 'root' })).body.proposals.length as number
    const count = await pending()
    const answer = await call(gateway, 'PUT', `/v1/namespaces/${namespace}/signer-policy`, { who: 'root', body: { policy, why: 'x' } })
    expect([answer.status, answer.body.reason]).toEqual([400, 'params-invalid'])
    expect(await pending()).toBe(count)
  })
  it('refuses a namespace that nobody has, and a body that names another one than the path', async () => {
    expect((await propose(gateway, 'root', 'new', 'com.nobody')).body.reason).toBe('registry-unknown')
    const answer = await call(gateway, 'PUT', '/v1/namespaces/com.acme/signer-policy', {
      who: 'root',
      body: { policy: policyOf('new'), why: 'x', namespace: 'com.other' },
    })
    expect(answer.body.proposal.target).toMatch(/^com\.acme [0-9a-f]{64}$/)
  })
  it('a namespace that was reassigned is its new owner’s, and the one before sees its signer no more', async () => {
    const done = await call(gateway, 'POST', '/admin/namespaces/reassign', { who: 'root', body: { target: 'com.acme bob', why: 'sold' } })
    expect(await approve(gateway, 'second', done.body.proposal.id as string)).toMatchObject({
      status: 200,
      body: { namespace: { state: 'active' } },
    })
    expect((await call(gateway, 'GET', '/v1/signer-policies', { who: 'pat' })).body.policies).toEqual([])
  })
})
