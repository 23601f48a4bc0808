// The legs of the auth scenarios: the SDK's own client on the suite's servers, then the gateway's upstream side on the same, each scenario with a gateway of its own.

import { join } from 'node:path'
import { authScenarios, runAuthScenarios, type AuthClient } from './auth-clients.ts'
import { startIdentityProvider } from './identity-provider.ts'
import type { LegReport } from './report.ts'
import { judgeAlone, passesAlone, surprises, type Allowance, type Run, type Verdict } from './score.ts'
import type { Requirements, Revision } from './suite.ts'

export type AuthLegRun = {
  readonly name: string
  readonly title: string
  readonly revision: Revision
  /** who is measured; `nobody` is a command that does nothing and has to earn nothing */
  readonly client: 'gateway' | 'nobody'
  readonly out: string
  readonly isDirectOnly: boolean
  /** only these scenarios */
  readonly only: readonly string[] | undefined
  readonly retries: number
  readonly allowed: readonly Allowance[]
  readonly progress: (line: string) => void
}

function scenariosOf({ revision, only }: AuthLegRun): Requirements {
  const chosen = (names: readonly string[]): readonly string[] => names.filter(name => !only || only.includes(name))
  const { scored, unscored } = authScenarios(revision)
  return { scored: chosen(scored), unscored: chosen(unscored) }
}

type Runs = { readonly sdk: Run; readonly through: Run | undefined; readonly retried: readonly string[] }

export async function runAuthLeg(leg: AuthLegRun): Promise<LegReport> {
  const started = Date.now()
  const idp = await startIdentityProvider()
  try {
    const runs = await runAll(leg, idp.issuer)
    return { ...reportOf(leg, runs), seconds: (Date.now() - started) / 1000 }
  } finally {
    await idp.close()
  }
}

async function runAll(leg: AuthLegRun, identityProvider: string): Promise<Runs> {
  const { scored, unscored } = scenariosOf(leg)
  const run = (client: AuthClient, scenarios: readonly string[], label: string = client): Promise<Run> => {
    let done = 0
    const onScenario = (scenario: string): void => leg.progress(`${leg.name} ${label}  ${++done}/${scenarios.length}  ${scenario}`)
    return runAuthScenarios({ revision: leg.revision, client, identityProvider, scenarios, out: join(leg.out, label), onScenario })
  }
  if (leg.client === 'nobody') return { sdk: new Map(), through: await run('nobody', scored), retried: [] }
  const sdk = await run('sdk', scored)
  if (leg.isDirectOnly) return { sdk, through: undefined, retried: [] }
  const through = new Map(await run('gateway', [...scored, ...unscored]))
  const retried: string[] = []
  for (let round = 1; round <= leg.retries; round++) {
    const again = [...through].filter(([, checks]) => !passesAlone(checks)).map(([scenario]) => scenario)
    for (const [scenario, checks] of await run('gateway', again, `gateway-retry${round}`)) {
      if (!passesAlone(checks)) continue
      retried.push(scenario)
      through.set(scenario, checks)
    }
  }
  return { sdk, through, retried }
}

function reportOf(leg: AuthLegRun, { sdk, through, retried }: Runs): Omit<LegReport, 'seconds'> {
  const { scored, unscored } = scenariosOf(leg)
  const verdicts = new Map<string, Verdict>()
  for (const [scenario, checks] of through ?? []) verdicts.set(scenario, judgeAlone(sdk.get(scenario) ?? [], checks))
  const isControl = leg.client === 'nobody'
  const found = surprises(verdicts, leg.allowed)
  const missed = isControl ? [] : scored.filter(scenario => !passesAlone(sdk.get(scenario) ?? []))
  const tally = (names: readonly string[], direct: number): LegReport['scored'] => {
    const count = (kind: Verdict['kind']): number => names.filter(name => verdicts.get(name)?.kind === kind).length
    return { total: names.length, direct, kept: count('kept'), degraded: count('degraded'), lost: count('lost') }
  }
  return {
    name: leg.name,
    title: leg.title,
    scored: tally(scored, isControl ? 0 : scored.length - missed.length),
    unscored: tally(isControl ? [] : unscored, 0),
    directFailures: [],
    unexpected: isControl ? earned(verdicts) : found.unexpected,
    stale: found.stale,
    expected: leg.allowed.filter(entry => verdicts.has(entry.scenario)),
    retried,
    isDirectOnly: through === undefined,
    isAlone: true,
    notes: missed.map(scenario => `the SDK’s own client does not pass: ${scenario}`),
  }
}

const earned = (verdicts: ReadonlyMap<string, Verdict>): LegReport['unexpected'] =>
  [...verdicts]
    .filter(([, { kind }]) => kind !== 'lost')
    .map(([scenario]) => ({ scenario, loss: { id: '-', status: 'SUCCESS', message: 'earned by doing nothing' } }))
