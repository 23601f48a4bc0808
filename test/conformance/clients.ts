// The suite's client scenarios through the gateway's upstream side, one after the other (together they would not fit two cores).

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FrontKind } from './fronts.ts'
import type { Check, Run } from './score.ts'
import { runClientScenario, type Revision } from './suite.ts'

const DRIVER = fileURLToPath(import.meta.resolve('./drive-http.ts'))
const DRIVE_MS = 20_000
const RUNNER_MS = 27_000

/** All but `auth/*`, which auth-clients.ts runs. */
export const CLIENT_SCENARIOS: Readonly<Record<Revision, readonly string[]>> = {
  '2025-11-25': ['initialize', 'tools_call', 'elicitation-sep1034-client-defaults', 'sse-retry'],
  '2026-07-28': [
    'tools_call',
    'request-metadata',
    'sep-2322-client-request-state',
    'http-standard-headers',
    'http-custom-headers',
    'http-invalid-tool-headers',
    'json-schema-ref-no-deref',
    'json-schema-2020-12-preservation',
  ],
}

export type ClientLeg = {
  readonly revision: Revision
  readonly front: FrontKind
  /** the host's era; a legacy host on the 2026 set makes the gateway alone answer for everything modern */
  readonly host: 'modern' | 'legacy'
  readonly out: string
  readonly scenarios: readonly string[]
  readonly onScenario?: (name: string) => void
}

export async function runClientLeg(leg: ClientLeg): Promise<Run> {
  const run = new Map<string, readonly Check[]>()
  mkdirSync(leg.out, { recursive: true })
  for (const scenario of leg.scenarios) {
    leg.onScenario?.(scenario)
    const out = join(leg.out, scenario)
    run.set(
      scenario,
      await runClientScenario({
        command: `${process.execPath} ${DRIVER}`,
        revision: leg.revision,
        scenario,
        out,
        timeoutMs: RUNNER_MS,
        env: {
          CONFORMANCE_FRONT: leg.front,
          CONFORMANCE_HOST: leg.host,
          CONFORMANCE_LOG: `${out}.gateway.log`,
          CONFORMANCE_DRIVE_MS: String(DRIVE_MS),
        },
      }),
    )
  }
  return run
}
