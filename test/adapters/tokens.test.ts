import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTokenKeys, loopbackHosts, type IssuerStatus } from '../../src/adapters/tokens.ts'
import { FakeFetch, ISSUER, JWKS_URL, TestKey, world } from '../identity/issuer.ts'

const ask = (w: Awaited<ReturnType<typeof world>>, key: TestKey, header: object = {}) =>
  w.keys.verify({ issuer: ISSUER, algorithm: key.alg, keyId: key.jwk.kid!, token: key.sign({}, header) })
const publish = (w: { fetch: FakeFetch }, ...keys: TestKey[]) => w.fetch.documents.set(JWKS_URL, { keys: keys.map(key => key.jwk) })

describe('rotation', () => {
  it('a new key is found at its first token, when the cool-down is over', async () => {
    const w = await world()
    expect(await ask(w, w.key)).toBe('valid')
    const next = await TestKey.make('k2')
    publish(w, w.key, next)
    w.clock.ms = 29_000
    expect(await ask(w, next)).toBe('unknown-key')
    w.clock.ms = 30_000
    expect(await ask(w, next)).toBe('valid')
    expect(await ask(w, w.key)).toBe('valid')
    expect(w.fetch.count(JWKS_URL)).toBe(2)
  })
  it('askers who come while the keys are being fetched wait for them', async () => {
    const w = await world()
    expect(await Promise.all([ask(w, w.key), ask(w, w.key), ask(w, w.key)])).toEqual(['valid', 'valid', 'valid'])
    expect(w.fetch.count(JWKS_URL)).toBe(1)
  })
  it('a withdrawn key ceases to verify at the next refresh, and moves the epoch', async () => {
    const w = await world()
    expect(await ask(w, w.key)).toBe('valid')
    const before = w.keys.epoch
    publish(w, await TestKey.make('k2'))
    w.clock.ms = 1_200_000 // twice the refresh time: nobody asked meanwhile, so this asker waits for the refresh
    expect(await ask(w, w.key)).toBe('unknown-key')
    expect(w.keys.epoch).toBeGreaterThan(before)
  })
  it('a key replaced under the same id moves the epoch; an added one does not', async () => {
    const w = await world()
    await w.keys.warm()
    const before = w.keys.epoch
    publish(w, w.key, await TestKey.make('k2'))
    await w.keys.warm()
    expect(w.keys.epoch).toBe(before)
    publish(w, await TestKey.make('k1'), await TestKey.make('k2'))
    await w.keys.warm()
    expect(w.keys.epoch).toBeGreaterThan(before)
    expect(await ask(w, w.key)).toBe('bad-signature')
  })
  it('refreshes in the background: a caller with a known key does not wait', async () => {
    const w = await world()
    await w.keys.warm()
    let open = () => {}
    w.fetch.gate = new Promise(resolve => (open = resolve))
    w.clock.ms = 700_000
    expect(await ask(w, w.key)).toBe('valid') // the refresh is still held at the gate
    expect(w.fetch.urls.length).toBe(3)
    open()
  })
})

describe('outage', () => {
  it('known keys still verify, an unknown key id is unavailable with a retry time, recovery follows the cool-down', async () => {
    const w = await world()
    expect(await ask(w, w.key)).toBe('valid')
    w.fetch.down = true
    const next = await TestKey.make('k2')
    publish(w, w.key, next)
    w.clock.ms = 40_000
    expect(await ask(w, next)).toEqual({ unavailableSeconds: 30 })
    w.clock.ms = 50_000
    expect(await ask(w, next)).toEqual({ unavailableSeconds: 20 })
    w.clock.ms = 800_000
    expect(await ask(w, w.key)).toBe('valid')
    w.fetch.down = false
    w.clock.ms = 900_000
    expect(await ask(w, next)).toBe('valid')
    expect(w.keys.status()).toEqual([{ issuer: ISSUER, state: 'ready', keys: 2 }])
  })
  it('an issuer that never answered is unavailable, not unknown', async () => {
    const w = await world()
    w.fetch.down = true
    expect(await ask(w, w.key)).toEqual({ unavailableSeconds: 30 })
    expect(w.keys.status()).toMatchObject([{ state: 'failing', keys: 0, detail: 'the connection failed' }])
  })
  it('fails closed when the outage outlasts the bound', async () => {
    const w = await world({ keyDeps: { maxStaleSeconds: 3600 } })
    expect(await ask(w, w.key)).toBe('valid')
    w.fetch.down = true
    w.clock.ms = 3_600_001
    expect(await ask(w, w.key)).toEqual({ unavailableSeconds: 30 })
  })
  it('a hostile or broken key set does not replace the known keys', async () => {
    const w = await world()
    await w.keys.warm()
    const tooMany = { keys: Array.from({ length: 101 }, () => w.key.jwk) }
    const broken = ['', '{', '[]', '{"keys":{}}', '{"keys":[],"keys":[]}', tooMany, `{"keys":[],"pad":"${'x'.repeat(300_000)}"}`]
    for (const document of broken) {
      w.fetch.documents.set(JWKS_URL, document)
      await w.keys.warm()
      expect(w.keys.status()).toMatchObject([{ state: 'failing', keys: 1 }])
      expect(await ask(w, w.key)).toBe('valid')
    }
  })
  it('says once that a source fails and once that it recovered', async () => {
    const said: IssuerStatus[] = []
    const w = await world({ keyDeps: { onChange: status => said.push(status) } })
    await w.keys.warm()
    w.fetch.down = true
    await w.keys.warm()
    await w.keys.warm()
    w.fetch.down = false
    await w.keys.warm()
    expect(said.map(status => status.state)).toEqual(['ready', 'failing', 'ready'])
  })
})

describe('attacks', () => {
  it('N008 10,000 tokens with unknown key ids cause one refetch per cool-down', async () => {
    const w = await world()
    await w.keys.warm()
    w.clock.ms = 60_000
    const flood = async (n: number) =>
      Promise.all(
        Array.from({ length: n }, async (_, i) => w.keys.verify({ issuer: ISSUER, algorithm: 'ES256', keyId: `x${i}`, token: 'a.b.c' })),
      )
    expect(new Set(await flood(10_000))).toEqual(new Set(['unknown-key']))
    expect(w.fetch.count(JWKS_URL)).toBe(2)
    w.clock.ms = 89_999
    await flood(100)
    expect(w.fetch.count(JWKS_URL)).toBe(2)
    w.clock.ms = 90_000
    await flood(100)
    expect(w.fetch.count(JWKS_URL)).toBe(3)
    expect(await ask(w, w.key)).toBe('valid')
  })
  it('N014 one issuer’s keys never verify another issuer’s tokens, though the key ids are the same', async () => {
    const [a, b] = [await TestKey.make('same'), await TestKey.make('same')]
    const fetch = new FakeFetch()
    for (const [name, key] of Object.entries({ a, b })) fetch.documents.set(`https://${name}.example/keys`, { keys: [key.jwk] })
    const keys = createTokenKeys({
      issuers: ['a', 'b'].map(name => ({ issuer: `https://${name}.example`, jwksUri: `https://${name}.example/keys` })),
      fetch,
    })
    const verify = (issuer: string, key: TestKey) => keys.verify({ issuer, algorithm: 'ES256', keyId: 'same', token: key.sign() })
    expect(await verify('https://a.example', a)).toBe('valid')
    expect(await verify('https://b.example', a)).toBe('bad-signature')
    expect(await verify('https://c.example', a)).toBe('unknown-key')
  })
  it('N014 metadata that names another issuer is not used (mix-up), RFC 8414 metadata is', async () => {
    const w = await world()
    const openid = `${ISSUER}/.well-known/openid-configuration`
    for (const issuer of ['https://evil.example', `${ISSUER}/`, undefined, [ISSUER]]) {
      w.fetch.documents.set(openid, { issuer, jwks_uri: JWKS_URL })
      w.clock.ms += 60_000
      expect(await ask(w, w.key)).toMatchObject({ unavailableSeconds: 30 })
    }
    expect(w.fetch.count(JWKS_URL)).toBe(0)
    w.fetch.documents.set(`${ISSUER}/.well-known/oauth-authorization-server`, { issuer: ISSUER, jwks_uri: JWKS_URL })
    w.clock.ms += 60_000
    expect(await ask(w, w.key)).toBe('valid')
  })
  it('looks for an issuer with a path where RFC 8414 and OpenID Connect put its metadata', async () => {
    const fetch = new FakeFetch()
    await createTokenKeys({ issuers: [{ issuer: 'https://idp.example/t/1' }], fetch }).warm()
    expect(fetch.urls).toEqual([
      'https://idp.example/t/1/.well-known/openid-configuration',
      'https://idp.example/.well-known/oauth-authorization-server/t/1',
    ])
  })
  it('N007 weak or unfit keys of a key set verify nothing', async () => {
    const [rsa, ed] = [await TestKey.make('k', 'RS256'), await TestKey.make('k', 'EdDSA')]
    const w = await world()
    const zero = Buffer.alloc(32)
    const unfit: [TestKey, object][] = [
      [rsa, { e: 'AQ' }], // e = 1
      [rsa, { e: 'Aw' }], // e = 3
      [rsa, { e: 'AQAC' }], // even
      [rsa, { e: '' }],
      [rsa, { n: Buffer.alloc(64, 0xff).toString('base64url') }], // 512 bits
      [rsa, { n: Buffer.concat([Buffer.alloc(256), Buffer.alloc(127, 0xff)]).toString('base64url') }], // padded with zeros
      [rsa, { n: Buffer.alloc(2048, 0xff).toString('base64url') }], // 16,384 bits: costs milliseconds
      [rsa, { use: 'enc' }],
      [rsa, { key_ops: ['encrypt'] }],
      [rsa, { alg: 'PS256' }],
      [rsa, { d: 'AQAB' }], // a private key somebody published
      [ed, { x: zero.toString('base64url') }], // order 4
      [ed, { x: Buffer.from([1, ...zero.subarray(1)]).toString('base64url') }], // the identity
      [ed, { x: Buffer.from([1, ...zero.subarray(2), 0x80]).toString('base64url') }], // the same with the sign bit
      [ed, { x: 'AA' }],
      [ed, { crv: 'X25519' }],
      [w.key, { crv: 'secp256k1' }],
    ]
    for (const [key, change] of unfit) {
      w.fetch.documents.set(JWKS_URL, { keys: [{ ...key.jwk, kid: 'k', ...change }] })
      await w.keys.warm()
      expect(await w.keys.verify({ issuer: ISSUER, algorithm: key.alg, keyId: 'k', token: key.sign() }), JSON.stringify(change)).toBe(
        'unsuitable-key',
      )
    }
    w.fetch.documents.set(JWKS_URL, {
      keys: [{ ...rsa.jwk, kid: 'k' }, { kty: 'oct', kid: 'o', k: 'AAAA' }, { ...rsa.jwk, kid: undefined }, 7, null],
    })
    await w.keys.warm()
    expect(w.keys.status()).toMatchObject([{ keys: 1 }])
    expect(await w.keys.verify({ issuer: ISSUER, algorithm: 'RS256', keyId: 'k', token: rsa.sign() })).toBe('valid')
  })
})

describe('a key file', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'keys-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('is read again when it changed, at most once per cool-down, and kept when it breaks', async () => {
    const [k1, k2] = [await TestKey.make('k1'), await TestKey.make('k2')]
    const file = join(folder, 'jwks.json')
    const clock = { ms: 0 }
    const keys = createTokenKeys({ issuers: [{ issuer: ISSUER, jwksFile: file }], fetch: new FakeFetch(), now: () => clock.ms })
    const write = async (text: string, second: number) => {
      await writeFile(file, text)
      await utimes(file, second, second)
    }
    const ask = (key: TestKey) => keys.verify({ issuer: ISSUER, algorithm: 'ES256', keyId: key.jwk.kid!, token: key.sign() })
    expect(await ask(k1)).toEqual({ unavailableSeconds: 30 })
    await write(JSON.stringify({ keys: [k1.jwk] }), 1)
    clock.ms = 30_000
    expect(await ask(k1)).toBe('valid')
    await write(JSON.stringify({ keys: [k2.jwk] }), 2)
    clock.ms = 59_000
    expect(await ask(k2)).toBe('unknown-key')
    expect(await ask(k1)).toBe('valid')
    clock.ms = 60_000
    expect(await ask(k1)).toBe('unknown-key')
    expect(await ask(k2)).toBe('valid')
    await write('{', 3)
    clock.ms = 90_000
    expect(await ask(k2)).toBe('valid')
    expect(keys.status()).toMatchObject([{ state: 'failing', keys: 1 }])
    await write(JSON.stringify({ keys: [k1.jwk, k2.jwk] }), 3)
    clock.ms = 120_000
    expect(await ask(k1)).toBe('valid')
  })
})

describe('a new configuration', () => {
  it('keeps the keys of sources that did not change, drops the others, and the epoch never falls', async () => {
    const w = await world()
    await w.keys.warm()
    const epochs = [w.keys.epoch]
    w.keys.configure([{ issuer: ISSUER }, { issuer: 'https://new.example', jwksUri: 'https://new.example/k' }])
    epochs.push(w.keys.epoch)
    w.fetch.down = true
    expect(await ask(w, w.key)).toBe('valid')
    w.keys.configure([{ issuer: ISSUER, jwksUri: 'https://idp.example.com/moved' }])
    epochs.push(w.keys.epoch)
    expect(await ask(w, w.key)).toMatchObject({ unavailableSeconds: 30 })
    w.keys.configure([])
    epochs.push(w.keys.epoch)
    expect(await ask(w, w.key)).toBe('unknown-key')
    expect(epochs).toEqual(epochs.toSorted((a, b) => a - b))
    expect(epochs.at(-1)).toBeGreaterThan(epochs[1]!)
  })
  it('names exactly the loopback hosts the configuration places issuers on', () => {
    const hosts = loopbackHosts([
      { issuer: 'http://127.0.0.1:8401' },
      { issuer: 'https://idp.example', jwksUri: 'http://[::1]:9/k' },
      { issuer: 'https://127.0.0.1.evil.example' },
      { issuer: 'https://localhost/x', jwksFile: '/k' },
      { issuer: 'not a url' },
    ])
    expect(new Set(hosts)).toEqual(new Set(['127.0.0.1:8401', '[::1]:9', 'localhost:443']))
  })
})
