// `gatehouse audit tail --follow` against a real gateway and a real server: what comes is told as it comes.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { gatehouse } from '../cli/io.ts'
import type { Host } from './support/hosts.ts'
import { quadrant } from './support/quadrants.ts'
import { startWorld, type World } from './support/world.ts'

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
let folder: string
let world: World
let host: Host
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-audit-commands-'))
  world = await startWorld(
    { 'v2-http': { kind: 'v2-http' } },
    {
      operators: ['root'],
      administration: { roles: { auditor: { subjects: ['audra'] } } },
    },
  )
  host = await quadrant('2026-07-28', 'v2-http').connect(world)
})
afterAll(async () => {
  await host.close()
  await world.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function as(sub: string, argv: readonly string[]): Promise<string[]> {
  const file = join(folder, `token-${sub}`)
  writeFileSync(file, await world.token('/admin', { sub }), { mode: 0o600 })
  return [...argv, '--url', world.url, '--token-file', file]
}

describe('audit tail --follow', () => {
  let child: ChildProcess | undefined
  afterEach(async () => {
    if (child?.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'close')
    child.kill()
    await ended
  })

  it.each(['through the gateway', 'from the files'])(
    'tells what comes, each once and in order, until it is interrupted: %s',
    async where => {
      const words = ['audit', 'tail', '--follow', '--json', '-n', '1', '--type', 'intent', '--server', 'v2-http', '--name', 'echo']
      await host.call('echo', { text: 'before' })
      const argv = where.startsWith('from') ? [...words, '--data-dir', world.dataDir] : await as('audra', words)
      let out = ''
      let err = ''
      const seqs = (): number[] =>
        out
          .split('\n')
          .slice(0, -1)
          .map(line => (JSON.parse(line) as { seq: number }).seq)
      await expect
        .poll(
          async () => (await gatehouse([...words.filter(word => word !== '--follow'), '--data-dir', world.dataDir], { cwd: folder })).out,
        )
        .not.toBe('')
      child = spawn(process.execPath, [CLI, ...argv], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
      child.stdout!.setEncoding('utf8').on('data', (text: string) => (out += text))
      child.stderr!.setEncoding('utf8').on('data', (text: string) => (err += text))
      await expect.poll(() => `${seqs().length}${err}`, { timeout: 30_000 }).toBe('1')
      for (let n = 0; n < 3; n += 1) await host.call('echo', { text: `after ${n}` })
      await expect.poll(() => `${seqs().length}${err}`, { timeout: 30_000 }).toBe('4')
      expect(seqs()).toEqual([...new Set(seqs())].sort((a, b) => a - b))
      const written = world.events().flatMap((e, seq) => (e['type'] === 'intent' && e['subject']?.name === 'echo' ? [seq] : []))
      expect(seqs()).toEqual(written.slice(-4))
      const ended = once(child, 'close')
      child.kill('SIGINT')
      await ended
      expect(err).toBe('')
    },
  )
})
