// The gateway's own looks at what domains publish: what prolongs a proof, and what a domain that changed hands comes to (attack 2).

import { beforeEach, describe, expect, it } from 'vitest'
import { NamespaceLooks, type Found } from '../../src/registry/namespace-looks.ts'
import { ALICE, BOB, DAY, domainKey, NamespaceWorld, START, type DomainKey } from '../support/namespace-world.ts'

const DNS = 'dns example.com'
let w: NamespaceWorld
let key: DomainKey
let found: Found[]
let faults: unknown[]
let record: (found: Found) => Promise<void>
let looks: NamespaceLooks
beforeEach(async () => {
  w = new NamespaceWorld()
  found = []
  faults = []
  record = each => Promise.resolve(void found.push(each))
  looks = new NamespaceLooks({
    ...w.parts,
    store: w.store,
    namespaces: w.namespaces,
    record: each => record(each),
    onFault: cause => faults.push(cause),
  })
  key = domainKey()
  w.published[DNS] = ['v=MCPv1; k=rsa; p=x', key.record]
  await w.prove('com.example', ALICE, key.privateKey)
  w.reads.length = 0
})
const why = () => w.namespaces.whyNotPublisher('com.example', ALICE)
const known = () => w.namespaces.find('com.example')

describe('a proof', () => {
  it('is not looked at before its last week', async () => {
    w.now = START + 23 * DAY - 1
    await looks.look()
    expect(w.reads).toEqual([])
  })
  it('is prolonged by 30 days from then on while the domain publishes the same key', async () => {
    w.now = START + 23 * DAY
    await looks.look()
    expect(w.reads).toEqual([DNS])
    expect(await known()).toMatchObject({ proveAgainAtSeconds: w.now + 30 * DAY, provedAtSeconds: START, look: { found: 'same' } })
    expect(found).toEqual([{ namespace: 'com.example', found: 'same', untilSeconds: w.now + 30 * DAY }])
    await looks.look()
    expect(w.reads).toHaveLength(1)
  })
  it('is prolonged in whichever way it was given', async () => {
    w.published['https example.org'] = [key.record]
    await w.prove('org.example', BOB, key.privateKey, 'https')
    w.reads.length = 0
    w.now = START + 25 * DAY
    await looks.look()
    expect(w.reads.sort()).toEqual([DNS, 'https example.org'])
  })
  it('ends when its record is gone: DNS gone is said first, and nothing is published after the end', async () => {
    w.published = {}
    w.now = START + 23 * DAY
    await looks.look()
    expect(found).toEqual([{ namespace: 'com.example', found: 'absent', untilSeconds: START + 30 * DAY }])
    expect(await why()).toBeUndefined()
    w.now = START + 30 * DAY
    expect(await why()).toMatchObject({ stop: 'namespace-unproved' })
  })
  it.each([
    ['redirects', new Error('expected status 200, got 302')],
    ['lies at a private address', new Error('the host is at an address that is not fetched from')],
    ['does not answer', new Error('no complete answer in time')],
  ])('is not prolonged by a domain that %s', async (_what, error) => {
    w.published[DNS] = error
    w.now = START + 29 * DAY
    await looks.look()
    expect(await known()).toMatchObject({ proveAgainAtSeconds: START + 30 * DAY, look: { found: 'unreadable' } })
    expect(await why()).toBeUndefined()
    w.now = START + 30 * DAY
    expect(await why()).toMatchObject({ stop: 'namespace-unproved' })
  })
  it('is asked for again after six hours, not before', async () => {
    w.published = {}
    w.now = START + 23 * DAY
    await looks.look()
    w.now += 6 * 3600 - 1
    await looks.look()
    expect(w.reads).toHaveLength(1)
    w.now += 1
    w.published[DNS] = [key.record]
    await looks.look()
    expect(await known()).toMatchObject({ proveAgainAtSeconds: w.now + 30 * DAY })
  })
  it('by another key keeps everybody silent while it is found: whoever has the domain now is not whom we know', async () => {
    w.published[DNS] = [domainKey().record]
    w.now = START + 23 * DAY
    await looks.look()
    expect(await why()).toMatchObject({ stop: 'namespace-cooling', retryAfterSeconds: DAY })
    w.now += DAY
    await looks.look()
    expect(await why()).toMatchObject({ stop: 'namespace-cooling', retryAfterSeconds: DAY })
    w.published[DNS] = [domainKey().record, key.record]
    w.now += DAY
    await looks.look()
    expect(await why()).toBeUndefined()
  })
  it('that rests on another key since is not prolonged by a look that began before', async () => {
    const next = domainKey()
    w.now = START + 23 * DAY
    record = async () => {
      w.published[DNS] = [next.record]
      await w.prove('com.example', ALICE, next.privateKey)
    }
    await looks.look()
    expect((await known())?.look).toBeUndefined()
    expect(await why()).toMatchObject({ stop: 'namespace-cooling' })
  })
  it('of a frozen namespace stays frozen', async () => {
    await w.namespaces.setState('com.example', 'frozen')
    w.now = START + 23 * DAY
    await looks.look()
    expect(await why()).toMatchObject({ stop: 'namespace-frozen' })
  })
  it('by a token is not looked at: only its issuer could say', async () => {
    await w.show(BOB, w.token('io.github.acme', '1'))
    w.now = START + 29 * DAY
    await looks.look()
    expect(w.reads).toEqual([DNS])
  })
})

describe('a round', () => {
  it('changes nothing that could not be written down', async () => {
    record = () => Promise.reject(new Error('no log'))
    w.now = START + 23 * DAY
    await looks.look()
    expect(await known()).toMatchObject({ proveAgainAtSeconds: START + 30 * DAY })
    expect(faults).toHaveLength(1)
  })
  it('asks for a few domains, a few at a time, and for the rest in the next one', async () => {
    for (let i = 0; i < 40; i++) {
      const name = `com.d${i}-${'x'.repeat(i % 7)}${String.fromCharCode(97 + (i % 26)).repeat(3)}`
      await w.store.register({ ...(await known())!, name }, name, ALICE)
    }
    let open = 0
    let most = 0
    let gate = Promise.withResolvers<undefined>()
    const slow = new NamespaceLooks({
      ...w.parts,
      store: w.store,
      namespaces: w.namespaces,
      record,
      onFault: cause => faults.push(cause),
      domainKeys: {
        async read() {
          most = Math.max(most, ++open)
          await gate.promise
          open--
          return [key.record]
        },
      },
    })
    w.now = START + 25 * DAY
    const first = slow.look()
    const second = slow.look() // joined by nobody while it is under way
    await second
    gate.resolve(undefined)
    await first
    expect(most).toBe(4)
    expect(found).toHaveLength(20)
    gate = Promise.withResolvers()
    gate.resolve(undefined)
    await slow.look()
    await slow.look()
    expect(found).toHaveLength(41)
    expect(faults).toEqual([])
  })
  it('notes another signer when the policies change, not when somebody publishes by them', async () => {
    w.signers.set('com.example', 'one')
    await looks.look()
    w.signers.set('com.example', 'two')
    await looks.look()
    w.now += DAY - 10
    expect(await why()).toMatchObject({ stop: 'namespace-cooling', retryAfterSeconds: 10 })
  })
})
