// The configuration of the demo: examples/first-run as it is committed, on other ports, in a folder of its own, and one more server. How its servers
// start is what was reviewed: paths count from the configuration, so they are the same in that folder.

import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { addUpstreams, setValues } from '../config/edit.ts'
import { loadText } from '../config/load.ts'
import type { Snapshot } from '../config/schema.ts'
import { Fault } from '../kernel/errors.ts'

/** The server of the third step: ours, because no reference server asks twice within one call. */
export const BOOKING = { alias: 'booking', script: 'booking.ts', tool: 'book_table' } as const

export type DemoPlace = {
  /** gatehouse.yaml of examples/first-run, absolute */
  readonly file: string
  /** empty, ours alone: stands for the repository */
  readonly root: string
  readonly port: number
  readonly identityPort: number
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Beside the configuration, and what its paths lead to. */
const LINKED = [
  'examples/first-run/admissions',
  'examples/first-run/workspace',
  `examples/first-run/${BOOKING.script}`,
  'examples/reviewer.pem',
  'node_modules',
]

/** Throws Fault `demo-configuration`, naming what in the committed file does not fit any more. */
export async function demoSnapshot(text: string, place: DemoPlace): Promise<Snapshot> {
  const { file, text: whole } = await stageDemo(text, place)
  const loaded = await loadText(Buffer.from(whole), file, { env: place.env })
  if (!loaded.ok) throw unfit(loaded.faults.map(({ message }) => message).join('; '))
  return loaded.snapshot
}

/** Lays the configuration out in `root`, with links to all it names. */
export async function stageDemo(
  text: string,
  { file: committed, root, port, identityPort }: Omit<DemoPlace, 'env'>,
): Promise<{ readonly file: string; readonly text: string }> {
  const values = setValues(text, [
    { path: ['listen'], value: `127.0.0.1:${port}` },
    { path: ['identity', 'evaluation', 'port'], value: identityPort },
  ])
  if ('problem' in values) throw unfit(values.problem)
  const whole = addUpstreams(values.text, [
    {
      alias: BOOKING.alias,
      comments: ['for the demo only: it asks twice within one call'],
      settings: {
        title: 'Table booking, the example of this repository',
        // The Node of the repository: the script is TypeScript, which older ones do not read.
        stdio: { command: '../../node_modules/.bin/node', args: ['--disable-warning=ExperimentalWarning', { path: BOOKING.script }] },
      },
      allow: [{ id: 'booking-for-staff', groups: ['staff'], tools: [BOOKING.tool], serverRequests: ['elicitation.form'] }],
      allowComments: ['booking asks the person who calls'],
    },
  ])
  if ('problem' in whole) throw unfit(whole.problem)
  const folder = join(root, 'examples/first-run')
  await mkdir(folder, { recursive: true })
  const repository = resolve(dirname(committed), '../..')
  for (const linked of LINKED) await symlink(join(repository, linked), join(root, linked))
  const file = join(folder, 'gatehouse.yaml')
  await writeFile(file, whole.text, { mode: 0o600 })
  return { file, text: whole.text }
}

const unfit = (why: string): Fault => new Fault('demo-configuration', `examples/first-run/gatehouse.yaml does not fit the demo: ${why}`)
