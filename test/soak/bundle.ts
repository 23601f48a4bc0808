// Soak (e): an export bundle of 10,000 events, and 1,000 random edits of one byte: each has to be found, and the event or the range that it belongs to named.

import { randomBytes, randomInt } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyBundle } from '../../src/adapters/audit/bundle-file.ts'
import { Findings } from '../../src/audit/verify.ts'
import { eventAt, makeBundle, names, WITNESS, type Bundle } from '../support/bundles.ts'
import { progress } from './progress.ts'
import type { Summary } from './summary.ts'

type Edit = { readonly name: string; readonly apply: (bytes: Buffer, at: number) => Buffer }
const put = (bytes: Buffer, at: number, remove: number, ...bytesPut: number[]): Buffer =>
  Buffer.concat([bytes.subarray(0, at), Buffer.from(bytesPut), bytes.subarray(at + remove)])
const EDITS: readonly Edit[] = [
  { name: 'one bit turned', apply: (bytes, at) => put(bytes, at, 1, bytes[at]! ^ (1 << randomInt(8))) },
  { name: 'another byte', apply: (bytes, at) => put(bytes, at, 1, (bytes[at]! + 1 + randomInt(255)) % 256) },
  { name: 'a byte taken away', apply: (bytes, at) => put(bytes, at, 1) },
  { name: 'a byte put in', apply: (bytes, at) => put(bytes, at, 0, randomBytes(1)[0]!) },
]

export async function bundle(isShort: boolean): Promise<Summary> {
  const [events, edits] = isShort ? [1000, 100] : [10_000, 1000]
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bundle-'))
  try {
    const made = makeBundle(Array.from({ length: 20 }, (_, i) => ((i + 1) * events) / 20))
    const whole = await check(made, made.bytes, folder)
    const lines: string[] = []
    let missed = whole.found ? 1 : 0
    const counts = new Map<string, number>()
    const told = progress('bundle', edits, 'edits')
    for (let i = 0; i < edits; i += 1) {
      told(i + 1)
      const edit = EDITS[i % EDITS.length]!
      const at = randomInt(made.bytes.length)
      const changed = edit.apply(made.bytes, at)
      if (changed.equals(made.bytes)) continue
      const { found, isNamed } = await check(made, changed, folder, at)
      const seq = eventAt(made, at)
      const where = seq === undefined ? 'head or end' : 'events'
      counts.set(`${edit.name}, ${where}`, (counts.get(`${edit.name}, ${where}`) ?? 0) + 1)
      if (found && isNamed) continue
      missed += 1
      lines.push(`MISSED: ${edit.name} at byte ${at}, event ${seq ?? 'none'}`)
    }
    const total = [...counts.values()].reduce((a, b) => a + b, 0)
    return {
      name: 'bundle',
      isShort,
      hasPassed: missed === 0,
      lines: [
        `${events} events in ${made.bytes.length} bytes, 20 checkpoints; whole it verifies`,
        `${total - missed} of ${total} random edits of one byte found, and the event or range named`,
        ...[...counts].sort().map(([what, count]) => `  ${what}: ${count}`),
        ...lines,
      ],
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A byte put in or taken away at the border of two lines may be either's. */
async function check(
  made: Bundle,
  bytes: Buffer,
  folder: string,
  at?: number,
): Promise<{ readonly found: boolean; readonly isNamed: boolean }> {
  const path = join(folder, 'bundle')
  writeFileSync(path, bytes)
  const findings = new Findings()
  await verifyBundle(path, () => made.log.identity, { witnesses: [WITNESS], external: [] }, findings)
  const seq = at === undefined ? undefined : eventAt(made, at)
  const isNamed = seq === undefined ? findings.count > 0 : [seq - 1, seq].some(near => names(findings.list, near))
  return { found: findings.count > 0, isNamed }
}
