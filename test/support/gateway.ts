// A gateway in this process for tests: real listener, real audit log on disk, an issuer of its own whose keys it reads from a file.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { stringify } from 'yaml'
import { loadConfig } from '../../src/config/load.ts'
import type { Snapshot } from '../../src/config/schema.ts'
import { startGateway, type Gateway } from '../../src/main.ts'
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

export type TestGateway = {
  readonly url: string
  readonly gateway: Gateway
  readonly dataDir: string
  readonly snapshot: Snapshot
  /** a token for one endpoint path; `alice` unless said otherwise */
  token(path: string, claims?: Readonly<Record<string, unknown>>): Promise<string>
  /** all audit events on disk, oldest first */
  events(): Record<string, any>[]
  /** loads another configuration from the same base */
  reload(config: Readonly<Record<string, unknown>>): Promise<string | undefined>
  stop(): Promise<void>
}

export const freePort = (): Promise<number> =>
  new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })

/** `config` is merged over the minimum: version, listen, dataDir, identity. */
export async function startTestGateway(config: Readonly<Record<string, unknown>>): Promise<TestGateway> {
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
      identity: { issuers: [{ issuer: ISSUER, jwksFile: join(folder, 'jwks.json') }] },
    }
    writeFileSync(file, stringify({ ...base, ...more }), { mode: 0o600 })
    const loaded = await loadConfig(file)
    if (!loaded.ok) throw new Error(loaded.faults.map(f => f.message).join('\n'))
    return loaded.snapshot
  }
  const snapshot = await load(config)
  const gateway = await startGateway(snapshot, { version: '0.0.0-test', environment: process.env, logger: silentLogger() })
  return {
    url: gateway.url,
    gateway,
    dataDir,
    snapshot,
    token: (path, claims = {}) => {
      const { sub = 'alice', ...rest } = claims
      return new SignJWT({ client_id: 'test', scope: '', ...rest })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' })
        .setIssuer(ISSUER)
        .setSubject(sub as string)
        .setAudience(`${snapshot.publicUrl}${path}`)
        .setIssuedAt()
        .setExpirationTime('10m')
        .sign(privateKey)
    },
    events: () =>
      readdirSync(join(dataDir, 'audit'))
        .filter(f => f.endsWith('.jsonl'))
        .sort()
        .flatMap(f =>
          readFileSync(join(dataDir, 'audit', f), 'utf8')
            .split('\n')
            .filter(Boolean),
        )
        .map(line => JSON.parse(line) as Record<string, any>),
    reload: async more => gateway.reload(await load(more)),
    async stop() {
      await gateway.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

let nextId = 1
/** One modern request over plain fetch, headers as the body says; everything can be overridden. */
export async function postModern(
  url: string,
  token: string,
  method: string,
  params: Record<string, any> = {},
  over: { headers?: Record<string, string | undefined>; capabilities?: object; body?: string } = {},
): Promise<{ status: number; headers: Headers; body: any; messages: any[] }> {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': over.capabilities ?? {},
    ...params['_meta'],
  }
  const name = (params['name'] ?? params['uri'] ?? params['taskId']) as string | undefined
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${token}`,
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    'mcp-name': name,
    ...over.headers,
  }
  const sent = Object.fromEntries(Object.entries(headers).filter((e): e is [string, string] => e[1] !== undefined))
  const body = over.body ?? JSON.stringify({ jsonrpc: '2.0', id: nextId++, method, params: { ...params, _meta: meta } })
  return readAnswer(await fetch(url, { method: 'POST', headers: sent, body }))
}

export async function readAnswer(response: Response): Promise<{ status: number; headers: Headers; body: any; messages: any[] }> {
  const text = await response.text()
  const isStream = response.headers.get('content-type')?.includes('event-stream') ?? false
  const messages = isStream
    ? text
        .split('\n')
        .filter(l => l.startsWith('data: ') && l.length > 6)
        .map(l => JSON.parse(l.slice(6)) as unknown)
    : text === ''
      ? []
      : [JSON.parse(text) as unknown]
  return { status: response.status, headers: response.headers, body: messages.at(-1), messages }
}
