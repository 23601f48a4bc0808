import { createHmac, createPublicKey } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Stop } from '../../src/kernel/errors.ts'
import { isStop } from '../../src/kernel/errors.ts'
import type { Principal } from '../../src/kernel/principal.ts'
import { CLAIMS, encode, ENDPOINTS, ISSUER, JWKS_URL, MCP, NOW, TestKey, world, type World } from './issuer.ts'

let w: World
beforeAll(async () => {
  w = await world()
})

const ask = async (header: string | undefined, resource = MCP, now = NOW): Promise<Principal | Stop> =>
  w.authenticator.authenticate(header, resource, now)
const bearer = (token: string, resource?: string, now?: number) => ask(`Bearer ${token}`, resource, now)
const refused = async (token: string, detail?: RegExp, resource?: string, now?: number) => {
  const said = await bearer(token, resource, now)
  expect(said).toMatchObject({ stop: 'token-invalid' })
  if (detail) expect((said as Stop).detail).toMatch(detail)
}

describe('a good token', () => {
  it.each(ENDPOINTS)('names its principal at the endpoint it was issued for: %s', async resource => {
    const said = await bearer(w.key.sign({ aud: resource, jti: 'the-token' }), resource)
    expect(said).toEqual({
      key: `${ISSUER} alice`,
      issuer: ISSUER,
      subject: 'alice',
      client: 'cli',
      groups: ['dev'],
      scopes: ['mcp'],
      wildcards: [],
      kind: 'person',
      authentication: { kind: 'access-token' },
      tokenId: 'the-token',
      expiresAtSeconds: NOW + 600,
      issuedAtSeconds: NOW - 10,
    })
  })
  it('is recognised synchronously the second time, as the same principal', async () => {
    const header = `Bearer ${w.key.sign({ jti: 'second' })}`
    const first = w.authenticator.authenticate(header, MCP, NOW)
    expect(first).toBeInstanceOf(Promise)
    const principal = await first
    expect(w.authenticator.authenticate(header, MCP, NOW + 1)).toBe(principal)
  })
  it('is verified once for callers who bring it at the same time', async () => {
    const fresh = await world()
    const header = `Bearer ${fresh.key.sign()}`
    let verifications = 0
    const verify = fresh.keys.verify.bind(fresh.keys)
    fresh.keys.verify = signed => (verifications++, verify(signed))
    const said = await Promise.all(Array.from({ length: 50 }, async () => fresh.authenticator.authenticate(header, MCP, NOW)))
    expect(new Set(said).size).toBe(1)
    expect(isStop(said[0]!)).toBe(false)
    expect(verifications).toBe(1)
  })
  it.each(['RS256', 'PS256', 'EdDSA'])('may be signed with %s', async alg => {
    const other = await world({ alg })
    expect(await other.authenticator.authenticate(`Bearer ${other.key.sign()}`, MCP, NOW)).toMatchObject({ subject: 'alice' })
  })
  it('takes subject, groups, scopes and client from the claims the issuer is configured with', async () => {
    const entra = await world({ rules: { subjectClaim: 'oid', groupsClaim: 'roles', types: ['jwt'] } })
    const token = entra.key.sign(
      { oid: 'b7', roles: ['a', 'b', 'a'], scope: undefined, scp: ['x', 'y'], client_id: undefined, azp: 'app' },
      { typ: 'JWT' },
    )
    expect(await entra.authenticator.authenticate(`bearer ${token}`, MCP, NOW)).toMatchObject({
      subject: 'b7',
      groups: ['a', 'b'],
      scopes: ['x', 'y'],
      client: 'app',
    })
  })
  it('accepts `application/at+jwt` and a one-value audience array (RFC 9068)', async () => {
    expect(await bearer(w.key.sign({ aud: [MCP] }, { typ: 'application/AT+JWT' }))).toMatchObject({ subject: 'alice' })
  })
})

describe('a cached verdict', () => {
  it('does not outlive the token: time is judged at each use', async () => {
    const token = w.key.sign({ jti: 'time', exp: NOW + 5 })
    expect(await bearer(token)).toMatchObject({ subject: 'alice' })
    expect(await bearer(token, MCP, NOW + 4)).toMatchObject({ subject: 'alice' })
    await refused(token, /expired/, MCP, NOW + 5)
  })
  it('does not serve before the token begins, should the clock step back', async () => {
    const token = w.key.sign({ jti: 'back', nbf: NOW })
    expect(await bearer(token)).toMatchObject({ subject: 'alice' })
    await refused(token, /not valid yet/, MCP, NOW - 1)
  })
  it('is not kept when forget() came while it was being verified', async () => {
    const fresh = await world()
    const header = `Bearer ${fresh.key.sign()}`
    const running = fresh.authenticator.authenticate(header, MCP, NOW)
    fresh.authenticator.forget()
    expect(await running).toMatchObject({ subject: 'alice' })
    expect(fresh.authenticator.authenticate(header, MCP, NOW)).toBeInstanceOf(Promise)
  })
  it.each(ENDPOINTS.slice(1))('N003 does not serve at another endpoint: %s', async resource => {
    const token = w.key.sign({ jti: 'cached' })
    expect(await bearer(token)).toMatchObject({ subject: 'alice' })
    await refused(token, /audience/, resource)
  })
  it('is verified again after the recheck time, when a key was withdrawn, and after forget()', async () => {
    const fresh = await world({ deps: { recheckSeconds: 100 } })
    const header = `Bearer ${fresh.key.sign()}`
    const isSync = (now: number) => !(fresh.authenticator.authenticate(header, MCP, now) instanceof Promise)
    await fresh.authenticator.authenticate(header, MCP, NOW)
    expect(isSync(NOW + 99)).toBe(true)
    expect(isSync(NOW + 100)).toBe(false)
    await fresh.authenticator.authenticate(header, MCP, NOW + 100)
    expect(isSync(NOW + 101)).toBe(true)
    fresh.authenticator.forget()
    await fresh.authenticator.authenticate(header, MCP, NOW + 101)
    fresh.fetch.documents.set(JWKS_URL, { keys: [(await TestKey.make('k2')).jwk] })
    await fresh.keys.warm()
    expect(await fresh.authenticator.authenticate(header, MCP, NOW + 101)).toMatchObject({ stop: 'token-invalid' })
  })
  it('is bounded: ten times more tokens than the cache holds evict, and still verify', async () => {
    const small = await world({ deps: { cacheEntries: 8 } })
    const headers = Array.from({ length: 80 }, (_, i) => `Bearer ${small.key.sign({ jti: String(i) })}`)
    for (const header of headers) expect(await small.authenticator.authenticate(header, MCP, NOW)).toMatchObject({ subject: 'alice' })
    const cached = headers.filter(header => !(small.authenticator.authenticate(header, MCP, NOW) instanceof Promise))
    expect(cached.length).toBeLessThanOrEqual(8)
    expect(cached).toContain(headers.at(-1))
  })
})

describe('the Authorization header', () => {
  it('N001 N002 missing or empty is token-missing', async () => {
    expect(await ask(undefined)).toMatchObject({ stop: 'token-missing' })
    expect(await ask('')).toMatchObject({ stop: 'token-missing' })
  })
  it('N017 takes the scheme in any case, but one space and one token only', async () => {
    const token = w.key.sign()
    expect(await ask(`bEaReR ${token}`)).toMatchObject({ subject: 'alice' })
    for (const header of [`Basic ${token}`, `Bearer\t${token}`, token, 'Bearer', `Bearer${token}`])
      expect(await ask(header)).toMatchObject({ stop: 'token-missing' })
    for (const header of [
      `Bearer  ${token}`,
      `Bearer ${token}, Bearer ${token}`,
      `Bearer ${token} `,
      `Bearer ${token},${token}`,
      'Bearer ',
      `Bearer "${token}"`,
    ])
      expect(await ask(header)).toMatchObject({ stop: 'token-invalid' })
  })
  it('N016 a megabyte of token is refused before any work', async () => {
    await refused('a'.repeat(1_000_000), /longer than/)
    await refused(`${'a'.repeat(9000)}.${'b'.repeat(9000)}.c`, /longer than/)
  })
})

describe('audience (N003, N004)', () => {
  const near = [
    'https://gw.example.com',
    'https://gw.example.com/',
    `${MCP}/`,
    MCP.toUpperCase(),
    'https://GW.example.com/mcp',
    'https://gw.example.com:443/mcp',
  ]
  const others = [
    ...near,
    'https://gw.example.com/%6dcp',
    'https://gw.example.com/mcp?x',
    'https://api.upstream.example',
    ...ENDPOINTS.slice(1),
  ]
  it.each(others)('N003 N004 `%s` is not this endpoint', async aud => refused(w.key.sign({ aud }), /audience/))
  it.each([[[MCP, 'https://other.example.com']], [[]], [[MCP, MCP]], [undefined], [null], [7], [{ [MCP]: 1 }], [[[MCP]]]])(
    'N004 an audience of %j is refused',
    async aud => refused(w.key.sign({ aud }), /audience/),
  )
})

describe('signature and header', () => {
  it('N005 alg none in any spelling, with or without a signature, is refused', async () => {
    for (const alg of ['none', 'None', 'nOnE', 'NONE']) {
      const unsigned = `${encode({ alg, kid: 'k1', typ: 'at+jwt' })}.${encode(CLAIMS)}.`
      await refused(unsigned)
      await refused(`${unsigned}AA`)
      await refused(unsigned.slice(0, -1))
    }
    const [head, body] = w.key.sign().split('.')
    await refused(`${head}.${body}.`)
  })
  it('N006 a public key used as an HMAC secret is refused in every encoding', async () => {
    const rsa = await world({ alg: 'RS256' })
    const key = createPublicKey({ key: rsa.key.jwk, format: 'jwk' })
    const secrets = [key.export({ type: 'spki', format: 'pem' }), key.export({ type: 'spki', format: 'der' }), JSON.stringify(rsa.key.jwk)]
    for (const alg of ['HS256', 'RS256']) {
      const data = `${encode({ alg, kid: 'k1', typ: 'at+jwt' })}.${encode(CLAIMS)}`
      for (const secret of secrets) {
        const forged = `${data}.${createHmac('sha256', secret).update(data).digest('base64url')}`
        expect(await rsa.authenticator.authenticate(`Bearer ${forged}`, MCP, NOW)).toMatchObject({ stop: 'token-invalid' })
      }
    }
  })
  it('N005 N006 none and HMAC stay refused where the rules would allow them', async () => {
    const lax = await world({ rules: { algorithms: ['none', 'HS256', 'hs512'] } })
    for (const alg of ['none', 'HS256', 'hs512']) {
      const token = `${encode({ alg, kid: 'k1', typ: 'at+jwt' })}.${encode(CLAIMS)}.AA`
      expect(await lax.authenticator.authenticate(`Bearer ${token}`, MCP, NOW)).toMatchObject({
        detail: expect.stringMatching(/algorithm/) as string,
      })
    }
  })
  it('N007 a psychic signature (r = s = 0) is refused', async () => {
    const [head, body] = w.key.sign().split('.')
    await refused(`${head}.${body}.${Buffer.alloc(64).toString('base64url')}`, /signature/)
  })
  it('the algorithm must be one the issuer is configured with, and the kind of the key', async () => {
    await refused((await TestKey.make('k1', 'ES384')).sign(), /algorithm/)
    await refused(w.key.sign({}, { alg: 'RS256' }), /kind/)
  })
  it('N008 hostile key ids reach no file and no query, and are refused', async () => {
    for (const kid of ['../../dev/null', "' OR 1=1", 'a'.repeat(10_000), '', 7, null, ['k1'], '__proto__'])
      await refused(w.key.sign({}, { kid }))
  })
  it('N009 jku, x5u, jwk, x5c pointing at an attacker are refused without any fetch', async () => {
    const attacker = await TestKey.make('k1')
    const before = w.fetch.urls.length
    const hints = [{ jku: 'https://evil.example/keys' }, { x5u: 'https://evil.example/c' }, { jwk: attacker.jwk }, { x5c: ['MIIB'] }]
    for (const hint of hints) {
      await refused(attacker.sign({}, hint), /header/)
      await refused(w.key.sign({}, hint), /header/)
    }
    expect(w.fetch.urls.length).toBe(before)
  })
  it('N010 crit, b64, nested JWT, JWE and JSON serialisation are refused', async () => {
    await refused(w.key.sign({}, { crit: ['b64'], b64: false }), /crit/)
    await refused(w.key.sign({}, { b64: false }), /b64/)
    await refused(w.key.sign({}, { cty: 'JWT' }), /cty/)
    await refused(w.key.sign({}, { crit: [] }), /crit/)
    await refused('a.b.c.d.e', /compact/)
    const [head, body, signature] = w.key.sign().split('.')
    await refused(JSON.stringify({ payload: body, protected: head, signature }), /compact/)
  })
  it('N011 a token of another type (ID token, refresh token, none named) is refused', async () => {
    for (const typ of ['JWT', undefined, '', 'rt+jwt', 'at+jwt2', 'logout+jwt', 7]) await refused(w.key.sign({}, { typ }), /typ/)
  })
  it('a tampered payload, header or signature is refused', async () => {
    const [head, body, signature] = w.key.sign().split('.')
    await refused(`${head}.${encode({ ...CLAIMS, sub: 'root' })}.${signature}`, /signature/)
    await refused(`${encode({ alg: 'ES256', kid: 'k1', typ: 'at+jwt', x: 1 })}.${body}.${signature}`, /signature/)
    await refused(`${head}.${body}.${signature!.startsWith('A') ? 'B' : 'A'}${signature!.slice(1)}`, /signature/)
  })
  it('one token has one spelling: padding, standard base64 and loose trailing bits are refused', async () => {
    const [head, body] = w.key.sign().split('.')
    await refused(`${head}.${body}.AB`, /canonical/)
    await refused(`${head}=.${body}.AA`)
    await refused(`${head}.${body}.A+/A`)
  })
})

describe('time (N012)', () => {
  const at = (claims: object) => w.key.sign(claims)
  it('N012 exp in the past, exp = now, nbf and iat in the future are refused at the second', async () => {
    await refused(at({ exp: NOW - 1 }), /expired/)
    await refused(at({ exp: NOW }), /expired/)
    expect(await bearer(at({ exp: NOW + 1 }))).toMatchObject({ subject: 'alice' })
    await refused(at({ nbf: NOW + 1 }), /not valid yet/)
    expect(await bearer(at({ nbf: NOW }))).toMatchObject({ subject: 'alice' })
    await refused(at({ iat: NOW + 1, nbf: NOW }), /future/)
    expect(await bearer(at({ iat: NOW }))).toMatchObject({ subject: 'alice' })
  })
  it('N012 skew is the configured one, at most 60 s, exact to the second', async () => {
    for (const [configured, skew] of [
      [30, 30],
      [600, 60],
    ] as const) {
      const skewed = await world({ rules: { clockSkewSeconds: configured } })
      const ok = async (claims: object) => !isStop(await skewed.authenticator.authenticate(`Bearer ${skewed.key.sign(claims)}`, MCP, NOW))
      expect(await ok({ iat: NOW - 600, exp: NOW - skew + 1 })).toBe(true)
      expect(await ok({ iat: NOW - 600, exp: NOW - skew })).toBe(false)
      expect(await ok({ nbf: NOW + skew })).toBe(true)
      expect(await ok({ nbf: NOW + skew + 1 })).toBe(false)
      expect(await ok({ iat: NOW + skew })).toBe(true)
      expect(await ok({ iat: NOW + skew + 1 })).toBe(false)
    }
  })
  const odd = ['"1800000600"', '1800000600.5', '1800000600.0', '18e8', '1e308', '-1', 'null', 'true', '[1800000600]', '9007199254740993']
  it.each(odd)('N012 exp, iat or nbf written as %s is refused', async value => {
    for (const name of ['exp', 'iat', 'nbf']) {
      const claims = JSON.stringify({ ...CLAIMS, [name]: undefined }).replace(/}$/, `,"${name}":${value}}`)
      await refused(w.key.signText(JSON.stringify({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' }), claims))
    }
  })
  it('N012 a token that ends before it was issued is refused, even within the skew', async () => {
    const skewed = await world({ rules: { clockSkewSeconds: 60 } })
    const token = skewed.key.sign({ iat: NOW + 20, exp: NOW + 10 })
    expect(await skewed.authenticator.authenticate(`Bearer ${token}`, MCP, NOW)).toMatchObject({ stop: 'token-invalid' })
  })
  it('N012 exp or iat missing, and lifetimes beyond the maximum, are refused', async () => {
    await refused(at({ exp: undefined }))
    await refused(at({ iat: undefined }))
    await refused(at({ iat: NOW, exp: NOW + 3601 }), /lifetime/)
    await refused(at({ iat: NOW, exp: 99_999_999_999 }), /lifetime/)
    expect(await bearer(at({ iat: NOW, exp: NOW + 3600 }))).toMatchObject({ subject: 'alice' })
  })
})

describe('strict JSON (N013, N016)', () => {
  const header = '{"alg":"ES256","kid":"k1","typ":"at+jwt"}'
  it('N013 duplicate members of payload or header are refused, escaped ones too', async () => {
    const claims = JSON.stringify(CLAIMS)
    await refused(w.key.signText(header, claims.replace('{', '{"aud":"https://other.example",')), /duplicate-key/)
    await refused(w.key.signText(header, claims.replace('{', '{"\\u0061ud":"https://other.example",')), /duplicate-key/)
    await refused(w.key.signText('{"alg":"none","alg":"ES256","kid":"k1","typ":"at+jwt"}', claims), /duplicate-key/)
  })
  it('N016 malformed texts are 401s, never faults, never somebody else', async () => {
    const texts = [
      '',
      '[]',
      'null',
      '"x"',
      '{',
      '{}',
      '{"sub":"\\ud800"}',
      `${JSON.stringify(CLAIMS)} x`,
      `\ufeff${JSON.stringify(CLAIMS)}`,
      '{"a":'.repeat(5000),
    ]
    for (const text of texts) {
      await refused(w.key.signText(header, text))
      await refused(w.key.signText(text, JSON.stringify(CLAIMS)))
    }
    await refused(w.key.signText(header, Buffer.from([0x7b, 0xff, 0xfe, 0x7d])), /encoding/)
  })
  it('N016, LiteLLM CVE-2026-12773: a verifier that throws refuses the token', async () => {
    const broken = await world()
    broken.keys.verify = () => Promise.reject(new Error('bug'))
    expect(await broken.authenticator.authenticate(`Bearer ${broken.key.sign()}`, MCP, NOW)).toMatchObject({ stop: 'token-invalid' })
  })
  it('N016 whatever bytes arrive, the answer is a stop without a byte of them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(fc.base64String(), { maxLength: 6 }).map(parts => parts.join('.')),
        ),
        async text => {
          const said = await ask(`Bearer ${text}`)
          expect(isStop(said)).toBe(true)
          if (text.length > 12) expect(JSON.stringify(said)).not.toContain(text)
        },
      ),
    )
  })
})

describe('issuer and claims', () => {
  it('N014 another issuer, or this one in another spelling, is refused even with a good signature', async () => {
    for (const iss of ['https://evil.example', `${ISSUER}/`, ISSUER.toUpperCase(), `${ISSUER}:443`, undefined, 7, [ISSUER], '__proto__'])
      await refused(w.key.sign({ iss }), /issuer/)
  })
  it('N014 keys are looked up by issuer and key id: the other issuer’s key of the same id does not count', async () => {
    const evil = await TestKey.make('k1')
    await refused(evil.sign(), /signature/)
  })
  it('subjects that cannot be used as a key are refused', async () => {
    for (const sub of [undefined, '', 7, null, ['alice'], 'a'.repeat(256), 'a\nb', 'a\u0000']) await refused(w.key.sign({ sub }), /sub/)
  })
  it('groups that are not names are refused whole, absent ones are none', async () => {
    for (const groups of [[1], [['a']], { a: 1 }, [''], ['a\r\nb'], Array.from({ length: 1025 }, (_, i) => `g${i}`), ['x'.repeat(257)], 7])
      await refused(w.key.sign({ groups }), /groups/)
    expect(await bearer(w.key.sign({ groups: undefined }))).toMatchObject({ groups: [] })
    expect(await bearer(w.key.sign({ groups: 'ops' }))).toMatchObject({ groups: ['ops'] })
  })
  it('a client that cannot be named is refused rather than dropped', async () => {
    for (const client_id of [7, '', 'x'.repeat(3000)]) await refused(w.key.sign({ client_id, azp: 'good' }), /client_id/)
  })
  it('N022 scope words outside the grammar grant nothing', async () => {
    const scope = ' files:writeX,files:read  a\u00a0b c"d ok\n files:* '
    expect(await bearer(w.key.sign({ scope }))).toMatchObject({ scopes: ['files:writeX,files:read', 'files:*'] })
  })
  it('N023 scope and scp that disagree are refused, never united', async () => {
    await refused(w.key.sign({ scope: 'a', scp: 'b' }), /scp/)
    await refused(w.key.sign({ scope: 'a', scp: ['a', 'b'] }), /scp/)
    await refused(w.key.sign({ scope: 'a', scp: '' }), /scp/)
    expect(await bearer(w.key.sign({ scope: 'a b', scp: ['b', 'a'] }))).toMatchObject({ scopes: ['a', 'b'] })
  })
  it('no detail or fix holds a byte of the token', async () => {
    const secret = 'hunter2-hunter2'
    const tokens = [
      w.key.sign({ iss: secret }),
      w.key.sign({ aud: secret }),
      w.key.sign({ exp: secret }),
      w.key.sign({}, { alg: secret }),
      w.key.sign({}, { typ: secret }),
      w.key.sign({}, { kid: secret }),
    ]
    for (const token of tokens) expect(JSON.stringify(await bearer(token))).not.toMatch(/hunter2/)
  })
})

it('a flood of new tokens is bounded: beyond the limit callers are told to come again, and known tokens still pass', async () => {
  const busy = await world({ deps: { concurrency: 4 } })
  const known = `Bearer ${busy.key.sign({ jti: 'known' })}`
  await busy.authenticator.authenticate(known, MCP, NOW)
  const said = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => busy.authenticator.authenticate(`Bearer ${busy.key.sign({ jti: `n${i}` })}`, MCP, NOW)),
  )
  expect(said.filter(each => isStop(each) && each.stop === 'issuer-unavailable' && each.retryAfterSeconds === 1)).toHaveLength(6)
  expect(busy.authenticator.authenticate(known, MCP, NOW)).toMatchObject({ subject: 'alice' })
})
