// Not a test: what a row of the flat log costs. `node test/adapters/audit/measure.ts [dir]`; the figures of docs/adr/0002 come from here.

import { randomFillSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFlatLog } from '../../../src/adapters/audit/open-flat-log.ts'
import { EventEncoder } from '../../../src/audit/encode.ts'

const root = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'audit-measure-'))
const encoder = new EventEncoder(Date.now, randomFillSync)
let groups = 0
const { log } = await openFlatLog({ dir: join(root, 'audit'), encoder, now: Date.now, onGroup: () => (groups += 1) })
const principal = {
  issuer: 'https://login.example.com/realms/corp',
  subject: '9b7d3f0e-1111-2222-3333-444455556666',
  client: 'claude-code',
}
const digest = 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg'
const subject = {
  endpoint: '/mcp',
  era: 'modern',
  method: 'tools/call',
  server: 'files',
  name: 'read_file',
  paramsDigest: digest,
  paramsBytes: 120,
} as const

/** Each caller awaits its intent, then its outcome, then begins again: the group size is the number of callers. */
async function round(callers: number, rows: number): Promise<string> {
  const waits: number[] = []
  let left = rows
  async function append(event: string, begins?: string, ends?: string): Promise<void> {
    const started = performance.now()
    await log.append(event, begins, ends)
    waits.push(performance.now() - started)
  }
  async function caller(): Promise<void> {
    while (left > 0) {
      left -= 2
      const id = encoder.newId()
      const exchange = encoder.exchange({ call: id, request: id, trace: '4bf92f3577b34da6a3ce929d0e0e4736', principal, subject })
      await append(encoder.intent(exchange, ['team-files'], 0), id)
      await append(encoder.outcome(exchange, { outcome: 'ok', resultBytes: 900, resultDigest: digest, ms: 1.234 }), undefined, id)
    }
  }
  const before = { groups, cpu: process.cpuUsage(), at: performance.now() }
  await Promise.all(Array.from({ length: callers }, caller))
  const { user, system } = process.cpuUsage(before.cpu)
  const seconds = (performance.now() - before.at) / 1000
  waits.sort((a, b) => a - b)
  const at = (share: number): string => (waits[Math.floor(waits.length * share)] ?? 0).toFixed(2)
  const cells = [
    callers,
    (waits.length / (groups - before.groups)).toFixed(1),
    ((user + system) / waits.length).toFixed(1),
    (user / waits.length).toFixed(1),
    at(0.5),
    at(0.99),
    Math.round(waits.length / seconds),
  ]
  return `| ${cells.join(' | ')} |`
}

/** The encoder alone: microseconds for an intent with its outcome, at best, on a machine that others use as well. `isCopied`: made flat and copied as the log does. */
function encoding(isCopied: boolean): string {
  const bytes = Buffer.alloc(1 << 16)
  const take = (event: string): void => {
    if (isCopied && !event.includes('\n')) bytes.write(event, 0, 'utf8')
  }
  let best = Number.POSITIVE_INFINITY
  for (let run = 0; run < 400; run += 1) {
    const before = performance.now()
    for (let i = 0; i < 1000; i += 1) {
      const id = encoder.newId()
      const exchange = encoder.exchange({ call: id, request: id, trace: '4bf92f3577b34da6a3ce929d0e0e4736', principal, subject })
      take(encoder.intent(exchange, ['team-files'], 0))
      take(encoder.outcome(exchange, { outcome: 'ok', resultBytes: 900, resultDigest: digest, ms: 1.234 }))
    }
    best = Math.min(best, performance.now() - before)
  }
  return best.toFixed(2)
}

console.log(`an intent and its outcome, encoded: ${encoding(false)} us; and copied: ${encoding(true)} us\n`)
await round(32, 20_000)
console.log('| callers | rows per group | CPU us per row | of it user | p50 ms | p99 ms | rows per second |\n|---|---|---|---|---|---|---|')
for (const callers of [1, 8, 32, 128]) console.log(await round(callers, callers === 1 ? 4000 : callers * 600))
await log.close()
rmSync(root, { recursive: true })
