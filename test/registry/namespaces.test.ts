// Proofs of namespaces: what is accepted, and how somebody else's name might be taken (attack 2).

import { ECDH, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { createDomainKeys } from '../../src/adapters/domain-keys.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import { verifyProof } from '../../src/registry/domain-key.ts'
import { challengeText, domainOf } from '../../src/registry/domain-proofs.ts'
import type { DomainKeys } from '../../src/registry/namespace.ts'
import { Namespaces } from '../../src/registry/namespaces.ts'
import { memoryChallenges, memoryNamespaces, memorySpentProofs } from '../support/memory-namespaces.ts'

const [ALICE, BOB] = ['https://idp.example alice', 'https://idp.example bob'] as [PrincipalKey, PrincipalKey]
const ORIGIN = 'https://gw.example.com'
const START = Date.parse('2026-01-01T00:00:00Z') / 1000

const ed25519 = () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(12)
  return { privateKey, record: `v=MCPv1; k=ed25519; p=${raw.toString('base64')}` }
}
const p384 = () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
  const compressed = ECDH.convertKey(point, 'secp384r1', undefined, undefined, 'compressed') as Buffer
  return { privateKey, record: `v=MCPv1; k=ecdsap384; p=${compressed.toString('base64')}` }
}
const signed = (key: KeyObject, text: string): string =>
  (key.asymmetricKeyType === 'ed25519'
    ? sign(null, Buffer.from(text), key)
    : sign('sha384', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
  ).toString('hex')

let now = START
let published: Record<string, readonly string[]>
let namespaces: Namespaces
let count = 0
/** what others do once a namespace was read */
let meanwhile: () => Promise<unknown>
const domainKeys: DomainKeys = {
  read: (domain, method) => {
    const found = published[`${method} ${domain}`]
    return found ? Promise.resolve(found) : Promise.reject(new Error('nothing there'))
  },
}
beforeEach(() => {
  now = START
  published = {}
  meanwhile = () => Promise.resolve()
  const store = memoryNamespaces()
  namespaces = new Namespaces({
    store: {
      ...store,
      async find(name) {
        const found = await store.find(name)
        await meanwhile()
        return found
      },
    },
    challenges: memoryChallenges(),
    spent: memorySpentProofs(),
    tokens: { read: () => Promise.resolve({ stop: 'proof-invalid' }) },
    signers: () => Promise.resolve(new Map()),
    cooldownSeconds: () => 86_400,
    domainKeys,
    origin: () => ORIGIN,
    nowSeconds: () => now,
    newNonce: () => `nonce-${++count}`,
  })
})

type Over = {
  origin?: string
  domain?: string
  nonce?: string
  signedAt?: number
  sentAt?: number
  by?: PrincipalKey
  method?: 'dns' | 'https'
  namespace?: string
}
async function prove(name: string, who: PrincipalKey, key: KeyObject, over: Over = {}) {
  const challenge = await namespaces.claim(name, who)
  if ('stop' in challenge) return challenge
  const { nonce, origin, domain } = challenge
  const at = new Date((over.signedAt ?? now) * 1000).toISOString()
  const text = challengeText(over.origin ?? origin, over.domain ?? domain, over.nonce ?? nonce, at)
  const timestamp = over.sentAt === undefined ? at : new Date(over.sentAt * 1000).toISOString()
  return namespaces.verify(over.by ?? who, {
    nonce,
    timestamp,
    signature: signed(key, text),
    method: over.method ?? 'dns',
    ...(over.namespace && { namespace: over.namespace }),
  })
}

describe('a namespace', () => {
  it.each([
    ['an Ed25519 key in DNS', ed25519, 'dns'],
    ['a P-384 key in DNS', p384, 'dns'],
    ['a key over https', ed25519, 'https'],
  ] as const)('is proved by %s', async (_what, make, method) => {
    const { privateKey, record } = make()
    published[`${method} example.com`] = [ed25519().record, record]
    expect(await prove('com.Example', ALICE, privateKey, { method })).toEqual({
      name: 'com.Example',
      state: 'active',
      proof: method,
      bound: { kind: 'key', key: expect.stringMatching(/^[0-9a-f]{64}$/) },
      provedAtSeconds: START,
      proveAgainAtSeconds: START + 30 * 86_400,
      members: [{ principal: ALICE, role: 'owner' }],
    })
    expect(await namespaces.whyNotPublisher('com.example', ALICE)).toBeUndefined()
    expect(await namespaces.whyNotPublisher('com.example', BOB)).toMatchObject({ stop: 'namespace-forbidden' })
  })
  it('is not proved by a signature for another registry, domain or challenge, nor by one that is old', async () => {
    const { privateKey, record } = ed25519()
    published['dns example.com'] = [record]
    const refused = { stop: 'proof-invalid' }
    expect(await prove('com.example', ALICE, privateKey, { origin: 'https://other.example' })).toMatchObject(refused)
    expect(await prove('com.example', ALICE, privateKey, { domain: 'example.org' })).toMatchObject(refused)
    expect(await prove('com.example', ALICE, privateKey, { nonce: 'another' })).toMatchObject(refused)
    expect(await prove('com.example', ALICE, privateKey, { signedAt: now - 120 })).toMatchObject(refused)
    expect(await prove('com.example', ALICE, privateKey, { signedAt: now + 120 })).toMatchObject(refused)
    expect(await prove('com.example', ALICE, privateKey, { sentAt: now + 1 })).toMatchObject(refused)
    expect(await prove('com.example', ALICE, ed25519().privateKey)).toMatchObject(refused)
    expect(await prove('com.example', ALICE, privateKey, { namespace: 'com.other' })).toMatchObject(refused)
    expect(await prove('com.example', ALICE, privateKey, { method: 'https' })).toMatchObject(refused)
    expect(await namespaces.list()).toEqual([])
  })
  it('is not proved with the challenge of somebody else, nor twice with one', async () => {
    const { privateKey, record } = ed25519()
    published['dns example.com'] = [record]
    expect(await prove('com.example', ALICE, privateKey, { by: BOB })).toMatchObject({ stop: 'proof-invalid' })
    const challenge = await namespaces.claim('com.example', ALICE)
    if ('stop' in challenge) throw new Error(challenge.stop)
    const timestamp = new Date(now * 1000).toISOString()
    const signature = signed(privateKey, challengeText(ORIGIN, 'example.com', challenge.nonce, timestamp))
    const proof = { nonce: challenge.nonce, timestamp, signature, method: 'dns' } as const
    expect(await namespaces.verify(ALICE, proof)).toMatchObject({ name: 'com.example' })
    expect(await namespaces.verify(ALICE, proof)).toMatchObject({ stop: 'proof-invalid' })
  })
  it.each(['io.github.acme', 'IO.GitHub.acme', 'io.gitlab.acme', 'io.github'])(
    'of a code host is not proved by its pages: %s',
    async name => {
      expect(await namespaces.claim(name, ALICE)).toMatchObject({ stop: 'proof-invalid' })
    },
  )
  it.each(['com', 'com..example', '-com.example', 'com.exa_mple', 'com.example/x', '', 'com.example.', '4.3.2.1', '0x7f.1'])(
    'is a domain in reverse, not %j',
    async name => {
      expect(await namespaces.claim(name, ALICE)).toMatchObject({ stop: 'params-invalid' })
    },
  )
  it('belongs to its domain, label by label', () => {
    expect(domainOf('com.Example.Team')).toBe('team.example.com')
  })

  it('stays its owner’s and is frozen when somebody else proves it too: the domain may have changed hands', async () => {
    const { privateKey, record } = ed25519()
    published['dns example.com'] = [record]
    await prove('com.example', ALICE, privateKey)
    expect(await prove('com.example', BOB, privateKey)).toMatchObject({ stop: 'namespace-taken' })
    expect(await namespaces.whyNotPublisher('com.example', ALICE)).toMatchObject({ stop: 'namespace-frozen' })
    expect(await prove('com.example', ALICE, privateKey)).toMatchObject({ state: 'frozen' })
    expect(await namespaces.setMember('com.example', { principal: BOB, role: 'owner' }, ALICE)).toMatchObject({ stop: 'namespace-frozen' })
    await namespaces.setState('com.example', 'active')
    expect(await namespaces.whyNotPublisher('com.example', ALICE)).toBeUndefined()
    expect(await namespaces.setState('com.example', 'active')).toBeUndefined()
  })
  it('stays frozen when an operator freezes it while its owner proves it again', async () => {
    const { privateKey, record } = ed25519()
    published['dns example.com'] = [record]
    await prove('com.example', ALICE, privateKey)
    meanwhile = () => {
      meanwhile = () => Promise.resolve()
      return namespaces.setState('com.example', 'frozen')
    }
    expect(await prove('com.example', ALICE, privateKey)).toMatchObject({ state: 'frozen' })
    expect(await namespaces.whyNotPublisher('com.example', ALICE)).toMatchObject({ stop: 'namespace-frozen' })
  })
  it('is proved again every 30 days, or nothing is published in it: the TXT record may be gone', async () => {
    const { privateKey, record } = ed25519()
    published['dns example.com'] = [record]
    await prove('com.example', ALICE, privateKey)
    now += 30 * 86_400
    expect(await namespaces.whyNotPublisher('com.example', ALICE)).toMatchObject({ stop: 'namespace-unproved' })
    published = {}
    expect(await prove('com.example', ALICE, privateKey)).toMatchObject({ stop: 'proof-invalid' })
    expect(await namespaces.whyNotPublisher('com.example', ALICE)).toMatchObject({ stop: 'namespace-unproved' })
    published['dns example.com'] = [record]
    expect(await prove('com.example', ALICE, privateKey)).toMatchObject({ proveAgainAtSeconds: now + 30 * 86_400 })
    expect(await namespaces.whyNotPublisher('com.example', ALICE)).toBeUndefined()
  })
  it('that looks like another one waits for an operator, who may register it', async () => {
    const { privateKey, record } = ed25519()
    for (const domain of ['example.com', 'exarnple.com', 'examp1e.com', 'xn--exmple-cua.com']) published[`dns ${domain}`] = [record]
    await prove('com.example', ALICE, privateKey)
    for (const name of ['com.exarnple', 'com.examp1e', 'com.xn--exmple-cua'])
      expect(await prove(name, BOB, privateKey)).toMatchObject({ stop: 'lookalike-held' })
    expect(await namespaces.register('com.exarnple', BOB)).toMatchObject({
      proof: 'operator',
      members: [{ principal: BOB, role: 'owner' }],
    })
    expect(await namespaces.register('com.exarnple', ALICE)).toBeUndefined()
    expect(await namespaces.register('com/x', ALICE)).toBeUndefined()
    now += 365 * 86_400
    expect(await namespaces.whyNotPublisher('com.exarnple', BOB)).toBeUndefined()
  })
  it('is shared by its owner alone', async () => {
    await namespaces.register('internal', ALICE)
    const add = { principal: BOB, role: 'publisher' } as const
    expect(await namespaces.setMember('internal', add, BOB)).toMatchObject({ stop: 'namespace-forbidden' })
    expect(await namespaces.setMember('absent', add, ALICE)).toMatchObject({ stop: 'namespace-forbidden' })
    expect(await namespaces.setMember('internal', add, ALICE)).toMatchObject({
      members: [{ principal: ALICE }, { principal: BOB, role: 'publisher' }],
    })
    expect(await namespaces.whyNotPublisher('internal', BOB)).toBeUndefined()
    expect(await namespaces.setMember('internal', { principal: ALICE, role: undefined }, BOB)).toMatchObject({
      stop: 'namespace-forbidden',
    })
    expect(await namespaces.setMember('internal', { principal: ALICE, role: undefined }, ALICE)).toMatchObject({ stop: 'params-invalid' })
  })
})

describe('a key record', () => {
  const { privateKey, record } = ed25519()
  const text = Buffer.from('text')
  const signature = signed(privateKey, 'text')
  it('is read in one spelling', () => {
    expect(verifyProof(record, text, signature)).toBe(true)
    expect(verifyProof(` ${record};`, text, signature)).toBe(true)
  })
  it.each([
    record.replace('v=MCPv1', 'v=MCPv2'),
    record.replace('ed25519', 'rsa'),
    record.replace('ed25519', 'ecdsap384'),
    `${record}x`,
    record.replace('p=', 'p=AAAA'),
    `v=MCPv1; k=ecdsap384; p=${Buffer.alloc(49, 2).toString('base64')}`,
    '',
  ])('says nothing otherwise: %s', other => {
    expect(verifyProof(other, text, signature)).toBe(false)
    expect(verifyProof(other, text, 'a'.repeat(192))).toBe(false)
  })
  it.each([signature.toUpperCase(), signature.slice(2), `${signature}00`, 'zz', ''])('takes a signature in one spelling, not %s', other => {
    expect(verifyProof(record, text, other)).toBe(false)
  })
})

describe('what domains publish', () => {
  const ours = 'v=MCPv1; k=ed25519; p=x'
  it('is TXT records, joined and of our kind', async () => {
    const keys = createDomainKeys({
      resolveTxt: () => Promise.resolve([['v=spf1 -all'], ['v=MCPv1; ', 'k=ed25519; p=x'], [`v=MCPv1${'x'.repeat(600)}`]]),
    })
    expect(await keys.read('example.com', 'dns')).toEqual([ours])
  })
  it('is nothing where the name or such records are gone, and unreadable where nobody answers', async () => {
    const failing = (code: string) => createDomainKeys({ resolveTxt: () => Promise.reject(Object.assign(new Error(code), { code })) })
    expect(await failing('ENOTFOUND').read('example.com', 'dns')).toEqual([])
    expect(await failing('ENODATA').read('example.com', 'dns')).toEqual([])
    await expect(failing('ETIMEOUT').read('example.com', 'dns')).rejects.toMatchObject({ code: 'fetch-failed' })
    await expect(failing('ESERVFAIL').read('example.com', 'dns')).rejects.toMatchObject({ code: 'fetch-failed' })
  })
  it('is a file at one place', async () => {
    const asked: string[] = []
    const answers = (status: number) => ({
      get: (url: string) => (asked.push(url), Promise.resolve({ status, headers: {}, body: Buffer.from(`${ours}\n<html>`) })),
    })
    expect(await createDomainKeys({ fetch: answers(200) }).read('example.com', 'https')).toEqual([ours])
    expect(asked).toEqual(['https://example.com/.well-known/mcp-registry-auth'])
    expect(await createDomainKeys({ fetch: answers(404) }).read('example.com', 'https')).toEqual([])
    await expect(createDomainKeys({ fetch: answers(302) }).read('example.com', 'https')).rejects.toMatchObject({ code: 'fetch-failed' })
  })
  it.each(['localhost', '127.0.0.1', '169.254.169.254', '10.0.0.1'])('is never asked of this network (N054): %s', async domain => {
    await expect(createDomainKeys().read(domain, 'https')).rejects.toMatchObject({ code: 'fetch-refused' })
  })
})
