// The suite's auth scenarios: the gateway's upstream side as OAuth client, with a host in front of it and a person at a browser; the official SDK's own
// client beside it, as the mark to reach; and a command that does nothing, which must earn nothing.

import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../support/free-port.ts'
import type { Check, Run } from './score.ts'
import { requirements, runClientScenario, type Requirements, type Revision } from './suite.ts'

const DRIVERS = {
  gateway: fileURLToPath(import.meta.resolve('./drive-connect.ts')),
  sdk: fileURLToPath(import.meta.resolve('./drive-sdk-auth.ts')),
} as const
const DRIVE_MS = 25_000
const RUNNER_MS = 29_000
/** More than any scenario listens on. */
const PORTS = 4

/** The suite knows the client by this document, and fetches it nowhere. */
const DOCUMENT = 'https://conformance-test.local/client-metadata.json'

/** Where the answer has to be no: what the gateway has to say of it. Everywhere else the tool has to answer in the end. */
const REFUSALS: Readonly<Record<string, RegExp>> = {
  'auth/scope-retry-limit': /asking for them has not helped/,
  'auth/resource-mismatch': /speaks of another resource/,
  'auth/iss-supported-missing': /does not come from the authorization server/,
  'auth/iss-wrong-issuer': /does not come from the authorization server/,
  'auth/iss-unexpected': /does not come from the authorization server/,
  'auth/iss-normalized': /does not come from the authorization server/,
  'auth/metadata-issuer-mismatch': /publishes metadata of another issuer/,
}

/** Extensions the gateway speaks towards upstreams. The others: docs/conformance.md, "What is not run". */
const EXTENSIONS = ['auth/client-credentials-jwt', 'auth/client-credentials-basic', 'auth/enterprise-managed-authorization']
/** Here the harness stands in front of the suite's first server, its identity provider (sign-in-front.ts). */
const FRONTED = new Set(['auth/enterprise-managed-authorization'])

export function authScenarios(revision: Revision): Requirements {
  const { scored, unscored } = requirements(revision, 'client')
  return { scored: scored.filter(name => name.startsWith('auth/')), unscored: unscored.filter(name => EXTENSIONS.includes(name)) }
}

export type AuthClient = 'gateway' | 'sdk' | 'nobody'

export type AuthRun = {
  readonly revision: Revision
  readonly client: AuthClient
  /** issuer of the identity provider where people sign in to the gateway */
  readonly identityProvider: string
  readonly scenarios: readonly string[]
  readonly out: string
  readonly onScenario?: (name: string) => void
}

/** What a driver leaves behind. `told`: what the host, or the page in the browser, said where something was refused. */
export type Outcome = { readonly isServed: boolean; readonly authorizations: number; readonly told: readonly string[] }

/** One after the other: together they would not fit two cores. */
export async function runAuthScenarios(run: AuthRun): Promise<Run> {
  const checks = new Map<string, readonly Check[]>()
  for (const scenario of run.scenarios) {
    run.onScenario?.(scenario)
    checks.set(scenario, await runOne(run, scenario))
  }
  return checks
}

async function runOne({ revision, client, identityProvider, out: folder }: AuthRun, scenario: string): Promise<readonly Check[]> {
  const out = join(folder, scenario.replace('/', '-'))
  mkdirSync(folder, { recursive: true })
  const outcome = `${out}.outcome.json`
  rmSync(outcome, { force: true })
  const ports = await Promise.all(Array.from({ length: PORTS }, freePort))
  const checks = await runClientScenario({
    command: client === 'nobody' ? 'true' : `${process.execPath} ${DRIVERS[client]}`,
    revision,
    scenario,
    out,
    timeoutMs: RUNNER_MS,
    ports,
    env: {
      CONFORMANCE_IDP: identityProvider,
      CONFORMANCE_DOCUMENT: DOCUMENT,
      CONFORMANCE_LOG: `${out}.client.log`,
      CONFORMANCE_OUTCOME: outcome,
      CONFORMANCE_DRIVE_MS: String(DRIVE_MS),
      ...(FRONTED.has(scenario) && { CONFORMANCE_BEHIND: String(await freePort()) }),
    },
  })
  return client === 'gateway' ? [...checks, endOf(scenario, outcome)] : checks
}

/** A check of the harness's own: the suite sees requests only, and a client that fell over early looks to it like one that refused. */
function endOf(scenario: string, file: string): Check {
  const outcome = readOutcome(file)
  const refusal = REFUSALS[scenario]
  const { isServed, told } = outcome ?? { isServed: false, told: ['the driver left nothing behind'] }
  const isRight = outcome !== undefined && (refusal ? !isServed && told.some(words => refusal.test(words)) : isServed)
  const errorMessage = `${isServed ? 'served' : 'not served'}: ${told.join(' | ').slice(0, 600)}`
  return { id: 'gatehouse-outcome', name: 'how it ended', status: isRight ? 'SUCCESS' : 'FAILURE', errorMessage }
}

function readOutcome(file: string): Outcome | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Outcome
  } catch {
    return undefined
  }
}
