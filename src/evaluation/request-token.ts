// The command line's side of mint.ts: reads the secret of the running provider and asks for a token.

import { readPrivate } from '../adapters/private-text.ts'
import { evaluationIssuer, type Snapshot } from '../config/schema.ts'
import { Fault } from '../kernel/errors.ts'
import { COMMAND_SECRET_BYTES, commandSecretPath } from './private-file.ts'
import { MINT_PATH } from './settings.ts'

export type MintedToken = { readonly token: string; readonly expiresInSeconds: number; readonly user: string; readonly resource: string }

export type TokenWish = {
  /** default: the first configured user */
  readonly user?: string
  /** endpoint as a path or a URL; default `/mcp` */
  readonly resource?: string
  /** scopes, one space between two; default: all of the endpoint */
  readonly scope?: string
}

/**
 * A fresh token from the evaluation provider of this configuration, which must be running.
 * Throws Fault `no-evaluation-provider` (not configured), `evaluation-unreachable` (not running, or another's) or `token-refused` (no such user, endpoint or scope).
 */
export async function requestToken({ evaluation, dataDir, publicUrl }: Snapshot, wish: TokenWish = {}): Promise<MintedToken> {
  if (!evaluation)
    throw new Fault(
      'no-evaluation-provider',
      'the configuration has no `identity.evaluation`; ask your identity provider for a token instead',
    )
  const secret = await readPrivate(await commandSecretPath(dataDir), COMMAND_SECRET_BYTES)
  const unreachable = 'the evaluation identity provider is not running; start it with `gatehouse serve`'
  if (secret === undefined) throw new Fault('evaluation-unreachable', unreachable)
  const user = wish.user ?? evaluation.users[0]?.name ?? ''
  const resource = (wish.resource ?? '/mcp').startsWith('/') ? publicUrl + (wish.resource ?? '/mcp') : (wish.resource ?? '')
  const answer = await post(evaluationIssuer(evaluation.port) + MINT_PATH, secret, { user, resource, scope: wish.scope }).catch(
    (cause: unknown) => {
      throw new Fault('evaluation-unreachable', unreachable, { cause })
    },
  )
  if (answer.status === 401)
    throw new Fault(
      'evaluation-unreachable',
      'another provider runs there; is `gatehouse serve` running with this configuration and data directory?',
    )
  const { access_token: token, expires_in: expiresInSeconds, error_description: why } = answer.body
  if (answer.status !== 200 || typeof token !== 'string' || typeof expiresInSeconds !== 'number')
    throw new Fault('token-refused', typeof why === 'string' ? why : 'the evaluation identity provider gave no token')
  return { token, expiresInSeconds, user, resource }
}

// Not safe-fetch: the address is a literal on loopback that nobody else names, and this is a POST.
async function post(url: string, secret: string, body: object): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    redirect: 'error',
    signal: AbortSignal.timeout(5_000),
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}
