// Asks another registry for a page of its list (official API v0.1), through the guarded fetch: no redirect, no private address that was not opened, bounded.

import { Fault } from '../kernel/errors.ts'
import type { FetchMirrorPage } from '../registry/mirrors/mirrors.ts'
import { readBearer } from './private-text.ts'
import type { SafeFetch } from './safe-fetch.ts'

/** Entries of one page, and the most it may come to: an entry is at most 64 KiB. */
const LIMIT = 50
const MAX_PAGE_BYTES = 4 * 1024 * 1024
const TIMEOUT_MS = 30_000
const MAX_ETAG = 256

export const createMirrorSource =
  (fetch: SafeFetch): FetchMirrorPage =>
  async ({ url, tokenFile, cursor, sinceMs, etag }) => {
    const query = new URLSearchParams({
      limit: String(LIMIT),
      ...(sinceMs !== undefined && { updated_since: new Date(sinceMs).toISOString() }),
      ...(cursor !== undefined && { cursor }),
    })
    const headers = {
      accept: 'application/json',
      ...(tokenFile !== undefined && { authorization: `Bearer ${await tokenIn(tokenFile)}` }),
      ...(etag !== undefined && { 'if-none-match': etag }),
    }
    const answer = await fetch.request(`${url.replace(/\/+$/, '')}/v0.1/servers?${query.toString()}`, {
      headers,
      maxBytes: MAX_PAGE_BYTES,
      timeoutMs: TIMEOUT_MS,
    })
    if (answer.status === 304 && etag !== undefined) return 'unchanged'
    if (answer.status === 400 && cursor !== undefined) throw new Fault('mirror-refused', 'the mirror does not take its own cursor any more')
    if (answer.status !== 200) throw new Fault('mirror-unavailable', `the mirror answered with status ${answer.status}`)
    const given = answer.headers['etag']
    return {
      body: answer.body,
      ...(typeof given === 'string' && given.length <= MAX_ETAG && /^[\x21-\x7e]+$/.test(given) && { etag: given }),
    }
  }

async function tokenIn(file: string): Promise<string> {
  const token = await readBearer(file)
  if (token === undefined) throw new Fault('mirror-unavailable', 'the file with its token holds none')
  return token
}
