// Fuzz runner: `node test/fuzz/run.ts [--seconds 60] [--seed 1] [target ...]`. Prints executions per target; exit code 1 on a crash, a broken
// invariant, or an input that takes longer than a second. Save such an input as a file in test/fuzz/corpus/<target>/.

import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { SLOW_MS } from './fuzz.ts'
import type { FuzzResult } from './fuzz.ts'
import { loadTargets } from './load.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '2' }, seed: { type: 'string' } },
})
const ms = Number(values.seconds) * 1000
const seed = Number(values.seed ?? Date.now() % 1_000_000_007)

/** Longest silence of a worker; covers its start and a busy machine. */
const HANG_MS = 10 * SLOW_MS

function runTarget(name: string): Promise<FuzzResult> {
  const shared = new SharedArrayBuffer(8 + 65_536)
  const counters = new Int32Array(shared, 0, 2)
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { name, ms, seed, shared } })
  const input = () => Buffer.from(new Uint8Array(shared, 8, Atomics.load(counters, 1)))
  return new Promise(resolve => {
    let last = -1
    const watch = setInterval(() => {
      const executions = Atomics.load(counters, 0)
      if (executions === last) fail(`no progress for ${HANG_MS} ms`)
      last = executions
    }, HANG_MS)
    const finish = (result: FuzzResult) => {
      clearInterval(watch)
      void worker.terminate()
      resolve(result)
    }
    const fail = (why: string) =>
      finish({ executions: Atomics.load(counters, 0), accepted: 0, slowestMs: 0, failure: { why, input: input() } })
    worker.once('message', (result: FuzzResult) => finish(result))
    worker.once('error', error => fail(error instanceof Error ? (error.stack ?? error.message) : String(error)))
  })
}

const all = await loadTargets()
const names = all.map(t => t.name)
const chosen = positionals.length > 0 ? positionals : names
const unknown = chosen.filter(name => !names.includes(name))
if (unknown.length > 0 || !Number.isFinite(ms) || ms <= 0 || !Number.isSafeInteger(seed)) {
  console.error(`usage: run.ts [--seconds n] [--seed n] [target ...]\ntargets: ${names.join(', ')}`)
  process.exit(2)
}
console.log(`seed ${seed}, ${ms / 1000} s per target`)
for (const name of chosen) {
  const { executions, accepted, slowestMs, failure } = await runTarget(name)
  console.log(
    `${failure ? 'FAIL' : 'ok  '} ${name.padEnd(20)} ${String(executions).padStart(10)} executions, ${accepted} accepted, slowest ${slowestMs.toFixed(1)} ms`,
  )
  if (!failure) continue
  process.exitCode = 1
  console.log(`     ${failure.why}\n     input (base64): ${Buffer.from(failure.input).toString('base64')}`)
}
