// `node bench/verify.ts [events]`: checking an export bundle against bare SHA-256 over the same rows, one thread each, one after the other, best of five.

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

const best = (work: () => void): number => {
  let least = Infinity
  for (let i = 0; i < 5; i += 1) {
    const start = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(start)
    least = Math.min(least, (user + system) / events)
  }
  return least
}
const bare = best(() => {
  for (const row of rows) hash('sha256', row, 'hex')
})
const verify = best(() => {
  const findings = new Findings()
  verifyBundle(path, () => bundle.log.identity, { witnesses: [], external: [] }, findings)
  if (findings.count > 0) throw new Error('it does not verify')
})
rmSync(folder, { recursive: true })
const bytes = Math.round(rows.reduce((sum, row) => sum + row.length, 0) / events)
console.log(
  `${events} events of ${bytes} bytes; CPU per event: bare SHA-256 ${bare.toFixed(2)} us, verification ${verify.toFixed(2)} us: ${(bare / verify).toFixed(2)}x`,
)
