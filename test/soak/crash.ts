// Soak (b): kill -9 of the gateway under load, again and again. Every reply that a client has received must have its outcome in the audit log,
// at once after the kill and at the end. (A kill leaves what was written to the kernel; soak (c) shows the sync that a power cut needs.)

import { createHash, randomInt } from 'node:crypto'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Connection } from '../../bench/lib/connection.ts'
import { startGateway, type Gateway } from '../../bench/lib/gateway.ts'
import { headOf, Template, type Era } from '../../bench/lib/messages.ts'
import { openSession } from '../../bench/lib/session.ts'
import { httpUpstream, stdioUpstream } from '../../bench/lib/targets.ts'
import { readEvents } from '../../src/adapters/audit/lines.ts'
import { openLogFolder } from '../../src/adapters/audit/log-folder.ts'
import { openCheckpoint } from '../../src/audit/checkpoint.ts'
import { readVkey } from '../../src/audit/note.ts'
import { Frontier } from '../../src/audit/tree.ts'
import { progress } from './progress.ts'
import type { Summary } from './summary.ts'

const CALLERS = 32

/** Rows of the log by what they say. */
type Log = {
  /** digests of results that went to hosts */
  readonly digests: Set<string>
  /** outcomes by the request whose intent they close */
  readonly closed: Map<string, number>
  readonly intents: Set<string>
  outcomes: number
  unknown: number
  torn: number
}

export async function crash(isShort: boolean): Promise<Summary> {
  const kills = isShort ? 3 : 200
  const upstream = await httpUpstream({ era: 'modern', transport: 'http', tools: 5 })
  let gateway = await startGateway({
    endpoint: '/mcp',
    keepFolder: true,
    upstreams: {
      http: { era: 'modern', at: upstream },
      pipe: { era: 'legacy', at: { command: stdioUpstream({ era: 'legacy', transport: 'stdio', tools: 5 }) } },
    },
  })
  const received: string[] = []
  const missing: string[] = []
  /** what was wrong with the tree after a kill */
  const roots: string[] = []
  let torn = 0
  const from = performance.now()
  const told = progress('crash', kills, 'kills')
  try {
    for (let n = 0; n < kills; n += 1) {
      const era = n % 2 === 0 ? 'modern' : 'legacy'
      const before = received.length
      await killUnderLoad(gateway, { era, tool: n % 4 < 2 ? 'http__echo' : 'pipe__echo', first: n * 10_000_000 }, received)
      const log = readLog(gateway)
      torn += log.torn
      const fault = await treeFault(gateway)
      if (fault !== undefined) roots.push(`kill ${n}: ${fault}`)
      for (const digest of received.slice(before)) if (!log.digests.has(digest)) missing.push(`kill ${n}: ${digest}`)
      gateway = await gateway.restart()
      told(n + 1)
    }
    await gateway.stop()
    const last = await treeFault(gateway)
    if (last !== undefined) roots.push(`at the end: ${last}`)
    const log = readLog(gateway)
    const lost = received.filter(digest => !log.digests.has(digest))
    // Each intent has exactly one outcome, and each outcome an intent.
    const unpaired = [...log.intents].filter(request => log.closed.get(request) !== 1).length
    const isPaired = unpaired === 0 && log.intents.size === log.outcomes
    const hasPassed = roots.length === 0 && missing.length === 0 && lost.length === 0 && received.length > 0 && isPaired && log.torn === 0
    return {
      name: 'crash',
      isShort,
      hasPassed,
      lines: [
        `${kills} kills under ${CALLERS} callers, both host eras, HTTP and stdio upstreams; ${((performance.now() - from) / 1000).toFixed(0)} s`,
        `${received.length} replies received; without an outcome right after their kill: ${missing.length}; at the end: ${lost.length}`,
        `log at the end: ${log.intents.size} intents, ${log.outcomes} outcomes, ${log.unknown} of them unknown, closed at a start; without exactly one outcome: ${unpaired}; torn last lines seen after kills: ${torn}, left: ${log.torn}`,
        `signed trees held against all lines after each kill and at the end: ${kills + 1}, of which wrong: ${roots.length}`,
        ...roots.slice(0, 5),
        ...missing.slice(0, 5),
      ],
    }
  } finally {
    await gateway.stop()
    await upstream.stop()
    rmSync(gateway.folder, { recursive: true, force: true })
  }
}

/** Loads the gateway, kills it at a moment nobody chose, waits until it is gone. Digests of results that arrived whole go into `received`. */
async function killUnderLoad(
  gateway: Gateway,
  load: { readonly era: Era; readonly tool: string; readonly first: number },
  received: string[],
): Promise<void> {
  const place = new URL(gateway.url)
  const request = { path: place.pathname, host: place.host, era: load.era, headers: gateway.headers[0]! }
  const connections = await Promise.all(Array.from({ length: CALLERS }, () => Connection.open(Number(place.port))))
  const session = load.era === 'legacy' ? await openSession(connections[0]!, request) : undefined
  let sent = load.first
  let isGone = false
  const faults: string[] = []
  const callers = connections.map(async (connection, index) => {
    const template = new Template({ era: load.era, method: 'tools/call', textBytes: 200, tag: `c${index}`, tool: load.tool })
    const head = headOf({ ...request, method: 'tools/call', name: load.tool, length: template.body.length, ...(session && { session }) })
    while (!isGone) {
      template.stamp((sent += 1))
      // Whatever breaks off after the kill is no reply.
      const answer = await connection.request(head, template.body).catch(() => undefined)
      if (!answer) return
      const fault = template.fault(answer.status, answer.body)
      if (fault === undefined) received.push(digestOf(answer.body))
      else faults.push(fault)
    }
  })
  await delay(300 + randomInt(700))
  const gone = once(gateway.child, 'exit')
  gateway.child.kill('SIGKILL')
  await gone
  isGone = true
  await Promise.all(callers)
  if (faults.length > 0) throw new Error(`a wrong answer: ${faults[0]}`)
}

/** SHA-256 of the result as the host received it: what an outcome's `resultDigest` says. */
function digestOf(body: Buffer): string {
  const from = body.indexOf('"result":') + '"result":'.length
  const to = body.lastIndexOf('}')
  return createHash('sha256').update(body.subarray(from, to)).digest('base64url')
}

/** The signed root against every line, as hashed here; undefined where it holds. A kill before the first signature leaves none. */
async function treeFault(gateway: Gateway): Promise<string | undefined> {
  const dir = join(gateway.folder, 'data/audit')
  const folder = openLogFolder(dir, () => performance.now())
  try {
    const { origin, vkeys, checkpoint } = await folder.reader.state()
    if (checkpoint === undefined) return undefined
    const keys = vkeys.map(readVkey).filter(key => typeof key !== 'string')
    const opened = openCheckpoint(checkpoint.note, { origin, keys })
    if (typeof opened === 'string') return opened
    const frontier = new Frontier()
    await readEvents(dir, line => {
      if (frontier.size < opened.size) frontier.appendLine(Buffer.from(line))
    })
    if (frontier.size < opened.size) return `${frontier.size} lines, ${opened.size} signed`
    return frontier.root().equals(opened.root) ? undefined : `the root of ${opened.size} events is another`
  } finally {
    folder.close()
  }
}

/** Every whole line; a line cut off by the kill, at the end of the newest file, counts as torn. */
function readLog(gateway: Gateway): Log {
  const folder = join(gateway.folder, 'data/audit')
  const log: Log = { digests: new Set(), closed: new Map(), intents: new Set(), outcomes: 0, unknown: 0, torn: 0 }
  // Not the lists of intents open at the start of a segment: each of them stands in an earlier one.
  for (const file of readdirSync(folder).filter(name => /^events-\d+\.jsonl$/.test(name))) {
    const lines = readFileSync(join(folder, file), 'utf8').split('\n')
    if (lines.pop() !== '') log.torn += 1
    for (const line of lines) {
      const row = JSON.parse(line) as { type: string; request: string; outcome?: string; resultDigest?: string }
      if (row.type === 'intent') log.intents.add(row.request)
      if (row.type !== 'outcome') continue
      log.outcomes += 1
      log.closed.set(row.request, (log.closed.get(row.request) ?? 0) + 1)
      if (row.outcome === 'unknown') log.unknown += 1
      else log.digests.add(row.resultDigest ?? '')
    }
  }
  return log
}
