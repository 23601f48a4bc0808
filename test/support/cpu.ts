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
