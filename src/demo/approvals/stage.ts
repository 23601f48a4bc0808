// Where the approvals demo works: examples/approvals as it is committed, copied beside a link to the packages, on ports of this run.

import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setValues } from '../../config/edit.ts'
import { loadConfig } from '../../config/load.ts'
import type { Snapshot } from '../../config/schema.ts'
import { Fault } from '../../kernel/errors.ts'

export type ApprovalsPlace = {
  /** the repository, absolute */
  readonly repository: string
  /** empty, ours alone: stands for the repository */
  readonly root: string
  readonly port: number
  readonly identityPort: number
  readonly env: Readonly<Record<string, string | undefined>>
}

export type ApprovalsStage = {
  /** where commands are typed */
  readonly folder: string
  readonly snapshot: Snapshot
  /** what each server saw, by alias: a file of JSON lines */
  readonly diaries: Readonly<Record<(typeof SERVERS)[number], string>>
}

export const SERVERS = ['desk', 'notes'] as const

/** Throws Fault `demo-configuration`. */
export async function stageApprovals({ repository, root, port, identityPort, env }: ApprovalsPlace): Promise<ApprovalsStage> {
  const committed = join(repository, 'examples/approvals')
  const text = await readFile(join(committed, 'gatehouse.yaml'), 'utf8').catch((cause: unknown) => {
    throw new Error(`the demo needs the examples of the repository: \`${committed}\` cannot be read`, { cause })
  })
  const values = setValues(text, [
    { path: ['listen'], value: `127.0.0.1:${port}` },
    { path: ['identity', 'evaluation', 'port'], value: identityPort },
  ])
  if ('problem' in values) throw unfit(values.problem)
  const folder = join(root, 'examples/approvals')
  await mkdir(dirname(folder), { recursive: true })
  await cp(committed, folder, { recursive: true })
  await symlink(join(repository, 'node_modules'), join(root, 'node_modules'))
  const file = join(folder, 'gatehouse.yaml')
  await writeFile(file, values.text, { mode: 0o600 })
  const loaded = await loadConfig(file, { env })
  if (!loaded.ok) throw unfit(loaded.faults.map(({ message }) => message).join('; '))
  const { snapshot } = loaded
  // The diaries lie there, and the servers are started once before the gateway is.
  await mkdir(snapshot.dataDir, { recursive: true, mode: 0o700 })
  const diary = (alias: string): string => join(snapshot.dataDir, `${alias}.jsonl`)
  return { folder, snapshot, diaries: { desk: diary('desk'), notes: diary('notes') } }
}

const unfit = (why: string): Fault => new Fault('demo-configuration', `examples/approvals/gatehouse.yaml does not fit the demo: ${why}`)
