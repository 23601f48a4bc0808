// The control plane behind the gateway's listener: resource metadata, health, readiness, metrics. Express is loaded with the first request that needs it.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Express, NextFunction, Request, Response } from 'express'
import { METADATA_PREFIX, metadataDocument, type ResourceSettings } from '../../identity/challenge.ts'
import type { Reason } from '../../kernel/errors.ts'
import type { ConsoleDeps } from './console/mount.ts'
import type { PeopleDeps } from './people.ts'

/** One thing the gateway stands on. Only `unready` makes /readyz fail: one bad upstream is `degraded`, an audit log that cannot be written is not. */
export type Dependency = {
  readonly name: string
  readonly state: 'ready' | 'degraded' | 'unready'
  /** why, without secrets */
  readonly detail?: string
}

export type ControlPlaneDeps = {
  /** read at each request: a reload may change it */
  readonly resource: () => ResourceSettings
  /** whether the sender of this request sees metrics and dependencies by name */
  readonly mayMonitor: (req: IncomingMessage) => boolean
  readonly dependencies: () => readonly Dependency[] | Promise<readonly Dependency[]>
  /** the page for what `accept` asks for: Prometheus text, or OpenMetrics */
  readonly metrics: (accept?: string) => Promise<{ readonly type: string; readonly text: string }>
  /** pages and authorization server; absent = there is none */
  readonly people?: PeopleDeps
  /** pages for approvals and reviews; absent = nobody signs in with a browser */
  readonly console?: ConsoleDeps
}

type Handler = (req: IncomingMessage, res: ServerResponse) => void

/** Handles every request that is no MCP endpoint's. Host and Origin were checked before (http/edge.ts). Never throws. */
export function createControlPlane(deps: ControlPlaneDeps): Handler {
  let handler: Handler | undefined
  let loading: Promise<Handler> | undefined
  return (req, res) => {
    if (handler) {
      handler(req, res)
      return
    }
    loading ??= createApp(deps)
    loading.then(
      app => {
        handler = app
        app(req, res)
      },
      () => {
        loading = undefined
        answer(res, 500, { reason: 'internal-fault', message: 'the control plane cannot be loaded' })
      },
    )
  }
}

async function createApp(deps: ControlPlaneDeps): Promise<Express> {
  const { default: express } = await import('express')
  const app = express()
  app.disable('x-powered-by')
  app.set('etag', false)
  app.set('query parser', false)
  app.set('case sensitive routing', true)
  app.set('strict routing', true)
  app.use(secure)
  app.use((req, res, next) => serveMetadata(deps, req, res, next))
  app.get('/healthz', (_req, res) => answer(res, 200, { status: 'alive' }))
  app.get('/readyz', async (req, res) => {
    const dependencies = await deps.dependencies()
    const isReady = dependencies.every(({ state }) => state !== 'unready')
    const status = isReady ? 'ready' : 'unready'
    answer(res, isReady ? 200 : 503, deps.mayMonitor(req) ? { status, dependencies } : { status })
  })
  app.get('/metrics', async (req, res) => {
    if (!deps.mayMonitor(req)) {
      refuse(res, 403, 'address-forbidden', 'this address is not in `monitoring.allow`')
      return
    }
    const { type, text } = await deps.metrics(req.headers.accept)
    res.setHeader('Content-Type', type)
    res.setHeader('Vary', 'Accept')
    res.end(text)
  })
  for (const path of ['/healthz', '/readyz', '/metrics']) app.all(path, (_req, res) => onlyGet(res))
  if (deps.people) {
    const { mountPeople } = await import('./people.ts')
    mountPeople(app, deps.people)
  }
  if (deps.console) {
    const { mountConsole } = await import('./console/mount.ts')
    mountConsole(app, deps.console)
  }
  app.use((_req, res) => refuse(res, 404, 'path-unknown', 'nothing is served at this path'))
  // What went wrong stays inside.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- express knows an error handler by its four parameters
  app.use((_error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    if (res.headersSent) res.destroy()
    else refuse(res, 500, 'internal-fault', 'the request ended in a fault')
  })
  return app
}

function secure(_req: Request, res: Response, next: NextFunction): void {
  res.setHeader('Cache-Control', 'no-store')
  res.setHeader('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'")
  res.setHeader('Cross-Origin-Resource-Policy', 'same-origin')
  res.setHeader('Referrer-Policy', 'no-referrer')
  res.setHeader('X-Content-Type-Options', 'nosniff')
  next()
}

/**
 * RFC 9728 documents are public, the same for everybody and asked for without credentials; hosts that run in a browser (MCP Inspector) read them from
 * another origin and send MCP-Protocol-Version along, hence the only CORS headers here. Other origins still have to pass http/edge.ts.
 */
function serveMetadata(deps: ControlPlaneDeps, req: Request, res: Response, next: NextFunction): void {
  const path = pathOf(req)
  if (path !== METADATA_PREFIX && !path.startsWith(`${METADATA_PREFIX}/`)) {
    next()
    return
  }
  const text = metadataDocument(deps.resource(), path)
  if (text === undefined) {
    next()
    return
  }
  res.setHeader('Access-Control-Allow-Origin', '*')
  res.setHeader('Cross-Origin-Resource-Policy', 'cross-origin')
  if (req.method === 'OPTIONS') {
    res
      .writeHead(204, {
        'Access-Control-Allow-Methods': 'GET',
        'Access-Control-Allow-Headers': 'MCP-Protocol-Version',
        'Access-Control-Max-Age': '600',
      })
      .end()
  } else if (req.method !== 'GET' && req.method !== 'HEAD') onlyGet(res)
  else {
    res.setHeader('Content-Type', 'application/json')
    res.end(text)
  }
}

/** As sent, neither decoded nor normalised: one spelling names one endpoint. */
function pathOf({ url }: Request): string {
  const end = url.indexOf('?')
  return end < 0 ? url : url.slice(0, end)
}

function onlyGet(res: ServerResponse): void {
  res.setHeader('Allow', 'GET, HEAD')
  refuse(res, 405, 'http-method-refused', 'only GET is answered here')
}

const refuse = (res: ServerResponse, status: number, reason: Reason, message: string): void => answer(res, status, { reason, message })

function answer(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}
