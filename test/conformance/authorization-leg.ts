// The suite's scenarios for authorization servers, against the gateway's own: its metadata, and one authorization code from the first request to the token.

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../support/free-port.ts'
import { startGateway } from './gateway.ts'
import { startIdentityProvider } from './identity-provider.ts'
import { Person } from './person.ts'
import type { LegReport } from './report.ts'
import { judgeAlone, type Run, type Verdict } from './score.ts'
import { AUTHORIZATION_SCENARIOS, runAuthorizationSuite } from './suite.ts'

export type AuthorizationLegRun = { readonly name: string; readonly title: string; readonly out: string; readonly isDirectOnly: boolean }

const CLIENT = 'conformance-host'

export async function runAuthorizationLeg(leg: AuthorizationLegRun): Promise<LegReport> {
  const started = Date.now()
  rmSync(leg.out, { recursive: true, force: true })
  mkdirSync(leg.out, { recursive: true })
  const run = leg.isDirectOnly ? new Map() : await runThrough(leg.out)
  const verdicts = new Map<string, Verdict>(AUTHORIZATION_SCENARIOS.map(name => [name, judgeAlone([], run.get(name) ?? [])]))
  const lost = [...verdicts].flatMap(([scenario, verdict]) =>
    verdict.kind === 'lost' ? verdict.losses.map(loss => ({ scenario, loss })) : [],
  )
  const total = AUTHORIZATION_SCENARIOS.length
  const kept = [...verdicts.values()].filter(({ kind }) => kind === 'kept').length
  return {
    name: leg.name,
    title: leg.title,
    scored: { total, direct: 0, kept, degraded: 0, lost: total - kept },
    unscored: { total: 0, direct: 0, kept: 0, degraded: 0, lost: 0 },
    directFailures: [],
    unexpected: leg.isDirectOnly ? [] : lost,
    stale: [],
    expected: [],
    retried: [],
    isDirectOnly: leg.isDirectOnly,
    isAlone: true,
    seconds: (Date.now() - started) / 1000,
  }
}

async function runThrough(out: string): Promise<Run> {
  const idp = await startIdentityProvider()
  const port = await freePort()
  const front = await startGateway({}, join(out, 'gateway.log'), {
    login: { issuer: idp.issuer },
    outbound: [new URL(idp.issuer).host],
    authorizationServer: { clients: [{ id: CLIENT, name: 'Conformance host', redirectUris: [`http://127.0.0.1:${port}/callback`] }] },
  })
  try {
    const issuer = new URL(front.url('any')).origin
    const person = new Person()
    return await runAuthorizationSuite({
      issuer,
      client: CLIENT,
      resource: `${issuer}/mcp`,
      port,
      out: join(out, 'suite'),
      onAuthorizationUrl: url => person.allow(url),
    })
  } finally {
    await front.stop()
    await idp.close()
  }
}
