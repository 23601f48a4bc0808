// The short size of the auth legs of `npm run conformance`: one scenario of each kind, through a gateway that is started as an operator would.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { UpstreamAs } from '../connect/authorization-server.ts'
import { runAuthScenarios } from './auth-clients.ts'
import { startIdentityProvider } from './identity-provider.ts'
import { judgeAlone } from './score.ts'
import type { Revision } from './suite.ts'

let idp: UpstreamAs
let out: string
beforeAll(async () => {
  idp = await startIdentityProvider()
  out = mkdtempSync(join(tmpdir(), 'gatehouse-auth-scenarios-'))
})
afterAll(async () => {
  await idp.close()
  rmSync(out, { recursive: true, force: true })
})

const SCENARIOS: [Revision, string][] = [
  ['2025-11-25', 'auth/metadata-var2'],
  ['2026-07-28', 'auth/basic-cimd'],
  ['2026-07-28', 'auth/pre-registration'],
  ['2026-07-28', 'auth/scope-step-up'],
  ['2026-07-28', 'auth/authorization-server-migration'],
  ['2026-07-28', 'auth/iss-normalized'],
  ['2026-07-28', 'auth/enterprise-managed-authorization'],
]

it('gives a client that does nothing nothing for `auth/enterprise-managed-authorization`', { timeout: 60_000 }, async () => {
  const scenario = 'auth/enterprise-managed-authorization'
  const asked = { revision: '2026-07-28', client: 'nobody', identityProvider: idp.issuer, scenarios: [scenario], out } as const
  expect(judgeAlone([], (await runAuthScenarios(asked)).get(scenario) ?? [])).toMatchObject({ kind: 'lost' })
})

it.each(SCENARIOS)('passes %s %s of the official suite', { timeout: 120_000 }, async (revision, scenario) => {
  const run = await runAuthScenarios({ revision, client: 'gateway', identityProvider: idp.issuer, scenarios: [scenario], out })
  expect(judgeAlone([], run.get(scenario) ?? [])).toEqual({ kind: 'kept' })
})
