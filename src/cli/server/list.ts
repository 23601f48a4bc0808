// `gatehouse server list`: how each upstream is admitted, and what waits for a reviewer.

import { reviewLaunch } from '../../admission/launch.ts'
import { reviewSurface } from '../../admission/review.ts'
import { emptySeen } from '../../admission/seen-surface.ts'
import type { ConfiguredUpstream, Snapshot } from '../../config/schema.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { configurationOf } from '../stopped-gateway.ts'
import { servedInfo, type ServedInfo } from '../../adapters/served-report.ts'
import { isServed, servedText } from './served.ts'
import { reviewedOf } from './surfaces.ts'
import { admissionText } from './words.ts'
import { suspects } from '../../pipeline/suspicions.ts'

export async function run(args: CommandArgs): Promise<number> {
  const snapshot = await configurationOf(args)
  if (!snapshot) return EXIT.configInvalid
  const rows = await Promise.all(
    [...snapshot.upstreams.values()].map(async settings =>
      isServed(settings) ? servedInfo(snapshot.dataDir, settings.alias, settings.transport) : rowOf(snapshot, settings),
    ),
  )
  if (args.json) args.io.out(`${JSON.stringify({ servers: rows }, undefined, 2)}\n`)
  else args.io.out(rows.length === 0 ? 'no server is configured\n' : rows.map(rowText).join(''))
  return EXIT.ok
}

type Row = {
  readonly alias: string
  readonly admission: ConfiguredUpstream['admission']
  readonly standing: string
  readonly surface?: string
  /** definitions that were seen and are held */
  readonly held: number
  readonly class: string
  /** how it starts, against how it was admitted */
  readonly launch: 'same' | 'changed' | 'new' | 'unpinned'
}

async function rowOf(snapshot: Snapshot, { alias, admission: mode, launch: how }: ConfiguredUpstream): Promise<Row> {
  const { seen, admission, signature, definitions } = await reviewedOf({ snapshot, alias })
  const passed = typeof admission === 'object' && admission.verdict === 'passed' ? admission : undefined
  const review = reviewSurface(seen ?? emptySeen(alias), passed?.surface, definitions, suspects)
  const launch = reviewLaunch(how, passed)
  return {
    alias,
    admission: mode,
    standing: mode === 'configured' ? 'admitted by the configuration alone' : admissionText(admission, signature),
    ...(passed && { surface: passed.surfaceDigest }),
    held: review.findings.length,
    class: review.class,
    launch: launch.unpinned === undefined ? launch.standing : 'unpinned',
  }
}

const rowText = (row: Row | ServedInfo): string => {
  if ('server' in row) return `${row.alias}  ${servedText(row)}\n`
  const { alias, admission, standing, held, class: of, launch } = row
  if (admission === 'configured') return `${alias}  ${standing}\n`
  const start = { same: '', new: '', changed: '; how it starts has changed', unpinned: '; it starts code that no exact version names' }
  return `${alias}  ${standing}${start[launch]}${held > 0 ? `; ${held} definitions held (${of})` : ''}\n`
}
