// One keep-alive connection of the load generator: a request at a time, the answer to a callback.

import { connect, type Socket } from 'node:net'
import { ResponseReader, type HttpResponse } from './http1.ts'

export class Connection {
  readonly #socket: Socket
  #done: ((answer: HttpResponse | Error) => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    const reader = new ResponseReader(response => this.#settle(response))
    socket.on('data', chunk => {
      try {
        reader.push(chunk)
      } catch (error) {
        socket.destroy(error as Error)
      }
    })
    socket.on('error', error => this.#settle(error))
    socket.on('close', () => this.#settle(new Error('the connection was closed')))
  }

  static open(port: number, host = '127.0.0.1'): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host, noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new Connection(socket))
      })
    })
  }

  /** `done` is called once, with the answer or what broke the connection. */
  send(head: string, body: Buffer, done: (answer: HttpResponse | Error) => void): void {
    this.#done = done
    if (body.length < 16_384) {
      const out = Buffer.allocUnsafe(head.length + body.length)
      out.write(head, 0, 'latin1')
      body.copy(out, head.length)
      this.#socket.write(out)
      return
    }
    this.#socket.cork()
    this.#socket.write(head, 'latin1')
    this.#socket.write(body)
    this.#socket.uncork()
  }

  request(head: string, body: Buffer): Promise<HttpResponse> {
    return new Promise((resolve, reject) => this.send(head, body, answer => (answer instanceof Error ? reject(answer) : resolve(answer))))
  }

  close(): void {
    this.#socket.destroy()
  }

  #settle(answer: HttpResponse | Error): void {
    const done = this.#done
    this.#done = undefined
    done?.(answer)
  }
}
