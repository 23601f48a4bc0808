// One POST to a webhook, signed as Standard Webhooks says (https://www.standardwebhooks.com): HMAC-SHA256 over `<id>.<timestamp>.<body>`.

import { createHmac, randomBytes } from 'node:crypto'
import type { Sent } from '../approvals/notices.ts'
import { Fault } from '../kernel/errors.ts'
import { createPrivate } from './private-text.ts'
import type { SafeFetch } from './safe-fetch.ts'

const PREFIX = 'whsec_'
const KEY_BYTES = 32
const MAX_ANSWER = 64 * 1024
const TIMEOUT_MS = 10_000

/** The secret in a private file, made when there is none: `whsec_` and 24 to 64 bytes in base64. Throws Fault `private-file-unsafe`. */
export async function webhookSecret(path: string): Promise<Buffer> {
  const text = (await createPrivate(path, `${PREFIX}${randomBytes(KEY_BYTES).toString('base64')}\n`, 1024)).trim()
  const key = Buffer.from(text.startsWith(PREFIX) ? text.slice(PREFIX.length) : '', 'base64')
  if (key.length < 24 || key.length > 64)
    throw new Fault('private-file-unsafe', `\`${path}\` holds no secret of a webhook: \`${PREFIX}\` and 24 to 64 bytes in base64`)
  return key
}

export const signatureOf = (
  key: Buffer,
  { id, seconds, body }: { readonly id: string; readonly seconds: number; readonly body: string },
): string => `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`

type Request = { readonly url: string; readonly key: Buffer; readonly id: string; readonly seconds: number; readonly body: string }

/** The other side's status, or why there is none. What it answers is looked at by that alone: its words are nobody's business here, and may hold anything. */
export type Posted = { readonly status: number; readonly retryAfter: string | string[] | undefined } | { readonly why: string }

/** One POST; a redirect is the answer. Never rejects. */
export async function postSigned(fetch: SafeFetch, request: Request): Promise<Posted> {
  const { url, key, id, seconds, body } = request
  try {
    const { status, headers } = await fetch.request(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(seconds),
        'webhook-signature': signatureOf(key, request),
      },
      body,
      maxBytes: MAX_ANSWER,
      timeoutMs: TIMEOUT_MS,
    })
    return { status, retryAfter: headers['retry-after'] }
  } catch (cause) {
    return { why: cause instanceof Fault ? cause.code : 'it could not be reached' }
  }
}

/** A notice of an approval. Never rejects. */
export async function sendWebhook(fetch: SafeFetch, request: Request): Promise<Sent> {
  const posted = await postSigned(fetch, request)
  if ('why' in posted) return { is: 'later', why: posted.why }
  const { status, retryAfter } = posted
  if (status >= 200 && status < 300) return { is: 'taken' }
  // Standard Webhooks: 410 ends it. Other refusals may be mended by whoever runs the other side.
  if (status === 410) return { is: 'never', why: 'it answered with status 410: nothing more is wanted' }
  return { is: 'later', why: `it answered with status ${status}`, ...after(retryAfter) }
}

function after(header: string | string[] | undefined): { readonly afterSeconds?: number } {
  const seconds = typeof header === 'string' && /^\d{1,6}$/.test(header) ? Number(header) : undefined
  return seconds === undefined ? {} : { afterSeconds: seconds }
}
