// An issuer of CI jobs' tokens, as GitHub Actions is one: keys in a file, and a token service for jobs over real HTTP.

import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

export const CI_ISSUER = 'https://token.ci.test'

export type CiIssuer = {
  /** a token with these claims over those of a job of acme; `null` takes one away */
  token(audience: string, claims?: Readonly<Record<string, unknown>>): Promise<string>
  /** environment of a job that may ask for tokens; the service counts what it is asked */
  job(claims?: Readonly<Record<string, unknown>>): Promise<{ readonly env: Record<string, string>; readonly asked: string[]; stop(): void }>
}

/** @param jwksFile written here; named in `registry.proofs` */
export async function ciIssuer(jwksFile: string): Promise<CiIssuer> {
  const { privateKey, publicKey } = await generateKeyPair('RS256')
  writeFileSync(jwksFile, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'ci1', alg: 'RS256', use: 'sig' }] }))
  let count = 0
  const token: CiIssuer['token'] = (audience, claims = {}) => {
    const now = Math.floor(Date.now() / 1000)
    const all = {
      jti: `job-${++count}`,
      sub: 'repo:acme/weather:ref:refs/heads/main',
      repository: 'acme/weather',
      repository_id: '77',
      repository_owner: 'acme',
      repository_owner_id: '123',
      ref: 'refs/heads/main',
      iss: CI_ISSUER,
      aud: audience,
      iat: now,
      exp: now + 300,
      ...claims,
    }
    return new SignJWT(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null)))
      .setProtectedHeader({ alg: 'RS256', kid: 'ci1', typ: 'JWT' })
      .sign(privateKey)
  }
  return {
    token,
    async job(claims = {}) {
      const asked: string[] = []
      const server = createServer((req, res) => {
        asked.push(`${req.headers.authorization} ${req.url}`)
        const audience = new URL(req.url ?? '', 'http://x').searchParams.get('audience') ?? ''
        void token(audience, claims).then(value =>
          res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ value })),
        )
      })
      await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token?api-version=2.0`
      return {
        env: { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-the-job' },
        asked,
        stop: () => void server.close(),
      }
    },
  }
}
