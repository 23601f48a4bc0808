// Where verified artifacts are kept in this process: sources and reach from the configuration in force.

import { join } from 'node:path'
import { FileContentStore } from '../adapters/content/content-store.ts'
import { createSafeFetch, type SafeFetch } from '../adapters/safe-fetch.ts'
import type { Snapshot } from '../config/schema.ts'
import type { ContentStore } from '../trust/content.ts'

/** Throws Fault `content-invalid` where the record of what was installed is damaged. `close`: as FileContentStore. */
export function openContent(current: () => Snapshot, onChanged?: (artifact: string) => void): ContentStore & { close(): Promise<void> } {
  const { dataDir, registry } = current()
  // which hosts may be asked is the configuration's to say at each request
  const fetch: SafeFetch = {
    get: (url, accept) => fetchFor(current()).get(url, accept),
    request: (url, asked) => fetchFor(current()).request(url, asked),
  }
  return new FileContentStore({
    folder: registry.artifacts.folder,
    trustFolder: join(dataDir, 'trust'),
    fetch,
    sources: () => current().registry.artifacts,
    ...(onChanged && { onChanged }),
  })
}

/** Sources may be inside; hosts of MCPB files are strangers unless `outbound.allow` says otherwise. */
function fetchFor({ registry: { artifacts }, outbound }: Snapshot): SafeFetch {
  const named = [artifacts.npm, artifacts.pypi, artifacts.oci].flatMap(url => (url === undefined ? [] : [hostOf(new URL(url))]))
  return createSafeFetch({ namedHosts: [...named, ...outbound.hosts], networks: outbound.networks })
}

const hostOf = ({ protocol, hostname, port }: URL): string => `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`
