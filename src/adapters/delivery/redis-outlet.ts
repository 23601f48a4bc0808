// Redis Streams: one script appends a shipment, so that order and "each once" are the stream's own and not this connection's.

import { createClient } from '@redis/client'
import { readFile } from 'node:fs/promises'
import { doubtOf, later, type Outlet, type Sent, type Shipment } from '../../delivery/outlet.ts'
import type { RedisSink } from '../../delivery/settings.ts'
import { aheadIn, APPEND, appendArguments, appended, errorCode } from '../../delivery/stream.ts'
import { namedLookup } from '../network-reach.ts'
import { tlsFiles } from './tls-files.ts'

const DEFAULT_PORT = 6379

type Client = {
  connect(): Promise<unknown>
  sendCommand(args: readonly string[]): Promise<unknown>
  destroy(): void
  on(event: 'error', listener: (cause: unknown) => void): unknown
  readonly isReady: boolean
}

export class RedisOutlet implements Outlet {
  readonly #settings: RedisSink
  readonly #timeoutMs: number
  #client: Client | undefined
  /** the last seq that the stream had by itself, and the log agreed */
  #believed = -1

  /** `timeoutMs`: for a connection, and for a shipment; default 10,000 */
  constructor(settings: RedisSink, timeoutMs = 10_000) {
    this.#settings = settings
    this.#timeoutMs = timeoutMs
  }

  async send(shipment: Shipment): Promise<Sent> {
    const { stream, maxLength } = this.#settings
    const key = stream ?? `gatehouse:audit:${shipment.parcels[0]?.origin ?? ''}`
    try {
      const client = this.#client?.isReady === true ? this.#client : await this.#connect()
      const append = (): Promise<unknown> =>
        this.#inTime(client.sendCommand(['EVAL', APPEND, '1', key, ...appendArguments(shipment, maxLength, this.#believed)]))
      let answer = await append()
      const ahead = aheadIn(answer)
      if (ahead) {
        const doubt = await doubtOf(shipment, ahead)
        if (doubt) return doubt
        this.#believed = ahead.seq
        answer = await append()
      }
      return appended(answer, shipment.parcels.length)
    } catch (cause) {
      // Whether the script ran is not known; the stream knows.
      this.#drop()
      return later(whyOf(cause))
    }
  }

  close(): Promise<void> {
    this.#drop()
    return Promise.resolve()
  }

  async #connect(): Promise<Client> {
    this.#drop()
    const { hostname, port, protocol, username, password, pathname } = new URL(this.#settings.url)
    const host = hostname.replace(/^\[|\]$/g, '')
    const isTls = protocol === 'rediss:'
    const dial = {
      host,
      port: port === '' ? DEFAULT_PORT : Number(port),
      lookup: namedLookup({ host, isTls }),
      connectTimeout: this.#timeoutMs,
    }
    const files = isTls ? await tlsFiles(this.#settings, file => readFile(file)) : {}
    const tls = {
      tls: true as const,
      ...files,
      minVersion: 'TLSv1.2' as const,
      rejectUnauthorized: true,
      ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
    }
    const made = createClient({
      // Attempts are the route's: it has pauses, and says what is wrong.
      socket: isTls ? { ...dial, ...tls, reconnectStrategy: false as const } : { ...dial, reconnectStrategy: false as const },
      ...(username !== '' && { username: decodeURIComponent(username) }),
      ...(password !== '' && { password: decodeURIComponent(password) }),
      database: pathname.length > 1 ? Number(pathname.slice(1)) : 0,
      RESP: 2,
      disableOfflineQueue: true,
    })
    const client = made as unknown as Client
    client.on('error', () => {}) // whoever waits for an answer hears of it
    this.#client = client
    await this.#inTime(client.connect())
    return client
  }

  async #inTime<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Late()), this.#timeoutMs)
    })
    try {
      return await Promise.race([work, late])
    } finally {
      clearTimeout(timer)
      work.catch(() => {}) // it may fail later: the connection is dropped then
    }
  }

  #drop(): void {
    const client = this.#client
    this.#client = undefined
    try {
      client?.destroy()
    } catch {
      // it was closed already, which is what is wanted
    }
  }
}

class Late extends Error {}

function whyOf(cause: unknown): string {
  if (cause instanceof Late) return 'it did not answer in time'
  if (!(cause instanceof Error)) return 'the connection failed'
  const { code } = cause as NodeJS.ErrnoException
  if (typeof code === 'string' && /^[A-Za-z_-]{3,60}$/.test(code)) return `the connection failed (${code})`
  return /ErrorReply|SimpleError|BlobError/.test(cause.constructor.name)
    ? `Redis answered ${errorCode(cause.message)}`
    : 'the connection failed'
}
