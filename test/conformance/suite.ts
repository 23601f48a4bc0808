// Runs the official suite and reads what it wrote: checks.json per scenario, and nothing it printed.

import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { launchNode } from './processes.ts'
import type { Check, Run } from './score.ts'

const MAIN = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/dist/index.js'))
const PACKAGE = dirname(dirname(MAIN))
const INJECT_AUTH = fileURLToPath(import.meta.resolve('./inject-auth.ts'))
const PIN_PORTS = fileURLToPath(import.meta.resolve('./pin-ports.ts'))

export type Revision = '2025-11-25' | '2026-07-28'
export type Leg = 'server' | 'client'
export type Requirements = { readonly scored: readonly string[]; readonly unscored: readonly string[] }

/** The frozen requirement set of a revision, as the suite ships it. */
export function requirements(revision: Revision, leg: Leg): Requirements {
  const file = parse(readFileSync(join(PACKAGE, 'requirements', `${revision}.yaml`), 'utf8')) as Record<Leg, string[]> & {
    not_scored: { scenario: string; leg: Leg }[]
  }
  return { scored: file[leg], unscored: file.not_scored.filter(entry => entry.leg === leg).map(entry => entry.scenario) }
}

/** Checks of every scenario found under `folder`; a scenario that crashed left a folder without checks. */
function readRun(folder: string, prefix: string): Run {
  const run = new Map<string, Check[]>()
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('checks.json')) continue
    const name = /^(.*)-\d{4}-\d\d-\d\dT[^/]*$/.exec(dirname(entry).slice(prefix.length))?.[1]
    if (name !== undefined) run.set(name, JSON.parse(readFileSync(join(folder, entry), 'utf8')) as Check[])
  }
  return run
}

export type ServerRun = {
  readonly url: string
  readonly revision: Revision
  /** only these, one process each; default: the revision's whole requirement set in one process */
  readonly scenarios?: readonly string[]
  /** folder for the suite's output; emptied first */
  readonly out: string
  readonly bearer?: string
  /** milliseconds per scenario; default 20_000 */
  readonly timeoutMs?: number
  readonly onScenario?: (name: string) => void
}

async function runOnce(args: readonly string[], run: ServerRun): Promise<void> {
  const env = {
    CONFORMANCE_ORIGIN: new URL(run.url).origin,
    CONFORMANCE_BEARER: run.bearer ?? '',
    CONFORMANCE_PACKAGE: PACKAGE,
  }
  const preload = run.bearer === undefined ? [] : ['--import', INJECT_AUTH]
  const { child } = launchNode([...preload, MAIN, ...args], { env, stdout: 'pipe', log: `${run.out}.log` })
  if (!child.stdout) throw new Error('no stdout')
  createInterface({ input: child.stdout }).on('line', line => {
    const name = /^=== Running scenario: (\S+) ===$/.exec(line)?.[1]
    if (name !== undefined) run.onScenario?.(name)
  })
  await new Promise(resolve => child.once('close', resolve))
}

/** The server suite against a URL. A crash of the suite shows as scenarios without checks, never as success. */
export async function runServerSuite(run: ServerRun): Promise<Run> {
  rmSync(run.out, { recursive: true, force: true })
  rmSync(`${run.out}.log`, { force: true })
  mkdirSync(run.out, { recursive: true })
  const common = ['server', '--url', run.url, '-o', run.out, '--timeout', String(run.timeoutMs ?? 20_000)]
  if (!run.scenarios) await runOnce([...common, '--requirements', run.revision], run)
  for (const scenario of run.scenarios ?? []) {
    run.onScenario?.(scenario)
    await runOnce([...common, '--scenario', scenario, '--spec-version', run.revision, '--force'], run)
  }
  return readRun(run.out, 'server-')
}

export type ClientRun = {
  /** split at blanks and run by a shell; the suite appends its URL */
  readonly command: string
  readonly revision: Revision
  readonly scenario: string
  readonly out: string
  /** the suite kills only the shell after this: the driver must have ended itself before */
  readonly timeoutMs: number
  readonly env: Readonly<Record<string, string>>
  /** what the suite's servers listen on, in the order they are started; default: any */
  readonly ports?: readonly number[]
}

/** One client scenario. Adds a check of its own for the driver's exit code, which the suite leaves out of checks.json. */
export async function runClientScenario(run: ClientRun): Promise<readonly Check[]> {
  rmSync(run.out, { recursive: true, force: true })
  const args = ['client', '--command', run.command, '--scenario', run.scenario, '--spec-version', run.revision]
  const preload = run.ports ? ['--import', PIN_PORTS] : []
  const { child } = launchNode([...preload, MAIN, ...args, '--force', '--timeout', String(run.timeoutMs), '-o', run.out], {
    env: { ...run.env, ...(run.ports && { CONFORMANCE_PORTS: run.ports.join(',') }) },
    log: `${run.out}.log`,
  })
  const code = await new Promise<number | null>(resolve => child.once('close', resolve))
  const checks = [...readRun(run.out, '').values()].flat()
  return [...checks, { id: 'client-exit', name: 'suite verdict', status: code === 0 ? 'SUCCESS' : 'FAILURE' }]
}

/** What the suite may take once the browser is done; it would wait five minutes for one that did not come back. */
const LATE_MS = 10_000

/** Both that the suite has. */
export const AUTHORIZATION_SCENARIOS = ['authorization-server-metadata-endpoint', 'authorization-code-grant'] as const

export type AuthorizationRun = {
  readonly issuer: string
  /** a public client whose redirect is `http://127.0.0.1:<port>/callback` */
  readonly client: string
  readonly resource: string
  readonly port: number
  readonly out: string
  /** the suite prints the URL that a browser has to go to, and waits for it to come back */
  readonly onAuthorizationUrl: (url: string) => Promise<unknown>
}

/** The scenarios for authorization servers. What a browser could not do shows as a scenario without checks: the suite is ended. */
export async function runAuthorizationSuite(run: AuthorizationRun): Promise<Run> {
  mkdirSync(run.out, { recursive: true })
  const args = ['authorization', '--url', run.issuer, '--client-id', run.client, '--resource', run.resource, '--port', String(run.port)]
  const suite = launchNode([MAIN, ...args, '-o', run.out], { stdout: 'pipe', log: `${run.out}.log` })
  const { child } = suite
  if (!child.stdout) throw new Error('no stdout')
  const closed = new Promise(resolve => child.once('close', resolve))
  let late: NodeJS.Timeout | undefined
  createInterface({ input: child.stdout }).on('line', line => {
    if (line.startsWith(`${run.issuer}/`))
      void run.onAuthorizationUrl(line).finally(() => (late = setTimeout(() => void suite.stop(), LATE_MS)))
  })
  await closed
  clearTimeout(late)
  return readRun(run.out, 'authorization-server-')
}
