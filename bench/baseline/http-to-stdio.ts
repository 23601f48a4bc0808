// The bare proxy, HTTP to stdio, as one writes it: one child, messages parsed to make request ids unique and to put them back. It checks nothing.
// Prints its port. `node http-to-stdio.ts COMMAND ARG...`

import { spawn } from 'node:child_process'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LineReader } from '../lib/lines.ts'

const [command = '', ...args] = process.argv.slice(2)
const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
child.on('exit', () => process.exit(1))

type Message = { id?: unknown; method?: unknown }
const waiting = new Map<unknown, { readonly res: ServerResponse; readonly id: unknown }>()
let nextId = 1

function forward(res: ServerResponse, body: Buffer): void {
  const message = JSON.parse(body.toString()) as Message
  if (message.id === undefined) res.writeHead(202).end()
  else {
    waiting.set(nextId, { res, id: message.id })
    message.id = nextId
    nextId += 1
  }
  child.stdin.write(`${JSON.stringify(message)}\n`)
}

const lines = new LineReader(line => {
  const message = JSON.parse(line.toString()) as Message
  const wait = waiting.get(message.id)
  if (!wait || message.method !== undefined) return
  waiting.delete(message.id)
  message.id = wait.id
  const body = Buffer.from(JSON.stringify(message))
  wait.res.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
  wait.res.end(body)
})
child.stdout.on('data', (chunk: Buffer) => lines.push(chunk))

const server = createServer((req, res) => {
  if (req.method !== 'POST') {
    req.resume()
    res.writeHead(405).end()
    return
  }
  const chunks: Buffer[] = []
  req.on('data', (chunk: Buffer) => chunks.push(chunk))
  req.on('end', () => forward(res, Buffer.concat(chunks)))
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
process.on('SIGTERM', () => {
  child.kill()
  process.exit(0)
})
