// Soak (c): the gateway's own system calls, traced. For every call: intent row written and synced, then the bytes to the upstream, then the outcome
// row written and synced, and only then the bytes to the host.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Connection } from '../../bench/lib/connection.ts'
import { startGateway } from '../../bench/lib/gateway.ts'
import { headOf, Template } from '../../bench/lib/messages.ts'
import { httpUpstream } from '../../bench/lib/targets.ts'
import { progress } from './progress.ts'
import type { Summary } from './summary.ts'

/** Why system calls cannot be traced here, or undefined. */
function obstacle(): string | undefined {
  const probe = spawnSync('strace', ['-e', 'trace=none', 'true'], { encoding: 'utf8' })
  if (probe.error) return 'strace is not installed'
  return probe.status === 0 ? undefined : `strace may not trace here: ${probe.stderr.trim().split('\n')[0] ?? ''}`
}

export async function sync(isShort: boolean): Promise<Summary> {
  const reason = obstacle()
  if (reason !== undefined) return { name: 'sync', isShort, hasPassed: true, lines: [`skipped: ${reason}`] }
  const calls = isShort ? 10 : 200
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-strace-'))
  const upstream = await httpUpstream({ era: 'modern', transport: 'http', tools: 5 })
  const gateway = await startGateway({ upstreams: { bench: { era: 'modern', at: upstream } } })
  try {
    const trace = join(folder, 'trace')
    const place = new URL(gateway.url)
    const connection = await Connection.open(Number(place.port))
    const template = new Template({ era: 'modern', method: 'tools/call', textBytes: 100, tag: 'strace' })
    const request = { path: place.pathname, host: place.host, era: 'modern' as const, headers: gateway.headers[0]! }
    const head = headOf({ ...request, method: 'tools/call', name: 'echo', length: template.body.length })
    const call = async (n: number): Promise<string> => {
      template.stamp(n)
      const answer = await connection.request(head, template.body)
      const fault = template.fault(answer.status, answer.body)
      if (fault !== undefined) throw new Error(fault)
      return template.id.toString()
    }
    await call(0)
    const tracer = spawn('strace', [
      '-f',
      '-yy',
      '-s',
      '65536',
      '-e',
      'trace=write,writev,pwrite64,pwritev,sendto,sendmsg,fsync,fdatasync',
      '-p',
      String(gateway.pid),
      '-o',
      trace,
    ])
    await attached(tracer.stderr)
    const nonces: string[] = []
    const told = progress('sync', calls, 'calls')
    for (let n = 1; n <= calls; n += 1) {
      nonces.push(await call(n))
      told(n)
    }
    const ended = once(tracer, 'exit')
    tracer.kill('SIGINT')
    await ended
    connection.close()
    const events = eventsOf(readFileSync(trace, 'utf8'), { upstream: new URL(upstream.url).port, host: place.port })
    const faults = nonces.flatMap(nonce => judge(events, nonce) ?? [])
    const end = events.findIndex(event => event.kind === 'host' && event.nonces.includes(nonces[0]!))
    return {
      name: 'sync',
      isShort,
      hasPassed: faults.length === 0,
      lines: [
        `${calls} calls of one host, traced with strace; out of order: ${faults.length}${faults[0] ? `, the first: ${faults[0]}` : ''}`,
        'the first call, in the order in which the system calls were over:',
        ...events.slice(0, end + 1).map(event => `  ${event.what}`),
      ],
    }
  } finally {
    await gateway.stop()
    await upstream.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** strace says `attached` for every thread it has stopped and let go again. */
async function attached(stderr: NodeJS.ReadableStream): Promise<void> {
  let said = ''
  for await (const chunk of stderr) {
    said += String(chunk)
    if (said.includes('attached')) return void stderr.resume()
  }
  throw new Error(`strace could not attach: ${said}`)
}

export type Event = {
  readonly what: string
  readonly kind: 'intent' | 'outcome' | 'sync' | 'upstream' | 'host'
  readonly begun: number
  readonly ended: number
  readonly nonces: readonly string[]
}

/** The calls that matter, in the order of their ends; begun and ended are places in the trace. */
export function eventsOf(trace: string, ports: { readonly upstream: string; readonly host: string }): Event[] {
  const begun = new Map<string, { text: string; at: number }>()
  const events: Event[] = []
  const add = (text: string, from: number, to: number): void => {
    const kind = kindOf(text, ports)
    if (kind === undefined) return
    const what = `${kind.padEnd(8)} ${text.slice(0, text.indexOf('(')).trim()} ${fileOf(text).replace(/^.*\/data\//, 'data/')} ${/= -?\d+[^=]*$/.exec(text)?.[0] ?? ''}`
    // One write may hold rows of both kinds.
    if (kind === 'outcome' && text.includes('\\"type\\":\\"intent\\"'))
      events.push({ what, kind: 'intent', begun: from, ended: to, nonces: [] })
    events.push({ what, kind, begun: from, ended: to, nonces: kind === 'host' || kind === 'upstream' ? noncesOf(text) : [] })
  }
  for (const [at, line] of trace.split('\n').entries()) {
    const tid = line.slice(0, line.indexOf(' '))
    const rest = line.slice(tid.length).trimStart()
    if (rest.endsWith('<unfinished ...>')) begun.set(tid, { text: rest.slice(0, -'<unfinished ...>'.length), at })
    else if (rest.startsWith('<... ')) {
      const first = begun.get(tid)
      begun.delete(tid)
      if (first) add(first.text + rest.slice(rest.indexOf('>') + 1), first.at, at)
    } else add(rest, at, at)
  }
  return events
}

/** What stands behind a call's file descriptor: a path, or both ends of a connection. */
const fileOf = (text: string): string => /^\w+\(\d+<(TCP[^\]]*\]|[^>]*)>/.exec(text)?.[1] ?? ''

function kindOf(text: string, ports: { readonly upstream: string; readonly host: string }): Event['kind'] | undefined {
  const fd = fileOf(text)
  if (text.includes('= -1 ')) return undefined
  if (text.startsWith('fdatasync') || text.startsWith('fsync')) return fd.endsWith('.jsonl') ? 'sync' : undefined
  if (fd.endsWith('.jsonl'))
    return text.includes('\\"type\\":\\"outcome\\"') ? 'outcome' : text.includes('\\"type\\":\\"intent\\"') ? 'intent' : undefined
  const ends = /:(\d+)->.*:(\d+)\]?/.exec(fd)
  if (ends?.[2] === ports.upstream) return 'upstream'
  return ends?.[1] === ports.host ? 'host' : undefined
}

const noncesOf = (text: string): string[] => [...new Set(text.match(/1000\d{8}/g) ?? [])]

/** What is out of order for one call, or undefined. One call runs at a time, so the rows before its sends are its rows. */
export function judge(events: readonly Event[], nonce: string): string | undefined {
  const sent = events.find(event => event.kind === 'upstream' && event.nonces.includes(nonce))
  const answered = events.find(event => event.kind === 'host' && event.nonces.includes(nonce))
  if (!sent || !answered) return `${nonce}: not seen ${sent ? 'towards the host' : 'towards the upstream'}`
  const previous = events.findLast(event => event.kind === 'host' && event.ended < sent.begun)?.ended ?? -1
  const row = (kind: 'intent' | 'outcome', after: number, before: number): Event | undefined =>
    events.find(event => event.kind === kind && event.begun > after && event.ended < before)
  const synced = (after: Event | undefined, before: number): boolean =>
    after !== undefined && events.some(event => event.kind === 'sync' && event.begun > after.ended && event.ended < before)
  if (!synced(row('intent', previous, sent.begun), sent.begun)) return `${nonce}: bytes went upstream before the intent was synced`
  if (!synced(row('outcome', sent.begun, answered.begun), answered.begun))
    return `${nonce}: the host saw the answer before the outcome was synced`
  return undefined
}
