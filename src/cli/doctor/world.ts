// The doctor's view of the real machine.

import { open, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { createIntrospection } from '../../adapters/introspection.ts'
import { createSafeFetch } from '../../adapters/safe-fetch.ts'
import { loopbackHosts } from '../../adapters/tokens.ts'
import type { Snapshot } from '../../config/schema.ts'
import type { Io } from '../command.ts'
import { codeOf } from '../files.ts'
import type { World } from './check.ts'
import { probeUpstream } from './probe.ts'

/** `snapshot` names the services on loopback that may be asked; without one nothing is asked. */
export function realWorld(io: Io, snapshot: Snapshot | undefined): World {
  const asked = [...(snapshot?.issuers ?? []), ...(snapshot?.login ? [snapshot.login] : [])]
  const own = snapshot ? [`${snapshot.listen.host}:${snapshot.listen.port}`] : []
  const fetch = createSafeFetch({
    namedHosts: [...loopbackHosts(asked), ...(snapshot?.outbound.hosts ?? []), ...own],
    networks: snapshot?.outbound.networks ?? [],
    timeoutMs: 5000,
  })
  return {
    now: () => io.now(),
    nodeVersion: process.version,
    platform: io.platform,
    env: io.env,
    uid: process.getuid?.(),
    openFileLimit,
    tryPort,
    get: url => fetch.get(url),
    async introspect(issuer) {
      const introspection = createIntrospection([issuer], { fetch })
      const said = await introspection.introspect(issuer.issuer, `nobody-${randomBytes(16).toString('hex')}`)
      if (said === 'inactive') return undefined
      return introspection.status()[0]?.detail ?? 'it calls a token active that nobody has'
    },
    async askTrust({ place }, pinnedRoot) {
      const { dryRefresh } = await import('../../adapters/tuf/dry-refresh.ts')
      const at =
        'folder' in place ? ({ kind: 'folder', folder: place.folder } as const) : ({ kind: 'https', url: place.url, fetch } as const)
      return dryRefresh({ place: at, pinnedRoot, now: () => io.now() }, snapshot && join(snapshot.dataDir, 'trust'))
    },
    measureSync,
    probe: upstream => probeUpstream(upstream, io),
  }
}

async function openFileLimit(): Promise<number | undefined> {
  const text = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(text) ?? []
  if (soft === 'unlimited') return Number.MAX_SAFE_INTEGER
  if (soft !== undefined) return Number(soft)
  // Without this the report looks up the name of every open connection.
  Object.assign(process.report, { excludeNetwork: true })
  return reportedLimit(process.report.getReport())
}

/** macOS has no /proc; Node's own report has the limits everywhere but on Windows. */
function reportedLimit(report: unknown): number | undefined {
  const at = (value: unknown, key: string): unknown =>
    typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, key)?.value : undefined
  const soft = at(at(at(report, 'userLimits'), 'open_files'), 'soft')
  if (soft === 'unlimited') return Number.MAX_SAFE_INTEGER
  return typeof soft === 'number' ? soft : undefined
}

function tryPort(host: string, port: number): Promise<string> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', error => resolve(codeOf(error) === 'EADDRINUSE' ? 'taken' : (codeOf(error) ?? 'unknown error')))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve('free')))
  })
}

async function measureSync(folder: string): Promise<readonly number[]> {
  const file = join(folder, `.doctor-${randomBytes(6).toString('hex')}`)
  const times: number[] = []
  const handle = await open(file, 'wx', 0o600)
  try {
    for (let i = 0; i < 15; i++) {
      const start = performance.now()
      await handle.write(randomBytes(4096))
      await handle.datasync()
      times.push(performance.now() - start)
    }
  } finally {
    await handle.close()
    await rm(file, { force: true })
  }
  return times
}
