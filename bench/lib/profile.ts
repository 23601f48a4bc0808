// Runs the gateway with V8's sampling profiler and names the functions that took the most time themselves.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Loader } from './loader.ts'
import type { CellKey } from './matrix.ts'
import { startTarget, type TargetName } from './targets.ts'

type Profile = {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}
export type ProfileLine = { readonly share: number; readonly usPerCall: number; readonly name: string; readonly where: string }
export type ThreadProfile = { readonly file: string; readonly busyMs: number; readonly lines: readonly ProfileLine[] }

export async function profile(
  loader: Loader,
  name: TargetName,
  key: CellKey,
  seconds: number,
): Promise<{ readonly calls: number; readonly threads: readonly ThreadProfile[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-profile-'))
  try {
    const target = await startTarget(name, { era: key.era, transport: key.transport, tools: 10 }, [
      '--cpu-prof',
      '--cpu-prof-interval',
      '200',
      `--cpu-prof-dir=${folder}`,
    ])
    const result = await loader.run({
      ...{ url: target.url, pid: target.pid, headers: target.headers, era: key.era, method: 'tools/call' },
      ...{ callers: key.callers, textBytes: key.textBytes, sessions: 0, seconds, maxCalls: 1e9, warmupSeconds: 0 },
    })
    await target.stop()
    if (result.errors > 0) throw new Error(result.firstError)
    const threads = readdirSync(folder).map(file => read(join(folder, file), file, result.calls))
    return { calls: result.calls, threads: threads.sort((a, b) => b.busyMs - a.busyMs) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function read(path: string, file: string, calls: number): ThreadProfile {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(path, 'utf8')) as Profile
  const byId = new Map(nodes.map(node => [node.id, node.callFrame]))
  const self = new Map<string, { us: number; name: string; where: string }>()
  let busyUs = 0
  samples.forEach((id, i) => {
    const frame = byId.get(id)
    const us = timeDeltas[i] ?? 0
    if (!frame || us <= 0 || frame.functionName === '(idle)' || frame.functionName === '(program)') return
    busyUs += us
    const where = `${frame.url.replace(/^file:\/\/.*?\/(src|node_modules|bench)\//, '$1/')}:${frame.lineNumber + 1}`
    const name = frame.functionName || '(anonymous)'
    const entry = self.get(`${name} ${where}`)
    if (entry) entry.us += us
    else self.set(`${name} ${where}`, { us, name, where })
  })
  const lines = [...self.values()]
    .sort((a, b) => b.us - a.us)
    .slice(0, 40)
    .map(({ us, name, where }) => ({
      share: Number(((us * 100) / busyUs).toFixed(1)),
      usPerCall: Number((us / calls).toFixed(2)),
      name,
      where,
    }))
  return { file, busyMs: Math.round(busyUs / 1000), lines }
}
