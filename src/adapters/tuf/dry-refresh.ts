// What a gateway would make of a repository of trust now, without touching what it keeps: asked in a folder of its own, as a new gateway or with a copy of what one saw.

import { existsSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RefusedPart, SeenTrust } from '../../trust/freshness.ts'
import { FloorFile } from './floor-file.ts'
import type { RepositoryPlace } from './repository-fetcher.ts'
import { TrustClient } from './trust-client.ts'

type Asked = { readonly place: RepositoryPlace; readonly pinnedRoot: Buffer; readonly now: () => number }

/** `trustFolder`: `<dataDir>/trust` of a gateway; absent, or not there = a new one asks. Rejects as the gateway would: Faults of TrustClient and FloorFile. */
export async function dryRefresh(
  { place, pinnedRoot, now }: Asked,
  trustFolder?: string,
): Promise<{ readonly seen: SeenTrust; readonly refused: readonly RefusedPart[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-trust-'))
  try {
    if (trustFolder !== undefined && existsSync(trustFolder)) await cp(trustFolder, folder, { recursive: true })
    return await new TrustClient({ place, trustFolder: folder, pinnedRoot, floors: new FloorFile(folder), now }).refresh()
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
