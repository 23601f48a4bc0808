// Fuzzes one target in a thread of its own, so that the runner can tell a hang and say which input caused it.

import { parentPort, workerData } from 'node:worker_threads'
import { fuzz } from './fuzz.ts'
import { loadTargets } from './load.ts'

export type WorkerInput = { readonly name: string; readonly ms: number; readonly seed: number; readonly shared: SharedArrayBuffer }

const { name, ms, seed, shared } = workerData as WorkerInput
/** [0] executions, [1] length of the input being run; then its bytes */
const counters = new Int32Array(shared, 0, 2)
const bytes = new Uint8Array(shared, 8)

const target = (await loadTargets()).find(t => t.name === name)
if (!target) throw new Error(`no target ${name}`)
const result = fuzz(target, {
  ms,
  seed,
  before(input) {
    bytes.set(input)
    Atomics.store(counters, 1, input.length)
    Atomics.add(counters, 0, 1)
  },
})
parentPort?.postMessage(result)
