// Client ID metadata documents (draft-ietf-oauth-client-id-metadata-document): fetched under hard bounds, kept no longer than their sender allows.

import { isJsonFault, readJson } from '../../mcp/json.ts'
import type { SafeFetch } from '../safe-fetch.ts'

/** Bytes of one document. */
const MAX_DOCUMENT_BYTES = 64 * 1024
/** A document counts no longer than this, whatever its headers say, and so long where they say nothing; seconds. */
const MAX_CACHE_SECONDS = 3600
const SILENT_CACHE_SECONDS = 300

/**
 * oidc-provider's `fetch`, which it uses for these documents alone. The answer it gets is strict JSON or an error, and its Cache-Control says what
 * this gateway makes of the sender's: no more than the sender allows, no more than an hour.
 */
export const documentFetch =
  (fetch: SafeFetch) =>
  async (input: string | URL | Request): Promise<Response> => {
    const { status, headers, body } = await fetch.get(input instanceof Request ? input.url : String(input))
    if (status !== 200) return new Response(null, { status: status < 200 ? 502 : status })
    if (body.length > MAX_DOCUMENT_BYTES || isJsonFault(readJson(body, { indexDepth: 2 }))) return new Response(null, { status: 502 })
    const text = (name: string): string => [headers[name] ?? ''].flat().join(', ')
    const cache = cacheSeconds(text('cache-control'), text('age'))
    return new Response(new Uint8Array(body), { status, headers: { 'cache-control': `max-age=${cache}` } })
  }

/** RFC 9111: seconds a private cache may keep it. */
export function cacheSeconds(control: string, age: string): number {
  const directives = control
    .toLowerCase()
    .split(',')
    .map(part => part.trim())
  if (directives.some(part => /^no-(store|cache)\b/.test(part))) return 0
  const seconds = directives.map(part => /^max-age="?(\d{1,10})"?$/.exec(part)?.[1]).find(found => found !== undefined)
  const spent = /^\d{1,10}$/.test(age) ? Number(age) : 0
  return seconds === undefined ? SILENT_CACHE_SECONDS : Math.max(0, Math.min(Number(seconds) - spent, MAX_CACHE_SECONDS))
}
