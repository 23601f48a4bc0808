// Things that must not grow: memory over many calls, CPU with the number of tools and sessions; and lists from the cache, time to ready.

import type { LoadJob, LoadResult } from '../load.ts'
import { startGateway } from './gateway.ts'
import type { Loader } from './loader.ts'
import { median, pairRatio, round } from './stats.ts'
import { httpUpstream, isAvailable, startTarget, type Target, type TargetName } from './targets.ts'

const jobFor = (
  target: { readonly url: string; readonly pid: number; readonly headers: Record<string, string> },
  job: Partial<LoadJob>,
): LoadJob => ({
  ...{ url: target.url, pid: target.pid, headers: target.headers, era: 'modern', method: 'tools/call' },
  ...{ callers: 64, textBytes: 100, sessions: 0, seconds: 600, maxCalls: 1e9, warmupSeconds: 0.5 },
  ...job,
})

async function run(loader: Loader, job: LoadJob): Promise<LoadResult> {
  const result = await loader.run(job)
  if (result.errors > 0) throw new Error(`${result.errors} wrong answers, the first: ${result.firstError ?? ''}`)
  return result
}

export type Growth =
  | { readonly target: TargetName; readonly calls: number; readonly rssMb: readonly number[] }
  | { readonly target: TargetName; readonly failed: string }

/** Resident memory after each tenth of `calls`; peers get at most 20,000, which shows enough. */
export async function memoryGrowth(loader: Loader, targets: readonly TargetName[], calls: number): Promise<Growth[]> {
  const grown: Growth[] = []
  for (const name of targets) {
    if (!isAvailable(name, 'stdio')) continue
    const isPeer = name === 'mcp-proxy' || name === 'supergateway'
    const total = isPeer ? Math.min(calls, 20_000) : calls
    try {
      const target = await startTarget(name, { era: 'legacy', transport: 'stdio', tools: 10 })
      const rssMb: number[] = []
      try {
        for (let i = 0; i < 10; i += 1) {
          const result = await run(loader, jobFor(target, { era: 'legacy', maxCalls: total / 10, warmupSeconds: 0 }))
          rssMb.push(round(result.rssMb.after, 0))
        }
      } finally {
        await target.stop()
      }
      grown.push({ target: name, calls: total, rssMb })
    } catch (error) {
      grown.push({ target: name, failed: error instanceof Error ? error.message : String(error) })
    }
  }
  return grown
}

export type Flat = {
  readonly what: string
  readonly few: number
  readonly many: number
  readonly cpuUsFew: number
  readonly cpuUsMany: number
  readonly ratio: number
}

/** CPU per call with 10 and with 10,000 tools, by turns. */
export async function flatTools(loader: Loader, rounds: number, seconds: number): Promise<Flat> {
  const few = await startTarget('gatehouse', { era: 'modern', transport: 'http', tools: 10 })
  const many = await startTarget('gatehouse', { era: 'modern', transport: 'http', tools: 10_000 })
  return byTurns(loader, { what: 'tools', few: 10, many: 10_000 }, [few, many], n => jobFor(n === 0 ? few : many, { seconds }), rounds)
}

/** CPU per call over one 2025 session and over 10,000, by turns. */
export async function flatSessions(loader: Loader, rounds: number, seconds: number): Promise<Flat> {
  const few = await startTarget('gatehouse', { era: 'legacy', transport: 'http', tools: 10 })
  const many = await startTarget('gatehouse', { era: 'legacy', transport: 'http', tools: 10 })
  const job = (n: 0 | 1): LoadJob => jobFor(n === 0 ? few : many, { era: 'legacy', seconds, sessions: n === 0 ? 1 : 10_000 })
  return byTurns(loader, { what: 'sessions', few: 1, many: 10_000 }, [few, many], job, rounds)
}

// eslint-disable-next-line max-params -- a table of five
async function byTurns(
  loader: Loader,
  what: Pick<Flat, 'what' | 'few' | 'many'>,
  targets: readonly Target[],
  job: (n: 0 | 1) => LoadJob,
  rounds: number,
): Promise<Flat> {
  try {
    const cpu: [number[], number[]] = [[], []]
    // Both must be past opening sessions, fetching lists and compiling before anything counts.
    for (const n of [0, 1] as const) await run(loader, { ...job(n), seconds: 5 })
    for (let i = 0; i < rounds; i += 1) {
      for (const n of [0, 1] as const) cpu[n].push((await run(loader, job(n))).cpuUsPerCall)
    }
    return { ...what, cpuUsFew: round(median(cpu[0])), cpuUsMany: round(median(cpu[1])), ratio: round(pairRatio(cpu[1], cpu[0])) }
  } finally {
    for (const target of targets) await target.stop()
  }
}

export type Listing = {
  readonly target: TargetName
  readonly bytes: number
  readonly cpuUs: number
  readonly cpuUsPerMb: number
  readonly callsPerSecond: number
  readonly p50Ms: number
}

/** tools/list of 2,000 tools, one page: from the gateway's cache, and passed on by the bare proxy. */
export async function listing(loader: Loader, seconds: number): Promise<Listing[]> {
  const out: Listing[] = []
  for (const name of ['gatehouse', 'bare', 'bare-least'] as const) {
    const target = await startTarget(name, { era: 'modern', transport: 'http', tools: 2000 })
    try {
      const result = await run(loader, jobFor(target, { method: 'tools/list', callers: 8, seconds, warmupSeconds: 1 }))
      const { answerBytes: bytes, cpuUsPerCall } = result
      out.push({
        ...{ target: name, bytes, cpuUs: round(cpuUsPerCall), cpuUsPerMb: round((cpuUsPerCall * 1e6) / bytes, 0) },
        ...{ callsPerSecond: round(result.callsPerSecond, 0), p50Ms: round(result.p50Ms, 3) },
      })
    } finally {
      await target.stop()
    }
  }
  return out
}

/** Milliseconds from start until /readyz answers 200: every start, the first one (cold file cache, perhaps) included. */
export async function timeToReady(starts: number): Promise<number[]> {
  const upstream = await httpUpstream({ era: 'modern', transport: 'http', tools: 10 })
  try {
    const ms: number[] = []
    for (let i = 0; i < starts; i += 1) {
      const gateway = await startGateway({ upstreams: { bench: { era: 'modern', at: upstream } } })
      ms.push(round(gateway.readyMs, 0))
      await gateway.stop()
    }
    return ms
  } finally {
    await upstream.stop()
  }
}
