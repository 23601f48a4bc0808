// The least a Node proxy can do, HTTP to stdio: one child, request ids swapped in the bytes where they stand. It checks nothing.
// Prints its port. `node http-to-stdio-least.ts COMMAND ARG...`

import { spawn } from 'node:child_process'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LineReader } from '../lib/lines.ts'

const [command = '', ...args] = process.argv.slice(2)
const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
child.on('exit', () => process.exit(1))
const HEAD = Buffer.from('{"jsonrpc":"2.0","id":')
const COMMA = 0x2c
const LF = Buffer.from('\n')

type Waiting = { readonly res: ServerResponse; readonly id: Buffer }
const waiting = new Map<number, Waiting>()
let nextId = 1

/** Where the id ends, for messages that begin as everybody writes them: `{"jsonrpc":"2.0","id":7,`. */
function idEnd(message: Buffer): number {
  if (message.length < HEAD.length || message.compare(HEAD, 0, HEAD.length, 0, HEAD.length) !== 0) return -1
  const end = message.indexOf(COMMA, HEAD.length)
  // a string id may hold a comma or an escape: those take the slow way
  return end < 0 || (message[HEAD.length] === 0x22 && message[end - 1] !== 0x22) ? -1 : end
}

/** The slow way: the same message beginning as everybody writes it, and where its id ends. */
function rewritten({ id, ...rest }: Record<string, unknown>): [Buffer, number] {
  delete rest['jsonrpc']
  const idText = JSON.stringify(id)
  const tail = JSON.stringify(rest).slice(1)
  return [Buffer.from(`${HEAD.toString()}${idText}${tail === '}' ? '' : ','}${tail}`), HEAD.length + Buffer.byteLength(idText)]
}

function forward(res: ServerResponse, body: Buffer): void {
  let message = body
  let end = idEnd(message)
  if (end < 0 || message.includes(0x0a)) {
    const parsed = JSON.parse(body.toString()) as Record<string, unknown>
    if (parsed['id'] === undefined) {
      child.stdin.write(`${JSON.stringify(parsed)}\n`)
      res.writeHead(202).end()
      return
    }
    ;[message, end] = rewritten(parsed)
  }
  const id = nextId
  nextId += 1
  waiting.set(id, { res, id: message.subarray(HEAD.length, end) })
  send(`{"jsonrpc":"2.0","id":${id}`, message.subarray(end))
}

/** Everything of one turn leaves in one system call. */
let isCorked = false
function send(head: string, rest: Buffer): void {
  if (!isCorked) {
    isCorked = true
    child.stdin.cork()
    process.nextTick(uncork)
  }
  if (rest.length > 16_384) {
    child.stdin.write(head)
    child.stdin.write(rest)
    child.stdin.write(LF)
    return
  }
  const out = Buffer.allocUnsafe(head.length + rest.length + 1)
  out.write(head, 0, 'latin1')
  rest.copy(out, head.length)
  out[out.length - 1] = 0x0a
  child.stdin.write(out)
}
function uncork(): void {
  isCorked = false
  child.stdin.uncork()
}

function back(line: Buffer): void {
  let message = line
  let end = idEnd(message)
  if (end < 0) {
    const parsed = JSON.parse(line.toString()) as Record<string, unknown>
    if (parsed['id'] === undefined || parsed['method'] !== undefined) return
    ;[message, end] = rewritten(parsed)
  }
  const id = Number(message.toString('latin1', HEAD.length, end))
  const wait = waiting.get(id)
  if (!wait) return
  waiting.delete(id)
  const tail = message.subarray(end)
  const { res } = wait
  res.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(HEAD.length + wait.id.length + tail.length)])
  if (tail.length <= 16_384) res.end(Buffer.concat([HEAD, wait.id, tail]))
  else {
    res.write(Buffer.concat([HEAD, wait.id]))
    res.end(tail)
  }
}
const lines = new LineReader(back)
child.stdout.on('data', (chunk: Buffer) => lines.push(chunk))

const EMPTY = Buffer.alloc(0)
const server = createServer((req, res) => {
  if (req.method !== 'POST') {
    req.resume()
    res.writeHead(405).end()
    return
  }
  let only: Buffer | undefined
  let several: Buffer[] | undefined
  req.on('data', (chunk: Buffer) => {
    if (only === undefined) only = chunk
    else (several ??= [only]).push(chunk)
  })
  req.on('end', () => forward(res, several ? Buffer.concat(several) : (only ?? EMPTY)))
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
process.on('SIGTERM', () => {
  child.kill()
  process.exit(0)
})
