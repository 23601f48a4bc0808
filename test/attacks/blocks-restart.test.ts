// The emergency stop over a kill: what an operator was told is blocked, is blocked by whatever process comes next.

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { freePort } from '../support/free-port.ts'
import { send } from './wire.ts'

const ISSUER = 'https://issuer.test'
const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
let folder = ''
let port = 0
let key: Awaited<ReturnType<typeof generateKeyPair>>['privateKey']
let child: ChildProcess | undefined

/** A gateway in a process of its own; resolves when it says that it is ready. */
async function start(): Promise<ChildProcess> {
  const made = spawn(process.execPath, [cli, 'serve', '--json', '--config', join(folder, 'gatehouse.yaml')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  await new Promise<void>((resolve, reject) => {
    made.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()).includes('"ready"') && resolve())
    made.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    made.once('exit', code => reject(new Error(`ended with ${code}: ${said}`)))
  })
  return made
}
const killed = (process: ChildProcess): Promise<void> =>
  new Promise(resolve => {
    process.once('exit', () => resolve())
    process.kill('SIGKILL')
  })
const token = (sub: string, path: string): Promise<string> =>
  new SignJWT({ client_id: 'test' })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' })
    .setIssuer(ISSUER)
    .setSubject(sub)
    .setAudience(`http://127.0.0.1:${port}${path}`)
    .setIssuedAt()
    .setExpirationTime('10m')
    .sign(key)
const act = async (name: string, body: object) =>
  send(port, {
    path: `/admin/${name}`,
    headers: { authorization: `Bearer ${await token('root', '/admin')}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
const whoami = async (sub: string) =>
  send(port, { method: 'GET', path: '/admin/whoami', headers: { authorization: `Bearer ${await token(sub, '/admin')}` } })

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-kill-'))
  port = await freePort()
  const pair = await generateKeyPair('ES256')
  key = pair.privateKey
  writeFileSync(
    join(folder, 'jwks.json'),
    JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }] }),
  )
  const config = {
    version: 1,
    listen: `127.0.0.1:${port}`,
    dataDir: 'data',
    identity: { issuers: [{ issuer: ISSUER, jwksFile: 'jwks.json' }] },
    operators: ['root'],
    administration: { twoPerson: false },
  }
  writeFileSync(join(folder, 'gatehouse.yaml'), stringify(config), { mode: 0o600 })
  child = await start()
}, 120_000)
afterAll(async () => {
  if (child) await killed(child)
  rmSync(folder, { recursive: true, force: true })
})

it(
  'a block and ended sessions survive kill -9 right after their answers, and so does taking the block away',
  { timeout: 180_000 },
  async () => {
    const old = await token('dave', '/admin')
    expect((await whoami('mallory')).status).toBe(200)
    expect((await act('block', { kind: 'principal', target: 'mallory', why: 'stolen' })).status).toBe(200)
    expect((await act('sessions/end', { principal: 'dave' })).status).toBe(200)
    await killed(child!)
    child = await start()
    const refused = await whoami('mallory')
    expect([refused.status, refused.body.error.reason]).toEqual([403, 'principal-blocked'])
    const answer = await send(port, { method: 'GET', path: '/admin/whoami', headers: { authorization: `Bearer ${old}` } })
    expect([answer.status, answer.body.error.reason]).toEqual([401, 'token-revoked'])
    expect((await act('unblock', { kind: 'principal', target: 'mallory', why: 'found' })).body.state).toBe('applied')
    await killed(child)
    child = await start()
    expect((await whoami('mallory')).status).toBe(200)
  },
)
