// The provider as a process: started by the gateway, ended with it, asked by `gatehouse token`.

import { fork, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CommandArgs, Io } from '../../src/cli/command.ts'
import { run as runToken } from '../../src/cli/token.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Snapshot } from '../../src/config/schema.ts'
import { requestToken } from '../../src/evaluation/request-token.ts'
import { spawnEvaluationProvider, type EvaluationProcess } from '../../src/evaluation/spawn.ts'
import { freePort } from '../support/free-port.ts'
import { judge, start } from './evaluation.ts'

const CLI = new URL('../../src/cli.ts', import.meta.url).pathname
const PARENT = new URL('./parent.ts', import.meta.url).pathname
const MAIN = new URL('../../src/evaluation/main.ts', import.meta.url).pathname
let folder = ''
let config = ''
let snapshot: Snapshot
let provider: EvaluationProcess
const lines: string[] = []

async function load(file: string): Promise<Snapshot> {
  const loaded = await loadConfig(file, { env: {} })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults))
  return loaded.snapshot
}
const yaml = (listen: number, port: number, users = '{ name: alice, groups: [dev] }, { name: bob }') => `
version: 1
listen: 127.0.0.1:${listen}
dataDir: ${folder}
identity:
  evaluation: { port: ${port}, users: [${users}] }
upstreams:
  files: { stdio: { command: node }, allow: [{ subjects: ['*'], tools: ['*'] }] }
`

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'evaluation-process-'))
  config = join(folder, 'gatehouse.yaml')
  writeFileSync(config, yaml(await freePort(), await freePort()), { mode: 0o600 })
  snapshot = await load(config)
  provider = await spawnEvaluationProvider(snapshot, { onLine: line => lines.push(line) })
})
afterAll(async () => {
  await provider.stop()
  rmSync(folder, { recursive: true })
})

const cli = (...args: string[]) =>
  new Promise<{ code: number | null; out: string; err: string }>(resolve => {
    const child = spawn(process.execPath, [CLI, ...args], { cwd: folder })
    let [out, err] = ['', '']
    child.stdout.on('data', (text: Buffer) => (out += text.toString()))
    child.stderr.on('data', (text: Buffer) => (err += text.toString()))
    child.on('close', code => resolve({ code, out, err }))
  })
const asGateway = () => ({ provider: { ...provider, configure: () => {}, close: async () => {} }, settings: { dataDir: folder } as never })

/** The command without a process of its own. */
async function token(options: Record<string, string | boolean>) {
  const said = { code: -1, out: '', err: '' }
  const io: Io = {
    out: text => void (said.out += text),
    err: text => void (said.err += text),
    isTerminal: options['terminal'] === true,
    env: {},
    cwd: folder,
    home: folder,
    platform: process.platform,
    userName: 'tester',
    now: Date.now,
  }
  const text = (name: string) => (typeof options[name] === 'string' ? options[name] : undefined)
  const args: CommandArgs = {
    io,
    json: options['json'] === true,
    configFile: text('config') ?? config,
    isConfigGiven: true,
    positionals: [],
    text,
    flag: () => false,
    list: () => [],
  }
  said.code = await runToken(args)
  return said
}

describe('gatehouse token', () => {
  it('prints a token of the first user for /mcp, and nothing else', async () => {
    const { code, out, err } = await cli('token', '--config', config)
    expect([code, err]).toEqual([0, ''])
    expect(await judge(asGateway(), out.trim(), `${snapshot.publicUrl}/mcp`)).toMatchObject({
      subject: 'alice',
      groups: ['dev'],
      client: 'gatehouse-cli',
    })
  })
  it('takes a user, and an endpoint as a path or a URL', async () => {
    const resource = `${snapshot.publicUrl}/servers/files/mcp`
    for (const wish of ['/servers/files/mcp', resource]) {
      const minted = JSON.parse((await token({ json: true, user: 'bob', resource: wish })).out) as { token: string }
      expect(minted).toMatchObject({ user: 'bob', resource, expiresInSeconds: 600 })
      expect(await judge(asGateway(), minted.token, resource)).toMatchObject({ subject: 'bob', groups: [] })
    }
  })
  it('tells a person at a terminal what it is good for, beside the token', async () => {
    const { out, err } = await token({ terminal: true })
    expect(err).toBe(`for alice at ${snapshot.publicUrl}/mcp, good for 10 minutes\n`)
    expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  })
  it('says what is wrong, with an exit code of its own', async () => {
    expect(await token({ user: 'mallory' })).toEqual({ code: 1, out: '', err: 'gatehouse token: no such user\n' })
    expect(await token({ resource: 'https://evil.example/mcp' })).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/not an endpoint/) as string,
    })
    expect(await token({ config: join(folder, 'none.yaml') })).toMatchObject({ code: 3, out: '' })
    const elsewhere = join(folder, 'elsewhere.yaml')
    writeFileSync(elsewhere, yaml(await freePort(), await freePort()), { mode: 0o600 })
    expect(await token({ config: elsewhere })).toMatchObject({ code: 5, out: '', err: expect.stringMatching(/not running/) as string })
  })
  it('gives nothing away where no provider runs, another one does, or none is configured', async () => {
    await expect(requestToken({ ...snapshot, dataDir: join(folder, 'other') })).rejects.toMatchObject({ code: 'evaluation-unreachable' })
    const foreign = await start()
    await expect(requestToken({ ...snapshot, evaluation: { ...snapshot.evaluation!, port: foreign.settings.port } })).rejects.toMatchObject(
      {
        code: 'evaluation-unreachable',
        message: expect.stringMatching(/another provider/) as string,
      },
    )
    await foreign.stop()
    const { evaluation, ...without } = snapshot
    expect(evaluation).toBeDefined()
    await expect(requestToken(without)).rejects.toMatchObject({ code: 'no-evaluation-provider' })
  })
})

describe('the process', () => {
  it('says loudly what it is', () => {
    expect(lines.join('\n')).toMatch(/evaluation identity provider at http:\/\/127\.0\.0\.1:\d+\. FOR EVALUATION ONLY/)
  })
  it('refuses what must not be, and leaves nothing running', async () => {
    const port = await freePort()
    const open = { ...snapshot, listen: { host: '0.0.0.0', port: 1 }, evaluation: { ...snapshot.evaluation!, port } }
    await expect(spawnEvaluationProvider(open, { onLine: () => {} })).rejects.toMatchObject({ code: 'evaluation-refused' })
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow()
  })
  it('does not start twice on one port', async () => {
    await expect(spawnEvaluationProvider(snapshot, { onLine: () => {} })).rejects.toMatchObject({
      code: 'evaluation-failed',
      message: expect.stringMatching(/EADDRINUSE/) as string,
    })
    expect(await requestToken(snapshot)).toMatchObject({ user: 'alice' })
  })
  it('cannot be started by hand, or in production whatever its parent says', async () => {
    const alone = spawn(process.execPath, [MAIN], { stdio: 'ignore' })
    expect(await new Promise(resolve => alone.on('close', resolve))).toBe(1)
    const child = fork(MAIN, [], { env: { NODE_ENV: 'production' }, execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    const said = new Promise(resolve => child.on('message', resolve))
    child.send({
      type: 'start',
      settings: {
        port: await freePort(),
        users: [],
        resources: [],
        dataDir: folder,
        gateway: { host: '127.0.0.1', publicUrl: 'http://127.0.0.1:1' },
      },
    })
    expect(await said).toMatchObject({ type: 'failed', code: 'evaluation-refused' })
    expect(await new Promise(resolve => child.on('close', resolve))).toBe(1)
  })
  it('follows a reload', async () => {
    writeFileSync(config, yaml(snapshot.listen.port, snapshot.evaluation!.port, '{ name: carol }'))
    const next = await load(config)
    provider.configure(next)
    // messages keep their order, and the channel is written before the request: poll only for the child's turn
    await expect.poll(() => requestToken(next).then(minted => minted.user, () => 'not yet')).toBe('carol') // prettier-ignore
    await expect(requestToken(next, { user: 'alice' })).rejects.toMatchObject({ code: 'token-refused' })
  })
  it('ends when a reload opens the gateway to others', async () => {
    const port = await freePort()
    const other = await spawnEvaluationProvider(
      { ...snapshot, dataDir: join(folder, 'b'), evaluation: { ...snapshot.evaluation!, port } },
      { onLine: () => {} },
    )
    other.configure({ ...snapshot, listen: { host: '0.0.0.0', port: 1 } })
    await other.gone
    expect(other.isAlive).toBe(false)
  })
  it('dies with its parent, even one that is killed', async () => {
    const port = await freePort()
    const parent = spawn(process.execPath, [PARENT, config, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
    const pid = Number(
      await new Promise((resolve, reject) => {
        parent.stdout.once('data', (text: Buffer) => resolve(text.toString()))
        parent.once('exit', () => reject(new Error('the parent ended')))
      }),
    )
    const isAlive = () => {
      try {
        return process.kill(pid, 0)
      } catch {
        return false
      }
    }
    expect(isAlive()).toBe(true)
    parent.kill('SIGKILL')
    await expect.poll(isAlive).toBe(false)
  })
})
