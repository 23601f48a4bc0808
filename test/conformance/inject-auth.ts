// Preload of the suite's process (`node --import inject-auth.ts <suite>`): the suite has no option for a bearer token, so its
// three HTTP clients (fetch, node:http, its own undici) are given the header for the one origin under test.
// CONFORMANCE_ORIGIN, CONFORMANCE_BEARER and CONFORMANCE_PACKAGE (the suite's folder) come from the harness.

import http from 'node:http'
import { createRequire, syncBuiltinESMExports } from 'node:module'

const origin = process.env['CONFORMANCE_ORIGIN'] ?? ''
const authorization = `Bearer ${process.env['CONFORMANCE_BEARER'] ?? ''}`

const plainFetch = globalThis.fetch
globalThis.fetch = (input, init) => {
  const url = new URL(input instanceof Request ? input.url : input)
  if (url.origin !== origin) return plainFetch(input, init)
  const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined))
  if (!headers.has('authorization')) headers.set('authorization', authorization)
  return plainFetch(input, { ...init, headers })
}

type HttpOptions = http.RequestOptions & { readonly hostname?: string; readonly port?: number | string }
const plainRequest = http.request as (...args: unknown[]) => http.ClientRequest
const request = (...args: unknown[]): http.ClientRequest => {
  const [first, ...rest] = args
  const options = first as HttpOptions
  const isPlainOptions = typeof first === 'object' && !(first instanceof URL)
  if (!isPlainOptions || `http://${options.hostname ?? ''}:${options.port ?? ''}` !== origin) return plainRequest(...args)
  const headers = { ...(options.headers as http.OutgoingHttpHeaders | undefined), authorization }
  return plainRequest({ ...options, headers }, ...rest)
}
http.request = request
syncBuiltinESMExports()

// The suite sends forged Host headers through its own copy of undici, which global fetch shares its dispatcher with.
type RawHeaders = string[] | Record<string, string> | null | undefined
type Dispatch = (options: { readonly origin?: unknown; readonly headers?: RawHeaders }, handler: unknown) => boolean
type Undici = {
  getGlobalDispatcher(): { compose(interceptor: (dispatch: Dispatch) => Dispatch): unknown }
  setGlobalDispatcher(dispatcher: unknown): void
}
const undici = createRequire(`${process.env['CONFORMANCE_PACKAGE'] ?? ''}/package.json`)('undici') as Undici

function withBearer(headers: RawHeaders): RawHeaders {
  const names = Array.isArray(headers) ? headers.filter((_, i) => i % 2 === 0) : Object.keys(headers ?? {})
  if (names.some(name => name.toLowerCase() === 'authorization')) return headers
  if (Array.isArray(headers)) return [...headers, 'authorization', authorization]
  return { ...headers, authorization }
}
undici.setGlobalDispatcher(
  undici.getGlobalDispatcher().compose(dispatch => (options, handler) => {
    if (String(options.origin) !== origin) return dispatch(options, handler)
    return dispatch({ ...options, headers: withBearer(options.headers) }, handler)
  }),
)
