// What an attacker does on the wire: requests with any header, and raw sockets for what node:http would not send.

import { request } from 'node:http'
import { connect, type Socket } from 'node:net'

export type Answer = {
  readonly status: number
  /** lower-case name -> value */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** every JSON-RPC message of the body, JSON or event stream */
  readonly messages: any[]
  /** the last one */
  readonly body: any
}
export type Sent = {
  readonly method?: string
  readonly path: string
  /** an array is sent as repeated fields, undefined not at all */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body?: string | Buffer
}

/** One request on a connection of its own; every header exactly as given. */
export function send(port: number, { method = 'POST', path, headers = {}, body }: Sent): Promise<Answer> {
  const fields = Object.fromEntries(Object.entries(headers).filter((e): e is [string, string | string[]] => e[1] !== undefined))
  return new Promise((resolve, reject) => {
    const req = request({ host: '127.0.0.1', port, method, path, headers: fields, agent: false }, res => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('end', () => resolve(answerOf(res.statusCode ?? 0, res.headers, Buffer.concat(chunks).toString())))
      res.on('error', reject)
    })
    req.on('error', reject)
    req.end(body)
  })
}

function answerOf(status: number, headers: Answer['headers'], text: string): Answer {
  const isStream = String(headers['content-type']).includes('event-stream')
  const messages: any[] = isStream ? eventsOf(text).map(data => JSON.parse(data)) : parsed(text)
  return { status, headers, text, messages, body: messages.at(-1) }
}
function parsed(text: string): any[] {
  try {
    return [JSON.parse(text)]
  } catch {
    return []
  }
}

/** The data of each event, as a host reads them (WHATWG HTML section 9.2.6): any of CR, LF, CRLF ends a line, data lines are joined. */
export function eventsOf(text: string): string[] {
  const found: string[] = []
  let data: string[] = []
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line === '') {
      if (data.some(d => d !== '')) found.push(data.join('\n'))
      data = []
    } else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''))
  }
  return found
}

/** A connection whose bytes the test decides. */
export class Raw {
  readonly socket: Socket
  text = ''
  readonly open: Promise<void>
  /** resolves with everything received once the other side has ended the connection, in whichever way */
  readonly closed: Promise<string>
  #waiting: (() => void) | undefined

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.open = new Promise(resolve => this.socket.once('connect', resolve))
    this.socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1')
      this.#waiting?.()
    })
    this.socket.on('error', () => {})
    this.closed = new Promise(resolve => {
      this.socket.on('close', () => {
        this.#waiting?.()
        resolve(this.text)
      })
    })
  }
  write(bytes: string | Buffer): this {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    return this
  }
  /** resolves once what came so far matches; the connection may go on */
  async until(what: RegExp): Promise<string> {
    while (!what.test(this.text) && !this.socket.destroyed) await new Promise<void>(resolve => (this.#waiting = resolve))
    return this.text
  }
  destroy(): void {
    this.socket.destroy()
  }
  get statuses(): number[] {
    return [...this.text.matchAll(/(?:^|\r\n|\})HTTP\/1\.1 (\d{3})/g)].map(m => Number(m[1]))
  }
}

/** Sends the bytes and waits until the gateway ends the connection. */
export const untilClosed = async (port: number, bytes: string | Buffer): Promise<Raw> => {
  const raw = new Raw(port).write(bytes)
  await raw.closed
  return raw
}
