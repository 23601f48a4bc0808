// The seeds that come with the project, and what becomes of a folder of them at a start of a real gateway: real policies, real signatures, real files.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { readTrustPolicies } from '../../src/trust/signer-policy.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { send } from '../attacks/wire.ts'

const REPOSITORY = resolve(import.meta.dirname, '../..')
const REGISTRY = join(REPOSITORY, 'registry')
const NAMESPACE = 'io.github.modelcontextprotocol'
const NAMES = ['server-everything', 'server-filesystem', 'server-memory', 'server-sequential-thinking']
const json = (file: string): any => JSON.parse(readFileSync(file, 'utf8'))
const versionOf = (name: string): string => json(join(REPOSITORY, 'node_modules/@modelcontextprotocol', name, 'package.json')).version
const placeOf = (name: string, root = REGISTRY): string => join(root, 'servers', NAMESPACE, name, versionOf(name))

let gateway: TestGateway | undefined
const made: string[] = []
afterEach(async () => {
  await gateway?.stop()
  gateway = undefined
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
})
const temporary = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-seeds-'))
  made.push(folder)
  return folder
}
const start = async (registry: object, more: object = {}): Promise<TestGateway> =>
  (gateway = await startTestGateway({
    operators: ['root'],
    administration: { twoPerson: false, roles: { publisher: { subjects: ['pat'] } } },
    registry,
    ...more,
  }))
const OURS = { trust: { policies: join(REGISTRY, 'policies.json') } }
const call = async (method: string, path: string, body?: object, who = 'root') =>
  send(Number(new URL(gateway?.url ?? '').port), {
    method,
    path,
    headers: {
      authorization: `Bearer ${await gateway?.token('/admin', { sub: who })}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  })
const served = async (): Promise<readonly string[]> =>
  (await call('GET', '/v0.1/servers')).body.servers.map(({ server }: any) => `${server.name}@${server.version}`)
const taken = (): any => gateway?.events().findLast(({ what }) => what === 'seeds-taken')?.['detail']

describe('the seeds of this project', () => {
  it('are the versions that are installed, by the bytes of its own lock file', () => {
    expect(readdirSync(join(REGISTRY, 'servers', NAMESPACE)).sort()).toEqual(NAMES)
    const own = json(join(REPOSITORY, 'package-lock.json')).packages
    for (const name of NAMES) {
      const { version, packages } = json(join(placeOf(name), 'server.json'))
      const [{ identifier, version: packaged }] = packages
      expect([version, packaged]).toEqual([versionOf(name), versionOf(name)])
      const locked = json(join(placeOf(name), 'package-lock.json')).packages
      expect(locked[`node_modules/${identifier}`].integrity).toBe(own[`node_modules/${identifier}`].integrity)
    }
  })
  it('pin everything they are made of, and name no host that it came from', () => {
    for (const name of NAMES) {
      const { packages, lockfileVersion } = json(join(placeOf(name), 'package-lock.json'))
      expect(lockfileVersion).toBe(3)
      for (const [folder, entry] of Object.entries<any>(packages)) {
        expect(entry).not.toHaveProperty('resolved')
        if (folder !== '') expect(entry.integrity).toMatch(/^sha512-/)
      }
    }
  })
  it('are signed by one key for one reviewer, who signs for no namespace', () => {
    const { namespaces, reviewers } = readTrustPolicies(readFileSync(join(REGISTRY, 'policies.json')))
    expect([namespaces.size, reviewers.map(({ verifierId }) => verifierId)]).toEqual([0, ['https://gatehouse.example/reviewers/seeds']])
  })
  it('are reviewed by the rules that lie beside them', async () => {
    const { hash } = await import('node:crypto')
    for (const name of NAMES) {
      const { dsseEnvelope } = json(join(placeOf(name), 'review.sigstore.json'))
      const { predicate } = JSON.parse(Buffer.from(dsseEnvelope.payload, 'base64').toString())
      expect(predicate.policy.digest.sha256).toBe(hash('sha256', readFileSync(join(REGISTRY, 'rules.md'))))
    }
  })
  it('are admitted at a start, with everything that was signed of them, once', async () => {
    await start({ ...OURS, seeds: [REGISTRY] })
    expect(await served()).toEqual(NAMES.map(name => `${NAMESPACE}/${name}@${versionOf(name)}`))
    expect(taken()).toEqual({
      folder: REGISTRY,
      come: NAMES.map(name => ({ at: `${NAMESPACE}/${name}/${versionOf(name)}`, standing: 'admitted' })),
      refused: [],
    })
    const { documents } = (await call('GET', `/v1/servers/${NAMESPACE}%2Fserver-memory/versions/${versionOf('server-memory')}/documents`))
      .body
    expect(documents.map(({ kind }: any) => kind).sort()).toEqual(['definitions', 'lock:package-lock.json', 'surface'])
  })
  it('have a namespace that nobody publishes in, and that nobody’s look-alike passes by', async () => {
    await start({ ...OURS, seeds: [REGISTRY] })
    const { namespaces } = (await call('GET', '/admin/namespaces/list')).body
    expect(namespaces).toMatchObject([{ name: NAMESPACE, members: [{ principal: 'gatehouse seeds', role: 'owner' }] }])
    const mine = { name: `${NAMESPACE}/mine`, description: 'Mine.', version: '1.0.0' }
    expect((await call('POST', '/v0.1/publish', mine, 'pat')).body.reason).toBe('namespace-forbidden')
    expect((await call('POST', '/admin/namespaces/register', { target: `${NAMESPACE} pat`, why: 'mine' })).status).not.toBe(200)
  })
})

describe('attack: a seed that was edited', () => {
  const [name] = NAMES
  if (name === undefined) throw new Error('no seeds')
  const edit = (file: string, from: string | RegExp, to: string) => (place: string) => {
    const text = readFileSync(join(place, file), 'utf8')
    const edited = text.replace(from, to)
    expect(edited).not.toBe(text)
    writeFileSync(join(place, file), edited)
  }
  const link = (place: string): void => {
    rmSync(join(place, 'server.json'))
    symlinkSync(join(placeOf(name), 'server.json'), join(place, 'server.json'))
  }
  it.each<[string, (place: string) => void, string]>([
    ['in its server.json', edit('server.json', '"Everything"', '"Everythin"'), 'attestation-invalid: server-json-mismatch'],
    ['in an argument', edit('server.json', '"value": "stdio"', '"value": "sse"'), 'attestation-invalid: server-json-mismatch'],
    [
      'in what it is made of',
      edit('package-lock.json', /sha512-.{4}/, 'sha512-AAAA'),
      'attestation-invalid: document-mismatch: `package-lock.json`',
    ],
    [
      'in what it may list',
      edit('surface.json', '"tools":{', `"tools":{"evil":"${'a'.repeat(64)}",`),
      'attestation-invalid: surface-mismatch',
    ],
    [
      'in a definition',
      edit('definitions.json', 'Echoes back', 'Sends away'),
      'attestation-invalid: document-mismatch: `definitions: tools echo`',
    ],
    ['in its review', edit('review.sigstore.json', /"sig":"..../, '"sig":"AAAA'), 'attestation-invalid: signature-'],
    [
      'to have another one’s review',
      place => cpSync(join(placeOf('server-memory'), 'review.sigstore.json'), join(place, 'review.sigstore.json')),
      'attestation-invalid: server-mismatch',
    ],
    ['to be another version by its folder', place => renameSync(place, join(place, '../9.9.9')), 'its folders are called otherwise'],
    ['to be a link to elsewhere', link, '`server.json` cannot be read (ELOOP)'],
    [
      'to say two things',
      edit('server.json', '{', '{"name":"com.evil/x",'),
      'its server.json is no JSON as it is read here (duplicate-key',
    ],
    ['to nothing', place => rmSync(join(place, 'server.json')), 'it has no server.json'],
  ])('%s is refused and named, and the others come in', async (_what, change, why) => {
    const folder = temporary()
    cpSync(join(REGISTRY, 'servers'), join(folder, 'servers'), { recursive: true })
    change(placeOf(name, folder))
    await start({ ...OURS, seeds: [folder] })
    expect(await served()).toHaveLength(3)
    expect(taken().refused).toMatchObject([{ at: expect.stringContaining(`${NAMESPACE}/${name}/`), why: expect.stringContaining(why) }])
  })
})

describe('seeds', () => {
  it('whose reviewer the policies do not know wait, and are admitted once they do', async () => {
    const folder = temporary()
    const policies = join(folder, 'policies.json')
    writeFileSync(policies, JSON.stringify({ version: 1, namespaces: {} }))
    const dataDir = join(folder, 'data')
    const config = { trust: { policies }, seeds: [REGISTRY] }
    await start(config, { dataDir })
    expect(await served()).toEqual([])
    expect(taken().come.map(({ standing }: any) => standing)).toEqual(Array(4).fill('waiting'))
    await gateway?.stop()
    writeFileSync(policies, readFileSync(join(REGISTRY, 'policies.json')))
    await start(config, { dataDir })
    expect(await served()).toHaveLength(4)
  })
  it('wait where nothing can be verified at all', async () => {
    await start({ seeds: [REGISTRY] })
    expect(await served()).toEqual([])
    expect(taken().come).toHaveLength(4)
  })
  it('never take anything over: not a version, and not a namespace that is somebody’s', async () => {
    const dataDir = join(temporary(), 'data')
    await start(OURS, { dataDir })
    expect((await call('POST', '/admin/namespaces/register', { target: `${NAMESPACE} pat`, why: 'ours' })).status).toBe(200)
    const own = { name: `${NAMESPACE}/server-memory`, description: 'Ours.', version: versionOf('server-memory') }
    expect((await call('POST', '/v0.1/publish', own, 'pat')).status).toBe(200)
    await gateway?.stop()
    await start({ ...OURS, seeds: [REGISTRY] }, { dataDir })
    expect(await served()).toEqual([])
    expect(taken().refused.map(({ why }: any) => why)).toEqual([
      'its namespace is somebody’s here',
      'its namespace is somebody’s here',
      'the registry has this version with another server.json',
      'its namespace is somebody’s here',
    ])
  })
  it('that were revoked stay so over a restart, and nothing is recorded of what was there', async () => {
    const dataDir = join(temporary(), 'data')
    await start({ ...OURS, seeds: [REGISTRY] }, { dataDir })
    const target = `${NAMESPACE}/server-memory@${versionOf('server-memory')}`
    expect((await call('POST', '/v1/revocations', { kind: 'version', target, reason: 'policy', action: 'block' })).status).toBe(200)
    const before = gateway?.events().filter(({ what }) => what === 'seeds-taken').length
    await gateway?.stop()
    await start({ ...OURS, seeds: [REGISTRY] }, { dataDir })
    expect(await served()).toHaveLength(3)
    expect(gateway?.events().filter(({ what }) => what === 'seeds-taken')).toHaveLength(before ?? -1)
  })
  it('of a folder that is not there keep no gateway from starting', async () => {
    await start({ ...OURS, seeds: [join(temporary(), 'absent'), REGISTRY] })
    expect(await served()).toHaveLength(4)
  })
  it('are a thousand at most', async () => {
    const folder = temporary()
    for (let i = 0; i < 1001; i++) mkdirSync(join(folder, 'servers/com.example/a', `1.0.${i}`), { recursive: true })
    await start({ ...OURS, seeds: [folder] })
    expect(await served()).toEqual([])
  })
})
