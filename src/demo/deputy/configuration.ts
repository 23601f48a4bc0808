// The configuration of the deputy demo: examples/deputy as it is committed, with the ports and the folder of this run.

import { setValues } from '../../config/edit.ts'
import { loadText } from '../../config/load.ts'
import type { Snapshot } from '../../config/schema.ts'
import { Fault } from '../../kernel/errors.ts'

export type DeputyPlace = {
  /** gatehouse.yaml of examples/deputy, absolute */
  readonly file: string
  /** empty, ours alone */
  readonly dataDir: string
  readonly port: number
  readonly identityPort: number
  readonly ledgerUrl: string
  readonly mirrorUrl: string
  /** folder of the admissions of this run, and the public key that signs them */
  readonly admissions: string
  readonly reviewerKey: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The name under which the servers were reviewed. */
const REVIEWER = 'examples'

/** As it is committed. Throws as below. */
export const committedDeputy = (text: string, { file, env }: Pick<DeputyPlace, 'file' | 'env'>): Promise<Snapshot> => load(text, file, env)

/** Throws Fault `demo-configuration`, naming what in the committed file does not fit any more. */
export async function deputySnapshot(text: string, place: DeputyPlace): Promise<Snapshot> {
  const values = setValues(text, [
    { path: ['listen'], value: `127.0.0.1:${place.port}` },
    { path: ['dataDir'], value: place.dataDir },
    { path: ['identity', 'evaluation', 'port'], value: place.identityPort },
    { path: ['upstreams', 'ledger', 'http', 'url'], value: place.ledgerUrl },
    { path: ['upstreams', 'mirror', 'http', 'url'], value: place.mirrorUrl },
    { path: ['admissions'], value: place.admissions },
    { path: ['reviewers', REVIEWER, 'publicKey'], value: place.reviewerKey },
  ])
  if ('problem' in values) throw unfit(values.problem)
  return load(values.text, place.file, place.env)
}

async function load(text: string, file: string, env: DeputyPlace['env']): Promise<Snapshot> {
  const loaded = await loadText(Buffer.from(text), file, { env })
  if (!loaded.ok) throw unfit(loaded.faults.map(({ message }) => message).join('; '))
  return loaded.snapshot
}

const unfit = (why: string): Fault => new Fault('demo-configuration', `examples/deputy/gatehouse.yaml does not fit the demo: ${why}`)
