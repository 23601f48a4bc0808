// kill -9 of a writer under load, again and again. A kill cannot see a missing sync (the kernel keeps the pages): sync-trace.test.ts does.

import { spawn, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { randomFillSync } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readEvents } from '../../../src/adapters/audit/lines.ts'
import { openFlatLog } from '../../../src/adapters/audit/open-flat-log.ts'
import { EventEncoder } from '../../../src/audit/encode.ts'

/** Kills in CI; the soak run sets more. */
const KILLS = Number(process.env['AUDIT_KILLS'] ?? 6)
const CHILD = join(import.meta.dirname, 'append-child.ts')

let dir: string
let child: ChildProcess | undefined
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'audit-crash-'))
})
afterEach(async () => {
  child?.kill('SIGKILL')
  await rm(dir, { recursive: true })
})

const run = (...args: string[]): ChildProcess =>
  (child = spawn(process.execPath, [CHILD, dir, ...args], { stdio: ['ignore', 'pipe', 'inherit'] }))
const ended = (process: ChildProcess): Promise<void> =>
  new Promise(resolve => {
    if (process.exitCode !== null || process.signalCode !== null) resolve()
    else process.once('exit', () => resolve())
  })
const open = () => openFlatLog({ dir, encoder: new EventEncoder(Date.now, randomFillSync), now: Date.now })

it(`N146 kill -9 mid-write, ${KILLS} times under load: no acknowledged row is missing, none is torn, no intent stays open`, async () => {
  const acknowledged: string[] = []
  for (let kill = 0; kill < KILLS; kill += 1) {
    // Small segments: some kills hit a rotation.
    const writer = run('load', kill % 2 === 0 ? '60000' : '33554432')
    let left = randomInt(1, 3000)
    for await (const line of createInterface({ input: writer.stdout! })) {
      acknowledged.push(line)
      if ((left -= 1) === 0) writer.kill('SIGKILL')
    }
    await ended(writer)
    const { log } = await open()
    await log.close()
  }
  const rows = new Set<string>()
  const open_ = new Set<string>()
  let count = 0
  await readEvents(dir, text => {
    const event = JSON.parse(text) as { type: string; request: string; outcome?: string }
    count += 1
    if (event.type === 'lifecycle') return
    rows.add(`${event.type} ${event.request}`)
    if (event.type === 'intent') open_.add(event.request)
    else expect(open_.delete(event.request)).toBe(true)
  })
  expect(acknowledged.length).toBeGreaterThan(KILLS)
  expect(acknowledged.filter(line => !rows.has(line))).toEqual([])
  expect(open_.size).toBe(0)
  expect(count).toBeGreaterThanOrEqual(acknowledged.length)
}, 600_000)

it('N146 two writers: another process is refused while the first lives, and let in the moment it is killed', async () => {
  const writer = run('hold')
  for await (const line of createInterface({ input: writer.stdout! })) {
    expect(line).toBe('held')
    await expect(open()).rejects.toMatchObject({ code: 'audit-locked' })
    writer.kill('SIGKILL')
  }
  await ended(writer)
  const { log } = await open()
  await log.close()
})
