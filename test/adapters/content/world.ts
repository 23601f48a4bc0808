// A content store on a disk of its own, with sources on this machine.

import { hash } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileContentStore, type ContentStoreParts } from '../../../src/adapters/content/content-store.ts'
import type { ContentSources } from '../../../src/adapters/content/source.ts'
import { uproot } from '../../../src/adapters/content/tree.ts'
import { createSafeFetch } from '../../../src/adapters/safe-fetch.ts'
import { packFiles, packInstalled, lockFileOf, type PackedFile, type PackedPackage } from '../../../src/demo/artifacts/pack.ts'
import type { ContentStore, Launchable, WantedArtifact } from '../../../src/trust/content.ts'
import { isDenial, type Denial } from '../../../src/trust/denial.ts'
import { readServerJson } from '../../../src/trust/server-json.ts'

export const ROOT = join(import.meta.dirname, '../../..')
const MEMORY = '@modelcontextprotocol/server-memory'

export type World = {
  readonly store: FileContentStore
  readonly folder: string
  readonly dataDir: string
  /** the same disk after a restart */
  again(): FileContentStore
  end(): void
}

/** `sources` may be changed later: the store asks each time. */
export function worldOf(
  sources: Partial<ContentSources>,
  parts: Partial<Pick<ContentStoreParts, 'limits' | 'fetch' | 'folder' | 'onChanged'>> = {},
): World {
  const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-content-'))
  const folder = join(dataDir, 'content')
  const stores: FileContentStore[] = []
  const hosts = (): string[] =>
    [sources.npm, sources.pypi, sources.oci, ...(sources.mcpb ?? []).map(host => `https://${host}`)].flatMap(url =>
      url === undefined ? [] : [new URL(url).host],
    )
  const again = (): FileContentStore => {
    const fetch = createSafeFetch({ namedHosts: hosts(), timeoutMs: 5_000 })
    const all = (): ContentSources => ({ mcpb: [], mirrorOf: [], ...sources })
    const store = new FileContentStore({ folder, trustFolder: join(dataDir, 'trust'), fetch, sources: all, ...parts })
    stores.push(store)
    return store
  }
  return {
    store: again(),
    folder: parts.folder ?? folder,
    dataDir,
    again,
    end() {
      for (const store of stores) void store.close()
      uproot(dataDir)
    },
  }
}

/** server.json of one package, and what a verified statement says of it. */
export function wantedOf(
  packed: { readonly registryType: string; readonly identifier: string; readonly version?: string; readonly [more: string]: unknown },
  signed: { readonly digest: string; readonly lock?: Buffer; readonly ownArgs?: readonly string[] },
): WantedArtifact {
  const server = Buffer.from(
    JSON.stringify({ name: 'io.github.acme/server', version: '1.0.0', packages: [{ transport: { type: 'stdio' }, ...packed }] }),
  )
  const document = readServerJson(server)
  if (isDenial(document)) throw new Error(document.detail)
  const { digest, lock, ownArgs } = signed
  return {
    artifact: document.artifacts[0]!,
    digest,
    ...(lock && { lock: { sha256: hash('sha256', lock), bytes: lock } }),
    server,
    packageIndex: 0,
    ...(ownArgs && { ownArgs }),
  }
}

/** The same for the first of these npm packages with its lock file. */
export function npmWanted(
  packages: readonly PackedPackage[],
  { lock = lockFileOf(packages), ...more }: { lock?: Buffer; [more: string]: unknown } = {},
): WantedArtifact {
  const { name, version, sha512 } = packages[0]!
  const { ownArgs, ...rest } = more
  return wantedOf(
    { registryType: 'npm', identifier: name, version, ...rest },
    { digest: sha512, lock, ...(ownArgs !== undefined && { ownArgs: ownArgs as string[] }) },
  )
}

let memory: readonly PackedPackage[] | undefined
/** The memory server and all it depends on, packed from what is installed here. */
export const memoryPackages = (): readonly PackedPackage[] => (memory ??= packInstalled(ROOT, MEMORY))

/** A small package; `files` beside a package.json and a program. */
export function small(
  { name = '@acme/weather', version = '1.2.0', ...manifest }: { name?: string; version?: string; [more: string]: unknown } = {},
  files: readonly PackedFile[] = [],
): PackedPackage {
  return packFiles([
    { path: 'package.json', bytes: Buffer.from(JSON.stringify({ name, version, bin: 'index.js', ...manifest })) },
    { path: 'index.js', bytes: Buffer.from('console.log("hello")\n') },
    ...files,
  ])
}

export function kept(answer: Launchable | Denial): Launchable {
  if (isDenial(answer)) throw new Error(`${answer.rule}: ${answer.detail}`)
  return answer
}
/** Rule and detail of a refusal; what was kept is none. */
export function refusalOf(answer: Launchable | Denial | undefined): string {
  return answer !== undefined && isDenial(answer) ? `${answer.rule}: ${answer.detail}` : 'none'
}
export const keptBy = async (store: ContentStore, wanted: WantedArtifact): Promise<Launchable> => kept(await store.keep(wanted))
