// Two eras x {stdio, HTTP} x payloads x callers: everything side by side, round after round, so that a noisy minute hits all alike.

import type { LoadResult } from '../load.ts'
import type { Loader } from './loader.ts'
import type { Era } from './messages.ts'
import { median, pairRatio, round } from './stats.ts'
import { isAvailable, isGateway, startTarget, type Target, type TargetName, type Transport } from './targets.ts'

export type Pace = { readonly rounds: number; readonly seconds: number; readonly warmupSeconds: number }
export type CellKey = { readonly era: Era; readonly transport: Transport; readonly textBytes: number; readonly callers: number }
type Measured = {
  readonly cpuUs: number
  readonly callsPerSecond: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly rssMb: number
  readonly calls: number
  readonly rounds: readonly { readonly cpuUs: number; readonly callsPerSecond: number; readonly p50Ms: number }[]
}
export type Cell = CellKey & {
  readonly targets: Partial<Record<TargetName, Measured | { readonly failed: string }>>
  /** gatehouse's CPU over another's, and its throughput over another's */
  readonly cpuOver: Partial<Record<TargetName, number>>
  readonly throughputOver: Partial<Record<TargetName, number>>
  /** CPU of the gateway with policies over the bare proxy's */
  policiesOverBare?: number
}

export const nameOf = (key: CellKey): string => `${key.era}/${key.transport}/${sizeName(key.textBytes)}/${key.callers}`
const sizeName = (bytes: number): string => (bytes >= 1e6 ? `${bytes / 1e6}MB` : bytes >= 1000 ? `${bytes / 1000}kB` : `${bytes}B`)

/** All cells of one era and transport, on the same processes. */
export async function measureCells(
  loader: Loader,
  group: {
    readonly era: Era
    readonly transport: Transport
    readonly targets: readonly TargetName[]
    readonly nodeArgs: readonly string[]
  },
  shapes: readonly { readonly textBytes: number; readonly callers: number }[],
  pace: Pace,
): Promise<Cell[]> {
  const started: Target[] = []
  const broken: Partial<Record<TargetName, string>> = {}
  try {
    for (const name of group.targets) {
      if (!isAvailable(name, group.transport)) continue
      try {
        started.push(await startTarget(name, { ...group, tools: 10 }, isGateway(name) ? group.nodeArgs : []))
      } catch (error) {
        broken[name] = textOf(error)
      }
    }
    const cells: Cell[] = []
    for (const shape of shapes)
      cells.push(await measureCell(loader, { ...shape, era: group.era, transport: group.transport }, started, { pace, broken }))
    return cells
  } finally {
    for (const target of started) await target.stop()
  }
}

async function measureCell(
  loader: Loader,
  key: CellKey,
  targets: readonly Target[],
  { pace, broken }: { readonly pace: Pace; readonly broken: Partial<Record<TargetName, string>> },
): Promise<Cell> {
  const results = new Map<TargetName, LoadResult[]>(targets.map(target => [target.name, []]))
  const failed: Partial<Record<TargetName, string>> = { ...broken }
  // Round 0 only warms up.
  for (let n = 0; n <= pace.rounds; n += 1) {
    for (const target of targets) {
      if (failed[target.name] !== undefined) continue
      const seconds = n === 0 ? pace.warmupSeconds : pace.seconds
      const result = await runOnce(loader, key, target, seconds)
      if (typeof result === 'string') failed[target.name] = result
      else if (n > 0) results.get(target.name)!.push(result)
    }
  }
  const cpu = (name: TargetName): number[] => (results.get(name) ?? []).map(r => r.cpuUsPerCall)
  const rate = (name: TargetName): number[] => (results.get(name) ?? []).map(r => r.callsPerSecond)
  const cell: Cell = { ...key, targets: {}, cpuOver: {}, throughputOver: {} }
  for (const [name, reason] of Object.entries(failed)) cell.targets[name as TargetName] = { failed: reason }
  for (const [name, of] of results) {
    if (failed[name] !== undefined) continue
    cell.targets[name] = summary(of)
    if (name === 'gatehouse' || failed.gatehouse !== undefined || !results.has('gatehouse')) continue
    cell.cpuOver[name] = round(pairRatio(cpu('gatehouse'), cpu(name)))
    cell.throughputOver[name] = round(pairRatio(rate('gatehouse'), rate(name)))
  }
  const isMeasured = (name: TargetName): boolean => results.has(name) && failed[name] === undefined
  if (isMeasured('gatehouse-policies') && isMeasured('bare'))
    cell.policiesOverBare = round(pairRatio(cpu('gatehouse-policies'), cpu('bare')))
  return cell
}

async function runOnce(loader: Loader, key: CellKey, target: Target, seconds: number): Promise<LoadResult | string> {
  const job = {
    ...{ url: target.url, pid: target.pid, headers: target.headers, era: key.era, method: 'tools/call' as const },
    ...{
      callers: key.callers,
      textBytes: key.textBytes,
      sessions: key.callers,
      seconds,
      maxCalls: 1e9,
      warmupSeconds: Math.min(0.2, seconds),
    },
  }
  // A target that cannot keep up is stopped: its connections break, and with them the job.
  const withinMs = (seconds + 60) * 1000
  let isLate = false
  const late = setTimeout(() => {
    isLate = true
    void target.stop()
  }, withinMs)
  try {
    const result = await loader.run(job)
    if (isLate) return `not done within ${withinMs / 1000} s`
    return result.errors > 0 ? textOf(`${result.errors} wrong answers, the first: ${result.firstError ?? ''}`) : result
  } catch (error) {
    return isLate ? `not done within ${withinMs / 1000} s` : textOf(error)
  } finally {
    clearTimeout(late)
  }
}

function summary(results: readonly LoadResult[]): Measured {
  const of = (pick: (r: LoadResult) => number): number => round(median(results.map(pick)), 3)
  return {
    cpuUs: of(r => r.cpuUsPerCall),
    callsPerSecond: of(r => r.callsPerSecond),
    p50Ms: of(r => r.p50Ms),
    p90Ms: of(r => r.p90Ms),
    p99Ms: of(r => r.p99Ms),
    rssMb: of(r => r.rssMb.after),
    calls: results.reduce((sum, r) => sum + r.calls, 0),
    rounds: results.map(r => ({ cpuUs: round(r.cpuUsPerCall), callsPerSecond: round(r.callsPerSecond, 0), p50Ms: round(r.p50Ms, 3) })),
  }
}

/** One line, and nothing of where things are installed. */
const textOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/<[^>]*>|\(\/[^)]*\)?|\s+/g, ' ').slice(0, 200)
