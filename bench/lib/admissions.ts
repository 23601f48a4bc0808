// Admissions of the gateways that are measured: the committed, signed one of bench/admissions, for wherever the server of this run is.

import { join } from 'node:path'
import { surfaceSeen, emptySeen, withList } from '../../src/admission/seen-surface.ts'
import type { PinnedSurface } from '../../src/admission/pinned-surface.ts'
import type { Admission } from '../../src/admission/statement.ts'
import { makeRunKey, readdress, type RunKey } from '../../src/cli/server/readdress.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Snapshot } from '../../src/config/schema.ts'
import { toolsOf } from '../upstreams/answers.ts'

const COMMITTED = join(import.meta.dirname, '../gatehouse.yaml')
/** Every server of the bench is this one. */
const NAME = 'bench'

/** What goes into the configuration of a run, in whose folder the key lies. */
export async function admissionSettings(folder: string): Promise<{ readonly key: RunKey; readonly settings: object }> {
  const key = await makeRunKey(folder)
  return { key, settings: { admission: 'required', admissions: 'admissions', reviewers: { examples: { publicKey: key.publicKey } } } }
}

/** `tools`: as many as its servers list. The first ten were reviewed; further ones are made by the same function, and are admitted as it makes them. */
export async function admitServers(configuration: string, key: RunKey, tools: number): Promise<void> {
  const [committed, run] = [await load(COMMITTED), await load(configuration)]
  await readdress({ committed, run, key, nameOf: () => NAME, surfaceOf: reviewed => withMore(reviewed, tools) })
}

function withMore({ surface }: Admission, tools: number): PinnedSurface {
  const definitions = new Map(toolsOf(tools).map(tool => [tool.name, Buffer.from(JSON.stringify(tool))] as const))
  const made = surfaceSeen(withList(emptySeen(NAME), { kind: 'tool', definitions }, 0), surface.mode).primitives.tool
  for (const [name, digest] of surface.primitives.tool)
    if (made.has(name) && made.get(name) !== digest)
      throw new Error(`the tool ${name} is not the one that was reviewed: run \`npm run admissions\``)
  return { ...surface, primitives: { ...surface.primitives, tool: new Map([...made, ...surface.primitives.tool]) } }
}

async function load(file: string): Promise<Snapshot> {
  const loaded = await loadConfig(file)
  if (!loaded.ok) throw new Error(`${file}: ${loaded.faults.map(({ message }) => message).join('; ')}`)
  return loaded.snapshot
}
