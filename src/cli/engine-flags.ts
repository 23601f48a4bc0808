// The JavaScript engine's settings of a serving gateway (docs/adr/0004): garbage collection on the main thread alone, in a bounded young generation.

/**
 * V8 collects young garbage with as many helper threads as it likes. A gateway's garbage is many small short-lived objects: the helpers spend more
 * processor time on agreeing than on collecting. Measured at 64 callers in front of stdio: 61 us of CPU per call without, 43 us with.
 * The young generation is bounded too: V8 lets it grow to 128 MB, most of an idle gateway's memory.
 * V8 also learns which places make objects that live long, and makes them in the old generation at once. Under load that is what calls in flight are made of: each
 * such object, dead, kept the rest of its call until the next full collection (docs/adr/0029).
 */
const ENGINE_FLAGS: readonly string[] = [
  '--single-threaded-gc',
  '--max-semi-space-size=16',
  '--no-allocation-site-pretenuring',
  '--expose-gc',
]

type Process = Pick<NodeJS.Process, 'execArgv' | 'execPath' | 'argv' | 'env'> & {
  readonly execve?: (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => void
}

/**
 * Starts this very process again with the flags, under the same process id, unless it has them. Where the platform cannot (Windows), the gateway
 * runs without them: they change its cost, not what it does.
 */
export function withEngineFlags(process: Process): void {
  const missing = ENGINE_FLAGS.filter(flag => !process.execArgv.includes(flag))
  if (missing.length === 0 || process.execve === undefined) return
  process.execve(process.execPath, [process.execPath, ...process.execArgv, ...missing, ...process.argv.slice(1)], process.env)
}
