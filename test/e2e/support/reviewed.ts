// A gateway with one server under review, a reviewer at the command line, and two people who ask.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, expect } from 'vitest'
import { modernBody } from '../../attacks/world.ts'
import { send, type Answer } from '../../attacks/wire.ts'
import { gatehouse } from '../../cli/io.ts'
import { startTestGateway, type TestGateway } from '../../support/gateway.ts'
import { nodeServer } from '../../support/upstreams/stdio.ts'

export const PATH = '/servers/weather/mcp'
const ALLOW = [{ subjects: ['*'], tools: ['*'], prompts: ['*'], resources: ['*'], methods: ['skills/list'] }]

let gateway: TestGateway | undefined
/** A folder that outlives gateways, for files of a test. */
export const beside = mkdtempSync(join(tmpdir(), 'gatehouse-reviewed-'))
const STARTS = join(beside, 'starts')
afterEach(async () => {
  await gateway?.stop()
  gateway = undefined
  rmSync(STARTS, { force: true })
})
afterAll(() => rmSync(beside, { recursive: true, force: true }))
/** Processes of the server that were started so far, by the gateway or a reviewer. */
export const starts = (): string[] => (existsSync(STARTS) ? readFileSync(STARTS, 'utf8').trim().split('\n') : [])

/** `flipAfter`: calls after which its tool turns; `more`: of the upstream; `config`: of the whole. */
export const settings = (
  flipAfter: number,
  more: object = {},
  config: { readonly upstreams?: object; readonly [key: string]: unknown } = {},
) => ({
  ...config,
  upstreams: {
    weather: {
      stdio: { command: process.execPath, args: nodeServer('flipping', String(flipAfter), STARTS).args },
      allow: ALLOW,
      admission: 'required',
      ...more,
    },
    ...config.upstreams,
  },
})

export async function start(flipAfter = Infinity, more: object = {}, config: Parameters<typeof settings>[2] = {}) {
  const running = (gateway = await startTestGateway(settings(flipAfter, more, config)))
  const folder = dirname(running.dataDir)
  const tokens = { alice: await running.token(PATH), bob: await running.token(PATH, { sub: 'bob' }) }
  const ask = (method: string, params: any = {}, who: keyof typeof tokens = 'alice'): Promise<Answer> =>
    send(Number(new URL(running.url).port), {
      path: PATH,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${tokens[who]}`,
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': method,
        'mcp-name': params.name ?? params.uri,
      },
      body: modernBody(method, params),
    })
  const call = (name = 'get_weather', who: keyof typeof tokens = 'alice') => ask('tools/call', { name, arguments: { city: 'Ulm' } }, who)
  const cli = (...words: string[]) => gatehouse([...words, '--config', join(folder, 'gatehouse.yaml')], { cwd: folder })
  const diff = async (): Promise<any> => JSON.parse((await cli('server', 'diff', 'weather', '--json')).out)
  /** looks as a reviewer does, and what admits exactly that */
  const look = async (...options: string[]): Promise<string[]> => {
    await cli('server', 'review', 'weather')
    return namedIn((await cli('server', 'approve', 'weather', ...options)).err)
  }
  const admit = async (...options: string[]): Promise<void> => {
    const named = await look(...options)
    expect(await cli('server', 'approve', 'weather', ...named, '--reviewer', 'ann', ...options)).toMatchObject({ code: 0 })
  }
  const approve = async (...options: string[]): Promise<void> => {
    await admit(...options)
    await expect.poll(async () => (await ask('tools/list')).body.result.tools.length).toBe(1)
  }
  const events = (what: string) => running.events().filter(e => e['what'] === what)
  return { running, folder, ask, call, cli, diff, look, approve, events }
}
/** Options that name what a review ended with. */
function namedIn(out: string): string[] {
  const [, surface, launch] = /--surface ([0-9a-f]{64}) --launch ([0-9a-f]{64})/.exec(out) ?? []
  return ['--surface', surface ?? 'none', '--launch', launch ?? 'none']
}
export const reasonOf = ({ body }: Answer): string | undefined => body.error?.data?.reason
