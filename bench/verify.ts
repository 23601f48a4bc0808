// `node bench/verify.ts [events]`: checking an export bundle against bare SHA-256 over the same rows, one after the other, best of five. Bare hashing has one thread, verification two.

import { hash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyBundle } from '../src/adapters/audit/bundle-file.ts'
import { Findings } from '../src/audit/verify.ts'
import { makeBundle } from '../test/support/bundles.ts'

const events = Number(process.argv[2] ?? 200_000)
const padding = 'x'.repeat(400)
const bundle = makeBundle(
  Array.from({ length: 20 }, (_, i) => Math.floor(((i + 1) * events) / 20)),
  0,
  padding,
)
const rows = bundle.lines.map(line => Buffer.from(line))
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-verify-'))
const path = join(folder, 'bundle')
writeFileSync(path, bundle.bytes)

/** Microseconds per event: of time, and of processor time over all threads. The least of five each. */
async function best(work: () => unknown): Promise<{ readonly wall: number; readonly cpu: number }> {
  const least = { wall: Infinity, cpu: Infinity }
  for (let i = 0; i < 5; i += 1) {
    const cpu = process.cpuUsage()
    const start = performance.now()
    await work()
    least.wall = Math.min(least.wall, ((performance.now() - start) * 1000) / events)
    const { user, system } = process.cpuUsage(cpu)
    least.cpu = Math.min(least.cpu, (user + system) / events)
  }
  return least
}
const bare = await best(() => {
  for (const row of rows) hash('sha256', row, 'hex')
})
const verify = await best(async () => {
  const findings = new Findings()
  await verifyBundle(path, () => bundle.log.identity, { witnesses: [], external: [] }, findings)
  if (findings.count > 0) throw new Error('it does not verify')
})
rmSync(folder, { recursive: true })
const bytes = Math.round(rows.reduce((sum, row) => sum + row.length, 0) / events)
for (const unit of ['wall', 'cpu'] as const)
  console.log(
    `${events} events of ${bytes} bytes, ${unit === 'wall' ? 'time' : 'CPU of all threads'} per event: bare SHA-256 ${bare[unit].toFixed(2)} us, verification ${verify[unit].toFixed(2)} us: ${(bare[unit] / verify[unit]).toFixed(2)}x`,
  )
