// Kill -9 between what a server first lists and what the gateway remembers of it: nothing is trusted on first use, so there is nothing to lose (N123). And kill -9
// right after a decision came into force: the one before it is not let back in.

import { spawn, type ChildProcess } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { gatehouse } from '../cli/io.ts'
import { freePort } from '../support/free-port.ts'
import { nodeServer } from '../support/upstreams/stdio.ts'
import { send } from './wire.ts'
import { modernBody } from './world.ts'

const ISSUER = 'https://issuer.test'
const PATH = '/servers/weather/mcp'
const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const at = (...names: string[]): string => join(folder, ...names)
let folder = ''
let port = 0
let token = ''
let child: ChildProcess | undefined

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-admission-kill-'))
  port = await freePort()
  const pair = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }
  writeFileSync(at('jwks.json'), JSON.stringify({ keys: [jwk] }))
  const reviewer = generateKeyPairSync('ed25519')
  writeFileSync(at('ann.key'), reviewer.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  writeFileSync(at('ann.pem'), reviewer.publicKey.export({ type: 'spki', format: 'pem' }))
  const config = {
    version: 1,
    listen: `127.0.0.1:${port}`,
    dataDir: 'data',
    identity: { issuers: [{ issuer: ISSUER, jwksFile: 'jwks.json', grant: [{ everyone: true, scopes: ['*'] }] }] },
    reviewers: { ann: { publicKey: 'ann.pem' } },
    upstreams: {
      weather: {
        stdio: { command: process.execPath, args: nodeServer('flipping', 'Infinity', at('starts')).args },
        allow: [{ subjects: ['*'], tools: ['*'] }],
      },
    },
  }
  writeFileSync(at('gatehouse.yaml'), stringify(config), { mode: 0o600 })
  token = await new SignJWT({ client_id: 'test', scope: '' })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' })
    .setIssuer(ISSUER)
    .setSubject('alice')
    .setAudience(`http://127.0.0.1:${port}${PATH}`)
    .setIssuedAt()
    .setExpirationTime('10m')
    .sign(pair.privateKey)
})
afterEach(async () => {
  await kill()
  rmSync(folder, { recursive: true, force: true })
})

/** A gateway in a process of its own; resolves when it says that it is ready. */
async function start(): Promise<void> {
  const made = spawn(process.execPath, [cli, 'serve', '--json', '--config', at('gatehouse.yaml')], { stdio: ['ignore', 'pipe', 'pipe'] })
  child = made
  let said = ''
  await new Promise<void>((resolve, reject) => {
    made.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()).includes('"ready"') && resolve())
    made.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    made.once('exit', code => reject(new Error(`ended with ${code}: ${said}`)))
  })
}
const kill = (): Promise<void> =>
  new Promise(resolve => {
    const running = child
    child = undefined
    if (running?.exitCode !== null) return resolve()
    running.once('exit', () => resolve())
    running.kill('SIGKILL')
  })
const ask = async (method: string, params: any = {}): Promise<any> =>
  (
    await send(port, {
      path: PATH,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${token}`,
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': method,
        'mcp-name': params.name,
      },
      body: modernBody(method, params),
    })
  ).body
const listed = async (): Promise<any[]> => (await ask('tools/list')).result.tools
const called = async (): Promise<string | undefined> => (await ask('tools/call', { name: 'get_weather', arguments: {} })).error?.data.reason
const run = (...words: string[]) => gatehouse([...words, '--config', at('gatehouse.yaml')], { cwd: folder })
async function decide(...words: string[]): Promise<void> {
  expect(await run('server', ...words, '--reviewer', 'ann', '--key', at('ann.key'))).toMatchObject({ code: 0 })
}
async function approve(...options: string[]): Promise<void> {
  await run('server', 'review', 'weather')
  const [, surface, launch] = /--surface (\w+) --launch (\w+)/.exec((await run('server', 'approve', 'weather', ...options)).err)!
  await decide('approve', 'weather', '--surface', surface!, '--launch', launch!, ...options)
}
const poison = (): void => writeFileSync(at('starts.poison'), '')

it(
  'attack: kill -9 right after the very first list; the next start offers a poisoned one: neither list was ever shown, nor is the server started (N123)',
  { timeout: 60_000 },
  async () => {
    await start()
    expect(await listed()).toEqual([])
    await kill()
    poison()
    await start()
    expect(await listed()).toEqual([])
    expect(await called()).toBe('quarantined')
    expect(existsSync(at('starts'))).toBe(false)
  },
)

it(
  'attack: kill -9 right after the first list of a reviewed server; the next start offers a poisoned one: it is held (N122, N123)',
  { timeout: 60_000 },
  async () => {
    await approve()
    await start()
    expect((await listed()).map(tool => tool.description)).toEqual(['Tells the weather of a city.'])
    await kill()
    // The decision was remembered before the list was shown.
    expect(JSON.parse(readFileSync(at('data', 'trust', 'admissions.json'), 'utf8')).servers.weather.reviewedAt).toMatch(/^2026-/)
    poison()
    await start()
    expect(await listed()).toEqual([])
    expect(await called()).toBe('drifted')
    expect((await run('server', 'diff', 'weather')).out).toContain('hostile-looking: tool `get_weather` changed')
  },
)

it(
  'attack: kill -9 right after a quarantine came into force; the admission before it is put back for the next start: it is refused',
  { timeout: 60_000 },
  async () => {
    await approve()
    cpSync(at('admissions'), at('backup'), { recursive: true })
    await start()
    expect(await called()).toBe(undefined)
    await decide('quarantine', 'weather', '--why', 'it phones home')
    await expect.poll(called).toBe('quarantined')
    await kill()
    cpSync(at('backup'), at('admissions'), { recursive: true })
    await start()
    expect(await called()).toBe('quarantined')
    expect((await ask('tools/call', { name: 'get_weather', arguments: {} })).error.message).toContain('an old decision was put back')
  },
)

it(
  'attack: a server admitted as it is lists something else, and the old list again after kill -9: it stays held until a reviewer decides',
  { timeout: 60_000 },
  async () => {
    await approve('--mode', 'exact')
    poison()
    await start()
    expect(await called()).toBe('quarantined')
    await kill()
    rmSync(at('starts.poison'))
    await start()
    expect(await listed()).toEqual([])
    expect(await called()).toBe('quarantined')
    await approve('--mode', 'exact')
    await expect.poll(called).toBe(undefined)
  },
)
