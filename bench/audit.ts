// `npm run bench:audit`: what the audit log with its notary does beside a bare group commit of the same bytes, how long a search takes in a large log, and what
// checking a bundle takes beside bare SHA-256 of the same rows.
//
//   --events N   size of the log that is searched; default 1,000,000
//   --short      50,000 events, shorter rounds
//   --out FILE   where the JSON goes; default bench/results/audit.json; `-` = nowhere

import { randomFillSync } from 'node:crypto'
import { closeSync, fdatasync, mkdtempSync, openSync, readdirSync, rmSync, statSync, write, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify, parseArgs } from 'node:util'
import { NotaryThread } from '../src/adapters/audit/notary-thread.ts'
import { openFlatLog } from '../src/adapters/audit/open-flat-log.ts'
import { EventEncoder } from '../src/audit/encode.ts'
import { median, round } from './lib/stats.ts'
import { verification } from './lib/verification.ts'

const { values } = parseArgs({
  options: { events: { type: 'string' }, short: { type: 'boolean', default: false }, out: { type: 'string' } },
})
const EVENTS = Number(values.events ?? (values.short ? 50_000 : 1_000_000))
const CALLERS = 64
const PRINCIPALS = 500
const SERVERS = 40
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-audit-'))
const encoder = new EventEncoder(Date.now, randomFillSync)
const digest = 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg'
const REASONS = ['policy-denied', 'scope-missing', 'arguments-invalid', 'tool-limited'] as const
/** A rare principal, server and reason: once in 50,000 events each. */
const RARE = { principal: 'rare-person', server: 'rare-server', reason: 'drifted' } as const

const principals = Array.from({ length: PRINCIPALS }, (_, i) => ({
  issuer: 'https://login.example.com/realms/corp',
  subject: `9b7d3f0e-1111-2222-3333-${String(i).padStart(12, '0')}`,
  client: 'claude-code',
}))
let made = 0
/** The two events of a call, or one refusal; what a gateway writes, by the gateway's encoder. */
function* eventsOfCall(): Generator<string> {
  const n = (made += 1)
  const isRare = n % 25_000 === 0
  const id = encoder.newId()
  const exchange = encoder.exchange({
    ...{ call: id, request: id, trace: '4bf92f3577b34da6a3ce929d0e0e4736' },
    principal: isRare ? { ...principals[0]!, subject: RARE.principal } : principals[(n * 7919) % PRINCIPALS]!,
    subject: {
      ...{ endpoint: '/mcp', era: 'modern', method: 'tools/call', paramsDigest: digest, paramsBytes: 120 },
      ...{ server: isRare ? RARE.server : `server-${(n * 104_729) % SERVERS}`, name: `tool_${n % 17}` },
    },
  })
  if (isRare) yield encoder.refusal(exchange, { reason: RARE.reason, stage: 'verify-server' })
  else if (n % 50 === 0) yield encoder.refusal(exchange, { reason: REASONS[(n / 50) % 4]!, stage: 'evaluate-policy' })
  else {
    yield encoder.intent(exchange, ['team-files'], 0)
    yield encoder.outcome(exchange, { outcome: 'ok', resultBytes: 900, resultDigest: digest, ms: 1.234 })
  }
}

type Append = (event: string) => Promise<void>
type Rate = { readonly eventsPerSecond: number; readonly p50Ms: number; readonly p99Ms: number; readonly cpuUsPerEvent: number }

/** Callers that each await one event before the next, until so many are durable. CPU is of the whole process with its threads, making the events included. */
async function rateOf(append: Append, events: number): Promise<Rate> {
  let left = events
  const waits = new Float64Array(events + 2 * CALLERS)
  let count = 0
  const caller = async (): Promise<void> => {
    while (left > 0)
      for (const event of eventsOfCall()) {
        left -= 1
        const from = performance.now()
        await append(event)
        waits[count++] = performance.now() - from
      }
  }
  const cpu = process.cpuUsage()
  const from = performance.now()
  await Promise.all(Array.from({ length: CALLERS }, caller))
  const seconds = (performance.now() - from) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const sorted = waits.subarray(0, count).sort()
  const at = (share: number): number => round(sorted[Math.floor(count * share)] ?? 0, 3)
  return { eventsPerSecond: Math.round(count / seconds), p50Ms: at(0.5), p99Ms: at(0.99), cpuUsPerEvent: round((user + system) / count, 1) }
}

/** The least that durable groups need: what came while one group was written is the next; one write and one fdatasync each. */
function bareLog(path: string): { append: Append; syncs: number[]; close: () => void } {
  const fd = openSync(path, 'a')
  const writeTo = promisify(write) as (fd: number, bytes: Buffer) => Promise<unknown>
  const syncTo = promisify(fdatasync)
  const syncs: number[] = []
  let group: { lines: string[]; done: PromiseWithResolvers<void> } | undefined
  let isWriting = false
  const flush = async (): Promise<void> => {
    isWriting = true
    while (group !== undefined) {
      const { lines, done } = group
      group = undefined
      await writeTo(fd, Buffer.from(lines.join('')))
      const from = performance.now()
      await syncTo(fd)
      syncs.push(performance.now() - from)
      done.resolve()
    }
    isWriting = false
  }
  return {
    syncs,
    append(event) {
      group ??= { lines: [], done: Promise.withResolvers() }
      group.lines.push(`${event}\n`)
      const { promise } = group.done
      if (!isWriting) setImmediate(() => isWriting || void flush())
      return promise
    },
    close: () => closeSync(fd),
  }
}

async function notarised(name: string) {
  const dataDir = join(folder, name)
  const dir = join(dataDir, 'audit')
  const notary = new NotaryThread({
    settings: { dataDir, dir, host: 'bench' },
    now: () => performance.now(),
    onTrouble: (message, fields) => console.error(message, fields),
  })
  const { log } = await openFlatLog({ dir, encoder, now: Date.now, follower: notary })
  return { dir, log, notary }
}

async function compare(rounds: number, events: number) {
  const ratios: number[] = []
  const bares: Rate[] = []
  const ours: Rate[] = []
  const plains: Rate[] = []
  const syncP99: number[] = []
  const signed = await notarised('rate')
  const { log: flat } = await openFlatLog({ dir: join(folder, 'plain'), encoder, now: Date.now })
  const bare = bareLog(join(folder, 'bare.jsonl'))
  for (const one of [bare, signed.log, flat]) await rateOf(event => one.append(event), events / 4)
  for (let n = 0; n < rounds; n += 1) {
    bare.syncs.length = 0
    const least = await rateOf(event => bare.append(event), events)
    syncP99.push(bare.syncs.toSorted((a, b) => a - b)[Math.floor(bare.syncs.length * 0.99)] ?? 0)
    const plain = await rateOf(event => flat.append(event), events)
    const our = await rateOf(event => signed.log.append(event), events)
    bares.push(least)
    plains.push(plain)
    ours.push(our)
    ratios.push(our.eventsPerSecond / least.eventsPerSecond)
  }
  await flat.close()
  await signed.log.close()
  bare.close()
  const middle = (rates: readonly Rate[]): Rate => ({
    eventsPerSecond: median(rates.map(r => r.eventsPerSecond)),
    p50Ms: median(rates.map(r => r.p50Ms)),
    p99Ms: median(rates.map(r => r.p99Ms)),
    cpuUsPerEvent: round(median(rates.map(r => r.cpuUsPerEvent)), 1),
  })
  const [b, p, o] = [middle(bares), middle(plains), middle(ours)]
  return {
    ...{ callers: CALLERS, rounds, eventsPerRound: events },
    ...{ bare: b, withoutNotary: p, withNotary: o },
    ratio: round(median(ratios), 2),
    notaryCpuUsPerEvent: round(o.cpuUsPerEvent - p.cpuUsPerEvent, 1),
    fdatasyncP99Ms: round(median(syncP99), 3),
    addedP99Ms: round(o.p99Ms - b.p99Ms, 3),
  }
}

async function searched() {
  const { dir, log, notary } = await notarised('search')
  const from = performance.now()
  await rateOf(event => log.append(event), EVENTS)
  const written = performance.now()
  for (;;) {
    const { lagMs } = await notary.reader.state()
    if (lagMs === 0) break
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  const covered = performance.now()
  const { size } = await notary.reader.state()
  const { events: some } = await notary.reader.search({ before: Math.floor(size / 2), limit: 1 })
  const call = (JSON.parse(some[0]!.event) as { call: string }).call
  const queries = {
    'principal, one of 500': { principal: principals[3]!.subject },
    'server, one of 40': { server: 'server-7' },
    'reason, one refusal in 200': { reason: 'scope-missing' },
    'principal, 20 events in a million': { principal: RARE.principal },
    'server, 20 events in a million': { server: RARE.server },
    'reason, 20 events in a million': { reason: RARE.reason },
    'principal and server': { principal: principals[(7 * 7919) % PRINCIPALS]!.subject, server: `server-${(7 * 104_729) % SERVERS}` },
    'principal and server that never met': { principal: principals[3]!.subject, server: 'server-7' },
    'principal that is not there': { principal: 'nobody' },
    'one call by its id': { call },
    'newest 50': {},
  }
  const found: Record<string, object> = {}
  for (const [name, query] of Object.entries(queries)) {
    const ms: number[] = []
    let events = 0
    for (let n = 0; n < 15; n += 1) {
      const began = performance.now()
      events = (await notary.reader.search(query)).events.length
      ms.push(performance.now() - began)
    }
    found[name] = { events, firstMs: round(ms[0] ?? 0, 1), medianMs: round(median(ms), 1), worstMs: round(Math.max(...ms), 1) }
  }
  const closing = performance.now()
  await log.close()
  const bytes = (pattern: RegExp): number =>
    readdirSync(dir)
      .filter(f => pattern.test(f))
      .reduce((sum, f) => sum + statSync(join(dir, f)).size, 0)
  const reopening = performance.now()
  const again = await notarised('search')
  const reopenedMs = performance.now() - reopening
  await again.log.close()
  return {
    events: size,
    writtenSeconds: round((written - from) / 1000, 1),
    coveredAfterSeconds: round((covered - written) / 1000, 2),
    startMs: Math.round(reopenedMs),
    closeMs: Math.round(reopening - closing),
    megabytes: { lines: round(bytes(/^events/) / 1e6, 1), tree: round(bytes(/^tree/) / 1e6, 1), index: round(bytes(/^index/) / 1e6, 1) },
    found,
  }
}

try {
  const results = {
    startedAt: new Date().toISOString(),
    machine: { node: process.version, kernel: release(), cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}` },
    rate: await compare(values.short ? 2 : 5, values.short ? 20_000 : 60_000),
    search: await searched(),
    verification: await verification(values.short ? 50_000 : 400_000),
  }
  console.log(JSON.stringify(results, undefined, 2))
  const out = values.out ?? join(import.meta.dirname, 'results/audit.json')
  if (out !== '-') writeFileSync(out, `${JSON.stringify(results, undefined, 2)}\n`)
} finally {
  rmSync(folder, { recursive: true })
}
