// POST, GET and DELETE on an MCP endpoint: bytes -> Received -> walk -> JSON or SSE. Decides nothing itself; paths do.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isStop, type Stop } from '../kernel/errors.ts'
import type { Measure } from '../kernel/measure.ts'
import type { Principal } from '../kernel/principal.ts'
import { ShortLived } from '../kernel/short-lived.ts'
import { isMessageFault, readMessage, type MessageFault, type SingleMessage } from '../mcp/message.ts'
import { errorObject, httpStatusOf } from '../mcp/replies.ts'
import type { Era } from '../mcp/revisions.ts'
import {
  walk,
  type Answer,
  type Authenticated,
  type Endpoint,
  type EventStream,
  type HostLink,
  type Received,
  type Recorder,
  type StreamOwner,
} from '../pipeline/path.ts'
import type { Paths } from '../pipeline/paths.ts'
import { isBodyLeft, readBody } from './body.ts'
import { Exchange } from './exchange.ts'
import { checkContent, prefersStream, type EdgeHeaders } from './edge.ts'
import type { LargeBodies } from './large-bodies.ts'
import { BatchElement, PostExchange } from './post-exchange.ts'
import { contextOf, type TraceSource } from './trace-source.ts'

export type EndpointDeps = {
  readonly paths: Paths
  readonly recorder: Recorder
  readonly measure: Measure
  readonly limits: () => { readonly bodyBytes: number; readonly depth: number }
  readonly largeBodies: LargeBodies
  readonly openStream: (req: IncomingMessage, res: ServerResponse, who: StreamOwner) => EventStream | undefined
  readonly challenge: (stop: Stop, endpoint: Endpoint) => string | undefined
  readonly trace: TraceSource
  /** a refused stranger; `isForged`: with a token that nobody issued */
  readonly penalise: (address: string, isForged?: boolean) => void
  /** bytes that were read of somebody, or sent */
  readonly charge: (principal: Principal, bytes: number) => void
  /** why no more bytes of somebody are read now */
  readonly whyNoPayload: (principal: Principal) => Stop | undefined
  readonly isDraining: () => boolean
}

export type Inbound = {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly endpoint: Endpoint
  readonly headers: EdgeHeaders
  readonly address: string
}

type Finisher = HostLink & {
  close(status: number): void
  handOver(): void
  finish(status: number, head: string, body: Buffer, headers?: Readonly<Record<string, string>>): void
}

export class McpEndpoint {
  readonly #deps: EndpointDeps
  #requests = 0
  /** what is being walked now */
  readonly #exchanges = new ShortLived<Received>()
  #whenIdle: (() => void) | undefined
  constructor(deps: EndpointDeps) {
    this.#deps = deps
  }

  /** Requests being walked now. */
  get running(): number {
    return this.#exchanges.size
  }
  /** What is being walked at this moment. */
  get exchanges(): readonly Received[] {
    return this.#exchanges.values()
  }
  /** Requests walked so far. */
  get requests(): number {
    return this.#requests
  }
  /** Resolves when nothing runs any more, at the latest after `deadlineMs`. */
  idle(deadlineMs: number): Promise<void> {
    if (this.running === 0) return Promise.resolve()
    return new Promise(resolve => {
      const timer = setTimeout(resolve, deadlineMs)
      this.#whenIdle = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  handle(inbound: Inbound): void {
    const { req } = inbound
    if (req.method === 'POST') {
      const fault = checkContent(inbound.headers)
      if (fault) return this.refuse(inbound, fault)
      const { bodyBytes: maxBytes } = this.#deps.limits()
      readBody(req, { maxBytes, enlarge: bytes => this.#enlarge(inbound, bytes) }, body => this.#body(inbound, body))
    } else if (req.method === 'GET' || req.method === 'DELETE')
      this.#transportAct(inbound, req.method === 'GET' ? 'session/stream' : 'session/end')
    else this.refuse(inbound, { stop: 'http-method-refused', detail: 'expected POST, GET or DELETE' })
  }

  #enlarge({ res, headers: { authorization, proof }, endpoint: { resource } }: Inbound, bytes: number): ReturnType<LargeBodies['admit']> {
    return this.#deps.largeBodies.admit({ authorization, proof, resource, bytes, res, whyNot: this.#deps.whyNoPayload })
  }

  #body(inbound: Inbound, body: Buffer | Stop): void {
    if (!isStop(body)) this.#message(inbound, body)
    else if (body.stop === 'body-too-large') this.refuse(inbound, body)
    else this.turnAway(inbound, body)
  }

  /** A refusal before anything walked: counted, answered without an id unless it could be read (R2, R19). */
  refuse(inbound: Inbound, stop: Stop, id?: string): void {
    this.#deps.penalise(inbound.address)
    this.turnAway(inbound, stop, id)
  }

  /** The same where it is not said that the address does wrong. */
  turnAway(inbound: Inbound, stop: Stop, id?: string): void {
    const host = new PostExchange(inbound.res)
    const received = this.#received(inbound, TURNED_AWAY, host)
    this.#deps.recorder.count(received, stop)
    this.#stopped(inbound, host, { id, stop, received })
  }

  #message(inbound: Inbound, body: Buffer): void {
    const message = readMessage(body, { maxDepth: this.#deps.limits().depth })
    if (isMessageFault(message)) return this.refuse(inbound, faultStop(message), message.id)
    if (message.kind === 'batch') void this.#batch(inbound, message.items)
    else this.#single(inbound, message, new PostExchange(inbound.res, prefersStream(inbound.headers)))
  }

  #single(inbound: Inbound, message: SingleMessage, host: Finisher): void {
    const method = message.kind === 'response' ? 'session/reply' : message.method
    void this.#walk(inbound, this.#received(inbound, method, host, message), host)
  }

  /** Batches exist in 2025-03-26 sessions only; each element then walks its own path (R52, N087). */
  async #batch(inbound: Inbound, items: readonly (SingleMessage | MessageFault)[]): Promise<void> {
    const shared = new PostExchange(inbound.res)
    const received = this.#received(inbound, 'session/batch', shared)
    const allowed = await this.#run(received)
    if (isStop(allowed)) {
      this.#stopped(inbound, shared, { stop: allowed, received })
      return
    }
    let left = items.length
    const done = (): void => {
      left -= 1
      if (left === 0) shared.close(202)
    }
    for (const item of items) {
      const element = new BatchElement(shared, done)
      if (!isMessageFault(item)) this.#single(inbound, item, element)
      else this.#stopped(inbound, element, { id: item.id, stop: faultStop(item), received })
    }
  }

  #transportAct(inbound: Inbound, act: string): void {
    inbound.req.resume()
    const host = new PostExchange(inbound.res)
    void this.#walk(inbound, this.#received(inbound, act, host), host)
  }

  #received(inbound: Inbound, method: string, host: HostLink, message?: SingleMessage): Received {
    const meta = message?.kind === 'response' ? undefined : message?.meta
    const context = contextOf(inbound.headers, message?.doc, meta)
    return new Exchange(inbound, this.#deps.trace(context, method !== TURNED_AWAY), method, { host, message })
  }

  async #walk(inbound: Inbound, received: Received, host: Finisher): Promise<void> {
    const id = received.message?.kind === 'request' ? received.message.id : undefined
    if (this.#deps.isDraining()) {
      this.#stopped(inbound, host, { id, stop: DRAINING, received })
      return
    }
    const place = (this.#requests += 1)
    this.#exchanges.set(place, received)
    const end = await this.#run(received)
    this.#charge(received, end)
    if (isStop(end)) this.#stopped(inbound, host, { id, stop: end, received })
    else this.#answer(inbound, host, { id, answer: end, received })
    // While stopping, whoever waits for idle closes all connections next: an answer counts as running until it has left.
    if (this.#deps.isDraining() && inbound.res.writableEnded) await written(inbound.res)
    this.#exchanges.delete(place)
    if (this.running === 0) this.#whenIdle?.()
  }

  #run(received: Received): Promise<Answer | Stop> {
    return walk(this.#deps.paths.of(received), received, this.#deps.recorder, this.#deps.measure)
  }

  /** The message and what is sent because of it; known only now, so what is too much counts against the next. */
  #charge(received: Received & Partial<Authenticated>, end: Answer | Stop): void {
    const { principal, doc, relayed } = received
    if (principal) this.#deps.charge(principal, (doc?.bytes.length ?? 0) + relayed.bytes + bytesOf(end))
  }

  #answer(
    inbound: Inbound,
    host: Finisher,
    { id, answer, received }: { id: string | undefined; answer: Answer; received: Received },
  ): void {
    switch (answer.kind) {
      case 'result': {
        const headers = answer.sessionId === undefined ? undefined : { 'Mcp-Session-Id': answer.sessionId }
        return host.finish(200, `{"jsonrpc":"2.0","id":${id ?? 'null'},"result":`, answer.result, headers)
      }
      case 'error':
        return host.finish(statusOfError(answer.code, eraOf(received)), `{"jsonrpc":"2.0","id":${id ?? 'null'},"error":`, answer.error)
      case 'accepted':
        return host.close(received.method === 'session/end' ? 200 : 202)
      case 'stream': {
        if (received.ended) return this.#stopped(inbound, host, { id, stop: received.ended, received })
        host.handOver()
        const stream = this.#deps.openStream(inbound.req, inbound.res, answer.owner)
        if (stream) answer.open(stream)
      }
    }
  }

  #stopped(inbound: Inbound, host: Finisher, end: { id?: string | undefined; stop: Stop; received: Received }): void {
    const { id, stop, received } = end
    if (stop.stop === 'token-missing' || stop.stop === 'token-invalid') this.#deps.penalise(inbound.address, stop.isForged)
    if (stop.ask && 'result' in stop.ask) {
      host.finish(200, `{"jsonrpc":"2.0","id":${id ?? 'null'},"result":`, stop.ask.result)
      return
    }
    const challenge = this.#deps.challenge(stop, received.endpoint)
    const status = httpStatusOf(stop, eraOf(received))
    const headers = {
      ...(status === 405 && { Allow: 'POST, GET, DELETE' }),
      ...(isBodyLeft(inbound.req) && { Connection: 'close' }),
      ...(challenge !== undefined && { 'WWW-Authenticate': challenge }),
      ...(stop.retryAfterSeconds !== undefined && { 'Retry-After': String(Math.ceil(stop.retryAfterSeconds)) }),
    }
    const head = id === undefined ? '{"jsonrpc":"2.0","error":' : `{"jsonrpc":"2.0","id":${id},"error":`
    host.finish(status, head, Buffer.from(errorObject(stop, received.requestId)), headers)
  }
}

/** Resolves once the last byte has been handed to the system, or the connection is gone. */
const written = (res: ServerResponse): Promise<void> =>
  res.closed || res.destroyed ? Promise.resolve() : new Promise(resolve => res.once('close', resolve))

/** An error or refusal of the gateway's own is small. */
function bytesOf(end: Answer | Stop): number {
  if (isStop(end) || end.kind === 'accepted' || end.kind === 'stream') return 0
  return end.kind === 'result' ? end.result.length : end.error.length
}

/** the method of what never walks */
const TURNED_AWAY = 'http'
const DRAINING: Stop = { stop: 'draining', retryAfterSeconds: 1, fix: 'retry; another instance or the restarted gateway answers' }
const faultStop = (fault: MessageFault): Stop => ({ stop: fault.reason, detail: fault.detail })

/** The era decides the refusal's HTTP status; before classification the headers are the best guess, and nothing but the status hangs on it. */
const eraOf = (received: Received): Era =>
  received.headers.sessionId !== undefined && received.headers.method === undefined ? 'legacy' : 'modern'

/** R14, R20: some codes have their own status towards modern hosts. */
function statusOfError(code: number, era: Era): number {
  if (era === 'legacy') return 200
  if (code === -32601) return 404
  return code === -32020 || code === -32021 || code === -32022 ? 400 : 200
}
