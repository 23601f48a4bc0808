// The registry at its full size: what a page and a resolution cost through the store, its thread and its disk, and as the JSON that is answered.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDocumentStore } from '../../src/adapters/sqlite/document-store.ts'
import { createRevocationLog, createVersionStore } from '../../src/adapters/sqlite/registry-store.ts'
import { openStateDb } from '../../src/adapters/sqlite/state-db.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import { createReader } from '../../src/registry/reader.ts'
import type { PageQuery, RevocationLog } from '../../src/registry/store.ts'
import { createSealer } from '../../src/kernel/seal.ts'
import { randomBytes } from 'node:crypto'
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
    const revocations = createRevocationLog(db)
    await fillRevocations(revocations, total / 10)
    const read = createReader({
      versions: store,
      revocations,
      documents: createDocumentStore(db),
      advisories: { page: () => Promise.resolve([]) },
      pins: () => [],
      endpoints: () => [],
      compare: () => ({}),
      sealer: createSealer({ current: randomBytes(32) }, randomBytes),
      version: '',
    })
    const answered = (targetOf: (at: number) => string) => async (at: number) => {
      const text = await read({ name: '' }, targetOf(at))
      return typeof text === 'string' ? [text] : []
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
      ['GET /v0.1/servers?limit=100 as JSON', answered(() => '/v0.1/servers?limit=100')],
      ['GET /v1/resolve as JSON, with all that speaks against it', answered(at => `/v1/resolve?name=${nameOf((at * 31) % servers)}`)],
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

/** As many as a tenth of the versions, a few of which name what is resolved. */
async function fillRevocations(log: RevocationLog, count: number): Promise<void> {
  const by = 'https://idp.example bench' as PrincipalKey
  const more = { reason: 'policy', action: 'warn', by, atSeconds: 1 } as const
  for (let at = 0; at < count; at += 500)
    await Promise.all(
      Array.from({ length: Math.min(500, count - at) }, (_, i) =>
        log.append({ kind: 'version', target: `${nameOf(at + i)}@1.3.0`, ...more }),
      ),
    )
}

const quantile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN

/** As long as one of a keyless signature. */
const BUNDLE = JSON.stringify({ dsseEnvelope: { payload: 'e30='.padStart(2000, 'A') }, verificationMaterial: 'x'.repeat(6000) })
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
    artifacts: [{ identifier: `pkg:npm/%40example/server-${server}@${version}`, algorithm: 'sha512', digest: 'd'.repeat(128) }],
    attestations: [
      { digest: 'b'.repeat(64), kind: 'publisher', bundle: BUNDLE, signer: `key ${'k'.repeat(43)}=` },
      { digest: 'c'.repeat(64), kind: 'review', bundle: BUNDLE, signer: `https://reviewers.example (key ${'r'.repeat(43)}=)` },
    ],
    standing: minor % 5 === 4 ? 'quarantined' : 'admitted',
  }
}
