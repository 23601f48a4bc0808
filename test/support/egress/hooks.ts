// Sees what a gateway in this process is sent and sends, below everything the gateway itself does: at the sockets and pipes.
//
// A gateway is recognised by the file that makes it a listener (src/http/server.ts, and two of tests that serve its pages alone); its ways out by what opens them: undici's own connector for HTTP,
// src/adapters/upstream/process-channel.ts for processes. Hosts and upstreams that tests keep in the same process use neither.

import childProcess, { type ChildProcess } from 'node:child_process'
import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import https from 'node:https'
import { syncBuiltinESMExports } from 'node:module'
import net, { type AddressInfo, type Socket } from 'node:net'
import { basename } from 'node:path'
import tls from 'node:tls'
import type { EgressRecorder, Tap } from './recorder.ts'

const TAP = Symbol('egress')
const LISTENERS = ['/src/http/server.ts', '/test/authorization-server/world.ts', '/test/connect/connecting.test.ts']
/** Told every byte a socket or pipe sends. */
type Listener = { write(chunk: string | Uint8Array, encoding?: string): void }
type Tapped = { [TAP]?: Listener }
type Listening = () => EgressRecorder
type AnyFunction = (...args: any[]) => any

/** Headers that say nothing secret; every other one of a request to an upstream is taken for a credential. */
const ORDINARY =
  /^(?:accept|accept-encoding|connection|content-length|content-type|host|last-event-id|mcp-.*|traceparent|tracestate|transfer-encoding|user-agent)$/
/** Members of a token request that prove something, and of its answer that are worth stealing. */
const PRESENTED = ['assertion', 'client_assertion', 'client_secret', 'code', 'code_verifier', 'refresh_token']
const ISSUED = /"(?:access_token|refresh_token|id_token)"\s*:\s*"((?:[^"\\]|\\.)*)"/g
/** What every process is given (src/adapters/upstream/child-environment.ts). */
const BASICS = new Set(['HOME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'LOGNAME', 'PATH', 'SHELL', 'TMPDIR', 'TZ', 'USER'])

/** Whether one of the callers stands in a file whose path contains one of `parts`. */
function isCalledFrom(...parts: readonly string[]): boolean {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 50
  const { stack = '' } = new Error()
  Error.stackTraceLimit = stackTraceLimit
  return parts.some(part => stack.includes(part))
}

/** `listener` tells who records now: a process may run one test file after another. */
export function installHooks(listener: Listening): void {
  const ports = new Set<number>()
  tapSockets()
  replace(http, 'createServer', make => listening(make, listener, ports))
  replace(https, 'createServer', make => listening(make, listener, ports))
  for (const name of ['connect', 'createConnection'] as const) {
    replace(net, name, dial => dialling(dial, listener, ports))
    replace(tls, name, dial => dialling(dial, listener, ports))
  }
  replace(childProcess, 'spawn', start => spawning(start, listener))
  syncBuiltinESMExports()
}

function replace(owner: object, name: string, by: (original: AnyFunction) => AnyFunction): void {
  const holder = owner as Record<string, AnyFunction | undefined>
  const original = holder[name]
  if (original) holder[name] = by(original)
}

/** Every socket tells its tap what it writes, or its handle's: http/raw-stream.ts moves handles between sockets. */
function tapSockets(): void {
  const prototype = net.Socket.prototype as unknown as Record<'_write' | '_writev', AnyFunction>
  const { _write, _writev } = prototype
  const tapOf = (socket: Tapped & { _handle?: Tapped | null }): Listener | undefined => socket[TAP] ?? socket._handle?.[TAP]
  prototype._write = function (this: Tapped, chunk: string | Uint8Array, encoding: string, done: unknown) {
    tapOf(this)?.write(chunk, encoding)
    return _write.call(this, chunk, encoding, done)
  }
  prototype._writev = function (this: Tapped, chunks: readonly { chunk: string | Uint8Array; encoding: string }[], done: unknown) {
    const tap = tapOf(this)
    if (tap) for (const { chunk, encoding } of chunks) tap.write(chunk, encoding)
    return _writev.call(this, chunks, done)
  }
}

const listening =
  (make: AnyFunction, listener: Listening, ports: Set<number>): AnyFunction =>
  (...args) => {
    const server = make(...args) as Server
    if (!isCalledFrom(...LISTENERS)) return server
    const recorder = listener()
    recorder.gateways++
    let port = 0
    server.on('listening', () => ports.add((port = (server.address() as AddressInfo).port)))
    server.on('close', () => ports.delete(port))
    const isTls = make === https.createServer || server instanceof https.Server
    server.prependListener(isTls ? 'secureConnection' : 'connection', (socket: Socket & { _handle?: Tapped }) => {
      const tap = recorder.tap('to-host', 'host')
      if (socket._handle) socket._handle[TAP] = tap
    })
    server.prependListener('request', (req: IncomingMessage, res: ServerResponse) => hear(req, res, recorder))
    return server
  }

/** A request of a host: its tokens, and the tokens and codes it is given. */
function hear(req: IncomingMessage, res: ServerResponse, recorder: EgressRecorder): void {
  for (let i = 0; i + 1 < req.rawHeaders.length; i += 2) {
    const name = req.rawHeaders[i]!.toLowerCase()
    const value = req.rawHeaders[i + 1]!
    if (name === 'authorization') recorder.learnHostToken(value.replace(/^[\w-]+ +/, ''), 'sent as authorization')
    else if (name === 'dpop') recorder.learnHostToken(value, 'sent as proof')
  }
  if (req.url?.startsWith('/oauth/') !== true) return
  const { write, end } = res as unknown as Record<'write' | 'end', AnyFunction>
  let text = ''
  const keep = (chunk: unknown): void => {
    if (text.length < 65_536 && (typeof chunk === 'string' || chunk instanceof Uint8Array)) text += Buffer.from(chunk as string).toString()
  }
  Object.assign(res, {
    write(this: ServerResponse, ...args: unknown[]) {
      keep(args[0])
      return write.apply(this, args)
    },
    end(this: ServerResponse, ...args: unknown[]) {
      keep(args[0])
      if (req.url?.startsWith('/oauth/token') === true)
        for (const [, token = ''] of text.matchAll(ISSUED)) recorder.learnHostToken(token, 'issued to a host')
      const location = res.getHeader('location')
      const code = typeof location === 'string' ? URL.parse(location)?.searchParams.get('code') : undefined
      if (code) recorder.learnHostToken(code, 'a code for a host')
      return end.apply(this, args)
    },
  })
}

const dialling =
  (dial: AnyFunction, listener: Listening, ports: ReadonlySet<number>): AnyFunction =>
  (...args) => {
    const socket = dial(...args) as Socket & Tapped
    const { host, port } = (typeof args[0] === 'object' ? args[0] : {}) as { host?: string; port?: number | string }
    // What is sent to a gateway is a host's.
    if (port === undefined || ports.has(Number(port)) || socket[TAP] || !isCalledFrom('/node_modules/undici/')) return socket
    const recorder = listener()
    socket[TAP] = new OutgoingTap(recorder, recorder.tap('to-upstream', `${host}:${port}`), socket)
    return socket
  }

/** Requests as they leave: learns what the gateway presents, and from answers to token requests what it is given. */
class OutgoingTap implements Listener {
  readonly #recorder: EgressRecorder
  readonly #tap: Tap
  #isTokenRequest = false
  #answer = ''

  constructor(recorder: EgressRecorder, tap: Tap, socket: Socket) {
    this.#recorder = recorder
    this.#tap = tap
    const push = socket.push.bind(socket)
    socket.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (this.#isTokenRequest && chunk instanceof Uint8Array) this.#answered(chunk)
      return push(chunk, encoding)
    }
  }

  write(chunk: string | Uint8Array, encoding?: string): void {
    const start =
      typeof chunk === 'string' ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.length, 65_536)).toString('latin1')
    if (/^[A-Z]+ \S+ HTTP\/1\.1\r\n/.test(start)) this.#head(start)
    if (start.includes('grant_type=')) this.#asked(start)
    this.#tap.write(chunk, encoding)
  }

  #head(text: string): void {
    this.#isTokenRequest = false
    this.#answer = ''
    for (const line of text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n').slice(1)) {
      const [, name = '', value = ''] = /^([^:]+): ?(.*)$/.exec(line) ?? []
      if (ORDINARY.test(name.toLowerCase())) continue
      const secret = value.replace(/^[A-Za-z][\w-]* +(?=\S+$)/, '')
      this.#recorder.learnUpstreamCredential(secret, `sent as header ${name.toLowerCase()}`)
      if (!/^basic /i.test(value)) continue
      const [, password = ''] = /^[^:]*:(.*)$/.exec(Buffer.from(secret, 'base64').toString()) ?? []
      this.#recorder.learnUpstreamCredential(decodeURIComponent(password), 'sent as password')
    }
  }

  #asked(text: string): void {
    this.#isTokenRequest = true
    const form = new URLSearchParams(text.slice(!text.includes('\r\n\r\n') ? 0 : text.indexOf('\r\n\r\n') + 4))
    for (const name of PRESENTED)
      for (const value of form.getAll(name)) this.#recorder.learnUpstreamCredential(value, `${name} of a token request`)
  }

  #answered(chunk: Uint8Array): void {
    if (this.#answer.length > 65_536) return
    this.#answer += Buffer.from(chunk).toString()
    for (const [, token = ''] of this.#answer.matchAll(ISSUED)) this.#recorder.learnUpstreamCredential(token, 'issued to the gateway')
  }
}

const spawning =
  (start: AnyFunction, listener: Listening): AnyFunction =>
  (...args) => {
    const child = start(...args) as ChildProcess
    if (!isCalledFrom('/src/adapters/upstream/process-channel.ts')) return child
    const [command, parameters, { env = {} }] = args as [string, readonly string[], { env?: Record<string, string> }]
    const recorder = listener()
    const tap = recorder.tap('to-upstream', `process ${basename(command)}`)
    tap.write([command, ...parameters, ...Object.entries(env).map(pair => pair.join('='))].join('\0'))
    for (const [name, value] of Object.entries(env))
      if (!BASICS.has(name)) recorder.learnUpstreamCredential(value, `environment variable ${name}`)
    if (child.stdin) (child.stdin as Tapped)[TAP] = tap
    return child
  }
