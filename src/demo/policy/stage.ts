// Where the policy demo works: examples/policy as it is committed, copied beside links to what it names, on ports of this run.

import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setValues } from '../../config/edit.ts'
import { loadConfig } from '../../config/load.ts'
import type { Snapshot } from '../../config/schema.ts'
import { Fault } from '../../kernel/errors.ts'

export type PolicyPlace = {
  /** the repository, absolute */
  readonly repository: string
  /** empty, ours alone: stands for the repository */
  readonly root: string
  readonly port: number
  readonly identityPort: number
  readonly env: Readonly<Record<string, string | undefined>>
}

const LINKED = ['examples/first-run', 'examples/reviewer.pem', 'node_modules']

/** `folder`: where commands are typed; `policies` and `next` are in it. Throws Fault `demo-configuration`. */
export async function stagePolicies(place: PolicyPlace): Promise<{ readonly folder: string; readonly snapshot: Snapshot }> {
  const { repository, root, port, identityPort, env } = place
  const committed = join(repository, 'examples/policy')
  const text = await readFile(join(committed, 'gatehouse.yaml'), 'utf8').catch((cause: unknown) => {
    throw new Error(`the demo needs the examples of the repository: \`${committed}\` cannot be read`, { cause })
  })
  const values = setValues(text, [
    { path: ['listen'], value: `127.0.0.1:${port}` },
    { path: ['identity', 'evaluation', 'port'], value: identityPort },
  ])
  if ('problem' in values) throw unfit(values.problem)
  const folder = join(root, 'examples/policy')
  await mkdir(folder, { recursive: true })
  for (const linked of LINKED) await symlink(join(repository, linked), join(root, linked))
  for (const copy of ['policies', 'next']) await cp(join(committed, 'policies'), join(folder, copy), { recursive: true })
  const file = join(folder, 'gatehouse.yaml')
  await writeFile(file, values.text, { mode: 0o600 })
  const loaded = await loadConfig(file, { env })
  if (!loaded.ok) throw unfit(loaded.faults.map(({ message }) => message).join('; '))
  return { folder, snapshot: loaded.snapshot }
}

const unfit = (why: string): Fault => new Fault('demo-configuration', `examples/policy/gatehouse.yaml does not fit the demo: ${why}`)
