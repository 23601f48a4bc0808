// What the suite's identity provider of `auth/enterprise-managed-authorization` leaves out: the suite hands its client an ID token, as if somebody had signed
// in before. A gateway signs people in itself, so this stands in front of that provider, under its name, and adds the way to that very ID token: an
// authorization endpoint where everybody is the token's person, a code, and a refresh that brings the suite's own token. The exchange is the suite's.

import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { decodeJwt, generateKeyPair, SignJWT } from 'jose'

export type SignInFront = {
  /** where the suite's provider says that it is */
  readonly port: number
  /** where it listens */
  readonly behind: number
  /** the ID token that the suite hands out */
  readonly idToken: string
}

export async function startSignInFront({ port, behind, idToken }: SignInFront): Promise<void> {
  const { privateKey } = await generateKeyPair('ES256')
  const nonces = new Map<string, string>()
  const { iss = '', sub = '', aud = '' } = decodeJwt(idToken)

  /** The token of the first answer: the suite's own has no nonce, and only a refresh may bring one without (OpenID Connect Core section 12.2). */
  const first = (nonce: string): Promise<string> =>
    new SignJWT({ nonce })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(iss)
      .setSubject(sub)
      .setAudience(aud)
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey)

  function authorize(query: URLSearchParams, res: ServerResponse): void {
    const code = randomBytes(16).toString('base64url')
    nonces.set(code, query.get('nonce') ?? '')
    const back = new URL(query.get('redirect_uri') ?? '')
    back.search = new URLSearchParams({ code, state: query.get('state') ?? '' }).toString()
    res.writeHead(302, { location: back.href }).end()
  }

  async function pass(req: IncomingMessage, body: string): Promise<{ status: number; type: string; text: string }> {
    const answer = await fetch(`http://localhost:${behind}${req.url ?? '/'}`, {
      method: req.method ?? 'GET',
      headers: { 'content-type': req.headers['content-type'] ?? '', authorization: req.headers.authorization ?? '' },
      ...(body !== '' && { body }),
    })
    return { status: answer.status, type: answer.headers.get('content-type') ?? '', text: await answer.text() }
  }

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(req.url ?? '/', iss)
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const say = (document: object): void => void res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document))
    if (pathname === '/authorize') {
      authorize(searchParams, res)
      return
    }
    const form = new URLSearchParams(pathname === '/token' ? body : '')
    const tokens = { access_token: 'of-the-sign-in', token_type: 'Bearer', refresh_token: 'of-the-sign-in' }
    if (form.get('grant_type') === 'authorization_code') {
      say({ ...tokens, id_token: await first(nonces.get(form.get('code') ?? '') ?? '') })
      return
    }
    if (form.get('grant_type') === 'refresh_token') {
      say({ ...tokens, id_token: idToken })
      return
    }
    const { status, type, text } = await pass(req, body)
    if (pathname === '/.well-known/openid-configuration') {
      const more = { code_challenge_methods_supported: ['S256'], id_token_signing_alg_values_supported: ['ES256'] }
      say({ ...(JSON.parse(text) as object), ...more })
    } else res.writeHead(status, { 'content-type': type }).end(text)
  }

  const server = createServer((req, res) => void serve(req, res).catch(() => res.writeHead(502).end()))
  await new Promise<void>(resolve => server.listen(port, resolve))
  server.unref()
}
