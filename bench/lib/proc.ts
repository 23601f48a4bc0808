// What Linux says about a process: CPU time with all its threads, resident memory. Children are other processes and not counted.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

let ticksPerSecond: number | undefined

/** Milliseconds of CPU (user + system, all threads that ever ran) from /proc/PID/stat; steps of one tick, usually 10 ms. */
function cpuTicksMs(pid: number): number {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name in parentheses may hold spaces; fields 14 and 15 are counted behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond
}

/** Milliseconds of CPU per living thread, in nanosecond steps. */
function cpuThreadsMs(pid: number): Map<string, number> | undefined {
  const threads = new Map<string, number>()
  try {
    for (const tid of readdirSync(`/proc/${pid}/task`)) {
      threads.set(tid, Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0]) / 1e6)
    }
  } catch {
    return undefined
  }
  return threads
}

/** CPU between its making and `takenMs()`. Fine-grained while the same threads live, by ticks otherwise. */
export class CpuMeter {
  readonly #pid: number
  readonly #ticksMs: number
  readonly #threads: Map<string, number> | undefined
  constructor(pid: number) {
    this.#pid = pid
    this.#threads = cpuThreadsMs(pid)
    this.#ticksMs = cpuTicksMs(pid)
  }
  takenMs(): number {
    const ticksMs = cpuTicksMs(this.#pid) - this.#ticksMs
    const threads = cpuThreadsMs(this.#pid)
    if (!threads || !this.#threads) return ticksMs
    let fineMs = 0
    for (const [tid, ms] of this.#threads) {
      const now = threads.get(tid)
      if (now === undefined) return ticksMs
      fineMs += now - ms
    }
    for (const [tid, ms] of threads) if (!this.#threads.has(tid)) fineMs += ms
    // Both say the same but for the step; where they do not, a thread came and went in between.
    return Math.abs(fineMs - ticksMs) > 20 + ticksMs * 0.02 ? ticksMs : fineMs
  }
}

/** Resident memory in MB (10^6 bytes are not meant: 2^20). */
export function rssMb(pid: number): number {
  return memoryOf(pid, 'VmRSS')
}
/** The highest resident memory so far, in MB. */
export function peakRssMb(pid: number): number {
  return memoryOf(pid, 'VmHWM')
}
function memoryOf(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? NaN) / 1024
}
