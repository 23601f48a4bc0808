// `gatehouse config check`: everything that is wrong with the configuration, and what deserves a second look.

import { relative } from 'node:path'
import { describeFinding } from '../config/faults.ts'
import type { ConfigFault, ConfigWarning } from '../config/faults.ts'
import { loadConfig } from '../config/load.ts'
import type { LoadResult } from '../config/load.ts'
import { EXIT } from './command.ts'
import type { CommandArgs } from './command.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { io, configFile } = args
  const result = await loadConfig(configFile, { env: io.env })
  const faults = result.ok ? [] : result.faults
  if (args.json) {
    const digest = result.ok ? { digest: result.snapshot.digest } : {}
    io.out(`${JSON.stringify({ file: configFile, ok: result.ok, ...digest, faults, warnings: result.warnings }, undefined, 2)}\n`)
  } else {
    const name = shortName(configFile, io.cwd)
    io.out(warningText(result.warnings, name))
    io.out(
      result.ok
        ? `${name} is valid: ${result.snapshot.upstreams.size} upstreams, ${result.snapshot.issuers.length} issuers\n`
        : faultText(result, name),
    )
  }
  return result.ok ? EXIT.ok : EXIT.configInvalid
}

/** The faults of a configuration that did not load, one per line, for people. */
export function faultText(result: Extract<LoadResult, { ok: false }>, file = 'gatehouse.yaml'): string {
  const count = result.faults.length
  return [
    ...result.faults.map(fault => lineOf('fault', file, fault)),
    `${count} ${count === 1 ? 'fault' : 'faults'}: the configuration does not load\n`,
  ].join('')
}

/** The warnings, one per line, for people. */
export const warningText = (warnings: readonly ConfigWarning[], file = 'gatehouse.yaml'): string =>
  warnings.map(w => lineOf('warning', file, w)).join('')

const lineOf = (kind: string, file: string, finding: ConfigFault | ConfigWarning): string => `${kind}: ${describeFinding(file, finding)}\n`

/** The path as the person would type it. */
export function shortName(file: string, cwd: string): string {
  const near = relative(cwd, file)
  return near === '' || near.startsWith('..') ? file : near
}
