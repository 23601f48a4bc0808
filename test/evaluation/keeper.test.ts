// A provider that dies is started again: with the same hosts and keys, after pauses, until the gateway stops.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import type { Snapshot } from '../../src/config/schema.ts'
import { keepEvaluationProvider, type KeptProvider } from '../../src/evaluation/keeper.ts'
import { freePort } from '../support/free-port.ts'

let folder = ''
let port = 0
let lines: string[] = []
let kept: KeptProvider | undefined
let snapshot: Snapshot

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'evaluation-keeper-'))
  port = await freePort()
  lines = []
  const config = join(folder, 'gatehouse.yaml')
  const text = `version: 1\nlisten: 127.0.0.1:${await freePort()}\ndataDir: ${folder}\nidentity:\n  evaluation: { port: ${port}, users: [{ name: alice }] }\n`
  writeFileSync(config, text, { mode: 0o600 })
  const loaded = await loadConfig(config, { env: {} })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults))
  snapshot = loaded.snapshot
})
afterEach(async () => {
  await kept?.stop()
  rmSync(folder, { recursive: true })
})

const keep = async (): Promise<KeptProvider> =>
  (kept = await keepEvaluationProvider(snapshot, { onLine: line => lines.push(line), pauseMs: 5 }))
const keysNow = async (): Promise<unknown> =>
  fetch(`http://127.0.0.1:${port}/jwks`).then(
    (answer): Promise<unknown> => answer.json(),
    () => undefined,
  )
const isGone = (pid: number): boolean => {
  try {
    return (process.kill(pid, 0), false)
  } catch {
    return true
  }
}

describe('the evaluation provider', () => {
  it('that is killed comes back with the same keys: tokens of before go on', async () => {
    const provider = await keep()
    const [first, keys] = [provider.pid, await keysNow()]
    expect(keys).toMatchObject({ keys: [{ kty: 'EC' }] })
    process.kill(first, 'SIGKILL')
    await expect.poll(() => provider.pid, { timeout: 20_000 }).not.toBe(first)
    await expect.poll(keysNow, { timeout: 20_000 }).toEqual(keys)
    expect(lines).toContain('the evaluation identity provider ended; it is started again')
  })

  it('whose port is taken meanwhile is tried again until it is free', async () => {
    const provider = await keep()
    const first = provider.pid
    // whoever takes the port first: a thief that listens as soon as it is free
    const thief = createServer()
    const stolen = new Promise<void>(resolve => {
      thief.on('error', () => setImmediate(() => thief.listen(port, '127.0.0.1')))
      thief.on('listening', resolve)
    })
    process.kill(first, 'SIGKILL')
    thief.listen(port, '127.0.0.1')
    await stolen
    await expect.poll(() => lines.some(line => line.includes('does not start')), { timeout: 20_000 }).toBe(true)
    await new Promise(resolve => thief.close(resolve))
    await expect.poll(() => provider.pid !== first && keysNow(), { timeout: 20_000 }).toMatchObject({ keys: expect.any(Array) })
  })

  it('that the gateway ends, or a reload takes away, stays away', async () => {
    const provider = await keep()
    const first = provider.pid
    provider.configure({ ...snapshot, evaluation: undefined } as unknown as Snapshot)
    await expect.poll(() => isGone(first), { timeout: 20_000 }).toBe(true)
    await provider.stop()
    expect([provider.pid, lines.filter(line => line.includes('started again'))]).toEqual([first, []])
  })
})
