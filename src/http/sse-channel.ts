// One open event stream to a host: an ordinary response or a socket taken over, with bounded buffering and shared keep-alives.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Principal, PrincipalKey } from '../kernel/principal.ts'
import { encodeSseEvent, KEEP_ALIVE } from '../mcp/sse.ts'
import type { EventStream } from '../pipeline/path.ts'
import { takeOver } from './raw-stream.ts'
import { cutUnread } from './unread.ts'

/** Where chunks go. `write` returns false once more than the bound is buffered; the channel is then closed by its owner. */
type Pipe = { write(chunk: Buffer): boolean; end(): void; onClose(listener: () => void): void }

const SSE_HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
} as const

const RECHECKS_AT_ONCE = 16
/** Bytes a slow host may leave unread before its stream is ended. */
const MAX_BUFFERED = 4 * 1024 * 1024

export class SseChannel {
  readonly #pipe: Pipe
  #isOpen = true
  constructor(pipe: Pipe) {
    this.#pipe = pipe
    pipe.onClose(() => (this.#isOpen = false))
  }
  get isOpen(): boolean {
    return this.#isOpen
  }
  write(event: Buffer): boolean {
    if (!this.#isOpen) return false
    if (this.#pipe.write(event)) return true
    this.end()
    return false
  }
  keepAlive(): void {
    this.write(KEEP_ALIVE)
  }
  end(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#pipe.end()
  }
  onClose(listener: () => void): void {
    this.#pipe.onClose(listener)
  }
}

/** True while a slow host has so much unread that what it can do without is better dropped: the room left is the result's. */
export const isCrowded = (res: ServerResponse): boolean => res.writableLength > MAX_BUFFERED / 2

/** An answer stream of one POST: short-lived, an ordinary chunked response. */
export function answerChannel(res: ServerResponse, extra?: Readonly<Record<string, string>>): SseChannel {
  res.writeHead(200, { ...SSE_HEADERS, ...extra })
  res.flushHeaders()
  return new SseChannel(responsePipe(res))
}

/** A stream that may stay silent for hours: the socket is taken over where possible, so that silence costs little memory. */
function standingChannel(req: IncomingMessage, res: ServerResponse, extra?: Readonly<Record<string, string>>): SseChannel {
  const headers = Object.entries({ ...SSE_HEADERS, ...extra })
  const head = `HTTP/1.1 200 OK\r\n${headers.map(([k, v]) => `${k}: ${v}\r\n`).join('')}Connection: close\r\n\r\n`
  const raw = takeOver(req, res, Buffer.from(head, 'latin1'))
  return raw ? new SseChannel(raw) : answerChannel(res, extra)
}

function responsePipe(res: ServerResponse): Pipe {
  return {
    write(chunk): boolean {
      res.write(chunk)
      return res.writableLength <= MAX_BUFFERED
    },
    end() {
      res.end()
      cutUnread(res)
    },
    onClose: listener => void res.on('close', listener),
  }
}

/** For whom a stream is open: what may end it. Strings of the token's verdict, not the verdict. */
export type Held = {
  readonly principal: PrincipalKey
  readonly issuer: string
  readonly client?: string | undefined
  /** `sid` of the token */
  readonly sessionId?: string | undefined
  readonly issuedAtSeconds: number
  readonly expiresAtSeconds: number
  /** upstreams of its endpoint */
  readonly aliases: readonly string[]
  /** whether its token still counts, where its issuer is asked about that */
  readonly isStillGood?: ((nowSeconds: number) => Promise<boolean>) | undefined
}

export const heldOf = (principal: Principal, aliases: readonly string[]): Held => ({
  principal: principal.key,
  issuer: principal.issuer,
  client: principal.client,
  sessionId: principal.sessionId,
  issuedAtSeconds: principal.issuedAtSeconds ?? 0,
  expiresAtSeconds: principal.expiresAtSeconds,
  aliases,
})

/** All standing streams: counted in all and per principal, kept alive by one timer, ended when the token that opened them ends (R82). */
export class StreamTable {
  readonly #streams = new Map<SseChannel, Held>()
  readonly #perPrincipal = new Map<PrincipalKey, number>()
  get size(): number {
    return this.#streams.size
  }
  isFull(principal: PrincipalKey, limits: { readonly total: number; readonly perPrincipal: number }): boolean {
    return this.#streams.size >= limits.total || (this.#perPrincipal.get(principal) ?? 0) >= limits.perPrincipal
  }
  add(channel: SseChannel, held: Held): void {
    this.#streams.set(channel, held)
    this.#perPrincipal.set(held.principal, (this.#perPrincipal.get(held.principal) ?? 0) + 1)
    channel.onClose(() => this.#remove(channel))
  }
  #remove(channel: SseChannel): void {
    const held = this.#streams.get(channel)
    if (!held) return
    this.#streams.delete(channel)
    const left = (this.#perPrincipal.get(held.principal) ?? 1) - 1
    if (left > 0) this.#perPrincipal.set(held.principal, left)
    else this.#perPrincipal.delete(held.principal)
  }
  /** Called by one timer for all. */
  tick(nowSeconds: number): void {
    for (const [channel, held] of this.#streams) {
      if (held.expiresAtSeconds <= nowSeconds) channel.end()
      else channel.keepAlive()
    }
  }
  /** Ends the streams whose token was taken back, or cannot be confirmed. A few issuers' answers at a time; never rejects. */
  async recheck(nowSeconds: number): Promise<void> {
    const watched = [...this.#streams].filter(([, held]) => held.isStillGood)
    for (let at = 0; at < watched.length; at += RECHECKS_AT_ONCE) {
      const group = watched.slice(at, at + RECHECKS_AT_ONCE)
      await Promise.all(
        group.map(async ([channel, { isStillGood }]) => {
          const isGood = await isStillGood?.(nowSeconds).catch(() => false)
          if (isGood !== true) channel.end()
        }),
      )
    }
  }
  endAll(): void {
    for (const channel of [...this.#streams.keys()]) channel.end()
  }
  /** Ends those whose holder may no longer listen; how many. */
  endWhere(isOver: (held: Held) => boolean): number {
    const over = [...this.#streams].filter(([, held]) => isOver(held))
    for (const [channel] of over) channel.end()
    return over.length
  }
}

/** A standing stream as the pipeline writes to it; undefined when the client is gone already. */
export function openEventStream(
  req: IncomingMessage,
  res: ServerResponse,
  { table, held, mcpSession }: { readonly table: StreamTable; readonly held: Held; readonly mcpSession: string | undefined },
): EventStream | undefined {
  if (res.destroyed) return undefined
  const channel = standingChannel(req, res, mcpSession === undefined ? undefined : { 'Mcp-Session-Id': mcpSession })
  table.add(channel, held)
  return {
    send: (message, eventId) => channel.write(encodeSseEvent(message, eventId === undefined ? {} : { id: eventId })),
    end(last) {
      if (last) channel.write(encodeSseEvent(last))
      channel.end()
    },
    onClose: listener => channel.onClose(listener),
  }
}
