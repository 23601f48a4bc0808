// The admin API: each act of the table at its own path, `POST /admin/block` and so on, JSON both ways. Decides nothing itself; paths do.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { Cancellation } from '../../kernel/cancellation.ts'
import { isStop, type Stop } from '../../kernel/errors.ts'
import type { Measure } from '../../kernel/measure.ts'
import type { Principal } from '../../kernel/principal.ts'
import { isJsonFault, readJson, type JsonDoc, type JsonNode } from '../../mcp/json.ts'
import { errorObject, httpStatusOf } from '../../mcp/replies.ts'
import {
  walk,
  type Answer,
  type Endpoint,
  type EventStream,
  type HostLink,
  type Received,
  type Recorder,
  type Relayed,
  type StreamOwner,
} from '../../pipeline/path.ts'
import type { AdminDoor, AdminPaths } from '../../pipeline/paths.ts'
import { readBody } from '../body.ts'
import { checkContent, EdgeHeaders, readHeaders } from '../edge.ts'
import type { RequestTrace, TraceSource } from '../trace-source.ts'
import { cutUnread } from '../unread.ts'

export type AdminApiDeps = {
  readonly paths: AdminPaths
  readonly recorder: Recorder
  readonly measure: Measure
  /** its resource is an audience of its own */
  readonly endpoint: () => Endpoint
  readonly challenge: (stop: Stop, endpoint: Endpoint) => string | undefined
  readonly trace: TraceSource
  readonly openStream: (req: IncomingMessage, res: ServerResponse, who: StreamOwner) => EventStream | undefined
  readonly penalise: (address: string, isForged?: boolean) => void
  readonly isDraining: () => boolean
}

/** `stream`: what is to be opened instead of sending a body */
export type AdminAnswer = {
  readonly status: number
  readonly body: Buffer
  readonly headers: Readonly<Record<string, string>>
  readonly stream?: Answer & { readonly kind: 'stream' }
}
/** One act as it came: over the network with headers, or by a local command. */
export type AdminAct = {
  readonly method: string
  readonly body: Buffer
  readonly headers?: EdgeHeaders
  readonly address: string
  readonly local?: { readonly user: string }
  /** by a session of the console, which its caller has verified: no header counts besides */
  readonly person?: Principal
  /** takes a token of the registry too */
  readonly isPublishing?: boolean
}

type Exchanged = { readonly req: IncomingMessage; readonly res: ServerResponse }

/** no more than is read of strangers too (http/body.ts) */
const MAX_BODY_BYTES = 16_384
const NO_HEADERS = new EdgeHeaders()
const EMPTY = Buffer.from('{}')

/** Nobody waits on a stream: an act runs to its end, whoever goes away. */
class NoHost implements HostLink {
  readonly cancellation = new Cancellation()
  notify(): boolean {
    return false
  }
}

class AdminExchange implements Received {
  readonly requestId: string
  readonly traceId: string
  readonly traceparent: string
  readonly spans: Received['spans']
  readonly receivedMs = performance.now()
  readonly endpoint: Endpoint
  readonly headers: EdgeHeaders
  readonly authorization: string | undefined
  readonly address: string
  readonly method: string
  readonly isRequest = true
  readonly doc: JsonDoc | undefined
  readonly params: JsonNode | undefined
  readonly host = new NoHost()
  readonly relayed: Relayed = { count: 0, bytes: 0, digest: '' }
  readonly local: AdminAct['local']
  readonly person: Principal | undefined
  readonly isPublishing: boolean
  readonly target: { readonly method: string; readonly url: string }
  /** for the record: an act carries everything it is judged by, as a 2026 request does */
  readonly era = 'modern'
  constructor(act: AdminAct, endpoint: Endpoint, trace: RequestTrace, doc: JsonDoc | undefined) {
    this.requestId = trace.requestId
    this.traceId = trace.traceId
    this.traceparent = trace.traceparent
    this.spans = trace.spans
    this.endpoint = endpoint
    this.headers = act.headers ?? NO_HEADERS
    this.authorization = act.headers?.authorization
    this.address = act.address
    this.method = act.method
    this.doc = doc
    this.params = doc?.root
    this.local = act.local
    this.person = act.person
    this.isPublishing = act.isPublishing === true
    // The endpoint's resource ends with the act's first segment, and each act has a URL of its own below it.
    this.target = { method: httpMethodOf(act.method), url: endpoint.resource + act.method.slice(act.method.indexOf('/')) }
  }
}

export class AdminApi {
  readonly #deps: AdminApiDeps
  constructor(deps: AdminApiDeps) {
    this.#deps = deps
  }

  /** Every path below /admin. Never throws. */
  handle(req: IncomingMessage, res: ServerResponse, address: string): void {
    const headers = readHeaders(req.rawHeaders)
    const target = req.url ?? ''
    const end = target.indexOf('?')
    const act = { method: target.slice(1, end < 0 ? undefined : end), body: EMPTY, address }
    if (isStop(headers)) return this.#send({ req, res }, this.#refused(act, headers))
    const known = { ...act, headers }
    if (!this.#deps.paths.of(act.method, 'network')) return this.#send({ req, res }, this.#refused(known, { stop: 'path-unknown' }))
    const expected = httpMethodOf(act.method)
    if (req.method !== expected) {
      const answer = this.#refused(known, { stop: 'http-method-refused', detail: `expected ${expected}` })
      return this.#send({ req, res }, { ...answer, headers: { ...answer.headers, Allow: expected } })
    }
    if (expected === 'GET') return void this.run(known).then(answer => this.#send({ req, res }, answer))
    const fault = checkContent(headers)
    if (fault) return this.#send({ req, res }, this.#refused(known, fault))
    readBody(req, { maxBytes: MAX_BODY_BYTES, enlarge: () => undefined }, body => {
      if (isStop(body)) this.#send({ req, res }, this.#refused(known, body))
      else void this.run({ ...known, body }).then(answer => this.#send({ req, res }, answer))
    })
  }

  /** Walks one act. Never rejects. */
  async run(act: AdminAct): Promise<AdminAnswer> {
    if (this.#deps.isDraining()) return this.#refused(act, { stop: 'draining', retryAfterSeconds: 1 })
    const path = this.#deps.paths.of(act.method, doorOf(act))
    if (!path) return this.#refused(act, { stop: 'path-unknown' })
    const doc = readJson(act.body)
    if (isJsonFault(doc)) return this.#refused(act, { stop: 'json-invalid', detail: `${doc.fault} at byte ${doc.at}` })
    const received = this.#exchange(act, doc)
    const end = await walk(path, received, this.#deps.recorder, this.#deps.measure)
    if (isStop(end)) return this.#stopped(received, end)
    const plain = { status: 200, body: end.kind === 'result' ? end.result : EMPTY, headers: {} }
    return end.kind === 'stream' ? { ...plain, stream: end } : plain
  }

  /** Opens the stream of an answer that has one, for who it is for. */
  open({ req, res }: Exchanged, answer: NonNullable<AdminAnswer['stream']>): void {
    const stream = this.#deps.openStream(req, res, answer.owner)
    if (stream) answer.open(stream)
  }
  #send(exchanged: Exchanged, answer: AdminAnswer): void {
    if (answer.stream) this.open(exchanged, answer.stream)
    else send(exchanged.res, answer)
  }

  #exchange(act: AdminAct, doc?: JsonDoc): AdminExchange {
    return new AdminExchange(act, this.#deps.endpoint(), this.#deps.trace(act.headers ?? NO_HEADERS, doc !== undefined), doc)
  }
  /** Refused before anything walked: counted, and held against the address. */
  #refused(act: AdminAct, stop: Stop): AdminAnswer {
    const received = this.#exchange(act)
    this.#deps.recorder.count(received, stop)
    if (act.local === undefined) this.#deps.penalise(act.address)
    return this.#stopped(received, stop, true)
  }
  #stopped(received: AdminExchange, stop: Stop, isPenalised = false): AdminAnswer {
    const isStranger = stop.stop === 'token-missing' || stop.stop === 'token-invalid'
    if (isStranger && !isPenalised && received.local === undefined) this.#deps.penalise(received.address, stop.isForged)
    const challenge = this.#deps.challenge(stop, received.endpoint)
    const { message, data } = JSON.parse(errorObject(stop, received.requestId)) as { message: string; data: object }
    return {
      status: httpStatusOf(stop, 'modern'),
      body: Buffer.from(JSON.stringify({ error: { message, ...data } })),
      headers: {
        ...(challenge !== undefined && { 'WWW-Authenticate': challenge }),
        ...(stop.retryAfterSeconds !== undefined && { 'Retry-After': String(Math.ceil(stop.retryAfterSeconds)) }),
      },
    }
  }
}

const ALWAYS = {
  'Content-Type': 'application/json',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
} as const

const doorOf = ({ local, person }: AdminAct): AdminDoor => (local ? 'local' : person ? 'console' : 'network')

/** Reading acts change nothing. */
export const httpMethodOf = (method: string): 'GET' | 'POST' => (method.endsWith('/list') || READING.has(method) ? 'GET' : 'POST')
const READING: ReadonlySet<string> = new Set(['admin/whoami', 'admin/approvals/events', 'admin/audit/state'])

function send(res: ServerResponse, { status, body, headers }: AdminAnswer): void {
  if (res.headersSent || res.destroyed) return
  res.writeHead(status, { ...ALWAYS, 'Content-Length': body.length, ...headers }).end(body)
  cutUnread(res)
}
