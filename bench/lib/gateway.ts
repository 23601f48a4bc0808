// A gateway to measure: its folder, configuration, issuer and tokens, made for one run and thrown away after it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { stringify } from 'yaml'
import { admissionSettings, admitServers } from './admissions.ts'
import type { Era } from './messages.ts'
import { answersOk, freePort, start, untilReady, type Running } from './processes.ts'
import { writeRules } from './rules.ts'

const ISSUER = 'https://issuer.bench.example'
const CLI = join(import.meta.dirname, '../../src/cli.ts')

type UpstreamChoice = {
  readonly era: Era
  /** a command, or the URL of a running one */
  readonly at: { readonly command: readonly string[] } | { readonly url: string }
  /** `all` (default) is what a bare proxy does as well: one process or connection pool for everybody */
  readonly share?: 'all' | 'principal'
  /** default `shared`: one list for everybody */
  readonly lists?: 'shared' | 'principal'
}

export type GatewayOptions = {
  /** by alias */
  readonly upstreams: Readonly<Record<string, UpstreamChoice>>
  /** path of the endpoint that tokens are for and `url` names; default `/servers/<first alias>/mcp` */
  readonly endpoint?: string
  /** how many principals the tokens name; default 1 */
  readonly principals?: number
  readonly nodeArgs?: readonly string[]
  /** keeps the folder, with the audit log, after stop() */
  readonly keepFolder?: boolean
  /** default src/cli.ts */
  readonly cli?: string
  /** how many its servers list; default 10 */
  readonly tools?: number
  /** rules in force beside allow rules (bench/lib/rules.ts); default false */
  readonly hasPolicies?: boolean
  /** of audit events, as the configuration has them; default none */
  readonly sinks?: readonly object[]
  /** rules in the place of those */
  readonly rules?: string
  /** group of somebody who may approve what waits */
  readonly approvers?: string
}

export type Gateway = Running & {
  readonly url: string
  readonly port: number
  readonly folder: string
  readonly logFile: string
  /** bearer headers, one per principal */
  readonly headers: readonly Record<string, string>[]
  /** bearer header of whoever may approve, for /admin; empty without `approvers` */
  readonly approver: Record<string, string>
  /** from start until /readyz answered 200 */
  readonly readyMs: number
  /** starts it again in the same folder after it ended */
  restart(): Promise<Gateway>
}

/** Folders that stop() did not get to: thrown away when the bench ends, whatever ended it. */
const folders = new Set<string>()
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
  if (!options.keepFolder) folders.add(folder)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}${options.endpoint ?? `/servers/${Object.keys(options.upstreams)[0] ?? ''}/mcp`}`
  const { headers, approver } = await tokens(folder, { url, admin: `http://127.0.0.1:${port}/admin` }, options)
  const file = join(folder, 'gatehouse.yaml')
  const { key, settings } = await admissionSettings(folder)
  writeFileSync(file, stringify({ ...configuration(options, folder, port), ...settings }))
  if (options.hasPolicies || options.rules !== undefined) writeRules(join(folder, 'policies'), options.rules)
  await admitServers(file, key, options.tools ?? 10)
  return launch(options, { folder, port, url, headers, approver })
}

type Place = Pick<Gateway, 'folder' | 'port' | 'url' | 'headers' | 'approver'>

async function launch(options: GatewayOptions, place: Place): Promise<Gateway> {
  const logFile = join(place.folder, 'gateway.log')
  const command = [
    process.execPath,
    ...(options.nodeArgs ?? []),
    options.cli ?? CLI,
    'serve',
    '--config',
    join(place.folder, 'gatehouse.yaml'),
  ]
  const running = start({ role: 'proxy', command, logFile, cwd: place.folder, env: { NODE_ENV: 'production' } })
  const readyMs = await untilReady(running, () => answersOk(`http://127.0.0.1:${place.port}/readyz`), { logFile })
  const stop = async (): Promise<void> => {
    await running.stop()
    if (!options.keepFolder) rmSync(place.folder, { recursive: true, force: true })
  }
  return { ...running, ...place, logFile, readyMs, stop, restart: () => launch(options, place) }
}

/** One key, one token per principal, and one for whoever approves; the key set stands in the folder. */
async function tokens(
  folder: string,
  { url, admin }: { readonly url: string; readonly admin: string },
  { principals = 1, approvers }: GatewayOptions,
): Promise<Pick<Gateway, 'headers' | 'approver'>> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const key = { ...(await exportJWK(publicKey)), kid: 'bench', alg: 'ES256', use: 'sig' }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify({ keys: [key] }))
  const mint = (index: number, audience: string, more: object = {}): Promise<string> =>
    new SignJWT({ client_id: 'bench', scope: 'mcp', jti: `bench-${index}`, ...more })
      .setProtectedHeader({ alg: 'ES256', kid: 'bench', typ: 'at+jwt' })
      .setIssuer(ISSUER)
      .setSubject(`principal-${index}`)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime('12h')
      .sign(privateKey)
  const made: Record<string, string>[] = []
  for (let i = 0; i < principals; i += 1) made.push({ Authorization: `Bearer ${await mint(i, url)}` })
  const approver = approvers === undefined ? {} : { Authorization: `Bearer ${await mint(-1, admin, { groups: [approvers] })}` }
  return { headers: made, approver }
}

/** Every check and the durable log are on; only amounts are raised, so that the load and not a limit is measured. */
function configuration(
  { upstreams, hasPolicies = false, rules, approvers, sinks = [] }: GatewayOptions,
  folder: string,
  port: number,
): object {
  return {
    version: 1,
    listen: `127.0.0.1:${port}`,
    publicUrl: `http://127.0.0.1:${port}`,
    dataDir: join(folder, 'data'),
    identity: {
      issuers: [
        {
          issuer: ISSUER,
          jwksFile: join(folder, 'jwks.json'),
          algorithms: ['ES256'],
          maxTokenLife: '1d',
          grant: [{ everyone: true, scopes: ['*'] }],
        },
      ],
    },
    upstreams: Object.fromEntries(Object.entries(upstreams).map(([alias, choice]) => [alias, upstreamSettings(choice)])),
    limits: {
      // One principal of one client at one address sends everything: none of that is what is measured here.
      principalPerSecond: 1_000_000,
      rates: {
        address: '100000000/1s',
        client: '100000000/1s',
        server: '100000000/1s',
        tool: '100000000/1s',
        visitor: '100000000/1s',
        visitors: '100000000/1s',
      },
      concurrency: { principal: 1_000_000, client: 1_000_000, server: 1_000_000 },
      payload: { principal: '1024GiB', client: '1024GiB' },
      sessions: 50_000,
      sessionsPerPrincipal: 50_000,
      connections: 100_000,
      connectionsPerAddress: 100_000,
      streams: 50_000,
      streamsPerPrincipal: 50_000,
    },
    log: { level: 'warn' },
    audit: { sinks },
    ...(approvers !== undefined && { operators: ['principal-0'], administration: { roles: { approver: { groups: [approvers] } } } }),
    ...((hasPolicies || rules !== undefined) && { policies: { folder: 'policies' } }),
  }
}

function upstreamSettings({ era, at, share, lists }: UpstreamChoice): unknown {
  const transport = 'url' in at ? { http: { url: at.url } } : { stdio: { command: at.command[0], args: at.command.slice(1), env: {} } }
  return {
    ...transport,
    era,
    share: share ?? 'all',
    lists: lists ?? 'shared',
    listTtl: '1d',
    limits: {
      concurrency: 1024,
      queue: 4096,
      connections: 1024,
      listPages: 1000,
      listEntries: 20_000,
      listSize: '64MiB',
      messageSize: '64MiB',
      bufferSize: '512MiB',
    },
    allow: [{ subjects: ['*'], tools: ['*'] }],
  }
}
