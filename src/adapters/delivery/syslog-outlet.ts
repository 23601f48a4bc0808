// Syslog over TLS (RFC 5425): frames with octet counts, TLS verified. The protocol acknowledges nothing, so what a broken connection may have held goes again.

import { readFile } from 'node:fs/promises'
import { connect, type TLSSocket } from 'node:tls'
import { later, taken, type Outlet, type Sent, type Shipment } from '../../delivery/outlet.ts'
import type { SyslogSink } from '../../delivery/settings.ts'
import { framed } from '../../delivery/syslog.ts'
import { Fault } from '../../kernel/errors.ts'
import { namedLookup, type Resolve } from '../network-reach.ts'
import { tlsFiles } from './tls-files.ts'

/** More than what the two kernels of a connection hold of it: of what was written before, that much may never have been read. */
const UNSURE_BYTES = 16 * 1024 * 1024
/** A receiver that ends a connection by itself, in order, has read what came this long before: who leaves something unread ends it with a reset (RFC 9293 section 3.10.7.4). */
const READ_MS = 60_000
/** For a receiver to read what was written, and to say goodbye. */
const GOODBYE_MS = 3000
const KEEP_ALIVE_MS = 30_000

export type SyslogOptions = {
  /** for a connection, and for a write: default 10,000 */
  readonly timeoutMs?: number
  readonly resolve?: Resolve
  /** milliseconds of a clock that never goes back */
  readonly monotonic?: () => number
}

export class SyslogOutlet implements Outlet {
  readonly #settings: SyslogSink
  readonly #options: SyslogOptions
  #socket: TLSSocket | undefined
  #why: string | undefined
  /** written on this connection, newest last: the first seq of each shipment, its bytes and when */
  #written: { readonly seq: number; readonly bytes: number; readonly atMs: number }[] = []
  #closing: Promise<void> | undefined

  readonly unacknowledged = {
    from: (): number | undefined => this.#written[0]?.seq,
    look: (): Sent | undefined => (this.#isOpen() || this.#closing ? undefined : this.#behind()),
  }

  constructor(settings: SyslogSink, options: SyslogOptions = {}) {
    this.#settings = settings
    this.#options = options
  }

  async send({ parcels, isReplay }: Shipment): Promise<Sent> {
    // What is unsure then stays in the ledger, for the next start.
    if (this.#closing) return later('it is being ended')
    const behind = this.#isOpen() ? undefined : this.#behind()
    if (behind) return behind
    try {
      const socket = this.#socket ?? (await this.#connect())
      const bytes = Buffer.from(parcels.map(({ text }) => framed(text)).join(''))
      await this.#write(socket, bytes)
      if (!isReplay) this.#note(parcels[0]?.seq ?? 0, bytes.length)
      return taken(parcels.length)
    } catch (cause) {
      this.#end(cause instanceof Fault ? cause.code : whyOf(cause))
      return later(this.#why ?? 'the connection failed')
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#sayGoodbye()
    return this.#closing
  }

  /** So that what was written is read. Only where the other side says goodbye as well, within its time, is nothing of it unsure any more. */
  async #sayGoodbye(): Promise<void> {
    const socket = this.#socket
    this.#socket = undefined
    if (!socket || socket.destroyed) return
    const isRead = await new Promise<boolean>(resolve => {
      const timer = setTimeout(() => socket.destroy(), GOODBYE_MS)
      socket.once('close', hadError => {
        clearTimeout(timer)
        resolve(!hadError && socket.readableEnded)
      })
      socket.end()
    })
    if (isRead) this.#written = []
  }

  #behind(): Sent | undefined {
    const [unsure] = this.#written
    if (!unsure) return undefined
    this.#written = []
    return { taken: 0, trouble: { is: 'behind', from: unsure.seq, why: this.#why ?? 'the connection ended' } }
  }

  #now(): number {
    return (this.#options.monotonic ?? ((): number => performance.now()))()
  }

  #isOpen(): boolean {
    return this.#socket?.writable === true && !this.#socket.destroyed
  }

  async #connect(): Promise<TLSSocket> {
    this.#why = undefined
    const { host, port } = this.#settings
    const lookup = namedLookup({ host, isTls: true }, this.#options.resolve)
    const files = await tlsFiles(this.#settings, file => readFile(file))
    const socket = connect({
      host,
      port,
      lookup,
      ...files,
      servername: /^[\d.]+$|:/.test(host) ? '' : host,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
    })
    this.#socket = socket
    // What an older connection still says does not concern this one.
    const end = (why: string): void => (this.#socket === socket ? this.#end(why) : undefined)
    socket.on('error', cause => end(whyOf(cause)))
    socket.on('close', () => end('the connection ended'))
    socket.on('end', () => {
      if (this.#socket === socket) this.#written = this.#written.filter(({ atMs }) => this.#now() - atMs < READ_MS)
    })
    // RFC 5425: only the sender sends. Whoever answers is something else, and is not read on and on.
    socket.once('data', () => end('it answers, which no syslog receiver does'))
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    await this.#within(socket, done => socket.once('secureConnect', done))
    return socket
  }

  /** Resolves when the kernel has all of it. */
  #write(socket: TLSSocket, bytes: Buffer): Promise<void> {
    return this.#within(socket, done => socket.write(bytes, error => (error ? this.#end('the connection failed') : done())))
  }

  #within(socket: TLSSocket, begin: (done: () => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const over = (): void => {
        clearTimeout(timer)
        socket.removeListener('close', ended)
      }
      const ended = (): void => {
        over()
        reject(new Error('the connection ended'))
      }
      const timer = setTimeout(() => {
        this.#end('it did not take what was sent in time')
        ended()
      }, this.#options.timeoutMs ?? 10_000)
      socket.once('close', ended)
      begin(() => {
        over()
        resolve()
      })
    })
  }

  /** The first reason counts: what follows follows from it. */
  #end(why: string): void {
    this.#why ??= why
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #note(seq: number, bytes: number): void {
    this.#written.push({ seq, bytes, atMs: this.#now() })
    let kept = this.#written.reduce((sum, each) => sum + each.bytes, 0)
    while (kept > UNSURE_BYTES && this.#written.length > 1) kept -= this.#written.shift()?.bytes ?? 0
  }
}

/** TLS and system errors have codes; their messages may hold names from certificates. */
function whyOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return /^[A-Z_]{3,60}$/.test(code) ? `the connection failed (${code})` : 'the connection failed'
}
