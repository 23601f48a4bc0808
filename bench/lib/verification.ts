// Checking an export bundle against bare SHA-256 over the same rows, one after the other, best of five. Bare hashing has one thread, verification two.

import { hash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyBundle } from '../../src/adapters/audit/bundle-file.ts'
import { Findings } from '../../src/audit/verify.ts'
import { makeBundle } from '../../test/support/bundles.ts'
import { round } from './stats.ts'

const PADDING = 'x'.repeat(400)

/** Microseconds per event: of time, and of processor time over all threads. */
type Cost = { readonly timeUs: number; readonly cpuUs: number }

export async function verification(events: number) {
  const bundle = makeBundle(
    Array.from({ length: 20 }, (_, i) => Math.floor(((i + 1) * events) / 20)),
    0,
    PADDING,
  )
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-verify-'))
  const path = join(folder, 'bundle')
  writeFileSync(path, bundle.bytes)
  const { identity } = bundle.log
  const rows = bundle.lines.map(line => Buffer.from(line))
  const best = async (work: () => unknown): Promise<Cost> => {
    let [timeUs, cpuUs] = [Infinity, Infinity]
    for (let i = 0; i < 5; i += 1) {
      const cpu = process.cpuUsage()
      const start = performance.now()
      await work()
      timeUs = Math.min(timeUs, ((performance.now() - start) * 1000) / events)
      const { user, system } = process.cpuUsage(cpu)
      cpuUs = Math.min(cpuUs, (user + system) / events)
    }
    return { timeUs: round(timeUs, 3), cpuUs: round(cpuUs, 3) }
  }
  const bareSha256 = await best(() => {
    for (const row of rows) hash('sha256', row, 'hex')
  })
  const bytesPerEvent = Math.round(rows.reduce((sum, row) => sum + row.length, 0) / events)
  rows.length = 0
  const verified = await best(async () => {
    const findings = new Findings()
    await verifyBundle(path, () => identity, { witnesses: [], external: [] }, findings)
    if (findings.count > 0) throw new Error('it does not verify')
  })
  rmSync(folder, { recursive: true })
  const ratio = { time: round(bareSha256.timeUs / verified.timeUs, 2), cpu: round(bareSha256.cpuUs / verified.cpuUs, 2) }
  return { events, bytesPerEvent, bareSha256, verified, ratio }
}
