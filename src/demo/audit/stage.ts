// Where the audit demo works: examples/audit as it is committed, beside links to what it names, on ports of this run.

import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setValues } from '../../config/edit.ts'
import { loadConfig } from '../../config/load.ts'
import type { Snapshot } from '../../config/schema.ts'
import { Fault } from '../../kernel/errors.ts'

export type AuditPlace = {
  /** the repository, absolute */
  readonly repository: string
  /** empty, ours alone: stands for the repository */
  readonly root: string
  readonly ports: { readonly gateway: number; readonly identity: number; readonly collector: number }
  readonly env: Readonly<Record<string, string | undefined>>
}

export type AuditStage = {
  /** where commands are typed */
  readonly folder: string
  readonly snapshot: Snapshot
  /** the file to which every event goes */
  readonly archive: string
}

const LINKED = ['examples/first-run', 'examples/reviewer.pem', 'node_modules']

/** Throws Fault `demo-configuration`. */
export async function stageAudit({ repository, root, ports, env }: AuditPlace): Promise<AuditStage> {
  const committed = join(repository, 'examples/audit/gatehouse.yaml')
  const text = await readFile(committed, 'utf8').catch((cause: unknown) => {
    throw new Error(`the demo needs the examples of the repository: \`${committed}\` cannot be read`, { cause })
  })
  const values = setValues(text, [
    { path: ['listen'], value: `127.0.0.1:${ports.gateway}` },
    { path: ['identity', 'evaluation', 'port'], value: ports.identity },
    { path: ['audit', 'sinks', '1', 'url'], value: `http://127.0.0.1:${ports.collector}/v1/logs` },
  ])
  if ('problem' in values) throw unfit(values.problem)
  const folder = join(root, 'examples/audit')
  await mkdir(folder, { recursive: true })
  for (const linked of LINKED) await symlink(join(repository, linked), join(root, linked))
  const file = join(folder, 'gatehouse.yaml')
  await writeFile(file, values.text, { mode: 0o600 })
  const loaded = await loadConfig(file, { env })
  if (!loaded.ok) throw unfit(loaded.faults.map(({ message }) => message).join('; '))
  const { snapshot } = loaded
  await mkdir(snapshot.dataDir, { recursive: true, mode: 0o700 })
  return { folder, snapshot, archive: join(root, '.gatehouse/audit-archive.jsonl') }
}

const unfit = (why: string): Fault => new Fault('demo-configuration', `examples/audit/gatehouse.yaml does not fit the demo: ${why}`)
