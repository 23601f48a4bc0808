// A sign-out at the identity provider also ends what rests on that sign-in at the gateway's own authorization server.

import { expect, it } from 'vitest'
import { backchannelLogout } from '../../src/compose/backchannel-logout.ts'
import type { SignInFilter } from '../../src/identity/sign-in.ts'
import { snapshot } from '../config/configs.ts'
import { memoryLogoutTokens } from '../support/memory-blocks.ts'

const ISSUER = 'https://idp.example'
const NOW = 1_800_000_000
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const token = (claims: object): string =>
  [
    part({ alg: 'ES256', kid: 'k', typ: 'logout+jwt' }),
    part({
      ...{ iss: ISSUER, aud: 'gatehouse', iat: NOW, exp: NOW + 60, jti: JSON.stringify(claims) },
      ...{ events: { 'http://schemas.openid.net/event/backchannel-logout': {} }, ...claims },
    }),
    'c2ln',
  ].join('.')

it('ends the sign-in it names, or all of the person, and none for a token that does not count', async () => {
  const ended: SignInFilter[] = []
  const current = await snapshot(`version: 1\nidentity: { issuers: [{ issuer: '${ISSUER}', logoutAudience: gatehouse }] }\n`)
  let verdict: 'valid' | 'bad-signature' = 'valid'
  const logout = backchannelLogout({
    current: () => current,
    verifier: { epoch: 0, verify: () => Promise.resolve(verdict) },
    store: memoryLogoutTokens(),
    standing: { signOut: () => Promise.resolve({ streams: 0, sessions: 0, calls: 0 }) },
    endSignIns: which => Promise.resolve(void ended.push(which)),
    log: { append: () => Promise.resolve() },
    encoder: { lifecycle: () => '' },
    now: () => NOW * 1000,
  })
  expect(await logout(token({ sid: 's1' }))).toBeUndefined()
  expect(await logout(token({ sub: 'alice' }))).toBeUndefined()
  expect(ended).toEqual([
    { issuer: ISSUER, idpSession: 's1' },
    { issuer: ISSUER, subject: 'alice' },
  ])
  verdict = 'bad-signature'
  expect(await logout(token({ sub: 'bob' }))).toEqual(expect.any(String))
  expect(ended).toHaveLength(2)
})
