// Namespaces and publishing from the command line, against a running gateway: what publishers type and see.

import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOfPrimitive } from '../../src/admission/primitive.ts'
import { documentReaders } from '../../src/adapters/registry-documents.ts'
import { createDocumentStore } from '../../src/adapters/sqlite/document-store.ts'
import { createVersionStore } from '../../src/adapters/sqlite/registry-store.ts'
import { openStateDb } from '../../src/adapters/sqlite/state-db.ts'
import { canonicalJson } from '../../src/kernel/canonical-json.ts'
import { verifyProof } from '../../src/registry/domain-key.ts'
import { documentOf, publication } from '../contracts/registry.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { gatehouse, type Run } from './io.ts'

let cwd: string
let gateway: TestGateway
const tokens: Record<string, string> = {}
const run = (who: string, ...words: string[]): Promise<Run> =>
  gatehouse([...words, '--url', gateway.url], { cwd, env: { GATEHOUSE_ADMIN_TOKEN: tokens[who] }, now: Date.now })
const local = (...words: string[]): Promise<Run> => gatehouse(words, { cwd })
const put = (name: string, value: object | string): void =>
  writeFileSync(join(cwd, name), typeof value === 'string' ? value : JSON.stringify(value), { mode: 0o600 })
const SERVER = {
  name: 'com.example/weather',
  description: 'Weather.',
  version: '1.0.0',
  remotes: [{ type: 'streamable-http', url: 'https://api.example.com/mcp' }],
}

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'gatehouse-publish-'))
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  put('signing.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const pem = publicKey.export({ type: 'spki', format: 'pem' })
  const signer = { mode: 'key', keys: [{ publicKey: pem, validFor: { start: '2020-01-01T00:00:00Z' } }] }
  put('policies.json', { version: 1, namespaces: { 'com.example': signer } })
  put('surface.json', { mode: 'subset', instructions: null, tools: {}, prompts: {}, resources: {}, resourceTemplates: {} })
  put('server.json', SERVER)
  gateway = await startTestGateway({
    operators: ['root'],
    administration: { twoPerson: false, roles: { publisher: { subjects: ['pat'] } } },
    registry: { trust: { policies: join(cwd, 'policies.json') } },
  })
  for (const who of ['root', 'pat']) tokens[who] = await gateway.token('/admin', { sub: who })
})
afterAll(async () => {
  await gateway.stop()
  rmSync(cwd, { recursive: true, force: true })
})

describe('gatehouse namespace', () => {
  it('claim makes a key that only its owner reads, and says what the domain publishes', async () => {
    const claimed = await local('namespace', 'claim', 'com.example', '--key', 'domain.pem')
    expect(claimed).toMatchObject({ code: 0, err: '' })
    expect(statSync(join(cwd, 'domain.pem')).mode & 0o777).toBe(0o600)
    expect(claimed.out).toContain('https://example.com/.well-known/mcp-registry-auth')
    const before = readFileSync(join(cwd, 'domain.pem'), 'utf8')
    const again = JSON.parse((await local('namespace', 'claim', 'com.example', '--key', 'domain.pem', '--json')).out)
    expect(readFileSync(join(cwd, 'domain.pem'), 'utf8')).toBe(before)
    expect(claimed.out).toContain(again.record)
    // of a form that is read, though this signature is none of it
    expect(again.record).toMatch(/^v=MCPv1; k=ed25519; p=[A-Za-z0-9+/]{43}=$/)
    expect(verifyProof(again.record, Buffer.from('x'), 'ab'.repeat(64))).toBe(false)
  })
  it('claim shows P-384 keys compressed, and refuses kinds that no record names', async () => {
    const pem = (namedCurve: string) =>
      generateKeyPairSync('ec', { namedCurve }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    put('p384.pem', pem('P-384'))
    put('p256.pem', pem('P-256'))
    expect((await local('namespace', 'claim', 'com.example', '--key', 'p384.pem')).out).toMatch(/k=ecdsap384; p=[A-Za-z0-9+/]{66}==/)
    expect(await local('namespace', 'claim', 'com.example', '--key', 'p256.pem')).toMatchObject({
      code: 1,
      err: expect.stringContaining('Ed25519 or P-384'),
    })
  })
  it.each([
    ['claim', []],
    ['claim', ['com.example']],
    ['verify', []],
    ['verify', ['com.example']],
    ['register', ['com.example']],
    ['register', ['com.example', 'pat']],
    ['freeze', []],
    ['freeze', ['com.example']],
    ['thaw', []],
    ['thaw', ['com.example']],
  ])('%s asks for what is missing: %j', async (verb, words) => {
    expect(await local('namespace', verb, ...words)).toMatchObject({ code: 2, err: expect.stringContaining('expected') })
  })
  it('verify says why a proof does not count', async () => {
    const refused = await run('pat', 'namespace', 'verify', 'invalid.nothing-here', '--key', 'domain.pem')
    expect(refused).toMatchObject({
      code: 1,
      err: expect.stringContaining('`nothing-here.invalid` publishes nothing that can be read by dns'),
    })
    expect(await run('pat', 'namespace', 'verify', 'io.github.acme', '--key', 'p384.pem', '--https')).toMatchObject({
      code: 1,
      err: expect.stringContaining('code host'),
    })
    expect(await run('root', 'namespace', 'verify', 'com.example', '--key', 'domain.pem')).toMatchObject({
      code: 1,
      err: expect.stringContaining('publisher'),
    })
  })
  it('register, list, freeze and thaw are an operator’s', async () => {
    expect(await run('root', 'namespace', 'list')).toMatchObject({ code: 0, out: 'there are no namespaces\n' })
    expect(await run('pat', 'namespace', 'register', 'com.example', 'pat', '--why', 'mine')).toMatchObject({ code: 1 })
    expect(await run('root', 'namespace', 'register', 'com.example', 'https://other.test pat', '--why', 'x')).toMatchObject({
      code: 1,
      err: expect.stringContaining('its owner as `<issuer> <subject>`'),
    })
    expect(await run('root', 'namespace', 'register', 'com.example', 'pat', '--why', 'theirs')).toMatchObject({ code: 0, out: 'done\n' })
    expect((await run('pat', 'namespace', 'list')).out).toMatch(
      /com\.example {2}active {2}operator {3}- {6}- {12}- {10}https:\/\/issuer\.test pat \(owner\)/,
    )
    expect(await run('root', 'namespace', 'freeze', 'com.example', '--why', 'x')).toMatchObject({ code: 0 })
    expect(await run('root', 'namespace', 'thaw', 'com.example', '--why', 'x')).toMatchObject({ code: 0, out: 'done\n' })
  })
})

describe('gatehouse publish', () => {
  it('sends what `gatehouse sign` signed, and says where it stands', async () => {
    const registry = gateway.snapshot.publicUrl
    const signed = await local('sign', '--surface', 'surface.json', '--sequence', '1', '--key', 'signing.pem', '--registry', registry)
    expect(signed).toMatchObject({ code: 0 })
    const done = await run('pat', 'publish')
    expect(done).toMatchObject({
      code: 0,
      out: 'published com.example/weather 1.0.0 (sequence 1): quarantined; a reviewer’s bundle admits it\n',
      err: '',
    })
    expect(await run('pat', 'publish')).toMatchObject({ code: 1, err: expect.stringContaining('The version exists') })
    put('server.json', { ...SERVER, version: '1.1.0' })
    expect(await run('pat', 'publish')).toMatchObject({ code: 1, err: expect.stringContaining('server-mismatch') })
  })
  it('sends along what lies beside it and was signed, and says what was not', async () => {
    const registry = gateway.snapshot.publicUrl
    const digest = digestOfPrimitive('tool', '{"name":"a"}')
    mkdirSync(join(cwd, 'beside'))
    const npm = { registryType: 'npm', identifier: 'weather', version: '3.0.0', transport: { type: 'stdio' } }
    put('beside/server.json', { ...SERVER, name: 'com.example/beside', version: '3.0.0', packages: [npm] })
    put('beside/surface.json', {
      mode: 'exact',
      instructions: null,
      tools: { a: digest },
      prompts: {},
      resources: {},
      resourceTemplates: {},
    })
    put('beside/definitions.json', { tools: { a: '{ "name": "a" }' } })
    put('beside/package-lock.json', '{"lockfileVersion":3}\n')
    put('beside/requirements.txt', 'of something else')
    put('beside/weather.tgz', 'tarball')
    const named = ['--artifact', 'beside/weather.tgz', '--lock', 'beside/package-lock.json', '--surface', 'beside/surface.json']
    const key = ['--sequence', '1', '--key', 'signing.pem', '--registry', registry]
    expect(await local('sign', 'beside/server.json', ...named, ...key)).toMatchObject({ code: 0, err: '' })
    expect(await run('pat', 'publish', 'beside/server.json')).toMatchObject({ code: 0, err: '' })
    const db = await openStateDb(join(gateway.dataDir, 'state.db'))
    const kinds = async (): Promise<string[]> =>
      (await createDocumentStore(db).documents('com.example/beside', '3.0.0')).map(({ kind }) => kind)
    expect(await kinds()).toEqual(['surface', 'lock:package-lock.json', 'definitions'])
    // a second time, with files that changed since
    put('beside/definitions.json', { tools: { a: '{ "name": "a", "description": "evil" }' } })
    put('beside/package-lock.json', '{"lockfileVersion":2}\n')
    const attest = ['registry', 'attest', 'com.example/beside@3.0.0', 'beside/server.json.sigstore.json']
    const told = '`definitions.json` is not what was signed, and is not sent\n`package-lock.json` is not what was signed, and is not sent\n'
    expect(await run('pat', ...attest)).toMatchObject({ code: 0, err: told })
    // what is named is sent, and refused
    expect(await run('pat', ...attest, '--lock', 'beside/package-lock.json')).toMatchObject({
      code: 1,
      err: expect.stringContaining('`package-lock.json` is not what was signed'),
    })
    expect(await run('pat', ...attest, '--surface', 'beside/requirements.txt')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no JSON'),
    })
    expect(await run('pat', ...attest, '--definitions', 'absent')).toMatchObject({ code: 1, err: expect.stringContaining('not there') })
    writeFileSync(join(cwd, 'beside/package-lock.json'), Buffer.from([0xff]))
    expect(await run('pat', ...attest)).toMatchObject({ code: 1, err: expect.stringContaining('not UTF-8') })
    await db.close()
  })
  it('sends no bundle where that is said', async () => {
    put('other.json', { ...SERVER, version: '2.0.0' })
    expect(await run('pat', 'publish', 'other.json')).toMatchObject({ code: 2, err: expect.stringContaining('--unsigned') })
    expect(await run('pat', 'publish', 'other.json', '--unsigned', '--bundle', 'x')).toMatchObject({ code: 2 })
    const done = await run('pat', 'publish', 'other.json', '--unsigned', '--json')
    expect(JSON.parse(done.out)._meta['gatehouse/trust']).toMatchObject({ standing: 'quarantined', isSigned: false, sequence: 2 })
  })
  it('says which file is missing or none of JSON, and sends nothing', async () => {
    expect(await run('pat', 'publish', 'absent.json', '--unsigned')).toMatchObject({
      code: 1,
      err: expect.stringContaining('`absent.json` is not there'),
    })
    put('broken.json', '{"name":')
    expect(await run('pat', 'publish', 'broken.json', '--unsigned')).toMatchObject({
      code: 1,
      err: expect.stringContaining('`broken.json` is no JSON'),
    })
    expect(await run('pat', 'publish', 'other.json', '--bundle', 'broken.json')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no JSON'),
    })
  })
})

describe('gatehouse registry reviews, diff and resolve', () => {
  it('show a reviewer what waits and how it differs, as text that acts nowhere', async () => {
    const db = await openStateDb(join(gateway.dataDir, 'state.db'))
    const { publish } = createVersionStore(db)
    const version = async (number: string, description: string, standing: 'admitted' | 'quarantined') => {
      const tool = JSON.stringify({ name: 'a', description })
      const surface = canonicalJson({
        mode: 'subset',
        instructions: null,
        ...{ prompts: {}, resources: {}, resourceTemplates: {} },
        tools: { a: digestOfPrimitive('tool', tool) },
      })
      const signed = documentOf('surface', surface ?? '')
      const definitions = await documentReaders.definitions(JSON.stringify({ tools: { a: tool } }))
      if (!('text' in definitions)) throw new Error(definitions.stop)
      const documents = [signed, documentOf('definitions', definitions.text, signed.signed)]
      await publish(publication('com.example/differs', number, { documents, standing }))
    }
    await version('1.0.0', 'Reads.', 'admitted')
    await version('1.1.0', 'Reads.\u001b[2J\u202e<b> and sends it away', 'quarantined')
    await db.close()
    expect(await run('pat', 'registry', 'reviews')).toMatchObject({ code: 1, err: expect.stringContaining('operator') })
    expect((await run('root', 'registry', 'reviews', 'differs')).out).toMatch(/com\.example\/differs {2}1\.1\.0 {4}no/)
    expect((await run('root', 'registry', 'reviews', 'nothing-of-this-name')).out).toBe('nothing waits for a reviewer\n')
    const diff = ['registry', 'diff', 'com.example/differs@1.1.0', '--from', '1.0.0']
    expect(await run('root', ...diff)).toMatchObject({ code: 1, err: expect.stringContaining('Not found') })
    const shown = await run('root', ...diff, '--waiting')
    expect(shown).toMatchObject({ code: 0, err: '' })
    expect(shown.out).toContain('tool `a` changed')
    expect(shown.out).toMatch(/^[\n\x20-\x7e]*$/)
    expect((await run('root', ...diff)).err).toContain('say --waiting')
    expect((await run('root', 'registry', 'diff', 'com.example/differs')).code).toBe(2)
    expect((await run('root', 'registry', 'diff', 'com.example/differs@1.1.0')).code).toBe(2)
  })
  it('tell which version is taken, who signed it, and what speaks against it', async () => {
    expect(await run('root', 'registry', 'resolve', 'com.example/differs')).toMatchObject({
      code: 0,
      out: 'com.example/differs 1.0.0 (sequence 1): admitted\n  nobody signed it\n',
    })
    await run('root', 'registry', 'revoke', 'version', 'com.example/differs@1.0.0', '--reason', 'vulnerable', '--warn')
    expect((await run('root', 'registry', 'resolve', 'com.example/differs@1.0.0')).out).toContain(
      'REVOKED (warn): version com.example/differs@1.0.0: vulnerable',
    )
    expect((await run('root', 'registry', 'resolve', 'com.example/none')).code).toBe(1)
    expect((await run('root', 'registry', 'resolve')).code).toBe(2)
  })
})

describe('gatehouse registry', () => {
  it.each([
    ['attest', []],
    ['attest', ['com.example/weather']],
    ['attest', ['com.example/weather@1.0.0']],
    ['status', ['com.example/weather']],
    ['revoke', ['version']],
    ['revoke', ['version', 'com.example/weather@1.0.0']],
  ])('%s asks for what is missing: %j', async (verb, words) => {
    expect(await local('registry', verb, ...words)).toMatchObject({ code: 2, err: expect.stringContaining('expected') })
  })
  it('attest sends a bundle, and says why it does not count', async () => {
    const done = await run('pat', 'registry', 'attest', 'com.example/weather@2.0.0', 'server.json.sigstore.json')
    expect(done).toMatchObject({ code: 1, err: expect.stringContaining('server-mismatch') })
    const again = await run('pat', 'registry', 'attest', 'com.example/weather@1.0.0', 'server.json.sigstore.json')
    expect(again).toMatchObject({ code: 0, out: 'com.example/weather 1.0.0: quarantined\n' })
  })
  it('status admits nothing, and withdraws for good', async () => {
    const which = 'com.example/weather@1.0.0'
    expect(await run('root', 'registry', 'status', which, 'active')).toMatchObject({
      code: 1,
      err: expect.stringContaining('nobody admits by hand'),
    })
    expect(await run('pat', 'registry', 'status', which, 'deleted', '--message', 'leaks')).toMatchObject({
      code: 0,
      out: 'com.example/weather 1.0.0: revoked\n',
    })
    expect(await run('pat', 'registry', 'status', 'com.example/weather', 'deleted')).toMatchObject({
      code: 0,
      out: 'com.example/weather 2.0.0: revoked\n',
    })
  })
  it('revoke is an operator’s', async () => {
    const key = ['registry', 'revoke', 'key', `${'A'.repeat(43)}=`, '--reason', 'key-compromise', '--not-before', '2026-01-01T00:00:00Z']
    expect(await run('pat', ...key)).toMatchObject({ code: 1, err: expect.stringContaining('operator') })
    expect(await run('root', ...key)).toMatchObject({ code: 0, out: expect.stringMatching(/^revoked key A{43}=, as number \d+\n$/) })
    const identity = ['registry', 'revoke', 'identity', 'https://issuer.example', 'https://san.example', '--reason', 'policy', '--warn']
    expect(await run('root', ...identity)).toMatchObject({
      code: 0,
      out: expect.stringContaining('https://issuer.example https://san.example'),
    })
  })
})
