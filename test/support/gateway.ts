// A gateway in this process for tests: real listener, real audit log on disk, an issuer of its own whose keys it reads from a file.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { stringify } from 'yaml'
import { loadConfig } from '../../src/config/load.ts'
import type { Snapshot } from '../../src/config/schema.ts'
import { startGateway, type Gateway, type GatewayOptions } from '../../src/main.ts'
import { freePort } from './free-port.ts'
import { silentLogger } from './silent-logger.ts'

export const ISSUER = 'https://issuer.test'

/** Everything permitted, questions to the host too. */
export const ALLOW_ALL = {
  subjects: ['*'],
  tools: ['*'],
  prompts: ['*'],
  resources: ['*'],
  serverRequests: ['elicitation.form', 'elicitation.url', 'sampling', 'sampling.tools', 'roots'],
}

/** Where the servers of tests send people. */
export const GATES_OPEN = { elicitation: { origins: ['https://sign.in.example', 'https://x.test'] } }

export type TestGateway = {
  readonly url: string
  readonly gateway: Gateway
  readonly dataDir: string
  readonly snapshot: Snapshot
  /** a token for one endpoint path; `alice` unless said otherwise */
  token(path: string, claims?: Readonly<Record<string, unknown>>): Promise<string>
  /** exactly these claims and this `typ`, signed by the issuer */
  sign(claims: Readonly<Record<string, unknown>>, typ?: string): Promise<string>
  /** all audit events on disk, oldest first */
  events(): Record<string, any>[]
  /** another configuration of the same base, for a gateway that starts anew */
  load(config: Readonly<Record<string, unknown>>): Promise<Snapshot>
  /** loads another configuration from the same base */
  reload(config: Readonly<Record<string, unknown>>): Promise<string | undefined>
  stop(): Promise<void>
}

/** `config` is merged over the minimum: version, listen, dataDir, identity; `issuer` over the one issuer, which by default gives everybody all scopes. */
export async function startTestGateway(
  config: Readonly<Record<string, unknown>>,
  {
    logger = silentLogger(),
    environment = process.env,
    issuer = {},
    login,
    authorizationServer,
    stores,
    documentFetch,
    domainKeys,
    content,
    counterOf,
  }: Partial<Pick<GatewayOptions, 'logger' | 'environment' | 'stores' | 'documentFetch' | 'domainKeys' | 'content' | 'counterOf'>> & {
    issuer?: Readonly<Record<string, unknown>>
    login?: Readonly<Record<string, unknown>>
    authorizationServer?: Readonly<Record<string, unknown>>
  } = {},
): Promise<TestGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-test-'))
  const dataDir = join(folder, 'data')
  mkdirSync(dataDir, { mode: 0o700 })
  const port = await freePort()
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  writeFileSync(
    join(folder, 'jwks.json'),
    JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }] }),
  )
  const load = async (more: Readonly<Record<string, unknown>>): Promise<Snapshot> => {
    const file = join(folder, 'gatehouse.yaml')
    const base = {
      version: 1,
      listen: `127.0.0.1:${port}`,
      dataDir,
      admission: 'configured',
      identity: {
        ...(login && { login }),
        ...(authorizationServer && { authorizationServer }),
        issuers: [{ issuer: ISSUER, jwksFile: join(folder, 'jwks.json'), grant: [{ everyone: true, scopes: ['*'] }], ...issuer }],
      },
    }
    writeFileSync(file, stringify({ ...base, ...more }, { aliasDuplicateObjects: false }), { mode: 0o600 })
    const loaded = await loadConfig(file)
    if (!loaded.ok) throw new Error(loaded.faults.map(f => f.message).join('\n'))
    return loaded.snapshot
  }
  const snapshot = await load(config)
  const gateway = await startGateway(snapshot, {
    version: '0.0.0-test',
    environment,
    logger,
    ...(stores && { stores }),
    ...(documentFetch && { documentFetch }),
    ...(domainKeys && { domainKeys }),
    ...(content && { content }),
    ...(counterOf && { counterOf }),
  })
  return {
    url: gateway.url,
    gateway,
    dataDir,
    snapshot,
    token: (path, claims = {}) => {
      const { sub = 'alice', iat, ...rest } = claims
      return new SignJWT({ client_id: 'test', scope: '', ...rest })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' })
        .setIssuer((issuer['issuer'] as string | undefined) ?? ISSUER)
        .setSubject(sub as string)
        .setAudience(`${snapshot.publicUrl}${path}`)
        .setIssuedAt(iat as number | undefined)
        .setExpirationTime('10m')
        .sign(privateKey)
    },
    sign: (claims, typ) =>
      new SignJWT({ ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'k1', ...(typ !== undefined && { typ }) }).sign(privateKey),
    events: () =>
      readdirSync(join(snapshot.dataDir, 'audit'))
        .filter(f => f.endsWith('.jsonl'))
        .sort()
        .flatMap(f =>
          readFileSync(join(snapshot.dataDir, 'audit', f), 'utf8')
            .split('\n')
            .filter(Boolean),
        )
        .map(line => JSON.parse(line) as Record<string, any>),
    load,
    reload: async more => gateway.reload(await load(more)),
    async stop() {
      await gateway.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
