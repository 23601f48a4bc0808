// A person's ID token from a running sign-in: asked for once for all who need it, held briefly, gone with the sign-in.

import { expect, it } from 'vitest'
import { createSignIns, type Renewal, type SignIn } from '../../src/identity/sign-in.ts'
import { memoryStores } from '../support/memory-identity-stores.ts'

const SIGN_IN: SignIn = {
  ...{ id: 's', issuer: 'https://idp.example', subject: 'alice', groups: [], name: 'Alice', idpSession: 'session' },
  ...{ startedAtSeconds: 0, checkedAtSeconds: 0, endsAtSeconds: 10_000 },
}

/** `life`: seconds the provider’s ID tokens live; 0 = it gives none */
async function setUp(life = 300) {
  const stores = memoryStores()
  await stores.signIns.add(SIGN_IN, 'refresh-0')
  const world = { now: 0, brought: [] as (string | undefined)[], gate: Promise.resolve(), said: undefined as Renewal | undefined }
  const signIns = createSignIns({
    store: stores.signIns,
    provider: {
      async renew(identity, refreshToken) {
        world.brought.push(refreshToken)
        const count = world.brought.length
        await world.gate
        const idToken = life === 0 ? {} : { idToken: { token: `id-token-${count}`, expiresAtSeconds: world.now + life } }
        return world.said ?? { identity, refreshToken: `refresh-${count}`, ...idToken }
      },
    },
    now: () => world.now,
    onEnd: async () => {},
    onRegrouped: async () => {},
  })
  const token = async (): Promise<unknown> => {
    const proven = await signIns.prove('s')
    return typeof proven === 'string' ? proven : proven.idToken
  }
  return { world, signIns, token }
}

it('asks the provider even where the sign-in was confirmed just now, and once for all who ask at the same time', async () => {
  const { world, token } = await setUp()
  expect(await Promise.all([token(), token(), token()])).toEqual(Array(3).fill('id-token-1'))
  expect(await token()).toBe('id-token-1')
  expect(world.brought).toEqual(['refresh-0'])
})

it('never asks twice at once: a refresh token that rotates serves one question, whatever it is about', async () => {
  const { world, signIns, token } = await setUp()
  world.now = 100
  let open = (): void => {}
  world.gate = new Promise(resolve => (open = resolve))
  const answers = [signIns.current('s'), token(), signIns.current('s'), token()]
  open()
  const [current, first, , second] = await Promise.all(answers)
  expect(current).toMatchObject({ id: 's', checkedAtSeconds: 100 })
  expect([first, second, world.brought]).toEqual(['id-token-1', 'id-token-1', ['refresh-0']])
})

it('waits for a question that is about something else, and then asks its own', async () => {
  const { world, signIns, token } = await setUp()
  const [current, proof] = await Promise.all([signIns.current('s'), token()])
  expect([current, proof]).toEqual([SIGN_IN, 'id-token-1'])
  expect(world.brought).toEqual(['refresh-0'])
})

it('an ID token is fresh: asked for again after a minute, or when it is about to end', async () => {
  const { world, token } = await setUp()
  for (const [now, expected] of [
    [0, 'id-token-1'],
    [59, 'id-token-1'],
    [60, 'id-token-2'],
  ] as const) {
    // prettier-ignore
    world.now = now
    expect(await token()).toBe(expected)
  }
  const brief = await setUp(40)
  for (const [now, expected] of [
    [0, 'id-token-1'],
    [9, 'id-token-1'],
    [10, 'id-token-2'],
  ] as const) {
    // prettier-ignore
    brief.world.now = now
    expect(await brief.token()).toBe(expected)
  }
})

it('a provider that gives none is asked once a minute, not at each call', async () => {
  const { world, token } = await setUp(0)
  world.brought.length = 0
  expect(await Promise.all([token(), token()])).toEqual(['none', 'none'])
  expect(await token()).toBe('none')
  expect(world.brought).toHaveLength(1)
})

it.each([
  ['by itself', { id: 's' }],
  ['of its person', { issuer: SIGN_IN.issuer, subject: 'alice' }],
  ['of a session at the provider', { issuer: SIGN_IN.issuer, idpSession: 'session' }],
])('attack: the end of a sign-in, %s, leaves no ID token behind', async (_how, which) => {
  const { signIns, token } = await setUp()
  expect(await token()).toBe('id-token-1')
  await signIns.end(which)
  expect(await token()).toBe('ended')
})

it('attack: a sign-in that ends while its provider is asked proves nothing', async () => {
  const { world, signIns, token } = await setUp()
  let open = (): void => {}
  world.gate = new Promise(resolve => (open = resolve))
  const asked = token()
  await signIns.end({ id: 's' })
  open()
  expect(await asked).toBe('ended')
})

it('N052: a provider that confirms somebody else ends the sign-in, and its ID token is given to nobody', async () => {
  const { world, signIns, token } = await setUp()
  world.said = { identity: { ...SIGN_IN, subject: 'bob' }, idToken: { token: 'of-bob', expiresAtSeconds: 300 } }
  expect(await token()).toBe('ended')
  expect(await signIns.current('s')).toBe('ended')
})

it('what is old is forgotten', async () => {
  const { world, signIns, token } = await setUp()
  expect(await token()).toBe('id-token-1')
  signIns.sweep()
  expect(await token()).toBe('id-token-1')
  world.now = 60
  signIns.sweep()
  world.now = 59 // only what was forgotten is asked for again
  expect(await token()).toBe('id-token-2')
})
