// The first minutes of somebody new: start, read what is printed, do what it says, start again by mistake.

import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectGuide } from '../../src/cli/connect-guide.ts'
import { stageDemo } from '../../src/demo/configuration.ts'
import { MINIMAL, snapshot } from '../config/configs.ts'
import { freePort } from '../support/free-port.ts'
import { words, type Words } from '../stdio/world.ts'

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const cli = join(root, 'src/cli.ts')
let folder: string
let config: string
let printed: Words
let stop: () => Promise<unknown>

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-newcomer-'))
  const committed = join(root, 'examples/first-run/gatehouse.yaml')
  const place = { file: committed, root: folder, port: await freePort(), identityPort: await freePort() }
  config = (await stageDemo(readFileSync(committed, 'utf8'), place)).file
  const child = spawn(process.execPath, [cli, 'serve', '--config', config], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  printed = words(child.stdout)
  stop = () => {
    child.kill('SIGTERM')
    return new Promise(resolve => child.once('close', resolve))
  }
  await printed.until(/Look after it/)
})
afterAll(async () => {
  await stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('what `serve` prints', () => {
  it('leads to tools with two lines for a shell, copied as they stand', () => {
    const lines = printed
      .text()
      .split('\n')
      .filter(line => /^ {4}(?:export TOKEN|curl)/.test(line))
    expect(lines).toHaveLength(2)
    const shell = spawnSync('sh', ['-c', lines.join('\n')], { cwd: root, encoding: 'utf8' })
    const { result } = JSON.parse(shell.stdout)
    expect(result.tools.map((tool: any) => tool.name)).toContain('files__read_text_file')
  })

  it('holds configurations of hosts that are JSON, and a program that exists', () => {
    const entries = printed
      .text()
      .split('\n')
      .filter(line => line.startsWith('    {'))
      .map(line => JSON.parse(line))
    expect(entries).toMatchObject([
      { mcpServers: { gatehouse: { url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/mcp$/) } } },
      { servers: { gatehouse: { type: 'http' } } },
      { mcpServers: { gatehouse: { args: [cli, 'stdio', '--config', config] } } },
    ])
    const { command, args } = entries[2].mcpServers.gatehouse
    const list = {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/list',
      params: { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} } },
    }
    const bridge = spawnSync(command, args, { cwd: '/', input: `${JSON.stringify(list)}\n`, encoding: 'utf8', env: {} })
    expect(bridge.status).toBe(0)
    expect(JSON.parse(bridge.stdout).result.tools.length).toBeGreaterThan(20)
  })

  it('a second time is one sentence that says what to do', () => {
    const second = spawnSync(process.execPath, [cli, 'serve', '--config', config], { cwd: root, encoding: 'utf8' })
    expect(second.status).toBe(1)
    expect(second.stdout).toBe('')
    const said = second.stderr.split('\n').filter(line => line !== '' && !line.startsWith('warning: '))
    expect(said).toEqual([
      expect.stringMatching(
        /^gatehouse serve: port \d+ is in use, perhaps by a gateway that runs already: stop that one, or change `listen` in /,
      ),
    ])
  })
})

describe('the guide', () => {
  it('asks for a token of the identity provider where there is no evaluation provider', async () => {
    const own = await snapshot('version: 1\nidentity: { issuers: [{ issuer: "https://id.example.com" }] }\n')
    const text = connectGuide(own, '/etc/gate house/gatehouse.yaml', '/somewhere')
    expect(text).toContain('an access token of your identity provider, for http://127.0.0.1:8400/mcp')
    expect(text).not.toContain('without a password')
    expect(text).toContain(`doctor --config '/etc/gate house/gatehouse.yaml'`)
  })
  it('names users of the evaluation provider', async () => {
    expect(connectGuide(await snapshot(MINIMAL), '/x/gatehouse.yaml', '/x')).toContain('signs in as alice, without a password')
  })
})
