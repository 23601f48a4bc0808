// Administration from the command line against a running gateway: what people type, see, and what stays on disk.

import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { serve, type Running } from '../../src/cli/serve.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Snapshot } from '../../src/config/schema.ts'
import { Browser } from '../evaluation/browser.ts'
import { freePort } from '../support/free-port.ts'
import { gatehouse, testIo, type Run } from './io.ts'
import { main } from '../../src/cli/main.ts'

let running: Running
let cwd: string
let home: string
let url = ''
let issuer = ''
/** What the file says besides its ports. */
const RULES = { twoPerson: false, roles: { approver: { groups: ['seconds'] } } }
const write = (ports: { gateway: number; provider: number }, administration: object): void =>
  writeFileSync(
    join(cwd, 'gatehouse.yaml'),
    stringify({
      version: 1,
      listen: `127.0.0.1:${ports.gateway}`,
      dataDir: 'data',
      identity: {
        evaluation: { port: ports.provider, users: [{ name: 'alice' }, { name: 'sam', groups: ['seconds'] }, { name: 'nobody' }] },
      },
      operators: ['alice'],
      administration,
      upstreams: { files: { http: { url: 'http://127.0.0.1:9/mcp' }, allow: [{ subjects: ['*'], tools: ['*'] }] } },
    }),
    { mode: 0o600 },
  )
async function load(): Promise<Snapshot> {
  const loaded = await loadConfig(join(cwd, 'gatehouse.yaml'))
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults))
  return loaded.snapshot
}
let ports: { gateway: number; provider: number }
const reload = async (administration: object): Promise<void> => {
  write(ports, administration)
  expect(await running.gateway.reload(await load())).toBe(undefined)
}
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'gatehouse-cli-'))
  ports = { gateway: await freePort(), provider: await freePort() }
  url = `http://127.0.0.1:${ports.gateway}`
  issuer = `http://127.0.0.1:${ports.provider}`
  write(ports, RULES)
  running = await serve(await load(), () => {})
})
afterAll(async () => {
  await running.stop()
  rmSync(cwd, { recursive: true, force: true })
})
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'gatehouse-home-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const io = () => ({ cwd, home, now: Date.now })
const run = (...words: string[]): Promise<Run> => gatehouse(words, io())
const cache = (): string => join(home, '.config', 'gatehouse', 'logins.json')

describe('block, blocks list, unblock', () => {
  it('work with the evaluation provider without a login, as the first operator', async () => {
    expect(await run('block', 'server', 'files', '--why', 'it leaks')).toMatchObject({
      code: 0,
      out: expect.stringContaining('blocked server files, in force now'),
    })
    const list = await run('blocks', 'list')
    expect(list.out).toMatch(/server files +20\S+Z +\S+ alice +it leaks/)
    expect(await run('unblock', 'server', 'files', '--why', 'mended')).toMatchObject({ code: 0, out: 'done\n' })
    expect((await run('blocks', 'list')).out).toBe('nothing is blocked\n')
  })
  it('say what is missing, and what the gateway refused, in one line', async () => {
    expect(await run('block', 'server', 'files')).toMatchObject({ code: 2, err: expect.stringContaining('--why') })
    expect(await run('block', '--why', 'x')).toMatchObject({ code: 2, err: expect.stringContaining('expected what to block') })
    expect(await run('block', 'server', 'nope', '--why', 'x')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/no server of that name is configured; `gatehouse server list` shows the names\n$/),
    })
    expect(await run('blocks', 'list', '--user', 'nobody')).toMatchObject({
      code: 1,
      err: expect.stringContaining('needs the role operator'),
    })
    const { code, out } = await run('blocks', 'list', '--user', 'nobody', '--json')
    expect([code, JSON.parse(out).error.reason]).toEqual([1, 'role-missing'])
  })
  it('answer with 5 where no gateway is', async () => {
    const silent = `http://127.0.0.1:${await freePort()}`
    expect(await gatehouse(['blocks', 'list', '--url', silent], { ...io(), env: { GATEHOUSE_ADMIN_TOKEN: 'x' } })).toMatchObject({
      code: 5,
    })
  })
  it('send no token over http beyond this machine', async () => {
    const { code, err } = await gatehouse(['blocks', 'list', '--url', 'http://gateway.example'], {
      ...io(),
      env: { GATEHOUSE_ADMIN_TOKEN: 'x' },
    })
    expect([code, err.includes('use https')]).toEqual([2, true])
  })
})

it('two persons: one proposes, the other approves', async () => {
  await reload({ ...RULES, twoPerson: true })
  await run('block', 'client', 'evil', '--why', 'x')
  const proposed = await run('unblock', 'client', 'evil', '--why', 'a mistake')
  const id = /proposed as (\S+):/.exec(proposed.out)?.[1] ?? ''
  expect((await run('proposals', 'list')).out).toContain(`${id}  pending  unblock client evil`)
  expect(await run('proposals', 'approve', id)).toMatchObject({ code: 1, err: expect.stringContaining('somebody else') })
  expect(await run('proposals', 'approve', id, '--user', 'sam')).toMatchObject({ code: 0, out: 'done\n' })
  expect((await run('key', 'rotate', 'sealing', '--why', 'yearly')).out).toContain('somebody else has to approve it')
  await reload(RULES)
  expect(await run('key', 'rotate', 'sealing', '--why', 'yearly')).toMatchObject({ code: 0 })
  expect(await run('key', 'rotate', 'audit', '--why', 'yearly')).toMatchObject({ code: 0 })
  expect(await run('key', 'rotate', 'nope', '--why', 'x')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/nothing of that name to change; write `audit`, `sealing`, `vault` or `audit-values`\n$/),
  })
  expect(await run('unblock', 'client', 'evil', '--why', 'x')).toMatchObject({
    code: 1,
    err: expect.stringContaining('`gatehouse blocks list`'),
  })
})

describe('break-glass', () => {
  it('opens, serves commands without a token, closes', async () => {
    expect(await run('blocks', 'list', '--break-glass')).toMatchObject({
      code: 1,
      err: expect.stringContaining('Break-glass is not open'),
    })
    expect(await run('break-glass', '--for', '10m', '--why', 'the provider is down')).toMatchObject({ code: 0 })
    expect(await run('block', 'client', 'x', '--why', 'x', '--break-glass')).toMatchObject({ code: 0 })
    expect(await run('unblock', 'client', 'x', '--why', 'x', '--break-glass')).toMatchObject({ code: 0, out: 'done\n' })
    expect(await run('break-glass', '--close')).toMatchObject({ code: 0, out: 'break-glass is closed\n' })
  })
  it.each([[['--for', '30m']], [['--why', 'x']], [['--for', '5d', '--why', 'x']], [['--for', '-1m', '--why', 'x']]])(
    'wants a time and a reason: %j',
    async words => expect((await run('break-glass', ...words)).code).toBe(2),
  )
})

/** A person at a browser: waits for the address on standard error, signs in, and goes where the provider sends. */
async function signIn(user: string, options: string[] = [], visit: (callback: string) => Promise<unknown> = go): Promise<Run> {
  let shown: (url: string) => void = () => {}
  const asked = new Promise<string>(resolve => (shown = resolve))
  const world = testIo(io())
  const done = main(['login', '--no-browser', ...options], {
    ...world,
    err(text) {
      world.err(text)
      const address = /^(http\S+authorize\S+)$/m.exec(text)?.[1]
      if (address !== undefined) shown(address)
    },
  })
  const browser = new Browser(issuer)
  const page = await browser.press(await browser.open(await asked), 'login', { user })
  await visit((await browser.press(page, 'consent')).url)
  return { code: await done, ...world.written }
}
const go = (to: string): Promise<Response> => fetch(to)
const get = (to: string, headers: Record<string, string> = {}): Promise<number> =>
  new Promise((resolve, reject) =>
    request(to, { headers }, res => {
      res.resume()
      resolve(res.statusCode ?? 0)
    })
      .on('error', reject)
      .end(),
  )

describe('login', () => {
  it('signs in over loopback, shows the roles, and keeps the tokens where nobody else can read them', async () => {
    expect(await signIn('alice')).toMatchObject({ code: 0, out: `signed in at ${url} as alice: operator\n` })
    expect(statSync(cache()).mode & 0o777).toBe(0o600)
    expect(statSync(dirname(cache())).mode & 0o077).toBe(0)
    expect(await run('whoami')).toMatchObject({ code: 0, out: expect.stringContaining('alice of ') })
  })
  it('its token administers and does nothing else', async () => {
    await signIn('alice')
    const { accessToken } = Object.values(JSON.parse(readFileSync(cache(), 'utf8')) as object)[0] as { accessToken: string }
    const answer = await fetch(`${url}/mcp`, {
      method: 'POST',
      body: '{}',
      headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
    })
    expect(answer.status).not.toBe(200)
    expect((await fetch(`${url}/admin/whoami`, { headers: { authorization: `Bearer ${accessToken}` } })).status).toBe(200)
  })
  it('renews an expired token by itself, and once for two commands at the same time', async () => {
    await signIn('alice')
    const before = readFileSync(cache(), 'utf8')
    const logins = JSON.parse(before) as Record<string, { expiresAtSeconds: number }>
    for (const login of Object.values(logins)) login.expiresAtSeconds = 0
    writeFileSync(cache(), JSON.stringify(logins))
    const both = await Promise.all([run('whoami'), run('whoami')])
    expect(both.map(r => r.code)).toEqual([0, 0])
    expect(readFileSync(cache(), 'utf8')).not.toBe(before)
  })
  it('ends with logout: here, and at the provider', async () => {
    await signIn('alice')
    const [login] = Object.values(JSON.parse(readFileSync(cache(), 'utf8')) as Record<string, { refreshToken: string; clientId: string }>)
    expect(await run('logout')).toMatchObject({ code: 0, out: `signed out of ${url}\n` })
    expect(readFileSync(cache(), 'utf8')).not.toContain(login?.refreshToken)
    const body = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: login?.refreshToken ?? '',
      client_id: login?.clientId ?? '',
    })
    expect((await fetch(`${issuer}/token`, { method: 'POST', body })).status).toBe(400)
  })
})

describe('attack: theft of a login (CVE-2026-114662)', () => {
  it('neither tokens nor the code stand in what is printed', async () => {
    const { out, err } = await signIn('alice')
    const { accessToken, refreshToken } = Object.values(JSON.parse(readFileSync(cache(), 'utf8')) as object)[0] as Record<string, string>
    for (const secret of [accessToken, refreshToken]) expect(out + err).not.toContain(secret)
  })
  it('a page or program that guesses the port is turned away, and the person still gets in', async () => {
    const { code } = await signIn('alice', [], async callback => {
      const at = new URL(callback)
      const others = [
        `${at.origin}/callback?code=stolen&state=guessed`,
        `${at.origin}/callback?code=stolen`,
        `${at.origin}/callback?code=stolen&state=${at.searchParams.get('state')}&state=x`,
        `${at.origin}/other${at.search}`,
      ]
      for (const other of others) expect(await get(other)).toBe(400)
      expect(await get(callback, { host: 'evil.example' })).toBe(400)
      await go(callback)
    })
    expect(code).toBe(0)
  })
  it('a code of another sign-in is of no use: it was not asked for with this verifier', async () => {
    const { code, err } = await signIn('alice', [], async callback => {
      const at = new URL(callback)
      at.searchParams.set('code', `${at.searchParams.get('code')}x`)
      await go(at.href)
    })
    expect([code, existsSync(cache())]).toEqual([1, false])
    expect(err).toContain('invalid_grant')
  })
  it('a code taken on its way cannot be redeemed by whoever took it', async () => {
    let stolen = 0
    await signIn('alice', [], async callback => {
      const at = new URL(callback)
      const body = new URLSearchParams({
        grant_type: 'authorization_code',
        code: at.searchParams.get('code') ?? '',
        redirect_uri: at.origin + at.pathname,
        code_verifier: 'a'.repeat(43),
      })
      stolen = (await fetch(`${issuer}/token`, { method: 'POST', body })).status
      await go(callback)
    })
    expect(stolen).toBe(400)
  })
  it('an answer of another issuer is not taken (mix-up, RFC 9207)', async () => {
    const { code } = await signIn('alice', [], async callback => {
      const at = new URL(callback)
      at.searchParams.set('iss', 'https://evil.example')
      await go(at.href)
    })
    expect([code, existsSync(cache())]).toEqual([1, false])
  })
  it('a cache that others can read, or a link in its place, is not used', async () => {
    await signIn('alice')
    chmodSync(cache(), 0o644)
    expect(await run('whoami')).toMatchObject({ code: 1, err: expect.stringContaining('may be used by others') })
    const real = `${cache()}.real`
    writeFileSync(real, readFileSync(cache()), { mode: 0o600 })
    rmSync(cache())
    symlinkSync(real, cache())
    expect(await run('whoami')).toMatchObject({ code: 1, err: expect.stringContaining('regular file') })
  })
  it('a gateway that names a server over plain http elsewhere gets nobody signed in', async () => {
    expect(await run('login', '--no-browser', '--issuer', 'http://idp.example')).toMatchObject({
      code: 1,
      err: expect.stringContaining('not https'),
    })
    expect(readdirSync(home)).toEqual([])
  })
})
