// Bounds on work, not on waiting: the processor time of this thread, which a loaded machine does not stretch.

/** Starts a measurement; each call of the result tells the milliseconds of CPU this thread has spent since. */
export function cpuTimer(): () => number {
  const before = process.threadCpuUsage()
  return () => {
    const { user, system } = process.threadCpuUsage(before)
    return (user + system) / 1000
  }
}
