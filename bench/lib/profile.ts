// Where a proxy's CPU goes under load, after warm-up: per thread by the kernel's account, and on the main thread by function.

import { readdirSync, readFileSync } from 'node:fs'
import { Inspector, type AllocationNode, type Profile } from './inspector.ts'
import type { Loader } from './loader.ts'
import type { CellKey } from './matrix.ts'
import { freePort } from './processes.ts'
import { startTarget, type TargetName } from './targets.ts'

type ProfileLine = { readonly share: number; readonly usPerCall: number; readonly name: string; readonly where: string }
export type Profiled = {
  readonly calls: number
  readonly cpuUsPerCall: number
  /** CPU per call of each thread, by the name the kernel knows it under */
  readonly threads: readonly { readonly name: string; readonly usPerCall: number }[]
  /** main thread, most self time first */
  readonly functions: readonly ProfileLine[]
  /** JavaScript heap allocated per call, and by whom, in bytes */
  readonly bytesPerCall: number
  readonly allocators: readonly { readonly share: number; readonly bytesPerCall: number; readonly name: string; readonly where: string }[]
  /** main thread, self time by where the code stands */
  readonly places: readonly ProfileLine[]
}

export async function profile(loader: Loader, name: TargetName, key: CellKey, seconds: number): Promise<Profiled> {
  const port = await freePort()
  const target = await startTarget(name, { era: key.era, transport: key.transport, tools: 10 }, [`--inspect=127.0.0.1:${port}`])
  try {
    const job = {
      ...{ url: target.url, pid: target.pid, headers: target.headers, era: key.era, method: 'tools/call' as const },
      ...{ callers: key.callers, textBytes: key.textBytes, sessions: 0, seconds, maxCalls: 1e9, warmupSeconds: 0 },
    }
    await loader.run({ ...job, seconds: 3 })
    const inspector = await Inspector.open(port)
    await inspector.startProfile(100)
    const before = threadTimes(target.pid)
    const result = await loader.run(job)
    const after = threadTimes(target.pid)
    const taken = await inspector.stopProfile()
    await inspector.startAllocations(4096)
    const second = await loader.run({ ...job, seconds: seconds / 2 })
    const allocations = allocationsOf(await inspector.stopAllocations(), second.calls)
    inspector.close()
    if (result.errors > 0) throw new Error(result.firstError)
    return {
      calls: result.calls,
      cpuUsPerCall: result.cpuUsPerCall,
      threads: threadsOf(before, after, result.calls),
      ...functionsOf(taken, result.calls),
      ...allocations,
    }
  } finally {
    await target.stop()
  }
}

function threadTimes(pid: number): Map<string, { name: string; us: number }> {
  const times = new Map<string, { name: string; us: number }>()
  for (const tid of readdirSync(`/proc/${pid}/task`)) {
    const name = tid === String(pid) ? 'main' : readFileSync(`/proc/${pid}/task/${tid}/comm`, 'utf8').trim()
    times.set(tid, { name, us: Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0]) / 1000 })
  }
  return times
}

function threadsOf(before: ReturnType<typeof threadTimes>, after: ReturnType<typeof threadTimes>, calls: number): Profiled['threads'] {
  return [...after]
    .map(([tid, { name, us }]) => ({ name: `${name} ${tid}`, usPerCall: Number(((us - (before.get(tid)?.us ?? 0)) / calls).toFixed(2)) }))
    .filter(thread => thread.usPerCall >= 0.05)
    .sort((a, b) => b.usPerCall - a.usPerCall)
}

const placeOf = (url: string): string => url.replace(/^(?:file:\/\/)?\/.*?\/(src|node_modules|bench)\//, '$1/')

function allocationsOf(head: AllocationNode, calls: number): Pick<Profiled, 'bytesPerCall' | 'allocators'> {
  const bytes = new Map<string, number>()
  let total = 0
  const visit = ({ callFrame, selfSize, children }: AllocationNode): void => {
    const file = placeOf(callFrame.url)
    const key = `${callFrame.functionName || '(anonymous)'}\t${file === '' ? '(native)' : `${file}:${callFrame.lineNumber + 1}`}`
    bytes.set(key, (bytes.get(key) ?? 0) + selfSize)
    total += selfSize
    children.forEach(visit)
  }
  visit(head)
  const allocators = [...bytes]
    .sort((a, b) => b[1] - a[1])
    .slice(0, 30)
    .map(([key, size]) => {
      const [name = '', where = ''] = key.split('\t')
      return { share: Number(((size * 100) / total).toFixed(1)), bytesPerCall: Math.round(size / calls), name, where }
    })
  return { bytesPerCall: Math.round(total / calls), allocators }
}

function functionsOf({ nodes, samples, timeDeltas }: Profile, calls: number): Pick<Profiled, 'functions' | 'places'> {
  const byId = new Map(nodes.map(node => [node.id, node.callFrame]))
  const functions = new Map<string, number>()
  const places = new Map<string, number>()
  let busyUs = 0
  samples.forEach((id, i) => {
    const frame = byId.get(id)
    const us = timeDeltas[i] ?? 0
    if (!frame || us <= 0 || frame.functionName === '(idle)') return
    busyUs += us
    const file = placeOf(frame.url)
    const where = file === '' ? '(native)' : `${file}:${frame.lineNumber + 1}`
    const name = `${frame.functionName || '(anonymous)'}\t${where}`
    functions.set(name, (functions.get(name) ?? 0) + us)
    const place = file === '' ? frame.functionName : file.startsWith('node_modules/') ? file.split('/').slice(0, 3).join('/') : file
    places.set(`${place}\t`, (places.get(`${place}\t`) ?? 0) + us)
  })
  const lines = (of: Map<string, number>, count: number): ProfileLine[] =>
    [...of]
      .sort((a, b) => b[1] - a[1])
      .slice(0, count)
      .map(([key, us]) => {
        const [name = '', where = ''] = key.split('\t')
        return { share: Number(((us * 100) / busyUs).toFixed(1)), usPerCall: Number((us / calls).toFixed(2)), name, where }
      })
  return { functions: lines(functions, 45), places: lines(places, 25) }
}
