// Admissions of the gateways of a run: the committed, signed ones of test/conformance/admissions, for wherever their servers are in this run. The gateway stays a
// stranger to the harness: what is imported here is the reviewer of its run, who signs what was reviewed with the addresses of the run.

import { cpSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { emptySeen, surfaceSeen } from '../../src/admission/seen-surface.ts'
import { makeRunKey, readdress, type RunKey } from '../../src/cli/server/readdress.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Snapshot } from '../../src/config/schema.ts'

const COMMITTED = join(import.meta.dirname, 'gatehouse.yaml')
/** The suite's own servers, one for each scenario: recorded by `npm run admissions`, which sets this folder. */
const RECORD = process.env['CONFORMANCE_RECORD']
const SUITE = 'suite'

/** What goes into the configuration of a run, in whose folder the key lies. */
export async function admissionSettings(folder: string): Promise<{ readonly key: RunKey; readonly settings: object }> {
  const key = await makeRunKey(folder)
  return { key, settings: { admission: 'required', admissions: 'admissions', reviewers: { examples: { publicKey: key.publicKey } } } }
}

/** Writes the statements of a run beside its configuration. */
export async function admitServers(configuration: string, key: RunKey): Promise<void> {
  const [committed, run] = [await load(COMMITTED), await load(configuration)]
  // Only how its server is reached is admitted while it is recorded: the gateway keeps what it lists, and holds it.
  const recording = RECORD === undefined ? {} : { surfaceOf: () => surfaceSeen(emptySeen(SUITE), 'subset') }
  await readdress({ committed, run, key, nameOf: RECORD === undefined ? nameOf : () => 'tasks', ...recording })
}

/** Keeps what the suite's server listed, when the gateway has ended. */
export function recordSuite(dataDir: string): void {
  const seen = join(dataDir, 'seen', `${SUITE}.json`)
  if (RECORD === undefined || !existsSync(seen)) return
  mkdirSync(RECORD, { recursive: true })
  cpSync(seen, join(RECORD, `${nameOf(SUITE)}.json`))
}

/** Under which name a server was reviewed: that of its fixture, whatever the transport, or of its scenario and revision. */
function nameOf(alias: string): string {
  if (alias !== SUITE) return alias.replace(/-stdio$/, '')
  const scenario = process.env['MCP_CONFORMANCE_SCENARIO'] ?? ''
  return scenario.startsWith('auth/') ? `${SUITE}-auth` : `${SUITE}-${scenario}-${process.env['MCP_CONFORMANCE_PROTOCOL_VERSION'] ?? ''}`
}

async function load(file: string): Promise<Snapshot> {
  const loaded = await loadConfig(file)
  if (!loaded.ok) throw new Error(`${file}: ${loaded.faults.map(({ message }) => message).join('; ')}`)
  return loaded.snapshot
}
