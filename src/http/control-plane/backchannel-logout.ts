// POST /oauth/backchannel-logout (OpenID Connect Back-Channel Logout 1.0, section 2.5): a form with one logout token, answered 200 or 400.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isStop } from '../../kernel/errors.ts'
import { readBody } from '../body.ts'

export const BACKCHANNEL_LOGOUT_PATH = '/oauth/backchannel-logout'
/** no more than is read of strangers (http/body.ts) */
const MAX_BODY_BYTES = 16_384

/** `undefined` = it was honoured; a text says what is wrong with the token, without bytes of it. Rejects where it cannot be kept or recorded. */
export type LogoutPort = (token: string) => Promise<string | undefined>

/** `onRefused`: somebody sends what no identity provider would. */
export function serveBackchannelLogout(
  { logout, onRefused }: { readonly logout: LogoutPort; readonly onRefused: () => void },
  req: IncomingMessage,
  res: ServerResponse,
): void {
  const refuse = (status: number, why: string, headers: Readonly<Record<string, string>> = {}): void => {
    onRefused()
    answer(res, status, { error: 'invalid_request', error_description: why }, headers)
  }
  if (req.method !== 'POST') return refuse(405, 'only POST is answered here', { Allow: 'POST' })
  const [media] = (req.headers['content-type'] ?? '').toLowerCase().split(';')
  if (media?.trim() !== 'application/x-www-form-urlencoded') return refuse(400, 'expected a form')
  readBody(req, { maxBytes: MAX_BODY_BYTES, enlarge: () => undefined }, body => {
    if (isStop(body)) return refuse(413, 'the form is too large')
    const tokens = new URLSearchParams(body.toString('utf8')).getAll('logout_token')
    const [token] = tokens
    if (token === undefined || tokens.length > 1) return refuse(400, 'expected one `logout_token`')
    logout(token).then(
      fault => (fault === undefined ? answer(res, 200, {}) : refuse(400, fault)),
      () => answer(res, 503, { error: 'temporarily_unavailable' }, { 'Retry-After': '5' }),
    )
  })
}

function answer(res: ServerResponse, status: number, body: object, headers: Readonly<Record<string, string>> = {}): void {
  if (res.headersSent || res.destroyed) return
  res.writeHead(status, {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  })
  res.end(JSON.stringify(body))
}
