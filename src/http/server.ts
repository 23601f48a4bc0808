// The one listener: node:http with hard limits; MCP endpoints by exact path, everything else to the control plane.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { isStop, type Stop } from '../kernel/errors.ts'
import type { Endpoint } from '../pipeline/path.ts'
import { isBodyLeft } from './body.ts'
import type { ConnectionTable } from './connections.ts'
import { checkAuthority, clientAddress, EdgeHeaders, readHeaders, type Gatekeeper } from './edge.ts'
import { BACKCHANNEL_LOGOUT_PATH } from './control-plane/backchannel-logout.ts'
import { isRegistryPath } from './control-plane/registry.ts'
import { isTrustPath } from './control-plane/trust-files.ts'
import type { Inbound, McpEndpoint } from './mcp-endpoint.ts'

/** Everything that a reload may change is behind a function. */
export type ServerDeps = {
  readonly endpoint: McpEndpoint
  /** path (exact bytes) -> endpoint; N074: one spelling only */
  readonly endpoints: () => ReadonlyMap<string, Endpoint>
  readonly gatekeeper: () => Gatekeeper
  readonly isTrustedProxy: (address: string) => boolean
  /** seconds an address has to wait because too many of its requests were refused; undefined = none */
  readonly blockedSeconds: (address: string) => number | undefined
  /** one request of an address; a stop where it sends too many */
  readonly limitAddress: (address: string) => Stop | undefined | Promise<Stop | undefined>
  /** one request of somebody without an account; `isProbe`: about the gateway's own state */
  readonly limitVisitor: (address: string, isProbe: boolean) => Stop | undefined | Promise<Stop | undefined>
  readonly connections: ConnectionTable
  readonly controlPlane: (req: IncomingMessage, res: ServerResponse) => void
  /** back-channel logout of identity providers */
  readonly logout: (req: IncomingMessage, res: ServerResponse, address: string) => void
  /** every path below /admin; `address` as per-address limits know it */
  readonly admin: (req: IncomingMessage, res: ServerResponse, address: string) => void
  /** paths of the registry's API */
  readonly registry: (req: IncomingMessage, res: ServerResponse, address: string) => void
  /** files of the repository of trust that is published here; absent = none is */
  readonly trustFiles?: (req: IncomingMessage, res: ServerResponse, address: string) => void
  readonly timeouts: { readonly headersMs: number; readonly bodyMs: number }
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer }
}

const NOWHERE: Endpoint = { kind: 'server', path: '/', resource: '', aliases: [] }
const NO_HEADERS = new EdgeHeaders()
const MAX_HEADER_BYTES = 32_768

export function createGatewayServer(deps: ServerDeps): Server {
  const options = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: deps.timeouts.headersMs,
    requestTimeout: deps.timeouts.bodyMs,
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: 65_000,
    insecureHTTPParser: false,
    requireHostHeader: false, // checked, with a reason, in edge.ts
  }
  const onRequest = (req: IncomingMessage, res: ServerResponse): void => handle(deps, req, res)
  const server: Server = deps.tls ? createTlsServer({ ...options, ...deps.tls }, onRequest) : createServer(options, onRequest)
  // The bare connection, before any TLS handshake on it.
  server.on('connection', (socket: Socket) => deps.connections.admit(socket))
  // Smuggling, over-long headers, slow headers: answered once and closed (N070, N077).
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuseRaw(error, socket))
  // No protocol is ever switched and nothing is tunnelled.
  server.on('upgrade', (_req: IncomingMessage, socket: Socket) => socket.destroy())
  server.on('connect', (_req: IncomingMessage, socket: Socket) => socket.destroy())
  return server
}

function handle(deps: ServerDeps, req: IncomingMessage, res: ServerResponse): void {
  const headers = readHeaders(req.rawHeaders)
  const address = clientAddress(req.socket.remoteAddress, isStop(headers) ? NO_HEADERS : headers, deps.isTrustedProxy)
  const path = pathOf(req.url ?? '')
  const found = deps.endpoints().get(path)
  const inbound = { req, res, endpoint: found ?? NOWHERE, headers: isStop(headers) ? NO_HEADERS : headers, address }
  if (isStop(headers)) return deps.endpoint.refuse(inbound, headers)
  const authority = checkAuthority(headers, deps.gatekeeper())
  if (authority) return deps.endpoint.refuse(inbound, authority)
  const wait = deps.blockedSeconds(address)
  if (wait !== undefined)
    return deps.endpoint.refuse(inbound, { stop: 'address-limited', retryAfterSeconds: wait, fix: 'send a valid token' })
  whenCounted(deps.limitAddress(address), stop => (stop ? deps.endpoint.turnAway(inbound, stop) : route(deps, inbound, path)))
}

function route(deps: ServerDeps, inbound: Inbound, path: string): void {
  const { req, res, endpoint, address } = inbound
  if (endpoint !== NOWHERE) return deps.endpoint.handle(inbound)
  if (isBodyLeft(req)) res.setHeader('Connection', 'close')
  if (path.startsWith('/admin/')) deps.admin(req, res, address)
  else if (isRegistryPath(path)) deps.registry(req, res, address)
  else if (deps.trustFiles && isTrustPath(path)) deps.trustFiles(req, res, address)
  else
    whenCounted(deps.limitVisitor(address, PROBES.has(path)), stop => {
      if (stop) deps.endpoint.turnAway(inbound, stop)
      else if (path === BACKCHANNEL_LOGOUT_PATH) deps.logout(req, res, address)
      else deps.controlPlane(req, res)
    })
}

const PROBES: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics'])

/** At once, unless the counter has to be asked. */
function whenCounted(verdict: Stop | undefined | Promise<Stop | undefined>, go: (stop: Stop | undefined) => void): void {
  if (verdict instanceof Promise) void verdict.then(go)
  else go(verdict)
}

/** The path as sent: never decoded, never normalised, so that two spellings cannot mean one endpoint. An absolute-form target is no path of ours. */
function pathOf(target: string): string {
  const end = target.indexOf('?')
  return end < 0 ? target : target.slice(0, end)
}

function refuseRaw(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || socket.destroyed) return void socket.destroy()
  const status =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? '408 Request Timeout'
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : '400 Bad Request'
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy())
}
