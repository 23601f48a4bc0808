// Bounds on work, not on waiting or on how fast a machine is: the processor time of this thread, in units of a fixed piece of work done beside it.

/** What the piece of work takes where the bounds were set, milliseconds. */
const USUAL_MS = 24

/**
 * Starts a measurement; each call of the result tells the milliseconds of CPU this thread has spent since, as the machine would have taken on which the
 * bounds were set. A slower one (another processor, neighbours on the same host, coverage) is told by a piece of work done right after the measurement; a
 * faster one counts as it is.
 */
export function cpuTimer(): () => number {
  const before = process.threadCpuUsage()
  return () => {
    const spent = millis(process.threadCpuUsage(before))
    return spent / Math.max(1, pieceOfWork() / USUAL_MS)
  }
}

function pieceOfWork(): number {
  const before = process.threadCpuUsage()
  let text = ''
  let sum = 0
  for (let i = 0; i < 20_000; i += 1) text += String(i)
  for (let round = 0; round < 60; round += 1) for (let i = 0; i < text.length; i += 1) sum = (sum * 31 + text.charCodeAt(i)) | 0
  const spent = millis(process.threadCpuUsage(before))
  return sum === 0.5 ? 0 : spent // the sum is used, so that the loops stay
}

const millis = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1000
