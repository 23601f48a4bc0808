// `node bench/idle.ts [--streams 10000] [--settle 20] [--only plain,taken,bare,gatehouse]`: resident memory with idle host streams open.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { IdleJob, IdleReport } from './idle-clients.ts'
import { startGateway } from './lib/gateway.ts'
import type { Era } from './lib/messages.ts'
import { startPrinting } from './lib/processes.ts'
import { peakRssMb, rssMb } from './lib/proc.ts'
import { round } from './lib/stats.ts'
import { table } from './lib/table.ts'
import { httpUpstream } from './lib/targets.ts'

export type IdleKind = 'plain' | 'taken' | 'bare' | 'gatehouse'
export const IDLE_KINDS: readonly IdleKind[] = ['plain', 'taken', 'bare', 'gatehouse']
export type Idle = {
  readonly kind: IdleKind
  readonly era: Era
  readonly streams: number
  readonly emptyMb: number
  /** two seconds after the last stream was opened */
  readonly openMb: number
  /** after `settleSeconds` of silence; keep-alives may have gone out */
  readonly settledMb: number
  readonly peakMb: number
  readonly kbPerStream: number
}

/** Opens `streams` idle streams and reads the server's memory; nothing is collected on demand. */
export async function measureIdle(kind: IdleKind, era: Era, streams: number, settleSeconds: number): Promise<Idle> {
  const server = await startServer(kind, era)
  const clients = fork(join(import.meta.dirname, 'idle-clients.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  try {
    const emptyMb = rssMb(server.pid)
    clients.send({ url: server.url, kind: era, streams, headers: server.headers, hasSessions: kind === 'gatehouse' } satisfies IdleJob)
    const [opened] = (await once(clients, 'message')) as ['opened' | { error: string }]
    if (opened !== 'opened') throw new Error(opened.error)
    await delay(2000)
    const openMb = rssMb(server.pid)
    await delay(settleSeconds * 1000)
    const settledMb = rssMb(server.pid)
    clients.send('report')
    const [report] = (await once(clients, 'message')) as [IdleReport]
    if (report.closed > 0) throw new Error(`${report.closed} of ${streams} streams were closed`)
    const figures = {
      emptyMb: round(emptyMb, 1),
      openMb: round(openMb, 1),
      settledMb: round(settledMb, 1),
      peakMb: round(peakRssMb(server.pid), 1),
    }
    return { kind, era, streams, ...figures, kbPerStream: round(((settledMb - emptyMb) * 1024) / streams, 1) }
  } finally {
    clients.disconnect()
    await server.stop()
  }
}

type Held = { readonly pid: number; readonly url: string; readonly headers: readonly Record<string, string>[]; stop(): Promise<void> }

async function startServer(kind: IdleKind, era: Era): Promise<Held> {
  if (kind !== 'gatehouse') {
    const running = await startPrinting({
      role: 'proxy',
      command: [process.execPath, join(import.meta.dirname, 'upstreams/streams.ts'), kind],
    })
    return { pid: running.pid, url: `http://127.0.0.1:${running.port}/mcp`, headers: [], stop: running.stop }
  }
  const upstream = await httpUpstream({ era, transport: 'http', tools: 10 })
  const gateway = await startGateway({ upstreams: { bench: { era, at: upstream } }, principals: 100 })
  const stop = async (): Promise<void> => {
    await gateway.stop()
    await upstream.stop()
  }
  return { pid: gateway.pid, url: gateway.url, headers: gateway.headers, stop }
}

export function idleTable(rows: readonly Idle[]): string {
  return table(
    ['idle streams', 'era', 'streams', 'empty MB', 'open MB', 'settled MB', 'peak MB', 'kB each'],
    rows.map(row => [row.kind, row.era, row.streams, row.emptyMb, row.openMb, row.settledMb, row.peakMb, row.kbPerStream]),
  )
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      streams: { type: 'string', default: '10000' },
      settle: { type: 'string', default: '20' },
      only: { type: 'string', default: IDLE_KINDS.join(',') },
    },
  })
  const rows: Idle[] = []
  for (const kind of values.only.split(',') as IdleKind[]) {
    for (const era of ['legacy', 'modern'] as const) rows.push(await measureIdle(kind, era, Number(values.streams), Number(values.settle)))
  }
  console.log(idleTable(rows))
}
