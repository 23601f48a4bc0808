// safe-fetch in the shape of the web's fetch, for libraries that take one (openid-client, oidc-provider): the same rules, whatever the library asks for.

import { CONNECTION_HEADERS, type SafeFetch, type SafeRequest, type SafeResponse } from './safe-fetch.ts'

const METHODS = ['GET', 'POST', 'PUT', 'DELETE'] as const
const NO_BODY = new Set([101, 103, 204, 205, 304])

/**
 * A `fetch` that never follows a redirect, whatever `redirect` says: the 3xx is the answer. Headers of the connection and cookies fall away, other
 * methods than GET, POST, PUT and DELETE are refused. Rejects with the Faults of safe-fetch.
 */
export const webFetch =
  (
    fetch: SafeFetch,
    limits: Pick<SafeRequest, 'maxBytes' | 'timeoutMs'> = {},
  ): ((input: string | URL | Request, init?: RequestInit) => Promise<Response>) =>
  async (input, init) => {
    const asked = new Request(input, init)
    const method = METHODS.find(known => known === asked.method)
    if (!method) throw new TypeError('this method is not sent')
    const body = new Uint8Array(await asked.arrayBuffer())
    const headers = Object.fromEntries([...asked.headers].filter(([name]) => !CONNECTION_HEADERS.test(name)))
    const answer = await fetch.request(asked.url, {
      ...limits,
      method,
      headers,
      signal: asked.signal,
      ...(body.length > 0 && { body }),
    })
    return responseOf(answer)
  }

function responseOf({ status, headers, body }: SafeResponse): Response {
  const pairs = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : typeof value === 'string' ? [[name, value]] : value.map(each => [name, each]),
  )
  return new Response(NO_BODY.has(status) ? null : new Uint8Array(body), { status, headers: pairs })
}
