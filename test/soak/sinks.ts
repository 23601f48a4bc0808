// Soak (e): Redis is stopped for a minute under load and started again without its data. Nothing is lost, the order is kept, lag goes back to zero, and a file
// beside it never waits.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Connection } from '../../bench/lib/connection.ts'
import { startGateway, type Gateway } from '../../bench/lib/gateway.ts'
import { headOf, Template } from '../../bench/lib/messages.ts'
import { rssMb } from '../../bench/lib/proc.ts'
import { httpUpstream } from '../../bench/lib/targets.ts'
import { readEvents } from '../../src/adapters/audit/lines.ts'
import { entriesOf, hasRedis, TestRedis } from '../support/redis.ts'
import type { Summary } from './summary.ts'

const CALLERS = 8
/** Pause of a caller between calls: load that the machine bears for minutes, not the most it can. */
const PAUSE_MS = 10
const STREAM = 'audit'
const PAGE = 2000

type Level = { readonly lagEvents: number; readonly lagSeconds: number; readonly dead: number }
type Load = { isOver: boolean; calls: number; fault?: string; slowestMs: number }

export async function sinks(isShort: boolean): Promise<Summary> {
  if (!hasRedis) return { name: 'sinks', isShort, hasPassed: true, lines: ['skipped: redis-server is not installed'] }
  const outageMs = isShort ? 5000 : 60_000
  const redis = await TestRedis.start()
  const upstream = await httpUpstream({ era: 'modern', transport: 'http', tools: 5 })
  const gateway = await startGateway({
    upstreams: { bench: { era: 'modern', at: upstream } },
    sinks: [
      { name: 'lake', kind: 'redis', url: redis.url, stream: STREAM },
      { name: 'disk', kind: 'file', path: 'audit-out.jsonl' },
    ],
  })
  try {
    const load: Load = { isOver: false, calls: 0, slowestMs: 0 }
    const callers = Array.from({ length: CALLERS }, (_, n) => call(gateway, load, n))
    await wait(5000)
    await redis.stop('SIGKILL')
    const stoppedAt = load.calls
    await wait(outageMs)
    const during = { lake: await levelOf(gateway, 'lake'), disk: await levelOf(gateway, 'disk'), calls: load.calls - stoppedAt }
    await redis.start()
    const from = performance.now()
    await until(async () => (await levelOf(gateway, 'lake')).lagSeconds < 3)
    const caughtUpMs = performance.now() - from
    const memory = rssMb(gateway.pid)
    load.isOver = true
    await Promise.all(callers)
    await until(async () => (await levelOf(gateway, 'lake')).lagEvents === 0 && (await levelOf(gateway, 'disk')).lagEvents === 0)
    const after = await levelOf(gateway, 'lake')
    const log: string[] = []
    await readEvents(join(gateway.folder, 'data', 'audit'), event => log.push(event))
    const stream = await judge(redis, log)
    const lines = readFileSync(join(gateway.folder, 'audit-out.jsonl'), 'utf8').split('\n').slice(0, -1)
    const wrongLines = lines.filter((line, seq) => !line.startsWith(`{"seq":${seq},`) || !line.endsWith(`"event":${log[seq]}}`)).length
    const hasPassed =
      load.fault === undefined &&
      stream.wrong === 0 &&
      wrongLines === 0 &&
      after.dead === 0 &&
      during.lake.lagEvents > 0 &&
      during.disk.lagSeconds < 5
    return {
      name: 'sinks',
      isShort,
      hasPassed,
      lines: [
        `${CALLERS} callers; Redis killed for ${outageMs / 1000} s, ${during.calls} calls answered meanwhile, the slowest of all in ${load.slowestMs.toFixed(0)} ms; faults: ${load.fault ?? 'none'}`,
        `behind when it came back, without its data: ${during.lake.lagEvents} events, ${during.lake.lagSeconds.toFixed(0)} s; the file beside it: ${during.disk.lagEvents} events, ${during.disk.lagSeconds.toFixed(1)} s`,
        `caught up (less than 3 s behind, under load) after ${(caughtUpMs / 1000).toFixed(1)} s; lag in the end: ${after.lagEvents} events, dead letters: ${after.dead}`,
        `events in the log: ${log.length}; in the stream: ${stream.count}; missing, twice, out of order or other than in the log: ${stream.wrong}; lines of the file: ${lines.length}, wrong: ${wrongLines}`,
        `memory of the gateway at the end of the backlog: ${memory.toFixed(0)} MB`,
      ],
    }
  } finally {
    await gateway.stop()
    await upstream.stop()
    await redis.remove()
  }
}

async function call(gateway: Gateway, load: Load, caller: number): Promise<void> {
  const place = new URL(gateway.url)
  const connection = await Connection.open(Number(place.port))
  const template = new Template({ era: 'modern', method: 'tools/call', textBytes: 100, tag: `sink-${caller}` })
  const request = { path: place.pathname, host: place.host, era: 'modern' as const, headers: gateway.headers[0]! }
  const head = headOf({ ...request, method: 'tools/call', name: 'echo', length: template.body.length })
  for (let n = 0; !load.isOver && load.fault === undefined; n += 1) {
    template.stamp(n)
    const from = performance.now()
    const answer = await connection.request(head, template.body)
    load.slowestMs = Math.max(load.slowestMs, performance.now() - from)
    const fault = template.fault(answer.status, answer.body)
    if (fault !== undefined) load.fault = fault
    load.calls += 1
    await wait(PAUSE_MS)
  }
  connection.close()
}

async function levelOf(gateway: Gateway, sink: string): Promise<Level> {
  const page = await (await fetch(`http://127.0.0.1:${gateway.port}/metrics`)).text()
  const read = (name: string): number =>
    Number(new RegExp(`^gatehouse_audit_sink_${name}\\{sink="${sink}"\\} (\\S+)$`, 'm').exec(page)?.[1] ?? Number.NaN)
  return { lagEvents: read('lag_events'), lagSeconds: read('lag_seconds'), dead: read('dead_letters') }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 300_000
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error('lag did not go back to zero')
    await wait(200)
  }
}

/** Every event of the log, once, in order, with its bytes. */
async function judge(redis: TestRedis, log: readonly string[]): Promise<{ readonly count: number; readonly wrong: number }> {
  let [count, wrong, from] = [0, 0, '-']
  for (;;) {
    const page = entriesOf(await redis.run('XRANGE', STREAM, from, '+', 'COUNT', String(PAGE)))
    for (const { fields } of page) {
      if (fields['seq'] !== String(count) || fields['event'] !== log[count]) wrong += 1
      count += 1
    }
    const last = page.at(-1)
    if (!last || page.length < PAGE) break
    from = `(${last.id}`
  }
  return { count, wrong: wrong + Math.abs(log.length - count) }
}
