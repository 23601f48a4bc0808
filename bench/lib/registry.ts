// The registry at its full size: what a page and a resolution cost through the store, its thread and its disk.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createVersionStore } from '../../src/adapters/sqlite/registry-store.ts'
import { openStateDb } from '../../src/adapters/sqlite/state-db.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import type { PageQuery } from '../../src/registry/store.ts'
import { round } from './stats.ts'

/** `rows` came back each time. */
export type RegistryFigure = { readonly what: string; readonly p50Ms: number; readonly p99Ms: number; readonly rows: number }

const VERSIONS_EACH = 10
const nameOf = (server: number): string => `com.example${server % 97}/server-${server}`

/** Fills a registry of `total` versions, a fifth of them in quarantine, and asks it `times` times each. */
export async function measureRegistry(total: number, times: number): Promise<RegistryFigure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-registry-'))
  const db = await openStateDb(join(folder, 'state.db'))
  try {
    const store = createVersionStore(db)
    const servers = total / VERSIONS_EACH
    for (let server = 0; server < servers; server += 50) {
      const group = Array.from({ length: 50 }, (_, i) => server + i)
      for (let minor = 0; minor < VERSIONS_EACH; minor++) await Promise.all(group.map(n => store.publish(publicationOf(n, minor))))
    }
    const page = (query: Partial<PageQuery>) => () => store.page({ limit: 100, withRevoked: false, ...query })
    const middle = { server: nameOf(Math.floor(servers / 2)), sequence: 1, changedAtSeconds: 500 }
    const one = async (version: string, at: number): Promise<readonly unknown[]> => {
      const found = await store.find(nameOf((at * 31) % servers), version)
      return found ? [found] : []
    }
    const asked: readonly (readonly [what: string, ask: (at: number) => Promise<readonly unknown[]>])[] = [
      ['first page of 100', page({})],
      ['page of 100 in the middle', page({ after: middle })],
      ['page of 100, latest versions alone', page({ after: middle, version: 'latest' })],
      ['page of 100 by change', page({ sinceSeconds: 400, after: middle })],
      ['search that finds one server in the end', page({ search: `server-${servers - 1}\n` })],
      ['search that finds nothing', page({ search: 'no such thing' })],
      ['page of a view of one namespace', page({ view: { servers: [], namespaces: ['com.example96'] } })],
      ['resolve one version', at => one('1.3.0', at)],
      ['resolve `latest`', at => one('latest', at)],
    ]
    const figures: RegistryFigure[] = []
    for (const [what, ask] of asked) {
      const ms: number[] = []
      let rows = 0
      for (let at = 0; at < times; at++) {
        const from = performance.now()
        rows = (await ask(at)).length
        ms.push(performance.now() - from)
      }
      figures.push({ what, p50Ms: round(quantile(ms, 0.5), 2), p99Ms: round(quantile(ms, 0.99), 2), rows })
    }
    return figures
  } finally {
    await db.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const quantile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN

const publicationOf = (server: number, minor: number): Parameters<ReturnType<typeof createVersionStore>['publish']>[0] => {
  const [name, version] = [nameOf(server), `1.${minor}.0`]
  const description = 'A server of the benchmark, with a description as long as such descriptions are'
  return {
    name,
    namespace: name.split('/')[0] ?? '',
    version,
    serverJson: JSON.stringify({
      name,
      description,
      version,
      packages: [{ registryType: 'npm', identifier: `@example/server-${server}`, version, transport: { type: 'stdio' } }],
    }),
    digest: 'a'.repeat(64),
    search: `${name}\n${description}`,
    publishedBy: 'https://idp.example bench' as PrincipalKey,
    atSeconds: (server * VERSIONS_EACH + minor) % 1000,
    artifacts: [],
    attestations: [{ digest: 'b'.repeat(64), kind: 'publisher', bundle: '{}', signer: 'bench' }],
    standing: minor % 5 === 4 ? 'quarantined' : 'admitted',
  }
}
