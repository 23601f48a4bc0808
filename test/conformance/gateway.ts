// The gateway as an operator would start it: a configuration file in a temporary folder, `node src/cli.ts serve`, and an issuer of
// the harness's own whose keys the gateway reads from a file. Nothing of its source is imported but for signing admissions: only what it shows outside counts.

import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { stringify } from 'yaml'
import { freePort } from '../support/free-port.ts'
import { admissionSettings, admitServers, recordSuite } from './admissions.ts'
import { launchNode } from './processes.ts'

const CLI = join(import.meta.dirname, '../../src/cli.ts')
const ISSUER = 'https://issuer.conformance.test'
const TOKEN_SECONDS = 3_000

/** Where the suite knocks, and with which token. */
export type Front = {
  url(alias: string): string
  /** a token for that endpoint */
  bearer(alias: string): Promise<string | undefined>
  stop(): Promise<void>
}

export type UpstreamConfig =
  /** `credential`: as in gatehouse.yaml */
  | { readonly kind: 'http'; readonly url: string; readonly credential?: object }
  | { readonly kind: 'stdio'; readonly command: string; readonly args: readonly string[]; readonly env?: Readonly<Record<string, string>> }

/** What a gateway whose upstreams take credentials of people's own needs besides. */
export type GatewayMore = {
  /** where people sign in, and what the gateway is there, if not LOGIN_CLIENT; its user `alice` is whom `bearer` is for */
  readonly login?: { readonly issuer: string; readonly clientId?: string; readonly clientSecret?: string }
  /** `host:port` that may be fetched from */
  readonly outbound?: readonly string[]
  readonly clientMetadataUrl?: string
  /** as in gatehouse.yaml: the gateway's own for hosts */
  readonly authorizationServer?: object
}

/** What the gateway is called at the identity provider. */
export const LOGIN_CLIENT = 'gateway'

/** Everything of an upstream is permitted, its requests to the host too: the suite measures the bridge, not the policy. */
const EVERYTHING = {
  subjects: ['*'],
  tools: ['*'],
  prompts: ['*'],
  resources: ['*'],
  methods: ['tasks/get', 'tasks/update', 'tasks/cancel'],
  serverRequests: ['elicitation.form', 'elicitation.url', 'sampling', 'sampling.tools', 'roots'],
}

/** `settings`: of admissions. */
type Setting = { readonly port: number; readonly folder: string; readonly settings: object }

/** gatehouse.yaml with nothing in it that a default covers. */
function configuration(
  upstreams: Readonly<Record<string, UpstreamConfig>>,
  { port, folder, settings }: Setting,
  more: GatewayMore,
): string {
  const { login, outbound, clientMetadataUrl, authorizationServer } = more
  const entries = Object.entries(upstreams).map(([alias, { kind, ...transport }]) => {
    const { credential, ...rest } = { credential: undefined, ...transport }
    return [alias, { [kind]: rest, ...(credential && { credential }), allow: [{ ...EVERYTHING, id: `${alias}-everything` }] }]
  })
  const document = {
    version: 1,
    listen: `127.0.0.1:${port}`,
    dataDir: join(folder, 'data'),
    identity: {
      ...(login && { login: { clientId: LOGIN_CLIENT, scopes: ['openid'], ...login } }),
      ...(authorizationServer && { authorizationServer }),
      issuers: [
        {
          issuer: login?.issuer ?? ISSUER,
          jwksFile: join(folder, 'jwks.json'),
          grant: [{ everyone: true, scopes: ['*'] }],
          maxTokenLife: '1h',
        },
      ],
    },
    ...(outbound && { outbound: { allow: outbound } }),
    ...(clientMetadataUrl !== undefined && { oauthClient: { metadataUrl: clientMetadataUrl } }),
    ...settings,
    upstreams: Object.fromEntries(entries) as object,
  }
  // anchors and aliases are refused in gatehouse.yaml
  return stringify(document, { aliasDuplicateObjects: false })
}

async function untilReady(url: string, isGone: () => boolean, log: string): Promise<void> {
  const deadline = Date.now() + 20_000
  for (;;) {
    const answer = await fetch(`${url}/healthz`).catch(() => undefined)
    if (answer?.ok) return
    if (isGone() || Date.now() > deadline) throw new Error(`the gateway did not start; see ${log}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** Starts the gateway in front of `upstreams` (by alias). `log` takes its stdout and stderr. */
export async function startGateway(
  upstreams: Readonly<Record<string, UpstreamConfig>>,
  log: string,
  more: GatewayMore = {},
): Promise<Front> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-conformance-'))
  const forget = (): void => rmSync(folder, { recursive: true, force: true })
  process.once('exit', forget)
  const port = await freePort()
  const base = `http://127.0.0.1:${port}`
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'conformance', alg: 'ES256', use: 'sig' }
  mkdirSync(join(folder, 'data'), { mode: 0o700 })
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify({ keys: [jwk] }))
  const file = join(folder, 'gatehouse.yaml')
  const { key, settings } = await admissionSettings(folder)
  writeFileSync(file, configuration(upstreams, { port, folder, settings }, more), { mode: 0o600 })
  await admitServers(file, key)

  const launched = launchNode([CLI, 'serve', '--config', file], { log, cwd: folder })
  const url = (alias: string): string => `${base}/servers/${alias}/mcp`
  const stop = async (): Promise<void> => {
    await launched.stop()
    recordSuite(join(folder, 'data'))
    process.removeListener('exit', forget)
    forget()
  }
  try {
    await untilReady(base, () => launched.child.exitCode !== null, log)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    url,
    bearer: alias =>
      new SignJWT({ client_id: 'conformance', jti: randomUUID(), scope: '' })
        .setProtectedHeader({ alg: 'ES256', kid: 'conformance', typ: 'at+jwt' })
        .setIssuer(more.login?.issuer ?? ISSUER)
        .setSubject(more.login ? 'alice' : 'conformance')
        .setAudience(url(alias))
        .setIssuedAt()
        .setExpirationTime(`${TOKEN_SECONDS}s`)
        .sign(privateKey),
    stop,
  }
}
