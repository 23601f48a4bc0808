import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { loadConfig } from '../../src/config/load.ts'
import { serve } from '../../src/cli/serve.ts'
import { freePort } from '../support/free-port.ts'
import { ALLOW_ALL, startTestGateway, type TestGateway } from '../support/gateway.ts'
import { host2025, host2026, META_2026, rawBridge, stdioUpstream } from './world.ts'

let gateway: TestGateway
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-stdio-'))
  gateway = await startTestGateway({ upstreams: { old: { stdio: stdioUpstream('sdk-v1.ts'), allow: [structuredClone(ALLOW_ALL)] } } })
})
afterAll(async () => {
  await gateway.stop()
  rmSync(folder, { recursive: true, force: true })
})
const url = (path = '/mcp'): string => `${gateway.snapshot.publicUrl}${path}`
const request = (id: unknown, method: string, params: object = {}): object => ({
  jsonrpc: '2.0',
  id,
  method,
  params: { ...params, _meta: META_2026 },
})

describe('the process', () => {
  it('writes messages and nothing else on standard output, ends with 0 when its input does, after what was asked is answered', async () => {
    const bridge = rawBridge(['--url', url()], { GATEHOUSE_TOKEN: await gateway.token('/mcp') })
    bridge.send('{"jsonrpc":"2.0","id":1,"method":')
    bridge.send('\u0000\u001b[31m')
    bridge.send(request(2, 'tools/call', { name: 'old__echo', arguments: { text: 'last words' } }))
    expect(await bridge.end()).toBe(0)
    expect(bridge.lines).toHaveLength(3)
    expect(bridge.lines.find(line => line.id === 2).result.content[0].text).toBe('last words')
    expect(bridge.rest()).toBe('')
    expect(bridge.said.text()).toBe('')
  })

  it('ends its session with the host: nothing of it is left in the gateway', async () => {
    const bridge = rawBridge(['--url', url()], { GATEHOUSE_TOKEN: await gateway.token('/mcp') })
    bridge.send({
      jsonrpc: '2.0',
      id: 0,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'h', version: '1' } },
    })
    await bridge.until(line => line.id === 0)
    bridge.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
    bridge.send({ jsonrpc: '2.0', id: 1, method: 'ping' })
    await bridge.until(line => line.id === 1)
    expect(await bridge.end()).toBe(0)
    expect(gateway.events().filter(event => event['subject']?.method === 'session/end')).toHaveLength(1)
  })

  it('ends on SIGTERM although a call is under way, and says what became of it', async () => {
    const bridge = rawBridge(['--url', url()], { GATEHOUSE_TOKEN: await gateway.token('/mcp') })
    bridge.send(request(0, 'tools/list'))
    await bridge.until(line => line.id === 0)
    bridge.send(request(1, 'tools/call', { name: 'old__wait' }))
    bridge.child.kill('SIGTERM')
    expect(await bridge.gone).toBe(0)
    for (const line of bridge.lines.filter(l => l.id === 1)) expect(line.error.data.reason).toBe('bridge-ending')
  })

  it('never shows its token, whatever goes wrong', async () => {
    const token = await gateway.token('/servers/old/mcp')
    const bridge = rawBridge(['--url', url()], { GATEHOUSE_TOKEN: token })
    bridge.send(request(1, 'tools/list'))
    const { error } = await bridge.until(line => line.id === 1)
    expect(error.data).toEqual({ reason: 'token-refused', fix: `put a fresh token for ${url()} into GATEHOUSE_TOKEN and start again` })
    await bridge.end()
    expect(bridge.raw.join() + bridge.said.text()).not.toContain(token.slice(0, 20))
    expect(bridge.child.spawnargs.join(' ')).not.toContain(token.slice(0, 20))
  })

  it('answers every request with what to do while there is no gateway', async () => {
    const port = await freePort()
    const bridge = rawBridge(['--url', `http://127.0.0.1:${port}/mcp`], { GATEHOUSE_TOKEN: 'abc' })
    bridge.send(request(1, 'server/discover'))
    const { error } = await bridge.until(line => line.id === 1)
    expect(error.data).toMatchObject({ reason: 'gateway-unreachable', fix: expect.stringContaining('gatehouse serve') })
    expect(error.message).toContain('ECONNREFUSED')
    expect(await bridge.end()).toBe(0)
  })
})

describe('the command line', () => {
  const tokenFile = (text: string): string => {
    const file = join(folder, 'token')
    writeFileSync(file, text, { mode: 0o600 })
    return file
  }
  const config = (name: string, more: object): string => {
    const file = join(folder, name)
    writeFileSync(file, stringify({ version: 1, dataDir: join(folder, 'data'), ...more }), { mode: 0o600 })
    return file
  }

  it('reads a token file, renewed by whoever keeps it', async () => {
    const file = tokenFile(`${await gateway.token('/servers/old/mcp')}\n`)
    const bridge = rawBridge(['--url', url('/servers/old/mcp'), '--token-file', file], {})
    bridge.send(request(1, 'tools/list'))
    expect((await bridge.until(line => line.id === 1)).result.tools[0].name).toBe('echo')
    expect(await bridge.end()).toBe(0)
  })

  it.each([
    [['--url', 'http://gateway.example.com/mcp'], { GATEHOUSE_TOKEN: 'abc' }, 2, 'use https beyond this machine'],
    [['--url', 'ftp://127.0.0.1/mcp'], { GATEHOUSE_TOKEN: 'abc' }, 2, 'https://'],
    [['--url', 'http://user:pw@127.0.0.1/mcp'], { GATEHOUSE_TOKEN: 'abc' }, 2, 'without a user name'],
    [['--url', 'http://127.0.0.1:1/mcp'], { GATEHOUSE_TOKEN: 'two words' }, 2, 'GATEHOUSE_TOKEN holds no access token'],
    [['--url', 'http://127.0.0.1:1/mcp', '--server', 'x'], { GATEHOUSE_TOKEN: 'abc' }, 2, 'give one'],
    [['--config', '/nowhere/gatehouse.yaml'], {}, 3, 'does not load'],
    [['--token', 'abc'], {}, 2, 'no option `--token`'],
  ])('%j is refused at once, on standard error', async (args, env, code, message) => {
    const bridge = rawBridge(args, env)
    expect(await bridge.gone).toBe(code)
    expect(bridge.said.text()).toContain(message)
    expect(bridge.lines).toEqual([])
  })

  it('names what the configuration has where --server names nothing, and asks for a token where none is to be had', async () => {
    const own = config('own.yaml', {
      identity: { issuers: [{ issuer: 'https://issuer.test' }] },
      upstreams: { files: { http: { url: 'https://files.example.com/mcp' }, allow: [] } },
    })
    const wrong = rawBridge(['--config', own, '--server', 'file'], {})
    expect(await wrong.gone).toBe(2)
    expect(wrong.said.text()).toContain('no server `file`; it has: files')
    const none = rawBridge(['--config', own, '--server', 'files'], {})
    expect(await none.gone).toBe(2)
    expect(none.said.text()).toContain('no access token: put one for http://127.0.0.1:8400/servers/files/mcp into GATEHOUSE_TOKEN')
  })
})

describe('a restart of the gateway, with the evaluation identity provider', () => {
  it('goes unnoticed by a 2026 host but for its lists, and by a 2025 host but for its lists', async () => {
    const [port, identity] = [await freePort(), await freePort()]
    const file = join(folder, 'gatehouse.yaml')
    const text = stringify({
      version: 1,
      listen: `127.0.0.1:${port}`,
      dataDir: join(folder, 'data'),
      identity: { evaluation: { port: identity, users: [{ name: 'alice' }] } },
      admission: 'configured',
      upstreams: { old: { stdio: stdioUpstream('sdk-v1.ts'), allow: [structuredClone(ALLOW_ALL)] } },
    })
    writeFileSync(file, text, { mode: 0o600 })
    const loaded = await loadConfig(file)
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults))
    let running = await serve(loaded.snapshot)
    const spawned = { url: `http://127.0.0.1:${port}/mcp`, token: '', args: ['--config', file] }
    const changes: string[] = []
    let wake = (): void => {}
    const changed = (era: string) => (): void => {
      changes.push(era)
      wake()
    }
    const until = async (era: string): Promise<void> => {
      while (!changes.includes(era)) await new Promise<void>(resolve => (wake = resolve))
    }
    const modern = await host2026(spawned, { tools: { onChanged: changed('modern') } })
    const legacy = await host2025(spawned)
    legacy.client.fallbackNotificationHandler = async ({ method }) => {
      if (method === 'notifications/tools/list_changed') changed('legacy')()
    }
    const echo = async (text: string): Promise<unknown[]> => {
      const call = { name: 'old__echo', arguments: { text } }
      const results: any[] = await Promise.all([modern.client.callTool(call), legacy.client.callTool(call)])
      return results.map(result => result.content[0].text)
    }
    try {
      await Promise.all([modern.connect(), legacy.connect()])
      expect(await echo('before')).toEqual(['before', 'before'])
      await running.stop()
      running = await serve(loaded.snapshot)
      await until('modern')
      await until('legacy')
      expect(await echo('after')).toEqual(['after', 'after'])
    } finally {
      await Promise.all([modern.client.close(), legacy.client.close()])
      await running.stop()
    }
  })
})
