// Which requests are traced: what the caller decided for its own trace, within bounds; else one in so many, told by the trace id.

/** `sample`: share of requests without a decision of their caller, 0 to 1. `fromHosts`: traces a second that callers may ask for. */
export type SampleSettings = { readonly sample: number; readonly fromHosts: number }

/** The last 56 bits of a trace id are random (W3C Trace Context level 2 section 4.2.4; OpenTelemetry's TraceIdRatioBased reads them alike). */
const RANDOM_BITS = 2 ** 56

/**
 * Parent-based. A caller that wants its trace (sampled flag) gets it, `fromHosts` times a second among all callers: whoever sets the flag on each request would
 * else fill the queue for everybody. Beyond, the share decides by a number of our own, as the trace id is the caller's choice; where no trace goes on it decides by
 * the id, which is ours. A caller that does not want it is not traced. `random`: 0 up to 1.
 */
export function createSampler(
  settings: () => SampleSettings,
  monotonic: () => number,
  random: () => number,
): (traceId: string, isParentSampled: boolean | undefined) => boolean {
  let second = -1
  let given = 0
  return (traceId, isParentSampled) => {
    if (isParentSampled === false) return false
    const { sample, fromHosts } = settings()
    if (isParentSampled === true) {
      const now = Math.floor(monotonic() / 1000)
      if (now !== second) {
        second = now
        given = 0
      }
      if (given < fromHosts) {
        given += 1
        return true
      }
      // attacker-controlled: an id of zeros would be in every share
      return random() < sample
    }
    return sample > 0 && Number.parseInt(traceId.slice(18), 16) < sample * RANDOM_BITS
  }
}
