// The auth exchanges of the official API: what proofs get a token, what such a token is worth and for how long, and what is passed off as either.

import { ECDH, generateKeyPairSync, randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { createSealer, type Sealer } from '../../src/kernel/seal.ts'
import { Exchange, type Accounts, type ExchangeSettings } from '../../src/registry/exchange.ts'
import { RegistryTokens, type RegistryToken } from '../../src/registry/registry-token.ts'
import { ALICE, BOB, DAY, domainKey, EVE, NamespaceWorld, signed, type DomainKey } from '../support/namespace-world.ts'

const NAME = 'io.github.acme'
let w: NamespaceWorld
let sealer: Sealer
let settings: ExchangeSettings
let accounts: Accounts | undefined
let tokens: RegistryTokens
let exchange: Exchange
let origin: string
beforeEach(() => {
  w = new NamespaceWorld()
  sealer = createSealer({ current: randomBytes(32) }, randomBytes)
  settings = { isOfficial: true, isOpen: false, isAnonymous: false }
  accounts = undefined
  origin = 'https://gw.example.com'
  tokens = new RegistryTokens({ sealer, origin: () => origin, nowSeconds: () => w.now, newId: () => 'id' })
  exchange = new Exchange({ namespaces: w.namespaces, accounts: () => accounts, tokens, settings: () => settings })
})
type Method = Parameters<Exchange['prove']>[0]
async function ask(method: Method, texts: Record<string, string> = {}) {
  const proven = await exchange.prove(method, texts)
  return 'stop' in proven ? proven : exchange.issue(proven)
}
const oidc = (token: string, method: Method = 'oidc') => ask(method, { oidc_token: token })
const at = (seconds = w.now): string => new Date(seconds * 1000).toISOString().replace('.000', '')
const official = (key: DomainKey, over: { domain?: string; timestamp?: string; signature?: string; method?: 'dns' | 'http' } = {}) => {
  const { domain = 'example.com', timestamp = at(), method = 'dns' } = over
  return ask(method, { domain, timestamp, signed_timestamp: over.signature ?? signed(key.privateKey, timestamp) })
}
function opened(issued: object): RegistryToken {
  if (!('registry_token' in issued)) throw new Error(JSON.stringify(issued))
  const read = tokens.read(`Bearer ${issued.registry_token as string}`)
  if (!read || 'stop' in read) throw new Error(JSON.stringify(read))
  return read
}
/** Why the holder of an issued token may not publish. */
const why = async (issued: object, name = NAME) => {
  const { principal, grant } = opened(issued)
  return w.namespaces.whyNotPublisher(name, principal.key, grant)
}

describe('a token of a CI job', () => {
  beforeEach(async () => {
    await w.show(ALICE, w.token(NAME, '123'))
  })
  it('gets one of five minutes for the namespace that its account has', async () => {
    const issued = await oidc(w.token(NAME, '123', { subject: 'repo:acme/weather:ref:refs/heads/main' }))
    expect(issued).toEqual({ registry_token: expect.stringMatching(/^ghreg_[A-Za-z0-9_-]+$/), expires_at: w.now + 300 })
    expect(opened(issued)).toMatchObject({
      principal: { key: 'https://token.ci.example repo:acme/weather:ref:refs/heads/main', groups: [], scopes: [] },
      grant: new Map([[NAME, expect.any(String)]]),
    })
    expect(await why(issued)).toBeUndefined()
    expect(await why(issued, 'io.github.ACME')).toBeUndefined()
  })
  it('gets none that publishes in another namespace, nor below or beside it', async () => {
    await w.show(BOB, w.token('io.github.other', '9'))
    const issued = await oidc(w.token(NAME, '123'))
    for (const name of ['io.github.other', 'io.github', `${NAME}.sub`, 'io.github.acme2', '*'])
      expect(await why(issued, name)).toMatchObject({ stop: 'namespace-forbidden' })
  })
  it('gets none for a namespace that nobody with the role has proved: strangers begin nothing', async () => {
    expect(await oidc(w.token('io.github.mallory', '666'))).toMatchObject({ stop: 'namespace-forbidden' })
    expect(await w.namespaces.list()).toHaveLength(1)
  })
  it('of another account under the same name freezes it: renamed, or taken anew', async () => {
    expect(await oidc(w.token(NAME, '666'))).toMatchObject({ stop: 'namespace-taken' })
    expect(await w.namespaces.whyNotPublisher(NAME, ALICE)).toMatchObject({ stop: 'namespace-frozen' })
    expect(await oidc(w.token(NAME, '123'))).toMatchObject({ stop: 'namespace-frozen' })
  })
  it('of the same number at another issuer is another account', async () => {
    expect(await oidc(w.token(NAME, '123', { authority: 'https://other.example' }))).toMatchObject({ stop: 'namespace-forbidden' })
    expect(await w.namespaces.whyNotPublisher(NAME, ALICE)).toBeUndefined()
  })
  it('counts once', async () => {
    const token = w.token(NAME, '123')
    const both = await Promise.all([oidc(token), oidc(token)])
    expect(both.filter(each => 'stop' in each)).toEqual([expect.objectContaining({ stop: 'proof-invalid' })])
    expect(await w.show(BOB, token)).toMatchObject({ stop: 'proof-invalid' })
  })
  it('that answers a challenge of somebody is no proof here', async () => {
    expect(await oidc(w.token(NAME, '123', { nonce: 'x' }))).toMatchObject({ stop: 'proof-invalid' })
  })
  it('by the way of GitHub proves names of GitHub alone', async () => {
    await w.show(BOB, w.token('com.corp.red', '1'))
    expect(await oidc(w.token('com.corp.red', '1'), 'github-oidc')).toMatchObject({ stop: 'proof-invalid' })
    expect(await oidc(w.token('com.corp.red', '1'), 'oidc')).toHaveProperty('registry_token')
    expect(await oidc(w.token(NAME, '123'), 'github-oidc')).toHaveProperty('registry_token')
  })
  it('is nothing where the namespace is an operator’s word, or proved by a domain', async () => {
    await w.namespaces.register('io.github.internal', ALICE)
    expect(await oidc(w.token('io.github.internal', '666'))).toMatchObject({ stop: 'namespace-forbidden' })
    expect((await w.namespaces.find('io.github.internal'))?.state).toBe('active')
  })
  it('prolongs the proof that it repeats, and gets nothing in a quiet time', async () => {
    w.now += 29 * DAY
    await oidc(w.token(NAME, '123'))
    expect(await w.namespaces.find(NAME)).toMatchObject({ proveAgainAtSeconds: w.now + 30 * DAY })
    await w.namespaces.setMember(NAME, { principal: BOB, role: 'owner' }, ALICE)
    expect(await oidc(w.token(NAME, '123'))).toMatchObject({ stop: 'namespace-cooling' })
  })
  it('begins a namespace where the configuration leaves that to whoever proves it', async () => {
    settings = { ...settings, isOpen: true }
    const issued = await oidc(w.token('io.github.newcomer', '55', { subject: 'repo:newcomer/x' }))
    expect(await why(issued, 'io.github.newcomer')).toBeUndefined()
    expect(await w.namespaces.find('io.github.newcomer')).toMatchObject({
      proof: 'oidc',
      members: [{ principal: 'https://token.ci.example repo:newcomer/x', role: 'owner' }],
    })
    expect(await oidc(w.token('io.github.acrne', '9'))).toMatchObject({ stop: 'lookalike-held' })
    const two = await Promise.all([oidc(w.token('io.github.race', '1')), oidc(w.token('io.github.race', '2'))])
    expect(two.filter(each => 'stop' in each).length).toBeGreaterThan(0) // both, where the second one came in between
    expect(await w.namespaces.find('io.github.race')).toMatchObject({ state: 'frozen' })
  })
})

describe('a registry token', () => {
  let issued: { registry_token: string }
  beforeEach(async () => {
    await w.show(ALICE, w.token(NAME, '123'))
    issued = (await oidc(w.token(NAME, '123'))) as { registry_token: string }
  })
  const read = (token: string) => tokens.read(`Bearer ${token}`)
  it('is over after five minutes', () => {
    w.now += 299
    expect(read(issued.registry_token)).toHaveProperty('principal')
    w.now += 1
    expect(read(issued.registry_token)).toMatchObject({ stop: 'token-invalid', detail: 'registry token has expired' })
  })
  it('publishes nothing once its namespace is frozen, or proved by another account or key since', async () => {
    expect(await why(issued)).toBeUndefined()
    await w.namespaces.setState(NAME, 'frozen')
    expect(await why(issued)).toMatchObject({ stop: 'namespace-frozen' })
    await w.namespaces.setState(NAME, 'active')
    const key = domainKey()
    w.cooldown = 0
    w.published['dns corp.example'] = [key.record]
    await w.prove('example.corp', BOB, key.privateKey)
    const domain = await official(key, { domain: 'corp.example' })
    expect(await why(domain, 'example.corp')).toBeUndefined()
    const next = domainKey()
    w.published['dns corp.example'] = [next.record]
    await w.prove('example.corp', BOB, next.privateKey)
    expect(await why(domain, 'example.corp')).toMatchObject({ stop: 'namespace-forbidden' })
  })
  it('makes nobody a member: without it the same principal publishes nothing', async () => {
    expect(await w.namespaces.whyNotPublisher(NAME, opened(issued).principal.key)).toMatchObject({ stop: 'namespace-forbidden' })
  })
  it('is of this registry, unchanged, and no other sealed value', () => {
    const token = issued.registry_token
    const sealed = Buffer.from('{"issuer":"a","subject":"b","grant":[["io.github.acme",""]],"until":9999999999,"id":"x"}')
    for (const forged of [
      `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`,
      `${token}A`,
      'ghreg_',
      `ghreg_${sealer.seal('cursor', sealed)}`,
      `ghreg_${sealer.seal('registry-token', sealed)}`, // for no registry
      `ghreg_${createSealer({ current: randomBytes(32) }, randomBytes).seal('registry-token', sealed)}`,
      `ghreg_${sealed.toString('base64url')}`,
      `ghreg_${'A'.repeat(10_000)}`,
    ])
      expect(read(forged), forged.slice(0, 40)).toMatchObject({ stop: 'token-invalid' })
    origin = 'https://other.example.com'
    expect(read(token)).toMatchObject({ stop: 'token-invalid' })
  })
  it.each([undefined, '', 'Bearer x', 'Bearer eyJ', 'Basic ghreg_x', 'ghreg_x', 'Bearer  ghreg_x'])('is not what %j brings', header => {
    expect(tokens.read(header)).toBeUndefined()
  })
})

describe('the official form of domain proofs (MCPv1)', () => {
  let key: DomainKey
  beforeEach(async () => {
    key = domainKey()
    w.published['dns example.com'] = [key.record]
    w.published['https example.com'] = [key.record]
    await w.prove('com.example', ALICE, key.privateKey)
  })
  it('gets a token by DNS and by https, in time and hexadecimal of the official client', async () => {
    for (const method of ['dns', 'http'] as const) {
      w.now += 1
      const issued = await official(key, { method })
      expect(opened(issued).principal.key).toBe('urn:gatehouse:domain example.com')
      expect(await why(issued, 'com.example')).toBeUndefined()
    }
  })
  it('by P-384, and the second spelling of the same signature is the same one', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
    const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
    const compressed = ECDH.convertKey(point, 'secp384r1', undefined, undefined, 'compressed') as Buffer
    const p384 = { privateKey, record: `v=MCPv1; k=ecdsap384; p=${compressed.toString('base64')}` }
    w.published['dns example.org'] = [p384.record]
    await w.prove('org.example', BOB, privateKey)
    const timestamp = at()
    const first = signed(privateKey, timestamp)
    const N = BigInt('0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973')
    const twin = first.slice(0, 96) + (N - BigInt(`0x${first.slice(96)}`)).toString(16).padStart(96, '0')
    expect(await official(p384, { domain: 'example.org', timestamp, signature: first })).toHaveProperty('registry_token')
    expect(await official(p384, { domain: 'example.org', timestamp, signature: twin })).toMatchObject({
      stop: 'proof-invalid',
      detail: 'this signature was used before',
    })
  })
  it('counts once: a signature that was shown to another registry first, or is sent again, gets nothing', async () => {
    const timestamp = at()
    const signature = signed(key.privateKey, timestamp)
    const both = await Promise.all([official(key, { timestamp, signature }), official(key, { timestamp, signature, method: 'http' })])
    expect(both.filter(each => 'stop' in each)).toHaveLength(1)
    w.now += 10
    expect(await official(key, { timestamp, signature })).toMatchObject({ stop: 'proof-invalid' })
  })
  it('is refused where it is off, before anything is looked up', async () => {
    settings = { ...settings, isOfficial: false }
    w.reads.length = 0
    expect(await official(key)).toMatchObject({ stop: 'exchange-unavailable' })
    expect(w.reads).toEqual([])
  })
  it.each([-16, 16, -3600, NaN])('is refused %s seconds from now, before anything is looked up', async off => {
    w.reads.length = 0
    expect(await official(key, { timestamp: Number.isNaN(off) ? 'now' : at(w.now + off) })).toMatchObject({ stop: 'proof-invalid' })
    expect(w.reads).toEqual([])
  })
  it('is taken within 15 seconds, with an offset too', async () => {
    expect(await official(key, { timestamp: at(w.now - 15) })).toHaveProperty('registry_token')
    expect(await official(key, { timestamp: at(w.now + 15) })).toHaveProperty('registry_token')
    const there = at(w.now + 7200).replace('Z', '+02:00')
    expect(await official(key, { timestamp: there })).toHaveProperty('registry_token')
  })
  it.each(['localhost', '127.0.0.1', '169.254.169.254', 'github.io', 'acme.github.io', 'com', 'example.com.', 'exa mple.com', '[::1]', ''])(
    'never looks at %j',
    async domain => {
      w.reads.length = 0
      expect(await official(key, { domain })).toHaveProperty('stop')
      expect(w.reads).toEqual([])
    },
  )
  it('by another key than its owner proved it by freezes the namespace', async () => {
    const other = domainKey()
    w.published['dns example.com'] = [key.record, other.record]
    expect(await official(other)).toMatchObject({ stop: 'namespace-taken' })
    expect(await official(key, { timestamp: at(w.now - 1) })).toMatchObject({ stop: 'namespace-frozen' })
  })
  it('is no proof by a key that is not published, nor for another domain', async () => {
    expect(await official(domainKey())).toMatchObject({ stop: 'proof-invalid' })
    expect(await official(key, { domain: 'example.org' })).toMatchObject({ stop: 'proof-invalid' })
    expect(await official(key, { signature: signed(key.privateKey, 'another time') })).toMatchObject({ stop: 'proof-invalid' })
  })
  it('of the bound key proves it by itself where it is open to whoever proves it, and is then the domain’s', async () => {
    settings = { ...settings, isOpen: true }
    w.published['dns fresh.example'] = [key.record]
    expect(await official(key, { domain: 'fresh.example' })).toHaveProperty('registry_token')
    expect((await w.namespaces.find('example.fresh'))?.members).toEqual([
      { principal: 'urn:gatehouse:domain fresh.example', role: 'owner' },
    ])
  })
})

describe('a GitHub access token', () => {
  const shown = (login: string, owner: string) =>
    ({
      name: `io.github.${login}`,
      proof: 'github',
      bound: { kind: 'account', authority: 'https://token.ci.example', owner, also: {} },
    }) as const
  it('is refused where no GitHub is configured', async () => {
    expect(await ask('github-at', { github_token: 'gho_x' })).toMatchObject({ stop: 'exchange-unavailable' })
  })
  it('gets one token for all names of its owner that somebody proved here, by the same numbers', async () => {
    await w.show(ALICE, w.token(NAME, '123'))
    await w.show(BOB, w.token('io.github.tower', '8'))
    await w.show(EVE, w.token('io.github.swamp', '77'))
    accounts = {
      read: () =>
        Promise.resolve({
          issuer: 'https://api.github.com',
          subject: '9',
          shown: [shown('somebody', '9'), shown('acme', '123'), shown('Tower', '8'), shown('swamp', '666')],
        }),
    }
    const issued = await ask('github-at', { github_token: 'gho_x' })
    expect([...opened(issued).grant.keys()]).toEqual([NAME, 'io.github.tower'])
    expect(opened(issued).principal.key).toBe('https://api.github.com 9')
    expect(await why(issued)).toBeUndefined()
    expect(await w.namespaces.find('io.github.swamp')).toMatchObject({ state: 'frozen' }) // another account now
  })
  it('is no way around a repository that speaks for the whole name, and unbinds none', async () => {
    await w.show(ALICE, w.token(NAME, '123', { also: { repository_id: '7' } }))
    accounts = { read: () => Promise.resolve({ issuer: 'https://api.github.com', subject: '9', shown: [shown('acme', '123')] }) }
    expect(await ask('github-at', { github_token: 'gho_x' })).toMatchObject({ stop: 'proof-invalid' })
    expect(await w.namespaces.find(NAME)).toMatchObject({ state: 'active', bound: { also: { repository_id: '7' } } })
    expect(await oidc(w.token(NAME, '123', { also: { repository_id: '8' } }))).toMatchObject({ stop: 'proof-invalid' })
    expect(await oidc(w.token(NAME, '123', { also: { repository_id: '7' } }))).toHaveProperty('registry_token')
  })
  it('gets none where none of its names is known here', async () => {
    accounts = { read: () => Promise.resolve({ issuer: 'https://api.github.com', subject: '9', shown: [shown('somebody', '9')] }) }
    expect(await ask('github-at', { github_token: 'gho_x' })).toMatchObject({ stop: 'namespace-forbidden' })
    accounts = { read: () => Promise.resolve({ issuer: 'https://api.github.com', subject: '9', shown: [] }) }
    expect(await ask('github-at', { github_token: 'gho_x' })).toMatchObject({ stop: 'proof-invalid' })
  })
  it('of somebody with very many names gets it for the first of them', async () => {
    settings = { ...settings, isOpen: true }
    const names = Array.from({ length: 60 }, (_, i) => `o${i}${'abcdefghij'[i % 10]}${'klmnopqrst'[Math.floor(i / 10)]}`.repeat(3))
    accounts = { read: () => Promise.resolve({ issuer: 'x', subject: '9', shown: names.map((name, i) => shown(name, String(i + 1))) }) }
    expect(opened(await ask('github-at', { github_token: 'gho_x' })).grant.size).toBe(32)
  })
})

describe('nothing at all', () => {
  it('gets a token for the anonymous namespace where this machine tries things out, and nowhere else', async () => {
    expect(await ask('none')).toMatchObject({ stop: 'exchange-unavailable' })
    expect(await w.namespaces.list()).toEqual([])
    settings = { ...settings, isAnonymous: true }
    const issued = await ask('none')
    expect(await why(issued, 'io.modelcontextprotocol.anonymous')).toBeUndefined()
    expect(await why(issued)).toMatchObject({ stop: 'namespace-forbidden' })
    expect(await ask('none')).toHaveProperty('registry_token')
  })
})
