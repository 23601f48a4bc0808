// The evaluation identity provider: a complete authorization server for one machine, so that the first run works before a real one is connected.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createSafeFetch, type SafeFetch } from '../adapters/safe-fetch.ts'
import { Fault } from '../kernel/errors.ts'
import { serveInteraction } from './interactions.ts'
import { serveMint } from './mint.ts'
import { createOidc } from './oidc.ts'
import { aboutPage, errorPage, pageHeaders } from './pages.ts'
import { keepCommandSecret, loadSigningKey, newCommandSecret, publishKey } from './secrets.ts'
import { issuerOf, MINT_PATH, refusalOf, type Directory, type ProviderSettings } from './settings.ts'
import { openStore } from './store.ts'

const HOST = '127.0.0.1'

export type ProviderDeps = {
  /** milliseconds since the epoch */
  readonly now: () => number
  readonly nodeEnv: string | undefined
  /** fetches client ID metadata documents; default: public https addresses only */
  readonly fetch?: SafeFetch
}

export type EvaluationProvider = {
  readonly issuer: string
  /** takes over users and resources of a new configuration; throws Fault `evaluation-refused` where refusalOf() has a reason. Port and folder stay. */
  configure(settings: ProviderSettings): void
  close(): Promise<void>
}

/** Resolves when it listens. Throws Fault `evaluation-refused`, or the key files' and listen's own errors. */
export async function startProvider(settings: ProviderSettings, deps: ProviderDeps): Promise<EvaluationProvider> {
  refuse(settings, deps)
  const issuer = issuerOf(settings)
  const directory = directoryOf(settings)
  const key = await loadSigningKey(settings.dataDir)
  const secret = newCommandSecret()
  const store = await openStore(settings.dataDir, deps.now)
  const fetch = settings.clientDocuments === false ? undefined : (deps.fetch ?? createSafeFetch({ maxBytes: 64 * 1024 }))
  const provider = createOidc({ issuer, directory, key, store, fetch, loginCallback: settings.loginCallback })
  const serveOidc = provider.callback()

  const serve = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    harden(res)
    const { host } = new URL(issuer)
    // Another Host is DNS rebinding; forwarding headers mean that a proxy shows this provider to others.
    if (req.headers.host !== host || req.headers.forwarded !== undefined || req.headers['x-forwarded-for'] !== undefined)
      return void res.writeHead(421, pageHeaders()).end(errorPage(`This identity provider answers only at ${issuer}, directly.`))
    const path = (req.url ?? '').split('?', 1)[0]
    if (path === MINT_PATH) return serveMint({ issuer, directory, key, secret, now: deps.now }, req, res)
    if (path === '/register' && allowRegistration(req, res)) return
    if (path === '/' && req.method === 'GET')
      return void res.writeHead(200, pageHeaders()).end(
        aboutPage(
          issuer,
          [...directory.users.keys()].map(name => ({ name })),
        ),
      )
    if (!(await serveInteraction(provider, directory, req, res))) await serveOidc(req, res)
  }
  const server = createServer((req, res) => {
    serve(req, res).catch(() => {
      if (!res.headersSent) res.writeHead(500, pageHeaders()).end(errorPage('Something went wrong here.'))
      else res.destroy()
    })
  })
  server.headersTimeout = 10_000
  server.requestTimeout = 30_000
  server.maxConnections = 256
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(settings.port, HOST, () => {
      server.off('error', reject)
      resolve()
    })
  })
  // Written by whoever holds the port: a second start that fails must not take the first one's place.
  await publishKey(key, settings.dataDir)
  await keepCommandSecret(secret, settings.dataDir)
  return {
    issuer,
    configure(next) {
      refuse(next, deps)
      Object.assign(directory, directoryOf(next))
    },
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

function refuse(settings: ProviderSettings, deps: ProviderDeps): void {
  const why = refusalOf(settings, deps.nodeEnv)
  if (why !== undefined) throw new Fault('evaluation-refused', why)
}

const directoryOf = ({ users, resources }: ProviderSettings): Directory => ({
  users: new Map(users.map(user => [user.name, user.groups])),
  resources: new Map(resources.map(({ resource, scopes }) => [resource, scopes])),
})

function harden(res: ServerResponse): void {
  res.setHeader('x-content-type-options', 'nosniff')
  res.setHeader('x-frame-options', 'DENY')
  res.setHeader('referrer-policy', 'same-origin')
  res.setHeader('cross-origin-opener-policy', 'same-origin')
}

/** Hosts that live in a browser on this machine (MCP Inspector) register from their own origin; pages of the internet may not. True = answered. */
function allowRegistration(req: IncomingMessage, res: ServerResponse): boolean {
  const { origin } = req.headers
  if (origin === undefined) return false
  if (!/^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/.test(origin)) {
    res.writeHead(403).end()
    return true
  }
  res.setHeader('access-control-allow-origin', origin)
  res.setHeader('vary', 'origin')
  if (req.method !== 'OPTIONS') return false
  res.writeHead(204, { 'access-control-allow-methods': 'POST', 'access-control-allow-headers': 'content-type, mcp-protocol-version' }).end()
  return true
}
