// Tokens bound to a key (N018, N019): a stolen token is worth nothing without its key, a seen proof nothing a second time.

import { beforeAll, describe, expect, it } from 'vitest'
import { createAuthenticator, type Authenticator } from '../../src/identity/bearer.ts'
import { ProofChecker } from '../../src/identity/dpop.ts'
import { SpentProofs } from '../../src/identity/spent-proofs.ts'
import { isStop, type Stop } from '../../src/kernel/errors.ts'
import { keyOf, type Principal } from '../../src/kernel/principal.ts'
import { proofOf, publicJwkOf, thumbprintOf, type ProofParts } from './dpop.ts'
import { ENDPOINTS, MCP, NOW, RULES, TestKey, world, type World } from './issuer.ts'

let w: World
let key: TestKey
let token: string
let serial = 0
beforeAll(async () => {
  w = await world()
  key = await TestKey.make('host')
  token = w.key.sign({ cnf: { jkt: thumbprintOf(key) } })
})

type Change = {
  readonly parts?: ProofParts
  readonly by?: TestKey
  readonly now?: number
  readonly method?: string
  readonly scheme?: string
  readonly text?: string
}
const proof = ({ parts, by = key, now = NOW }: Change = {}): string =>
  proofOf(by, { token, method: 'POST', url: MCP, nowSeconds: now, jti: `jti-${serial++}` }, parts)
const ask = async (change: Change = {}, authenticator: Authenticator = w.authenticator): Promise<Principal | Stop> => {
  const { now = NOW, method = 'POST', scheme = 'DPoP', text = proof(change) } = change
  return authenticator.authenticate(`${scheme} ${token}`, MCP, now, { proof: { text, isSpent: false }, method })
}
const refused = async (change: Change, detail: RegExp): Promise<void> => {
  const said = (await ask(change)) as Stop
  expect(said).toMatchObject({ stop: 'token-invalid', scheme: 'DPoP' })
  expect(said.detail).toMatch(detail)
}

describe('a bound token', () => {
  it('counts with a fresh proof by its key, again and again', async () => {
    for (let i = 0; i < 3; i++) expect(await ask()).toMatchObject({ subject: 'alice' })
    expect(await ask({ scheme: 'dpop' })).toMatchObject({ subject: 'alice' })
  })
  it.each(['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA'])('takes proofs signed with %s', async alg => {
    const other = await TestKey.make('other', alg)
    const bound = w.key.sign({ cnf: { jkt: thumbprintOf(other) } })
    const text = proofOf(other, { token: bound, method: 'POST', url: MCP, nowSeconds: NOW, jti: 'a' })
    expect(
      await w.authenticator.authenticate(`DPoP ${bound}`, MCP, NOW, { proof: { text, isSpent: false }, method: 'POST' }),
    ).toMatchObject({ subject: 'alice' })
  })
  it('N018 a stolen token without a proof, or sent as a bearer token, is refused, whether or not it is known already', async () => {
    for (let i = 0; i < 2; i++) {
      expect(await w.authenticator.authenticate(`DPoP ${token}`, MCP, NOW)).toMatchObject({ stop: 'token-invalid', scheme: 'DPoP' })
      expect(await ask({ scheme: 'Bearer' })).toMatchObject({ stop: 'token-invalid', scheme: 'DPoP' })
      expect(await ask()).toMatchObject({ subject: 'alice' })
    }
  })
  it('N018 a proof by another key, though correct in itself, is refused', async () => {
    await refused({ by: await TestKey.make('thief') }, /another key/)
  })
  const wrong: readonly (readonly [string, ProofParts, RegExp])[] = [
    ['another method', { claims: { htm: 'GET' } }, /htm/],
    ['a method in lower case', { claims: { htm: 'post' } }, /htm/],
    ['another endpoint', { claims: { htu: ENDPOINTS[1] } }, /htu/],
    ['another host', { claims: { htu: 'https://evil.example/mcp' } }, /htu/],
    ['plain http', { claims: { htu: 'http://gw.example.com/mcp' } }, /htu/],
    ['a user in the URL', { claims: { htu: 'https://gw.example.com@evil.example/mcp' } }, /htu/],
    ['a path that resolves elsewhere', { claims: { htu: 'https://gw.example.com/servers/../mcp/x' } }, /htu/],
    ['no URL', { claims: { htu: undefined } }, /htu/],
    ['another token', { claims: { ath: 'x'.repeat(43) } }, /ath/],
    ['no token', { claims: { ath: undefined } }, /ath/],
    ['no jti', { claims: { jti: undefined } }, /jti/],
    ['an endless jti', { claims: { jti: 'j'.repeat(257) } }, /jti/],
    ['no time', { claims: { iat: undefined } }, /iat/],
    ['a time with a fraction', { claims: { iat: NOW + 0.5 } }, /iat/],
    ['yesterday', { claims: { iat: NOW - 61 } }, /too old/],
    ['tomorrow', { claims: { iat: NOW + 31 } }, /future/],
    ['the type of an access token', { header: { typ: 'at+jwt' } }, /typ/],
    ['no type', { header: { typ: undefined } }, /typ/],
    ['no algorithm', { header: { alg: 'none' } }, /key and algorithm/],
    ['a shared secret', { header: { alg: 'HS256' } }, /key and algorithm/],
    ['an algorithm of another key', { header: { alg: 'RS256' } }, /key and algorithm/],
    ['no key', { header: { jwk: undefined } }, /key and algorithm/],
    ['a key id instead', { header: { kid: 'k1' } }, /kid/],
    ['a critical extension', { header: { crit: ['x'] } }, /crit/],
  ]
  it.each(wrong)('N018 a proof for %s is refused', (_what, parts, detail) => refused({ parts }, detail))
  it('N018 a proof with a private key in it is refused', async () => {
    const jwk = publicJwkOf(key)
    await refused({ parts: { header: { jwk: { ...jwk, d: 'AAAA' } } } }, /key and algorithm/)
  })
  it('N018 a proof whose signature was changed is refused', async () => {
    const good = proof()
    const at = good.lastIndexOf('.') + 5
    await refused({ text: good.slice(0, at) + (good[at] === 'A' ? 'B' : 'A') + good.slice(at + 1) }, /signature/)
  })
  it.each(['', 'x', 'a.b.c', '{}', 'x'.repeat(5000)])('N018 what is no proof at all (%#) is refused', text => refused({ text }, /proof is/))
  it('N018 a proof seen on the wire is worth nothing a second time, on this endpoint or later', async () => {
    const text = proof()
    expect(await ask({ text })).toMatchObject({ subject: 'alice' })
    await refused({ text }, /used before/)
    await refused({ text, now: NOW + 59 }, /used before/)
    await refused({ text, now: NOW + 61 }, /too old/)
  })
  it('N018 a reload makes no used proof good again', async () => {
    const proofs = new ProofChecker()
    const present = async (text: string): Promise<Principal | Stop> =>
      ask({ text }, createAuthenticator({ issuers: [RULES], verifier: w.keys, proofs }))
    const text = proof()
    expect(await present(text)).toMatchObject({ subject: 'alice' })
    expect(await present(text)).toMatchObject({ detail: expect.stringMatching(/used before/) as string })
  })
  it('elements of one batch share the proof of their request, the next request does not', async () => {
    const shared = { text: proof(), isSpent: false }
    const present = async (held: typeof shared): Promise<Principal | Stop> =>
      w.authenticator.authenticate(`DPoP ${token}`, MCP, NOW, { proof: held, method: 'POST' })
    for (let i = 0; i < 3; i++) expect(isStop(await present(shared))).toBe(false)
    expect(isStop(await present({ text: shared.text, isSpent: false }))).toBe(true)
  })
  it('does not lend its key to another token', async () => {
    const plain = w.key.sign({ jti: 'plain' })
    expect(
      await w.authenticator.authenticate(`DPoP ${plain}`, MCP, NOW, { proof: { text: proof(), isSpent: false }, method: 'POST' }),
    ).toMatchObject({ stop: 'token-invalid' })
  })
})

describe('what cannot be checked', () => {
  const cnfs: readonly unknown[] = [
    { 'x5t#S256': 'x' },
    { jkt: 'x'.repeat(43), 'x5t#S256': 'x' },
    { jkt: 'short' },
    { jkt: 7 },
    { jwk: {} },
    { kid: 'k1' },
    {},
    [],
    null,
    'x',
    { jku: 'https://evil.example' },
  ]
  it.each(cnfs)('N019 a token confirmed by %j is refused, under either scheme', async cnf => {
    const other = w.key.sign({ cnf })
    for (const scheme of ['Bearer', 'DPoP'])
      expect(
        await w.authenticator.authenticate(`${scheme} ${other}`, MCP, NOW, { proof: { text: proof(), isSpent: false }, method: 'POST' }),
      ).toMatchObject({ stop: 'token-invalid', detail: expect.stringMatching(/cnf/) as string })
  })
  it('N018 where an issuer’s tokens may not be bound, a bound one is refused; where they must be, an unbound one', async () => {
    const never = await world({ rules: { dpop: 'refused' } })
    const bound = never.key.sign({ cnf: { jkt: thumbprintOf(key) } })
    expect(
      await never.authenticator.authenticate(`DPoP ${bound}`, MCP, NOW, { proof: { text: proof(), isSpent: false }, method: 'POST' }),
    ).toMatchObject({ detail: expect.stringMatching(/cnf/) as string })
    const always = await world({ rules: { dpop: 'required' } })
    expect(await always.authenticator.authenticate(`Bearer ${always.key.sign()}`, MCP, NOW)).toMatchObject({
      stop: 'token-invalid',
      detail: expect.stringMatching(/not bound/) as string,
    })
  })
})

describe('used proofs', () => {
  const [alice, bob] = [keyOf('https://i', 'alice'), keyOf('https://i', 'bob')]
  it('are known for their whole life, and forgotten after it', () => {
    const spent = new SpentProofs(90)
    for (let now = 0; now < 500; now += 10) {
      expect(spent.spend(`p${now}`, alice, now)).toBeUndefined()
      for (let back = 0; back < 90 && back <= now; back += 10)
        expect(spent.spend(`p${now - back}`, alice, now)).toMatchObject({ stop: 'token-invalid' })
    }
    expect(spent.size).toBeLessThanOrEqual(20)
    expect(spent.spend('p0', alice, 10_000)).toBeUndefined()
    expect(spent.size).toBe(1)
  })
  it('of one principal leave room for everybody else’s, and what cannot be remembered is not accepted', () => {
    const spent = new SpentProofs(90)
    for (let i = 0; i < 50_000; i++) spent.spend(`a${i}`, alice, 0)
    expect(spent.spend('one more', alice, 1)).toMatchObject({ stop: 'principal-limited' })
    expect(spent.spend('one more', bob, 1)).toBeUndefined()
    expect(spent.spend('one more', alice, 91)).toMatchObject({ stop: 'token-invalid' })
    expect(spent.spend('another', alice, 91)).toBeUndefined()
  })
})
