// `gatehouse config check`: everything that is wrong with the configuration, and what deserves a second look.

import { relative } from 'node:path'
import { describeFinding } from '../config/faults.ts'
import type { ConfigFault, ConfigWarning } from '../config/faults.ts'
import { loadConfig } from '../config/load.ts'
import type { LoadResult } from '../config/load.ts'
import { EXIT } from './command.ts'
import type { CommandArgs } from './command.ts'
import { policiesOf, type FolderReport } from './policy/in-gateway.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { io, configFile } = args
  const result = await loadConfig(configFile, { env: io.env })
  const faults = result.ok ? [] : result.faults
  const policies = result.ok ? await policiesOf(result.snapshot, io.cwd) : []
  // A shadow decides nothing, so nothing waits for it.
  const isGood = result.ok && policies.every(folder => folder.role === 'shadow' || folder.faults.length === 0)
  if (args.json) {
    const digest = result.ok ? { digest: result.snapshot.digest } : {}
    const told = { file: configFile, ok: isGood, ...digest, faults, warnings: result.warnings, ...(policies.length > 0 && { policies }) }
    io.out(`${JSON.stringify(told, undefined, 2)}\n`)
  } else {
    const name = shortName(configFile, io.cwd)
    io.out(warningText(result.warnings, name))
    io.out(
      result.ok
        ? `${name} is valid: ${result.snapshot.upstreams.size} upstreams, ${result.snapshot.issuers.length} issuers\n`
        : faultText(result, name),
    )
    for (const folder of policies) io.out(policiesText(folder))
  }
  return isGood ? EXIT.ok : EXIT.configInvalid
}

/** A folder of policies as the gateway would take it. */
function policiesText({ role, dir, faults, warnings, rules }: FolderReport): string {
  const what = role === 'shadow' ? 'shadow' : 'policies'
  if (faults.length === 0)
    return [
      ...warnings.map(warning => `warning: ${what}: ${warning}\n`),
      `${what}: ${rules} rules of ${dir} load and pass their tests\n`,
    ].join('')
  const end = role === 'shadow' ? 'the shadow is not asked' : 'a gateway does not start with these policies'
  return [...faults.map(fault => `${role === 'shadow' ? 'warning' : 'fault'}: ${fault}\n`), `${what}: ${end}\n`].join('')
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
