// Names of code hosts, proved by tokens: whose the name is stands in a number, and a name that changes hands is frozen (attack 2).

import { beforeEach, describe, expect, it } from 'vitest'
import { ALICE, BOB, DAY, NamespaceWorld, START, domainKey } from '../support/namespace-world.ts'

let w: NamespaceWorld
beforeEach(() => {
  w = new NamespaceWorld()
})
const NAME = 'io.github.acme'
const publishes = (who = ALICE) => w.namespaces.whyNotPublisher(NAME, who)

describe('a name of a code host', () => {
  it('is its first prover’s, bound to the number behind it, for 30 days', async () => {
    expect(await w.show(ALICE, w.token('io.github.Acme', '123', { also: { repository_id: '7' } }))).toEqual({
      name: 'io.github.Acme',
      state: 'active',
      proof: 'oidc',
      bound: { kind: 'account', authority: 'https://token.ci.example', owner: '123', also: { repository_id: '7' } },
      provedAtSeconds: START,
      proveAgainAtSeconds: START + 30 * DAY,
      members: [{ principal: ALICE, role: 'owner' }],
    })
    expect(await publishes()).toBeUndefined()
    w.now += 30 * DAY
    expect(await publishes()).toMatchObject({ stop: 'namespace-unproved' })
    await w.show(ALICE, w.token(NAME, '123', { also: { repository_id: '7' } }))
    expect(await publishes()).toBeUndefined()
  })
  it('is frozen when the same login is another account: it was renamed, or deleted and taken anew', async () => {
    await w.show(ALICE, w.token(NAME, '123'))
    expect(await w.show(ALICE, w.token(NAME, '666'))).toMatchObject({ stop: 'namespace-taken', detail: expect.stringContaining('frozen') })
    expect(await publishes()).toMatchObject({ stop: 'namespace-frozen' })
    // Not thawed by the first one either: an operator decides.
    expect(await w.show(ALICE, w.token(NAME, '123'))).toMatchObject({ state: 'frozen' })
    expect((await w.namespaces.find(NAME))?.bound).toMatchObject({ owner: '123' })
  })
  it('is frozen for the other one in capitals, too', async () => {
    await w.show(ALICE, w.token(NAME, '123'))
    expect(await w.show(BOB, w.token('io.github.ACME', '666'))).toMatchObject({ stop: 'namespace-taken' })
    expect(await publishes()).toMatchObject({ stop: 'namespace-frozen' })
  })
  it('stays its owner’s and is frozen when somebody else of the same account proves it', async () => {
    await w.show(ALICE, w.token(NAME, '123'))
    expect(await w.show(BOB, w.token(NAME, '123'))).toMatchObject({ stop: 'namespace-taken' })
    expect(await publishes(BOB)).toMatchObject({ stop: 'namespace-forbidden' })
    expect(await publishes()).toMatchObject({ stop: 'namespace-frozen' })
  })
  it('is not proved again by another repository of the same account, where the repository is bound', async () => {
    await w.show(ALICE, w.token(NAME, '123', { also: { repository_id: '7' } }))
    expect(await w.show(ALICE, w.token(NAME, '123', { also: { repository_id: '8' } }))).toMatchObject({ stop: 'proof-invalid' })
    expect(await publishes()).toBeUndefined()
  })
  it('is one’s, and the other’s proof freezes it, when two prove it at once by two accounts', async () => {
    const tokens = [w.token(NAME, '123'), w.token(NAME, '666')]
    const done = await Promise.all([w.show(ALICE, tokens[0]!), w.show(BOB, tokens[1]!)])
    expect(done.filter(each => 'stop' in each)).toEqual([expect.objectContaining({ stop: 'namespace-taken' })])
    const known = await w.namespaces.find(NAME)
    expect(known).toMatchObject({ state: 'frozen' })
    expect(known?.members).toHaveLength(1)
  })
  it('is bound once when its owner proves it twice at once by two accounts', async () => {
    const tokens = [w.token(NAME, '123'), w.token(NAME, '666')]
    await Promise.all(tokens.map(token => w.show(ALICE, token)))
    expect(await w.namespaces.find(NAME)).toMatchObject({ state: 'frozen', members: [{ principal: ALICE }] })
  })
  it('that looks like another one waits for an operator, who may register it', async () => {
    await w.show(ALICE, w.token(NAME, '123'))
    expect(await w.show(BOB, w.token('io.github.acrne', '9'))).toMatchObject({ stop: 'lookalike-held' })
    expect(await w.namespaces.register('io.github.acrne', BOB)).toMatchObject({ proof: 'operator' })
    expect(await w.show(BOB, w.token('io.github.acrne', '9'))).toMatchObject({ proof: 'oidc', bound: { owner: '9' } })
  })
  it('registered by an operator is bound by its owner’s first proof, and by nobody else’s', async () => {
    await w.namespaces.register(NAME, ALICE)
    expect(await w.show(BOB, w.token(NAME, '666'))).toMatchObject({ stop: 'namespace-taken' })
    await w.namespaces.setState(NAME, 'active')
    expect(await w.show(ALICE, w.token(NAME, '123'))).toMatchObject({ bound: { owner: '123' } })
    expect(await publishes()).toBeUndefined()
  })
})

it('reassigned by an operator is its new owner’s, who binds it anew once it was silent; the one before is nobody there', async () => {
  await w.show(ALICE, w.token(NAME, '123'))
  await w.show(ALICE, w.token(NAME, '666'))
  expect(await w.namespaces.reassign('io.github.none', BOB)).toBeUndefined()
  expect(await w.namespaces.reassign(NAME, BOB)).toMatchObject({ state: 'active', members: [{ principal: BOB }] })
  expect(await publishes()).toMatchObject({ stop: 'namespace-forbidden' })
  expect(await publishes(BOB)).toMatchObject({ stop: 'namespace-cooling' })
  w.now += DAY
  expect(await w.show(BOB, w.token(NAME, '666'))).toMatchObject({ state: 'active', bound: { owner: '666' } })
  expect(await publishes(BOB)).toBeUndefined()
  expect(await w.show(BOB, w.token(NAME, '123'))).toMatchObject({ stop: 'namespace-taken' })
})

describe('a token', () => {
  it('counts once, whoever shows it: one that was read in the log of a job claims nothing', async () => {
    const token = w.token(NAME, '123')
    await w.show(ALICE, token)
    expect(await w.show(BOB, token)).toMatchObject({ stop: 'proof-invalid', detail: 'the token was used before' })
    expect(await publishes()).toBeUndefined()
    const second = w.token(NAME, '123')
    const both = await Promise.all([w.show(ALICE, second), w.show(ALICE, second)])
    expect(both.filter(each => 'stop' in each)).toHaveLength(1)
  })
  it('is for the namespace that is meant', async () => {
    expect(await w.show(ALICE, w.token('io.github.evil', '666'), { namespace: NAME })).toMatchObject({ stop: 'proof-invalid' })
    expect(await w.namespaces.list()).toEqual([])
    expect(await w.show(ALICE, w.token(NAME, '123'), { namespace: 'io.github.ACME' })).toMatchObject({ name: NAME })
  })
  it('that answers a challenge answers one’s own, for this name, once', async () => {
    const claim = async (who = ALICE, name = NAME) => {
      const opened = await w.namespaces.claim(name, who, 'oidc')
      return 'stop' in opened ? '' : opened.nonce
    }
    const nonce = await claim()
    expect(await w.show(ALICE, w.token(NAME, '1'), { nonce })).toMatchObject({ stop: 'proof-invalid' }) // it carries none
    expect(await w.show(ALICE, w.token(NAME, '1', { nonce: 'x' }), { nonce })).toMatchObject({ stop: 'proof-invalid' })
    expect(await w.show(ALICE, w.token(NAME, '1', { nonce: 'x' }))).toMatchObject({ stop: 'proof-invalid' }) // made for another purpose
    const bobs = await claim(BOB)
    expect(await w.show(ALICE, w.token(NAME, '1', { nonce: bobs }), { nonce: bobs })).toMatchObject({ stop: 'proof-invalid' })
    const other = await claim(ALICE, 'io.github.other')
    expect(await w.show(ALICE, w.token(NAME, '1', { nonce: other }), { nonce: other })).toMatchObject({ stop: 'proof-invalid' })
    expect(await w.namespaces.list()).toEqual([])
    expect(await w.show(ALICE, w.token(NAME, '1', { nonce }), { nonce })).toMatchObject({ name: NAME })
    expect(await w.show(ALICE, w.token(NAME, '1', { nonce }), { nonce })).toMatchObject({ stop: 'proof-invalid' })
  })
  it('proves nothing where the issuer cannot be asked', async () => {
    const down = new NamespaceWorld({ tokens: { read: () => Promise.resolve({ stop: 'issuer-unavailable', retryAfterSeconds: 5 }) } })
    expect(await down.show(ALICE, 'x')).toMatchObject({ stop: 'issuer-unavailable' })
    expect(await down.namespaces.list()).toEqual([])
  })
})

describe('nothing is published for a day', () => {
  const cooling = (why: string) => ({ stop: 'namespace-cooling', detail: expect.stringContaining(why), retryAfterSeconds: DAY })
  it('after a proof by another key, and not after one by the same', async () => {
    const [old, fresh] = [domainKey(), domainKey()]
    w.published['dns example.com'] = [old.record]
    await w.prove('com.example', ALICE, old.privateKey)
    await w.prove('com.example', ALICE, old.privateKey)
    expect(await w.namespaces.whyNotPublisher('com.example', ALICE)).toBeUndefined()
    w.published['dns example.com'] = [old.record, fresh.record]
    expect(await w.prove('com.example', ALICE, fresh.privateKey)).toMatchObject({ quiet: { untilSeconds: START + DAY, why: 'key' } })
    expect(await w.namespaces.whyNotPublisher('com.example', ALICE)).toMatchObject(cooling('another key'))
    w.now += DAY - 1
    expect(await w.namespaces.whyNotPublisher('com.example', ALICE)).toMatchObject({ stop: 'namespace-cooling', retryAfterSeconds: 1 })
    w.now += 1
    expect(await w.namespaces.whyNotPublisher('com.example', ALICE)).toBeUndefined()
  })
  it('after a proof of another kind', async () => {
    const key = domainKey()
    w.published['dns example.com'] = [key.record]
    await w.prove('com.example', ALICE, key.privateKey)
    await w.show(ALICE, w.token('com.example', '1'))
    expect(await w.namespaces.whyNotPublisher('com.example', ALICE)).toMatchObject(cooling('another key'))
  })
  it('after another owner came or one went, for old and new ones, and not after a publisher did', async () => {
    await w.show(ALICE, w.token(NAME, '123'))
    await w.namespaces.setMember(NAME, { principal: BOB, role: 'publisher' }, ALICE)
    expect(await publishes(BOB)).toBeUndefined()
    await w.namespaces.setMember(NAME, { principal: ALICE, role: 'owner' }, ALICE)
    expect(await publishes()).toBeUndefined()
    await w.namespaces.setMember(NAME, { principal: BOB, role: 'owner' }, ALICE)
    for (const who of [ALICE, BOB]) expect(await publishes(who)).toMatchObject(cooling('owners'))
    w.now += DAY
    expect(await publishes(BOB)).toBeUndefined()
    await w.namespaces.setMember(NAME, { principal: ALICE, role: undefined }, BOB)
    expect(await publishes(BOB)).toMatchObject(cooling('owners'))
  })
  it('after the policies name another signer, and again when they change inside of that day', async () => {
    await w.show(ALICE, w.token(NAME, '123'))
    expect(await publishes()).toBeUndefined()
    w.signers.set(NAME, 'one') // the first one is no other one
    expect(await publishes()).toBeUndefined()
    w.signers.set(NAME, 'two')
    expect(await publishes()).toMatchObject(cooling('signs'))
    w.now += DAY / 2
    w.signers.set(NAME, 'three')
    expect(await publishes()).toMatchObject(cooling('signs'))
    w.now += DAY / 2
    expect(await publishes()).toMatchObject({ stop: 'namespace-cooling', retryAfterSeconds: DAY / 2 })
    w.now += DAY / 2
    expect(await publishes()).toBeUndefined()
  })
  it('after a signer went and another one came, however long nobody stood there', async () => {
    await w.show(ALICE, w.token(NAME, '123'))
    w.signers.set(NAME, 'one')
    await publishes()
    w.signers.clear()
    expect(await publishes()).toBeUndefined() // nothing can be verified then
    w.signers.set(NAME, 'two')
    expect(await publishes()).toMatchObject(cooling('signs'))
  })
  it('and no later change, proof or thaw ends it sooner', async () => {
    await w.show(ALICE, w.token(NAME, '123'))
    await w.namespaces.setMember(NAME, { principal: BOB, role: 'owner' }, ALICE)
    w.cooldown = 0 // whatever the configuration says now
    w.signers.set(NAME, 'one')
    await publishes()
    w.signers.set(NAME, 'two')
    expect(await publishes()).toMatchObject({ stop: 'namespace-cooling' })
    await w.show(ALICE, w.token(NAME, '123'))
    await w.namespaces.setState(NAME, 'frozen')
    await w.namespaces.setState(NAME, 'active')
    w.now += 61
    expect(await publishes()).toMatchObject({ stop: 'namespace-cooling' })
  })
})
