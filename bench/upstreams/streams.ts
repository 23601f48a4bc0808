// Servers that do nothing but hold event streams open: what a stream costs at least. Prints its port. `node streams.ts plain|taken|bare`
// plain: a node:http response each. taken: src/http/raw-stream.ts. bare: a net.Socket each, no HTTP parser at all.

import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createNet, type AddressInfo, type Socket } from 'node:net'

const kind = process.argv[2]
const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n'
const held = new Set<object>()

/** Listeners are made here, so that they keep the stream alone alive. */
function hold(stream: { on(event: 'close', listener: () => void): unknown }): void {
  held.add(stream)
  stream.on('close', () => held.delete(stream))
}

function plain(req: IncomingMessage, res: ServerResponse): void {
  req.resume()
  req.on('end', () => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' })
    res.flushHeaders()
    hold(res)
  })
}

const port = (server: { address(): AddressInfo | string | null }): void =>
  void process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
if (kind === 'bare') {
  const answer = (socket: Socket): void => {
    socket.write(HEAD)
    hold(socket)
  }
  const server = createNet(socket => {
    socket.on('error', () => {})
    socket.once('data', () => answer(socket))
    socket.on('data', () => {})
  })
  server.listen(0, '127.0.0.1', () => port(server))
} else if (kind === 'taken') {
  const { takeOver } = await import('../../src/http/raw-stream.ts')
  const head = Buffer.from(HEAD)
  const taken = (req: IncomingMessage, res: ServerResponse): void => {
    const stream = takeOver(req, res, head)
    if (!stream) throw new Error('expected a socket that can be taken over')
    held.add(stream)
    forget(stream)
  }
  const forget = (stream: NonNullable<ReturnType<typeof takeOver>>): void => stream.onClose(() => held.delete(stream))
  const server = createHttp((req, res) => void req.resume().on('end', () => taken(req, res)))
  server.listen(0, '127.0.0.1', () => port(server))
} else {
  const server = createHttp(plain)
  server.listen(0, '127.0.0.1', () => port(server))
}
process.on('SIGTERM', () => process.exit(0))
