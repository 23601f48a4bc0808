// Soak (a): interleaved calls of 50 principals with colliding JSON-RPC ids, hosts and upstreams of both eras, one aggregated endpoint.
// Every answer must be its own caller's, byte for byte. Loopback only, bounded in calls and time.

import { startGateway } from '../../bench/lib/gateway.ts'
import { Connection } from '../../bench/lib/connection.ts'
import { ENVELOPE, headOf, type Era } from '../../bench/lib/messages.ts'
import { rssMb } from '../../bench/lib/proc.ts'
import { openSession } from '../../bench/lib/session.ts'
import { httpUpstream, stdioUpstream } from '../../bench/lib/targets.ts'
import { progress } from './progress.ts'
import type { Summary } from './summary.ts'

const PRINCIPALS = 50
/** Per principal: two modern hosts that send the same ids at the same time, and one 2025 session. */
const HOSTS: readonly Era[] = ['modern', 'modern', 'legacy']
const ALIASES = ['mh', 'lh', 'ms', 'ls'] as const

type Tally = { sent: number; answered: number; misdelivered: number; faults: string[]; readonly perQuadrant: Map<string, number> }

export async function isolation(isShort: boolean): Promise<Summary> {
  const calls = isShort ? 20_000 : 1_000_000
  const deadlineMs = performance.now() + (isShort ? 300_000 : 3_600_000)
  const http = {
    modern: await httpUpstream({ era: 'modern', transport: 'http', tools: 5 }),
    legacy: await httpUpstream({ era: 'legacy', transport: 'http', tools: 5 }),
  }
  const gateway = await startGateway({
    endpoint: '/mcp',
    principals: PRINCIPALS,
    upstreams: {
      // Connections and sessions per principal over HTTP; one process for all over stdio, where ids of all callers meet on one pipe.
      mh: { era: 'modern', at: http.modern, share: 'principal' },
      lh: { era: 'legacy', at: http.legacy, share: 'principal' },
      ms: { era: 'modern', at: { command: stdioUpstream({ era: 'modern', transport: 'stdio', tools: 5 }) } },
      ls: { era: 'legacy', at: { command: stdioUpstream({ era: 'legacy', transport: 'stdio', tools: 5 }) } },
    },
  })
  const tally: Tally = { sent: 0, answered: 0, misdelivered: 0, faults: [], perQuadrant: new Map() }
  const told = progress('isolation', calls, 'calls')
  const from = performance.now()
  const rss = { before: rssMb(gateway.pid), after: 0 }
  try {
    const hosts = gateway.headers.flatMap((headers, principal) => HOSTS.map((era, host) => ({ era, principal, host, headers })))
    await Promise.all(hosts.map(host => runHost(host, gateway.url, { calls, deadlineMs, tally, told })))
    rss.after = rssMb(gateway.pid)
  } finally {
    await gateway.stop()
    await http.modern.stop()
    await http.legacy.stop()
  }
  const seconds = (performance.now() - from) / 1000
  const hasPassed = tally.misdelivered === 0 && tally.faults.length === 0 && tally.answered === calls
  return {
    name: 'isolation',
    isShort,
    hasPassed,
    lines: [
      `${tally.answered} of ${calls} calls answered in ${seconds.toFixed(0)} s; ${PRINCIPALS} principals, ${PRINCIPALS * HOSTS.length} hosts, ids shared by all of them`,
      `misdelivered: ${tally.misdelivered}; other faults: ${tally.faults.length}${tally.faults[0] ? `, the first: ${tally.faults[0]}` : ''}`,
      `by host era and upstream: ${[...tally.perQuadrant].map(([quadrant, count]) => `${quadrant} ${count}`).join(', ')}`,
      `memory of the gateway: ${rss.before.toFixed(0)} MB before, ${rss.after.toFixed(0)} MB after`,
    ],
  }
}

type Host = { readonly era: Era; readonly principal: number; readonly host: number; readonly headers: Record<string, string> }

async function runHost(
  host: Host,
  url: string,
  run: { readonly calls: number; readonly deadlineMs: number; readonly tally: Tally; readonly told: (done: number) => void },
): Promise<void> {
  const { tally } = run
  const place = new URL(url)
  const request = { path: place.pathname, host: place.host, era: host.era, headers: host.headers }
  const connection = await Connection.open(Number(place.port))
  const session = host.era === 'legacy' ? await openSession(connection, request) : undefined
  for (let n = 1; tally.sent < run.calls && tally.faults.length === 0 && performance.now() < run.deadlineMs; n += 1) {
    tally.sent += 1
    run.told(tally.sent)
    const alias = ALIASES[(n + host.principal + host.host) % ALIASES.length]!
    // The same ids everywhere, numbers and strings by turns: only the connection says whose the answer is.
    const id = n % 2 === 0 ? n % 1000 : `"${n % 1000}"`
    const text = `principal-${host.principal}|host-${host.host}|call-${n}|${'x'.repeat((n * 37 + host.principal * 101) % 2000)}|end`
    const name = `${alias}__echo`
    const params = { name, arguments: { text }, ...(host.era === 'modern' && { _meta: ENVELOPE }) }
    const body = Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${JSON.stringify(params)}}`)
    const head = headOf({ ...request, method: 'tools/call', name, length: body.length, ...(session && { session }) })
    const answer = await connection.request(head, body)
    judge(answer, { id, text }, tally)
    const quadrant = `${host.era}->${alias}`
    tally.perQuadrant.set(quadrant, (tally.perQuadrant.get(quadrant) ?? 0) + 1)
  }
  connection.close()
}

function judge(
  answer: { readonly status: number; readonly body: Buffer },
  own: { readonly id: string | number; readonly text: string },
  tally: Tally,
): void {
  const raw = answer.body.toString()
  const json = raw.startsWith('{') ? raw : /^data: (\{.*\})$/m.exec(raw)?.[1]
  type Reply = { id?: unknown; result?: { content?: { text?: string }[] } }
  const reply = json === undefined ? undefined : (JSON.parse(json) as Reply)
  const text = reply?.result?.content?.[0]?.text
  tally.answered += 1
  if (answer.status === 200 && text === own.text && JSON.stringify(reply?.id) === String(own.id)) return
  if (text !== undefined || JSON.stringify(reply?.id) !== String(own.id)) tally.misdelivered += 1
  tally.faults.push(`status ${answer.status}, wanted id ${own.id} and ${own.text.slice(0, 40)}, got ${raw.slice(0, 200)}`)
}
