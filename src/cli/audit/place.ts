// Where a log lies: the folder that is named, or the data directory of the configuration.

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readFloor } from '../../adapters/audit/floor.ts'
import { configurationOf } from '../stopped-gateway.ts'
import type { CommandArgs } from '../command.ts'
import { UsageError } from '../usage.ts'

/** `dataDir`: absent where the log's own folder was named. */
export type LogPlace = { readonly dir: string; readonly dataDir?: string }

/** A data directory, a log's folder, or neither: then that of the configuration. Throws UsageError where no log is there. */
export async function logPlace(args: CommandArgs, named: string | undefined): Promise<LogPlace> {
  const folder = named === undefined ? (await configurationOf(args))?.dataDir : resolve(args.io.cwd, named)
  if (folder === undefined) throw new UsageError('name the data directory, or the configuration with --config')
  if (existsSync(join(folder, 'tree.db'))) return { dir: folder }
  const dir = join(folder, 'audit')
  if (existsSync(join(dir, 'tree.db'))) return { dir, dataDir: folder }
  throw new UsageError(`there is no signed audit log in \`${folder}\`: expected a data directory, or its folder \`audit\` with \`tree.db\``)
}

/** The checkpoint in `trust/audit.json`, which is in no backup: a log that was put back is below it. */
export const floorNote = ({ dataDir }: LogPlace): string | undefined => (dataDir === undefined ? undefined : readFloor(dataDir).last?.note)
