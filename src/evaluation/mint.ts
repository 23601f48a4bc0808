// Tokens for command lines, without a browser: the caller proves to be the operating-system user who runs the gateway, by a secret only that user can read.

import { hash, randomUUID, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { SignJWT } from 'jose'
import { isJsonFault, member, readJson, textOf } from '../mcp/json.ts'
import { SIGNING_ALGORITHM, type SigningKey } from './secrets.ts'
import { scopesFor, TOKEN_SECONDS, type Directory } from './settings.ts'

const COMMAND_CLIENT = 'gatehouse-cli'
const MAX_BODY_BYTES = 4096

export type MintParts = {
  readonly issuer: string
  readonly directory: Directory
  readonly key: SigningKey
  readonly secret: string
  /** milliseconds since the epoch */
  readonly now: () => number
}

/**
 * `POST /evaluation/token` with `Authorization: Bearer <secret>` and `{"user": ..., "resource": ..., "scope": ...}` (without `scope`: all of the endpoint); answers `{access_token, token_type, expires_in}`.
 * Browsers cannot ask: they know no secret, and whatever carries an Origin is refused besides.
 */
export async function serveMint(parts: MintParts, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { status, body } = await judge(parts, req)
  res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(body))
}

async function judge(parts: MintParts, req: IncomingMessage): Promise<{ status: number; body: object }> {
  if (req.method !== 'POST') return { status: 405, body: { error: 'method_not_allowed' } }
  if (req.headers.origin !== undefined || !isSame(req.headers.authorization ?? '', `Bearer ${parts.secret}`))
    return { status: 401, body: { error: 'invalid_client' } }
  const { user, resource, scope } = await readRequest(req)
  if (user === undefined || !parts.directory.users.has(user))
    return { status: 400, body: { error: 'invalid_request', error_description: 'no such user' } }
  if (resource === undefined || !parts.directory.resources.has(resource))
    return { status: 400, body: { error: 'invalid_target', error_description: '`resource` is not an endpoint of this gateway' } }
  const asked = scope?.split(' ').filter(word => word !== '') ?? []
  if (asked.some(word => !parts.directory.resources.get(resource)?.includes(word)))
    return {
      status: 400,
      body: { error: 'invalid_scope', error_description: '`scope` names a scope that does not exist at this endpoint' },
    }
  const scopes = scopesFor(parts.directory, resource, asked)
  return {
    status: 200,
    body: { access_token: await mint(parts, { user, resource, scopes }), token_type: 'Bearer', expires_in: TOKEN_SECONDS },
  }
}

/** The same token the authorization server would issue (RFC 9068), for the client `gatehouse-cli`. */
function mint(
  { issuer, directory, key, now }: MintParts,
  { user, resource, scopes }: { readonly user: string; readonly resource: string; readonly scopes: readonly string[] },
): Promise<string> {
  const issuedAt = Math.floor(now() / 1000)
  return new SignJWT({ client_id: COMMAND_CLIENT, scope: scopes.join(' '), groups: directory.users.get(user) ?? [] })
    .setProtectedHeader({ alg: SIGNING_ALGORITHM, kid: key.keyId, typ: 'at+jwt' })
    .setIssuer(issuer)
    .setSubject(user)
    .setAudience(resource)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + TOKEN_SECONDS)
    .setJti(randomUUID())
    .sign(key.key)
}

const isSame = (a: string, b: string): boolean => timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'))

async function readRequest(req: IncomingMessage): Promise<{ user?: string; resource?: string; scope?: string }> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of req as AsyncIterable<Buffer>) if ((size += chunk.length) <= MAX_BODY_BYTES) chunks.push(chunk)
  const doc = size <= MAX_BODY_BYTES ? readJson(Buffer.concat(chunks)) : undefined
  if (!doc || isJsonFault(doc)) return {}
  const text = (name: string): string | undefined => {
    const node = member(doc.root, name)
    return node?.kind === 'string' ? textOf(doc, node) : undefined
  }
  const [user, resource, scope] = [text('user'), text('resource'), text('scope')]
  return { ...(user !== undefined && { user }), ...(resource !== undefined && { resource }), ...(scope !== undefined && { scope }) }
}
