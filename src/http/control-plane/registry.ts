// The registry's API on the wire: `/v0.1/*` as the official one, `/v1/*` ours, for reading also below `/sets/{name}`. Who reads without a token is answered at
// once; everybody else, and whoever writes, walks a row of the table of administration.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isStop, type Stop } from '../../kernel/errors.ts'
import { neutral } from '../../kernel/neutral-json.ts'
import { httpStatusOf } from '../../mcp/replies.ts'
import { readBody } from '../body.ts'
import { checkContent, readHeaders, type EdgeHeaders } from '../edge.ts'
import type { AdminAct, AdminAnswer } from './admin.ts'
import type { ReadsInFlight } from './reads-in-flight.ts'
import { answer, kept, OFTEN, plain, PREFLIGHT, refusal } from './registry-answers.ts'
import { follow, followed, lastEventId, type Answer, type Exchange, type FollowDeps } from './registry-stream.ts'
import { byName, paramsOf, READS, segments, WRITES } from './registry-routes.ts'

export type RegistryApiDeps = FollowDeps & {
  /** a JSON text, a document byte for byte, or why there is none; `view`: a set, or '' for all */
  readonly read: (view: string, target: string) => Promise<string | Buffer | Stop>
  readonly inFlight: ReadsInFlight
  /** whether a body may be held that is larger than anybody's; `isLarge`: larger than that of most acts */
  readonly mayHold: (
    asked: Pick<EdgeHeaders, 'authorization' | 'proof'> & {
      readonly bytes: number
      readonly isLarge: boolean
      readonly isPublishing: boolean
      readonly res: ServerResponse
    },
  ) => Stop | undefined | Promise<Stop | undefined>
  /** whether a stranger at this address may have a proof judged: that can cost a look at a domain */
  readonly mayProve: (address: string) => Promise<boolean>
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
    const since = isWrite || view !== '' ? undefined : followed(target)
    const answered: Answer = await (isWrite
      ? write(deps, { req, res }, asked)
      : since
        ? follow(deps, req, { address, since: lastEventId(req) ?? since.after, after: since.after })
        : readOnce(deps, { req, res }, asked))
    if (answered.open && req.method === 'GET') answered.open({ req, res })
    else answer(req, res, answered)
  } catch (cause) {
    deps.onFault(cause)
    answer(req, res, refusal({ stop: 'internal-fault' }))
  }
}

type Asked = { readonly view: string; readonly target: string; readonly address: string }

async function readOnce(deps: RegistryApiDeps, { req, res }: Exchange, asked: Asked): Promise<AdminAnswer> {
  const crowded = deps.inFlight.enter(asked.address, res)
  if (crowded) return refusal(crowded)
  const found = await read(deps, req, asked)
  const full = deps.inFlight.hold(found.body.length, res)
  return full ? refusal(full) : kept(req, asked.target, found)
}

async function read(deps: RegistryApiDeps, req: IncomingMessage, { view, target, address }: Asked): Promise<AdminAnswer> {
  const act = view === '' ? readAct(target) : undefined
  if (act) {
    const headers = readHeaders(req.rawHeaders)
    if (isStop(headers)) return refusal(headers)
    const answered = plain(await deps.run({ method: act.method, body: act.body, headers, address }))
    return answered.status === 200 && act.picks ? act.picks(answered) : answered
  }
  switch (deps.accessOf(view)) {
    case undefined:
      deps.penalise(address)
      return refusal({ stop: 'path-unknown' })
    case 'anybody': {
      // A token that comes along is not looked at: hosts send other registries' here.
      if (!(await deps.mayAsk(address, costOf(target)))) return OFTEN
      const found = await deps.read(view, target)
      if (typeof found === 'string' || Buffer.isBuffer(found)) return { status: 200, body: Buffer.from(found), headers: {} }
      if (found.stop === 'path-unknown') deps.penalise(address)
      return refusal(found)
    }
    case 'signed-in': {
      const headers = readHeaders(req.rawHeaders)
      if (isStop(headers)) return refusal(headers)
      const body = Buffer.from(JSON.stringify({ target, ...(view !== '' && { view }) }))
      return plain(await deps.run({ method: 'admin/registry/read', body, headers, address }))
    }
  }
}

/** Documents are large, and comparing them is work. */
const costOf = (target: string): number =>
  /\/diff(?:\?|$)/.test(target) ? 30 : /\/(?:documents\/[0-9a-f]{64}|definitions|surface|exports\/osv)(?:\?|$)/.test(target) ? 5 : 1

type ReadAct = Pick<AdminAct, 'method' | 'body'> & { readonly picks?: (answer: AdminAnswer) => AdminAnswer }

/** What is read by a role alone. Reviewers read of what waits for them as everybody reads of what is served. */
function readAct(target: string): ReadAct | undefined {
  const [path = '', query] = target.split(/\?(.*)/s, 2)
  if (/^\/v1\/reviews(?:\/|$)/.test(path)) {
    const of = target.startsWith('/v1/reviews/servers/') ? target.replace('/reviews', '') : target
    return { method: 'admin/registry/reviews', body: Buffer.from(JSON.stringify({ target: of })) }
  }
  const found = READS.find(route => route.path.test(path))
  const named = found && segments(found.path, path)
  if (!found || !named) return undefined
  const params = new URLSearchParams(query)
  const asked = (found.query ?? []).flatMap(name => (params.get(name) ? [[name, params.get(name)]] : []))
  const body = Buffer.from(JSON.stringify({ ...Object.fromEntries(asked), ...byName(found.parts, named) }))
  const [namespace = ''] = named
  return { method: found.act, body, ...(found.pick && { picks: answered => onlyNamespace(answered, namespace) }) }
}

function onlyNamespace(answered: AdminAnswer, wanted: string): AdminAnswer {
  const { namespaces } = JSON.parse(answered.body.toString()) as { readonly namespaces: readonly { readonly name: string }[] }
  const namespace = namespaces.find(({ name }) => name.toLowerCase() === wanted.toLowerCase())
  if (!namespace) return refusal({ stop: 'registry-unknown', detail: 'there is no such namespace that you may see' })
  return { ...answered, body: Buffer.from(neutral(JSON.stringify({ namespace }))) }
}

/** What the official API leaves open to registries, and has its own status for (OpenAPI 2025-12-01): a version neither changes nor goes away. */
const UNSUPPORTED = /^\/v0\.1\/servers\/[^/]+\/versions\/[^/]+$/
/** server.json, four bundles, and what stands around them */
const MAX_BODY_BYTES = 2 * 1024 * 1024
/** with documents of a version (registry/documents.ts), as JSON has them */
const MAX_LARGE_BYTES = 24 * 1024 * 1024

/** what is read of strangers in any case (http/body.ts) */
const MAX_PROOF_BYTES = 16_384
const TOO_MANY: Stop = { stop: 'address-limited', detail: 'too many proofs from this address', retryAfterSeconds: 60 }
const UNPROVED_STATUS = httpStatusOf({ stop: 'proof-invalid' }, 'modern')

const BARE = Buffer.from('{}')

async function write(deps: RegistryApiDeps, { req, res }: Exchange, { view, target, address }: Asked): Promise<AdminAnswer> {
  const found = WRITES.find(({ method, path }) => method === req.method && path.test(target))
  if (!found || view !== '') {
    deps.penalise(address)
    const allow = WRITES.filter(({ path }) => path.test(target)).map(({ method }) => method)
    return {
      ...refusal({ stop: 'http-method-refused', detail: 'nothing is written here' }),
      ...(UNSUPPORTED.test(target) && view === '' && { status: 501 }),
      headers: { Allow: ['GET', 'HEAD', ...allow].join(', ') },
    }
  }
  if (found.isExchange && !(await deps.mayProve(address))) return refusal(TOO_MANY)
  const headers = readHeaders(req.rawHeaders)
  const wrong = isStop(headers) ? headers : found.isBare ? undefined : checkContent(headers)
  if (isStop(headers) || wrong) return refusal(wrong ?? { stop: 'header-invalid' })
  const maxBytes = found.isExchange ? MAX_PROOF_BYTES : found.isLarge ? MAX_LARGE_BYTES : MAX_BODY_BYTES
  const isPublishing = found.isPublishing === true
  const body = found.isBare
    ? BARE
    : await bodyOf(req, maxBytes, bytes =>
        deps.mayHold({
          authorization: headers.authorization,
          proof: headers.proof,
          bytes,
          isLarge: bytes > MAX_BODY_BYTES,
          isPublishing,
          res,
        }),
      )
  if (isStop(body)) return { ...refusal(body), headers: { Connection: 'close' } }
  const params = paramsOf(found, target, body)
  if (isStop(params)) return refusal(params)
  const done = plain(await deps.run({ method: found.act, body: params, headers, address, isPublishing }))
  return found.isExchange ? exchanged(deps, done, address) : done
}

/** As the official API says it: a proof that does not count is 401. Guessing costs an address what other failures cost it. */
function exchanged(deps: RegistryApiDeps, done: AdminAnswer, address: string): AdminAnswer {
  if (done.status !== UNPROVED_STATUS) return done
  deps.penalise(address)
  return { ...done, status: 401 }
}

type Enlarge = (bytes: number) => Stop | undefined | Promise<Stop | undefined>
const bodyOf = (req: IncomingMessage, maxBytes: number, enlarge: Enlarge): Promise<Buffer | Stop> =>
  new Promise(resolve => {
    req.once('close', () => resolve({ stop: 'cancelled' })) // whoever went away is told nothing
    readBody(req, { maxBytes, enlarge }, resolve)
  })
