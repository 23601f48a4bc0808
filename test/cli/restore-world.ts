// A gateway as people run it: a process of `gatehouse serve` with its evaluation identity provider, servers that want an account of the caller's own, rules that want
// people's word, and a registry. It can be stopped and started again over the same data.

import { spawn, type ChildProcess } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { modernBody, ROOMY, startRecorder } from '../attacks/world.ts'
import { Browser } from '../authorization-server/browser.ts'
import { hostAt, OWN_SERVER } from '../authorization-server/running.ts'
import { startGuarded } from '../connect/guarded-upstream.ts'
import { freePort } from '../support/free-port.ts'
import { gatehouse, type Run } from './io.ts'

const CLI = join(import.meta.dirname, '../../src/cli.ts')
const RULES = `@id("everything") permit (principal, action, resource);
@id("guard") @obligation("approval") @approvers("approvers") @standing("8h")
forbid (principal, action == MCP::Action::"tools/call", resource == MCP::Tool::"calendar/forbidden") unless { context has approval };`
/** What the two servers with accounts take. */
export const SECRETS = { tickets: 'a-secret-for-tickets', drawer: 'a-secret-for-the-drawer' }

export type RestoreWorld = Awaited<ReturnType<typeof startRestoreWorld>>

export async function startRestoreWorld() {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-restore-'))
  const dataDir = join(folder, 'data')
  const [port, providerPort] = [await freePort(), await freePort()]
  const url = `http://127.0.0.1:${port}`
  const calendar = await startRecorder()
  const guarded = (secret: string) =>
    startGuarded({ check: async token => (token === secret ? { account: 'alice', scopes: [] } : undefined), issuers: () => [] })
  const [tickets, drawer] = [await guarded(SECRETS.tickets), await guarded(SECRETS.drawer)]
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const put = (name: string, value: object | string) =>
    writeFileSync(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value), { mode: 0o600 })
  put('signing.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const key = { publicKey: publicKey.export({ type: 'spki', format: 'pem' }), validFor: { start: '2020-01-01T00:00:00Z' } }
  put('policies.json', { version: 1, namespaces: { 'com.example': { mode: 'key', keys: [key] } } })
  mkdirSync(join(folder, 'rules/authz'), { recursive: true })
  put('rules/authz/test.cedar', RULES)
  const everybody = [{ subjects: ['*'], tools: ['*'] }]
  const users = [{ name: 'alice' }, { name: 'bob' }, { name: 'sam', groups: ['approvers'] }, { name: 'pat' }]
  put(
    'gatehouse.yaml',
    stringify(
      {
        version: 1,
        listen: `127.0.0.1:${port}`,
        dataDir: 'data',
        admission: 'configured',
        identity: { ...OWN_SERVER, evaluation: { port: providerPort, users } },
        operators: ['alice'],
        administration: { twoPerson: false, roles: { approver: { groups: ['approvers'] }, publisher: { subjects: ['pat'] } } },
        policies: { folder: 'rules' },
        registry: { trust: { policies: 'policies.json' } },
        limits: ROOMY,
        upstreams: {
          calendar: { http: { url: calendar.url }, allow: everybody },
          tickets: { http: { url: tickets.url }, credential: { kind: 'secret' }, allow: everybody },
          drawer: { http: { url: drawer.url }, credential: { kind: 'secret' }, allow: everybody },
        },
      },
      { aliasDuplicateObjects: false },
    ),
  )
  let child: ChildProcess | undefined
  const run = (...words: string[]): Promise<Run> => gatehouse(words, { cwd: folder, now: Date.now })
  const browser = new Browser(url)
  const world = {
    ...{ folder, dataDir, url, calendar, browser, put, run },
    person: (name: string) => `http://127.0.0.1:${providerPort} ${name}`,
    host: hostAt(url),
    async start() {
      child = spawn(process.execPath, [CLI, 'serve'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
      const failed = once(child, 'exit').then(() => Promise.reject(new Error('the gateway did not start')))
      let text = ''
      const ready = new Promise<void>(resolve =>
        child?.stdout?.on('data', chunk => (text += String(chunk)).includes('Look after it') && resolve()),
      )
      await Promise.race([ready, failed])
      failed.catch(() => {})
    },
    async stop() {
      const ending = child
      child = undefined
      if (ending?.exitCode !== null) return
      const gone = once(ending, 'exit')
      ending.kill('SIGTERM')
      await gone
    },
    /** a command that has to work; its standard output */
    async did(...words: string[]): Promise<string> {
      const { code, out, err } = await run(...words)
      if (code !== 0) throw new Error(`gatehouse ${words.join(' ')}: ${code} ${err}`)
      return out
    },
    token: async (path: string, user = 'alice') => (await world.did('token', '--user', user, '--resource', url + path)).trim(),
    async call(server: string, name: string, args: object, token: string) {
      const answer = await fetch(`${url}/servers/${server}/mcp`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          authorization: `Bearer ${token}`,
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/call',
          'mcp-name': name,
        },
        body: modernBody('tools/call', { name, arguments: args }),
      })
      const sent = await answer.text()
      const body = JSON.parse(/^data: (.*)$/m.exec(sent)?.[1] ?? sent) as Record<string, any>
      const data = (body['error']?.data ?? {}) as { reason?: string; approval?: string; url?: string }
      const text = body['result']?.content?.[0]?.text as string | undefined
      return { status: answer.status, reason: data.reason, approval: data.approval, url: data.url, text }
    },
    /** alice in her browser, at the pages of the gateway */
    async signIn() {
      const provider = await browser.signIn(await browser.open('/connections'))
      if (!/action="[^"]*\/login"/.test(provider.html)) return provider // the provider still knows her
      const { action } = browser.form(provider, '/login')
      const init = { method: 'POST', body: new URLSearchParams({ user: 'alice' }), headers: { origin: `http://127.0.0.1:${providerPort}` } }
      return browser.open(new URL(action, provider.url).href, init)
    },
    async end() {
      await world.stop()
      await Promise.all([calendar.close(), tickets.close(), drawer.close()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return world
}
