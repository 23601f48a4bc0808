// The bench upstream over Streamable HTTP, on a bare socket server: JSON answers, keep-alive. Prints its port. `node http.ts --era modern --tools 10`.

import { createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { BenchUpstream, type Reply } from './answers.ts'
import { RequestReader } from '../lib/http1.ts'

const { values } = parseArgs({ options: { era: { type: 'string', default: 'legacy' }, tools: { type: 'string', default: '10' } } })
const upstream = new BenchUpstream({ era: values.era === 'modern' ? 'modern' : 'legacy', tools: Number(values.tools) })
let sessions = 0

const server = createServer({ noDelay: true }, socket => {
  const reader = new RequestReader((method, body) => {
    if (method === 'POST') send(socket, upstream.answer(body))
    else if (method === 'GET' && values.era === 'legacy') socket.write(STREAM)
    else send(socket, { status: method === 'DELETE' ? 200 : 405 })
  })
  socket.on('data', chunk => {
    try {
      reader.push(chunk)
    } catch {
      socket.destroy()
    }
  })
  socket.on('error', () => socket.destroy())
})

/** A stream that never ends: the 2025 GET stream, silent, or the answer to subscriptions/listen. */
const STREAM = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'

function send(socket: Socket, { status, body, startsSession, isStream }: Reply): void {
  if (isStream && body) {
    const event = `data: ${body.toString()}\n\n`
    socket.write(`${STREAM}${Buffer.byteLength(event).toString(16)}\r\n${event}\r\n`)
    return
  }
  const session = startsSession ? `Mcp-Session-Id: bench-${(sessions += 1)}\r\n` : ''
  const type = body ? 'Content-Type: application/json\r\n' : ''
  const head = Buffer.from(`HTTP/1.1 ${status} x\r\n${type}${session}Content-Length: ${body?.length ?? 0}\r\n\r\n`, 'latin1')
  if (!body) socket.write(head)
  else if (body.length < 32_768) socket.write(Buffer.concat([head, body]))
  else {
    socket.cork()
    socket.write(head)
    socket.write(body)
    socket.uncork()
  }
}

server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
process.on('SIGTERM', () => process.exit(0))
