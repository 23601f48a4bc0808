// `gatehouse serve` as one thing: what a reload adds to the gateway, the evaluation provider knows as well.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { serve, type Running } from '../../src/cli/serve.ts'
import { requestToken } from '../../src/evaluation/request-token.ts'
import { load } from '../config/configs.ts'
import { freePort } from '../support/free-port.ts'
import type { Snapshot } from '../../src/config/schema.ts'

let running: Running | undefined
let dataDir = ''
const upstream = (alias: string): string => `  ${alias}: { stdio: { command: /bin/false }, allow: [{ subjects: ['*'], tools: ['*'] }] }\n`
let at: (aliases: readonly string[]) => Promise<Snapshot>

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-serve-'))
  const [port, evaluation] = [await freePort(), await freePort()]
  at = async aliases => {
    const text = `version: 1
listen: 127.0.0.1:${port}
dataDir: ${dataDir}
identity: { evaluation: { port: ${evaluation}, users: [{ name: alice }] } }
upstreams:
${aliases.map(upstream).join('')}`
    const result = await load(text)
    if (!result.ok) throw new Error(JSON.stringify(result.faults))
    return result.snapshot
  }
  running = await serve(await at(['old']), () => {})
})
afterAll(async () => {
  await running?.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

it('mints tokens for an endpoint that a reload added', async () => {
  const next = await at(['old', 'new'])
  const wish = { resource: '/servers/new/mcp' }
  await expect(requestToken(next, wish)).rejects.toMatchObject({ code: 'token-refused' })
  expect(await running?.gateway.reload(next)).toBeUndefined()
  // The provider hears of it in a message of its own.
  await expect
    .poll(() =>
      requestToken(next, wish).then(
        ({ resource }) => resource,
        () => undefined,
      ),
    )
    .toMatch(/\/servers\/new\/mcp$/)
})
