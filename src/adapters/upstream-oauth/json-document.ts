// A small JSON document of somebody else: fetched under the rules of safe-fetch, read strictly, or the reason why there is none.

import type { SourceFailure } from '../../vault/credential-source.ts'
import type { SafeFetch } from '../safe-fetch.ts'

export const MAX_DOCUMENT_BYTES = 128 * 1024

export type JsonObject = Readonly<Record<string, unknown>>
export type Fetched = { readonly document: JsonObject } | { readonly absent: true } | SourceFailure

export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)
/** The strings of an array, at most `max`; undefined where it is no such array. */
export const stringsOf = (value: unknown, max = 64): readonly string[] | undefined =>
  Array.isArray(value) && value.length <= max && value.every((item): item is string => typeof item === 'string' && item.length <= 2048)
    ? value
    : undefined

/** One GET. A 4xx means that nothing stands there; anything but 200 with a JSON object besides is a failure. */
export async function fetchDocument(fetch: SafeFetch, url: string): Promise<Fetched> {
  try {
    const answer = await fetch.request(url, { headers: { accept: 'application/json' }, maxBytes: MAX_DOCUMENT_BYTES })
    if (answer.status >= 400 && answer.status < 500) return { absent: true }
    if (answer.status !== 200) return unavailable(url, `answered with status ${answer.status}`)
    const document: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(answer.body))
    return isObject(document) ? { document } : unavailable(url, 'is no JSON object')
  } catch (cause) {
    return failureOf(url, cause)
  }
}

const unavailable = (url: string, what: string): SourceFailure => ({
  failed: 'unavailable',
  detail: `the metadata at ${shown(url)} ${what}`,
})

export function failureOf(url: string, cause: unknown): SourceFailure {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'fetch-refused') return { failed: 'unsafe', detail: `${shown(url)} is at an address that is not fetched from` }
  return unavailable(url, cause instanceof SyntaxError || cause instanceof TypeError ? 'cannot be read' : 'cannot be fetched')
}

/** Host and path: a query could hold anything. */
export const shown = (text: string): string => {
  const url = URL.parse(text)
  return url ? `${url.origin}${url.pathname}`.slice(0, 200) : 'an unreadable URL'
}
