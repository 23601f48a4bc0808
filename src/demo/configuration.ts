// The configuration of the demo: examples/first-run as it is committed, on other ports, with its data in a folder of its own, and one more server.

import { join } from 'node:path'
import { addUpstreams, setValues } from '../config/edit.ts'
import { loadText } from '../config/load.ts'
import type { Snapshot } from '../config/schema.ts'
import { Fault } from '../kernel/errors.ts'

/** The server of the third step: ours, because no reference server asks twice within one call. */
export const BOOKING = { alias: 'booking', script: 'booking.ts', tool: 'book_table' } as const

export type DemoPlace = {
  /** gatehouse.yaml of examples/first-run, absolute; relative paths in it start there */
  readonly file: string
  /** empty, ours alone */
  readonly dataDir: string
  readonly port: number
  readonly identityPort: number
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Throws Fault `demo-configuration`, naming what in the committed file does not fit any more. */
export async function demoSnapshot(text: string, { file, dataDir, port, identityPort, env }: DemoPlace): Promise<Snapshot> {
  const values = setValues(text, [
    { path: ['listen'], value: `127.0.0.1:${port}` },
    { path: ['dataDir'], value: dataDir },
    { path: ['identity', 'evaluation', 'port'], value: identityPort },
    { path: ['upstreams', 'memory', 'stdio', 'env', 'MEMORY_FILE_PATH', 'path'], value: join(dataDir, 'memory.jsonl') },
  ])
  if ('problem' in values) throw unfit(values.problem)
  const whole = addUpstreams(values.text, [
    {
      alias: BOOKING.alias,
      comments: ['for the demo only: it asks twice within one call'],
      settings: {
        title: 'Table booking, the example of this repository',
        // This very Node: the script is TypeScript, which older ones do not read.
        // Its source stands beside the demo; nothing of it was reviewed.
        admission: 'configured',
        stdio: { command: process.execPath, args: ['--disable-warning=ExperimentalWarning', { path: BOOKING.script }] },
      },
      allow: [{ id: 'booking-for-staff', groups: ['staff'], tools: [BOOKING.tool], serverRequests: ['elicitation.form'] }],
      allowComments: ['booking asks the person who calls'],
    },
  ])
  if ('problem' in whole) throw unfit(whole.problem)
  const loaded = await loadText(Buffer.from(whole.text), file, { env })
  if (!loaded.ok) throw unfit(loaded.faults.map(({ message }) => message).join('; '))
  return loaded.snapshot
}

const unfit = (why: string): Fault => new Fault('demo-configuration', `examples/first-run/gatehouse.yaml does not fit the demo: ${why}`)
