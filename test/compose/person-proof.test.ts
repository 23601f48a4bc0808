// Whose ID token an exchange starts from, where the caller's access token is the gateway's own.

import { expect, it } from 'vitest'
import { createPersonProof, type ProofParts } from '../../src/compose/person-proof.ts'
import type { SignIn } from '../../src/identity/sign-in.ts'
import { keyOf, type Principal } from '../../src/kernel/principal.ts'
import type { UpstreamEntry } from '../../src/pipeline/entry.ts'
import type { CredentialRule } from '../../src/vault/credential-rule.ts'

const IDP = 'https://idp.example'
const alice: Principal = {
  ...{ key: keyOf(IDP, 'alice'), issuer: IDP, subject: 'alice', kind: 'person', groups: [], scopes: [], wildcards: [] },
  ...{ expiresAtSeconds: 2, family: 'family-of-alice' },
}
const signInOf = (subject: string): SignIn => ({
  ...{ id: `sign-in-of-${subject}`, issuer: IDP, subject, groups: [], name: subject },
  ...{ startedAtSeconds: 0, checkedAtSeconds: 0, endsAtSeconds: 9 },
})
const entryOf = (rule: Partial<CredentialRule>): UpstreamEntry =>
  ({ alias: 'up', credential: { rule: { kind: 'identity-assertion', issuer: 'https://as.example', resource: 'https://up.example/mcp', ...rule } } }) as unknown as UpstreamEntry // prettier-ignore
const ASSERTION = entryOf({ identityProvider: { issuer: IDP, client: { id: 'g', secret: 's' } } })

type Asked = { readonly records: string[]; readonly proven: string[]; readonly troubles: string[] }
function setUp(change: Partial<ProofParts> = {}): Asked & { prove: ReturnType<typeof createPersonProof> } {
  const asked: Asked = { records: [], proven: [], troubles: [] }
  const prove = createPersonProof({
    login: { issuer: IDP, subjectClaim: 'sub' },
    store: { ofFamily: async family => (family === 'family-of-alice' ? 'sign-in-of-alice' : undefined) },
    signIns: {
      prove: async id => {
        asked.proven.push(id)
        return { signIn: signInOf(id.replace('sign-in-of-', '')), idToken: `id-token-of-${id}` }
      },
    },
    now: () => 1,
    record: async (principal, name, detail) => void asked.records.push(`${principal.subject} ${name} ${detail}`),
    onTrouble: what => void asked.troubles.push(what),
    ...change,
  })
  return { ...asked, prove }
}

it('gives the person’s own token for its provider, and writes that down before', async () => {
  const { prove, records } = setUp()
  expect(await prove(alice, ASSERTION)).toEqual({ type: 'id_token', token: 'id-token-of-sign-in-of-alice', issuer: IDP, subject: 'alice' })
  expect(records).toEqual([`alice up at ${IDP}; for https://as.example; resource https://up.example/mcp`])
})

it('does not compare `sub` where the provider calls people otherwise towards each client', async () => {
  const { prove } = setUp({ login: { issuer: IDP, subjectClaim: 'tid+oid' } })
  expect(await prove(alice, ASSERTION)).toEqual({ type: 'id_token', token: 'id-token-of-sign-in-of-alice', issuer: IDP })
})

it('N052: another person’s ID token, which a damaged store handed out, proves nothing', async () => {
  const { prove, records, troubles } = setUp({ store: { ofFamily: async () => 'sign-in-of-bob' } })
  expect(await prove(alice, ASSERTION)).toMatchObject({
    stop: 'credential-unavailable',
    detail: 'the sign-in behind your token is not yours',
  })
  expect([records, troubles.length]).toEqual([[], 1])
})

it('N052: a person of the same name at another provider is somebody else', async () => {
  const { prove } = setUp()
  const other = { ...alice, issuer: 'https://other.example', key: keyOf('https://other.example', 'alice') }
  expect(await prove(other, ASSERTION)).toMatchObject({ stop: 'credential-unavailable' })
})

it.each([
  ['exchange at a server that is not the provider', { kind: 'token-exchange' as const }, /use `kind: identity-assertion`/],
  [
    'an assertion of another provider',
    { identityProvider: { issuer: 'https://other.example', client: { id: 'g' } } },
    /`identity.login` in `credential.identityProvider`/,
  ],
  ['an assertion of no provider', {}, /`identity.login`/],
])('N052: for %s there is no proof, and nobody is asked', async (_what, rule, fix) => {
  const { prove, records, proven } = setUp()
  expect(await prove(alice, entryOf(rule))).toMatchObject({ stop: 'credential-unavailable', fix: expect.stringMatching(fix) })
  expect([records, proven]).toEqual([[], []])
})

it('exchanges an ID token at the provider itself', async () => {
  const { prove, records } = setUp()
  expect(await prove(alice, entryOf({ kind: 'token-exchange', issuer: IDP }))).toMatchObject({ type: 'id_token', issuer: IDP })
  expect(records).toEqual([`alice up at ${IDP}; resource https://up.example/mcp`])
})

it('a sign-in that has ended proves nothing: whoever holds a token of it is told to sign in again', async () => {
  const { prove, proven } = setUp()
  const stop = { stop: 'credential-unavailable', detail: `your sign-in at ${IDP} has ended`, fix: 'sign in again from your application' }
  for (const family of ['ended', '']) expect(await prove({ ...alice, family }, ASSERTION)).toEqual(stop)
  expect(proven).toEqual([])
  expect(await setUp({ signIns: { prove: async () => 'ended' } }).prove(alice, ASSERTION)).toEqual(stop)
})

it.each([
  ['a log that cannot be written', { record: () => Promise.reject(new Error('full')) }, 'audit-unavailable'],
  ['a store that cannot be read', { store: { ofFamily: () => Promise.reject(new Error('broken')) } }, 'credential-unavailable'],
  ['a store that cannot be written', { signIns: { prove: () => Promise.reject(new Error('broken')) } }, 'credential-unavailable'],
])('%s lets no ID token out', async (_what, change, stop) => {
  const { prove, troubles } = setUp(change)
  expect(await prove(alice, ASSERTION)).toMatchObject({ stop })
  expect(troubles).toHaveLength(1)
})
