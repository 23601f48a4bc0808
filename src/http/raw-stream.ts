// Takes a response's socket away from node:http, so that a stream which may stay silent for hours costs little more than a bare socket.
//
// node:http keeps a parser, an IncomingMessage, a ServerResponse and a dozen listeners per open response: about 16 kB. Here the connection's
// handle moves into a fresh net.Socket and the old one is destroyed empty, so node:http itself frees all it held for the connection.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { passOn, uncount } from './connections.ts'

export type RawStreamLimits = {
  /** bytes a slow reader may leave unsent before its connection is cut; default 4 MiB */
  readonly maxBufferedBytes?: number
  /** time a reader has to take what is left after `end()`; default 5_000 */
  readonly endGraceMs?: number
}

/** Bytes a client may still send (it has nothing left to say) before its connection is cut. They are read and dropped. */
const MAX_STRAY_BYTES = 16 * 1024
const DEFAULTS = { maxBufferedBytes: 4 * 1024 * 1024, endGraceMs: 5_000 }
const CRLF = Buffer.from('\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

/** The new socket; it knows its stream through a field, so that its listeners can be shared functions instead of closures. */
class TakenSocket extends Socket {
  stream: RawStream | undefined
}

/** A socket that answers one request for as long as both sides want. Closed for good on: end(), the client's FIN or reset, overflow, stray bytes. */
export class RawStream {
  readonly #socket: TakenSocket
  readonly #isChunked: boolean
  readonly #limits: Required<RawStreamLimits>
  #listeners: (() => void)[] = []
  #isOpen = true
  #strayBytes = 0

  constructor(socket: TakenSocket, isChunked: boolean, limits: Required<RawStreamLimits>) {
    this.#socket = socket
    this.#isChunked = isChunked
    this.#limits = limits
    socket.stream = this
    socket.on('data', dropStray).on('end', onFin).on('timeout', cut).on('error', ignoreError).on('close', onSocketClose)
  }

  /** false after end(), disconnect or overflow */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** bytes accepted and not yet handed to the kernel */
  get bufferedBytes(): number {
    return this.#socket.writableLength
  }

  /** Sends one piece of the body. False: it was not sent, because the stream is closed, or is now (more than `maxBufferedBytes` would wait). */
  write(bytes: Uint8Array): boolean {
    if (!this.#isOpen) return false
    if (bytes.length === 0) return true
    if (this.#socket.writableLength + bytes.length > this.#limits.maxBufferedBytes) {
      this.destroy()
      return false
    }
    this.#socket.write(this.#isChunked ? chunkOf(bytes) : bytes)
    return true
  }

  /** Ends the body and the connection; a client that does not read what is left is cut off after `endGraceMs`. Idempotent. */
  end(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#socket.setTimeout(this.#limits.endGraceMs)
    if (this.#isChunked) this.#socket.end(LAST_CHUNK)
    else this.#socket.end()
  }

  /** Cuts the connection at once. Idempotent. */
  destroy(): void {
    this.#isOpen = false
    this.#socket.destroy()
  }

  /** Calls back once when the connection is gone, whoever ended it; soon, if it is gone already. Several listeners may be added. */
  onClose(listener: () => void): void {
    if (this.#socket.destroyed && this.#socket.closed) process.nextTick(listener)
    else this.#listeners.push(listener)
  }

  /** For the socket's listeners of this module only. */
  countStray(bytes: number): void {
    this.#strayBytes += bytes
    if (this.#strayBytes > MAX_STRAY_BYTES) this.destroy()
  }

  /** For the socket's listeners of this module only. */
  closed(): void {
    this.#isOpen = false
    const listeners = this.#listeners
    this.#listeners = []
    for (const listener of listeners) listener()
  }
}

function dropStray(this: TakenSocket, chunk: Buffer): void {
  this.stream?.countStray(chunk.length)
}
/** A client that closed its half has gone: an event stream without a reader, or one that cannot cancel any more (MCP 2026-07-28, R17). */
function onFin(this: TakenSocket): void {
  cut.call(this)
}
function cut(this: TakenSocket): void {
  this.destroy()
}
/** A reset is a disconnect; `close` follows and tells the listeners. */
function ignoreError(): void {}
function onSocketClose(this: TakenSocket): void {
  uncount.call(this)
  this.stream?.closed()
}

/** One chunk of RFC 9112 section 7.1, in one piece: a small event then leaves in one packet. */
function chunkOf(bytes: Uint8Array): Buffer {
  const size = bytes.length.toString(16)
  const out = Buffer.allocUnsafe(size.length + bytes.length + 4)
  let at = out.write(size, 0, 'latin1')
  at += CRLF.copy(out, at)
  out.set(bytes, at)
  CRLF.copy(out, at + bytes.length)
  return out
}

/** What this file needs to know of a node:http connection beyond its documentation; each is checked before anything is touched. */
type Connection = Socket & {
  _handle?: { readStop?: unknown; readStart?: unknown; _consumed?: boolean } | null
  _httpMessage?: unknown
  parser?: { unconsume?: () => void; _consumed?: boolean } | null
}

/**
 * Sends `head` and takes the connection over. `head` is a status line and header fields in latin1, each ended by CRLF, without
 * Transfer-Encoding and Content-Length; the closing blank line may be left out. Framing and `Connection: close` are added here.
 *
 * Undefined = nothing was touched and the caller answers with `res` as usual: the request's body is not read to its end yet, something
 * was sent already, an earlier pipelined response is pending, TLS, or a Node whose internals differ.
 *
 * Afterwards neither `req` nor `res` may be used: their listeners are gone, and node:http has forgotten the connection, so neither
 * `server.close()` nor its timeouts or limits concern it. The caller keeps account of open streams and ends them.
 */
export function takeOver(req: IncomingMessage, res: ServerResponse, head: Buffer, limits: RawStreamLimits = {}): RawStream | undefined {
  const connection: Connection | null = res.socket
  if (!connection || !isTakeable(connection, req, res)) return undefined
  const isChunked = req.httpVersionMajor === 1 && req.httpVersionMinor >= 1
  const headBytes = framedHead(head, isChunked)
  const socket = moveHandle(connection, req, res)
  const stream = new RawStream(socket, isChunked, { ...DEFAULTS, ...limits })
  socket.write(headBytes, 'latin1')
  return stream
}

function isTakeable(connection: Connection, req: IncomingMessage, res: ServerResponse): boolean {
  const { _handle: handle, parser } = connection
  return (
    Object.getPrototypeOf(connection) === Socket.prototype && // TLSSocket and test doubles keep their own state
    !connection.destroyed &&
    connection.writable &&
    connection.writableLength === 0 &&
    // INVARIANT: a complete request means that the parser is not on the stack, so its freeing below cannot pull it away under itself.
    req.complete &&
    req.method !== 'HEAD' &&
    !res.headersSent &&
    connection._httpMessage === res &&
    typeof res.detachSocket === 'function' &&
    typeof handle?.readStart === 'function' &&
    typeof handle.readStop === 'function' &&
    typeof parser?.unconsume === 'function'
  )
}

/** The connection's handle in a new socket; the old socket closes without it, and node:http frees parser, timers and pipelined requests. */
function moveHandle(connection: Connection, req: IncomingMessage, res: ServerResponse): TakenSocket {
  const { _handle: handle, parser } = connection
  req.removeAllListeners()
  res.removeAllListeners()
  if (parser?._consumed) {
    parser.unconsume?.()
    parser._consumed = false
  }
  res.detachSocket(connection)
  connection._handle = null
  connection.destroy()
  // `handle` is how node:net itself makes the socket of an accepted connection; the option is not documented.
  const options = { handle, allowHalfOpen: false } as unknown as ConstructorParameters<typeof Socket>[0]
  const socket = new TakenSocket(options)
  passOn(connection, socket)
  return socket
}

function framedHead(head: Buffer, isChunked: boolean): string {
  const text = head.toString('latin1').replace(/(\r\n)+$/, '')
  if (text.includes('\r\n\r\n') || !text.startsWith('HTTP/1.1 '))
    throw new RangeError('expected a response head: status line and header fields')
  const connection = /\r\nconnection:/i.test(text) ? '' : '\r\nConnection: close'
  const date = /\r\ndate:/i.test(text) ? '' : `\r\nDate: ${new Date().toUTCString()}`
  return `${text}${date}${connection}${isChunked ? '\r\nTransfer-Encoding: chunked' : ''}\r\n\r\n`
}
