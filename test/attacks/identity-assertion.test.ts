// Enterprise-managed authorization (ID-JAG) for people who sign in at the gateway's own server: whose ID token proves what, to whom, and for how long.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { startRunning, type Running, type Tokens } from '../authorization-server/running.ts'
import { startExchangeServer, type ExchangeServer } from '../connect/exchange-server.ts'
import { startGuarded } from '../connect/guarded-upstream.ts'
import { IDP_CLIENT } from '../support/identity-provider.ts'
import { callTool } from './world.ts'

let running: Running
let server: ExchangeServer
/** what happens while the resource's server looks at an assertion */
let meanwhile: () => Promise<unknown>
beforeEach(() => void (meanwhile = () => Promise.resolve()))
afterEach(() => running.stop())

type Provider = Running['idp']
/** `credential`: over that of an assertion by the provider that people sign in at; `issuers`: whose tokens count besides */
type Options = { readonly credential?: (idp: Provider) => object; readonly issuers?: (idp: Provider) => readonly object[] }

async function start({ credential: more = () => ({}), issuers }: Options = {}): Promise<void> {
  running = await startRunning({
    ...(issuers && { issuers }),
    async upstream(idp) {
      const targets: string[] = []
      const asserted: Provider['asserted'] = async (...args) => {
        await meanwhile()
        return idp.asserted(...args)
      }
      server = await startExchangeServer({ targets: () => targets, subjectOf: async () => undefined, assertedBy: () => ({ asserted }) })
      const check = async (token: string) => {
        const account = server.holderOf(token) ?? idp.holderOf(token)
        return account === undefined ? undefined : { account, scopes: [] }
      }
      const up = await startGuarded({ check, issuers: () => [server.issuer] })
      targets.push(up.url)
      // No `identityProvider`: it is where people sign in.
      const credential = { kind: 'identity-assertion', issuer: server.issuer, clientId: 'gateway', clientSecret: server.clientSecret }
      const settings = {
        credential: { ...credential, ...more(idp) },
        allow: [{ id: 'test', groups: ['staff'], issuers: [idp.issuer], tools: ['*'] }],
      }
      return { up, settings, close: () => server.close() }
    },
  })
  running.idp.accounts.set('bob', ['staff'])
}

const signIn = (who: string): Promise<Tokens> => {
  running.idp.nextUser = who
  return running.signIn()
}
const call = ({ access }: Tokens) => callTool({ ...running, tokens: { alice: access, bob: access } }, 'whoami')
const accountOf = (answer: { body: any; text: string }): unknown => {
  expect(answer.body?.result?.content, answer.text).toBeDefined()
  return JSON.parse(answer.body.result.content[0].text).account
}
const idTokens = (): string[] => running.idp.exchanged.map(asked => String(asked['subject_token']))
const asserted = () => running.gateway.events().filter(({ subject }) => subject?.method === 'person/identity-asserted')

function expectRefused(answer: { body: any; text: string }, detail: RegExp): void {
  expect(answer.body.error.data.reason, answer.text).toBe('credential-unavailable')
  expect(answer.body.error.message).toMatch(detail)
  expect(running.up.of('tools/call')).toEqual([])
  for (const token of idTokens()) expect(answer.text).not.toContain(token)
}

it(
  'R118: each person’s own fresh ID token is exchanged at the provider they signed in at, for an assertion to the one server that issues the token',
  { tags: ['short'] },
  async () => {
    await start()
    const [alice, bob] = [await signIn('alice'), await signIn('bob')]
    const answers = await Promise.all([call(alice), call(bob)])
    expect(answers.map(accountOf)).toEqual(['alice', 'bob'])

    expect(running.idp.exchanged).toHaveLength(2)
    for (const asked of running.idp.exchanged)
      expect(asked).toMatchObject({
        client: IDP_CLIENT.clientId,
        subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
        requested_token_type: 'urn:ietf:params:oauth:token-type:id-jag',
        audience: server.issuer,
        resource: running.up.url,
      })
    expect(
      idTokens()
        .map(token => decodeJwt(token).sub)
        .sort(),
    ).toEqual(['alice', 'bob'])
    for (const token of idTokens()) expect(decodeJwt(token)).toMatchObject({ iss: running.idp.issuer, aud: IDP_CLIENT.clientId })
    // The resource's server is shown assertions for itself and nothing else; what is the host's goes to nobody.
    expect(server.asked.map(form => form.get('grant_type'))).toEqual(Array(2).fill('urn:ietf:params:oauth:grant-type:jwt-bearer'))
    const beyond = JSON.stringify([server.asked.map(String), running.up.seen.map(({ req, body }) => [req.rawHeaders, body])])
    for (const token of [...idTokens(), alice.access, bob.access]) expect(beyond).not.toContain(token.split('.')[2])
    for (const { access } of [alice, bob]) expect(JSON.stringify(running.idp.exchanged)).not.toContain(access.split('.')[2])
    expect(
      asserted()
        .map(({ principal, subject, detail }) => [principal.subject, subject.name, detail])
        .sort(),
    ).toEqual(['alice', 'bob'].map(who => [who, 'up', `at ${running.idp.issuer}; for ${server.issuer}; resource ${running.up.url}`]))
  },
)

it('one exchange serves a person’s further calls, and no ID token is kept on disk', async () => {
  await start()
  const alice = await signIn('alice')
  for (let i = 0; i < 3; i++) expect(accountOf(await call(alice))).toBe('alice')
  expect([running.idp.exchanged.length, server.asked.length, asserted().length]).toEqual([1, 1, 1])
  const { dataDir } = running.gateway
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  expect(files.map(({ name }) => name)).toContain('state.db')
  for (const { parentPath, name } of files)
    for (const token of idTokens()) expect(readFileSync(join(parentPath, name), 'latin1')).not.toContain(token.split('.')[2])
})

it.each<[string, Running['idp']['asserts'], RegExp]>([
  ['for another authorization server', { claims: { aud: 'https://another.example' } }, /is for another authorization server/],
  ['for two authorization servers', { claims: { aud: ['https://another.example', 'x'] } }, /is for another authorization server/],
  ['for another client', { claims: { client_id: 'somebody-else' } }, /is for another client/],
  ['for another resource', { claims: { resource: 'https://another.example/mcp' } }, /is for another resource/],
  ['that speaks of somebody else', { claims: { sub: 'bob' } }, /speaks of somebody else/],
  ['that names nobody', { claims: { sub: undefined } }, /names nobody/],
  ['of another provider', { claims: { iss: 'https://another.example' } }, /was issued by another provider/],
  ['that has expired', { claims: { exp: 1_700_000_000 } }, /has expired/],
  ['that never ends', { claims: { exp: undefined } }, /has expired/],
  ['that is an ID token in truth', { typ: 'JWT' }, /is not of the type `oauth-id-jag\+jwt`/],
  ['that is no JWT', { text: 'an-opaque-assertion' }, /is no signed JWT/],
])('N052: an assertion %s is shown to nobody', async (_what, asserts, why) => {
  await start()
  const alice = await signIn('alice')
  running.idp.asserts = asserts
  expectRefused(await call(alice), why)
  expect(running.idp.exchanged.length).toBeGreaterThan(0)
  expect(server.asked).toEqual([])
})

it('N052: a provider whose refresh brings another person’s ID token proves nothing by it: the sign-in ends, and nobody acts as anybody', async () => {
  await start()
  const alice = await signIn('alice')
  running.idp.refreshesAs = 'bob'
  // The call that found it out ends with everything else of the sign-in.
  expect((await call(alice)).body.error.data.reason).toBe('token-revoked')
  expect([running.idp.exchanged, server.asked, running.up.of('tools/call')]).toEqual([[], [], []])
  running.idp.refreshesAs = undefined
  expect((await call(alice)).status).toBe(401)
  expect(await running.refresh(alice)).toBeUndefined()
})

it('a sign-in whose account is gone at the provider proves nothing any more', async () => {
  await start()
  const alice = await signIn('alice')
  running.idp.accounts.delete('alice')
  expect((await call(alice)).body.error.data).toMatchObject({ reason: 'token-revoked', fix: 'sign in again' })
  expect([running.idp.exchanged, server.asked, running.up.of('tools/call')]).toEqual([[], [], []])
})

it('what was minted ends with the sign-in: whoever signs in again proves anew who they are', async () => {
  await start()
  const [first, other] = [await signIn('alice'), await signIn('alice')]
  expect(accountOf(await call(first))).toBe('alice')
  expect(accountOf(await call(other))).toBe('alice')
  expect(running.idp.exchanged).toHaveLength(1)
  await running.idp.signOut('alice', running.idp.sids[0])
  expect((await call(first)).status).toBe(401)
  expect(accountOf(await call(other))).toBe('alice')
  expect(running.idp.exchanged).toHaveLength(2)
})

it('attack: what is being minted while its sign-in ends serves no other one of that person', async () => {
  await start()
  const [first, other] = [await signIn('alice'), await signIn('alice')]
  meanwhile = () => {
    meanwhile = () => Promise.resolve()
    return running.idp.signOut('alice', running.idp.sids[0])
  }
  await call(first)
  expect(accountOf(await call(other))).toBe('alice')
  expect(running.idp.exchanged).toHaveLength(2)
})

it('a provider that is down means no credential for now, and the next call asks anew', async () => {
  await start()
  const alice = await signIn('alice')
  running.idp.isDown = true
  expectRefused(await call(alice), /cannot confirm your sign-in now/)
  expect(server.asked).toEqual([])
  running.idp.isDown = false
  expect(accountOf(await call(alice))).toBe('alice')
})

it('a provider that confirms sign-ins without an ID token, or not at all, is named with what mends it, and not asked at every call', async () => {
  await start()
  const alice = await signIn('alice')
  running.idp.refreshesAs = ''
  const before = running.idp.asked.length
  for (let i = 0; i < 3; i++) expectRefused(await call(alice), /gives no ID token when a sign-in is confirmed/)
  expect(running.idp.asked.slice(before).filter(path => path === '/token')).toHaveLength(1)
  running.idp.withoutRefresh = true
  const unconfirmed = await callTool({ ...running, tokens: { alice: (await signIn('bob')).access, bob: '' } }, 'whoami')
  expectRefused(unconfirmed, /gives no ID token/)
  expect(unconfirmed.body.error.data.fix).toContain('offline_access')
})

it('N052: a token of this gateway is shown to no authorization server, whatever it exchanges for others', async () => {
  // Somebody else's tokens are exchanged there, so the configuration loads.
  await start({ credential: () => ({ kind: 'token-exchange' }), issuers: () => [{ issuer: 'https://other.example' }] })
  const alice = await signIn('alice')
  const answer = await call(alice)
  expectRefused(answer, /is not the identity provider you did it at/)
  expect(answer.body.error.data.fix).toContain('identity-assertion')
  expect([running.idp.exchanged, server.asked, asserted()]).toEqual([[], [], []])
})

it('N052: an assertion by another provider than the one people sign in at is asked of nobody', async () => {
  const identityProvider = { issuer: 'https://other.example', clientId: 'gateway', clientSecret: 'secret-there' }
  await start({ credential: () => ({ identityProvider }), issuers: () => [{ issuer: 'https://other.example' }] })
  const alice = await signIn('alice')
  expectRefused(await call(alice), /is not the identity provider you did it at/)
  expect([running.idp.exchanged, server.asked, asserted()]).toEqual([[], [], []])
})

it('where the provider itself exchanges tokens, it gets each person’s ID token, and the upstream what came of it', async () => {
  await start({ credential: ({ issuer }) => ({ kind: 'token-exchange', issuer, ...IDP_CLIENT }) })
  const [alice, bob] = [await signIn('alice'), await signIn('bob')]
  expect((await Promise.all([call(alice), call(bob)])).map(accountOf)).toEqual(['alice', 'bob'])
  expect(running.idp.exchanged.map(asked => asked['requested_token_type'])).toEqual(
    Array(2).fill('urn:ietf:params:oauth:token-type:access_token'),
  )
  expect(server.asked).toEqual([])
})
