// What a snapshot says about the listener: names it answers to, proxies it believes, its certificate, its patience.

import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { Snapshot } from '../config/schema.ts'
import { gatekeeper, type Gatekeeper } from '../http/edge.ts'
import { createGatewayServer, type ServerDeps } from '../http/server.ts'
import { Fault } from '../kernel/errors.ts'
import { inNetworks } from './networks.ts'

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost'])

export function gatekeeperOf(snapshot: Snapshot, port: number): Gatekeeper {
  const { publicUrl, allowedHosts, allowedOrigins, listen } = snapshot
  return gatekeeper({ publicUrl, port, isLoopback: LOOPBACK.has(listen.host), allowedHosts, allowedOrigins })
}

/** Whose X-Forwarded-For is believed. */
export const trustedProxies = (snapshot: Snapshot): ((address: string) => boolean) => inNetworks(snapshot.trustedProxies)

export const hostText = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/** Not listening yet. Throws where the certificate or its key cannot be read. */
export function createListener({ limits, listen: { tls } }: Snapshot, deps: Omit<ServerDeps, 'timeouts' | 'tls'>): Server {
  return createGatewayServer({
    ...deps,
    timeouts: { headersMs: limits.headersMs, bodyMs: limits.bodyMs },
    ...(tls && { tls: { cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) } }),
  })
}

/** What of a listener a reload may change. */
export function setPatience(server: Server, { limits }: Snapshot): void {
  server.headersTimeout = limits.headersMs
  server.requestTimeout = limits.bodyMs
}

/** Throws Fault `listen-failed` that says which address and why. */
export function listen(server: Server, { listen: { host, port } }: Snapshot): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'the port is in use by another process' : (cause.code ?? 'unknown')
      reject(new Fault('listen-failed', `cannot listen on ${hostText(host)}:${port}: ${why}`, { cause }))
    })
    server.listen(port, host, resolve)
  })
}
