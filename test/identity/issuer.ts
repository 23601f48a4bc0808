// A small authorization server for tests: real keys made with jose, tokens signed byte by byte, its documents behind a fetch that counts.

import { KeyObject, sign } from 'node:crypto'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { createAuthenticator, type Authenticator, type AuthenticatorDeps } from '../../src/identity/bearer.ts'
import type { IssuerRules } from '../../src/identity/claims.ts'
import { createTokenKeys, type TokenKeys, type TokenVerifierDeps } from '../../src/adapters/tokens.ts'
import type { SafeFetch } from '../../src/adapters/safe-fetch.ts'
import { Fault } from '../../src/kernel/errors.ts'

export const ISSUER = 'https://idp.example.com'
export const NOW = 1_800_000_000
export const MCP = 'https://gw.example.com/mcp'
export const ENDPOINTS = [MCP, 'https://gw.example.com/servers/files/mcp', 'https://gw.example.com/sets/dev/mcp']

const HASHES: Record<string, string> = { ES256: 'sha256', ES384: 'sha384', RS256: 'sha256', PS256: 'sha256' }

export class TestKey {
  readonly alg: string
  readonly jwk: JWK
  readonly #private: KeyObject
  private constructor(alg: string, jwk: JWK, key: KeyObject) {
    this.alg = alg
    this.jwk = jwk
    this.#private = key
  }
  static async make(kid: string, alg = 'ES256'): Promise<TestKey> {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
    return new TestKey(alg, { ...(await exportJWK(publicKey)), kid, use: 'sig' }, KeyObject.from(privateKey))
  }
  signature(data: string): string {
    const pss = this.alg.startsWith('PS') ? { padding: 6, saltLength: 32 } : {}
    return sign(HASHES[this.alg] ?? null, Buffer.from(data), { key: this.#private, dsaEncoding: 'ieee-p1363', ...pss }).toString(
      'base64url',
    )
  }
  /** Signs exactly these texts. */
  signText(header: string | Buffer, payload: string | Buffer): string {
    const data = `${encode(header)}.${encode(payload)}`
    return `${data}.${this.signature(data)}`
  }
  sign(claims: object = {}, header: object = {}): string {
    return this.signText(
      JSON.stringify({ alg: this.alg, kid: this.jwk.kid, typ: 'at+jwt', ...header }),
      JSON.stringify({ ...CLAIMS, ...claims }),
    )
  }
}

export const encode = (text: string | Buffer | object): string =>
  (Buffer.isBuffer(text) ? text : Buffer.from(typeof text === 'string' ? text : JSON.stringify(text))).toString('base64url')

export const CLAIMS = {
  iss: ISSUER,
  aud: MCP,
  sub: 'alice',
  client_id: 'cli',
  groups: ['dev'],
  scope: 'mcp',
  iat: NOW - 10,
  exp: NOW + 600,
}

export const RULES: IssuerRules = {
  issuer: ISSUER,
  algorithms: ['ES256', 'RS256', 'PS256', 'EdDSA'],
  types: ['at+jwt'],
  subjectClaim: 'sub',
  groupsClaim: 'groups',
  grant: [],
  maxTokenSeconds: 3600,
  clockSkewSeconds: 0,
}

/** Serves documents by URL; `down` makes every fetch fail. */
export class FakeFetch implements SafeFetch {
  readonly documents = new Map<string, unknown>()
  readonly urls: string[] = []
  down = false
  /** awaited by every get, so that a test decides when answers arrive */
  gate: Promise<void> = Promise.resolve()
  get(url: string) {
    return this.request(url)
  }
  async request(url: string) {
    this.urls.push(url)
    await this.gate
    if (this.down) throw new Fault('fetch-failed', 'the connection failed')
    const found = this.documents.get(url)
    const text = typeof found === 'string' ? found : JSON.stringify(found ?? {})
    return { status: found === undefined ? 404 : 200, headers: {}, body: Buffer.from(text) }
  }
  count(url: string): number {
    return this.urls.filter(each => each === url).length
  }
}

export const JWKS_URL = `${ISSUER}/keys`

export type World = { key: TestKey; fetch: FakeFetch; clock: { ms: number }; keys: TokenKeys; authenticator: Authenticator }

/** One issuer with one key behind discovery, one authenticator in front of it. */
export async function world(
  options: { rules?: Partial<IssuerRules>; deps?: Partial<AuthenticatorDeps>; keyDeps?: Partial<TokenVerifierDeps>; alg?: string } = {},
): Promise<World> {
  const key = await TestKey.make('k1', options.alg)
  const fetch = new FakeFetch()
  fetch.documents.set(`${ISSUER}/.well-known/openid-configuration`, { issuer: ISSUER, jwks_uri: JWKS_URL })
  fetch.documents.set(JWKS_URL, { keys: [key.jwk] })
  const clock = { ms: 0 }
  const keys = createTokenKeys({ issuers: [{ issuer: ISSUER }], fetch, now: () => clock.ms, ...options.keyDeps })
  const authenticator = createAuthenticator({ issuers: [{ ...RULES, ...options.rules }], verifier: keys, ...options.deps })
  return { key, fetch, clock, keys, authenticator }
}
