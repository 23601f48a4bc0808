// A name proved by a person's own sign-in: by the claims of the token that the gateway itself gets from where that was, and by nothing a caller brings.

import { afterEach, beforeEach, expect, it } from 'vitest'
import { startRunning, type Running } from '../authorization-server/running.ts'
import { send, type Answer } from './wire.ts'

let running: Running
const ADMIN = { path: '/admin', scope: '' }
beforeEach(async () => {
  running = await startRunning({
    settings: idp => ({
      operators: [`${idp.issuer} root`],
      administration: { roles: { publisher: { groups: ['staff'], issuers: [idp.issuer] } } },
      registry: { proofs: [{ issuer: idp.issuer, namespace: 'com.corp.{tid}', ownerId: 'sub', algorithms: ['ES256'] }] },
    }),
  })
  running.idp.accounts.set('bob', ['staff'])
  running.idp.more = { tid: 'red' }
})
afterEach(() => running.stop())

const signIn = async (who: string): Promise<string> => {
  running.idp.nextUser = who
  return (await running.signIn(undefined, ADMIN)).access
}
const verify = (token: string, body: object): Promise<Answer> =>
  send(running.port, {
    method: 'POST',
    path: '/admin/namespaces/verify',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ method: 'login', ...body }),
  })

it('gives the name to who signed in, bound to whom the provider means, and never shows the token', async () => {
  const alice = await signIn('alice')
  const done = await verify(alice, { namespace: 'com.corp.red' })
  expect([done.status, done.body.namespace]).toMatchObject([
    200,
    {
      name: 'com.corp.red',
      proof: 'oidc',
      bound: { authority: running.idp.issuer, owner: 'alice' },
      members: [{ principal: `${running.idp.issuer} alice` }],
    },
  ])
  expect((await verify(alice, {})).status).toBe(200) // again, and the same
  expect(JSON.stringify(running.gateway.events())).not.toContain('eyJ')
})
it('freezes the name when somebody else signs in by it: the claim changed hands', async () => {
  await verify(await signIn('alice'), {})
  expect((await verify(await signIn('bob'), {})).body.error.reason).toBe('namespace-taken')
  expect((await verify(await signIn('alice'), {})).body.namespace.state).toBe('frozen')
})
it('takes no token, name or claim from the caller', async () => {
  const alice = await signIn('alice')
  expect((await verify(alice, { token: 'x' })).status).toBe(400)
  expect((await verify(alice, { namespace: 'com.corp.blue' })).body.error.reason).toBe('proof-invalid')
  running.idp.more = { tid: 'a.b' }
  expect((await verify(await signIn('bob'), {})).body.error.reason).toBe('proof-invalid')
})
it('proves nothing once the sign-in has ended, nor by a token that another issuer gave', async () => {
  const alice = await signIn('alice')
  running.idp.accounts.delete('alice')
  expect((await verify(alice, {})).body.error.reason).toMatch(/credential-unavailable|token-revoked/)
})
