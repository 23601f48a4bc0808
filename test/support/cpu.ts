// Bounds on work, not on waiting: the processor time of this thread, which a loaded machine does not stretch.

import { TestRunner } from 'vitest'
import { isCoverageCounted } from './coverage.ts'

/**
 * Starts a measurement; each call of the result tells the milliseconds of CPU this thread has spent since. Where coverage is counted the test is skipped: the
 * counters take longer than what they count. `npm test` runs every file that calls this once more, without (`--mode bounds`).
 */
export function cpuTimer(): () => number {
  if (isCoverageCounted()) TestRunner.getCurrentTest()?.context.skip('measured without coverage, in `--mode bounds`')
  const before = process.threadCpuUsage()
  return () => {
    const { user, system } = process.threadCpuUsage(before)
    return (user + system) / 1000
  }
}

/**
 * Milliseconds of CPU that `work` costs this thread: the least of three, of nine where three are not below `bound`. What else the thread does (compiling,
 * collecting) falls into some of them, what the work costs into all. The work must do the same each time: nothing may be remembered of it.
 */
export function leastCpu(work: () => unknown, bound = Infinity): number {
  let least = Infinity
  for (let i = 0; i < 3 || (i < 9 && least >= bound); i += 1) {
    const spent = cpuTimer()
    work()
    least = Math.min(least, spent())
  }
  return least
}
