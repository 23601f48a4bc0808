// The registry's API on the wire: `/v0.1/*` as the official one, also below `/sets/{name}`. Who reads without a token is answered at once; everybody else walks
// a row of the table of administration.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isStop, type Stop } from '../../kernel/errors.ts'
import { errorObject, httpStatusOf } from '../../mcp/replies.ts'
import { readHeaders } from '../edge.ts'
import type { AdminAct, AdminAnswer } from './admin.ts'

export type RegistryApiDeps = {
  /** a JSON text, or why there is none; `view`: a set, or '' for all */
  readonly read: (view: string, target: string) => Promise<string | Stop>
  /** whether there is such a view, and whether it may be read without a token; undefined = there is none */
  readonly accessOf: (view: string) => 'anybody' | 'signed-in' | undefined
  /** walks one act of administration; never rejects */
  readonly run: (act: AdminAct) => Promise<AdminAnswer>
  /** whether a stranger at this address may ask once more */
  readonly mayAsk: (address: string) => Promise<boolean>
  readonly penalise: (address: string) => void
  readonly onFault: (cause: unknown) => void
}

const PATH = /^(?:\/sets\/([a-z0-9-]{1,64}))?(\/v0\.1\/.*)$/
/** True for paths of the registry; `path` without its query. */
export const isRegistryPath = (path: string): boolean => PATH.test(path)

/** Every path of the registry. Host and Origin were checked before (http/edge.ts). Never throws. */
export async function serveRegistry(deps: RegistryApiDeps, req: IncomingMessage, res: ServerResponse, address: string): Promise<void> {
  const [, view = '', target = ''] = PATH.exec(req.url ?? '') ?? []
  if (req.method === 'OPTIONS') return void res.writeHead(204, PREFLIGHT).end()
  try {
    answer(req, res, await read(deps, req, { view, target, address }))
  } catch (cause) {
    deps.onFault(cause)
    answer(req, res, refusal({ stop: 'internal-fault' }))
  }
}

type Asked = { readonly view: string; readonly target: string; readonly address: string }

async function read(deps: RegistryApiDeps, req: IncomingMessage, { view, target, address }: Asked): Promise<AdminAnswer> {
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    deps.penalise(address)
    const refused = refusal({ stop: 'http-method-refused', detail: 'expected GET' })
    return { ...refused, headers: { Allow: 'GET, HEAD, OPTIONS' } }
  }
  switch (deps.accessOf(view)) {
    case undefined:
      deps.penalise(address)
      return refusal({ stop: 'path-unknown' })
    case 'anybody': {
      // A token that comes along is not looked at: hosts send other registries' here.
      if (!(await deps.mayAsk(address)))
        return refusal({ stop: 'address-limited', detail: 'too many reads from this address', retryAfterSeconds: 60 })
      const text = await deps.read(view, target)
      if (typeof text !== 'string' && text.stop === 'path-unknown') deps.penalise(address)
      return typeof text === 'string' ? { status: 200, body: Buffer.from(text), headers: {} } : refusal(text)
    }
    case 'signed-in': {
      const headers = readHeaders(req.rawHeaders)
      if (isStop(headers)) return refusal(headers)
      const body = Buffer.from(JSON.stringify({ target, ...(view !== '' && { view }) }))
      return plain(await deps.run({ method: 'admin/registry/read', body, headers, address }))
    }
  }
}

/** `error` as a text, as the official API has it; reason and fix beside it. */
function refusal(stop: Stop): AdminAnswer {
  const { message, data } = JSON.parse(errorObject(stop, '')) as { message: string; data: Readonly<Record<string, unknown>> }
  const retry = stop.retryAfterSeconds
  return {
    status: httpStatusOf(stop, 'modern'),
    body: Buffer.from(JSON.stringify({ error: message, ...data, requestId: undefined })),
    headers: retry === undefined ? {} : { 'Retry-After': String(Math.ceil(retry)) },
  }
}

/** An answer of administration in the same form. */
function plain(given: AdminAnswer): AdminAnswer {
  if (given.status === 200) return given
  const { error } = JSON.parse(given.body.toString()) as { error: { readonly message: string } }
  const { message, ...rest } = error
  return { ...given, body: Buffer.from(JSON.stringify({ error: message, ...rest })) }
}

/** Read by hosts that run in a browser (VS Code on the web, MCP Inspector); their origins still have to pass http/edge.ts. No cookie counts here. */
const SHARED = { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' } as const
const PREFLIGHT = {
  ...SHARED,
  'Access-Control-Allow-Methods': 'GET, HEAD',
  'Access-Control-Allow-Headers': 'Authorization, Content-Type, MCP-Protocol-Version',
  'Access-Control-Max-Age': '600',
} as const
const ALWAYS = {
  ...SHARED,
  'Content-Type': 'application/json',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'X-Content-Type-Options': 'nosniff',
} as const

function answer(req: IncomingMessage, res: ServerResponse, { status, body, headers }: AdminAnswer): void {
  if (res.headersSent || res.destroyed) return
  res.writeHead(status, { ...ALWAYS, 'Content-Length': body.length, ...headers })
  if (req.method === 'HEAD') res.end()
  else res.end(body)
}
