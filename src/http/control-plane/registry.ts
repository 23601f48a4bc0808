// The registry's API on the wire: `/v0.1/*` as the official one, `/v1/*` ours, for reading also below `/sets/{name}`. Who reads without a token is answered at
// once; everybody else, and whoever writes, walks a row of the table of administration.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isStop, type Stop } from '../../kernel/errors.ts'
import { isJsonFault, readJson, valueOf } from '../../mcp/json.ts'
import { errorObject, httpStatusOf } from '../../mcp/replies.ts'
import { readBody } from '../body.ts'
import { checkContent, readHeaders, type EdgeHeaders } from '../edge.ts'
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
  /** whether a body may be held that is larger than anybody's; `isLarge`: larger than that of most acts */
  readonly mayHold: (
    asked: Pick<EdgeHeaders, 'authorization' | 'proof'> & {
      readonly bytes: number
      readonly isLarge: boolean
      readonly res: ServerResponse
    },
  ) => Stop | undefined | Promise<Stop | undefined>
  /** opens a stream of revocations for a stranger at this address, from behind the last one that is known; or why not */
  readonly follow: (address: string, since: string | undefined) => Opening | Stop
  /** opens the stream of an act's answer */
  readonly openStream: (exchange: Exchange, stream: NonNullable<AdminAnswer['stream']>) => void
  readonly penalise: (address: string) => void
  readonly onFault: (cause: unknown) => void
}

const PATH = /^(?:\/sets\/([a-z0-9-]{1,64}))?(\/(?:v0\.1|v1)\/.*)$/
/** True for paths of the registry; `path` without its query. */
export const isRegistryPath = (path: string): boolean => PATH.test(path)

/** Every path of the registry. Host and Origin were checked before (http/edge.ts). Never throws. */
export async function serveRegistry(deps: RegistryApiDeps, req: IncomingMessage, res: ServerResponse, address: string): Promise<void> {
  const [, view = '', target = ''] = PATH.exec(req.url ?? '') ?? []
  if (req.method === 'OPTIONS') return void res.writeHead(204, PREFLIGHT).end()
  try {
    const asked = { view, target, address }
    const isWrite = req.method !== 'GET' && req.method !== 'HEAD'
    const answered = await (isWrite ? write(deps, { req, res }, asked) : read(deps, req, asked))
    if (answered.open && req.method === 'GET') answered.open({ req, res })
    else answer(req, res, answered)
  } catch (cause) {
    deps.onFault(cause)
    answer(req, res, refusal({ stop: 'internal-fault' }))
  }
}

type Opening = (exchange: Exchange) => void
/** `open`: a stream instead of a body */
type Read = AdminAnswer & { readonly open?: Opening }
type Asked = { readonly view: string; readonly target: string; readonly address: string }

async function read(deps: RegistryApiDeps, req: IncomingMessage, { view, target, address }: Asked): Promise<Read> {
  const act = view === '' ? readAct(target) : undefined
  if (act) {
    const headers = readHeaders(req.rawHeaders)
    return isStop(headers) ? refusal(headers) : plain(await deps.run({ ...act, headers, address }))
  }
  switch (deps.accessOf(view)) {
    case undefined:
      deps.penalise(address)
      return refusal({ stop: 'path-unknown' })
    case 'anybody': {
      // A token that comes along is not looked at: hosts send other registries' here.
      if (!(await deps.mayAsk(address)))
        return refusal({ stop: 'address-limited', detail: 'too many reads from this address', retryAfterSeconds: 60 })
      const since = view === '' ? followed(target) : undefined
      if (since) return streaming(deps.follow(address, lastEventId(req) ?? since.after))
      const text = await deps.read(view, target)
      if (typeof text !== 'string' && text.stop === 'path-unknown') deps.penalise(address)
      return typeof text === 'string' ? { status: 200, body: Buffer.from(text), headers: {} } : refusal(text)
    }
    case 'signed-in': {
      const headers = readHeaders(req.rawHeaders)
      if (isStop(headers)) return refusal(headers)
      const since = view === '' ? followed(target) : undefined
      if (since) {
        const follow = {
          method: 'admin/registry/follow',
          body: Buffer.from(JSON.stringify({ ...(since.after && { since: since.after }) })),
        }
        const { stream, ...answered } = plain(await deps.run({ ...follow, headers, address }))
        return stream ? { ...answered, open: exchange => deps.openStream(exchange, stream) } : answered
      }
      const body = Buffer.from(JSON.stringify({ target, ...(view !== '' && { view }) }))
      return plain(await deps.run({ method: 'admin/registry/read', body, headers, address }))
    }
  }
}

/** The stream of revocations: `since` of its query. */
function followed(target: string): { readonly after: string | undefined } | undefined {
  const [, query] = /^\/v1\/revocations\/stream(?:\?(.*))?$/.exec(target) ?? [undefined, undefined]
  return /^\/v1\/revocations\/stream(?:\?|$)/.test(target) ? { after: new URLSearchParams(query).get('since') ?? undefined } : undefined
}
const lastEventId = (req: IncomingMessage): string | undefined => {
  const value = req.headers['last-event-id']
  return typeof value === 'string' && value !== '' ? value : undefined
}
const streaming = (open: Opening | Stop): Read =>
  'stop' in open ? refusal(open) : { status: 200, body: Buffer.alloc(0), headers: {}, open }

/** What is read by a role alone, whoever may read the rest. */
function readAct(target: string): Pick<AdminAct, 'method' | 'body'> | undefined {
  const [, id, query] = /^\/v1\/advisories(?:\/([^/?]+))?(?:\?(.*))?$/.exec(target) ?? []
  if (!/^\/v1\/advisories(?:[/?]|$)/.test(target)) return undefined
  const after = new URLSearchParams(query).get('after')
  // Ids hold nothing that has to be escaped; one that is stays unknown.
  return {
    method: 'admin/registry/advisories',
    body: Buffer.from(JSON.stringify({ ...(id !== undefined && { id }), ...(after && { after }) })),
  }
}

/** What writes, by method and path: the act, and how its parameters are made of path and body. */
const WRITES: readonly {
  readonly method: string
  readonly path: RegExp
  readonly act: string
  readonly parts?: readonly string[]
  /** the member that the body becomes */
  readonly wrap?: string
  /** may bring documents */
  readonly isLarge?: true
  /** there is nothing to read */
  readonly isBare?: true
}[] = [
  { method: 'POST', path: /^\/v0\.1\/publish$/, act: 'admin/registry/submit', wrap: 'serverJson' },
  { method: 'POST', path: /^\/v1\/publish$/, act: 'admin/registry/publish', isLarge: true },
  { method: 'POST', path: /^\/v1\/attestations$/, act: 'admin/registry/attest', isLarge: true },
  { method: 'POST', path: /^\/v1\/revocations$/, act: 'admin/registry/revoke' },
  { method: 'POST', path: /^\/v1\/advisories$/, act: 'admin/registry/advise', wrap: 'advisory' },
  { method: 'DELETE', path: /^\/v1\/advisories\/([^/]+)$/, act: 'admin/registry/withdraw', parts: ['id'], isBare: true },
  {
    method: 'PATCH',
    path: /^\/v0\.1\/servers\/([^/]+)\/versions\/([^/]+)\/status$/,
    act: 'admin/registry/status',
    parts: ['name', 'version'],
  },
  { method: 'PATCH', path: /^\/v0\.1\/servers\/([^/]+)\/status$/, act: 'admin/registry/status', parts: ['name'] },
]
/** server.json, four bundles, and what stands around them */
const MAX_BODY_BYTES = 2 * 1024 * 1024
/** with documents of a version (registry/documents.ts), as JSON has them */
const MAX_LARGE_BYTES = 24 * 1024 * 1024

const BARE = Buffer.from('{}')

type Exchange = { readonly req: IncomingMessage; readonly res: ServerResponse }

async function write(deps: RegistryApiDeps, { req, res }: Exchange, { view, target, address }: Asked): Promise<Read> {
  const found = WRITES.find(({ method, path }) => method === req.method && path.test(target))
  if (!found || view !== '') {
    deps.penalise(address)
    const allow = WRITES.filter(({ path }) => path.test(target)).map(({ method }) => method)
    return {
      ...refusal({ stop: 'http-method-refused', detail: 'nothing is written here' }),
      headers: { Allow: ['GET', 'HEAD', ...allow].join(', ') },
    }
  }
  const headers = readHeaders(req.rawHeaders)
  const wrong = isStop(headers) ? headers : found.isBare ? undefined : checkContent(headers)
  if (isStop(headers) || wrong) return refusal(wrong ?? { stop: 'header-invalid' })
  const maxBytes = found.isLarge ? MAX_LARGE_BYTES : MAX_BODY_BYTES
  const body = found.isBare
    ? BARE
    : await bodyOf(req, maxBytes, bytes =>
        deps.mayHold({ authorization: headers.authorization, proof: headers.proof, bytes, isLarge: bytes > MAX_BODY_BYTES, res }),
      )
  if (isStop(body)) return { ...refusal(body), headers: { Connection: 'close' } }
  const params = paramsOf(found, target, body)
  return isStop(params) ? refusal(params) : plain(await deps.run({ method: found.act, body: params, headers, address }))
}

type Enlarge = (bytes: number) => Stop | undefined | Promise<Stop | undefined>
const bodyOf = (req: IncomingMessage, maxBytes: number, enlarge: Enlarge): Promise<Buffer | Stop> =>
  new Promise(resolve => {
    req.once('close', () => resolve({ stop: 'cancelled' })) // whoever went away is told nothing
    readBody(req, { maxBytes, enlarge }, resolve)
  })

/** The act's parameters as JSON text. What is put around the body's bytes is put around one judged document, so that nothing in it can end it early. */
function paramsOf({ path, parts, wrap }: (typeof WRITES)[number], target: string, body: Buffer): Buffer | Stop {
  if (wrap === undefined && !parts) return body
  const doc = readJson(body)
  if (isJsonFault(doc)) return { stop: 'json-invalid', detail: `${doc.fault} at byte ${doc.at}` }
  if (wrap !== undefined) return Buffer.concat([Buffer.from(`{"${wrap}":`), body, Buffer.from('}')])
  const given = valueOf(doc, doc.root)
  if (doc.root.kind !== 'object') return { stop: 'params-invalid', detail: 'expected one JSON object' }
  try {
    const named = (path.exec(target) ?? []).slice(1).map(decodeURIComponent)
    // The path's own last: a body that names another server changes nothing.
    return Buffer.from(JSON.stringify({ ...(given as object), ...Object.fromEntries((parts ?? []).map((part, i) => [part, named[i]])) }))
  } catch {
    return { stop: 'registry-unknown', detail: 'server not found' }
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
