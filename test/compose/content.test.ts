// The content store as a configuration has it.

import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { uproot } from '../../src/adapters/content/tree.ts'
import { openContent } from '../../src/compose/content.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Snapshot } from '../../src/config/schema.ts'
import { serveNpm } from '../../src/demo/artifacts/npm-registry.ts'
import { keptBy, npmWanted, refusalOf, small } from '../adapters/content/world.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})
async function snapshotWith(artifacts: string): Promise<Snapshot> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-content-config-'))
  closing.push(() => uproot(folder))
  const file = join(folder, 'gatehouse.yaml')
  writeFileSync(file, `version: 1\nidentity: { evaluation: { port: 9, users: [{ name: a }] } }\nregistry: { artifacts: ${artifacts} }\n`, {
    mode: 0o600,
  })
  const loaded = await loadConfig(file)
  if (!loaded.ok) throw new Error(loaded.faults.map(({ message }) => message).join('\n'))
  return loaded.snapshot
}

describe('the content store of a gateway', () => {
  it('asks the source of the configuration in force, and keeps what was verified where that says', async () => {
    const weather = small()
    const registry = await serveNpm([weather])
    closing.push(() => registry.close())
    let snapshot = await snapshotWith('{ folder: kept }')
    const store = openContent(() => snapshot)
    closing.push(() => store.close())
    expect(refusalOf(await store.keep(npmWanted([weather])))).toMatch(/^source-absent/)
    const { folder } = snapshot.registry.artifacts
    snapshot = await snapshotWith(`{ npm: '${registry.url}/' }`)
    const launchable = await keptBy(store, npmWanted([weather]))
    expect(launchable.folder.startsWith(`${folder}/`)).toBe(true)
    expect(await store.check(launchable)).toBeUndefined()
  })
  it('keeps it in the data directory where nothing is said', async () => {
    const { dataDir, registry } = await snapshotWith('{}')
    expect(registry.artifacts).toEqual({ mcpb: [], mirrorOf: [], folder: join(dataDir, 'content') })
  })
})
