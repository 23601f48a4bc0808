// `gatehouse doctor`: what is wrong, and how to mend it.

import { describeFinding } from '../config/faults.ts'
import { loadConfig } from '../config/load.ts'
import type { LoadResult } from '../config/load.ts'
import type { Snapshot } from '../config/schema.ts'
import { EXIT } from './command.ts'
import type { CommandArgs } from './command.ts'
import { shortName } from './config-check.ts'
import { checkClientDocument } from './doctor/client-document.ts'
import { checkDataDir } from './doctor/data-dir.ts'
import { fail, ok, warn } from './doctor/check.ts'
import type { Check, World } from './doctor/check.ts'
import { checkIssuers } from './doctor/issuers.ts'
import { checkLogin } from './doctor/login.ts'
import { checkClock, checkNode, checkOpenFiles, checkPorts } from './doctor/machine.ts'
import { checkPolicies } from './doctor/policies.ts'
import { checkNames } from './doctor/names.ts'
import { checkRegistryTrust } from './doctor/registry-trust.ts'
import { checkKeptNames } from './doctor/subjects.ts'
import { checkUpstreams } from './doctor/upstreams.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { realWorld } = await import('./doctor/world.ts')
  const loaded = await loadConfig(args.configFile, { env: args.io.env })
  const checks = await examine(loaded, realWorld(args.io, loaded.ok ? loaded.snapshot : undefined), {
    file: shortName(args.configFile, args.io.cwd),
    progress: args.io.isTerminal && !args.json ? what => args.io.err(`\r\u001b[Klooking at ${what} …`) : () => undefined,
  })
  if (args.io.isTerminal && !args.json) args.io.err('\r\u001b[K')
  const hasFailed = checks.some(check => check.status === 'fail')
  args.io.out(args.json ? `${JSON.stringify({ ok: !hasFailed, checks }, undefined, 2)}\n` : report(checks))
  if (!loaded.ok) return EXIT.configInvalid
  return hasFailed ? EXIT.failed : EXIT.ok
}

/** Its libraries are loaded only where one is followed. */
async function trustRepository(world: World, snapshot: Snapshot): Promise<Check[]> {
  if (!snapshot.registry.repository) return []
  const { checkTrustRepository } = await import('./doctor/trust-repository.ts')
  return checkTrustRepository(world, snapshot)
}

export type Examination = { readonly file: string; progress(what: string): void }

/** Every check, in the order they are shown. Without a configuration that loads, only the machine can be looked at. */
export async function examine(loaded: LoadResult, world: World, examination: Examination): Promise<readonly Check[]> {
  const checks: Check[] = [checkNode(world), checkClock(world), ...configuration(loaded, examination.file)]
  if (!loaded.ok) return checks
  const steps: readonly [string, (world: World, snapshot: Snapshot) => Promise<Check | Check[]>][] = [
    ['the data directory', checkDataDir],
    ['ports', checkPorts],
    ['open files', checkOpenFiles],
    ['identity providers', checkIssuers],
    ['sign-in', checkLogin],
    ['what it is to others', checkClientDocument],
    ['what is kept under names', checkKeptNames],
    ['policies', checkPolicies],
    ['what publications are verified by', checkRegistryTrust],
    ['the trust repository', trustRepository],
    ['upstreams', checkUpstreams],
    ['names', checkNames],
  ]
  for (const [what, check] of steps) {
    examination.progress(what)
    checks.push(...[await check(world, loaded.snapshot)].flat())
  }
  return checks
}

function configuration(loaded: LoadResult, file: string): Check[] {
  const warnings = loaded.warnings.map(w =>
    warn('configuration', describeFinding(file, { ...w, fix: '' }), w.fix ?? 'see docs/configuration.md'),
  )
  if (loaded.ok) return [ok('configuration', `${file} is valid`), ...warnings]
  return [
    ...loaded.faults.map(f => fail('configuration', describeFinding(file, { ...f, fix: '' }), f.fix ?? 'see docs/configuration.md')),
    ...warnings,
  ]
}

const SIGN = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const

/** For people: what is so, and under it how to mend it. */
function report(checks: readonly Check[]): string {
  const lines = checks.map(
    check => `${SIGN[check.status]}  ${check.name}: ${check.what}\n${check.mend === undefined ? '' : `      ${check.mend}\n`}`,
  )
  const count = (status: Check['status']): number => checks.filter(check => check.status === status).length
  return `${lines.join('')}\n${count('ok')} ok, ${count('warn')} to consider, ${count('fail')} to mend\n`
}
