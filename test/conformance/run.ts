// `npm run conformance`: the official suite against fixtures directly and through the gateway, compared check by check.
// Usage and exit codes: docs/conformance.md, or `--help`.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runAuthLeg } from './auth-leg.ts'
import { runAuthorizationLeg } from './authorization-leg.ts'
import { CLIENT_SCENARIOS, runClientLeg } from './clients.ts'
import { FRONTS, type FrontKind } from './fronts.ts'
import { runInspector } from './inspector.ts'
import { LEGS, SHORT, type ClientSuiteLeg, type ControlLeg, type Leg, type ServerLeg } from './legs.ts'
import { startPassthrough } from './passthrough.ts'
import { freePort } from '../support/free-port.ts'
import { printReport, type LegReport } from './report.ts'
import { compare, countPassed, judge, passes, surprises, type Allowance, type Run, type Verdict } from './score.ts'
import { requirements, runServerSuite, type Revision } from './suite.ts'
import { warmUp } from './warm-up.ts'
import { aliasOf, startWorld, type World } from './world.ts'

const HELP = `npm run conformance -- [options]

  --only LEGS        comma-separated legs, or what several begin with (auth, bridge), default all: ${Object.keys(LEGS).join(', ')}
  --short            only what the product promises first: ${SHORT.join(', ')}
  --scenarios LIST   only these scenarios of each server leg
  --direct-only      only the direct runs: the fixtures' own marks
  --front FRONT      gateway (default) or passthrough, the byte relay through which nothing is lost
  --url-prefix URL   a gateway that runs already: endpoints are URL/<fixture>/mcp; needs --tokens and --fixture-ports
  --tokens FILE      JSON object: fixture name -> bearer token
  --fixture-ports N  fixtures listen on N, N+1, ... (legacy, dual, modern, tasks) instead of free ports
  --retries N        a scenario that lost something runs again up to N times alone (default 1; the suite has 500 ms windows)
  --record           writes every exchange with suite and upstream to the output folder, tokens left out
  --json             the report as JSON on stdout
  --out DIR          default test/conformance/out

exit: 0 as expected.json says, 1 surprises, 2 the harness itself failed`

const ROOT = import.meta.dirname
const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    short: { type: 'boolean', default: false },
    scenarios: { type: 'string' },
    'direct-only': { type: 'boolean', default: false },
    front: { type: 'string', default: 'gateway' },
    'url-prefix': { type: 'string' },
    tokens: { type: 'string' },
    'fixture-ports': { type: 'string' },
    retries: { type: 'string', default: '1' },
    record: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    out: { type: 'string', default: join(ROOT, 'out') },
    help: { type: 'boolean', default: false },
  },
})

const say = (line: string): void => void process.stderr.write(`${line}\n`)
/** the same line again and again on a terminal, one line a leg elsewhere */
const progress = (line: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${line}`)
}

function namesOf(leg: ServerLeg | ControlLeg): { scored: readonly string[]; unscored: readonly string[] } {
  const chosen = leg.kind === 'server' && leg.scenarios ? { scored: leg.scenarios, unscored: [] } : requirements(leg.revision, 'server')
  const only = options.scenarios?.split(',')
  if (!only) return chosen
  return { scored: chosen.scored.filter(name => only.includes(name)), unscored: chosen.unscored.filter(name => only.includes(name)) }
}

type Target = { readonly label: string; readonly url: string; readonly revision: Revision; readonly bearer?: string | undefined }

async function suiteOn(target: Target, leg: ServerLeg | ControlLeg, only?: readonly string[]): Promise<Run> {
  const { scored, unscored } = namesOf(leg)
  const isWhole = only === undefined && options.scenarios === undefined && !(leg.kind === 'server' && leg.scenarios)
  const names = only ?? [...scored, ...unscored]
  let done = 0
  return runServerSuite({
    url: target.url,
    revision: target.revision,
    out: join(options.out, target.label),
    ...(target.bearer !== undefined && { bearer: target.bearer }),
    ...(!isWhole && { scenarios: names }),
    onScenario: name => progress(`${target.label}  ${++done}/${names.length}  ${name}`),
  })
}

/** Runs scenarios again, alone, when they lost something: a loss that stays is a loss, one that goes was the machine's. */
async function retryLosses(target: Target, leg: ServerLeg, runs: { direct: Run; through: Run }): Promise<{ run: Run; retried: string[] }> {
  const run = new Map(runs.through)
  const retried: string[] = []
  const allowed = allowances(target.label.split('/')[0] ?? '')
  for (let round = 0; round < Number(options.retries); round++) {
    const { scored, unscored } = namesOf(leg)
    const verdicts = compare(runs.direct, run, [...scored, ...unscored])
    const again = [...new Set(surprises(verdicts, allowed).unexpected.map(({ scenario }) => scenario))]
    if (again.length === 0) break
    const second = await suiteOn({ ...target, label: `${target.label}-retry${round + 1}` }, leg, again)
    for (const name of again) {
      const checks = second.get(name) ?? []
      const verdict = new Map([[name, judge(runs.direct.get(name) ?? [], checks)]])
      if (surprises(verdict, allowed).unexpected.length > 0) continue
      run.set(name, checks)
      retried.push(name)
    }
  }
  return { run, retried }
}

const directRuns = new Map<string, Run>()
async function directRun(leg: ServerLeg | ControlLeg, world: World): Promise<Run> {
  const key = `${leg.direct}-${leg.revision}-${leg.kind === 'server' && leg.scenarios ? 'some' : 'all'}`
  const url = world.url(leg.direct)
  const run = directRuns.get(key) ?? (await suiteOn({ label: `direct/${key}`, url, revision: leg.revision }, leg))
  directRuns.set(key, run)
  return run
}

const expected = JSON.parse(readFileSync(join(ROOT, 'expected.json'), 'utf8')) as Record<string, readonly Allowance[]>
/** A loss that the era explains happens over every transport; what stdio alone explains stands under the stdio leg. */
const allowances = (leg: string): readonly Allowance[] => {
  const era = leg.replace(/-stdio$/, '')
  return [...(expected[era] ?? []), ...(era === leg ? [] : (expected[leg] ?? []))]
}

function reportOf(
  name: string,
  leg: Leg,
  runs: { direct: Run; through: Run | undefined; retried?: readonly string[] },
  started: number,
): LegReport {
  const only = options.scenarios?.split(',')
  const { scored, unscored } =
    leg.kind === 'client'
      ? { scored: CLIENT_SCENARIOS[leg.revision].filter(scenario => !only || only.includes(scenario)), unscored: [] }
      : namesOf(leg as ServerLeg)
  const verdicts = runs.through ? compare(runs.direct, runs.through, [...scored, ...unscored]) : new Map<string, Verdict>()
  // a control has to lose everything
  const allowed = leg.kind === 'control' ? [] : allowances(name)
  const found = surprises(verdicts, allowed)
  const kept = [...verdicts].filter(([, verdict]) => verdict.kind === 'kept').map(([scenario]) => scenario)
  return {
    name,
    title: leg.title,
    scored: { total: scored.length, direct: countPassed(runs.direct, scored), ...tallyOf(verdicts, scored) },
    unscored: { total: unscored.length, direct: countPassed(runs.direct, unscored), ...tallyOf(verdicts, unscored) },
    directFailures: [...scored].filter(scenario => !passes(runs.direct.get(scenario) ?? [])),
    unexpected:
      leg.kind === 'control'
        ? kept.map(scenario => ({ scenario, loss: { id: '-', status: 'SUCCESS', message: 'kept by a dead port' } }))
        : found.unexpected,
    stale: found.stale,
    expected: allowed.filter(entry => verdicts.has(entry.scenario)),
    retried: runs.retried ?? [],
    isDirectOnly: runs.through === undefined,
    seconds: (Date.now() - started) / 1000,
  }
}

function tallyOf(verdicts: ReadonlyMap<string, Verdict>, names: readonly string[]): { kept: number; degraded: number; lost: number } {
  const count = (kind: Verdict['kind']): number => names.filter(name => verdicts.get(name)?.kind === kind).length
  return { kept: count('kept'), degraded: count('degraded'), lost: count('lost') }
}

async function runServerLeg(name: string, leg: ServerLeg, world: World): Promise<LegReport> {
  const started = Date.now()
  const direct = await directRun(leg, world)
  if (!world.front) return reportOf(name, leg, { direct, through: undefined }, started)
  const alias = aliasOf(leg)
  const bearer = await world.front.bearer(alias)
  let url = world.front.url(alias)
  const record = join(options.out, `wire-${name}-host.jsonl`)
  rmSync(record, { force: true })
  const relay = options.record ? await startPassthrough(url, { record, rewriteHost: true }) : undefined
  if (relay) url = relay.url
  await warmUp(url, leg.revision, bearer)
  const target = { label: `${name}/through`, url, revision: leg.revision, bearer }
  const { run: through, retried } = await retryLosses(target, leg, { direct, through: await suiteOn(target, leg) })
  await relay?.stop()
  return reportOf(name, leg, { direct, through, retried }, started)
}

async function runControlLeg(name: string, leg: ControlLeg, world: World): Promise<LegReport> {
  const started = Date.now()
  const direct = await directRun(leg, world)
  const url = `http://127.0.0.1:${await freePort()}/mcp`
  const through = await suiteOn({ label: `${name}/dead`, url, revision: leg.revision }, leg)
  return reportOf(name, leg, { direct, through }, started)
}

async function runClientSuiteLeg(name: string, leg: ClientSuiteLeg): Promise<LegReport> {
  const started = Date.now()
  const only = options.scenarios?.split(',')
  const scenarios = CLIENT_SCENARIOS[leg.revision].filter(scenario => !only || only.includes(scenario))
  const run = (label: string, front: FrontKind, host: 'modern' | 'legacy'): Promise<Run> => {
    let done = 0
    const onScenario = (scenario: string): void => progress(`${name} ${label}  ${++done}/${scenarios.length}  ${scenario}`)
    return runClientLeg({ revision: leg.revision, front, host, scenarios, out: join(options.out, name, label), onScenario })
  }
  const native = leg.revision === '2026-07-28' ? 'modern' : 'legacy'
  const direct = await run('direct', 'passthrough', native)
  const through = options['direct-only'] ? undefined : await run('through', options.front as FrontKind, leg.host)
  return reportOf(name, leg, { direct, through }, started)
}

async function runLeg(name: string, leg: Leg, world: World): Promise<LegReport> {
  switch (leg.kind) {
    case 'server':
      return runServerLeg(name, leg, world)
    case 'control':
      return runControlLeg(name, leg, world)
    case 'client':
      return runClientSuiteLeg(name, leg)
    case 'auth':
      return runAuthLeg({
        name,
        ...leg,
        out: join(options.out, name),
        isDirectOnly: options['direct-only'],
        only: options.scenarios?.split(','),
        retries: Number(options.retries),
        allowed: allowances(name),
        progress,
      })
    case 'authorization':
      return runAuthorizationLeg({ name, title: leg.title, out: join(options.out, name), isDirectOnly: options['direct-only'] })
    case 'inspector':
      return runInspector({
        name,
        title: leg.title,
        out: join(options.out, name),
        isDirectOnly: options['direct-only'],
        front: options.front as FrontKind,
        allowed: allowances(name),
        progress,
      })
  }
}

function chosenLegs(): [string, Leg][] {
  const names = options.only?.split(',') ?? (options.short ? SHORT : Object.keys(LEGS))
  return names.flatMap(name => {
    const found = Object.entries(LEGS).filter(([each]) => each === name || (!(name in LEGS) && each.startsWith(`${name}-`)))
    if (found.length === 0) throw new Error(`unknown leg \`${name}\`: expected one of ${Object.keys(LEGS).join(', ')}`)
    return found
  })
}

async function main(): Promise<number> {
  if (options.help) {
    console.log(HELP)
    return 0
  }
  if (!FRONTS.includes(options.front as FrontKind)) throw new Error(`unknown front \`${options.front}\``)
  const legs = chosenLegs()
  mkdirSync(options.out, { recursive: true })
  const { 'url-prefix': prefix, tokens, 'fixture-ports': ports } = options
  const world = await startWorld(
    legs.map(([, leg]) => leg),
    {
      out: options.out,
      front: options.front as FrontKind,
      isDirectOnly: options['direct-only'],
      record: options.record,
      ...(prefix !== undefined && { running: { prefix, tokensFile: tokens ?? '' } }),
      ...(ports !== undefined && { fixturePorts: Number(ports) }),
    },
  )
  const reports: LegReport[] = []
  try {
    for (const [name, leg] of legs) {
      if (!process.stderr.isTTY) say(`${name}: ${leg.title}`)
      reports.push(await runLeg(name, leg, world))
      progress('')
    }
  } finally {
    await world.stop()
  }
  writeFileSync(join(options.out, 'report.json'), JSON.stringify(reports, null, 2))
  if (options.json) console.log(JSON.stringify(reports, null, 2))
  else printReport(reports)
  const isGood = reports.every(report => report.unexpected.length === 0 && report.stale.length === 0 && report.directFailures.length === 0)
  return isGood ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error))
  process.exitCode = 2
}
